"""Every door of Python that takes bytes: whatever comes, it is read, or refused by a typed error.

The core's doors have the same laws in `rust/mm-hl/tests` and `rust/mm-sim/tests/bytes.rs`.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mm._core import Instrument
from mm.backtest import read_recording
from mm.by_hand import Hand
from mm.clock import LiveClock
from mm.closing import preview
from mm.config import load
from mm.config.engine import recovery
from mm.control_socket import FILE, ControlSocket, address, ask_running
from mm.errors import MmError, VenueError
from mm.frames import listing_beside, read_frames
from mm.heartbeat import Beat, Held, read_beat
from mm.hyperliquid.account import Account, check, set_leverage
from mm.hyperliquid.http import HttpClient, HttpReply
from mm.hyperliquid.lists import CHANNELS, as_frame, pages
from mm.hyperliquid.meta import load_listing, load_perp
from mm.hyperliquid.order_line import _answer
from mm.hyperliquid.pacing import Pacer, rows_weight
from mm.hyperliquid.socket import channel_of
from mm.inbox import Inbox
from mm.keys.keystore import Keystore
from mm.keys.sources import checked
from mm.live.opening import clock_skew_s, refuse_mode
from mm.live.roles import mandate_of
from mm.paper.ip_limits import IpLimits, exchange_weight, info_weight
from mm.paper.mirror import Mirror
from mm.paper.opening import read_plan
from mm.paper.process import read_announcement
from mm.replay import read_run
from mm.runs import last_burn
from mm.sorting import Inboxes
from mm.startup import wait_out
from mm.state import StateDir
from mm.watchdog.charge import Charge, Coin, read_charge
from mm.watchdog.directory import WatchdogDir
from mm.watchdog.trade import Trade
from mm.watchdog.unwinding import View

Json = Any  # whatever JSON holds
LONGEST_S = 5.0
BTC = Instrument("BTC", 0, 5, 40)
ME = "0x" + "1a" * 20
DEEP = 10_000
LONG_PAST_MS = -(10**40)

ORDER = {"coin": "BTC", "oid": 7, "side": "B", "sz": "0.001", "limitPx": "88000", "cloid": None}
POSITION = {"coin": "BTC", "szi": "-0.002"}
BOOK = {"coin": "BTC", "time": 1, "levels": [[{"px": "9", "sz": "1", "n": 1}]] * 2}
ANSWERS: dict[str, Json] = {
    "frontendOpenOrders": [ORDER],
    "clearinghouseState": {"assetPositions": [{"position": POSITION}], "time": 5},
    "activeAssetData": {"leverage": {"type": "cross", "value": 20}},
    "l2Book": BOOK,
    "meta": {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}], "marginTables": []},
    "perpDexs": [None, {"name": "xyz", "deployerFeeScale": "1.0"}],
    "exchangeStatus": {"time": 5},
    "userAbstraction": "default",
    "userRole": {"role": "agent", "data": {"user": ME}},
    "vaultDetails": {"leader": ME},
    "extraAgents": [{"name": "a", "address": ME, "validUntil": 5}],
    "userFillsByTime": [{"time": 5, "tid": 3}],
    "userFunding": [{"time": 5, "delta": {"usdc": "1"}}],
    "order": {"status": "ok", "response": {"data": {"statuses": [{"resting": {"oid": 7}}]}}},
}
BEAT = Beat("watch", 3, 7, 9, {"BTC": Held("normal", 3, 0, (9, 9), 9, 1e-4)}).text()
CHARGE = Charge(
    9, "paper", "http://x", "i", ME, None, ME, (Coin("BTC", "", "{}"),), "", 5.0, 5.0, 10.0, 200
)
FRAME = {"channel": "l2Book", "data": BOOK}
POST = {"channel": "post", "data": {"id": 3, "response": {"type": "action", "payload": {}}}}
CLOCK = {"channel": "paperClock", "data": {"timeNs": 5, "speed": 1.0, "instance": "i"}}
SAMPLES = [
    *(json.dumps(answer).encode() for answer in ANSWERS.values()),
    BEAT.encode(),
    *(json.dumps(frame).encode() for frame in (FRAME, POST, CLOCK)),
    b"1769916002000000000 " + json.dumps(FRAME).encode() + b"\n",
    b'[process]\ncoin = "BTC"\nspeed = 20.0\n[limits]\nnum_sigmas = 4.0\n',
    b'{"ask": "status"}\n',
    b'{"requests": 5, "volume_usd": "7.5", "duration_s": 3.0}',
    b'{"script": [{"at_s": 1, "fault": {"disconnect": {"for_s": 1}}}]}',
    zstandard.compress(b"1 {}\n"),
    b"ab" * 32,
]
# What a mutation of a sample hardly ever finds.
WORST = [
    b"",
    b"null",
    b"<html><body>502 Bad Gateway</body></html>",
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP,
    b'{"channel":' + b"[" * DEEP,
    b"a = " + b"[" * DEEP,
    b"9" * 5_000,
    b'{"time":' + b"9" * 5_000 + b"}",
    b'{"time": 1e999}',
    b'{"time": NaN, "timeNs": Infinity}',
    b'"\\ud800"',
    b'{"channel": "\\ud800", "role": "\\ud800"}',
    b"\xff\xfe\x00",
    b'{"channel":"\xff"}',
    b"\x00" * 50,
    zstandard.compress(b"[" * DEEP),
]
TOKENS = [b"null", b"-1", b'"NaN"', b"[]", b"{}", b"1e999", b"true", b'""', b"9" * 30, b"\xff"]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A sample with bytes flipped, cut out, copied, or a value in place of some of them."""
    body = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        span = draw(st.integers(0, 12))
        match draw(st.integers(0, 3)):
            case 0 if body:
                body[at] ^= draw(st.integers(1, 255))
            case 1:
                del body[at : at + span]
            case 2:
                body[at:at] = body[at : at + span]
            case _:
                body[at : at + span] = draw(st.sampled_from(TOKENS))
    return bytes(body)


