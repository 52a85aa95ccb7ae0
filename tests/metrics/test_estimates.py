"""What each estimate rests on, from frames to whoever looks: metrics, `explain quotes`,
the journal, the first screen. While nothing is heard it is less, and older.
"""

import json
import re
from pathlib import Path

import pytest
import zstandard

from engine_desk import EngineDesk, Json
from mm import evidence_shown, explain

OPEN = {
    "models.fair_price": "micro",
    "models.intensity": "tape",
    "models.adverse_selection": "own",
    "models.reference": "oracle",
    "models.lead": True,
    "models.ofi": True,
    "models.regime": True,
    "models.funding": True,
    "models.queue": True,
    "models.no_edge": "quote",
    "control.toxic_jump_sigmas": 4.5,
    "control.toxic_flow_sigmas": 5.0,
}
"""Every model speaks."""
ALWAYS = {"sigma_2min", "sigma_10min", "sigma_1h", "sigma_usual", "traded_1h"}
"""What no setting switches off."""
SIDED = ("intensity", "own_intensity", "adverse", "own_cost", "markout")
ALL = (
    ALWAYS
    | {"sigma_without_jumps", "jump", "regime", "micro_price", "funding"}
    | {"flow_1s", "flow_10s", "flow_60s", "basis", "lead", "imbalance", "ofi"}
    | {f"{name}_{side}" for name in SIDED for side in ("bid", "ask")}
    | {"queue_cancels", "queue_stops_bid", "queue_stops_ask"}
)
UNSEEN = {f"{name}_bid" for name in ("adverse", "intensity", "queue_stops", "own_cost")} | {
    "own_cost_ask",
    "markout_ask",
}
"""What may be of nothing in it: nobody sold, and one order of ours was met."""
BY_TIME = {
    "sigma_2min": 120.0,
    "sigma_10min": 600.0,
    "sigma_1h": 3_600.0,
    "regime": 120.0,
    "jump": 600.0,
    "flow_60s": 60.0,
    "adverse_ask": 3_600.0,
    "lead": 1_800.0,
    "ofi": 1_800.0,
}
"""Half-lives of some, s."""


def busy() -> EngineDesk:
    """A desk whose every estimate has seen something."""
    desk = EngineDesk(OPEN).open()
    desk.informed(buyers=3)
    desk.fill(desk.orders("Bid")[-1])
    desk.follow(120)
    desk.trade(0.02)
    desk.after(1.0)
    return desk


def rests_on(desk: EngineDesk) -> dict[str, Json]:
    return {one["of"]: one for one in desk.snapshot()["models"]["rests_on"]}


def scraped(desk: EngineDesk, name: str) -> dict[str, float]:
    """The samples of a metric by its estimate."""
    found = {
        re.fullmatch(rf'{name}{{estimate="(\w+)"}}', sample): value
        for sample, value in desk.scraped().items()
    }
    return {match[1]: value for match, value in found.items() if match is not None}


def test_each_estimate_says_what_it_rests_on_wherever_it_is_shown(tmp_path: Path) -> None:
    desk = busy()
    known = rests_on(desk)
    assert known.keys() == ALL
    seen = {name for name, one in known.items() if one["as_of"] is not None}
    unseen = ALL - seen
    assert unseen <= UNSEEN
    assert {name for name, one in known.items() if one["used"]} >= ALWAYS | {"lead", "jump"}
    for name in seen:
        assert known[name]["n"] >= 0.0
        assert known[name]["age_s"] >= 0.0, name
    # Metrics have the same figures.
    for metric, key in (("mm_estimate_n", "n"), ("mm_estimate_age_seconds", "age_s")):
        samples = scraped(desk, metric)
        assert samples.keys() == seen
        assert samples == pytest.approx({name: known[name][key] for name in seen}, abs=1e-6)
    ready = scraped(desk, "mm_estimate_ready")
    assert ready == {name: float(one["ready"]) for name, one in known.items()}
    # So has `explain quotes`, as JSON and as text.
    whole = zstandard.ZstdCompressor().compress(desk.journal)
    (tmp_path / "events.jsonl.zst").write_bytes(whole)
    shown = explain.quotes(explain.stand(tmp_path, None))
    told = shown["models"]["rests_on"]
    assert told.keys() == ALL
    text = explain.text_of_quotes(shown)
    for name in seen:
        line = next(line for line in text if line.startswith(f"  {name:<20} n "))
        assert f"n {told[name]['n']:>9,.1f}" in line
        assert f"{told[name]['age_s']:,.1f} s old" in line
        assert ("NOT READY" in line) != told[name]["ready"]
        assert ("not used" in line) != told[name]["used"]
    # And the journal, of those that prices, sizes or the limit go by.
    cycles = [line for line in desk.journal.splitlines() if line.startswith(b'{"c":')]
    journalled = json.loads(cycles[-1])["c"]["estimates"]["rested_on"]
    assert {one["of"] for one in journalled} == {name for name, one in known.items() if one["used"]}
    for one in journalled:
        assert one.keys() == {"of", "n", "age_s", "ready"}
        assert (one["age_s"] is None) == (one["of"] in unseen)


def test_while_nothing_is_heard_each_rests_on_less_and_is_older() -> None:
    desk = busy()
    before, began_s = rests_on(desk), desk.now_s
    desk.after(60.0, quiet=["market"])
    after, passed_s = rests_on(desk), desk.now_s - began_s
    # The day's candles and a run's account are none of a minute; minutes that traded stay an hour.
    slow = {"sigma_usual", "markout_bid", "markout_ask", "traded_1h"}
    compared = 0
    for name, was in before.items():
        now = after[name]
        if was["as_of"] is None or now["as_of"] is None:
            continue
        assert now["n"] < was["n"] or name in slow or was["n"] == 0.0, name
        if name != "funding":
            assert now["age_s"] - was["age_s"] == pytest.approx(passed_s, abs=2.0), name
        compared += 1
    assert compared > 15
    for name, half_life_s in BY_TIME.items():
        left = after[name]["n"] / before[name]["n"]
        assert left == pytest.approx(2 ** (-passed_s / half_life_s), rel=0.02), name
    for name in ("jump", "flow_1s", "flow_10s", "basis"):
        assert not after[name]["ready"], name


def test_what_limit_and_quotes_rest_on_is_less_sure_after_a_silence() -> None:
    """The same sigma counts for less beside what is assumed of it."""
    desk = busy()
    share = desk.limits["inputs"]["sigma_confidence"]
    n = rests_on(desk)["sigma_10min"]["n"]
    assert share == pytest.approx(n / (n + 30.0), rel=0.01)
    desk.after(60.0, quiet=["market"])
    later = desk.limits["inputs"]["sigma_confidence"]
    n = rests_on(desk)["sigma_10min"]["n"]
    assert later < share
    assert later == pytest.approx(n / (n + 30.0), rel=0.01)


def test_the_first_screen_says_which_are_not_ready() -> None:
    fresh = evidence_shown.text(EngineDesk().snapshot()["models"]["rests_on"])
    assert fresh.startswith("0 of ")
    assert "sigma_10min" in fresh
    desk = busy()
    known = rests_on(desk)
    used = [one for one in known.values() if one["used"]]
    missing = [one["of"] for one in used if not one["ready"]]
    told = evidence_shown.text(desk.snapshot()["models"]["rests_on"])
    assert told.startswith(f"{len(used) - len(missing)} of {len(used)} in use are ready")
    assert all(name in told for name in missing)
