"""Both ways to be over the limit: worth more than V, and larger than Q of the side."""

from engine_desk import EngineDesk


def reasons(desk: EngineDesk, side: str) -> set[str]:
    """Why the last cycle that refused anything refused orders of a side."""
    last = [line["r"] for line in desk.log if "r" in line][-1]
    return {refusal["reason"] for refusal in last if refusal["side"] == side}


def test_a_position_worth_more_than_v_is_over_the_value_limit() -> None:
    desk = EngineDesk({"limits.position_cap_usd": 5_000.0}, position=0.048).open()
    assert not desk.snapshot()["reduce_only"]
    desk.bbo(110_000.0)
    desk.timer()
    assert desk.snapshot()["reduce_only"]
    assert reasons(desk, "Bid") == {"OverValueLimit"}
    assert desk.lots("Bid") == 0
    assert desk.lots("Ask") == 4_800


def test_a_position_larger_than_q_alone_is_over_the_position_limit() -> None:
    """Somebody buys by hand beyond what the exchange lets this side hold: V is far away."""
    # Small quotes, and a runaway far away.
    desk = EngineDesk({"quoting.target_liquidity_frac": 0.01, "control.kill_runaway_ratio": 10.0})
    desk.bbo()
    desk.candles()
    desk.fees()
    desk.head_room(buy=0.01, sell=50.0)
    desk.anchor()
    desk.after(3.0, quiet=["head_room"])
    assert desk.limits["lots"][0] == 1_000
    by_hand = {"side": "Bid", "px": 999_990, "sz": 1_500, "oid": 77, "cloid_text": None}
    desk.fill(by_hand)
    desk.after(1.0, quiet=["head_room", "account"])
    snapshot = desk.snapshot()
    assert snapshot["position"] == 1_500
    assert snapshot["limits"]["value"] > 30_000 * 10**6, "it is worth 1,500"
    assert snapshot["reduce_only"]
    assert reasons(desk, "Bid") == {"OverPositionLimit"}
    assert desk.lots("Bid") == 0
    assert desk.lots("Ask") == 1_500


def test_at_exactly_the_limit_it_is_two_sided_with_no_room_to_increase() -> None:
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.05).open()
    assert not desk.snapshot()["reduce_only"]
    assert desk.lots("Bid") == 0
    assert desk.lots("Ask") > 0
    assert reasons(desk, "Bid") == {"Room"}
    desk.fill(desk.orders("Ask")[-1], 0.01)
    desk.after(1.0)
    assert desk.lots("Bid") > 0
