"""Real processes over loopback: a storm at speed, kill -9 again and again, and a host that dies."""

import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from given_account import ADDRESS, give_key
from maker_process import WAIT_S, Json, Maker, has_quoted, runs, state_dir, wait_for
from mm.audit.verdict import judge
from mm.cli import run
from paper_process import Served, serving
from soak.storm import SEED, WHOLE, plan
from watched import (
    ask,
    bid_by_hand,
    buy_by_hand,
    ended,
    eventually,
    position,
    resting,
    status,
    stops,
)

pytestmark = pytest.mark.wire

STORM_SPEED = 20
STORM_WALL_S = 360.0
"""Two market hours."""
KILL_SPEED = 10
KILLS = 60
"""One a market minute: the time that a start takes is part of it."""
HOST_SPEED = 30
LARGE, SMALL = "0.06", "0.01"
"""Positions, BTC: one that our quotes of a side cannot close, and one that they can turn."""
T = TypeVar("T")
STILL_WALL_S = 0.5
"""A stop that has not moved for so long is not being moved: 15 market seconds."""
RENEWAL_WALL_S = 2.0
"""Of `scheduleCancel`: a third of its six wall seconds."""
LOOK_S = 2.0
FAR_PX = 90_000.0
"""Above the order by hand, and below the market."""
GUARDED = 4
"""The exit code of a run that a guard ended."""
GUARDED_ENDS = 3
AWAY = ("disconnect", "silent_stream", "stale_book", "http429", "http5xx", "late_arrival")
OPEN_LOSSES = "[limits]\ndaily_loss_frac = 0.9\ndrawdown_frac = 0.9\n"

both = pytest.mark.parametrize("coins", [("BTC",), ("BTC", "ETH")], ids=["one", "two"])
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


def written(directory: Path) -> str:
    """A plan of faults as a file.

    In wall time a dead line takes forty seconds to be noticed, and an answer that hangs ten: what
    takes lines or answers away comes once a market minute or two, or not at all (the stage has
    those); everything else as often as there.
    """
    rates = dict(plan(SEED)["rates"])
    for kind in ("half_open", "clock_skew", "hung", "lost_reply", "never_arrives"):
        del rates[kind]
    for kind in AWAY:
        rates[kind] *= 0.2
    path = directory / "plan.toml"
    lines = "".join(f"{kind} = {rate}\n" for kind, rate in rates.items())
    path.write_text(f"seed = {SEED}\n[rates]\n{lines}")
    return str(path)


def options(served: Served, directory: Path, coins: Sequence[str]) -> list[str]:
    """Of a maker on this exchange."""
    path = directory / "mm.toml"
    path.write_text(OPEN_LOSSES)
    each = [word for coin in coins for word in ("--coin", coin)]
    return ["--base-url", served.url, "--config", str(path), *each]


def unlocked(guarded: Json, given: Sequence[str]) -> Maker:
    """The next life after a guard ended one.

    At this speed an answer that hangs is minutes of the market.
    """
    assert guarded["open_orders_after_stop"] == 0
    assert run(["unlock", "--by", "soak"]) == 0
    return Maker(*given)


def ended_in_order(maker: Maker, given: Sequence[str]) -> Json:
    """The summary of a life that ended by SIGTERM; a guard may come before it, as in every life."""
    for _ in range(GUARDED_ENDS):
        maker.signal(signal.SIGTERM)
        summary, _ = maker.ends(0, GUARDED)
        if maker.process.returncode == 0:
            return summary
        again = quoting_after(len(runs()))
        maker = unlocked(summary, given)
        wait_for(again, maker)
    raise AssertionError("a guard came before each end")


def quoting_after(lives: int) -> Callable[[], bool]:
    """Whether one more run than these has begun, and quotes."""
    return lambda: len(runs()) > lives and has_quoted()


