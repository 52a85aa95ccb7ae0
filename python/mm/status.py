"""How a maker stands, as `mm status` shows it: from the engine's snapshot while it runs, from the
last one kept in the state when it does not.

Money and sizes are decimal strings, ages wall seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mm.figures import coin_text, usd_text
from mm.kill_record import KillRecord
from mm.ledger import DayTotals
from mm.report import Snapshot, binding_text

Json = dict[str, Any]  # Any: whatever JSON holds


def standing(snapshot: Snapshot, coin: str, sz_decimals: int) -> Json:
    """What the engine's snapshot says about how it stands."""
    position, limits = snapshot["position"], snapshot["limits"]
    orders = snapshot["orders"]
    return {
        "coin": coin,
        "mode": snapshot["mode"],
        "mode_reason": snapshot["mode_reason"],
        "phase": snapshot["phase"],
        "suppressed": snapshot["suppressed"],
        "position": coin_text(position, sz_decimals),
        "limit": None
        if limits is None
        else {
            "long": coin_text(limits["lots"][0], sz_decimals),
            "short": coin_text(limits["lots"][1], sz_decimals),
            "value_usd": usd_text(limits["value"]),
            "source": limits["source"],
            "binding": binding_text(limits),
        },
        "equity_usd": usd_text(snapshot["account_value"]),
        "day_pnl_usd": usd_text(snapshot["day_pnl"]),
        "drawdown_ratio": snapshot["drawdown"],
        "mid_usd": snapshot["mid"],
        "orders": {
            "bids": sum(order["side"] == "Bid" for order in orders),
            "asks": sum(order["side"] == "Ask" for order in orders),
        },
        "ages_s": {kind: snapshot[f"{kind}_age_s"] for kind in ("market", "account", "own_stream")},
    }


def day_figures(totals: DayTotals) -> Json:
    """The ledger's totals of a day, as shown."""
    money = ("notional", "fees", "funding", "transfers")
    counts = {key: value for key, value in asdict(totals).items() if key not in money}
    return {**counts, **{f"{key}_usd": usd_text(getattr(totals, key)) for key in money}}


def lines(status: Mapping[str, Any]) -> list[str]:
    """The status, for people."""
    stands, kill = status["standing"], status["kill"]
    said = [f"{status['network']}/{status['account']}: {_life(status)}"]
    if kill is not None:
        said.append(f"  KILLED       {_kill(kill)}")
    if stands is None:
        return said
    if not status["answers"]:
        said.append(f"  Last known   {status['age_s']:.0f} s ago, of session {status['session']}")
    limit = stands["limit"]
    said += [
        f"  Mode         {stands['mode']}{_because(stands['mode_reason'])}, {stands['phase']}",
        f"  Bid side     {_side(stands['suppressed']['bid'])}",
        f"  Ask side     {_side(stands['suppressed']['ask'])}",
        f"  Position     {stands['position']} {stands['coin']}",
        "  Limit        " + ("not derived" if limit is None else _limit(limit, stands["coin"])),
        f"  Equity       {_usd(stands['equity_usd'])}, day {_usd(stands['day_pnl_usd'])},"
        f" drawdown {_percent(stands['drawdown_ratio'])}",
        f"  Orders       {stands['orders']['bids']} bids, {stands['orders']['asks']} asks",
        "  Ages         "
        + ", ".join(f"{name} {_seconds(age)}" for name, age in stands["ages_s"].items()),
    ]
    if (day := status["day"]) is not None:
        said.append(
            f"  Today        {day['fills']} fills ({day['away']} while nobody ran),"
            f" ${day['notional_usd']}, fees {day['fees_usd']}, funding {day['funding_usd']}"
        )
    return said


def kill_shown(record: KillRecord | None) -> Json | None:
    """A kill record as shown; `None`: there never was one, or it has been acknowledged."""
    return None if record is None or not record.latched else record.shown()


def _life(status: Mapping[str, Any]) -> str:
    if status["answers"]:
        return f"running, pid {status['pid']}"
    if status["pid"] is not None:
        return f"held by pid {status['pid']}, which does not answer: starting, ending or hung"
    return "no maker runs"


def _kill(kill: Mapping[str, Any]) -> str:
    detail = f" ({kill['detail']})" if kill["detail"] else ""
    return (
        f"{kill['reason']}{detail} at {kill['at']}, equity {_usd(kill['equity_usd'])},"
        f" position {kill['position']} {kill['coin']}: mm unlock acknowledges it"
    )


def _because(reason: str | None) -> str:
    return "" if reason is None else f" ({reason.replace('_', ' ')})"


def _side(reason: str | None) -> str:
    return "quoted" if reason is None else f"not quoted: {reason.replace('_', ' ')}"


def _limit(limit: Mapping[str, Any], coin: str) -> str:
    long, short = limit["long"], limit["short"]
    size = f"{long} {coin}" if long == short else f"long {long}, short {short} {coin}"
    return f"{size} (${limit['value_usd']}), bound by {limit['binding']}, {limit['source']}"


def _usd(text: str | None) -> str:
    return "unknown" if text is None else f"{text} USDC"


def _percent(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{100 * ratio:.3f} %"


def _seconds(age: float | None) -> str:
    return "never heard" if age is None else f"{age:.1f} s"
