"""A paper exchange in a process of its own, and what is needed to talk to it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

STOP_S = 10


@dataclass(frozen=True, slots=True)
class Served:
    """An exchange that serves.

    Attributes:
        url: Where.
        process: The process.
        report: Its own report.
        said: Its announcement.
        wallets: Keys of the accounts it funded with 10,000 USDC each.
    """

    url: str
    process: subprocess.Popen[str]
    report: Path
    said: dict[str, Any]  # Any: JSON
    wallets: tuple[LocalAccount, ...]

    def stop(self) -> list[dict[str, Any]]:  # Any: JSON
        """End it in order and return its report."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_S) == 0
        return [json.loads(line) for line in self.report.read_text().splitlines()]


@contextmanager
def serving(directory: Path, *options: str, accounts: int = 2) -> Iterator[Served]:
    """Serve an exchange for the length of a `with` block."""
    wallets = tuple(Account.create() for _ in range(accounts))
    report = directory / "report.jsonl"
    command = [sys.executable, "-m", "mm", "exchange", "--port", "0", "--report", str(report)]
    for wallet in wallets:
        command += ["--account", f"{wallet.address}=10000"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the exchange did not serve: exit {process.wait()}"
        said = json.loads(line)
        yield Served(said["url"], process, report, said, wallets)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
