"""The paper exchange as a process of its own: start it, find one that still lives, stop it.

It runs in a process group of its own, so that Ctrl-C reaches the maker alone, and it outlives a
maker that was killed: the next run attaches to it. A maker that ends in order takes it along.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from mm.errors import UNREADABLE, ConfigError, MmError, VenueError
from mm.exits import Exit
from mm.hyperliquid.http import HttpClient, Timeouts
from mm.hyperliquid.meta import dex_of
from mm.waiting import until

log = structlog.get_logger(__name__)
# Exchanges that this process started: only their parent can tell the dead from the living.
_children: dict[int, subprocess.Popen[bytes]] = {}

# Wall seconds. The demo market runs an hour of market time before its first client.
READY_S = 60.0
STOPPED_S = 10.0
LOOK_S = 0.05
# A maker killed without a word may come back to its exchange this long.
PATIENCE_S = 600
SHOWN_LINES = 3
# A builder's perp of the demo market: decimals of its size, leverage, price near which it starts.
BUILDERS_PERP = "2,10,250"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the paper exchange says about its clock.

    Attributes:
        time_ns: Exchange time, nanoseconds since the epoch.
        speed: Exchange seconds per wall second.
        instance: Id of this run of the exchange.
    """

    time_ns: int
    speed: float
    instance: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an exchange is started with; another run may attach only on the same wanted.

    Attributes:
        market: `demo`, `calibrated` or `replay:PATH`.
        seed: Of a made-up market.
        speed: Exchange seconds per wall second.
        cadence: `2026` or `legacy`.
        maker_fee_bps: Fee of makers, bps of notional.
        taker_fee_bps: Fee of takers, bps of notional.
        coin: The perp a recorded market is of, or those quoted, with commas between them; one of a
            builder's dex is added to the demo market.
    """

    market: str
    seed: int
    speed: float
    cadence: str
    maker_fee_bps: float
    taker_fee_bps: float
    coin: str


@dataclass(frozen=True, slots=True)
class Living:
    """An exchange that serves.

    Attributes:
        pid: Of its process.
        port: On loopback.
        instance: Its id.
        market_end_ns: Where a recorded market ends, exchange nanoseconds; `None`: it does not.
        report: Its own report, JSON lines.
        wanted: What it was started with.
        address: The account it funded for us.
    """

    pid: int
    port: int
    instance: str
    market_end_ns: int | None
    report: Path
    wanted: Wanted
    address: str

    @property
    def base_url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def record(self) -> dict[str, object]:
        """As kept in the state directory."""
        return {**asdict(self), "report": str(self.report)}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Living:
        """Read back from the state directory."""
        return cls(
            pid=record["pid"],
            port=record["port"],
            instance=record["instance"],
            market_end_ns=record["market_end_ns"],
            report=Path(record["report"]),
            wanted=Wanted(**record["wanted"]),
            address=record["address"],
        )


def read_announcement(body: bytes) -> Announcement:
    """Read `paperClock`, as an answer or as a frame.

    Raises:
        VenueError: It is something else: what answers is not a paper exchange.
    """
    try:
        message = json.loads(body)
        data = message.get("data", message)
        return Announcement(int(data["timeNs"]), float(data["speed"]), str(data["instance"]))
    except UNREADABLE as error:
        shown = body[:100].decode(errors="replace")
        raise VenueError(f"not the clock of a paper exchange: {shown}") from error


async def ask_clock(http: HttpClient) -> Announcement:
    """The clock of the paper exchange at `http`.

    Raises:
        VenueError: No answer, or no paper exchange there.
    """
    return read_announcement(await http.info({"type": "paperClock"}))


async def still_living(living: Living) -> Living | None:
    """The exchange of an earlier run, if it still serves; `None` if it is gone."""
    try:
        async with HttpClient(living.base_url, Timeouts(1.0, 2.0, 1.0)) as http:
            clock = await ask_clock(http)
    except VenueError:
        return None
    return living if clock.instance == living.instance else None


async def start(wanted: Wanted, address: str, usdc: str, run_dir: Path) -> Living:
    """Start an exchange and wait until it serves.

    Args:
        wanted: The market and its clock.
        address: The account to fund.
        usdc: With how much, a decimal.
        run_dir: Takes its report and its log.

    Returns:
        The exchange, serving.

    Raises:
        VenueError: It did not come up; with its last words.
    """
    report, words, ready = (run_dir / f"exchange.{kind}" for kind in ("jsonl", "log", "ready"))
    command = [sys.executable, "-m", "mm", "exchange", "--port", "0", "--ready-file", str(ready)]
    account = f"{address}={usdc}"
    if dex := dex_of(wanted.coin):
        # Money elsewhere is no margin there: so that nobody counts on it, there is next to none.
        account = f"{address}=1,{dex}:{usdc}"
    command += ["--account", account, "--report", str(report), *_options(wanted)]
    with words.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once; waited for below
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    served = False
    try:
        async with asyncio.timeout(READY_S):
            await until(lambda: ready.exists() or process.poll() is not None, LOOK_S)
        served = ready.exists()
    except TimeoutError:
        raise VenueError(f"the paper exchange did not serve within {READY_S:g} s") from None
    finally:
        if not served and process.poll() is None:
            process.kill()
            process.wait()
    if not served:
        raise _refusal(words.read_text(errors="replace"), process.returncode)
    said = json.loads(ready.read_text())
    _children[process.pid] = process
    return Living(
        pid=process.pid,
        port=said["port"],
        instance=said["instance"],
        market_end_ns=said["market_end_ns"],
        report=report,
        wanted=wanted,
        address=address,
    )


def _refusal(words: str, code: int) -> MmError:
    """What an exchange that ended before it served has to say, with its own exit code's meaning."""
    lines = [line.removeprefix("mm: ") for line in words.strip().splitlines()]
    said = " / ".join(lines[-SHOWN_LINES:]) or "without a word"
    if code == Exit.USAGE:
        return ConfigError(said)
    return VenueError(f"the paper exchange ended before it served (exit {code}): {said}")


async def stop(living: Living) -> None:
    """End an exchange and wait for its report to be whole; killed if it does not end in time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(living.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOPPED_S):
            await until(lambda: not is_running(living.pid), LOOK_S)
    except TimeoutError:
        log.error("exchange_did_not_stop", pid=living.pid, waited_s=STOPPED_S)
        kill(living)


def kill(living: Living) -> None:
    """End an exchange at once, with whatever rests on it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(living.pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process runs; a dead child of ours is reaped on the way."""
    if (child := _children.get(pid)) is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _listing(wanted: Wanted) -> tuple[str, ...]:
    """The perp to trade, where the market does not list it by itself."""
    if wanted.market == "calibrated":
        return ()
    if wanted.market != "demo":
        return ("--coin", wanted.coin)
    builders = (coin for coin in wanted.coin.split(",") if dex_of(coin))
    return tuple(word for coin in builders for word in ("--perp", f"{coin}={BUILDERS_PERP}"))


def _options(wanted: Wanted) -> list[str]:
    return [
        *_listing(wanted),
        *("--market", wanted.market, "--seed", str(wanted.seed), "--speed", str(wanted.speed)),
        *("--ip-limits", "venue"),
        *("--cadence", wanted.cadence),
        *("--patience-s", str(PATIENCE_S)),
        *("--maker-fee-bps", str(wanted.maker_fee_bps)),
        *("--taker-fee-bps", str(wanted.taker_fee_bps)),
    ]
