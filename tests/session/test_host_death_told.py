"""Which of two protections stands, over all coins of an account, and how that is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm._core import date_stays
from mm.host_death import HostDeath, text

USD = 10**6


class Coin:
    """An engine that says what would be left of its coin."""

    def __init__(self, left: tuple[int, int] | None) -> None:
        self.says = left

    def left(self) -> tuple[int, int] | None:
        return self.says


def test_the_date_goes_when_it_leaves_clearly_more_than_the_stop() -> None:
    for stood, under_date, under_stop, stays in (
        (True, 100, 100, True),
        (True, 125, 100, True),
        (True, 126, 100, False),
        (False, 125, 100, False),
        (False, 100, 100, True),
    ):
        assert date_stays(stood, under_date, under_stop) is stays


def test_the_coins_of_an_account_are_summed_up_for_its_one_date() -> None:
    """Alone, one of them would take it back and the other would not."""
    large, small = Coin((130 * USD, 100 * USD)), Coin((10 * USD, 90 * USD))
    assert not HostDeath([large]).keeps_date()
    assert HostDeath([small]).keeps_date()
    both = HostDeath([large, small])
    assert both.left() == (140 * USD, 190 * USD)
    assert both.keeps_date()


def test_it_is_told_when_it_changes_alone() -> None:
    coin = Coin((10 * USD, 50 * USD))
    death = HostDeath([coin])
    with capture_logs() as logged:
        for held in (10, 60, 63, 60, 51, 50, 62):
            coin.says = (held * USD, 50 * USD)
            death.keeps_date()
    assert [line["event"] for line in logged] == [
        "schedule_cancel_waits",
        "schedule_cancel_stands_again",
    ]
    figures = {key: value for key, value in logged[0].items() if key.startswith("left")}
    assert figures == {"left_under_date_usd": "63", "left_under_stop_usd": "50"}


@pytest.mark.parametrize("stood", [True, False])
def test_what_is_not_known_changes_nothing(stood: bool) -> None:
    known, other = Coin((10, 10) if stood else (100, 10)), Coin((0, 0))
    death = HostDeath([known, other])
    assert death.keeps_date() is stood
    known.says, other.says = (100, 10) if stood else (10, 10), None
    assert death.left() is None
    assert death.keeps_date() is stood
    shown = death.shown(None)
    assert (shown["left_usd"], shown["scheduled_cancel"]) == (None, None)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            "stands",
            "orders gone within 60 s (scheduleCancel); left without an end: 12.5 USDC",
        ),
        (
            "taken_back",
            "orders rest until filled (scheduleCancel would leave more);"
            " left without an end: at most 40 USDC",
        ),
        (
            "refused",
            "orders rest until filled (no scheduleCancel); left without an end: at most 40 USDC",
        ),
        (
            "lapsed",
            "orders rest until filled (scheduleCancel was not renewed);"
            " left without an end: at most 40 USDC",
        ),
    ],
)
def test_what_stands_decides_what_is_left(state: str, said: str) -> None:
    death = HostDeath([Coin((12_500_000, 40 * USD))])
    date: Any = SimpleNamespace(state=state, life_s=60.0)
    shown = death.shown(date)
    assert (shown["left_under_date_usd"], shown["left_under_stop_usd"]) == ("12.5", "40")
    assert text(shown) == said
    assert "not known" in text({**shown, "left_usd": None})
