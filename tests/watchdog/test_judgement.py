"""When the watchdog acts, from heartbeats and positions alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from mm.errors import StateError
from mm.heartbeat import HEALTHY_S, Beat, Held, Vitals, read_beat, trouble, write_beat
from mm.watchdog.judgement import Judgement, Patience

FIRST = Beat(
    asks="watch",
    number=1,
    pid=7,
    session=1,
    coins={
        "BTC": Held(mode="normal", position=5, moved=0, lots=(100, 100), base_lots=100, sigma=1e-4)
    },
)
SECOND_NS = 1_000_000_000


def watched(now_s: float = 0.0) -> Judgement:
    judgement = Judgement(Patience(silence_s=3.0, drift_s=2.0), now_s)
    assert judgement.hear(FIRST, now_s)
    return judgement


def beat(number: int, **changes: object) -> Beat:
    """With changes of the beat, or of what it says of the one coin."""
    whole = {key: value for key, value in changes.items() if key in ("asks", "pid", "session")}
    own = {key: value for key, value in changes.items() if key not in whole}
    coins = {"BTC": replace(FIRST.of("BTC"), **own)}  # type: ignore[arg-type]  # as in Held
    return replace(FIRST, number=number, coins=coins, **whole)  # type: ignore[arg-type]  # as in Beat


def test_a_maker_that_beats_is_left_alone() -> None:
    judgement = watched()
    for second in range(1, 20):
        judgement.hear(beat(second + 1), float(second))
        assert judgement.why_act(second + 0.9) is None


def test_silence_is_counted_from_the_last_new_beat() -> None:
    judgement = watched()
    assert not judgement.hear(FIRST, 2.9), "the same beat again is no sign of life"
    assert judgement.why_act(3.0) is None
    assert judgement.why_act(3.1) == "silent"
    judgement.hear(beat(2), 9.0)
    assert judgement.why_act(9.1) is None


def test_a_watchdog_that_slept_looks_before_it_judges() -> None:
    judgement = watched()
    judgement.hear(beat(40), 100.0)
    assert judgement.why_act(100.1) is None


def test_a_dead_maker_is_acted_on_at_once_unless_it_had_said_goodbye() -> None:
    judgement = watched()
    judgement.alive(lives=False)
    assert judgement.why_act(0.1) == "dead"
    judgement.hear(beat(2, asks="goodbye"), 0.2)
    assert judgement.why_act(0.3) is None
    assert judgement.over()


@pytest.mark.parametrize("asks", ["touch", "escalate"])
def test_a_maker_that_asks_is_relieved(asks: str) -> None:
    judgement = watched()
    judgement.hear(beat(2, asks=asks), 0.2)
    assert judgement.why_act(0.2) == "asked"
    judgement.alive(lives=False)
    assert judgement.why_act(60.0) == "asked", "and it stays so once that maker has gone"


def vitals(**changes: object) -> Vitals:
    healthy = Vitals(
        broken=None, turned_at=100.0, stepped_ns=50 * SECOND_NS, waiting=3, waiting_bound=10
    )
    return replace(healthy, **changes)  # type: ignore[arg-type]  # as in Vitals


def test_only_a_loop_that_is_proven_healthy_beats() -> None:
    now = {"now_s": 101.0, "now_ns": 51 * SECOND_NS, "speed": 1.0}
    assert trouble(vitals(), **now) is None  # type: ignore[arg-type]  # one keyword each
    for changes, said in (
        ({"broken": RuntimeError()}, "the loop ended: RuntimeError"),
        ({"turned_at": 97.0}, "has not turned for 4.0 s"),
        ({"stepped_ns": 46 * SECOND_NS}, "the engine's time is 5.0 s behind"),
        ({"waiting": 10}, "10 events wait"),
    ):
        found = trouble(vitals(**changes), **now)  # type: ignore[arg-type]  # one keyword each
        assert found is not None
        assert said in found


def test_the_engines_time_may_lag_by_wall_time_on_a_fast_market() -> None:
    late = vitals(stepped_ns=0)
    assert trouble(late, 101.0, 60 * SECOND_NS, speed=60.0) is None
    assert trouble(late, 101.0, 240 * SECOND_NS, speed=60.0) is not None


def test_a_heartbeat_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.json"
    assert read_beat(path) is None
    for written in (FIRST, beat(2, lots=None, base_lots=None, sigma=None, position=None)):
        write_beat(path, written)
        assert read_beat(path) == written
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 3, "asks": "x"}'])
def test_what_is_no_heartbeat_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "heartbeat.json"
    path.write_text(text)
    with pytest.raises(StateError, match=r"heartbeat\.json: expected a heartbeat"):
        read_beat(path)


def test_the_life_of_a_maker_counts_from_the_first_beat() -> None:
    fresh = Judgement(Patience(silence_s=3.0, drift_s=2.0), 0.0)
    assert not fresh.over()
    assert fresh.why_act(99.0) is None, "nobody was ever there"
    fresh.alive(lives=False)
    assert fresh.why_act(99.0) is None


def test_a_loop_is_healthy_up_to_its_bound() -> None:
    at_bound = {"now_s": 100.0 + HEALTHY_S, "now_ns": 50 * SECOND_NS, "speed": 1.0}
    assert trouble(vitals(), **at_bound) is None  # type: ignore[arg-type]  # one keyword each
    behind = int((50 + HEALTHY_S) * SECOND_NS)
    assert trouble(vitals(), 100.0, behind, speed=1.0) is None
    assert trouble(vitals(), 100.0, behind + SECOND_NS // 10, speed=1.0) is not None


def test_a_heartbeat_keeps_both_sides_apart_and_is_of_one_version(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.json"
    write_beat(path, beat(2, lots=(3, 4)))
    found = read_beat(path)
    assert found is not None
    assert found.of("BTC").lots == (3, 4)
    for old, new in (('"version": 3', '"version": 9'), ('"pid"', '"dip"')):
        path.write_text(beat(2).text().replace(old, new))
        with pytest.raises(StateError, match="another version's"):
            read_beat(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        beat(2, sigma=float("nan")).text()


def test_a_heartbeat_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read: Is a directory"):
        read_beat(tmp_path)
    with pytest.raises(StateError, match="cannot be written: No such file"):
        write_beat(tmp_path / "gone" / "heartbeat.json", FIRST)


def test_each_coins_position_is_compared_for_itself() -> None:
    """One that moves all the time neither hides nor excuses another that is not the exchange's."""

    def both(number: int) -> Beat:
        moving = replace(FIRST.of("BTC"), position=number, moved=300 * number)
        return replace(FIRST, number=number, coins={"BTC": moving, "ETH": FIRST.of("BTC")})

    for theirs, expected in ((5, None), (6, "drift")):
        judgement = Judgement(Patience(silence_s=3.0, drift_s=2.0), 0.0)
        for second in range(12):
            judgement.hear(both(second + 1), float(second))
            judgement.positions({"BTC": 99, "ETH": theirs})
        assert judgement.why_act(11.1) == expected
