"""The date of `scheduleCancel`: when it is set, renewed, taken back and asked for again."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm.errors import VenueError
from mm.hyperliquid.deadman import AGAIN_S, LIFE_S, REFUSED_S, RENEWALS, ScheduledCancel
from mm.hyperliquid.errors import LostReplyError
from mm.hyperliquid.http import HttpReply

BEGUN_MS = 1_700_000_000_000
DUE_S = LIFE_S / RENEWALS
NOT_ENOUGH = "Cannot set scheduled cancel time until enough volume traded."
TAKEN, GATED = {"status": "ok"}, {"status": "err", "response": NOT_ENOUGH}
NO_REQUESTS = {"status": "err", "response": "Too many cumulative requests sent"}


class Venue:
    """One that answers as it is told, and a clock that stands until it is moved."""

    def __init__(self, speed: float = 1.0) -> None:
        self.now_s = 0.0
        self.answer: Any = TAKEN
        self.asked: list[tuple[float, float | None]] = []
        self.wanted = self.healthy = True
        nobody: Any = SimpleNamespace
        self.date = ScheduledCancel(
            nobody(request=self.request),
            nobody(now_ns=lambda: int((BEGUN_MS / 1_000 + self.now_s) * 1e9), speed=speed),
            lambda: self.healthy,
            lambda: self.wanted,
        )

    def state(self) -> str:
        return self.date.state

    async def request(self, action: dict[str, Any]) -> HttpReply:
        at_ms = action.get("time")
        self.asked.append((self.now_s, None if at_ms is None else (at_ms - BEGUN_MS) / 1_000))
        if isinstance(self.answer, Exception):
            raise self.answer
        status, body = self.answer if isinstance(self.answer, tuple) else (200, self.answer)
        return HttpReply(status, json.dumps(body).encode())

    async def tends(self, until_s: float) -> list[tuple[float, float | None]]:
        """Look every second until then; returns what was asked: when, and for which date."""
        since = len(self.asked)
        while self.now_s < until_s:
            self.now_s += 1.0
            await self.date.tend()
        return self.asked[since:]


@pytest.fixture
async def venue() -> Venue:
    venue = Venue()
    await venue.date.begin()
    assert venue.asked == [(0.0, LIFE_S)]
    assert venue.state() == "stands"
    return venue


async def test_it_is_renewed_three_times_a_life_while_healthy_alone(venue: Venue) -> None:
    assert await venue.tends(60.0) == [(t, t + LIFE_S) for t in (20.0, 40.0, 60.0)]
    venue.healthy = False
    assert await venue.tends(119.0) == []
    assert venue.state() == "stands"
    await venue.tends(120.0)
    assert venue.state() == "lapsed", "it has fired by now"
    venue.healthy = True
    assert await venue.tends(121.0) == [(121.0, 181.0)]
    assert venue.state() == "stands"


async def test_a_fast_market_gives_it_six_seconds_of_ours() -> None:
    venue = Venue(speed=60.0)
    await venue.date.begin()
    assert venue.asked == [(0.0, 360.0)]
    assert venue.date.life_s == 360.0


async def test_it_is_taken_back_at_once_and_stays_away(venue: Venue) -> None:
    venue.wanted = False
    assert await venue.tends(200.0) == [(1.0, None)]
    assert venue.state() == "taken_back"
    venue.wanted = True
    assert (await venue.tends(201.0)) == [(201.0, 261.0)], "a renewal was due long ago"


async def test_however_fast_minds_change_it_is_set_no_more_often_than_it_would_be_renewed(
    venue: Venue,
) -> None:
    for second in range(200):
        venue.wanted = second % 2 == 1
        await venue.tends(second + 1.0)
    sets = [at_s for at_s, date in venue.asked if date is not None]
    backs = [at_s for at_s, date in venue.asked if date is None]
    assert all(later - earlier >= DUE_S for earlier, later in pairwise(sets))
    assert len(sets) >= 200 / DUE_S - 1
    assert len(backs) <= len(sets)


async def test_taking_it_back_is_tried_again_soon_where_nobody_answered(venue: Venue) -> None:
    """Until then it may stand, and would fire."""
    venue.wanted, venue.answer = False, LostReplyError("no answer")
    with capture_logs() as logged:
        assert await venue.tends(12.0) == [(t, None) for t in (1.0, 1.0 + AGAIN_S, 11.0)]
    assert {line["event"] for line in logged} == {"schedule_cancel_not_taken_back"}
    assert venue.state() == "stands"
    venue.answer = TAKEN
    assert await venue.tends(30.0) == [(16.0, None)]
    assert venue.state() == "taken_back"


@pytest.mark.parametrize(
    "answer", [LostReplyError("gone"), VenueError("x"), (502, {}), (429, {}), NO_REQUESTS]
)
async def test_what_is_no_word_on_the_date_is_tried_again_when_it_is_due(
    venue: Venue, answer: object
) -> None:
    venue.answer = answer
    with capture_logs() as logged:
        assert [at_s for at_s, _ in await venue.tends(60.0)] == [20.0, 40.0, 60.0]
    assert [line["event"] for line in logged] == ["schedule_cancel_not_renewed"] * 3
    assert (venue.state(), venue.date.refused) == ("lapsed", None)
    venue.answer = TAKEN
    await venue.tends(80.0)
    assert venue.state() == "stands"


async def test_where_the_venue_refuses_it_an_hour_passes() -> None:
    """Below the volume, or after ten firings of a day: it is told once, in the venue's words."""
    venue = Venue()
    venue.answer = GATED
    with capture_logs() as logged:
        await venue.date.begin()
        assert venue.state() == "refused"
        assert NOT_ENOUGH in str(venue.date.refused)
        assert [at_s for at_s, _ in await venue.tends(2 * REFUSED_S)] == [REFUSED_S, 2 * REFUSED_S]
    assert [line["event"] for line in logged] == ["schedule_cancel_not_available"]
    venue.answer = TAKEN
    await venue.tends(3 * REFUSED_S)
    assert (venue.state(), venue.date.refused) == ("stands", None)
    venue.wanted = False
    await venue.tends(3 * REFUSED_S + 1)
    assert venue.state() == "taken_back"


async def test_one_that_was_never_taken_is_not_taken_back() -> None:
    venue = Venue()
    venue.answer, venue.wanted = GATED, False
    await venue.date.begin()
    assert await venue.tends(100.0) == []
    await venue.date.end()
    assert len(venue.asked) == 1


@pytest.mark.parametrize("wanted", [True, False])
async def test_after_the_end_it_is_never_set_again(venue: Venue, wanted: bool) -> None:
    venue.wanted = wanted
    await venue.date.end()
    assert venue.asked[-1] == (0.0, None)
    assert await venue.tends(100.0) == []
