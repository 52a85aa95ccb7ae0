"""HTTP, websocket, nonces and pacing against a small venue that misbehaves on demand."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from mm.clock import SECOND_NS, PaperClock
from mm.config import load
from mm.config.engine import watchdog_weight
from mm.errors import RateLimitedError
from mm.hyperliquid.account import Account
from mm.hyperliquid.errors import HttpStatusError, LostReplyError, UnreachableError
from mm.hyperliquid.http import QUERIES_AT_ONCE, HttpClient, Timeouts
from mm.hyperliquid.nonces import nonces_of
from mm.hyperliquid.pacing import SAFETY_WEIGHT, WEIGHT_PER_MINUTE, Pacer, action_weight
from mm.hyperliquid.socket import (
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    Backoff,
    Deadlines,
    Socket,
    channel_of,
)
from mm.state import StateDir

Serve = Callable[[web.Application], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers = []

    async def start(app: web.Application) -> str:
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("/")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


def venue(answer: Callable[[dict[str, object]], Awaitable[web.StreamResponse]]) -> web.Application:
    async def info(request: web.Request) -> web.StreamResponse:
        return await answer(await request.json())

    app = web.Application()
    app.router.add_post("/info", info)
    return app


async def test_info_errors_are_typed(serve: Serve) -> None:
    async def answer(query: dict[str, object]) -> web.StreamResponse:
        kind = query["type"]
        if kind == "busy":
            return web.json_response(None, status=429)
        if kind == "bad":
            return web.Response(status=422, text="Failed to deserialize the JSON body")
        if kind == "slow":
            await asyncio.sleep(5)
        return web.json_response({"asked": kind})

    async with HttpClient(await serve(venue(answer)), Timeouts(0.5, 0.2, 0.2)) as http:
        assert json.loads(await http.info({"type": "meta"})) == {"asked": "meta"}
        with pytest.raises(RateLimitedError, match="HTTP 429"):
            await http.info({"type": "busy"})
        with pytest.raises(HttpStatusError, match="HTTP 422 Failed to deserialize") as refused:
            await http.info({"type": "bad"})
        assert refused.value.status == 422
        with pytest.raises(LostReplyError, match="no answer"):
            await http.info({"type": "slow"})


async def test_queries_hold_few_connections_and_nothing_urgent_waits(serve: Serve) -> None:
    connections: set[object] = set()
    hanging = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "meta" in await request.text():
            connections.add(request.transport)
            await hanging.wait()
        return web.json_response("done")

    app = web.Application()
    app.router.add_post("/{any}", answer)
    async with HttpClient(await serve(app), Timeouts(2, 2, 2)) as http:
        asked = [asyncio.create_task(http.info({"type": "meta"})) for _ in range(40)]
        await eventually(lambda: len(connections) == QUERIES_AT_ONCE)
        assert (await http.exchange(b"{}")).status == 200
        assert await http.info({"type": "frontendOpenOrders"}, urgent=True) == b'"done"'
        assert not any(one.done() for one in asked)
        hanging.set()
        assert {await one for one in asked} == {b'"done"'}
        assert len(connections) == QUERIES_AT_ONCE


async def test_nobody_there_is_told_from_no_answer() -> None:
    async with HttpClient("http://127.0.0.1:9", Timeouts(0.5, 0.5, 0.5)) as http:
        with pytest.raises(UnreachableError, match=r"no connection to http://127.0.0.1:9/info"):
            await http.info({"type": "meta"})


class Feed:
    """A websocket server that does what a list of scripts says, one script a connection."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = list(scripts)
        self.subscribed: list[list[object]] = []
        self.pings = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ws", self.connection)
        return app

    async def connection(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        script = self.scripts.pop(0) if self.scripts else "serve"
        asked: list[object] = []
        self.subscribed.append(asked)
        async for message in ws:
            assert message.type is WSMsgType.TEXT
            said = json.loads(message.data)
            if said["method"] == "ping":
                self.pings += 1
                if script != "half open":
                    await ws.send_str('{"channel":"pong"}')
                continue
            asked.append(said["subscription"])
            await ws.send_str('{"channel":"subscriptionResponse","data":{}}')
            if script == "drop":
                break
            await ws.send_str('{"channel":"bbo","data":{"coin":"BTC"}}')
            if script == "serve then drop":
                break
        return ws


class Heard:
    def __init__(self) -> None:
        self.frames: list[str] = []
        self.states: list[bool] = []

    def socket(self, url: str, deadlines: Deadlines | None = None) -> Socket:
        return Socket(
            url.replace("http", "ws") + "/ws",
            "market",
            [{"type": "bbo", "coin": "BTC"}],
            on_frame=lambda channel, _frame: self.frames.append(channel),
            on_state=self.states.append,
            deadlines=deadlines,
        )


async def eventually(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


async def test_a_lost_socket_comes_back_and_subscribes_again(serve: Serve) -> None:
    feed, heard = Feed("serve then drop", "drop"), Heard()
    socket = heard.socket(await serve(feed.app()))
    task = asyncio.create_task(socket.run())
    await eventually(lambda: heard.states == [True, False, True])
    assert feed.subscribed == [[{"type": "bbo", "coin": "BTC"}]] * 3
    assert socket.connections == 3
    task.cancel()


async def test_a_half_open_line_is_noticed_by_the_missing_pong(serve: Serve) -> None:
    feed, heard = Feed("half open"), Heard()
    socket = heard.socket(await serve(feed.app()), Deadlines(1.0, 0.05, 0.1))
    task = asyncio.create_task(socket.run())
    await eventually(lambda: heard.states == [True, False, True])
    await eventually(lambda: "pong" in heard.frames)
    assert feed.pings >= 2
    task.cancel()


def test_backoff_doubles_up_to_its_cap_and_starts_again_after_data() -> None:
    backoff = Backoff(random.Random(1))
    delays = [backoff.next_s() for _ in range(12)]
    for failures, delay in enumerate(delays):
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**failures)
        assert longest / 2 <= delay <= longest
    backoff.reset()
    assert backoff.next_s() <= FIRST_DELAY_S


def test_the_channel_is_found_in_any_key_order() -> None:
    assert channel_of(b'{"channel":"bbo","data":{}}') == "bbo"
    assert channel_of(b'{"data":{}, "channel":"trades"}') == "trades"
    assert channel_of(b"Websocket connection established.") is None
    assert channel_of(b"[1]") is None


def test_nonces_rise_within_a_millisecond_and_over_a_restart(tmp_path: Path) -> None:
    now = [1_000_000 * 1_700_000_000_000]
    clock = PaperClock(now[0], 1.0, monotonic=lambda: 0)
    with StateDir.open("paper", "default", tmp_path) as state:
        nonces, _ = nonces_of("0xAB", state, clock, 10.0)
        assert [nonces.take() for _ in range(3)] == [1_700_000_000_000 + i for i in range(3)]
    with StateDir.open("paper", "default", tmp_path) as state:
        assert nonces_of("0xab", state, clock, 10.0)[0].take() > 1_700_000_000_002


async def test_a_block_is_reserved_ahead_while_nonces_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.hyperliquid.nonces.AHEAD_S", 0.01)
    hand = [0]
    clock = PaperClock(10**15, 1.0, monotonic=lambda: hand[0])
    with StateDir.open("paper", "default", tmp_path) as state:
        nonces, _ = nonces_of("0xab", state, clock, 10.0)
        task = asyncio.create_task(nonces.stay_ahead())
        await asyncio.sleep(0.05)
        assert state.store.reserved("nonce-0xab") == 0
        assert nonces.take() == 10**9
        hand[0] = SECOND_NS // 2
        await asyncio.sleep(0.1)
        assert state.store.reserved("nonce-0xab") == 10**9 + 500 + 1000
        task.cancel()


async def test_queries_wait_for_the_safety_reserve_and_actions_do_not() -> None:
    hand = [0]
    clock = PaperClock(0, 60.0, monotonic=lambda: hand[0])
    pacer = Pacer(clock)
    for _ in range(WEIGHT_PER_MINUTE):
        pacer.spend(action_weight(5))
    assert pacer.left == 0
    waiting = asyncio.create_task(pacer.wait(20))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    pacer.spend(action_weight(200))
    # A minute of the exchange is a second here.
    hand[0] = SECOND_NS
    clock.announce(60 * SECOND_NS)
    await asyncio.wait_for(waiting, 1)
    assert pacer.left >= SAFETY_WEIGHT


async def test_a_query_that_was_too_much_is_asked_again(serve: Serve) -> None:
    """HTTP 429: the rest of the minute is believed to be gone, an urgent query waits a second."""
    statuses = [429, 429, 200]

    async def answer(_query: dict[str, object]) -> web.StreamResponse:
        status = statuses.pop(0)
        return web.json_response([{}] * 40 if status == 200 else None, status=status)

    clock = PaperClock(0, 1_000.0)
    pacer = Pacer(clock)
    async with HttpClient(await serve(venue(answer))) as http:
        account = Account(http, pacer, "0x" + "11" * 20, "BTC")
        assert len(json.loads(await account.ask("userFills", urgent=True))) == 40
        assert statuses == []
        # Asked three times, and two more for the rows; what came back meanwhile is little.
        assert pacer.left < WEIGHT_PER_MINUTE - 3 * 20
        statuses += [429] * 9
        with pytest.raises(RateLimitedError):
            await account.ask("userFees", urgent=True)
        assert len(statuses) == 5, "four attempts"


def test_two_processes_share_one_address() -> None:
    clock = PaperClock(0, 1.0)
    config = load(None, {})
    maker = WEIGHT_PER_MINUTE - watchdog_weight(config)
    assert (Pacer(clock, maker).left, Pacer(clock, watchdog_weight(config)).left) == (900, 300)
    assert watchdog_weight(load(None, {"process.watchdog": "off"})) == 0
