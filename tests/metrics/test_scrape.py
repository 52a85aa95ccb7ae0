"""The page is served on localhost, and a taken port is either left or said."""

import socket
from collections.abc import Iterator

import aiohttp
import pytest

from mm.config import Config, load
from mm.errors import VenueError
from mm.exits import Exit, exit_of
from mm.scrape import serving


def page() -> bytes:
    return b"mm_cycle 1\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_the_page_is_served_where_it_was_asked_for() -> None:
    port = free_port()
    async with serving(load(None, {"process.metrics_port": port}), page) as served:
        assert served == port
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            assert await answer.read() == page()
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            assert answer.status == 405


async def test_a_port_asked_for_that_is_taken_ends_the_start(taken: int) -> None:
    with pytest.raises(VenueError, match=f"metrics_port = {taken}: .*in use") as refused:
        async with serving(load(None, {"process.metrics_port": taken}), page):
            pytest.fail("it was served")
    assert exit_of(refused.value) == Exit.VENUE


def at_default(taken: int, network: str) -> Config:
    """A configuration whose default port is the taken one."""
    config = load(None, {})
    process = config.process.model_copy(update={"metrics_port": taken, "network": network})
    # A copy counts what it was given as chosen; a default was not.
    process.model_fields_set.discard("metrics_port")
    return config.model_copy(update={"process": process})


async def test_the_default_port_moves_on_paper_and_nowhere_else(taken: int) -> None:
    async with serving(at_default(taken, "paper"), page) as served:
        assert served not in (None, taken)
    with pytest.raises(VenueError, match=f"metrics_port = {taken}"):
        async with serving(at_default(taken, "testnet"), page):
            pytest.fail("it was served")


async def test_port_zero_serves_nothing() -> None:
    async with serving(load(None, {"process.metrics_port": 0}), page) as served:
        assert served is None