ANYTHING = st.one_of(st.sampled_from(WORST), st.binary(max_size=200), spoilt())


class Told:
    """A venue that answers everything with the same bytes, after the door of `HttpClient`."""

    base_url = "http://venue"
    _queries = _urgent = None

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def info(self, query: Json, *, urgent: bool = False) -> bytes:
        return await HttpClient.info(cast(HttpClient, self), query, urgent=urgent)

    async def _post(self, _session: object, path: str, body: bytes) -> HttpReply:
        return HttpReply(200, self._body)


class Gate:
    """A way out that is answered with the same bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def request(self, action: Json) -> HttpReply:
        return HttpReply(200, self._body)


def account(body: bytes) -> Account:
    return Account(cast(HttpClient, Told(body)), Pacer(LiveClock()), ME, "BTC", session=5)


def hands(body: bytes) -> Trade:
    nobody: Any = SimpleNamespace(base_url="http://venue")
    config = json.dumps(recovery(load(None, {})))
    gate: Any = Gate(body)
    return Trade(nobody, LiveClock(), BTC, account(body), gate, config, cancels_up_to_session=None)


async def carried_out(body: bytes) -> None:
    view = View(3, (), (None, None), ())
    await hands(body).carry_out(view, attempt=True, held=Held())


async def previewed(body: bytes) -> None:
    hand: Any = SimpleNamespace(account=account(body))
    hand.position, hand.orders = (lambda: Hand.position(hand)), (lambda: Hand.orders(hand))
    await preview(hand)


async def listed(body: bytes) -> None:
    http = cast(HttpClient, Told(body))
    for coin in ("BTC", "xyz:TSLA"):
        for look in (load_perp, load_listing):
            try:
                await look(http, coin)
            except MmError:
                continue


async def asked(body: bytes) -> None:
    http = cast(HttpClient, Told(body))
    looks: list[Callable[[], Awaitable[object]]] = [
        lambda: clock_skew_s(http),
        lambda: refuse_mode(http, ME),
        lambda: mandate_of(http, ME, ME, master_key_allowed=True, now_ms=0),
        lambda: account(body).leverage(),
        lambda: account(body).open_oids(),
        lambda: set_leverage(
            account(body), cast(Any, Gate(body)), cast(Any, SimpleNamespace(instrument=BTC,
            margin_mode="cross")), 3,
        ),
    ]  # fmt: skip
    for look in looks:
        try:
            await look()
        except MmError:
            continue


async def paged(body: bytes) -> None:
    for query in CHANNELS:
        try:
            async for rows in pages(account(body), query, (0, 9)):
                as_frame(query, ME, rows)
        except MmError:
            continue


def in_file(read: Callable[[Path], object], name: str) -> Callable[[bytes, Path], object]:
    def written(body: bytes, home: Path) -> object:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return read(path)

    return written


def state_record(path: Path) -> object:
    with StateDir.open("paper", "default", path.parents[2]) as state:
        return state.read("wallet")


async def mirrored(body: bytes) -> object:
    return await Mirror.history(cast(Mirror, SimpleNamespace(_http=Told(body))), body)


def weighed(body: bytes) -> None:
    limits = IpLimits(lambda: 0)
    limits.admits("here", info_weight(body) + exchange_weight(body))
    limits.charge_rows("here", body, body)
    for kind in ("userFills", "candleSnapshot", "meta"):
        rows_weight(kind, body)


def sorted_(body: bytes) -> object:
    return Inboxes({"BTC": Inbox(), "ETH": Inbox()}).about(body)


def of_key(body: bytes) -> object:
    return checked(body.decode("utf-8", "replace"), "the key")


@dataclass(frozen=True, slots=True)
class Door:
    """Something that takes bytes.

    Attributes:
        take: Bytes and an empty directory.
        refusal: What it may raise; `None`: nothing.
    """

    take: Callable[[bytes, Path], object]
    refusal: type[Exception] | None = MmError


def plain(take: Callable[[bytes], object], refusal: type[Exception] | None = MmError) -> Door:
    return Door(lambda body, _: take(body), refusal)


DOORS = {
    "frame: channel": plain(channel_of, None),
    "frame: coin": plain(sorted_, None),
    "frame: answer to a post": plain(_answer, None),
    "frame: clock": plain(read_announcement, VenueError),
    "answer: action": plain(lambda body: check(HttpReply(200, body), "cancel"), VenueError),
    "answer: queries": plain(asked),
    "answer: listing": plain(listed),
    "answer: lists": plain(paged),
    "answer: watchdog's look": plain(lambda body: hands(body).view(), VenueError),
    "answer: watchdog's position": plain(lambda body: hands(body).position(), VenueError),
    "answer: watchdog's order": plain(carried_out, VenueError),
    "answer: flatten's preview": plain(previewed, VenueError),
    "answer: time": plain(
        lambda body: wait_out(account(body), LiveClock(), LONG_PAST_MS), VenueError
    ),
    "request: weight": plain(weighed, None),
    "request: history of a mirror": plain(mirrored, VenueError),
    "file: heartbeat": Door(in_file(read_beat, "heartbeat.json")),
    "file: charge": Door(in_file(lambda path: read_charge(path.parent), "charge.json")),
    "file: watchdog's status": Door(
        in_file(lambda path: WatchdogDir(path.parents[1]).read_status(), "watchdog/status.json"),
        None,
    ),
    "file: watchdog's key": Door(
        in_file(lambda path: WatchdogDir(path.parents[1]).read_key(), "watchdog/key.json")
    ),
    "file: keystore": Door(
        in_file(lambda path: Keystore("testnet", path.parents[2]).read("maker", "words"),
                "keys/testnet/maker.json")
    ),
    "file: list of keys": Door(
        in_file(lambda path: Keystore("testnet", path.parents[2]).all(), "keys/testnet/maker.json")
    ),
    "file: record of the state": Door(in_file(state_record, "paper/default/wallet.json")),
    "file: configuration": Door(in_file(load, "mm.toml")),
    "file: plan of faults, TOML": Door(in_file(read_plan, "plan.toml")),
    "file: plan of faults, JSON": Door(in_file(read_plan, "plan.json")),
    "file: recording": Door(in_file(lambda path: read_recording([path]), "BTC.frames")),
    "file: recording, packed": Door(in_file(read_frames, "BTC.frames.zst")),
    "file: listing of a recording": Door(
        in_file(lambda path: listing_beside(path.with_name("BTC.frames.zst")), "BTC.meta.json")
    ),
    "file: event log, packed": Door(in_file(read_run, "events.jsonl.zst")),
    "file: summary": Door(in_file(lambda path: last_burn(path.parents[2]), "runs/1/summary.json"),
                          None),
    "text: key": plain(of_key),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@given(body=ANYTHING)
def test_whatever_comes_is_read_or_refused_by_a_typed_error(door: str, body: bytes) -> None:
    take, refusal = DOORS[door].take, DOORS[door].refusal
    begun_s = time.monotonic()
    # A door that refuses nothing may raise nothing.
    allowed = () if refusal is None else (refusal,)
    with tempfile.TemporaryDirectory() as home, suppress(*allowed):
        found = take(body, Path(home))
        if asyncio.iscoroutine(found):
            asyncio.run(found)
    assert time.monotonic() - begun_s < LONGEST_S, "it hangs"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", WORST)
def test_the_worst_of_all_at_every_door(door: str, body: bytes) -> None:
    test_whatever_comes_is_read_or_refused_by_a_typed_error.hypothesis.inner_test(door, body)


def test_the_samples_are_read_as_they_are() -> None:
    """Else the mutations of them would not come far."""
    for kind, answer in ANSWERS.items():
        assert Told(json.dumps(answer).encode()) is not None, kind
    assert (
        asyncio.run(account(json.dumps(ANSWERS["frontendOpenOrders"]).encode()).open_oids()) == []
    )
    assert Beat.of_text(BEAT, Path("here")).number == 3
    assert channel_of(json.dumps(FRAME).encode()) == "l2Book"
    assert _answer(json.dumps(POST).encode()) is not None
    check(HttpReply(200, json.dumps(ANSWERS["order"]).encode()), "order")


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("account")


@given(bodies=st.lists(ANYTHING, max_size=3))
def test_the_control_socket_outlives_whatever_is_said_to_it(
    held: Path, bodies: list[bytes]
) -> None:
    async def status(_: Json) -> Json:
        return {"well": True}

    async def talk() -> Json:
        troubles: list[Json] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: troubles.append(what))
        async with ControlSocket(held) as control:
            control.on("status", status)
            for body in bodies:
                with address(held / FILE) as name:
                    reader, writer = await asyncio.open_unix_connection(name)
                try:
                    writer.write(body.replace(b"\n", b" ") + b"\n")
                    await writer.drain()
                    said = await asyncio.wait_for(reader.read(), LONGEST_S)
                    assert set(json.loads(said)) <= {"answer", "error"}
                except ConnectionError:
                    continue
                finally:
                    writer.close()
            found = await asyncio.to_thread(ask_running, held, {"ask": "status"})
        assert troubles == []
        return found

    assert asyncio.run(talk()) == {"well": True}


@given(body=ANYTHING)
def test_a_maker_that_answers_nonsense_is_no_surprise(held: Path, body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(body.replace(b"\n", b" ") + b"\n")
        writer.close()

    async def talk() -> None:
        (held / FILE).unlink(missing_ok=True)
        with address(held / FILE) as name:
            server = await asyncio.start_unix_server(serve, name)
        async with server:
            try:
                await asyncio.to_thread(ask_running, held, {"ask": "status"})
            except MmError:
                return

    asyncio.run(talk())