def closed(summary: Json, served: Served, coins: Sequence[str]) -> None:
    """An end in order: what it held is the exchange's, the books close, and nothing rests.

    No breach by the exchange's own report.
    """
    run_dir = runs()[-1]
    for own in summary.get("coins", [summary]):
        assert float(own["position"]["end"]) == position(served.url, own["coin"])
    assert summary["pnl_usd"]["residual"] == "0"
    assert resting(served.url) == []
    served.stop()
    for coin in coins:
        if len(coins) == 1:
            found = judge(run_dir, served.report, ADDRESS, coin)
        else:
            beside = [run_dir / other for other in coins if other != coin]
            found = judge(run_dir / coin, served.report, ADDRESS, coin, beside)
        assert (found.breaches, found.open_orders) == ([], 0)


@whole
@both
@pytest.mark.timeout(1_800)
def test_a_storm_over_loopback(tmp_path: Path, coins: tuple[str, ...]) -> None:
    """Two market hours, real sockets and clocks: memory, descriptors and threads stay flat."""
    # Each coin is a market's worth of work.
    speed, wall_s = STORM_SPEED / len(coins), STORM_WALL_S * len(coins)
    funded = ("--account", f"{ADDRESS}=100000", "--speed", str(speed), "--seed", str(SEED))
    with serving(tmp_path, *funded, "--faults", written(tmp_path), accounts=0) as served:
        give_key()
        given = options(served, tmp_path, coins)
        maker, until_s = Maker(*given), time.monotonic() + wall_s
        lives: list[list[Process]] = [[]]
        while time.monotonic() < until_s or not (len(runs()) >= len(lives) and has_quoted()):
            assert time.monotonic() < until_s + WAIT_S
            if maker.process.poll() is not None:
                guarded, _ = maker.ends(GUARDED)
                maker = unlocked(guarded, given)
                lives.append([])
            lives[-1].append(Process.of(maker.process.pid))
            time.sleep(LOOK_S)
        summary = ended_in_order(maker, given)
        held = max(lives, key=len)
        early, late = thirds(held)
        looks = [len(life) for life in lives]
        ends = {"first": str(held[0]), "early": str(early), "late": str(late)}
        print(json.dumps({**ends, "looks": looks}))
        assert len(held) > wall_s / LOOK_S / 10
        assert late.rss_mb <= 1.1 * early.rss_mb + 5
        assert abs(late.descriptors - early.descriptors) <= 3
        assert late.threads <= early.threads + 2
        closed(summary, served, coins)


@whole
@both
@pytest.mark.timeout(3_600)
def test_kill_9_every_market_minute(tmp_path: Path, coins: tuple[str, ...]) -> None:
    """Sixty lives: the ledger is the exchange's list of fills, and no nonce was used twice."""
    dice = random.Random(SEED)
    funded = ("--account", f"{ADDRESS}=100000", "--speed", str(KILL_SPEED), "--seed", str(SEED))
    with serving(tmp_path, *funded, accounts=0) as served:
        give_key()
        given = options(served, tmp_path, coins)
        held = []
        for _ in range(KILLS):
            maker = Maker(*given)
            begun_s = time.monotonic()
            time.sleep(60 / KILL_SPEED + dice.uniform(-1.0, 1.0))
            assert maker.process.poll() is None, maker.process.communicate()[1][-2000:]
            held.append(Process.of(maker.process.pid))
            assert time.monotonic() - begun_s < 120 / KILL_SPEED
            maker.kill()
        lives = len(runs())
        maker = Maker(*given)
        wait_for(lambda: len(runs()) > lives and has_quoted(), maker)
        maker.signal(signal.SIGTERM)
        summary, log = maker.ends(0)
        assert "position_corrected" not in log
        tids = sorted(row[0] for row in entries())
        fills = ask({"type": "userFills", "user": ADDRESS.lower()}, served.url)
        assert fills, "a life of six wall seconds quotes for the last of them alone"
        assert tids[-len(fills) :] == sorted(fill["tid"] for fill in fills) or len(fills) == 2_000
        print(json.dumps({"lives": len(held), "fills": len(fills), "last": str(held[-1])}))
        closed(summary, served, coins)
    nonces = [json.loads(line)["nonce"] for one in runs() for line in sent(one)]
    assert len(nonces) == len(set(nonces))


def entries() -> list[tuple[int]]:
    with sqlite3.connect(state_dir() / "state.db") as db:
        found = db.execute("SELECT tid FROM entry WHERE tid IS NOT NULL").fetchall()
    db.close()
    return found


