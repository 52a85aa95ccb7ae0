"""Actions over the websocket, with HTTP behind it: each goes one way, once."""

import asyncio
import json
import signal
import socket
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from maker_process import Maker, has_quoted, wait_for
from mm.hyperliquid.errors import LostReplyError, UnreachableError
from mm.hyperliquid.http import HttpClient, HttpReply, Timeouts
from mm.hyperliquid.order_line import POSTS_IN_FLIGHT, OrderLine
from mm.waiting import until

DONE = {"status": "ok", "response": {"type": "default"}}


class Desk:
    """A venue that does with each action what the action itself asks for, and counts them."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []
        self.held: list[tuple[web.WebSocketResponse, int]] = []
        self.deaf = False

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/exchange", self._http)
        app.router.add_get("/ws", self._ws)
        return app

    async def _http(self, request: web.Request) -> web.StreamResponse:
        self.came.append(("http", (await request.json())["do"]))
        return web.json_response(DONE)

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            assert message.type is WSMsgType.TEXT
            said = json.loads(message.data)
            if said["method"] == "ping":
                if not self.deaf:
                    await ws.send_json({"channel": "pong"})
                continue
            await self._post(ws, request, said)
        return ws

    async def _post(
        self, ws: web.WebSocketResponse, request: web.Request, said: dict[str, Any]
    ) -> None:
        assert said["request"]["type"] == "action"
        do, number = said["request"]["payload"]["do"], said["id"]
        self.came.append(("websocket", do))
        if do == "answer":
            await self.answer(ws, number, {"type": "action", "payload": DONE})
        elif do == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif do == "hold":
            self.held.append((ws, number))
        elif do.startswith("error:"):
            text = do.removeprefix("error:")
            await self.answer(ws, number, {"type": "error", "payload": text})

    async def answer(self, ws: web.WebSocketResponse, number: int, response: object) -> None:
        await ws.send_json({"channel": "post", "data": {"id": number, "response": response}})


@asynccontextmanager
async def lined(desk: Desk, reply_s: float = 5.0) -> AsyncIterator[tuple[OrderLine, Counter[str]]]:
    """An order line to a venue, connected."""
    carried: Counter[str] = Counter()
    async with TestServer(desk.app()) as server, HttpClient(str(server.make_url("/"))) as http:
        line = OrderLine(http, carried, timeouts=Timeouts(reply_s=reply_s))
        task = asyncio.create_task(line.run())
        try:
            async with asyncio.timeout(5):
                await until(lambda: line.ready)
            yield line, carried
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def body(do: str) -> bytes:
    return json.dumps({"do": do}).encode()


async def test_an_answer_over_the_socket_is_the_one_http_would_have_brought() -> None:
    desk = Desk()
    async with lined(desk) as (line, carried):
        reply = await line.exchange(body("answer"))
        assert (reply.status, json.loads(reply.body)) == (200, DONE)
        assert await line.exchange(body("error:429 null")) == HttpReply(429, b"null")
        assert await line.exchange(body("error:422 Failed to deserialize")) == HttpReply(
            422, b"Failed to deserialize"
        )
        # Words without a status prove nothing: the core asks what became of the action.
        assert await line.exchange(body("error:what")) == HttpReply(500, b"what")
    assert carried == {"websocket": 4}
    assert {way for way, _ in desk.came} == {"websocket"}


async def test_answers_find_their_action_in_any_order() -> None:
    desk = Desk()
    async with lined(desk) as (line, _):
        waiting = [asyncio.create_task(line.exchange(body("hold"))) for _ in range(3)]
        async with asyncio.timeout(5):
            await until(lambda: len(desk.held) == 3)
        for ws, number in reversed(desk.held):
            payload = {"status": "ok", "response": number}
            await desk.answer(ws, number, {"type": "action", "payload": payload})
        replies = [json.loads((await task).body)["response"] for task in waiting]
        assert replies == [number for _, number in desk.held]


async def test_a_cut_loses_the_answers_and_sends_nothing_twice() -> None:
    desk = Desk()
    async with lined(desk) as (line, carried):
        held = asyncio.create_task(line.exchange(body("hold")))
        async with asyncio.timeout(5):
            await until(lambda: bool(desk.held))
        with pytest.raises(LostReplyError, match="cut"):
            await line.exchange(body("cut"))
        with pytest.raises(LostReplyError, match="cut"):
            await held
        # At once again, and by the way that is there.
        assert (await line.exchange(body("answer"))).status == 200
        async with asyncio.timeout(5):
            await until(lambda: line.ready)
        await line.exchange(body("answer"))
    assert carried == {"websocket": 3, "http": 1}
    assert desk.came == [
        ("websocket", "hold"),
        ("websocket", "cut"),
        ("http", "answer"),
        ("websocket", "answer"),
    ]


async def test_a_socket_that_is_silent_is_not_trusted_until_it_speaks() -> None:
    desk = Desk()
    desk.deaf = True
    async with lined(desk, reply_s=0.1) as (line, carried):
        with pytest.raises(LostReplyError, match=r"no answer over the order line in 0.1 s"):
            await line.exchange(body("hold"))
        assert not line.ready
        await line.exchange(body("answer"))
        ws, number = desk.held[0]
        # The late answer is nobody's any more, and shows that the socket lives.
        await desk.answer(ws, number, {"type": "action", "payload": DONE})
        async with asyncio.timeout(5):
            await until(lambda: line.ready)
        desk.deaf = False
        await line.exchange(body("answer"))
    assert carried == {"websocket": 2, "http": 1}


async def test_more_than_the_venue_lets_wait_go_over_http() -> None:
    desk = Desk()
    async with lined(desk) as (line, carried):
        waiting = [asyncio.create_task(line.exchange(body("hold"))) for _ in range(POSTS_IN_FLIGHT)]
        async with asyncio.timeout(5):
            await until(lambda: len(desk.held) == POSTS_IN_FLIGHT)
        await line.exchange(body("answer"))
        for task in waiting:
            task.cancel()
    assert carried == {"websocket": POSTS_IN_FLIGHT, "http": 1}


async def test_where_nobody_listens_nothing_is_sent() -> None:
    async with HttpClient("http://127.0.0.1:9", Timeouts(0.5, 0.5, 0.5)) as http:
        with pytest.raises(UnreachableError):
            await OrderLine(http, Counter()).exchange(body("answer"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.wire
@pytest.mark.parametrize("way", ["websocket", "http"])
def test_a_run_sends_its_orders_the_configured_way(way: str, tmp_path: Path) -> None:
    config = tmp_path / "mm.toml"
    config.write_text(f'[process]\norders = "{way}"\n')
    port = free_port()
    options = ["--config", str(config), "--speed", "60", "--seed", "7"]
    maker = Maker(*options, "--metrics-port", str(port))
    wait_for(lambda: has_quoted(6), maker)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        sent = [line for line in page.read().decode().splitlines() if "actions_sent" in line]
    maker.signal(signal.SIGINT)
    summary, _ = maker.ends(0)
    assert summary["breaches"] == 0
    if way == "websocket":
        assert [line for line in sent if 'line="websocket"' in line], sent
    else:
        assert not [line for line in sent if not line.startswith("#")]
