"""A limit of 0 on both sides, flat: the mode says why nothing is quoted."""

from engine_desk import EngineDesk


def told(desk: EngineDesk) -> tuple[str, str]:
    """Mode and reason; each side gives the same one."""
    shown = desk.snapshot()
    reason = shown["mode_reason"]
    assert shown["limits"]["lots"] == [0, 0]
    assert shown["not_quoting"] == reason
    assert desk.scraped()[f'mm_quoting{{reason="{reason}",side="bid"}}'] == 0.0
    assert desk.lots("Bid") == desk.lots("Ask") == 0
    return shown["mode"], reason


def test_without_equity_a_flat_maker_says_why_it_does_not_quote() -> None:
    desk = EngineDesk({"control.kill_unexplained_s": 3_600.0}).open()
    desk.account(-1.0)
    desk.timer()
    assert desk.limits["source"] == "invalid"
    assert told(desk) == ("reduce_only", "no_limit")
    desk.account(10_000.0)
    desk.after(1.0)
    assert desk.snapshot()["mode"] == "normal"
    assert desk.lots("Bid") > 0


def test_a_cap_of_nothing_is_told_too() -> None:
    desk = EngineDesk({"limits.position_cap_usd": 0.5}).open()
    assert desk.limits["source"] == "valid"
    assert told(desk) == ("reduce_only", "no_limit")


def test_a_late_input_is_named_instead() -> None:
    late = {"freshness.head_room_degraded_s": 7.0, "freshness.head_room_gone_s": 14.0}
    desk = EngineDesk(late).open()
    desk.after(20.0, quiet=["head_room"])
    assert told(desk) == ("reduce_only", "inputs_degraded")
