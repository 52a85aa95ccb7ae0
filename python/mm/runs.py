"""The runs of an account, read back from their directories."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Burn:
    """How the last run spent requests.

    Attributes:
        requests: That it sent.
        traded_usd: That it traded: each USDC earns a request.
        duration_s: Exchange seconds.
    """

    requests: int
    traded_usd: float
    duration_s: float

    @property
    def net_per_day(self) -> float:
        """Requests a day beyond those earned."""
        return max(0.0, self.requests - self.traded_usd) * 86_400 / self.duration_s


def last_burn(account_dir: Path) -> Burn | None:
    """How the last finished run spent requests; `None`: no run has finished there."""
    directories = sorted((account_dir / "runs").glob("*/summary.json"), reverse=True)
    for path in directories:
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            duration_s = float(summary["duration_s"])
            burn = Burn(int(summary["requests"]), float(summary["volume_usd"]), duration_s)
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            # A run that was never anchored, or another version's: an older one may tell.
            continue
        if duration_s > 0:
            return burn
    return None
