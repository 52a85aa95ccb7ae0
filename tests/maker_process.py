"""`mm run` as a process, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
WAIT_S = 60


class Maker:
    """One `mm run` in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "mm", "run", "--no-ui", "--json", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ends(self, *codes: int) -> tuple[Json, str]:
        """Its summary (empty when it printed none) and its log, once it has ended with a code."""
        try:
            said, log = self.process.communicate(timeout=WAIT_S)
        finally:
            self.kill()
        assert self.process.returncode in codes, log[-3000:]
        return json.loads(said or "{}"), log

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def state_dir() -> Path:
    return Path(os.environ["MM_STATE_DIR"]) / "paper" / "default"


def runs() -> list[Path]:
    """The run directories, oldest first."""
    return sorted((state_dir() / "runs").iterdir(), key=lambda run: run.stat().st_ctime_ns)


def exchange() -> Json:
    """The record of the exchange that the last run started."""
    record: Json = json.loads((state_dir() / "exchange.json").read_text())
    return record


def report(run: Path) -> list[Json]:
    """The exchange's own report, from the run that started it."""
    return [json.loads(line) for line in (run / "exchange.jsonl").read_text().splitlines()]


def wait_for(happened: Callable[[], bool], maker: Maker) -> None:
    """Wait until it has happened; a maker that ends first fails the test with its log."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert maker.process.poll() is None, maker.process.communicate()[1][-3000:]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def has_quoted(orders: int = 4) -> bool:
    """Whether the newest run has sent this many actions of its engine."""
    # The directory is there a moment before the first run's own.
    found = runs() if state_dir().joinpath("runs").exists() else []
    if not found:
        return False
    # Each of several coins has its own.
    sent = found[-1].rglob("sent.jsonl")
    return sum(one.read_text().count('"action"') for one in sent) >= orders


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
