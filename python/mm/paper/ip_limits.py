"""What the venue allows one IP address: request weight, sockets, messages (per exchange minute)."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mm.clock import SECOND_NS
from mm.hyperliquid.pacing import WEIGHT_PER_MINUTE, action_weight, query_weight, rows_weight

MINUTE_NS = 60 * SECOND_NS
SOCKETS = 10
SOCKETS_PER_MINUTE = 30
MESSAGES_PER_MINUTE = 2_000


@dataclass(slots=True)
class _Used:
    """What one address did."""

    left: float
    filled_ns: int
    sockets: int = 0
    opened: deque[int] = field(default_factory=deque)
    said: deque[int] = field(default_factory=deque)


class IpLimits:
    """Counts for every address; time is the exchange's own."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Begin with a full minute for everybody.

        Args:
            now_ns: Exchange time, nanoseconds.
        """
        self._now_ns = now_ns
        self._used: dict[str, _Used] = {}

    def admits(self, address: str, weight: int) -> bool:
        """Spend the weight of a request; False where too little is left, and nothing is spent."""
        used = self._of(address)
        if used.left < weight:
            return False
        used.left -= weight
        return True

    def charge_rows(self, address: str, body: bytes, answer: bytes) -> None:
        """Spend what the rows of an answer cost on top, once they are known."""
        if weight := rows_weight(_kind(body), answer):
            self._of(address).left -= weight

    def opens(self, address: str) -> bool:
        """Count a socket; False where there are too many, or too many new ones."""
        used = self._of(address)
        if used.sockets >= SOCKETS or not self._counts(used.opened, SOCKETS_PER_MINUTE):
            return False
        used.sockets += 1
        return True

    def closes(self, address: str) -> None:
        """Count a socket that is gone."""
        self._of(address).sockets -= 1

    def says(self, address: str) -> bool:
        """Count a message over any socket; False where there were too many in a minute."""
        return self._counts(self._of(address).said, MESSAGES_PER_MINUTE)

    def _of(self, address: str) -> _Used:
        now = self._now_ns()
        used = self._used.setdefault(address, _Used(float(WEIGHT_PER_MINUTE), now))
        gained = (now - used.filled_ns) * WEIGHT_PER_MINUTE / MINUTE_NS
        used.left = min(float(WEIGHT_PER_MINUTE), used.left + gained)
        used.filled_ns = now
        return used

    def _counts(self, times: deque[int], most: int) -> bool:
        """Enter one more into the last minute; False where that is full."""
        now = self._now_ns()
        while times and now - times[0] >= MINUTE_NS:
            times.popleft()
        if len(times) >= most:
            return False
        times.append(now)
        return True


def info_weight(body: bytes) -> int:
    """Weight of a body of `/info` before its answer is known."""
    return query_weight(_kind(body))


def exchange_weight(body: bytes) -> int:
    """Weight of a body of `/exchange`: one and one more for every forty items."""
    action = _object(body).get("action")
    if not isinstance(action, dict):
        return action_weight(1)
    lists = (action.get(key) for key in ("orders", "cancels", "modifies"))
    return action_weight(max((len(items) for items in lists if isinstance(items, list)), default=1))


def _kind(body: bytes) -> str:
    kind = _object(body).get("type")
    return kind if isinstance(kind, str) else ""


def _object(body: bytes) -> dict[str, Any]:  # Any: JSON
    """What a body says; empty where it is no object, which the exchange itself refuses."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
