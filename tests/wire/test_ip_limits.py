"""The paper exchange's limits of one address: weight, sockets, messages."""

from collections.abc import Iterator

import aiohttp
import pytest

from mm.paper.ip_limits import (
    MESSAGES_PER_MINUTE,
    MINUTE_NS,
    SOCKETS,
    IpLimits,
    exchange_weight,
    info_weight,
)
from paper_process import Served, serving

HERE = "127.0.0.1"
WAIT_S = 10.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("exchange")
    with serving(directory, "--seed", "7", "--speed", "1", "--ip-limits", "venue") as exchange:
        yield exchange


@pytest.mark.wire
async def test_an_address_beyond_its_weight_hears_429_and_null(served: Served) -> None:
    async with aiohttp.ClientSession() as http:
        statuses = []
        for _ in range(70):
            async with http.post(f"{served.url}/info", json={"type": "meta"}) as response:
                statuses.append(response.status)
                body = await response.text()
        # 60 queries of 20 are a minute's weight; a few more came back while they were asked.
        assert statuses[:60] == [200] * 60
        assert (statuses[-1], body) == (429, "null")
        async with http.post(f"{served.url}/info", json={"type": "paperClock"}) as response:
            assert response.status == 200, "no request of the venue's"


@pytest.mark.wire
async def test_the_eleventh_socket_is_refused_and_a_closed_one_makes_room(served: Served) -> None:
    async with aiohttp.ClientSession() as http:
        url = f"{served.url}/ws"
        sockets = [await http.ws_connect(url) for _ in range(SOCKETS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url)
        assert refused.value.status == 429
        await sockets.pop().close()
        sockets.append(await http.ws_connect(url))
        await sockets[-1].send_json({"method": "ping"})
        assert (await sockets[-1].receive_json(timeout=WAIT_S))["channel"] == "pong"
        for held in sockets:
            await held.close()


def test_messages_and_new_sockets_are_counted_over_a_minute() -> None:
    now = [0]
    limits = IpLimits(lambda: now[0])
    assert all(limits.says(HERE) for _ in range(MESSAGES_PER_MINUTE))
    assert not limits.says(HERE)
    assert limits.says("127.0.0.2"), "each address for itself"
    for _ in range(30):
        assert limits.opens(HERE)
        limits.closes(HERE)
    assert not limits.opens(HERE)
    now[0] = MINUTE_NS
    assert limits.says(HERE)
    assert limits.opens(HERE)


def test_rows_cost_more_and_weight_comes_back_with_time() -> None:
    now = [0]
    limits = IpLimits(lambda: now[0])
    body = b'{"type":"userFills"}'
    assert limits.admits(HERE, 1_200)
    limits.charge_rows(HERE, body, b"[" + b",".join([b"{}"] * 400) + b"]")
    now[0] = MINUTE_NS // 60
    assert not limits.admits(HERE, 1), "20 were owed"
    now[0] += MINUTE_NS // 60
    assert limits.admits(HERE, 20)


@pytest.mark.parametrize(
    ("body", "weight"),
    [
        (b'{"action":{"type":"noop"}}', 1),
        (b'{"action":{"type":"cancel","cancels":[' + b",".join([b"{}"] * 80) + b"]}}", 3),
        (b"{", 1),
    ],
)
def test_an_action_weighs_by_its_items(body: bytes, weight: int) -> None:
    assert exchange_weight(body) == weight


@pytest.mark.parametrize(
    ("body", "weight"),
    [
        (b'{"type":"l2Book","coin":"BTC"}', 2),
        (b'{"type":"userRole"}', 60),
        (b'{"type":"meta"}', 20),
        (b"[]", 20),
    ],
)
def test_a_query_weighs_by_its_type(body: bytes, weight: int) -> None:
    assert info_weight(body) == weight
