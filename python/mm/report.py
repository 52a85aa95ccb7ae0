"""The machine-readable end of a run: one JSON object, money and sizes as decimal strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mm import edge_shown
from mm.figures import coin_text, ratio_text, usd_text

# JSON of the engine's snapshot.
Snapshot = Mapping[str, Any]
PNL = ("total", "spread_capture", "inventory", "funding", "fees", "residual")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the engine cannot know about its own run.

    Attributes:
        session: Id of the session.
        network: `paper`, `testnet` or `mainnet`.
        market: Who was on the other side.
        coin: The perp.
        sz_decimals: Of its sizes.
        duration_s: Exchange seconds from the anchor to the stop; `None` when never anchored.
        speed_achieved: Exchange seconds per wall second; `None` where not measured.
        requests: Requests that left, cancels and settings included.
        breaches: Found by the audit; `None` when there was no exchange report to judge by.
        open_orders_after_stop: From the exchange's report, else from its last answer.
        latency_us: Of the step, from frame to signed bytes, and from sending to the answer.
        queue_bound: How a recorded market queued us; `None` on a market with its own book.
        decision_hash: Over the actions.
        exit_reason: Why the run ended.
        kill: The kill record, as shown; `None`: it was not killed.
        left_to: Who has the position that is left: `hold` (it stays, as the policy says),
            `watchdog` or `nobody`; `None`: nothing is held.
    """

    session: int
    network: str
    market: str
    coin: str
    sz_decimals: int
    duration_s: float | None
    speed_achieved: float | None
    requests: int
    breaches: int | None
    open_orders_after_stop: int | None
    latency_us: Mapping[str, float | None]
    queue_bound: str | None
    decision_hash: str | None
    exit_reason: str
    kill: Mapping[str, object] | None = None
    left_to: str | None = None


def summary(facts: RunFacts, snapshot: Snapshot) -> dict[str, object]:
    """The summary of one run.

    Args:
        facts: What the session measured.
        snapshot: The engine's last snapshot.

    Returns:
        The object, in the documented order; `None` where a field has no meaning.
    """
    counts = snapshot["counts"]
    takers = snapshot["market_takers"]
    return {
        "session": facts.session,
        "network": facts.network,
        "market": facts.market,
        "coin": facts.coin,
        "duration_s": _rounded(facts.duration_s, 3),
        "speed_achieved": _rounded(facts.speed_achieved, 3),
        "quote_cycles": counts["quote_cycles"],
        "ready_cycles": counts["ready_cycles"],
        "two_sided_cycles": counts["two_sided_cycles"],
        "market_takers": {"count": takers["count"], "volume_usd": usd_text(takers["volume"])},
        "our_share": ratio_text(counts["volume"], takers["volume"]),
        "orders": {kind: counts[kind] for kind in ("placed", "modified", "cancelled", "rejected")},
        "fills_buy": counts["fills_buy"],
        "fills_sell": counts["fills_sell"],
        "volume_usd": usd_text(counts["volume"]),
        "requests": facts.requests,
        "request_budget": _request_budget(snapshot["requests"]),
        "position": _position(snapshot, facts),
        "limit": _limit(snapshot, facts.sz_decimals),
        "breaches": facts.breaches,
        "open_orders_after_stop": facts.open_orders_after_stop,
        "pnl_usd": _pnl(snapshot["pnl"]),
        "markouts": snapshot["markouts"],
        "markouts_split": snapshot["markouts_split"],
        "edge": edge_shown.as_json(snapshot["models"]),
        "latency_us": dict(facts.latency_us),
        "queue_bound": facts.queue_bound,
        "bounds": None,
        "decision_hash": facts.decision_hash,
        "exit_reason": facts.exit_reason,
        "kill": None if facts.kill is None else dict(facts.kill),
    }


def account_summary(
    coins: Sequence[Mapping[str, Any]], snapshots: Sequence[Snapshot]
) -> dict[str, object]:
    """The summary of a run of several coins: their own, and above them what is the account's.

    Args:
        coins: Summary of each coin.
        snapshots: Last of each engine, in the same order.

    Returns:
        The object; what is the same for all coins once, what adds up as a sum. A residual is the
        account's, so each coin has all of it.
    """
    first = coins[0]
    shared = (
        "session", "network", "market", "duration_s", "speed_achieved", "request_budget",
        "exit_reason", "kill",
    )  # fmt: skip
    told = [snapshot["pnl"] for snapshot in snapshots]
    pnl = None
    if all(one is not None for one in told):
        pnl = {part: sum(one[part] for one in told) for part in PNL}
        pnl["residual"] = told[0]["residual"]
        # Each coin's total holds the whole residual.
        pnl["total"] -= (len(told) - 1) * pnl["residual"]
    volume = sum(snapshot["counts"]["volume"] for snapshot in snapshots)
    return {
        **{key: first[key] for key in shared},
        "volume_usd": usd_text(volume),
        "requests": sum(one["requests"] for one in coins),
        "breaches": _sum(one["breaches"] for one in coins),
        "open_orders_after_stop": _sum(one["open_orders_after_stop"] for one in coins),
        "pnl_usd": _pnl(pnl),
        "coins": list(coins),
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    """`None` where one of them is not known."""
    known = list(counts)
    return None if None in known else sum(one for one in known if one is not None)


def _request_budget(ledger: Mapping[str, Any]) -> dict[str, object]:
    """What is left of the address budget, what the fills earned, and what a request must earn."""
    keys = ("supply", "used", "cap", "left", "reserve", "earned", "others", "price_usd")
    return {key: ledger[key] for key in keys}


def _position(snapshot: Snapshot, facts: RunFacts) -> dict[str, str | None]:
    sz_decimals = facts.sz_decimals
    anchored = snapshot["position_start"] is not None
    return {
        "start": coin_text(snapshot["position_start"], sz_decimals),
        "end": coin_text(snapshot["position"], sz_decimals) if anchored else None,
        "max_abs": coin_text(snapshot["position_max_abs"], sz_decimals) if anchored else None,
        "left_to": facts.left_to,
    }


def _limit(snapshot: Snapshot, sz_decimals: int) -> dict[str, object]:
    limits = snapshot["limits"]
    valid = snapshot["counts"]["valid_cycles"]
    if limits is None:
        nothing = dict.fromkeys(("long", "short", "value_usd", "source", "binding"))
        return {**nothing, "valid_cycles": valid}
    long, short = limits["lots"]
    return {
        "long": coin_text(long, sz_decimals),
        "short": coin_text(short, sz_decimals),
        "value_usd": usd_text(limits["value"]),
        "source": limits["source"],
        "binding": binding_text(limits),
        "valid_cycles": valid,
    }


def binding_text(limits: Mapping[str, Any]) -> str:
    """The term that binds; both sides' where they differ."""
    long, short = limits["binding"]
    return str(long) if long == short else f"long {long}, short {short}"


def _pnl(pnl: Mapping[str, int] | None) -> dict[str, str | None]:
    return {part: None if pnl is None else usd_text(pnl[part]) for part in PNL}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
