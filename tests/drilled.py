"""A maker on the demo market for drills: it holds a position, is watched, and is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maker_process import Maker, exchange, has_quoted, wait_for
from watched import ended, position, status

DEMO = ("--coin", "BTC", "--speed", "60", "--seed", "7")
HELD = 0.004
"""A position worth closing, BTC."""


@contextmanager
def running(directory: Path, text: str) -> Iterator[Maker]:
    """A maker with this configuration, killed at the end together with what it leaves."""
    path = directory / "mm.toml"
    path.write_text(text)
    maker = Maker(*DEMO, "--config", str(path))
    try:
        yield maker
    finally:
        maker.kill()
        for pid in (status().get("pid"), exchange()["pid"]):
            if pid is not None and not ended(pid):
                os.kill(pid, signal.SIGKILL)


def holding(maker: Maker, at_least: float = HELD, url: str | None = None) -> None:
    """Wait until it holds a position and is being watched."""
    wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
    wait_for(lambda: abs(position(url)) >= at_least, maker)


def mm(*words: str) -> subprocess.CompletedProcess[str]:
    """Another command, beside the maker."""
    command = [sys.executable, "-m", "mm", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
