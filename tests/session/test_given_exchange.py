"""`mm run --base-url`: an exchange that somebody else runs, behind a line that can be cut."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from given_account import give_key
from maker_process import has_quoted, state_dir
from mm.cli import run
from mm.config import load
from mm.errors import ConfigError, VenueError
from mm.log import writing
from mm.run import Options, make_markets
from paper_process import serving

pytestmark = pytest.mark.wire

BLOCK = 65_536


class Cable:
    """A TCP proxy that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(BLOCK):
                sink.write(data)
                await sink.drain()
        sink.close()

    def cut(self) -> None:
        self._whole = False
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def mend(self) -> None:
        self._whole = True


@asynccontextmanager
async def cable(port: int) -> AsyncIterator[tuple[Cable, str]]:
    proxy = Cable(port)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    yield proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    proxy.cut()
    server.close()


def options(base_url: str, duration_s: float) -> Options:
    config = load(None, {"process.speed": 60.0})
    return Options(config, base_url, duration_s, screen=False, as_json=True)


async def test_a_cut_line_is_mended_and_the_books_still_close(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = give_key()
    market = ("--account", f"{address}=10000", "--speed", "60", "--seed", "7")
    with serving(tmp_path, *market) as served, writing("info"):
        async with cable(served.said["port"]) as (line, base_url):
            run = asyncio.create_task(make_markets(options(base_url, 240)))
            async with asyncio.timeout(60):
                while not has_quoted() and not run.done():  # noqa: ASYNC110 - a file shows it
                    await asyncio.sleep(0.02)
            line.cut()
            await asyncio.sleep(1)
            line.mend()
            code = await asyncio.wait_for(run, 60)
        lines = served.stop()
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert code == 0, said.err[-2000:]
    assert said.err.count('"event": "reconnected"') >= 1
    assert result["exit_reason"] == "duration"
    assert result["breaches"] is None
    assert result["open_orders_after_stop"] == 0
    assert result["pnl_usd"]["residual"] == "0"
    assert result["fills_buy"] + result["fills_sell"] > 0
    assert [line for line in lines if line["kind"] == "left"] == []


def test_a_reader_that_goes_away_leaves_nothing_resting(tmp_path: Path) -> None:
    address = give_key()
    market = ("--account", f"{address}=10000", "--speed", "60", "--seed", "7")
    with serving(tmp_path, *market) as served:
        command = f"{sys.executable} -m mm run --base-url {served.url} 2>&1 | head -n 30"
        done = subprocess.run(
            ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, check=False
        )
        lines = served.stop()
    assert done.returncode == 0
    assert b"PAPER  BTC on the demo market, 60x speed" in done.stdout
    assert any(line["kind"] == "action" and line["action"] == "order" for line in lines)
    assert [line for line in lines if line["kind"] == "left"] == []
    result = json.loads(next(state_dir().glob("runs/*/summary.json")).read_text())
    assert result["exit_reason"] == "output_closed"
    assert result["open_orders_after_stop"] == 0


def test_the_doctor_looks_at_one_that_somebody_else_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = give_key()
    with serving(tmp_path, "--account", f"{address}=777") as served:
        assert run(["doctor", "--json", "--base-url", served.url]) == 0
        found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
        assert served.url in found["venue"]["text"]
        assert "777.00 USD" in found["feasibility"]["text"]
        (state_dir() / "wallet.json").unlink()
        with pytest.raises(VenueError, match=r"mm run --base-url http:.* makes its key"):
            run(["doctor", "--base-url", served.url])
    with pytest.raises(ConfigError, match="expected http://HOST:PORT"):
        run(["doctor", "--base-url", "localhost:3001"])


async def test_an_account_without_money_is_told_how_to_get_some(tmp_path: Path) -> None:
    address = give_key()
    hint = f"start that exchange with --account {address}=10000"
    with serving(tmp_path) as served, writing("info"), pytest.raises(VenueError, match=hint):
        await make_markets(options(served.url, 1))
    # The key is kept, so the command that was printed helps the next run.
    assert json.loads((state_dir() / "wallet.json").read_text())["address"] == address


async def test_what_is_no_paper_exchange_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VenueError, match="no connection"):
        await make_markets(options("http://127.0.0.1:9", 1))
    assert os.listdir(state_dir() / "runs")
