"""A run of one coin or several on the stage, in a storm: what it believes, and how it ends."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import pytest

from mm.cli import run
from soak.storm import LOSING, SEED, plan
from stage.house import Json, Perp
from stage.script import Stage

PERPS = {perp.coin: perp for perp in (Perp(), Perp("ETH", 4, 25))}
"""As the demo market lists them, in its order."""
WATCH_S = 0.5


class StormRun:
    """The runs of some coins, one after another, on the demo market with everything in it.

    Attributes:
        lag_s: Longest time for which belief and exchange differed, as looked at every half second.
    """

    def __init__(self, stage: Stage, coins: Sequence[str]) -> None:
        self.stage = stage
        self.coins = coins
        self.lag_s = 0.0
        self._settings: dict[str, object] = {}
        self._watch: asyncio.Task[None] | None = None

    def open(self, monkeypatch: pytest.MonkeyPatch, share: float = 1.0) -> None:
        """Open the exchange, with this share of the storm."""
        # Virtual hours cost what is done in them: fewer looks and fsyncs.
        for wait in ("run.LOOK_S", "session.LONGEST_WAIT_S"):
            monkeypatch.setattr(f"mm.{wait}", 1.0)
        monkeypatch.setattr("mm.keeper.BEAT_S", 10.0)
        # A venue is waited for; only a paper exchange that is away is taken to be gone.
        monkeypatch.setattr("mm.run.GONE_S", 600.0)
        market = {"kind": "demo", "seed": SEED}
        perps = tuple(PERPS[coin] for coin in self.coins)
        faults = plan(SEED, share)
        self.stage.open(block_ms=200, usdc="100000", perps=perps, faults=faults, market=market)
        self._settings = {
            "process.coins": tuple(self.coins),
            "process.log_fsync_s": 60.0,
            "process.log_flush_s": 10.0,
            **LOSING,
        }
        self._watch = asyncio.ensure_future(self._watches())

    def begin(self) -> None:
        """Start a run."""
        self.stage.begin(**self._settings)

    # ---- what it believes ----------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether every coin of the run that goes on has taken up its account."""
        if self.stage.code is not None or self.stage.begun < len(self.coins):
            return False
        return all(self.stage.of(coin)["position_start"] is not None for coin in self.coins)

    @property
    def agrees(self) -> bool:
        """Whether each coin's position is believed to be what it is."""
        maker = self.stage.house.maker
        return all(
            Decimal(self.stage.of(coin)["position"]).scaleb(-PERPS[coin].sz_decimals)
            == self.stage.house.position(maker, coin)
            for coin in self.coins
        )

    @property
    def quotes(self) -> bool:
        """Whether something rests in every coin."""
        stage = self.stage
        return all(stage.resting("B", coin) or stage.resting("A", coin) for coin in self.coins)

    async def _watches(self) -> None:
        loop = asyncio.get_running_loop()
        since_s: float | None = None
        while True:
            await asyncio.sleep(WATCH_S)
            if not self.is_up or self.agrees:
                since_s = None
                continue
            since_s = loop.time() if since_s is None else since_s
            self.lag_s = max(self.lag_s, loop.time() - since_s)

    # ---- its ends ------------------------------------------------------------------------------

    async def ended(self) -> str:
        """Why a run ended by itself: a guard, or no venue at its start. Nothing of it rests."""
        stage = self.stage
        assert stage.code in (3, 4), stage.logs[-5:]
        if stage.code == 4:
            result = await stage.ends(4)
            assert run(["unlock", "--by", "soak"]) == 0
            why = str(result["exit_reason"])
        else:
            await stage.ends(3)
            why = next(str(line["why"]) for line in stage.logs if line["event"] == "run_failed")
        self.judge()
        return why

    def judge(self) -> list[int | None]:
        """No breach of the last run in any coin; returns what is left resting in each."""
        if len(self.coins) == 1:
            found = [self.stage.verdict()]
        else:
            found = [
                self.stage.verdict(coin, beside=[other for other in self.coins if other != coin])
                for coin in self.coins
            ]
        assert [verdict.breaches for verdict in found] == [[]] * len(found), found
        return [verdict.open_orders for verdict in found]

    async def ends_well(self) -> Json:
        """Stop in order: exit 0, nothing rests, no breach, books closed to the micro-USDC."""
        assert self._watch is not None
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        result = await self.stage.stop()
        assert self.judge() == [0] * len(self.coins)
        assert self.agrees
        assert result["pnl_usd"]["residual"] == "0"
        return result
