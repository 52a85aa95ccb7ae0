"""`postmortem.json`: what the engine saw and did last, for whoever looks into a kill."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = "postmortem.json"
STEPS = 200
"""Steps whose log lines are kept."""
ALARMS = 100

Json = Mapping[str, Any]  # Any: JSON of the core


class Blackbox:
    """Remembers the end of a run's log, and its last alarms."""

    def __init__(self) -> None:
        self._steps: deque[bytes] = deque(maxlen=STEPS)
        self._alarms: deque[Json] = deque(maxlen=ALARMS)

    def note(self, lines: bytes, alarms: Sequence[Json]) -> None:
        """Take one step's log lines and alarms."""
        if lines:
            self._steps.append(lines)
        self._alarms.extend(alarms)

    def text(self, record: Json, snapshot: Json) -> str:
        """The file.

        Args:
            record: Of the kill.
            snapshot: Of the engine, right after it.
        """
        lines = b"".join(self._steps).splitlines()
        steps = [json.loads(line) for line in lines]
        actions = [line["a"] for line in steps if "a" in line]
        whole = {
            "kill": dict(record),
            "alarms": list(self._alarms),
            "actions": actions,
            "snapshot": dict(snapshot),
            "log": steps,
        }
        return json.dumps(whole, indent=1) + "\n"


def write(run_dir: Path, text: str) -> Path:
    """Write it; returns where.

    Raises:
        OSError: It cannot be written.
    """
    path = run_dir / FILE
    path.write_text(text, encoding="utf-8")
    return path
