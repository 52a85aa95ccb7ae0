"""The live path, whole: an agent's key from a keystore, the mandate asked for, orders for a master.

A paper exchange stands in for testnet: same protocol, same signatures, a clock of its own.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker_process import Maker, state_dir, wait_for
from mm.cli import run
from mm.errors import ConfigError
from paper_process import Served, serving

pytestmark = pytest.mark.wire

CONFIG = """
[control]
on_kill = "flatten"
on_exit = "flatten"
observe_book_s = 0.0

[account]
key_source = "keystore"

[process]
metrics_port = 0
"""


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An exchange in real time, with two agents' keys kept and approved for its one account."""
    monkeypatch.setenv("MM_KEYSTORE_PASSPHRASE", "correct horse")
    with serving(tmp_path, "--speed", "1", "--seed", "7", accounts=1) as served:
        monkeypatch.setenv("MM_MASTER_KEY", served.wallets[0].key.hex())
        for name in ("maker", "watchdog"):
            run(["keys", "new", name, "--network", "testnet"])
            run(
                ["keys", "approve", name, "--network", "testnet", "--yes", "--base-url", served.url]
            )
        monkeypatch.delenv("MM_MASTER_KEY")
        yield served


def test_an_agent_makes_markets_for_its_master(venue: Served, tmp_path: Path) -> None:
    config = tmp_path / "mm.toml"
    config.write_text(CONFIG)
    master = venue.wallets[0].address.lower()
    maker = Maker(
        "--network", "testnet", "--base-url", venue.url, "--account", master,
        "--config", str(config),
    )  # fmt: skip
    home = state_dir().parents[1] / "testnet" / master
    wait_for(lambda: _sent(home) >= 4, maker)
    maker.signal(signal.SIGINT)
    summary, log = maker.ends(0)
    assert summary["network"] == "testnet"
    assert summary["open_orders_after_stop"] == 0
    for secret in ("correct horse", venue.wallets[0].key.hex().removeprefix("0x")):
        assert secret not in log
    orders = [line for line in venue.stop() if line.get("user") == master]
    assert orders, "the exchange received actions for the master"


def _sent(home: Path) -> int:
    found = sorted((home / "runs").glob("*/sent.jsonl"))
    return found[-1].read_text().count('"action"') if found else 0


def test_a_key_that_may_not_act_is_refused_in_words(venue: Served, tmp_path: Path) -> None:
    stranger = "0x" + "ab" * 20
    with pytest.raises(ConfigError, match="unknown to the venue"):
        run(["keys", "check", "maker", "--network", "testnet", "--account", stranger,
             "--base-url", venue.url])  # fmt: skip
    run(["keys", "new", "fresh", "--network", "testnet"])
    with pytest.raises(ConfigError, match="does not know the key"):
        run(["keys", "check", "fresh", "--network", "testnet",
             "--account", venue.wallets[0].address, "--base-url", venue.url])  # fmt: skip
