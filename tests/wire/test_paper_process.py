"""`mm exchange` as a process: its HTTP manners, its sockets, its end, and what it refuses."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hyperliquid.utils.signing import sign_l1_action

from mm._core import PaperExchange
from mm.cli import run
from mm.errors import ConfigError, EventError
from mm.exits import exit_of
from mm.frames import read_frames
from mm.paper import server as paper_server
from mm.paper.clock import MarketClock
from paper_desk import START_MS, Json, settings
from paper_process import Served, serving

pytestmark = pytest.mark.wire

WAIT_S = 10.0
PERP = {"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}
ACCOUNT = "0x14791697260E4c9A71f18484C9f997B308e59325"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demo market at sixty times the speed of life."""
    with serving(tmp_path_factory.mktemp("exchange"), "--speed", "60", "--seed", "7") as exchange:
        yield exchange


@pytest.mark.parametrize(
    ("method", "body", "kind", "status", "answer"),
    [
        ("POST", "{", "application/json", 400, "Failed to parse the request body as JSON"),
        (
            "POST",
            '{"type":"noSuchType"}',
            "application/json",
            422,
            "Failed to deserialize the JSON body into the target type",
        ),
        (
            "POST",
            '{"type":"userFills","user":"0x12"}',
            "application/json",
            422,
            "Failed to deserialize the JSON body into the target type",
        ),
        (
            "POST",
            '{"type":"meta"}',
            "text/plain",
            415,
            "Expected request with `Content-Type: application/json`",
        ),
        ("GET", None, None, 405, ""),
        ("POST", '{"type":"metaAndAssetCtxs","dex":"xyz"}', "application/json", 500, "null"),
        ("POST", '{"type":"l2Book","coin":"BTC","nSigFigs":9}', "application/json", 500, "null"),
        ("POST", '{"type":"l2Book","coin":"btc"}', "application/json", 200, "null"),
    ],
)
async def test_http_manners(
    served: Served, method: str, body: str | None, kind: str | None, status: int, answer: str
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, f"{served.url}/info", data=body, headers=headers) as response,
    ):
        assert (response.status, await response.text()) == (status, answer)


async def test_an_unknown_coin_cuts_the_socket_without_a_word(served: Served) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{served.url}/ws") as ws:
        subscription = {"type": "bbo", "coin": "NOPE"}
        await ws.send_json({"method": "subscribe", "subscription": subscription})
        message = await ws.receive(WAIT_S)
        assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        assert ws.close_code in {1006, None}


async def test_the_clock_is_announced_and_runs_at_its_speed(served: Served) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{served.url}/ws") as ws:
        await ws.send_json({"method": "subscribe", "subscription": {"type": "paperClock"}})
        await ws.receive(WAIT_S)
        said = [json.loads((await ws.receive(WAIT_S)).data)["data"] for _ in range(6)]
        times = [clock["timeNs"] for clock in said]
        assert times == sorted(set(times))
        last = said[-1]
        assert last["speed"] == 60
        assert last["instance"] == served.said["instance"]
        assert 0 < last["speedAchieved"] <= 60.5


def test_a_taken_port_is_one_clear_line(served: Served) -> None:
    port = str(served.said["port"])
    ended = run_exchange("--port", port)
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert ended.stderr == f"mm: port {port} on 127.0.0.1 is in use by another process\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--account", "0x12=5"], "account was '0x12=5', expected ADDRESS=USDC"),
        (["--account", f"{ACCOUNT}=1", "--account", f"{ACCOUNT}=1"], "was given twice"),
        (["--market", "moon"], "market was 'moon', expected demo, calibrated, replay:PATH, mirror"),
        (["--coin", "DOGE"], "coin was 'DOGE', expected one of BTC, ETH, SOL"),
        (["--market", "replay:nowhere/BTC.zst"], "nowhere/BTC.zst: No such file or directory"),
        (["--market", "replay:FOO.frames"], "give --coin, --sz-decimals and --max-leverage"),
    ],
)
def test_bad_options_are_named(options: list[str], words: str) -> None:
    with pytest.raises((ConfigError, EventError), match=re.escape(words)) as refused:
        run(["exchange", "--port", "0", *options])
    assert exit_of(refused.value) == 2


