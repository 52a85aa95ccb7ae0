"""The process of `mm exchange`: bind, open, announce, serve, stop in order."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mm.errors import ConfigError, VenueError
from mm.paper.clock import MarketClock
from mm.paper.mirror import Mirror
from mm.paper.opening import Opened, Terms, open_exchange
from mm.paper.server import PaperServer

LOOPBACK = "127.0.0.1"
"""The only interface it serves on."""


def serve(
    terms: Terms,
    port: int,
    report: Path | None,
    ready_file: Path | None,
    patience_s: float | None = None,
) -> None:
    """Serve an exchange until SIGTERM or SIGINT; a second signal ends it at once.

    Args:
        terms: What it is opened with.
        port: On loopback; 0: a free one.
        report: Where its own report goes.
        ready_file: Where the announcement goes besides standard output.
        patience_s: Wall time without a client after which it ends by itself; None: never.

    Raises:
        ConfigError: An option is illegal or a file cannot be written.
        EventError: The recording cannot be used.
        VenueError: The port is taken, or what is to be mirrored does not answer.
    """
    with _listening(port) as listener, _writing(report) as lines:
        opened = open_exchange(terms)
        mirror = None if opened.source is None else Mirror(opened.exchange, opened.source)
        server = _server(terms, opened, mirror, lines, patience_s)
        asyncio.run(_serve(server, mirror, terms, opened, listener, ready_file))


def _server(
    terms: Terms,
    opened: Opened,
    mirror: Mirror | None,
    report: BinaryIO | None,
    patience_s: float | None,
) -> PaperServer:
    clock = MarketClock(opened.exchange.time_ns, terms.speed)
    return PaperServer(
        opened.exchange,
        clock,
        report,
        terms.replies,
        patience_s,
        terms.ip_limits == "venue",
        mirror,
    )


async def _serve(
    server: PaperServer,
    mirror: Mirror | None,
    terms: Terms,
    opened: Opened,
    listener: socket.socket,
    ready_file: Path | None,
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with contextlib.AsyncExitStack() as stack:
        if mirror is not None:
            await stack.enter_async_context(mirror.carrying())
        await stack.enter_async_context(server.listening(listener))
        _announce(terms, opened, listener.getsockname()[1], ready_file)
        await server.run()


def _announce(terms: Terms, opened: Opened, port: int, ready_file: Path | None) -> None:
    """Say on standard output, in one JSON object, that it serves, where and what."""
    words = json.dumps(
        {
            "port": port,
            "url": f"http://{LOOPBACK}:{port}",
            "instance": opened.instance,
            "pid": os.getpid(),
            "market": terms.market,
            "label": opened.exchange.market_label,
            "seed": opened.seed,
            "speed": terms.speed,
            "time_ns": opened.exchange.time_ns,
            "market_end_ns": opened.exchange.market_end_ns,
        }
    )
    if ready_file is not None:
        unready = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
        unready.write_text(words + "\n", encoding="utf-8")
        unready.replace(ready_file)
    with contextlib.suppress(BrokenPipeError):
        print(words, flush=True)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use by another process" if taken else error.strerror
            raise VenueError(f"port {port} on {LOOPBACK} {why}") from error
        yield listener


@contextlib.contextmanager
def _writing(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("wb")
    except OSError as error:
        raise ConfigError(f"report {path}: {error.strerror}") from error
    with file:
        yield file
        file.flush()
        os.fsync(file.fileno())
