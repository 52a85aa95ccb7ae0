"""One maker, many readers, from outside: for the same cycle they all show the same number."""

import asyncio
import json
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import zstandard

from engine_desk import EngineDesk
from maker_process import runs
from mm import explain
from mm.config import load
from mm.cycles import CycleWatch
from mm.figures import iso
from mm.log import writing
from mm.recorder import read_lines
from mm.replay import LOG
from mm.report import RunFacts, summary
from mm.run import Options, make_markets

Json = Any  # whatever JSON holds

LIMIT_LINE = "Effective max position updated from first principles"


def number(scraped: str, name: str) -> Decimal:
    """One sample of a scrape."""
    line = next(line for line in scraped.splitlines() if line.startswith(name))
    return Decimal(line.rsplit(" ", 1)[1])


def facts() -> RunFacts:
    return RunFacts(
        session=1, network="paper", market="demo", coin="BTC", sz_decimals=5, duration_s=None,
        speed_achieved=None, requests=0, breaches=None, open_orders_after_stop=None,
        latency_us={}, queue_bound=None, decision_hash=None, exit_reason="told",
    )  # fmt: skip


def test_sides_that_differ_are_the_same_number_for_every_reader(tmp_path: Path) -> None:
    """Head-room differs by side and the position is over it: line, metric, JSON, journal, explain,
    and the refusals of the very cycle."""
    desk = EngineDesk({"control.kill_runaway_ratio": 10.0})
    desk.watch = CycleWatch(desk.engine.snapshot, 5, "500 USD", debug=True)
    desk.bbo()
    desk.candles()
    desk.fees()
    desk.head_room(buy=0.01, sell=0.04)
    with structlog.testing.capture_logs() as said:
        desk.anchor()
        desk.after(3.0, quiet=["head_room"])
        desk.fill({"side": "Bid", "px": 999_990, "sz": 1_500, "oid": 77, "cloid_text": None})
        # Half the equity is gone elsewhere: the short side is bound anew, in this very cycle.
        desk.account(equity=9_700.0)
        scraped = desk.metrics.text().decode()
        shown = summary(facts(), desk.snapshot())["limit"]
    cycle = desk.snapshot()["cycle"]
    long, short = Decimal("0.01"), Decimal("0.04")
    assert isinstance(shown, dict)

    assert number(scraped, "mm_cycle") == cycle
    assert number(scraped, 'mm_effective_max_position{coin="BTC",side="long"}') == long
    assert number(scraped, 'mm_effective_max_position{coin="BTC",side="short"}') == short
    assert (Decimal(shown["long"]), Decimal(shown["short"])) == (long, short)

    journalled = next(line for line in desk.cycles()[::-1] if line["cycle"] <= cycle)
    assert journalled["limits"]["lots"] == [1_000, 4_000]

    refusals = [line["r"] for line in desk.log if "r" in line][-1]
    assert {refusal["limit"] for refusal in refusals if refusal["side"] == "Bid"} == {1_000}

    (tmp_path / "events.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(desk.journal))
    explained = explain.limits(explain.stand(tmp_path, None))
    assert explained["cycle"] == cycle
    assert (Decimal(explained["long"]), Decimal(explained["short"])) == (long, short)
    assert explained["reduce_only"]

    updated = [line for line in said if line["event"] == LIMIT_LINE][-1]
    assert (Decimal(updated["new_long"]), Decimal(updated["new_short"])) == (long, short)
    entered = [line for line in said if line["event"] == "reduce_only_entered"][-1]
    assert Decimal(entered["effective_max_pos"]) == long
    assert entered["utilisation_pct"] == "150.00"
    quoted = [line for line in said if line["event"] == "Quote inputs"][-1]
    assert Decimal(quoted["effective_max_pos"]) == min(long, short)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def scrapes(port: int, wanted: int) -> list[str]:
    """Scrape a run from outside, as soon as it quotes and then now and then."""
    found: list[str] = []
    async with aiohttp.ClientSession() as client, asyncio.timeout(60):
        while len(found) < wanted:
            await asyncio.sleep(0.25)
            try:
                async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    text = await answer.text()
            except aiohttp.ClientConnectionError:
                continue
            if 'mm_orders_total{coin="BTC",event="placed"} 0.0' not in text:
                found.append(text)
    return found


@pytest.mark.wire
async def test_a_whole_run_shows_one_number_for_each_cycle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, log_file = free_port(), tmp_path / "log.jsonl"
    keys: dict[str, Json] = {"process.speed": 60.0, "process.seed": 7, "process.metrics_port": port}
    keys["process.log_level"] = "debug"
    options = Options(load(None, keys), None, 150.0, screen=False, as_json=True)
    with writing("debug", log_file):
        run = asyncio.create_task(make_markets(options))
        scraped = await scrapes(port, 5)
        assert await asyncio.wait_for(run, 60) == 0
    shown = json.loads(capsys.readouterr().out)["limit"]

    directory = runs()[-1]
    records = [json.loads(line) for line in read_lines(directory / LOG)[0].splitlines()]
    cycles = [record["c"] for record in records if "c" in record]
    said = [json.loads(line) for line in log_file.read_text().splitlines()]
    updates = [line for line in said if line["event"] == LIMIT_LINE]
    assert len({tuple(cycle["limits"]["lots"]) for cycle in cycles}) > 3, "the limit moved"

    for page in scraped:
        cycle = int(number(page, "mm_cycle"))
        long = number(page, 'mm_effective_max_position{coin="BTC",side="long"}')
        journalled = [line for line in cycles if line["cycle"] <= cycle][-1]
        assert Decimal(journalled["limits"]["lots"][0]) / 10**5 == long, cycle
        updated = [line for line in updates if line["cycle"] <= cycle][-1]
        assert Decimal(updated["new_long"]) == long, cycle
        at = iso(journalled["recv"])
        explained = explain.limits(explain.stand(directory, at))
        assert Decimal(explained["long"]) == long, cycle

    last = explain.limits(explain.stand(directory, None))
    assert (shown["long"], shown["short"]) == (last["long"], last["short"])
    assert shown["value_usd"] == last["value_usd"]
    refused_at_their_limit(records)


def refused_at_their_limit(records: list[Json]) -> None:
    """Every refusal names the limit of its side that was in force in its cycle."""
    lots = None
    for record in records:
        if "c" in record:
            lots = record["c"]["limits"]["lots"]
        for refusal in record.get("r", ()):
            assert lots is not None
            assert refusal["limit"] == lots[refusal["side"] == "Ask"], refusal
