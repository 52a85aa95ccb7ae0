"""`mm backtest --reference`: a coin that leads another by 575 ms, and quotes that know it."""

import json
import math
import random
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from mm.audit.journal import read_log
from mm.backtest import Followed, Recording, read_followed, read_recording, run_backtest, tape_of
from mm.config import Config, load
from mm.errors import ConfigError, EventError

START_MS = 1_757_000_000_000
STEP_MS = 25
LAG_STEPS = 23
"""575 ms."""
SECONDS = 420
LEARNED_S = 240
"""From when on quotes are looked at."""
WIRE_MS = 100


def level(px: float) -> dict[str, object]:
    return {"px": f"{px:.1f}", "sz": "30", "n": 2}


def frame(ms: int, channel: str, data: object) -> str:
    told = json.dumps({"channel": channel, "data": data})
    return f"{(ms + WIRE_MS) * 1_000_000} {told}"


@dataclass(frozen=True)
class Pair:
    """A coin, and the one that it takes its moves from."""

    recording: Recording
    followed: Followed
    leader: list[float]
    """Log price in bps, a step each."""


def made_pair(directory: Path, *, lag_steps: int | None = LAG_STEPS) -> Pair:
    """Minutes of BTC, and of ETH that takes its moves on later, with some of its own.

    Args:
        directory: Takes both.
        lag_steps: By how much; None: ETH goes its own way.
    """
    dice = random.Random(11)
    paths = [[0.0], [0.0]]
    for _ in range(SECONDS * 1000 // STEP_MS):
        for path in paths:
            path.append(path[-1] + dice.gauss(0, 0.25))
    leader, other = paths
    btc, eth, tid = [], [], 0
    for step in range(LAG_STEPS, len(leader)):
        ms = START_MS + STEP_MS * step
        if step % 4 == 0:
            top = round(100_000 * math.exp(leader[step] * 1e-4))
            sides = [level(top - 1), level(top + 1)]
            btc.append(frame(ms, "bbo", {"coin": "BTC", "time": ms, "bbo": sides}))
        if step % 4 == 1:
            followed = other[step] if lag_steps is None else leader[step - lag_steps]
            log = followed + 0.1 * dice.gauss(0, 1)
            mid = round(40_000 * math.exp(log * 1e-4)) / 10
            sides2 = [[level(mid + sign * (0.4 + k)) for k in range(5)] for sign in (-1, 1)]
            head: dict[str, object] = {"coin": "ETH", "time": ms}
            eth.append(frame(ms, "bbo", {**head, "bbo": [sides2[0][0], sides2[1][0]]}))
            if step % 40 == 1:
                eth.append(frame(ms, "l2Book", {**head, "levels": sides2}))
                tid += 1
                taker = {**head, "side": "BA"[tid % 2], "px": f"{mid:.1f}", "sz": "0.5"}
                users = {"hash": "0x", "tid": tid, "users": ["0x", "0x"]}
                eth.append(frame(ms, "trades", [taker | users]))
    files = directory / "ETH.frames", directory / "BTC.frames"
    for file, lines in zip(files, (eth, btc), strict=True):
        file.write_text("\n".join(lines) + "\n")
    return Pair(read_recording([files[0]]), read_followed([files[1]]), leader)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return made_pair(tmp_path_factory.mktemp("pair"))


def settings(**models: object) -> Config:
    given: dict[str, object] = {
        "process.coin": "ETH",
        "process.market": "replay:made-up",
        "process.speed": 1.0,
        "quoting.strategy": "symmetric",
        "quoting.levels": 1,
        "quoting.half_spread_bps": 4.0,
        "quoting.max_bps_diff": 0.01,
        "control.observe_book_s": 1.0,
        "control.quote_min_s": 1.0,
        "requests.burst_frac": 1.0,
        "models.reference": "coin:BTC",
    }
    return load(None, {**given, **{f"models.{key}": value for key, value in models.items()}})


@dataclass
class Quotes:
    """How the quotes' middle and the leader's move go together.

    Attributes:
        references: Prices of the leader that were heard.
        by_move: The leader's move that is still to come to our coin, bps, and how far the middle of
            a pair of new quotes is from our mid, bps.
    """

    references: int
    by_move: list[tuple[float, float]]

    @property
    def correlation(self) -> float:
        moves, centres = zip(*self.by_move, strict=True)
        if statistics.pstdev(centres) < 1e-9:
            return 0.0
        return statistics.correlation(moves, centres)


def quotes_of(pair: Pair, log: bytes) -> Quotes:
    mid, references, by_move = math.nan, 0, []
    at_ms = 0
    for line in read_log(log):
        if line.key == "e":
            body = line.value["body"]
            at_ms = line.value["recv"] // 1_000_000 - WIRE_MS
            if isinstance(body, dict) and "Reference" in body:
                references += 1
            if isinstance(body, dict) and "Bbo" in body:
                mid = (body["Bbo"]["bid"]["px"] + body["Bbo"]["ask"]["px"]) / 2
        if line.key != "a" or at_ms < START_MS + LEARNED_S * 1000:
            continue
        ((kind, items),) = line.value["body"].items()
        if kind == "Cancel":
            continue
        orders = [item["order"] if kind == "Modify" else item for item in items]
        if {order["side"] for order in orders} == {"Bid", "Ask"} and len(orders) == 2:
            centre = sum(order["px"] for order in orders) / 2
            step = (at_ms - START_MS) // STEP_MS
            coming = pair.leader[step] - pair.leader[step - LAG_STEPS]
            by_move.append((coming, (centre / mid - 1) * 1e4))
    return Quotes(references, by_move)


def test_quotes_go_where_the_leader_went_and_without_it_do_not(pair: Pair) -> None:
    seen = {}
    for lead in (True, False):
        done = run_backtest(pair.recording, settings(lead=lead), followed=pair.followed)
        seen[lead] = quotes_of(pair, done.log)
        assert seen[lead].references > 3000
        assert len(seen[lead].by_move) > 50
    print(
        f"correlation with the leader {seen[True].correlation:.3f}, {seen[False].correlation:.3f}"
    )
    assert seen[True].correlation > 0.5
    assert abs(seen[False].correlation) < 0.25


def test_a_reference_that_does_not_lead_moves_nothing(tmp_path: Path) -> None:
    apart = made_pair(tmp_path, lag_steps=None)
    told = {}
    for lead in (True, False):
        done = run_backtest(apart.recording, settings(lead=lead), followed=apart.followed)
        quotes = quotes_of(apart, done.log)
        assert quotes.references > 3000
        told[lead] = done.summary["orders"], done.summary["pnl_usd"]
    assert told[True] == told[False]


def test_what_is_followed_has_to_be_recorded(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reference = coin:BTC: expected .* and found none"):
        tape_of(pair.recording, settings())
    with pytest.raises(ConfigError, match=r"coin:SOL: .* and found one of BTC"):
        tape_of(pair.recording, settings(reference="coin:SOL"), pair.followed)
    with pytest.raises(ConfigError, match="expected another coin than ETH, which is quoted"):
        settings(reference="coin:ETH")
    with pytest.raises(ConfigError, match=r"lead = true: expected reference = oracle or coin:NAME"):
        settings(reference="off", lead=True)
    with pytest.raises(ConfigError, match="expected off, oracle or coin:NAME"):
        settings(reference="BTC")
    with pytest.raises(ConfigError, match=r"--reference was .* of BTC, which is quoted: expected"):
        read_followed(pair.followed.paths, ["BTC"])
    assert read_followed(pair.followed.paths, ["BTC", "ETH"]).coin == "BTC"
    path = tmp_path / "BTC.frames"
    whole = pair.followed.frames.splitlines()
    path.write_bytes(b"\n".join([*whole[:3], b"no frame"]))
    with pytest.raises(EventError, match=rf"{path}: line 4: expected `<receive ns>"):
        tape_of(pair.recording, settings(), read_followed([path]))
    path.write_bytes(whole[0].replace(b'"bbo", "data"', b'"trades", "data"'))
    with pytest.raises(EventError, match="no bbo frame of BTC"):
        tape_of(pair.recording, settings(), read_followed([path]))


def test_a_chain_has_its_reference_beside_it(pair: Pair) -> None:
    """The mirror image of both goes the other way."""
    tape = tape_of(pair.recording, settings(), pair.followed)
    assert tape.chained(3 * SECONDS).steps > 2 * tape.steps
