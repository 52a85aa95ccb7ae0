"""HTTP 200 with something else than the answer, as a gateway before the venue gives: asked again.

Whoever cancels, closes or stops must not end on it.
"""

from decimal import Decimal

import pytest

from stage.house import Json
from stage.script import Stage

PAGE = "<html><body>We will be back soon</body></html>"
NONSENSE = [PAGE, "", "null", "{}", '[{"coin": "BTC"}]', '"later"']


@pytest.mark.parametrize("said", NONSENSE)
async def test_a_stop_goes_on_asking_what_rests(stage: Stage, said: str) -> None:
    stage.open()
    await stage.quoting()
    lists = stage.net.meddle(
        lambda query: query.get("type") == "frontendOpenOrders", answer=(200, said), times=3
    )
    # The engine's own cancels never arrive: what rests is found by the list alone.
    stage.net.meddle(lambda sent: sent.get("type") == "cancelByCloid", arrives=False, times=1)
    await stage.stop()
    assert lists.happened == 3
    assert (stage.bids, stage.asks) == ([], [])


@pytest.mark.parametrize("said", NONSENSE)
async def test_a_cancel_whose_answer_is_none_is_looked_after(stage: Stage, said: str) -> None:
    stage.open()
    await stage.quoting()
    stage.net.meddle(lambda sent: sent.get("type") == "cancelByCloid", arrives=False)
    answers = stage.net.meddle(
        lambda sent: sent.get("type") == "cancel", answer=(200, said), times=2
    )
    await stage.stop()
    assert answers.happened >= 1
    assert (stage.bids, stage.asks) == ([], [])


async def test_a_page_instead_of_an_answer_is_no_reason_to_leave(stage: Stage) -> None:
    """Every query for ten seconds: said, asked again, and quoted on."""
    stage.open()
    await stage.quoting()
    stage.fill("bid", "0.002")
    spoilt = stage.net.meddle(is_query, answer=(200, PAGE))
    await stage.wait(70)
    spoilt.stop()
    assert spoilt.happened > 0
    assert any(log["event"] == "query_failed" for log in stage.logs)
    await stage.two_sided()
    await stage.ends_well()


def is_query(asked: Json) -> bool:
    """Whether it is one of `/info` that the watch sends."""
    return asked.get("type") in {"userFills", "frontendOpenOrders", "clearinghouseState",
        "activeAssetData", "userRateLimit", "candleSnapshot", "perpsAtOpenInterestCap"}  # fmt: skip


@pytest.mark.parametrize("said", [*NONSENSE[2:], '{"error": "upstream"}'])
async def test_json_of_another_form_is_asked_for_again(stage: Stage, said: str) -> None:
    """For twenty seconds each query of the engine's: nothing is left, nothing is believed."""
    stage.open()
    await stage.quoting()
    stage.fill("bid", "0.002")
    spoilt = stage.net.meddle(is_query, answer=(200, said))
    await stage.until(lambda: spoilt.happened > 3, 70)
    await stage.wait(20)
    spoilt.stop()
    assert "answer_unreadable" in [log["event"] for log in stage.logs]
    await stage.wait(10)
    await stage.two_sided()
    assert stage.believed == stage.position == Decimal("0.002")
    assert stage.shown["foreign"] == []
    await stage.ends_well()


async def test_a_query_that_nobody_can_read_any_more_ends_the_run(stage: Stage) -> None:
    """Another protocol is spoken there: cancelled and left, exit 3, the position with its stop."""
    stage.open()
    stage.inherit("0.12")
    await stage.quoting()
    await stage.until(lambda: stage.shown["resident"]["suits"], 10)
    stage.net.meddle(lambda asked: asked.get("type") == "activeAssetData", answer=(200, "{}"))
    result = await stage.ends(3)
    assert "60 answers to activeAssetData in a row could not be read" in result["exit_reason"]
    assert (stage.bids, stage.asks, len(stage.stops)) == ([], [], 1)
    assert result["position"]["left_to"] == "hold"
