"""How our orders' places in their queues are shown; nothing where no model of queues is on."""

from collections.abc import Iterator, Sequence
from typing import Any

from mm.figures import coin_text

Json = dict[str, Any]

SIDES = ("bid", "ask")


def as_json(order: Json, decimals: int) -> Json | None:
    """Where an order of a snapshot stands.

    Args:
        order: One of a snapshot's `orders`.
        decimals: Of the coin's sizes.

    Returns:
        Sizes in coin: others ahead, at least and at most (None until a display of after it came
        to rest), and all others at its price; the chance of a fill against that of an order with
        nobody ahead. None where nothing is known.
    """
    place = order.get("place")
    if place is None:
        return None
    bounds = place["bounds"]
    return {
        "ahead": coin_text(place["ahead"], decimals),
        "at_least": None if bounds is None else coin_text(bounds[0], decimals),
        "at_most": None if bounds is None else coin_text(bounds[1], decimals),
        "level": coin_text(place["level"], decimals),
        "chance": place["worth"],
    }


def line(place: Json) -> str:
    """The same for a person."""
    bounds = (
        "bounds not known yet"
        if place["at_least"] is None
        else f"{place['at_least']} to {place['at_most']}"
    )
    chance = "" if place["chance"] is None else f", {place['chance']:.0%} of the first one's chance"
    return f"behind {place['ahead']} ({bounds}) of {place['level']}{chance}"


def model_lines(queue: Json | None) -> list[str]:
    """What is measured of queues, for a person."""
    if queue is None:
        return []
    cancels, stops = queue["cancels_per_s"], queue["stop_lots"]
    rate = "not ready" if cancels is None else f"{cancels:.3g}/s of what waits"
    lots = ", ".join("-" if stop is None else f"{stop:,.0f}" for stop in stops)
    return [f"  queues: cancels {rate}; takers of our bids, asks stop after {lots} lots"]


def mean_worth(orders: Sequence[Json]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Samples of a metric, by side: the mean chance of our orders; absent where none is known."""
    for side in SIDES:
        places = (order.get("place") for order in orders if order["side"].lower() == side)
        known = [place["worth"] for place in places if place and place["worth"] is not None]
        if known:
            yield (side,), sum(known) / len(known)
