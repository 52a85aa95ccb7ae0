"""What a death of the whole host would leave without an end, and which protection stands for that.

`scheduleCancel` takes every order, the stop too, so one of the two is chosen: the core compares
what each would leave, summed over the coins, for the date is the account's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, get_args

import structlog

from mm._core import date_stays
from mm.figures import usd_text
from mm.hyperliquid.deadman import DateState, ScheduledCancel

log = structlog.get_logger(__name__)

Json = dict[str, Any]  # Any: whatever JSON holds

STATES: tuple[str, ...] = get_args(DateState)
"""Of the date, as metrics label them."""


class Weighed(Protocol):
    """What is asked of an engine; see `mm._core.Engine`."""

    def left(self) -> tuple[int, int] | None:
        """What would be left of its coin, micro-USDC: under a date, and without one."""
        ...


class HostDeath:
    """Decides whether the date is to stand, and shows what a death would leave."""

    def __init__(self, engines: Sequence[Weighed]) -> None:
        """Prepare: the date is to stand until something is known.

        Args:
            engines: One a coin.
        """
        self._engines = engines
        self._date = True

    def left(self) -> tuple[int, int] | None:
        """Of all coins, micro-USDC: under the date, and without it; `None`: not known."""
        each = [engine.left() for engine in self._engines]
        known = [left for left in each if left is not None]
        if len(known) < len(each):
            return None
        return sum(date for date, _ in known), sum(stop for _, stop in known)

    def keeps_date(self) -> bool:
        """Whether the date is to stand now; what is not known changes nothing."""
        left = self.left()
        if left is not None:
            stays = date_stays(self._date, *left)
            if stays != self._date:
                self._date = stays
                log.info(
                    "schedule_cancel_stands_again" if stays else "schedule_cancel_waits",
                    left_under_date_usd=usd_text(left[0]),
                    left_under_stop_usd=usd_text(left[1]),
                )
        return self._date

    def shown(self, date: ScheduledCancel | None) -> Json:
        """What stands and what it would leave; money as decimal strings, `None`: not known.

        Args:
            date: Of the run; `None`: not asked for yet.
        """
        state = None if date is None else date.state
        left = self.left()
        under_date, under_stop = (None, None) if left is None else map(usd_text, left)
        return {
            "scheduled_cancel": state,
            "within_s": date.life_s if date is not None and state == "stands" else None,
            "left_usd": under_date if state == "stands" else under_stop,
            "left_under_date_usd": under_date,
            "left_under_stop_usd": under_stop,
        }


def text(shown: Mapping[str, Any]) -> str:
    """`shown` for a person, on one line."""
    left = "not known" if shown["left_usd"] is None else f"{shown['left_usd']} USDC"
    if shown["scheduled_cancel"] == "stands":
        gone = f"orders gone within {shown['within_s']:g} s (scheduleCancel)"
        return f"{gone}; left without an end: {left}"
    why = {
        "taken_back": "scheduleCancel would leave more",
        "refused": "no scheduleCancel",
        "lapsed": "scheduleCancel was not renewed",
    }[shown["scheduled_cancel"]]
    return f"orders rest until filled ({why}); left without an end: at most {left}"
