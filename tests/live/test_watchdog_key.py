"""The watchdog's own key where the operator keeps it: a run says on its first screen what is wrong.

A paper exchange stands in for testnet, in real time. The run goes on without a watchdog.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mm.cli import run
from paper_process import Served, serving

pytestmark = pytest.mark.wire

CONFIG = """
[process]
metrics_port = 0

[control]
on_kill = "hold"
on_exit = "hold"
"""
MAKER, STRANGER = "b2" * 32, "ef" * 32


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An exchange whose one account has approved the maker's key."""
    home = tmp_path_factory.mktemp("venue")
    with serving(home, "--speed", "1", "--seed", "7", accounts=1) as served:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MM_STATE_DIR", str(home / "state"))
            patch.setenv("MM_KEYSTORE_PASSPHRASE", "correct horse")
            patch.setenv("MM_MASTER_KEY", served.wallets[0].key.hex())
            patch.setattr(sys, "stdin", (home / "key").open("w+"))
            sys.stdin.write(MAKER)
            sys.stdin.seek(0)
            on = ("--network", "testnet")
            run(["keys", "import", "maker", *on])
            run(["keys", "approve", "maker", *on, "--yes", "--base-url", served.url])
            sys.stdin.close()
        yield served


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (MAKER, "its key is the maker's: expected another agent"),
        (STRANGER, "the venue does not know the key"),
        (None, "is an account's own key, which can withdraw"),
        ("", "MM_WATCHDOG_KEY is not set"),
    ],
)
def test_a_key_that_the_watchdog_may_not_use_is_named(
    venue: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None, why: str
) -> None:
    own = venue.wallets[0].key.hex().removeprefix("0x")
    monkeypatch.setenv("MM_AGENT_KEY", MAKER)
    monkeypatch.setenv("MM_WATCHDOG_KEY", own if key is None else key)
    config = tmp_path / "mm.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mm", "run", "--network", "testnet"),
            *("--account", venue.wallets[0].address, "--base-url", venue.url),
            *("--config", str(config), "--duration", "0.5"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # The screen is as wide as a terminal.
    screen = " ".join(done.stdout.split())
    assert "NOT AVAILABLE watchdog process: " in screen
    assert why in screen
    assert own not in done.stdout + done.stderr
