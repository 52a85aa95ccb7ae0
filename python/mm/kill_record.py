"""What is kept of a kill, and the one line that refuses to start until somebody has looked at it.

A kill is a latch: the engine sets it, `mm unlock` alone lifts it. Neither a restart nor a new day
nor time does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from mm.clock import SECOND_NS
from mm.errors import RiskStop
from mm.figures import coin_text, usd_text


@dataclass(frozen=True, slots=True)
class KillRecord:
    """One kill.

    Attributes:
        reason: The engine's reason code, such as `daily_loss`.
        detail: The operator's words, or what the watchdog found; empty when there is neither.
        at_ns: When, exchange time, nanoseconds since the epoch.
        coin: The perp of the run that was killed.
        sz_decimals: Of its sizes.
        position: Then held, signed lots.
        equity: Then, micro-USDC; `None` when it had never been known.
        on_kill: What was to happen to the position: work, flatten or hold.
        session: Id of the run.
        acknowledged_by: Who unlocked it; `None` while it is latched.
        acknowledged_at: When, wall time, ISO 8601; `None` while it is latched.
    """

    reason: str
    detail: str
    at_ns: int
    coin: str
    sz_decimals: int
    position: int
    equity: int | None
    on_kill: str
    session: int
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None

    @classmethod
    def of_snapshot(
        cls,
        kill: Mapping[str, Any],
        coin: str,
        sz_decimals: int,
        session: int,
        detail: str = "",
    ) -> Self:
        """The record of what the engine latched.

        Args:
            kill: The snapshot's `kill`.
            coin: The perp.
            sz_decimals: Of its sizes.
            session: Id of the run.
            detail: The operator's words, or what the watchdog found.
        """
        return cls(
            reason=kill["reason"],
            detail=detail,
            at_ns=kill["at"],
            coin=coin,
            sz_decimals=sz_decimals,
            position=kill["position"],
            equity=kill["equity"],
            on_kill=kill["on_kill"],
            session=session,
        )

    @property
    def latched(self) -> bool:
        """Whether nobody has acknowledged it."""
        return self.acknowledged_by is None

    @property
    def trading_day(self) -> str:
        """Its UTC day by exchange time, `YYYY-MM-DD`."""
        return self.time[:10]

    @property
    def time(self) -> str:
        """Its exchange time, ISO 8601 to the second."""
        return datetime.fromtimestamp(self.at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def words(self) -> str:
        """Reason, time, equity and position in one line."""
        why = f"{self.reason} ({self.detail})" if self.detail else self.reason
        equity = "unknown" if self.equity is None else f"{usd_text(self.equity)} USDC"
        position = coin_text(self.position, self.sz_decimals)
        return f"{why} at {self.time}, equity {equity}, position {position} {self.coin}"

    def shown(self) -> dict[str, object]:
        """As JSON shows it, money and sizes as decimal strings."""
        return {
            "reason": self.reason,
            "detail": self.detail,
            "at": self.time,
            "trading_day": self.trading_day,
            "equity_usd": usd_text(self.equity),
            "position": coin_text(self.position, self.sz_decimals),
            "coin": self.coin,
            "on_kill": self.on_kill,
            "session": self.session,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_at": self.acknowledged_at,
        }


def refusal(record: KillRecord, unlock: str) -> RiskStop:
    """The error that refuses to start.

    Args:
        record: The latched kill.
        unlock: The command that acknowledges it.
    """
    return RiskStop(f"stopped by {record.words()}: look into it, then `{unlock}`")
