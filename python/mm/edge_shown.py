"""What a fill leaves at each distance as the engine measured it: for screen, status and summary.

Whatever prices rest on, it is said as soon as anything is known: the net of maker fee and adverse
selection 5 s after takers who came so far, with intervals that hold for all distances at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

SIDES = ("bid", "ask")
NO_EDGE = "no_edge"
TOO_FEW = 10
"""Moves apart below which no interval says anything."""


def as_json(models: Mapping[str, Any]) -> Json:
    """By side what is known at each distance, bps, which pay and which lose, and who stands back.

    Args:
        models: Of a snapshot, or anything that has its `edge`: `[bids, asks]`.
    """
    return {side: dict(one) for side, one in zip(SIDES, models["edge"], strict=True)}


def text(edge: Mapping[str, Any]) -> str:
    """One line of both sides.

    Args:
        edge: As `as_json` gives it.
    """
    n = max(edge[side]["n"] for side in SIDES)
    if not any(_is_judged(edge[side]) for side in SIDES):
        return f"not known yet: {n:.0f} takers apart were seen, {TOO_FEW} a side are the least"
    if not any(edge[side]["pays_bps"] for side in SIDES):
        sides = "; ".join(f"{side}s {_loses(edge[side])}" for side in SIDES)
        return f"no distance has an edge that chance does not explain: {sides}"
    return "; ".join(f"{side}s {_side(edge[side])}" for side in SIDES)


def _is_judged(side: Mapping[str, Any]) -> bool:
    return any(one["half_width_bps"] is not None for one in side["depths"])


def _side(side: Mapping[str, Any]) -> str:
    if side["pays_bps"] is None:
        return _loses(side)
    nearest, farthest = side["pays_bps"]
    return f"pay from {nearest:g} bps on, as far as {farthest:g} is known{_n(side)}"


def _loses(side: Mapping[str, Any]) -> str:
    if not _is_judged(side):
        return f"not known yet{_n(side)}"
    if side["loses_bps"] is None:
        return f"cannot be told{_n(side)}"
    return f"lose as far as {side['loses_bps'][1]:g} bps{_n(side)}"


def _n(side: Mapping[str, Any]) -> str:
    back = ", stand back" if side["is_back"] else ""
    return f" (n {side['n']:.0f}){back}"


def lines(edge: Mapping[str, Any]) -> list[str]:
    """One line for each distance of each side, for `mm explain`."""
    return [
        f"  {side}s at {one['depth_bps']:g} bps leave {one['net_bps']:+.2f}"
        + ("" if one["half_width_bps"] is None else f" +- {one['half_width_bps']:.2f}")
        + f" bps (n {one['n']:.0f}): {one['verdict'].replace('_', ' ')}"
        for side in SIDES
        for one in edge[side]["depths"]
    ]


def back_text(edge: Mapping[str, Any]) -> str:
    """How long each side stood back; nothing where none did."""
    stood = [f"{side}s {edge[side]['back_s']:.0f} s" for side in SIDES if edge[side]["back_s"] > 0]
    return f"; stood back: {', '.join(stood)}" if stood else ""


def standing_back_text(snapshot: Mapping[str, Any]) -> str:
    """What the status line adds where a side stands back; else nothing."""
    sides = [side for side in SIDES if snapshot["suppressed"][side] == NO_EDGE]
    return f" ({', '.join(sides)} back: no edge)" if sides else ""


def nets(models: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Samples of a metric: what is left at each distance, bps; absent where nothing is known."""
    for side, edge in as_json(models).items():
        for one in edge["depths"]:
            yield (side, f"{one['depth_bps']:g}"), one["net_bps"]


def half_widths(models: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Half of its interval, bps; absent below ten moves apart."""
    for side, edge in as_json(models).items():
        for one in edge["depths"]:
            if one["half_width_bps"] is not None:
                yield (side, f"{one['depth_bps']:g}"), one["half_width_bps"]


def backs(models: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Seconds that a side stood back."""
    for side, edge in as_json(models).items():
        yield (side,), edge["back_s"]
