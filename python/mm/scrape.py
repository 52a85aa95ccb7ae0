"""`/metrics` on localhost: one page, served by the session's own loop between two steps."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from mm.config import Config
from mm.errors import VenueError

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"


@asynccontextmanager
async def serving(config: Config, text: Callable[[], bytes]) -> AsyncIterator[int | None]:
    """Serve the metrics while the block runs.

    On paper the default port may be taken by another run: then a free one is used, and said. A port
    that was asked for, or any port elsewhere than on paper, must be had.

    Args:
        config: An effective configuration; `process.metrics_port` 0 serves nothing.
        text: Renders one scrape.

    Yields:
        The port; `None` when nothing is served.

    Raises:
        VenueError: The port is taken.
    """
    port = config.process.metrics_port
    if port == 0:
        yield None
        return
    asked_for = "metrics_port" in config.process.model_fields_set
    listening = _bind(port, may_move=config.process.network == "paper" and not asked_for)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        port = listening.getsockname()[1]
        log.info("metrics_served", url=f"http://{HOST}:{port}/metrics")
        yield port
    finally:
        await runner.cleanup()


def _bind(port: int, *, may_move: bool) -> socket.socket:
    """A listening socket on `port`, or, where that is taken and it may move, on a free one."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        if not (may_move and error.errno == errno.EADDRINUSE):
            listening.close()
            raise VenueError(
                f"metrics_port = {port}: {error.strerror} on {HOST}"
                " (--metrics-port PORT chooses another, 0 serves none)"
            ) from error
        listening.bind((HOST, 0))
        log.warning("metrics_port_taken", port=port, used=listening.getsockname()[1])
    return listening
