"""What acknowledging a kill changes, and what it leaves spent. Pure.

The latch is not the only thing that stops a run: the loss budgets outlive a session too. A
drawdown is over when somebody has looked at it, so its acknowledgement takes the equity for the new
peak. The day's loss is over with the day, and nothing else lifts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor
from typing import Self

from mm.clock import SECOND_NS
from mm.figures import usd_text
from mm.kill_record import KillRecord

DRAWDOWN = "drawdown"
DAILY_LOSS = "daily_loss"
_DAY_NS = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class NewPeak:
    """The peak that a drawdown is counted from, before and after; micro-USDC, net of transfers.

    Attributes:
        old: Before.
        new: The equity last saved.
    """

    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A kill that somebody has looked into.

    Attributes:
        record: It.
        peak: What it made of the peak; `None`: it was no drawdown, or no equity is saved.
    """

    record: KillRecord
    peak: NewPeak | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Of `[limits]`: what of equity may be lost.

    Attributes:
        day: `daily_loss_frac`, of the day's opening equity.
        drawdown: `drawdown_frac`, of the peak.
    """

    day: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class Budget:
    """The loss budgets as saved; micro-USDC, net of transfers.

    Attributes:
        day: UTC day since 1970-01-01, exchange time.
        opening: Equity that opened it.
        peak: What a drawdown is counted from.
        equity: Last seen.
    """

    day: int
    opening: int
    peak: int
    equity: int

    @classmethod
    def read(cls, body: str) -> Self:
        """From the snapshot's `budget`, JSON text."""
        saved = json.loads(body)
        return cls(**{key: saved[key] for key in ("day", "opening", "peak", "equity")})

    @property
    def midnight_ns(self) -> int:
        """When its day ends."""
        return (self.day + 1) * _DAY_NS

    def allowed(self, shares: Shares) -> int:
        """The day's loss that kills."""
        return floor(self.opening * shares.day)

    def day_left(self, shares: Shares) -> int:
        """What of it is left, as the core counts it; negative when overspent."""
        return self.allowed(shares) + self.equity - self.opening

    def is_day_spent(self, shares: Shares) -> bool:
        """Whether a run is killed at its first equity of this day."""
        return self.equity < self.opening and self.day_left(shares) <= 0

    def is_drawdown_spent(self, shares: Shares) -> bool:
        """Whether a run is killed at its first equity, of whatever day."""
        return self.equity < self.peak and self.equity <= ceil(self.peak * (1 - shares.drawdown))


def consequences(
    acknowledged: Acknowledged, saved: str | None, shares: Shares, now_ns: int | None
) -> Iterator[str]:
    """What the next run finds, a line each; the last says whether it can trade at once.

    Args:
        acknowledged: The kill.
        saved: The budgets as saved, after the acknowledgement; `None`: never saved.
        shares: As the next run has them.
        now_ns: Exchange time, nanoseconds since the epoch; `None`: not known, as on paper.
    """
    reason, peak = acknowledged.record.reason, acknowledged.peak
    if saved is None:
        if reason in (DRAWDOWN, DAILY_LOSS):
            yield (
                "no equity is saved: peak and opening stay unknown, and the next run counts its"
                " losses from the first equity that it sees"
            )
        yield "mm run starts again"
        return
    budget = Budget.read(saved)
    if peak is not None:
        yield (
            f"peak equity was {usd_text(peak.old)}, is {usd_text(peak.new)} USDC net of transfers,"
            " the equity last saved: the drawdown is counted from it"
        )
    is_over = now_ns is not None and now_ns >= budget.midnight_ns
    day_spent = not is_over and budget.is_day_spent(shares)
    drawdown_spent = budget.is_drawdown_spent(shares)
    if day_spent or (reason == DAILY_LOSS and not is_over):
        yield _day(budget, shares, spent=day_spent)
    if drawdown_spent:
        yield (
            f"the drawdown from {usd_text(budget.peak)} USDC is spent too: a run is killed by it,"
            " and acknowledging that kill takes a new peak"
        )
    if not (day_spent or drawdown_spent):
        yield "mm run starts again"


def _day(budget: Budget, shares: Shares, *, spent: bool) -> str:
    until = datetime.fromtimestamp(budget.midnight_ns // SECOND_NS, UTC)
    midnight = until.strftime("%Y-%m-%d %H:%M UTC")
    left = (
        f"{usd_text(budget.day_left(shares))} USDC left of {usd_text(budget.allowed(shares))}"
        f" (limits.daily_loss_frac = {shares.day:g} of {usd_text(budget.opening)})"
    )
    if spent:
        return f"the day's loss budget is spent: {left}; a run is killed again before {midnight}"
    return f"the day's loss stands: {left}; a run that loses it before {midnight} is killed again"
