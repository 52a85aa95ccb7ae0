"""`mm sdk-examples`: what it runs, how it judges, what it leaves alone."""

import subprocess
import sys
from pathlib import Path

import hyperliquid
import pytest

from mm.sdk_examples.listing import SCRIPTS, Ran
from mm.sdk_examples.words import missing, refusals, saw, words_of

BUYS = """\
import eth_account
import json
import pathlib

from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils import constants

secret = json.loads((pathlib.Path(__file__).parent / "config.json").read_text())["secret_key"]
wallet = eth_account.Account.from_key(secret)
exchange = Exchange(wallet, constants.TESTNET_API_URL)
print(exchange.order("ETH", True, 0.2, PX, {"limit": {"tif": "Gtc"}}))
info = Info(constants.TESTNET_API_URL, skip_ws=True)
for order in info.open_orders(wallet.address):
    print("Order status by oid:", info.query_order_by_oid(wallet.address, order["oid"]))
    print(exchange.cancel("ETH", order["oid"]))
"""


def checkout(directory: Path, **scripts: str) -> Path:
    """A checkout of the SDK with examples of our own and the SDK that is installed."""
    examples = directory / "examples"
    examples.mkdir(parents=True)
    (examples / "example_utils.py").touch()
    for name, text in scripts.items():
        (examples / f"{name}.py").write_text(text)
    package = Path(next(iter(hyperliquid.__path__)))
    (directory / "hyperliquid").symlink_to(package, target_is_directory=True)
    return directory


def sdk_examples(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mm", "sdk-examples", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.wire
def test_each_script_runs_unmodified_and_gets_one_line(tmp_path: Path) -> None:
    root = checkout(tmp_path / "sdk", basic_order=BUYS.replace("PX", "1100"), perp_deploy="1 / 0")
    done = sdk_examples(str(root))
    assert done.stdout.splitlines() == [
        "basic_order  ok       resting, status open, cancel success",
        "perp_deploy  not run  deploying assets",
        "1 not run, 1 ok",
    ]
    assert done.returncode == 0, done.stderr
    assert not (root / "examples" / "config.json").exists()


@pytest.mark.wire
def test_a_script_that_sees_something_else_fails(tmp_path: Path) -> None:
    """A price below the band: the exchange refuses, so nothing rests."""
    root = checkout(tmp_path / "sdk", basic_order=BUYS.replace("PX", "1"), newest="1 / 0")
    done = sdk_examples(str(root), "-v")
    assert done.returncode == 1
    [failed, *rest] = done.stdout.splitlines()
    assert failed.startswith("basic_order  failed   did not see 'resting'; saw error Order price")
    assert "newest       not run  an example that this version does not know" in rest


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    done = sdk_examples(str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected a checkout of hyperliquid-python-sdk" in done.stderr
    root = checkout(tmp_path / "sdk", basic_order="")
    done = sdk_examples(str(root), "--only", "basic_odrer")
    assert done.returncode == 2
    assert "only was 'basic_odrer', expected one of basic_order" in done.stderr


OUTPUT = """\
Running with account address: 0x12
{'status': 'ok', 'response': {'type': 'order', 'data': {'statuses': [{'resting': {'oid': 1}}]}}}
{'status': 'ok', 'response': {'type': 'cancel', 'data': {'statuses': ['success']}}}
{'status': 'err', 'response': 'No.'}
{'channel': 'bbo', 'data': {}}
{'channel': 'bbo', 'data': {}}
"""


def test_a_reply_becomes_few_words() -> None:
    words = words_of(OUTPUT)
    assert saw(words, ("resting",)) == "resting, cancel success, err No., bbo frame x2"
    assert missing(words, ("resting", "cancel success", "bbo")) is None
    assert missing(words, ("cancel success", "resting")) == "resting"
    assert refusals(words, ("resting",)) == ["err No."]
    assert refusals(words, ("No",)) == []


def test_every_script_that_runs_waits_for_something() -> None:
    assert all(plan.sees for plan in SCRIPTS.values() if isinstance(plan, Ran))
