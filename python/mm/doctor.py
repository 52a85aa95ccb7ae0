"""Asks the venue everything that would stop or hurt a run, before one is started. Sends nothing.

Each check stands alone: one that fails leaves the others their say. All but the measurements are
asked at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from mm._core import Instrument, Signer
from mm.budget import Outlook
from mm.config import Config, expires_after_s, levels_possible
from mm.errors import UNREADABLE, ConfigError, MmError
from mm.hyperliquid.account import OF_A_DEX, is_stop
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import dex_of, load_instrument, load_perp
from mm.hyperliquid.nonces import MILLISECOND_NS
from mm.keys.sources import Use, asks_for, secret_for
from mm.live.opening import clock_skew_s, refuse_mode
from mm.live.roles import mandate_of
from mm.runs import Burn

Grade = Literal["ok", "warn", "fail"]
SKEW_WARN_S = 0.5
ROUND_TRIP_WARN_S = 0.5
SCHEDULE_CANCEL_USD = 1_000_000
"""Volume below which the venue refuses `scheduleCancel`."""
BUDGET_WARN_DAYS = 7.0

Json = dict[str, Any]  # Any: what the venue answered
Check = Callable[[], Awaitable["Finding"]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        name: Of the check.
        grade: `fail`: a run would be refused, or should not be started.
        text: What was found, and what to do where that is not good.
    """

    name: str
    grade: Grade
    text: str


