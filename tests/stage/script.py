"""What a scenario is written with: open a house, begin a run, let things happen, look."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from mm._core import Engine
from mm.audit.verdict import Verdict, judge
from mm.clock import PaperClock
from mm.config import Config, load
from mm.control_socket import FILE as SOCKET
from mm.control_socket import address
from mm.errors import MmError
from mm.hyperliquid.account import is_stop
from mm.lease import Lease
from mm.run import Options, make_markets
from mm.state import account_dir, state_root
from stage.house import House, Json, Perp, Received
from stage.net import ClientSession, Net
from stage.virtual import virtual_loop

# A stage that is not told otherwise quotes at once and in full.
AT_ONCE: dict[str, object] = {
    "process.speed": 1.0,
    # Other processes and ports have no virtual time.
    "process.watchdog": "off",
    "process.metrics_port": 0,
    "control.observe_book_s": 0.5,
    "control.observe_deadline_s": 1.0,
    "control.quote_min_s": 0.0,
}
PATIENCE_S = 600.0
LOOK_S = 0.05
SETTLED_S = 1.0
INTERRUPTED = 130


class SkewedClock(PaperClock):
    """The maker's clock, ahead of the exchange's."""

    def __init__(self, *args: Any, skew_ns: int, **named: Any) -> None:  # noqa: ANN401 - as the base
        super().__init__(*args, **named)
        self._skew_ns = skew_ns

    def now_ns(self) -> int:
        return super().now_ns() + self._skew_ns


class Stage:
    """One exchange and, one after another, the runs on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._tasks: list[asyncio.Task[None]] = []
        self._run: asyncio.Task[int] | None = None
        self._engines: list[Engine] = []
        # How many of them are of runs before the one that goes on.
        self._earlier = 0
        self._engine_of: dict[str, Engine] = {}
        self.logs: list[Json] = []
        self.house: House
        self.net: Net
        self.mid = ""

    # ---- before the run ------------------------------------------------------------------------

    def open(
        self,
        mid: str = "88571.5",
        *,
        usdc: str = "10000",
        perps: tuple[Perp, ...] = (Perp(),),
        history: bool = True,
        skew_s: float = 0.0,
        **more: Any,  # noqa: ANN401 - the house's own
    ) -> None:
        """Open the exchange with a crowd around `mid`, and put everything of the run on its clock.

        Args:
            mid: Of the first book.
            usdc: In the maker's account.
            perps: What is listed; the first one is quoted.
            history: Whether candles are served.
            skew_s: How far the maker's clock is ahead of the exchange's.
            more: As `House` takes it; a `market` of its own has its own crowd.
        """
        loop = virtual_loop()
        self.house = House(loop, usdc=usdc, perps=perps, **more)
        self.house.history_px = float(mid) if history else None
        self.net = ClientSession.net = Net(self.house)
        self._patch.setattr(aiohttp, "ClientSession", ClientSession)
        # As a live clock: it does not stand still where the exchange's announcements are lost.
        self._patch.setattr("mm.clock.EXTRAPOLATION_NS", 10**18)
        clock = partial(SkewedClock, skew_ns=round(skew_s * 1e9), monotonic=loop.time_ns)
        self._patch.setattr("mm.paper.venue.PaperClock", clock)
        self._patch.setattr("mm.desk.Engine", self._engine)
        self._patch.setattr("mm.floor.Lease", partial(Lease, loop.time))
        self._tasks.append(asyncio.ensure_future(self.house.run()))
        directory = state_root() / "paper" / "default"
        directory.mkdir(parents=True, exist_ok=True)
        key = {"address": self.house.maker.address, "secret": "11" * 32}
        (directory / "wallet.json").write_text(json.dumps(key))
        if "market" not in more:
            self.crowd(mid)

    def _engine(self, config: str, instrument: Any) -> Engine:  # noqa: ANN401 - the core's own
        self._engines.append(Engine(config, instrument))
        self._engine_of[instrument.coin] = self._engines[-1]
        return self._engines[-1]

    def crowd(self, mid: str, **more: Any) -> None:  # noqa: ANN401 - the book's own
        """Let the crowd stand around `mid`."""
        self.mid = mid
        self.house.book(mid, **more)

    def inherit(self, position: str) -> None:
        """Give the maker's account a position, traded with the crowd."""
        wanted = Decimal(position)
        step = Decimal("0.001").copy_sign(wanted)
        # What is worth less than the venue's minimum is reached from both sides.
        for target in (wanted + step, wanted) if abs(wanted) < abs(step) else (wanted,):
            left = target - self.house.position(self.house.maker)
            away = Decimal(100).copy_sign(left)
            worst = self.house.px(Decimal(self.mid), away)
            side = "bid" if left > 0 else "ask"
            [status] = self.house.place(self.house.maker, (side, worst, abs(left), "Ioc"))
            assert "filled" in status, status
        self.crowd(self.mid)
        assert self.position == wanted

    # ---- the run -------------------------------------------------------------------------------

    def config(self, **settings: object) -> Config:
        """The stage's configuration with changes; `limits__num_sigmas` is `limits.num_sigmas`."""
        given = {name.replace("__", "."): value for name, value in settings.items()}
        coin = {"process.coin": self.house.perps[0].coin}
        if "process.coins" in given:
            coin = {}
        return load(None, {**AT_ONCE, **coin, **given})

    def begin(self, **settings: object) -> None:
        """Start `mm run` on this exchange."""
        assert self._run is None or self._run.done(), "one run at a time"
        self._earlier = len(self._engines)
        options = Options(self.config(**settings), "http://stage", None, screen=False, as_json=True)
        self._run = asyncio.ensure_future(self._make_markets(options))

    async def _make_markets(self, options: Options) -> int:
        with capture_logs() as logs:
            self.logs = logs
            try:
                return await make_markets(options)
            except KeyboardInterrupt:
                return INTERRUPTED

    async def quoting(self, **settings: object) -> None:
        """Begin, and wait until both sides rest in full."""
        self.begin(**settings)
        await self.two_sided()

    async def two_sided(self) -> None:
        """Wait until both sides rest in full."""
        await self.until(
            lambda: (
                len(self._engines) > self._earlier
                and self.shown["position_start"] is not None
                and self.bids
                and self.asks
                and self.shown["phase"] == "normal"
            )
        )
        await self.wait(SETTLED_S)

    async def until(self, happened: Callable[[], object], longest_s: float = 60.0) -> None:
        """Wait until it has happened; a run that ends first fails the scenario."""
        loop = virtual_loop()
        end_s = loop.time() + longest_s
        while not happened():
            assert self._run is None or not self._run.done(), self._ended_early()
            assert loop.time() < end_s, f"it did not happen in {longest_s:g} s"
            await asyncio.sleep(LOOK_S)

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def _ended_early(self) -> str:
        assert self._run is not None
        return f"the run ended: {self._run!r} {self.logs[-5:]}"

    @property
    def code(self) -> int | None:
        """What the run has ended with; `None` while it goes on."""
        assert self._run is not None
        return self._run.result() if self._run.done() else None

    async def stop(self, code: int = 0) -> Json:
        """SIGTERM, and what the run came to; nothing may rest."""
        os.kill(os.getpid(), signal.SIGTERM)
        return await self.ends(code)

    async def ends_well(self) -> Json:
        """Stop in order: exit 0, nothing rests, no breach, books closed to the micro-USDC."""
        result = await self.stop()
        verdict = self.verdict()
        assert (verdict.breaches, verdict.open_orders) == ([], 0), verdict
        assert self.believed == self.position
        assert result["pnl_usd"]["residual"] == "0"
        return result

    async def ends(self, code: int, longest_s: float = PATIENCE_S) -> Json:
        """Wait for the run's own end; returns its summary."""
        assert self._run is not None
        ended = await asyncio.wait_for(asyncio.shield(self._run), longest_s)
        assert ended == code, self._ended_early()
        left = self.house.open_orders(self.house.maker)
        assert [row for row in left if row not in self.stops] == []
        for stop in self.stops:
            held = self.house.position(self.house.maker, stop["coin"])
            assert held != 0, "a stop of nothing"
            assert stop["side"] == ("A" if held > 0 else "B"), "a stop that would increase"
        coins = [stop["coin"] for stop in self.stops]
        assert len(coins) == len(set(coins)), "two stops of one position"
        path = self.run_dir / "summary.json"
        return json.loads(path.read_text()) if path.exists() else {}

    async def refused(self) -> MmError:
        """Try to start; returns why nothing was started."""
        self.begin()
        assert self._run is not None
        with pytest.raises(MmError) as caught:
            await self._run
        return caught.value

    async def kill_by_hand(self) -> None:
        """`mm kill`: what another process says over the control socket."""
        asked = json.dumps({"ask": "kill", "why": "drill"}).encode() + b"\n"
        with address(account_dir("paper", "default") / SOCKET) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        writer.write(asked)
        answer = json.loads(await reader.readline())
        assert answer["answer"]["on_kill"]
        writer.close()

    async def vanish(self) -> None:
        """kill -9: the run is gone between two of its steps, its connections with it."""
        assert self._run is not None
        self._run.cancel()
        self.net.is_reachable = False
        await asyncio.gather(self._run, return_exceptions=True)
        self.net.cut()
        self.net.is_reachable = True

    async def close(self) -> None:
        """End whatever still goes on."""
        for task in (self._run, *self._tasks):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(t for t in (self._run, *self._tasks) if t), return_exceptions=True)

    # ---- what happens in the market ------------------------------------------------------------

    def fill(
        self,
        side: str,
        sz: str | Decimal,
        who: Any = None,  # noqa: ANN401 - a signer
        coin: str | None = None,
    ) -> None:
        """Let a taker fill exactly `sz` of our quotes on this side, through what stands before."""
        house = self.house
        coin = coin or house.perps[0].coin
        own = self.resting("B" if side == "bid" else "A", coin)
        left, px = Decimal(sz), Decimal(0)
        for order in own:
            px = Decimal(order["limitPx"])
            left -= Decimal(order["sz"])
            if left <= 0:
                break
        assert left <= 0, f"only {Decimal(sz) - left} rest on the {side} side"
        ahead = sum(
            Decimal(order["sz"])
            for order in house.open_orders(house.crowd, coin)
            if order["side"] == ("B" if side == "bid" else "A")
            and (Decimal(order["limitPx"]) - px) * (1 if side == "bid" else -1) >= 0
        )
        taker = "ask" if side == "bid" else "bid"
        before = house.position(house.maker, coin)
        house.place(who or house.taker, (taker, px, ahead + Decimal(sz), "Ioc"), coin=coin)
        sign = 1 if side == "bid" else -1
        assert house.position(house.maker, coin) - before == sign * Decimal(sz)

    # ---- what the exchange received and holds --------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine of the last run."""
        return self._engines[-1]

    @property
    def shown(self) -> Json:
        """Its snapshot."""
        return self.engine.snapshot()

    @property
    def run_dir(self) -> Path:
        """Of the last run."""
        runs = (state_root() / "paper" / "default" / "runs").iterdir()
        return max(runs, key=lambda run: (run.stat().st_ctime_ns, run.name))

    @property
    def begun(self) -> int:
        """How many engines the run that goes on has begun: one a coin."""
        return len(self._engines) - self._earlier

    def of(self, coin: str) -> Json:
        """The snapshot of a coin's engine in the last run."""
        return self._engine_of[coin].snapshot()

    def resting(self, side: str, coin: str | None = None) -> list[Json]:
        """Our orders of a side (`B`, `A`) that rest for a perp, best first."""
        orders = self.house.open_orders(self.house.maker, coin or self.house.perps[0].coin)
        rows = [o for o in orders if o["side"] == side and not o["isTrigger"]]
        return sorted(rows, key=lambda row: Decimal(row["limitPx"]), reverse=side == "B")

    @property
    def bids(self) -> list[Json]:
        """Our bids that rest on the exchange, best first."""
        return self.resting("B")

    @property
    def asks(self) -> list[Json]:
        """Our asks that rest on the exchange, best first."""
        return self.resting("A")

    @property
    def stops(self) -> list[Json]:
        """Our stops that wait at the exchange, oldest first."""
        rows = self.house.open_orders(self.house.maker)
        waiting = [row for row in rows if row["isTrigger"] and is_stop(row["cloid"])]
        return sorted(waiting, key=lambda row: int(row["oid"]))

    @property
    def position(self) -> Decimal:
        """Our position by the exchange's own account, coin."""
        return self.house.position(self.house.maker)

    @property
    def believed(self) -> Decimal:
        """Our position by the engine, coin."""
        return Decimal(self.shown["position"]).scaleb(-self.house.perps[0].sz_decimals)

    def limit(self, side: str = "bid") -> Decimal:
        """The limit of a side in force, coin."""
        lots = self.shown["limits"]["lots"][side == "ask"]
        return Decimal(lots).scaleb(-self.house.perps[0].sz_decimals)

    def received(self, *kinds: str, since: int = 0) -> list[Received]:
        """What came to the exchange's door from the maker's key, from the `since`-th on."""
        own = [r for r in self.house.received if r.signer == self.house.maker.address]
        return [r for r in own[since:] if not kinds or r.kind in kinds]

    def mark(self) -> int:
        """How much has been received: `received(since=stage.mark())` is what comes later."""
        return len(self.received())

    def increasing_since(self, since: int) -> Sequence[Json]:
        """Orders received since then that could increase |position| as it now is."""
        is_buy = self.position >= 0
        orders = [o for r in self.received(since=since) for o in r.orders]
        return [o for o in orders if o["b"] == is_buy and not o["r"]]

    def verdict(self, coin: str | None = None, *, beside: Sequence[str] = ()) -> Verdict:
        """The checker's word on the whole run, from the exchange's report and the run's log.

        Args:
            coin: Of a run of several: which.
            beside: The others.
        """
        self.house.report += self.house.exchange.take_report()
        path = self.run_dir / "exchange.jsonl"
        path.write_bytes(self.house.report + self.house.exchange.finish_report())
        run_dir = self.run_dir if coin is None else self.run_dir / coin
        others = [self.run_dir / other for other in beside]
        maker = self.house.maker.address
        return judge(run_dir, path, maker, coin or self.house.perps[0].coin, others)
