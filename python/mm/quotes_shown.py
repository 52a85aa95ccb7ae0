"""How quotes are shown: from what they were made to their prices and sizes, each re-added.

What an order stands for is what the plan paired it with: the engine says it, nothing here guesses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mm import costs_shown, models_shown, places_shown
from mm.figures import coin_text, decimal_text, plain

Json = dict[str, Any]

SIDES = ("bid", "ask")
# What one quote adds to the terms of its side.
LEVEL_TERMS = ("level_bps", "at_touch_bps", "grid_bps", "kept_bps")
# Terms that move both sides one way: positive is up.
SHIFTS = ("skew_bps", "funding_bps")
# What a size is made of.
SIZE_PARTS = ("by_weight", "merged", "at_touch", "cut", "kept")
MODELS = {"ladder": "GLFT", "glft": "GLFT", "avellaneda_stoikov": "Avellaneda-Stoikov"}
EDGES = {
    "model": "the model's delta",
    "depths": "what the first of depths_bps leaves over costs",
    "half_spread": "what half_spread_bps leaves over costs",
}
WAITS = {
    "not_worth": "not worth its request",
    "plan": "more was spent than earned and planned",
    "reserve": "only the reserve is left",
    "empty": "the budget is empty, one action in ten seconds passes",
    "unknown": "the venue has not said what is left",
    "weight": "the IP address, or the line, carries enough",
}


def as_json(snapshot: Json, refusals: Sequence[Json], config: Json, decimals: int) -> Json:
    """One object of what is quoted.

    Args:
        snapshot: The engine's.
        refusals: What the cycle did not send.
        config: What the engine was built from.
        decimals: Of the coin's sizes.

    Returns:
        What prices and sizes were made from; by side the orders with the terms of price (bps,
        outward from fair) and size (coin), each with their sum, and what was refused or waits.
    """
    return {
        "mid": snapshot["mid"],
        "microprice": snapshot["microprice"],
        "position": coin_text(snapshot["position"], decimals),
        "sigma": snapshot["sigma_quotes"],
        "kappa_per_bps": snapshot["kappa_per_bps"],
        "maker_fee_bps": snapshot["maker_fee_bps"],
        "break_even_bps": snapshot["break_even_bps"],
        "priced_from": _priced_from(
            snapshot["priced_from"], config["quoting"], snapshot["kappa_per_bps"], decimals
        ),
        "sized_from": _sized_from(snapshot["sized_from"], config["quoting"], decimals),
        "models": models_shown.as_json(snapshot["models"]),
        "costs": costs_shown.as_json(snapshot["models"]),
        "requests": snapshot["requests"],
        "not_quoting": snapshot["not_quoting"],
        "suppressed": snapshot["suppressed"],
        **{side: _side(snapshot, refusals, side, decimals) for side in SIDES},
    }


def _priced_from(found: Json | None, quoting: Json, kappa: float, decimals: int) -> Json | None:
    """Inventory and its unit in coin, and the model: gamma in 1/(bps x unit)."""
    if found is None:
        return None
    return {
        **{key: found[key] for key in ("inventory_frac", "inventory_units", "limit_units")},
        "unit": found["unit_lots"] / 10**decimals,
        "strategy": quoting["strategy"],
        "edge_from": found["edge_from"],
        "min_edge_bps": quoting["min_edge_bps"],
        "level_step_bps": None if quoting["depths_bps"] else 1.0 / kappa,
        "model": found["solved"],
    }


def _sized_from(found: Json | None, quoting: Json, decimals: int) -> Json | None:
    if found is None:
        return None
    sizes = {key: coin_text(found[key], decimals) for key in ("limit", "target", "smallest")}
    shares = {"target_frac": quoting["target_liquidity_frac"], "regime_frac": found["regime_frac"]}
    return sizes | shares


def _side(snapshot: Json, refusals: Sequence[Json], side: str, decimals: int) -> Json:
    index = SIDES.index(side)
    limits, sized = snapshot["limits"], snapshot["sized_from"]
    common: Json = next((row for row in snapshot["trace"] if row["side"].lower() == side), {})
    orders = _best_first(snapshot["orders"], side)

    def of_side(rows: Sequence[Json]) -> list[Json]:
        return [row for row in rows if row["side"].lower() == side]

    def sizes(key: str) -> str | None:
        return None if sized is None else coin_text(sized[key][index], decimals)

    return {
        "quoting": bool(orders),
        "limit": None if limits is None else coin_text(limits["lots"][index], decimals),
        "room": sizes("rooms"),
        "total": sizes("totals"),
        "burst_frac": None if sized is None else sized["burst_frac"][index],
        "tolerance": _tolerance(snapshot["tolerance"][index], decimals),
        "orders": [_order(order, common, decimals) for order in orders],
        "refusals": [
            {
                "px": _px(refusal["px"], decimals),
                "sz": coin_text(refusal["sz"], decimals),
                "reason": refusal["reason"],
                "limit": coin_text(refusal["limit"], decimals),
            }
            for refusal in of_side(refusals)
        ],
        "withheld": [
            {
                "px": _px(change["px"], decimals),
                "sz": coin_text(change["sz"], decimals),
                **{key: change[key] for key in ("amends", "why", "gain_usd", "price_usd")},
            }
            for change in of_side(snapshot["withheld"])
        ],
    }


def _best_first(orders: Sequence[Json], side: str) -> list[Json]:
    ours = [order for order in orders if order["side"].lower() == side]
    return sorted(ours, key=lambda order: order["px"], reverse=side == "bid")


def _px(px: int, sz_decimals: int) -> str:
    return decimal_text(px, 6 - sz_decimals)


def _tolerance(found: Json | None, decimals: int) -> Json | None:
    if found is None:
        return None
    even = found["break_even"]
    return {
        "px": _px(found["px"], decimals),
        "bps": found["bps"],
        "sz_frac": found["sz_frac"],
        "break_even": None if even is None else _px(even, decimals),
    }


def _order(order: Json, common: Json, decimals: int) -> Json:
    """An order, what it stands for, and what its price and size are made of."""
    trace, size = order["trace"], order["size"]
    wanted = None
    if trace is not None and trace["wanted"] is not None:
        wanted = {
            "px": _px(trace["wanted"], decimals),
            "sz": None if size is None else coin_text(order["sz"] - size["kept"], decimals),
        }
    return {
        "px": _px(order["px"], decimals),
        "sz": coin_text(order["sz"], decimals),
        "stands": None if trace is None else trace["stands"],
        "wanted": wanted,
        "half_spread": None if trace is None else _readded(order["side"].lower(), common, trace),
        "size": None
        if size is None
        else {key: coin_text(size[key], decimals) for key in SIZE_PARTS},
        "place": places_shown.as_json(order, decimals),
    }


def _readded(side: str, common: Json, trace: Json) -> Json:
    """The terms of a quote, outward from fair, and their sum."""
    outward = -1.0 if side == "bid" else 1.0
    terms = {
        key: outward * value if key in SHIFTS else value
        for key, value in common.items()
        if key.endswith("_bps")
    } | {key: trace[key] for key in LEVEL_TERMS}
    return {
        "terms": terms,
        "sum_bps": sum(terms.values()),
        "half_spread_bps": trace["half_spread_bps"],
    }


def lines(shown: Json) -> list[str]:
    """The same for a person.

    Args:
        shown: What `as_json` gives, with `coin`.
    """
    mid = "-" if shown["mid"] is None else f"{shown['mid']:.10g}"
    told = [
        f"mid {mid}  position {shown['position']} {shown['coin']}  sigma {plain(shown['sigma'])}",
        *_inputs(shown),
        *models_shown.lines(shown["models"]),
        *costs_shown.lines(shown["costs"]),
    ]
    if shown["not_quoting"] is not None:
        told.append(f"not quoting: {shown['not_quoting']}")
    for side in SIDES:
        rows = shown[side]
        told += ["", *_side_lines(side, rows, shown)]
        for order in rows["orders"]:
            told += _order_lines(order, rows, shown)
        told += [
            f"  refused {refusal['sz']} at {refusal['px']}: {refusal['reason']}"
            f" (limit {refusal['limit']})"
            for refusal in rows["refusals"]
        ]
        told += [_waiting(change) for change in rows["withheld"]]
        why = shown["suppressed"][side]
        if why is not None:
            told.append(f"  no order: {why}")
    return told


def _inputs(shown: Json) -> list[str]:
    """Inventory, gamma and what it was found from, and the edge."""
    even, found = shown["break_even_bps"], shown["priced_from"]
    told = []
    if even is not None:
        told.append(
            f"break-even {even:.4f} bps from fair: maker fee {shown['maker_fee_bps']:.4f}"
            f" + adverse selection at that distance {even - shown['maker_fee_bps']:.4f}"
        )
    if found is None:
        return [*told, "nothing was priced"]
    told.append(
        f"inventory {found['inventory_frac']:+.4%} of the limit ="
        f" {found['inventory_units']:+.6g} of {found['limit_units']:.6g} units; a unit, the size of"
        f" one level, is {found['unit']:.6g} {shown['coin']}"
    )
    if found["level_step_bps"] is not None:
        told.append(f"levels stand 1/k = {found['level_step_bps']:.4f} bps apart")
    model = found["model"]
    edge = f"edge: {EDGES[found['edge_from']]}, at least min_edge {found['min_edge_bps']:.4f} bps"
    if model is None:
        return [*told, edge]
    return [*told, *_model(model, MODELS[found["strategy"]]), edge]


def _model(model: Json, name: str) -> list[str]:
    wish, at = model["wish"], model["at"]
    horizon = model["horizon_s"]
    until = "" if horizon is None else f", {horizon:g} s to go"
    same = "" if model["usual"] == at else f", in a usual market: {_market(model['usual'])}"
    return [
        f"gamma {model['gamma']:.8g} /(bps x unit): risk_aversion {wish['risk_aversion']:g} x"
        f" the one by which {wish['limit_units']:.6g} units shift prices by"
        f" {wish['span_bps']:.6g} bps, the width of the ladder{same}",
        f"{name} at {_market(at)}{until}: delta {model['delta_bps']:.4f} bps ="
        f" ln(1 + gamma/k)/gamma {model['riskless_bps']:.4f} + half of what a unit held shifts"
        f" prices by, {model['skew_per_unit_bps']:.8g} bps",
    ]


def _market(at: Mapping[str, float]) -> str:
    return (
        f"sigma {at['sigma_bps']:.6g} bps/sqrt(s) A {at['arrival']:.6g}/s k {at['kappa']:.6g}/bps"
    )


def _side_lines(side: str, rows: Json, shown: Json) -> list[str]:
    """What a side shows in all and why, and how far its orders may be from what is wanted."""
    told = [f"{side}  limit {plain(rows['limit'])} {shown['coin']}"]
    sized, tolerance = shown["sized_from"], rows["tolerance"]
    if sized is not None:
        regime, burst = sized["regime_frac"], rows["burst_frac"]
        told.append(
            f"  shows {rows['total']} in all: {sized['target']} wanted ="
            f" {sized['target_frac']:.4g} of the limit {sized['limit']}"
            + (f" x {regime:g} in this regime" if regime < 1 else "")
            + f", one smallest order {sized['smallest']} at least; room {rows['room']}"
            + (f"; a burst of fills leaves {burst:.0%}" if burst < 1 else "")
        )
    if tolerance is not None:
        even = tolerance["break_even"]
        told.append(
            f"  an order stays within {tolerance['bps']:.4f} bps ({tolerance['px']} USDC) and"
            f" {tolerance['sz_frac']:.0%} of the size that is wanted"
            + ("" if even is None else f", and no nearer than {even}, where a fill would lose")
        )
    return told


def _order_lines(order: Json, rows: Json, shown: Json) -> list[str]:
    """An order, and the terms of its price and size that are not nothing."""
    told = [f"  {order['sz']:>12} at {order['px']}{_standing(order, rows)}"]
    half, size = order["half_spread"], order["size"]
    if order["place"] is not None:
        told.append(f"{'':15} {places_shown.line(order['place'])}")
    if half is not None:
        terms = "  ".join(f"{name} {value:+.4f}" for name, value in half["terms"].items() if value)
        told.append(f"{'':15} half-spread {half['half_spread_bps']:.4f} = {terms}")
    if size is not None:
        parts = "  ".join(
            f"{name} {'' if size[name].startswith('-') else '+'}{size[name]}"
            for name in SIZE_PARTS
            if size[name] != "0"
        )
        total = rows["total"]
        share = (
            f"  ({float(size['by_weight']) / float(total):.1%} of the side by fill rate x capture)"
            if size["by_weight"] != "0" and total not in (None, "0")
            else ""
        )
        told.append(f"{'':15} size {order['sz']} {shown['coin']} = {parts}{share}")
    return told


def _standing(order: Json, rows: Json) -> str:
    """What an order stands for."""
    stands, wanted = order["stands"], order["wanted"]
    if stands is None:
        return ""
    if wanted is None:
        return "  unwanted: nothing is wanted in its place"
    what = wanted["px"] if wanted["sz"] is None else f"{wanted['sz']} at {wanted['px']}"
    tolerance = rows["tolerance"]
    near = "" if tolerance is None else f", within {tolerance['bps']:.4f} bps of it"
    texts = {
        "new": "new: placed in this cycle",
        "moved": "moved: sent there in this cycle",
        "kept": f"kept for {what}{near}",
        "unanswered": f"unanswered: stands for {what} until the venue has said what became of it",
        "withheld": f"withheld: to become {what}, and waits for requests",
        "refused": f"refused: to become {what}, and may not now",
    }
    return f"  {texts[stands]}"


def _waiting(change: Json) -> str:
    """A change that waits for requests, with what it would earn and what a request must."""
    what = "a move" if change["amends"] else "an order"
    gain = change["gain_usd"]
    earns = "removes risk" if gain is None else f"earns {gain:.6f} USDC"
    return (
        f"  waiting {what} to {change['sz']} at {change['px']}: {WAITS[change['why']]}"
        f" ({earns}, a request must earn {change['price_usd']:.6f})"
    )