class Doctor:
    """The checks of one configuration at one venue."""

    def __init__(self, config: Config, http: HttpClient, user: str, burn: Burn | None) -> None:
        """Prepare.

        Args:
            config: The effective configuration.
            http: The venue.
            user: The account that holds the position.
            burn: Of the last run; `None`: there was none.
        """
        self._config = config
        self._http = http
        self._user = user
        self._burn = burn
        self._keys: dict[Use, asyncio.Future[str]] = {}

    async def examine(self) -> list[Finding]:
        """Run every check, the measurements before all others; findings in a fixed order."""
        # Opening a keystore takes all of this machine for a second: nothing is measured beside it.
        timed: list[tuple[str, Check]] = [("venue", self._venue), ("clock", self._clock)]
        found = await asyncio.gather(*(_standing_alone(*check) for check in timed))
        if self._config.process.network != "paper":
            self._read_keys()
        rest = await asyncio.gather(*(_standing_alone(*check) for check in self._checks()))
        return [*found, *rest]

    def _checks(self) -> list[tuple[str, Check]]:
        checks: list[tuple[str, Check]] = []
        if self._config.process.network != "paper":
            checks += [
                ("key", self._key),
                ("watchdog key", self._watchdog_key),
                ("account mode", self._mode),
            ]
        each = self._config.each()
        named = [(one, f" {one.process.coin}" if len(each) > 1 else "") for one in each]
        for one, of in named:
            checks += [
                (f"coin{of}", partial(self._coin, one)),
                (f"leverage{of}", partial(self._leverage, one)),
            ]
        checks.append(("fees", self._fees))
        checks += [(f"feasibility{of}", partial(self._feasibility, one)) for one, of in named]
        checks.append(("requests", self._requests))
        checks += [(f"resident stop{of}", partial(self._stop, one)) for one, of in named]
        return checks

    # ---- venue and clock ------------------------------------------------------------------------

    async def _venue(self) -> Finding:
        begun = time.monotonic()
        await self._ask({"type": "exchangeStatus"})
        took_s = time.monotonic() - begun
        text = f"{self._http.base_url} answers in {1e3 * took_s:.0f} ms"
        if took_s > ROUND_TRIP_WARN_S:
            return Finding("venue", "warn", f"{text}: quotes will be late")
        return Finding("venue", "ok", text)

    async def _clock(self) -> Finding:
        if self._config.process.network == "paper":
            return Finding("clock", "ok", "a paper market has its own")
        skew_s = await clock_skew_s(self._http)
        text = f"{skew_s:+.3f} s off the venue's"
        if abs(skew_s) > expires_after_s(self._config) / 2:
            return Finding("clock", "fail", f"{text}: set it (NTP); a run is refused")
        grade: Grade = "warn" if abs(skew_s) > SKEW_WARN_S else "ok"
        return Finding("clock", grade, text)

    # ---- key and account ------------------------------------------------------------------------

    def _read_keys(self) -> None:
        """Begin to read the keys beside the queries: at once, or one after another where a person
        is asked for each passphrase."""
        account, process = self._config.account, self._config.process
        uses: tuple[Use, ...] = ("maker",) if process.watchdog == "off" else ("maker", "watchdog")
        turn = asyncio.Semaphore(1 if asks_for(account) else len(uses))

        async def read(use: Use) -> str:
            async with turn:
                return await asyncio.to_thread(secret_for, use, account, process.network)

        self._keys = {use: asyncio.ensure_future(read(use)) for use in uses}

    async def _key(self) -> Finding:
        account, secret = self._config.account, await self._keys["maker"]
        now_ms = _now_ms()  # a keystore takes a second to open, a passphrase longer
        mandate = await mandate_of(
            self._http,
            Signer(secret).address,
            self._user,
            master_key_allowed=account.master_key_allowed,
            now_ms=now_ms,
        )
        text = "; ".join(line.replace("  ", " ") for line in mandate.lines(now_ms))
        return Finding("key", "warn" if mandate.expires_soon(now_ms) else "ok", text)

    async def _watchdog_key(self) -> Finding:
        name, config = "watchdog key", self._config
        if config.process.watchdog == "off":
            return Finding(name, "warn", "the watchdog is switched off: nobody closes for us")
        address, now_ms = Signer(await self._keys["watchdog"]).address, _now_ms()
        mandate = await mandate_of(
            self._http, address, self._user, master_key_allowed=False, now_ms=now_ms
        )
        if Signer(await self._keys["maker"]).address == address:
            raise ConfigError(f"{address} is the maker's key too: expected another agent")
        return Finding(
            name, "warn" if mandate.expires_soon(now_ms) else "ok", mandate.lines(now_ms)[1]
        )

    async def _mode(self) -> Finding:
        mode = await refuse_mode(self._http, self._user)
        return Finding("account mode", "ok", f"{mode}: the perps account's value is its equity")

    # ---- coin and configuration -----------------------------------------------------------------

    async def _coin(self, config: Config) -> Finding:
        coin = config.process.coin
        instrument = await load_instrument(self._http, coin)
        return Finding(
            "coin",
            "ok",
            f"{coin}: sizes to {instrument.sz_decimals} decimals, leverage to"
            f" {instrument.max_leverage}x",
        )

    async def _leverage(self, config: Config) -> Finding:
        coin = config.process.coin
        data = await self._ask_user("activeAssetData", coin=coin)
        now = f"{data['leverage']['type']} {data['leverage']['value']}x"
        perp = await load_perp(self._http, coin)
        wanted = f"{perp.margin_mode} {_leverage_of(config, perp.instrument)}x"
        if now == wanted:
            return Finding("leverage", "ok", f"{now}, as configured")
        return Finding("leverage", "warn", f"{now}; a run sets {wanted} before it quotes")

    async def _fees(self) -> Finding:
        fees = await self._ask_user("userFees")
        own = [float(fees[key]) for key in ("userAddRate", "userCrossRate")]
        found = []
        for coin in self._config.coins:
            perp = (await load_perp(self._http, coin)).instrument if dex_of(coin) else None
            maker, taker = (1e4 * (rate if perp is None else perp.fee_here(rate)) for rate in own)
            of = "" if perp is None else f"{coin}{' in growth mode' if perp.growth_mode else ''}: "
            found.append(
                f"{of}maker {maker:g} bps, taker {taker:g} bps: a round trip of two fills at the"
                f" touch costs {2 * maker:g} bps"
            )
        return Finding("fees", "ok", "; ".join(dict.fromkeys(found)))

    async def _feasibility(self, config: Config) -> Finding:
        state = await self._ask_user("clearinghouseState")
        equity_usd = float(state["marginSummary"]["accountValue"])
        wanted = config.quoting.levels
        instrument = await load_instrument(self._http, config.process.coin)
        possible = levels_possible(config, equity_usd, _leverage_of(config, instrument))
        text = f"{possible} of {wanted} levels a side fit {equity_usd:,.2f} USD"
        if possible == 0:
            return Finding("feasibility", "fail", f"{text}: fund the account or quote more of it")
        return Finding("feasibility", "ok" if possible == wanted else "warn", text)

    async def _requests(self) -> Finding:
        said = await self._ask_user("userRateLimit")
        used, cap = int(said["nRequestsUsed"]), int(said["nRequestsCap"])
        left, volume_usd = cap - used, float(said["cumVlm"])
        outlook = Outlook(
            left,
            self._config.requests.reserve,
            None if self._burn is None else self._burn.net_per_day,
        )
        text = f"{left:,} of {cap:,} requests left, {outlook.reserve:,} of them for safety"
        if volume_usd < SCHEDULE_CANCEL_USD:
            text += (
                f"; scheduleCancel needs {SCHEDULE_CANCEL_USD - volume_usd:,.0f} USD more volume"
            )
        text += f"; {outlook.pace()}"
        if left <= 0:
            text = f"{text}: one action per 10 s until volume earns more"
            return Finding("requests", "fail", f"{text}; {outlook.shortage()}")
        if outlook.days < BUDGET_WARN_DAYS:
            return Finding("requests", "warn", f"{text}; {outlook.shortage()}")
        return Finding("requests", "ok", text)

    async def _stop(self, config: Config) -> Finding:
        name = "resident stop"
        if not config.protection.resident_stop:
            text = "switched off: when this host dies nothing closes a position"
            return Finding(name, "warn", text)
        rows = await self._ask_user("frontendOpenOrders")
        coin = config.process.coin
        rests = [row for row in rows if row["coin"] == coin and is_stop(row.get("cloid"))]
        text = (
            "rests at the exchange while a position is held; scheduleCancel waits while that is"
            " larger than either side of the quotes"
        )
        if rests:
            text += f"; one is there, set off at {rests[-1]['triggerPx']}"
        return Finding(name, "ok", text)

    # ---- asking ---------------------------------------------------------------------------------

    async def _ask(self, query: Json) -> Any:  # noqa: ANN401 - what the venue answered
        return json.loads(await self._http.info(query))

    async def _ask_user(self, kind: str, **more: object) -> Any:  # noqa: ANN401 - as above
        query: dict[str, object] = {"type": kind, "user": self._user, **more}
        if kind in OF_A_DEX and (dex := dex_of(self._config.coins[0])):
            query["dex"] = dex
        return await self._ask(query)


def _leverage_of(config: Config, instrument: Instrument) -> int:
    """What a run sets: as configured, and no more than the perp allows."""
    return min(config.account.leverage, instrument.max_leverage)


async def _standing_alone(name: str, check: Check) -> Finding:
    try:
        return replace(await check(), name=name)
    except MmError as error:
        return Finding(name, "fail", str(error))
    except UNREADABLE as error:
        return Finding(name, "fail", f"not the answer expected: {type(error).__name__}: {error}")


def _now_ms() -> int:
    return time.time_ns() // MILLISECOND_NS
