"""Real processes over loopback: a storm at speed, kill -9 again and again, and a host that dies."""

import json
import os
import random
import signal
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from given_account import ADDRESS, give_key
from maker_process import Maker, has_quoted, runs, state_dir, wait_for
from mm.audit.verdict import judge
from mm.cli import run
from paper_process import Served, serving
from soak.storm import SEED, WHOLE, plan
from watched import ask, ended, eventually, increasing, position, resting, status

pytestmark = pytest.mark.wire

STORM_SPEED = 20
STORM_WALL_S = 360.0
"""Two market hours."""
KILL_SPEED = 10
KILLS = 60
"""One a market minute: the time that a start takes is part of it."""
LOOK_S = 2.0
OPEN_LOSSES = "[limits]\ndaily_loss_frac = 0.9\ndrawdown_frac = 0.9\n"

whole = pytest.mark.skipif(not WHOLE, reason="minutes of wall time: make soak")


@dataclass(frozen=True, slots=True)
class Process:
    """What a process holds.

    Attributes:
        rss_mb: Resident memory.
        descriptors: Open.
        threads: Its own.
    """

    rss_mb: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        told = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        return cls(
            int(told["VmRSS"][0]) / 1_024,
            len(os.listdir(f"/proc/{pid}/fd")),
            int(told["Threads"][0]),
        )


def thirds(held: list[Process]) -> tuple[Process, Process]:
    """The least that was held in the second and in the last third of a life.

    A burst of late answers opens connections that are kept for a while: what is never given back
    is what the quietest moments show.
    """
    third = len(held) // 3
    early, late = held[third : 2 * third], held[-third:]
    least = [
        Process(*(min(getattr(look, name) for look in looks) for name in Process.__annotations__))
        for looks in (early, late)
    ]
    return least[0], least[1]


def written(directory: Path, share: float) -> Path:
    """A plan of faults as a file, without what wall time alone notices: the stage has those."""
    wanted = plan(SEED, share)
    for kind in ("half_open", "clock_skew", "hung", "lost_reply", "never_arrives"):
        del wanted["rates"][kind]
    path = directory / "plan.toml"
    rates = "".join(f"{kind} = {rate}\n" for kind, rate in wanted["rates"].items())
    path.write_text(f"seed = {wanted['seed']}\n[rates]\n{rates}")
    return path


def config(directory: Path) -> str:
    path = directory / "mm.toml"
    path.write_text(OPEN_LOSSES)
    return str(path)


def judged(served: Served) -> None:
    """No breach by the exchange's own report, and nothing of ours rests."""
    assert resting(served.url) == []
    served.stop()
    assert judge(runs()[-1], served.report, ADDRESS, "BTC").breaches == []


@whole
@pytest.mark.timeout(1_800)
def test_a_storm_over_loopback(tmp_path: Path) -> None:
    """Two market hours, real sockets and clocks: memory, descriptors and threads stay flat."""
    funded = ("--account", f"{ADDRESS}=100000", "--speed", str(STORM_SPEED), "--seed", str(SEED))
    # In wall time a dead line takes forty seconds to be noticed: a fault a market minute or two.
    faults = ("--faults", str(written(tmp_path, 0.05)))
    with serving(tmp_path, *funded, *faults, accounts=0) as served:
        give_key()
        options = ("--base-url", served.url, "--coin", "BTC", "--config", config(tmp_path))
        maker, until_s = Maker(*options), time.monotonic() + STORM_WALL_S
        lives: list[list[Process]] = [[]]
        while time.monotonic() < until_s:
            if maker.process.poll() is not None:
                # A guard ended it: at this speed an answer that hangs is minutes of the market.
                guarded, _ = maker.ends(4)
                assert guarded["open_orders_after_stop"] == 0
                assert run(["unlock", "--by", "soak"]) == 0
                maker = Maker(*options)
                lives.append([])
            lives[-1].append(Process.of(maker.process.pid))
            time.sleep(LOOK_S)
        wait_for(lambda: len(runs()) >= len(lives) and has_quoted(), maker)
        maker.signal(signal.SIGTERM)
        summary, _ = maker.ends(0)
        held = max(lives, key=len)
        early, late = thirds(held)
        looks = [len(life) for life in lives]
        print(json.dumps({"early": str(early), "late": str(late), "looks": looks}))
        assert len(held) > STORM_WALL_S / LOOK_S / 10
        assert late.rss_mb <= 1.1 * early.rss_mb + 5
        assert abs(late.descriptors - early.descriptors) <= 3
        assert late.threads <= early.threads + 2
        assert float(summary["position"]["end"]) == position(served.url)
        assert summary["pnl_usd"]["residual"] == "0"
        judged(served)