def sent(directory: Path) -> list[str]:
    """Of a run: each coin of several has its own."""
    paths = directory.rglob("sent.jsonl")
    return [line for path in paths for line in path.read_text().splitlines()]


@whole
@pytest.mark.parametrize(
    ("gate", "stop", "held"),
    [
        ("open", False, LARGE),
        ("open", True, LARGE),
        ("open", True, SMALL),
        ("volume", False, LARGE),
        ("volume", True, LARGE),
    ],
)
def test_a_host_that_dies(tmp_path: Path, gate: str, stop: bool, held: str) -> None:
    """Maker and watchdog killed together: only what the venue was asked for before is left.

    An order by hand far below the market is told from those that the market takes: it ends when
    `scheduleCancel` cancels all orders of the account, and never otherwise.
    """
    funded = ("--account", f"{ADDRESS}=10000", "--speed", str(HOST_SPEED), "--seed", "7")
    with serving(tmp_path, *funded, "--schedule-gate", gate, accounts=0) as served:
        give_key()
        url = served.url
        buy_by_hand(held, url)
        config = tmp_path / "mm.toml"
        config.write_text(f"[protection]\nresident_stop = {json.dumps(stop)}\n")
        maker = Maker("--base-url", url, "--coin", "BTC", "--config", str(config))
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        far = bid_by_hand(url)
        # The date stands beside a stop that closes less than our quotes could open.
        dated = gate == "open" and not (stop and held == LARGE)
        wait_for(lambda: len(resting(url)) > 1 and len(stops(url)) == stop, maker)
        if stop and dated:
            # Until then the stop closes more than they could open, and there is no date.
            wait_for(lambda: quoted(url) > 1.3 * float(held) and dates() > 2, maker)
        if gate == "open" and not dated:
            # Set at the start, taken back since, and renewed no more.
            assert steady(dates, 1.5 * RENEWAL_WALL_S) >= 2
        if stop:
            # Amid a move both rest, the old one and the new.
            steady(lambda: [row["oid"] for row in stops(url)], STILL_WALL_S)
        guard = status()["pid"]
        # Together: a guard that outlives its maker by a moment cancels what rests.
        os.kill(guard, signal.SIGSTOP)
        maker.process.kill()
        os.kill(guard, signal.SIGKILL)
        maker.kill()
        eventually(lambda: ended(guard), "the guard's end")
        if dated:
            # Six wall seconds are 180 market seconds at this speed; at speed 1 it is 60 s.
            took = eventually(lambda: resting(url) == [], "all cancelled", within_s=8)
            print(json.dumps({"orders_gone_wall_s": round(took, 1)}))
        else:
            # They rest for ever, or until somebody takes them.
            time.sleep(8)
        query = {"type": "orderStatus", "user": ADDRESS.lower(), "oid": far}
        assert ask(query, url)["order"]["status"] == ("scheduledCancel" if dated else "open")
        if stop and dated:
            assert stops(url) == [], "it goes with the orders"
            return
        assert position(url) > 0
        closing = [(row["side"], row["reduceOnly"], row["isPositionTpsl"]) for row in stops(url)]
        assert closing == [("A", True, True)] * stop, "what closes it outlives us"


def quoted(url: str) -> float:
    """The larger side of what rests near the market."""
    rows = [row for row in resting(url) if float(row["limitPx"]) > FAR_PX]
    sides = [[float(row["sz"]) for row in rows if row["side"] == side] for side in "BA"]
    return max(map(sum, sides))


def steady(look: Callable[[], T], longer_than_s: float) -> T:
    """What is seen once it has not changed for so long, wall seconds."""
    seen, since_s = look(), time.monotonic()
    while time.monotonic() - since_s < longer_than_s:
        time.sleep(0.05)
        if (now := look()) != seen:
            seen, since_s = now, time.monotonic()
    return seen


def dates() -> int:
    """How often the newest run asked for `scheduleCancel`, to set it or to take it back."""
    return sum('"scheduleCancel"' in line for line in sent(runs()[-1]))
