"""How long the request budget of an address lasts, and what happens when it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass

SESSION_S = 86_400.0
"""A session whose length nobody knows, seconds."""
PRICE_USD = 0.0005
"""What the venue asks for a request (`reserveRequestWeight`); never bought by this program."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the budget stands before a session.

    Attributes:
        left: Requests left; negative when overdrawn.
        reserve: Of them only safety may spend so many.
        net_per_day: Requests a day that the last run spent beyond what it earned; `None`: there
            was none.
    """

    left: int
    reserve: int
    net_per_day: float | None

    @property
    def spare(self) -> int:
        """Requests above the reserve."""
        return max(0, self.left - self.reserve)

    @property
    def days(self) -> float:
        """Until only the reserve is left, at the last run's pace; infinite where none is known."""
        if self.spare == 0:
            return 0.0
        return self.spare / self.net_per_day if self.net_per_day else math.inf

    def runs_out(self, session_s: float | None) -> bool:
        """Whether only the reserve is left before a session of this length is over.

        Args:
            session_s: Exchange seconds; `None`: as long as nobody stops it, a day at least.
        """
        return self.days * 86_400 < (SESSION_S if session_s is None else session_s)

    def pace(self) -> str:
        """How long it lasts, in words."""
        if self.net_per_day is None:
            return "no run yet to project from"
        if self.net_per_day == 0:
            return "the last run earned what it spent"
        return f"{self.days:,.1f} days at the last run's {self.net_per_day:,.0f} a day"

    def shortage(self) -> str:
        """What happens when only the reserve is left, and what can be done."""
        return (
            "quotes then move as fast as fills earn (one request a USDC) and safety alone spends"
            f" the reserve; the venue sells requests for {PRICE_USD:g} USDC each"
            " (reserveRequestWeight), which mm never buys for you"
        )
