"""A maker on the demo market for drills: it holds a position, is watched, and is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from hyperliquid.exchange import Exchange

from given_account import ADDRESS, SECRET, give_key
from maker_process import Maker, exchange, has_quoted, wait_for
from paper_process import serving
from watched import ask, ended, position, status

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


def at(url: str) -> tuple[str, ...]:
    """The options of a maker of BTC on this exchange."""
    return ("--base-url", url, "--coin", "BTC")


@contextmanager
def inherited(directory: Path, text: str, held: float) -> Iterator[tuple[Maker, str]]:
    """A maker with this configuration and a position it found, BTC, and where it trades."""
    path = directory / "mm.toml"
    path.write_text(text)
    market = ("--account", f"{ADDRESS}=10000", "--speed", "5", "--seed", "7")
    with serving(directory, *market, accounts=0) as served:
        give_key()
        touch = ask({"type": "l2Book", "coin": "BTC"}, served.url)["levels"][1][0]["px"]
        worst = round(float(touch) * 1.02)
        wallet = Account.from_key(f"0x{SECRET}")
        Exchange(wallet, served.url).order("BTC", True, held, worst, {"limit": {"tif": "Ioc"}})
        assert position(served.url) == held
        maker = Maker(*at(served.url), "--config", str(path))
        try:
            wait_for(lambda: has_quoted(1) and status().get("doing") == "watching", maker)
            yield maker, served.url
        finally:
            maker.kill()


def mm(*words: str) -> subprocess.CompletedProcess[str]:
    """Another command, beside the maker."""
    command = [sys.executable, "-m", "mm", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
