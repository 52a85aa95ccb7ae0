"""How a maker stands, as `mm status` shows it: from the engine's snapshot while it runs, from the
last one kept in the state when it does not.

Money and sizes are decimal strings. `age_s` is how long ago that was, wall seconds; the ages of the
inputs are exchange seconds. What the watchdog does is read from its own status, whoever lives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from mm import edge_shown, host_death, stop_shown
from mm.control_socket import NobodyAnswersError, ask_running
from mm.figures import coin_text, usd_text
from mm.report import Snapshot, binding_text
from mm.state import account_dir, holder
from mm.store import FILE, Store
from mm.watchdog.directory import WatchdogDir

Json = dict[str, Any]  # Any: whatever JSON holds

# Said of what the last known standing has and nobody vouches for now.
NOT_LIVE = " then: not live, no maker runs"
NOT_CERTAIN = " then: not certain, its maker does not answer"


def standing(snapshot: Snapshot, coin: str, sz_decimals: int) -> Json:
    """What the engine's snapshot says about how it stands."""
    position, limits = snapshot["position"], snapshot["limits"]
    orders = snapshot["orders"]
    return {
        "coin": coin,
        "cycle": snapshot["cycle"],
        "mode": snapshot["mode"],
        "mode_reason": snapshot["mode_reason"],
        "kill": None if snapshot["kill"] is None else snapshot["kill"]["reason"],
        "phase": snapshot["phase"],
        "not_quoting": snapshot["not_quoting"],
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
        "edge": edge_shown.as_json(snapshot["models"]),
        "requests": requests(snapshot),
        "stop": stop_shown.shown(snapshot["resident"], sz_decimals),
        "ages_s": {kind: snapshot[f"{kind}_age_s"] for kind in ("market", "account", "own_stream")},
    }


def requests(snapshot: Snapshot) -> Json:
    """The request budget of the address, as the engine's ledger has it; `None`: not known yet."""
    ledger = snapshot["requests"]
    keys = (
        "supply", "used", "cap", "left", "reserve", "cancels_left", "sent", "earned", "others",
        "drift", "price_usd",
    )  # fmt: skip
    return {key: ledger[key] for key in keys} | {"withheld": len(snapshot["withheld"])}


def find(network: str, account: str) -> Json:
    """How an account stands now: as its maker says, or else as its state was last written.

    Raises:
        StateError: The state cannot be read, or the maker says that it cannot tell.
    """
    directory = account_dir(network, account)
    pid = holder(directory)
    nothing = dict.fromkeys(
        (
            "session", "run_dir", "age_s", "kill", "standing", "day", "requests_left", "coins",
            "host_death",
        )
    )  # fmt: skip
    found: Json = {"network": network, "account": account, "pid": pid, "answers": False, **nothing}
    said = None
    if pid is not None:
        with suppress(NobodyAnswersError):
            said = ask_running(directory, {"ask": "status"})
    if said is not None:
        found |= {**said, "answers": True, "age_s": 0.0}
    elif (directory / FILE).exists():
        with closing(Store.open(directory, network, account)) as store:
            found |= kept(store)
    return {
        **found,
        "orders_live": _orders_live(found),
        "watchdog": watched(WatchdogDir(directory), _decimals(found)),
    }


def _decimals(found: Mapping[str, Any]) -> dict[str, int]:
    """Decimals of the sizes of each coin."""
    return {one["standing"]["coin"]: one["sz_decimals"] for one in _coins(found)}


def _coins(found: Mapping[str, Any]) -> list[Json]:
    """How each coin stands; an earlier version of this program knew of one alone."""
    if found["coins"] is not None:
        return list(found["coins"])
    return [] if found["standing"] is None else [dict(found)]


def _orders_live(found: Mapping[str, Any]) -> bool | None:
    """Whether the orders shown are looked after; `None`: their maker lives and does not say."""
    if found["answers"]:
        return True
    return None if found["pid"] is not None else False


