"""When the watchdog says that the engine's position is not the exchange's: never for a delay."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.heartbeat import BEAT_S, Beat, Held
from mm.watchdog.guard import LOOK_S
from mm.watchdog.judgement import Judgement, Patience

DRIFT_S = 5.0
ASK_S = 0.4
"""The longest time from an ask to its answer."""


def beat(number: int, position: int | None, moved: int | None = 0, session: int = 1) -> Beat:
    return Beat("watch", number, 1, session, {"BTC": Held(position=position, moved=moved)})


class Watched:
    """A judgement that hears one beat after another."""

    def __init__(self) -> None:
        self.judgement = Judgement(Patience(silence_s=99.0, drift_s=2.0), 0.0)
        self.number = 0
        self.hear(5, 0, 0.0)

    def hear(self, ours: int | None, moved: int | None, now_s: float) -> None:
        self.number += 1
        self.judgement.hear(beat(self.number, ours, moved), now_s)

    def look(self, now_s: float, theirs: int, ours: int | None = 5, moved: int | None = 0) -> None:
        """The exchange answers `theirs`; the beats after it say `ours`, and what has moved."""
        self.judgement.positions({"BTC": theirs})
        for _ in range(3):
            self.hear(ours, moved, now_s)

    def drifts(self, now_s: float) -> bool:
        return self.judgement.why_act(now_s) == "drift"


def test_a_position_that_stays_another_is_drift() -> None:
    watched = Watched()
    watched.look(1.0, theirs=8)
    watched.look(2.0, theirs=8)
    assert not watched.drifts(3.5), "two looks"
    watched.look(3.0, theirs=8)
    assert not watched.drifts(3.0), "three looks, and no more than the time"
    assert watched.drifts(3.1)
    watched.look(4.0, theirs=5)
    assert not watched.drifts(9.0)
    for now_s in (5.0, 7.1):
        watched.look(now_s, theirs=8)
    assert not watched.drifts(7.2), "agreed in between: two looks again"


def test_many_looks_within_a_moment_are_no_drift() -> None:
    watched = Watched()
    for number in range(10):
        watched.look(1.0 + number / 10, theirs=8)
    assert not watched.drifts(2.0)


def test_a_look_waits_for_a_beat_that_was_begun_after_the_answer() -> None:
    """The one read first may be older than the answer, and so may the one under way just then."""
    watched = Watched()
    for second in range(1, 9):
        moved = 6 * second
        watched.judgement.positions({"BTC": 8})
        for ours, gone in ((5, moved - 6), (5, moved - 6), (8, moved - 3), (5, moved)):
            watched.hear(ours, gone, float(second))
        assert not watched.drifts(second + 0.5), "it bought 3, and sold them again after that"


def test_answers_while_one_waits_are_passed_over() -> None:
    watched = Watched()
    for second in (1.0, 2.0, 3.0):
        watched.judgement.positions({"BTC": 8})
        for theirs in (5, 5, 8):
            watched.hear(5, 0, second)
            watched.judgement.positions({"BTC": theirs})
        for _ in range(3):
            watched.hear(5, 0, second)
    assert watched.drifts(3.1)


def test_differences_of_other_signs_or_sizes_are_no_drift() -> None:
    for theirs in ((8, 2), (8, 9)):
        watched = Watched()
        for second in range(1, 30):
            watched.look(float(second), theirs=theirs[second % 2])
            assert not watched.drifts(float(second))


def test_a_difference_that_stays_is_found_while_both_sides_move() -> None:
    watched, ours = Watched(), 5
    for second in range(1, 8):
        ours += 1
        watched.look(float(second), theirs=ours + 3, ours=ours, moved=second)
    assert watched.drifts(7.1)


def test_a_look_that_cannot_tell_neither_counts_nor_clears() -> None:
    watched = Watched()
    watched.look(1.0, theirs=8)
    watched.look(2.0, theirs=8)
    watched.look(3.0, theirs=8, moved=10)
    assert not watched.drifts(3.5), "it may have been at 8: it went up and down by 5"
    watched.look(4.0, theirs=8, moved=10)
    assert watched.drifts(4.0)


def test_a_look_that_cannot_tell_clears_what_it_rules_out() -> None:
    watched = Watched()
    watched.look(1.0, theirs=8)
    watched.look(2.0, theirs=8)
    watched.look(3.0, theirs=5, moved=2)
    watched.look(4.0, theirs=8, moved=2)
    assert not watched.drifts(9.0), "it was never 3 apart at the third"


def test_a_difference_that_does_not_show_again_for_long_is_forgotten() -> None:
    for after_s, found in ((4.0, True), (4.1, False)):
        watched = Watched()
        watched.look(1.0, theirs=8)
        watched.look(2.0, theirs=8)
        watched.look(2.0 + after_s, theirs=8)
        assert watched.drifts(9.0) == found


@pytest.mark.parametrize(("ours", "moved"), [(None, None), (5, None), (9, 1)])
def test_beats_that_do_not_say_enough_are_not_compared(ours: int | None, moved: int | None) -> None:
    """Before the anchor; or they contradict each other."""
    watched = Watched()
    for second in range(1, 9):
        watched.look(float(second), theirs=20, ours=ours, moved=moved)
        watched.hear(5, 0, float(second))
    assert not watched.drifts(99.0)


def test_another_run_begins_anew() -> None:
    watched = Watched()
    watched.look(1.0, theirs=8)
    watched.look(2.0, theirs=8)
    watched.judgement.positions({"BTC": 8})
    for number in range(1, 9):
        watched.judgement.hear(beat(number, 5, 0, session=2), 3.0)
    assert not watched.drifts(9.0)


# ---- laws ---------------------------------------------------------------------------------------


@dataclass
class World:
    """One position, moved by fills; the engine hears of each within a beat.

    Attributes:
        rate: Fills a second.
        lots: The largest of them.
        bound: The largest position.
        difference: What the engine never hears of, lots.
    """

    random: Random
    rate: float
    lots: int
    bound: int
    difference: int = 0

    def found_s(self, horizon_s: float) -> float | None:
        """When a drift is called; `None`: never."""
        random, until_s = self.random, horizon_s + 5.0
        theirs = self._steps(self._fills(until_s))
        ours = self._steps(
            sorted((at + random.uniform(0, 0.99 * BEAT_S), by) for at, by in self.told)
        )
        beats = self._beats(until_s, ours)
        judgement = Judgement(Patience(silence_s=30.0, drift_s=DRIFT_S), 0.0)
        now_s = 1.0
        while now_s < horizon_s:
            judgement.hear(beats(now_s), now_s)
            if judgement.why_act(now_s) == "drift":
                return now_s
            asked_s = now_s
            now_s += random.uniform(0, ASK_S)
            position, _ = theirs(random.uniform(asked_s, now_s))
            judgement.positions({"BTC": position + self.difference})
            now_s += LOOK_S
        return None

    def _fills(self, until_s: float) -> list[tuple[float, int]]:
        at, position, fills = 0.0, 0, []
        while self.rate and at < until_s:
            at += self.random.expovariate(self.rate)
            wanted = position + self.random.choice((-1, 1)) * self.random.randint(1, self.lots)
            by = max(-self.bound, min(self.bound, wanted)) - position
            position += by
            fills.append((at, by))
        self.told = fills
        return fills

    @staticmethod
    def _steps(fills: list[tuple[float, int]]) -> Callable[[float], tuple[int, int]]:
        """Position and lots moved at a time."""
        times, said = [at for at, _ in fills], [(0, 0)]
        for _, by in fills:
            position, moved = said[-1]
            said.append((position + by, moved + abs(by)))
        return lambda at: said[bisect_right(times, at)]

    def _beats(
        self, until_s: float, ours: Callable[[float], tuple[int, int]]
    ) -> Callable[[float], Beat]:
        """The newest beat at a time: each at least `BEAT_S` after the one before."""
        times, at = [0.0], 0.0
        while at < until_s:
            at += BEAT_S + self.random.uniform(0, 0.3)
            times.append(at)
        return lambda now_s: beat((number := bisect_right(times, now_s)), *ours(times[number - 1]))


RATES = st.sampled_from([0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0])
SEEDS = st.integers(0, 2**32 - 1).map(Random)


@settings(max_examples=100, deadline=None)
@given(SEEDS, RATES, st.sampled_from([1, 3, 40]), st.sampled_from([1, 2, 5, 100]))
def test_positions_that_are_always_equal_never_drift(
    random: Random, rate: float, lots: int, bound: int
) -> None:
    """Whatever the rate of fills, their delay up to a beat, and the order of looks and beats."""
    assert World(random, rate, lots, bound).found_s(120.0) is None


@settings(max_examples=50, deadline=None)
@given(SEEDS, RATES.filter(lambda rate: rate <= 5), st.sampled_from([-90, -40, 40, 90]))
def test_a_constant_difference_is_found_however_both_sides_move(
    random: Random, rate: float, difference: int
) -> None:
    """A few looks after its time, of about two seconds each."""
    found_s = World(random, rate, 1, 100, difference).found_s(30.0)
    assert found_s is not None
    assert DRIFT_S < found_s <= DRIFT_S + 8.0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([0.0, 0.2, 0.5]), st.sampled_from([-2, -1, 1, 2]))
def test_a_difference_of_a_lot_is_found_in_the_calm_between_fills(
    random: Random, rate: float, difference: int
) -> None:
    assert World(random, rate, 3, 100, difference).found_s(120.0) is not None
