"""The process of `mm watchdog`: hold the directory, log to the run's own file, guard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from mm.heartbeat import read_beat
from mm.log import writing
from mm.store import Counter, Store
from mm.watchdog.agent import own_signer
from mm.watchdog.charge import read_charge
from mm.watchdog.directory import WatchdogDir
from mm.watchdog.guard import Guard

NONCES = 60_000
"""Reserved at once: a minute, for the nonces of the few actions of a watchdog follow the clock."""

LOG = "watchdog.log"
"""In the run directory of the maker it watches."""


async def stand_guard(
    network: str, account: str, account_state: Path, config: Path | None = None
) -> None:
    """Watch until the end.

    Args:
        network: paper, testnet or mainnet.
        account: The name of the account, as its directory has it.
        account_state: The account's state directory.
        config: Says where the key is kept, for one that no maker started.

    Raises:
        StateError: There is nothing to watch, or another watchdog does.
        VenueError: The venue cannot be reached.
    """
    directory = WatchdogDir(account_state)
    with directory.held():
        charge = read_charge(directory.path)
        beat = read_beat(directory.heartbeat)
        if beat is not None and beat.session == charge.session and beat.asks == "goodbye":
            print("nothing to watch: the last run ended in order")
            return
        signer = own_signer(directory, charge, config)
        store = Store.open(directory.path, network, account)
        guard = Guard(directory, charge, signer, Counter(store, f"nonce-{signer.address}", NONCES))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, guard.stop)
        file = Path(charge.run_dir) / LOG
        try:
            # Started by a maker, standard error is that file already.
            with writing("info", None if _is_open_as_stderr(file) else file):
                await guard.run()
        finally:
            store.close()


def _is_open_as_stderr(file: Path) -> bool:
    try:
        there, here = file.stat(), os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