def watched(directory: WatchdogDir, decimals: Mapping[str, int]) -> Json | None:
    """What the watchdog does, why, and what the exchange said we hold; `None`: none ever ran.

    Args:
        directory: Of the watchdog.
        decimals: Of each coin's sizes; the position in a coin without is told in lots alone.
    """
    said = directory.read_status()
    if said is None:
        return None
    lots = said.positions
    return {
        "pid": said.pid,
        "lives": directory.is_held(),
        "session": said.session,
        "doing": said.doing,
        "why": said.why,
        "positions_lots": lots,
        "positions": None
        if lots is None
        else {
            coin: coin_text(held, decimals[coin]) for coin, held in lots.items() if coin in decimals
        },
    }


def kept(store: Store) -> Json:
    """How the last run stood when it last wrote it down, and the kill that is latched."""
    record = store.kill_record()
    kill = None if record is None else record.shown()
    last = store.read("status")
    if last is None:
        return {"kill": kill}
    body, age_s = last
    return {**json.loads(body), "age_s": age_s, "kill": kill}


def lines(status: Mapping[str, Any]) -> list[str]:
    """The status, for people."""
    coins, kill = _coins(status), status["kill"]
    said = [f"{status['network']}/{status['account']}: {_life(status)}"]
    if kill is not None:
        said.append(f"  KILLED       {_kill(kill)}")
    if not coins:
        return said
    said.append(f"  Watchdog     {_watchdog(status['watchdog'])}")
    then = ""
    if not status["answers"]:
        said.append(f"  Last known   {status['age_s']:.0f} s ago, of session {status['session']}")
        then = NOT_LIVE if status["orders_live"] is False else NOT_CERTAIN
    for one in coins:
        if len(coins) > 1:
            said.append(f"  {one['standing']['coin']}")
        said += _coin_lines(one["standing"], then)
    if (death := status["host_death"]) is not None:
        said.append(f"  Host death   {host_death.text(death)}{then}")
    stands = coins[0]["standing"]
    said += [
        f"  Equity       {_usd(stands['equity_usd'])}, day {_usd(stands['day_pnl_usd'])},"
        f" drawdown {_percent(stands['drawdown_ratio'])}",
        f"  Requests     {_requests(stands['requests'])}",
    ]
    for one in coins:
        said.append(
            "  Ages         "
            + ", ".join(
                f"{name} {_seconds(age)}" for name, age in one["standing"]["ages_s"].items()
            )
        )
        if (day := one["day"]) is not None:
            said.append(
                f"  Day          {day['fills']} fills ({day['fills_while_away']} while nobody"
                f" ran), ${day['volume_usd']}, fees {day['fees_usd']}, funding"
                f" {day['funding_usd']}"
            )
    return said


def _coin_lines(stands: Mapping[str, Any], then: str) -> list[str]:
    limit = stands["limit"]
    return [
        f"  Mode         {_mode(stands)}",
        f"  Bids         {_side(stands['orders']['bids'], stands['suppressed']['bid'])}{then}",
        f"  Asks         {_side(stands['orders']['asks'], stands['suppressed']['ask'])}{then}",
        f"  Position     {stands['position']} {stands['coin']}{then}",
        f"  Stop         {_stop(stands)}{then}",
        "  Limit        " + ("not derived" if limit is None else _limit(limit, stands["coin"])),
        f"  Edge         {_edge(stands)}",
    ]


def comparison(found: Mapping[str, Any]) -> list[str]:
    """What `mm reconcile` found, for people."""
    if "coins" in found:
        return [line for one in found["coins"] for line in (one["coin"], *comparison(one))]
    drift, orders = found["drift"], found["orders"]
    verdict = "agrees with the exchange" if found["agrees"] else found["state"]
    if found["unheard"]:
        kinds = ", ".join(kind.replace("_", " ") for kind in found["unheard"])
        verdict = f"not compared: the exchange was not heard on {kinds}"
    said = [f"position {found['position']}: {verdict}"]
    if drift is not None and float(drift) != 0:
        said.append(f"  the exchange has {drift} more")
    said.append(
        f"  orders: {orders['ours']} of ours, {orders['unanswered']} without an answer,"
        f" {orders['by_hand']} placed by hand; corrections: {found['corrections']}"
    )
    return said