@whole
@pytest.mark.timeout(3_600)
def test_kill_9_every_market_minute(tmp_path: Path) -> None:
    """Sixty lives: the ledger is the exchange's list of fills, and no nonce was used twice."""
    dice = random.Random(SEED)
    funded = ("--account", f"{ADDRESS}=100000", "--speed", str(KILL_SPEED), "--seed", str(SEED))
    with serving(tmp_path, *funded, accounts=0) as served:
        give_key()
        options = ("--base-url", served.url, "--coin", "BTC", "--config", config(tmp_path))
        held = []
        for _ in range(KILLS):
            maker = Maker(*options)
            begun_s = time.monotonic()
            time.sleep(60 / KILL_SPEED + dice.uniform(-1.0, 1.0))
            assert maker.process.poll() is None, maker.process.communicate()[1][-2000:]
            held.append(Process.of(maker.process.pid))
            assert time.monotonic() - begun_s < 120 / KILL_SPEED
            maker.kill()
        lives = len(runs())
        maker = Maker(*options)
        wait_for(lambda: len(runs()) > lives and has_quoted(), maker)
        maker.signal(signal.SIGTERM)
        summary, log = maker.ends(0)
        assert "position_corrected" not in log
        assert float(summary["position"]["end"]) == position(served.url)
        tids = sorted(row[0] for row in entries())
        fills = ask({"type": "userFills", "user": ADDRESS.lower()}, served.url)
        assert fills, "a life of six wall seconds quotes for the last of them alone"
        assert tids[-len(fills) :] == sorted(fill["tid"] for fill in fills) or len(fills) == 2_000
        print(json.dumps({"lives": len(held), "fills": len(fills), "last": str(held[-1])}))
        judged(served)
    nonces = [json.loads(line)["nonce"] for one in runs() for line in sent(one)]
    assert len(nonces) == len(set(nonces))


def entries() -> list[tuple[int]]:
    with sqlite3.connect(state_dir() / "state.db") as db:
        found = db.execute("SELECT tid FROM entry WHERE tid IS NOT NULL").fetchall()
    db.close()
    return found


def sent(directory: Path) -> list[str]:
    path = directory / "sent.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@whole
@pytest.mark.parametrize("gate", ["open", "volume"])
def test_a_host_that_dies(tmp_path: Path, gate: str) -> None:
    """Maker and watchdog killed together: only what the venue was asked for before is left."""
    speed = 30
    funded = ("--account", f"{ADDRESS}=10000", "--speed", str(speed), "--seed", "7")
    with serving(tmp_path, *funded, "--schedule-gate", gate, accounts=0) as served:
        give_key()
        maker = Maker("--base-url", served.url, "--coin", "BTC")
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        # In full: the first small orders are soon taken.
        wait_for(lambda: len(increasing(served.url)) >= 6, maker)
        guard = status()["pid"]
        # Together: a guard that outlives its maker by a moment cancels what rests.
        os.kill(guard, signal.SIGSTOP)
        maker.process.kill()
        os.kill(guard, signal.SIGKILL)
        maker.kill()
        assert ended(guard)
        if gate == "open":
            # Six wall seconds are 180 market seconds at this speed; at speed 1 it is 60 s.
            took = eventually(lambda: resting(served.url) == [], "all cancelled", within_s=8)
            print(json.dumps({"orders_gone_wall_s": round(took, 1)}))
        else:
            # They rest for ever, or until somebody takes them.
            time.sleep(8)
        query = {"type": "historicalOrders", "user": ADDRESS.lower()}
        words = {row["status"] for row in ask(query, served.url)}
    assert ("scheduledCancel" in words) == (gate == "open")
