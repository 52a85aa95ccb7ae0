"""A fresh exchange a script, the script in its own process, only URL and key redirected."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mm._core import Signer
from mm.errors import ConfigError, VenueError
from mm.sdk_examples.listing import SCRIPTS, NotRun, Ran
from mm.sdk_examples.words import missing, refusals, saw, words_of

ENDS_S = 60.0
"""Longest wall time a script may take that ends by itself."""

STOPPED_S = 10.0
"""Wall time an exchange may take to end."""

USDC = "10000,test:1000,spot:100"
"""What the account of a script holds: on the main dex, on that of the examples, and as spot."""

MARKET = (
    *("--seed", "7", "--speed", "1"),
    # The prices that the examples assume, and the perps they name beside BTC and ETH.
    *("--perp", "ETH=4,25,3000", "--perp", "OP=1,5,1.5", "--perp", "test:ABC=0,3,1.2"),
)
"""Options of `mm exchange` for every script."""

REDIRECT = '''\
"""Loaded by Python before the script: the URLs of the SDK, and nothing else."""

import os

from hyperliquid.utils import constants

constants.TESTNET_API_URL = os.environ["SDK_EXAMPLES_URL"]
constants.MAINNET_API_URL = "http://mainnet.invalid"
'''

_SHARED = "example_utils"
_UNKNOWN = NotRun("an example that this version does not know")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a script.

    Attributes:
        script: Its name.
        result: `ok`, `failed` or `not run`.
        words: What it saw, why it failed or why it was not run.
        output: All it printed.
    """

    script: str
    result: Literal["ok", "failed", "not run"]
    words: str
    output: str = ""


def scripts(checkout: Path) -> list[str]:
    """Names of the examples in a checkout of the SDK.

    Raises:
        ConfigError: It is no checkout of the SDK.
    """
    for part in (f"examples/{_SHARED}.py", "hyperliquid/utils/constants.py"):
        if not (checkout / part).is_file():
            raise ConfigError(
                f"{checkout} has no {part}: expected a checkout of hyperliquid-python-sdk"
            )
    names = sorted(path.stem for path in (checkout / "examples").glob("*.py"))
    return [name for name in names if name != _SHARED]


def run(checkout: Path, script: str) -> Outcome:
    """Run one example, or say why not.

    Raises:
        VenueError: The exchange did not serve.
    """
    plan = SCRIPTS.get(script, _UNKNOWN)
    if isinstance(plan, NotRun):
        return Outcome(script, "not run", plan.why)
    with tempfile.TemporaryDirectory(prefix="mm-sdk-") as name:
        home = Path(name)
        secret = "0x" + secrets.token_hex(32)
        account = ("--account", f"{Signer(secret).address}={USDC}")
        with _exchange(home, (*MARKET, *account, *plan.exchange)) as url:
            _lay_out(checkout, home, secret)
            return _judge(script, plan, *_let_run(checkout, home, script, plan, url))


@contextlib.contextmanager
def _exchange(home: Path, options: tuple[str, ...]) -> Iterator[str]:
    command = [sys.executable, "-m", "mm", "exchange", "--port", "0", *options]
    with (home / "exchange.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            said = (home / "exchange.log").read_text(errors="replace").strip()
            raise VenueError(f"the paper exchange did not serve: {said}")
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _lay_out(checkout: Path, home: Path, secret: str) -> None:
    """Copy the examples beside a configuration of their own; the checkout stays as it is."""
    examples = home / "examples"
    shutil.copytree(checkout / "examples", examples)
    config = {"secret_key": secret, "account_address": "", "keystore_path": ""}
    (examples / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (home / "sitecustomize.py").write_text(REDIRECT, encoding="utf-8")


def _let_run(
    checkout: Path, home: Path, script: str, plan: Ran, url: str
) -> tuple[int | None, str]:
    """Exit code (None: it was still running) and everything it printed."""
    command = [sys.executable, "-u", str(home / "examples" / f"{script}.py"), *plan.arguments]
    loopback = "127.0.0.1,localhost"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(home), str(checkout.resolve()))),
        "SDK_EXAMPLES_URL": url,
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }
    printed = home / "output"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        code = process.wait(plan.ends_after_s or ENDS_S)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        process.kill()
        process.wait()
    return code, printed.read_text(encoding="utf-8", errors="replace")


def _judge(script: str, plan: Ran, code: int | None, output: str) -> Outcome:
    def failed(why: str) -> Outcome:
        return Outcome(script, "failed", why, output)

    if "Traceback" in output:
        return failed(output.strip().splitlines()[-1])
    if code is None and plan.ends_after_s is None:
        return failed(f"did not end within {ENDS_S:g} s")
    if code is not None and (code != 0 or plan.ends_after_s is not None):
        return failed(f"ended with {code}")
    words = words_of(output)
    if (pattern := missing(words, plan.sees)) is not None:
        return failed(f"did not see {pattern!r}; saw {saw(words, plan.sees)}")
    if refused := refusals(words, plan.sees):
        return failed(f"was refused: {refused[0]}")
    return Outcome(script, "ok", saw(words, plan.sees), output)