def _life(status: Mapping[str, Any]) -> str:
    if status["answers"]:
        return f"running, pid {status['pid']}"
    if status["pid"] is not None:
        return f"held by pid {status['pid']}, which does not answer: starting, ending or hung"
    return "no maker runs"


def _watchdog(found: Mapping[str, Any] | None) -> str:
    """`done (flat), position 0 BTC, session 7`."""
    if found is None:
        return "none has run"
    why = f" ({found['why']})" if found["why"] else ""
    ended = "" if found["lives"] or found["doing"] == "done" else ", but it lives no more"
    held = "position not asked for yet"
    if found["why"] == "goodbye":
        # It looks no more: what it saw last is not what the maker ended with.
        held = "the maker ended by itself"
    elif (lots := found["positions_lots"]) is not None:
        known = found["positions"]
        each = (f"{known[c]} {c}" if c in known else f"{n} lots of {c}" for c, n in lots.items())
        held = f"position {', '.join(each)}"
    return f"{found['doing']}{why}{ended}, {held}, session {found['session']}"


def _kill(kill: Mapping[str, Any]) -> str:
    detail = f" ({kill['detail']})" if kill["detail"] else ""
    return (
        f"{kill['reason']}{detail} at {kill['at']}, equity {_usd(kill['equity_usd'])},"
        f" position {kill['position']} {kill['coin']}: mm unlock acknowledges it"
    )


def _because(reason: str | None) -> str:
    return "" if reason is None else f" ({reason.replace('_', ' ')})"


def _mode(stands: Mapping[str, Any]) -> str:
    reason = stands["mode_reason"]
    # Kept by an earlier version of this program it has no reason.
    if reason == "killed" and stands.get("kill") is not None:
        reason = f"killed: {stands['kill']}"
    return f"{stands['mode']}{_because(reason)}, {stands['phase']}"


def _side(orders: int, reason: str | None) -> str:
    return f"{orders} orders" if reason is None else f"none: {reason.replace('_', ' ')}"


def _edge(stands: Mapping[str, Any]) -> str:
    # Kept by an earlier version of this program there is none.
    edge = stands.get("edge")
    return "not known" if edge is None else f"{edge_shown.text(edge)}{edge_shown.back_text(edge)}"


def _stop(stands: Mapping[str, Any]) -> str:
    # Kept by an earlier version of this program there is none.
    stop = stands.get("stop")
    return "not known" if stop is None else stop_shown.text(stop, stands["coin"])


def _limit(limit: Mapping[str, Any], coin: str) -> str:
    long, short = limit["long"], limit["short"]
    size = f"{long} {coin}" if long == short else f"long {long}, short {short} {coin}"
    return f"{size} (${limit['value_usd']}), bound by {limit['binding']}, {limit['source']}"


def _requests(found: Mapping[str, Any]) -> str:
    if found["left"] is None:
        return "the venue has not said what is left: one order a side"
    waits = f", {found['withheld']} changes wait" * bool(found["withheld"])
    return (
        f"{found['left']:,} of {found['cap']:,} left, {found['reserve']:,} of them for safety;"
        f" {found['sent']:,} sent, {found['earned']:,} earned, {found['others']:,} by others;"
        f" one must earn {found['price_usd']:.6f} USDC{waits} ({found['supply']})"
    )


def _usd(text: str | None) -> str:
    return "unknown" if text is None else f"{text} USDC"


def _percent(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{100 * ratio:.3f} %"


def _seconds(age: float | None) -> str:
    return "never heard" if age is None else f"{age:.1f} s"
