"""The deadlines of an end, each turned alone, and a line of ours that is down."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from mm.control_socket import FILE, address
from mm.state import account_dir
from scripted_venue import Effect, Told, Turn, Venue
from stage.script import Stage

HELD = Decimal("0.12")


async def holding(stage: Stage, **settings: object) -> None:
    """A maker that quotes both sides and holds a position."""
    stage.open()
    stage.inherit(str(HELD))
    await stage.quoting(**settings)


async def kill_by_hand(stage: Stage) -> None:
    with address(account_dir("paper", "default") / FILE) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps({"ask": "kill", "why": "drill"}).encode() + b"\n")
    await reader.readline()
    writer.close()
    await stage.until(lambda: stage.shown["kill"] is not None, 5)


def first_piece(command: str) -> Callable[[Told], Effect]:
    """Lots of the first order that closes a position of six times the limit."""

    def story(told: Told) -> Effect:
        venue = Venue({"control.on_exit": "flatten", **told}, position=0.5)
        venue.equity = 12_000.0
        venue.opened(3.0)
        venue.command(command)
        venue.after(3.0)
        return venue.immediate[0][1]["sz"]

    return story


PACES = (
    Turn("control.kill_deadline_s", (120.0, 60.0), first_piece("kill"), (2_174, 4_546)),
    Turn("control.exit_deadline_s", (60.0, 30.0), first_piece("stop"), (4_546, 10_000)),
)


@pytest.mark.parametrize("turn", PACES, ids=lambda turn: turn.key)
def test_a_deadline_sets_the_pace_of_closing(turn: Turn) -> None:
    assert turn.found() == turn.effects


@pytest.mark.parametrize("deadline_s", [10.0, 25.0])
async def test_the_kill_deadline_ends_the_process(stage: Stage, deadline_s: float) -> None:
    await holding(stage, control__on_kill="work", control__kill_deadline_s=deadline_s)
    await kill_by_hand(stage)
    began = stage.house.now_s()
    result = await stage.ends(4, 100)
    assert deadline_s - 1 < stage.house.now_s() - began < deadline_s + 5
    assert result["position"]["left_to"] == "nobody"


@pytest.mark.parametrize("deadline_s", [10.0, 25.0])
async def test_the_exit_deadline_ends_the_process(stage: Stage, deadline_s: float) -> None:
    await holding(stage, control__on_exit="flatten", control__exit_deadline_s=deadline_s)
    stage.house.cancel(stage.house.crowd)
    began, logs = stage.house.now_s(), stage.logs
    await stage.stop(3)
    assert deadline_s - 1 < stage.house.now_s() - began < deadline_s + 5
    [said] = [line for line in logs if line["event"] == "position_not_wound_up"]
    assert said["close_wait"] == "no_book"


async def test_a_line_of_ours_that_is_down_leaves_the_reducing_side(stage: Stage) -> None:
    await holding(stage)
    stage.net.cut("user")
    await stage.until(lambda: stage.bids == [], 3)
    assert stage.shown["mode_reason"] == "stream_down"
    assert sum(Decimal(quote["sz"]) for quote in stage.asks) == HELD
    await stage.wait(0.2)
    assert stage.bids == []
    assert sum(Decimal(quote["sz"]) for quote in stage.asks) == HELD
    assert all(quote["reduceOnly"] for quote in stage.asks)
    await stage.two_sided()
    await stage.ends_well()