def test_a_broken_recording_is_named_with_its_line(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "hl-20250904" / "WLFI.frames.zst").read_bytes()
    cut = tmp_path / "WLFI.frames.zst"
    cut.write_bytes(whole[: len(whole) // 2])
    ended = run_exchange("--port", "0", "--market", f"replay:{cut}")
    line = int(ended.stderr.split("line ")[1].split(":")[0])
    assert ended.stderr == f"mm: {cut}: line {line}: the file is cut off\n"
    assert (ended.returncode, line > 1) == (2, True)
    lines = read_frames(shared_data / "hl-20250904" / "WLFI.frames.zst").splitlines()
    plain = tmp_path / "WLFI.frames"
    plain.write_bytes(b"\n".join([*lines[:50], lines[50][:-40]]))
    with pytest.raises(EventError, match=f"^{re.escape(str(plain))}: line 51: "):
        run(["exchange", "--port", "0", "--market", f"replay:{plain}"])


def test_a_recording_starts_now(shared_data: Path, tmp_path: Path) -> None:
    market = f"replay:{shared_data / 'hl-20250904' / 'WLFI.frames.zst'}"
    ready = tmp_path / "ready.json"
    options = ("--market", market, "--ready-file", str(ready), "--speed", "60")
    with serving(tmp_path, *options) as exchange:
        said = json.loads(ready.read_text())
        assert said == exchange.said
        assert abs(said["time_ns"] - time.time_ns()) < 60e9
        assert said["market_end_ns"] - said["time_ns"] == pytest.approx(2087e9, abs=5e9)
        rows = exchange.stop()
    assert rows[-1]["kind"] == "end"


def test_ctrl_c_stops_it_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "1") as exchange:
        exchange.process.send_signal(signal.SIGINT)
        assert exchange.process.wait(WAIT_S) == 0
        [end] = [json.loads(line) for line in exchange.report.read_text().splitlines()]
        assert (end["kind"], end["orders_left"]) == ("end", 0)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", exchange.said["port"])) != 0


async def test_silence_closes_and_overload_slows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that hears nothing is closed; a backlog is held back, and no block is skipped."""
    monkeypatch.setattr(paper_server, "SILENCE_S", 0.3)
    market = {"kind": "demo", "seed": 3}
    exchange = PaperExchange(json.dumps(settings([]) | {"speed": 20_000.0}), json.dumps(market))
    clock = MarketClock(exchange.time_ns, 20_000.0)
    server = paper_server.PaperServer(exchange, clock)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        start_ns = exchange.time_ns
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/ws"
        async with server.listening(listener), aiohttp.ClientSession() as http:
            running = asyncio.create_task(server.run())
            async with http.ws_connect(url) as ws:
                message = await ws.receive(WAIT_S)
                assert message.type is aiohttp.WSMsgType.CLOSE
            server.stop()
            await running
    ran_ns = exchange.time_ns - start_ns
    assert ran_ns % 70_000_000 == 0
    assert clock.speed_achieved(exchange.time_ns) < 20_000.0


@pytest.mark.parametrize(("replies", "first"), [("first", "reply"), ("last", "orderUpdates")])
async def test_replies_and_frames_come_in_the_order_asked_for(
    replies: Literal["first", "last"], first: str
) -> None:
    wallet = Account.create()
    market = {"kind": "clients", "perps": [PERP]}
    exchange = PaperExchange(json.dumps(settings([wallet])), json.dumps(market))
    server = paper_server.PaperServer(exchange, MarketClock(exchange.time_ns, 1.0), replies=replies)
    heard: list[str] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with server.listening(listener), aiohttp.ClientSession() as http:
            running = asyncio.create_task(server.run())
            async with http.ws_connect(f"{url}/ws") as ws:
                subscription = {"type": "orderUpdates", "user": wallet.address}
                await ws.send_json({"method": "subscribe", "subscription": subscription})
                assert (await ws.receive_json())["channel"] == "subscriptionResponse"

                async def listen() -> None:
                    heard.append((await ws.receive_json())["channel"])

                async def place() -> None:
                    async with http.post(f"{url}/exchange", json=signed_order(wallet)) as response:
                        assert (await response.json())["status"] == "ok"
                        heard.append("reply")

                await asyncio.gather(listen(), place())
            server.stop()
            await running
    assert heard[0] == first


def signed_order(wallet: LocalAccount) -> dict[str, Json]:
    """The body of `POST /exchange` with one resting bid."""
    order = {"a": 0, "b": True, "p": "99000", "s": "0.01", "r": False}
    order |= {"t": {"limit": {"tif": "Alo"}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    signature = sign_l1_action(wallet, action, None, START_MS, None, False)
    return {"action": action, "nonce": START_MS, "signature": signature}


def run_exchange(*options: str) -> subprocess.CompletedProcess[str]:
    """Run `mm exchange` where it must refuse to serve."""
    command = [sys.executable, "-m", "mm", "exchange", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_an_exchange_that_nobody_visits_ends_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, "--patience-s", "1") as served:
        assert served.process.wait(20) == 0
        last = served.report.read_text().splitlines()[-1]
        assert json.loads(last)["kind"] == "end"
