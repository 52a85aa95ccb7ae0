"""Bugs and failures planted in a whole run, real exchange included: each ends as it must."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from maker_process import Json, exchange, has_quoted, report, runs
from mm import desk, ending
from mm._core import Action, Engine
from mm.config import Config, engine_config_json, load
from mm.log import writing
from mm.run import Options, make_markets

pytestmark = pytest.mark.wire

Meanwhile = Callable[[], Awaitable[None]]


def options(duration_s: float | None = None, base_url: str | None = None) -> Options:
    config = load(None, {"process.speed": 60.0, "process.seed": 7})
    return Options(config, base_url, duration_s, screen=False, as_json=True)


async def trade(wanted: Options, meanwhile: Meanwhile | None = None) -> int:
    """Run, with something happening beside it once it has quoted."""
    with writing("warning"):
        run = asyncio.create_task(make_markets(wanted))
        if meanwhile is not None:
            async with asyncio.timeout(60):
                while not has_quoted() and not run.done():  # noqa: ASYNC110 - a file shows it
                    await asyncio.sleep(0.02)
            await meanwhile()
        return await asyncio.wait_for(run, 60)


def summary(capsys: pytest.CaptureFixture[str]) -> Json:
    result: Json = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(
    ("gate", "code"), [("disabled", 5), ("enforced", 0)], ids=["gate off", "gate on"]
)
async def test_a_ladder_at_twice_the_room_is_seen_by_the_exchange_unless_the_gate_stops_it(
    gate: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def planted(config: Config, session: int, *first: int) -> str:
        whole = json.loads(engine_config_json(config, session, *first))
        # The kill switch would end the run before the audit could say what the gate let out.
        whole["control"]["kill_runaway_ratio"] = 10.0
        return json.dumps({**whole, "drill": {"room_factor": 2.0, "gate": gate}})

    monkeypatch.setattr(desk, "engine_config_json", planted)
    assert await trade(options(duration_s=150)) == code
    result = summary(capsys)
    assert (result["breaches"] > 0) == (gate == "disabled")
    assert result["open_orders_after_stop"] == 0


class Panic(BaseException):
    """What a panic of the core is to Python: no `Exception`."""


class Fragile:
    """An engine that panics on its hundredth frame after the first order, and must then be left."""

    def __init__(self, config: str, instrument: Any) -> None:  # noqa: ANN401 - the core's own
        self._engine = Engine(config, instrument)
        self._left = 100
        self._quoted = False
        self.panicked = False

    def on_frame(self, recv_ns: int, frame: bytes) -> list[Action]:
        assert not self.panicked, "stepped after a panic"
        actions = self._engine.on_frame(recv_ns, frame)
        self._quoted = self._quoted or bool(actions)
        self._left -= self._quoted
        if self._left < 0:
            self.panicked = True
            raise Panic("invariant: planted")
        return actions

    def __getattr__(self, name: str) -> object:
        stepping = name.startswith("on_")
        assert not (stepping and self.panicked), "stepped after a panic"
        return getattr(self._engine, name)


class Overcharged:
    """An engine that is told one fee a micro-USDC higher than the exchange took."""

    def __init__(self, config: str, instrument: Any) -> None:  # noqa: ANN401 - the core's own
        self._engine = Engine(config, instrument)
        self._corrupted = False

    def on_frame(self, recv_ns: int, frame: bytes) -> list[Action]:
        if not self._corrupted and b'"channel":"userFills"' in frame:
            message = json.loads(frame)
            if (fills := message["data"]["fills"]) and not message["data"].get("isSnapshot"):
                fills[0]["fee"] = str(Decimal(fills[0]["fee"]) + Decimal("0.000001"))
                frame = json.dumps(message).encode()
                self._corrupted = True
        return self._engine.on_frame(recv_ns, frame)

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


async def test_one_corrupted_fee_shows_in_the_residual(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(desk, "Engine", Overcharged)
    await trade(options(duration_s=240))
    result = summary(capsys)
    assert result["fills_buy"] + result["fills_sell"] > 0
    assert result["pnl_usd"]["residual"] == "0.000001"


async def test_a_panic_of_the_core_ends_in_cancel_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(desk, "Engine", Fragile)
    assert await trade(options()) == 5
    result = summary(capsys)
    assert result["exit_reason"] == "Panic: invariant: planted"
    assert result["orders"]["placed"] > 0
    assert result["open_orders_after_stop"] == 0
    lines = report(runs()[-1])
    assert [line for line in lines if line["kind"] == "left"] == []
    assert [line["action"] for line in lines if line["kind"] == "action"][-1] == "cancel"


async def test_an_exchange_that_hangs_for_a_while_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hang() -> None:
        pid = exchange()["pid"]
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(1)
        os.kill(pid, signal.SIGCONT)

    assert await trade(options(duration_s=180), hang) == 0
    result = summary(capsys)
    assert result["exit_reason"] == "duration"
    assert result["breaches"] == 0
    assert result["open_orders_after_stop"] == 0
    assert result["pnl_usd"]["residual"] == "0"


async def test_a_dead_exchange_ends_the_run_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mm.run.GONE_S", 1.0)

    async def die() -> None:
        os.kill(exchange()["pid"], signal.SIGKILL)

    assert await trade(options(), die) == 3
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert "did not come back within 1 s" in result["exit_reason"]
    assert result["open_orders_after_stop"] is None
    assert "mm: the paper exchange at http://127.0.0.1:" in said.err


async def test_an_unverified_stop_is_not_called_orderly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mm.run.HARD_DEADLINE_S", 1.0)
    monkeypatch.setattr(ending, "ENGINE_S", 0.3)

    async def freeze_and_stop() -> None:
        os.kill(exchange()["pid"], signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGINT)
        asyncio.get_running_loop().call_later(2, os.kill, exchange()["pid"], signal.SIGCONT)

    assert await trade(options(), freeze_and_stop) == 3
    said = capsys.readouterr()
    assert "not verified as cancelled" in said.err
    assert json.loads(said.out)["exit_reason"] == "sigint"
