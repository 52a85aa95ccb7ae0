"""The right to trade: lost by silence alone, back by the watchdog's word alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mm.lease import TERM_S, Lease
from mm.watchdog.charge import LEAST_WALL_S
from mm.watchdog.directory import Doing, Status, WatchdogDir
from mm.watchdog.leash import Leash

SESSION = 7


class Hand:
    """Of a clock."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def lease(self) -> Lease:
        return Lease(lambda: self.now_s)


def test_it_ends_before_any_watchdog_acts() -> None:
    assert TERM_S < LEAST_WALL_S


def test_before_the_first_beat_nobody_needs_it() -> None:
    hand = Hand()
    lease = hand.lease()
    hand.now_s = 100.0
    assert (lease.lapsed, lease.count_lapses(), lease.renew(None)) == (False, 0, True)


def test_it_lasts_from_beat_to_beat() -> None:
    hand = Hand()
    lease = hand.lease()
    for number in range(1, 10):
        hand.now_s += TERM_S
        lease.beaten(number)
        assert not lease.lapsed
    hand.now_s += TERM_S + 0.01
    assert (lease.lapsed, lease.count_lapses()) == (True, 1)


@pytest.mark.parametrize("looked", [True, False])
def test_a_late_beat_does_not_hide_that_it_was_late(looked: bool) -> None:
    hand = Hand()
    lease = hand.lease()
    lease.beaten(1)
    hand.now_s += 2 * TERM_S
    if looked:
        assert lease.lapsed
    lease.beaten(2)
    lease.beaten(3)
    assert lease.lapsed
    assert not lease.renew(None), "it works"
    assert not lease.renew(1), "by a beat of before"
    assert lease.renew(2)
    assert (lease.lapsed, lease.count_lapses()) == (False, 1)


def test_lost_again_it_needs_a_word_of_after_that() -> None:
    hand = Hand()
    lease = hand.lease()
    lease.beaten(1)
    hand.now_s += 2 * TERM_S
    lease.beaten(2)
    hand.now_s += 2 * TERM_S
    assert not lease.renew(2)
    assert not lease.renew_alone(), "and a beat of ours: the loop is proven healthy"
    lease.beaten(3)
    assert not lease.renew(2)
    assert lease.renew(3)
    assert lease.count_lapses() == 2


@pytest.fixture
def said(tmp_path: Path) -> Callable[[Doing, int, int | None], bool]:
    """Whether a lapsed lease, asked for by beat 2, is renewed by these words of a watchdog."""
    directory = WatchdogDir(tmp_path)
    directory.make()

    def renews(doing: Doing, session: int, heard: int | None) -> bool:
        hand = Hand()
        lease = hand.lease()
        lease.beaten(1)
        hand.now_s += 2 * TERM_S
        lease.beaten(2)
        directory.write_status(Status(os.getpid(), 1, doing, "", session, None, heard))
        leash = Leash(directory, (), tmp_path / "words", SESSION, None)  # type: ignore[arg-type]  # it does not beat
        return leash.renews(lease)

    return renews


def test_only_a_watchdog_that_watches_by_a_newer_beat_gives_it_back(
    tmp_path: Path, said: Callable[[Doing, int, int | None], bool]
) -> None:
    with WatchdogDir(tmp_path).held():
        assert said("watching", SESSION, 2)
        assert not said("watching", SESSION, 1)
        assert not said("watching", SESSION, None)
        assert not said("watching", SESSION - 1, 2)
        assert not said("working", SESSION, 2)
        assert not said("done", SESSION, 2)


def test_one_that_has_ended_acts_no_more(said: Callable[[Doing, int, int | None], bool]) -> None:
    assert said("working", SESSION, 1)
