"""Each input past its first deadline, and past its second: what the limit and the orders become."""

from typing import Any

import pytest

from engine_desk import EngineDesk

DEADLINES = {"account": (6, 12), "head_room": (7, 14), "own_stream": (8, 16), "market": (5, 9)}
"""First and second, seconds: all different, so that it shows whose was read."""
QUIET = {
    "account": ["account"],
    "head_room": ["head_room"],
    # A report of the account is a sign of life of our own stream too.
    "own_stream": ["user", "account"],
    "market": ["market"],
}


def desk_of(stream: str, **limits: float) -> EngineDesk:
    """Holds 0.01 BTC, quotes both sides, and hears of everything but one input soon enough."""
    settings: dict[str, Any] = {
        "freshness.account_degraded_s": 1e3,
        "freshness.account_gone_s": 2e3,
    }
    first, second = DEADLINES[stream]
    settings |= {f"freshness.{stream}_degraded_s": first, f"freshness.{stream}_gone_s": second}
    settings |= {f"limits.{key}": value for key, value in limits.items()}
    desk = EngineDesk({key: float(value) for key, value in settings.items()}, position=0.01).open()
    desk.account()
    desk.head_room()
    assert desk.limits["source"] == "valid"
    assert desk.lots("Bid") > 0
    return desk


@pytest.mark.parametrize("stream", ["account", "head_room", "own_stream"])
def test_a_late_input_stops_the_increasing_side_and_spares_the_other(stream: str) -> None:
    desk = desk_of(stream, position_cap_coin=0.2)
    long, short = 20_000, 20_000
    first, second = DEADLINES[stream]
    desk.after(first - 0.5, quiet=QUIET[stream])
    assert (desk.limits["source"], desk.limits["lots"]) == ("valid", [long, short])

    desk.after(1.0, quiet=QUIET[stream])
    assert (desk.limits["source"], desk.limits["stale"]) == ("degraded", stream)
    assert desk.limits["lots"] == [long, short]
    assert desk.lots("Ask") > 0

    desk.after(second - first, quiet=QUIET[stream])
    assert desk.limits["lots"] == [0, short]
    assert desk.limits["binding"] == ["gone", "last_valid"]
    assert desk.lots("Bid") == 0
    assert desk.lots("Ask") >= 1_000, "the position can still be sold"
    assert desk.scraped()['mm_effective_max_position{side="long"}'] == 0.0

    desk.account()
    desk.head_room()
    desk.after(1.0)
    assert (desk.limits["source"], desk.limits["lots"]) == ("valid", [long, short])
    assert desk.lots("Bid") > 0


def test_while_degraded_the_increasing_side_may_not_grow() -> None:
    """More equity, with the head-room late: the long limit stays; fresh again, it may rise."""
    desk = desk_of("head_room")
    desk.after(7.0, quiet=["head_room"])
    long = desk.limits["lots"][0]
    desk.after(1.0, quiet=["head_room"])
    assert desk.limits["source"] == "degraded"
    desk.account(equity=20_000.0)
    desk.after(1.0, quiet=["head_room"])
    # Two seconds without a fill lengthen T by as much.
    assert long * 0.999 < desk.limits["lots"][0] <= long
    desk.account(equity=9_000.0)
    desk.after(1.0, quiet=["head_room"])
    assert desk.limits["lots"][0] < long, "it may fall"


def test_a_silent_market_ends_every_quote_at_its_second_deadline() -> None:
    """Without a price there is nothing to quote at, on either side."""
    desk = desk_of("market")
    first, second = DEADLINES["market"]
    desk.after(first + 0.5, quiet=["market"])
    assert (desk.limits["source"], desk.limits["stale"]) == ("degraded", "market")
    desk.after(second - first, quiet=["market"])
    assert desk.limits["lots"][0] == 0
    assert desk.limits["lots"][1] > 0
    assert desk.lots("Bid") == desk.lots("Ask") == 0
    assert desk.sent[-1]["kind"] == "cancel"


def test_a_volatility_that_ages_with_a_one_sided_book() -> None:
    """Without a mid nothing is observed: the estimate ages by the book's own time."""
    settings = {"freshness.sigma_degraded_s": 4.0, "freshness.sigma_gone_s": 9.0}
    desk = EngineDesk(settings, position=0.01).open()
    short = desk.limits["lots"][1]
    desk.one_sided_for(5.0)
    assert (desk.limits["source"], desk.limits["stale"]) == ("degraded", "sigma")
    desk.one_sided_for(5.0)
    assert desk.limits["lots"] == [0, short]
    assert desk.limits["binding"] == ["gone", "last_valid"]


def test_flat_both_sides_increase() -> None:
    desk = EngineDesk({"freshness.head_room_degraded_s": 7.0, "freshness.head_room_gone_s": 14.0})
    desk.open().after(20.0, quiet=["head_room"])
    assert desk.limits["lots"] == [0, 0]
    assert desk.lots("Bid") == desk.lots("Ask") == 0


def test_a_late_input_alone_sells_nothing_at_once() -> None:
    """A position within its limit is left to its quotes, however long the head-room is silent."""
    desk = EngineDesk(position=0.01).open()
    assert desk.limits["lots"][0] > 1_500
    desk.after(570.0, quiet=["head_room"])
    assert desk.limits["binding"][0] == "gone"
    tifs = {order["tif"] for side in ("Bid", "Ask") for order in desk.orders(side)}
    assert tifs == {"Alo"}
    assert desk.snapshot()["recovery"]["state"] == "normal"
    assert desk.lots("Bid") == 0
    assert desk.lots("Ask") >= 1_000
