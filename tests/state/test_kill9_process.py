"""Real processes over loopback, killed with SIGKILL: the exchange's list is the ledger's."""

import json
import random
import sqlite3
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from maker_process import Maker, has_quoted, runs, state_dir, wait_for
from mm.state import StateDir
from paper_process import Served, serving

pytestmark = pytest.mark.wire

Json = Any  # whatever JSON holds
KILLS = 3


def ask(served: Served, **query: Json) -> Json:
    request = urllib.request.Request(
        f"{served.url}/info", json.dumps(query).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def mm(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mm", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rows(query: str) -> list[tuple[Json, ...]]:
    with sqlite3.connect(state_dir() / "state.db") as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


def test_makers_killed_at_any_moment_leave_the_exchanges_own_ledger(tmp_path: Path) -> None:
    dice = random.Random(1)
    with serving(tmp_path, "--speed", "60", "--seed", "7", accounts=1) as served:
        wallet = served.wallets[0]
        with StateDir.open("paper", "default") as state:
            state.write("wallet", {"address": wallet.address.lower(), "secret": wallet.key.hex()})
        options = ("--base-url", served.url, "--speed", "60")
        for number in range(KILLS):
            maker = Maker(*options)
            wait_for(lambda: len(runs_made()) > number and has_quoted(), maker)  # noqa: B023
            quoted_ns = time.time_ns()
            time.sleep(1.2 + dice.random())
            maker.kill()
            [(saved_ns,)] = rows("SELECT saved_ns FROM record WHERE name = 'status'")
            assert saved_ns > quoted_ns, "kept on a beat, for a killed one tells nobody"
            stale = mm("status", "--json")
            assert stale.returncode == 1, "the socket of a killed maker answers nobody"
            assert json.loads(stale.stdout)["pid"] is None
        summary, log = Maker(*options, "--duration", "30").ends(0)
        assert summary["open_orders_after_stop"] in {0, None}
        assert "position_corrected" not in log
        last = json.loads(mm("status", "--json").stdout)
        assert last["standing"]["orders"] == {"bids": 0, "asks": 0}, "kept once more at the end"
        replayed = mm("replay", str(runs()[-1]))
        assert replayed.returncode == 0, "what was restored is in the log of the run"
        user = wallet.address.lower()
        fills = ask(served, type="userFills", user=user)
        assert len(fills) > 0
        tids = [row[0] for row in rows("SELECT tid FROM entry WHERE tid IS NOT NULL")]
        assert sorted(tids) == sorted(fill["tid"] for fill in fills)
        left = ask(served, type="frontendOpenOrders", user=user)
        held = Decimal(last["standing"]["position"]) != 0
        assert [row["isTrigger"] for row in left] == [True] * held, "a position keeps one stop"
    nonces = [json.loads(line)["nonce"] for run in runs() for line in sent(run)]
    assert len(nonces) == len(set(nonces))
    sessions = [row[0] for row in rows("SELECT reserved FROM counter WHERE name = 'session'")]
    assert sessions[0] > summary["session"] - 1
    (opening,) = {
        json.loads(body)["opening"]
        for (body,) in rows("SELECT body FROM record WHERE name = 'budget'")
    }
    assert opening == 10_000 * 10**6, "the day's loss is counted from the first run's opening"


def runs_made() -> list[Path]:
    return runs() if (state_dir() / "runs").exists() else []


def sent(run: Path) -> list[str]:
    path = run / "sent.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_two_processes_one_account(tmp_path: Path) -> None:
    """Whoever comes second is refused by name and changes nothing; whoever reads is not refused."""
    with serving(tmp_path, "--speed", "60", "--seed", "7", accounts=1) as served:
        wallet = served.wallets[0]
        with StateDir.open("paper", "default") as state:
            state.write("wallet", {"address": wallet.address.lower(), "secret": wallet.key.hex()})
        maker = Maker("--base-url", served.url, "--speed", "60")
        wait_for(has_quoted, maker)
        second = mm("run", "--no-ui", "--base-url", served.url, "--speed", "60")
        assert second.returncode == 2
        assert f"held by another mm, pid {maker.process.pid}" in second.stderr
        refused = mm("unlock")
        assert refused.returncode == 2
        assert f"held by another mm, pid {maker.process.pid}" in refused.stderr
        shown = mm("status", "--json")
        assert shown.returncode == 0, shown.stderr
        found = json.loads(shown.stdout)
        assert (found["pid"], found["answers"]) == (maker.process.pid, True)
        assert found["run_dir"] == str(runs()[-1])
        maker.kill()
