"""Records a live market: raw frames as they came, one file a coin, as replays read them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from mm.ending import StopRequest
from mm.errors import ConfigError, VenueError
from mm.frames import listing_path
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import load_listing
from mm.hyperliquid.socket import BOOKKEEPING, Socket
from mm.hyperliquid.streams import market_subscriptions
from mm.recorder import Recorder
from mm.state import write_durably

log = structlog.get_logger(__name__)

FLUSH_S = 1.0
SYNC_S = 10.0
FIRST_FRAME_S = 15.0
"""Wall seconds for the first data of every coin."""


@dataclass(slots=True)
class Recorded:
    """One coin's file.

    Attributes:
        path: Of the file.
        frames: Written so far.
        reconnects: Connections after the first: each leaves a gap in the file.
    """

    path: Path
    frames: int = 0
    reconnects: int = 0


async def record(
    base_url: str, coins: list[str], directory: Path, duration_s: float | None
) -> list[Recorded]:
    """Record until the duration is over or a signal comes.

    Args:
        base_url: Of the venue.
        coins: The perps.
        directory: Takes `<coin>.frames.zst`, none of which may exist, and `<coin>.meta.json`: the
            coin as the venue lists it.
        duration_s: Wall seconds; `None`: until a signal.

    Raises:
        ConfigError: The venue does not list a coin, or a file exists.
        VenueError: No data at the start.
        StateError: The disk takes no more.
    """
    async with HttpClient(base_url) as http:
        listed = {coin: await load_listing(http, coin) for coin in coins}
    ask = StopRequest()
    with ask.on_signals(), ExitStack() as stack:
        lines = [_Line(base_url, coin, directory, stack) for coin in coins]
        for line in lines:
            write_durably(
                listing_path(line.recorded.path), json.dumps(listed[line.coin], indent=1).encode()
            )
        tasks = [asyncio.create_task(work) for line in lines for work in line.works()]
        try:
            await _until_over(tasks, lines, ask, duration_s)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return [line.recorded for line in lines]


async def _until_over(
    tasks: list[asyncio.Task[None]],
    lines: list[_Line],
    ask: StopRequest,
    duration_s: float | None,
) -> None:
    heard = asyncio.create_task(_all_heard(lines))
    ends = [asyncio.create_task(ask.wait())]
    if duration_s is not None:
        ends.append(asyncio.create_task(asyncio.sleep(duration_s, "duration")))
    pending: set[asyncio.Task[Any]] = {heard, *ends, *tasks}
    try:
        while not any(end.done() for end in ends):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in (heard, *ends):
            task.cancel()


async def _all_heard(lines: list[_Line]) -> None:
    """Raises when a coin has delivered nothing in time."""
    await asyncio.sleep(FIRST_FRAME_S)
    for line in lines:
        if line.recorded.frames == 0:
            raise VenueError(f"no data of {line.coin} in {FIRST_FRAME_S:g} s")


class _Line:
    """One coin: a connection of its own, and a file of its own."""

    def __init__(self, base_url: str, coin: str, directory: Path, stack: ExitStack) -> None:
        self.coin = coin
        # A perp of another exchange on the venue is `dex:COIN`.
        path = directory / f"{coin.replace(':', '_')}.frames.zst"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._recorder = Recorder(path, flush_s=FLUSH_S, sync_s=SYNC_S)
        except FileExistsError:
            raise ConfigError(f"{path}: exists; a recording is never overwritten") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
        stack.callback(self._recorder.close)
        self.recorded = Recorded(path)
        self._socket = Socket(
            f"ws{base_url.removeprefix('http')}/ws",
            coin,
            market_subscriptions(coin),
            on_frame=self._take,
            on_state=self._change,
        )

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run for it."""
        return [self._socket.run(), self._recorder.run()]

    def _take(self, channel: str, frame: bytes) -> None:
        if channel not in BOOKKEEPING:
            self._recorder.write(b"%d %s\n" % (time.time_ns(), frame))
            self.recorded.frames += 1

    def _change(self, up: bool) -> None:
        if up and self.recorded.frames:
            self.recorded.reconnects += 1
            log.warning("recording_has_a_gap", coin=self.coin)
