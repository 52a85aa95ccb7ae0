"""Exchange time: announced plus elapsed, never back, never past a silent exchange."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.clock import EXTRAPOLATION_NS, SECOND_NS, LiveClock, PaperClock


class Hand:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def test_paper_time_runs_at_the_announced_speed() -> None:
    hand = Hand()
    clock = PaperClock(100 * SECOND_NS, 60.0, hand)
    hand.ns = SECOND_NS // 2
    assert clock.now_ns() == 130 * SECOND_NS


def test_a_market_that_slows_down_is_waited_for() -> None:
    hand = Hand()
    clock = PaperClock(0, 60.0, hand)
    hand.ns = SECOND_NS
    assert clock.now_ns() == 60 * SECOND_NS
    clock.announce(30 * SECOND_NS)
    assert clock.now_ns() == 60 * SECOND_NS
    hand.ns = 2 * SECOND_NS
    assert clock.now_ns() == 60 * SECOND_NS
    hand.ns = 2 * SECOND_NS + SECOND_NS // 2
    assert clock.now_ns() == 75 * SECOND_NS
    assert clock.speed_achieved() == 30.0


def test_time_stops_with_an_exchange_that_fell_silent() -> None:
    hand = Hand()
    clock = PaperClock(0, 10.0, hand)
    hand.ns = 3600 * SECOND_NS
    assert clock.now_ns() == 10 * EXTRAPOLATION_NS


def test_speed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="expected above 0"):
        PaperClock(0, 0.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**10), st.one_of(st.none(), st.integers(0, 10**13))), max_size=30
    ),
    st.floats(0.1, 1000),
)
def test_paper_time_never_goes_back(steps: list[tuple[int, int | None]], speed: float) -> None:
    hand = Hand()
    clock = PaperClock(0, speed, hand)
    last = clock.now_ns()
    for waited, announced in steps:
        hand.ns += waited
        if announced is not None:
            clock.announce(announced)
        now = clock.now_ns()
        assert now >= last
        last = now


def test_live_time_is_monotonic_from_one_reading_of_the_wall() -> None:
    hand = Hand()
    clock = LiveClock(wall=lambda: 1_000, monotonic=hand)
    hand.ns = 50
    assert clock.now_ns() == 1_050
    assert clock.speed == 1.0
