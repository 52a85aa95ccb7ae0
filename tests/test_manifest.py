"""`tests/scenarios/manifest.toml`: nothing unmapped, no test that is not there, no empty excuse."""

import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from mm.config.reading import sections
from mm.hyperliquid.deadman import DateState
from mm.watchdog.directory import Doing
from mm.watchdog.judgement import Why

ROOT = Path(__file__).parents[1]
MANIFEST = tomllib.loads((ROOT / "tests/scenarios/manifest.toml").read_text(encoding="utf-8"))

SCENARIOS = """
    ws-drop-with-30-fill-snapshot fill-during-rest-sync fill-before-ack cancel-reply-filled
    partial-fill-during-cancel late-order-update lagging-open-orders batch-rejection-of-25
    http-429 too-many-cumulative-requests hung-http half-open-websocket one-stream-silent
    mids-disagree-with-book crossed-book sweep-of-7-fills-in-a-second
    trend-of-188-bps-with-full-inventory inherited-31x wrong-dex-account-message
    usdc-in-spot-only leverage-refused account-of-100-usd min-notional-after-clamp
    restart-after-kill-same-day restart-after-kill-next-day corrupt-checkpoint
    sigterm-with-50-orders killed-9 quota-at-7-percent unknown-config-key clock-skew-5-s
    estimator-nan
"""
LIMIT_DATES = "Dec30 Jan03 Jan04 Feb10 Feb12 Feb22 Feb24"
EXPECTED = {
    "scenarios": set(SCENARIOS.split()),
    "incidents": {f"P{n}" for n in range(1, 10)}
    | {f"L-{date}" for date in LIMIT_DATES.split()}
    | {f"S{n}" for n in range(1, 11)}
    | {f"Q{n}" for n in range(1, 13)}
    | {f"C{n}" for n in range(1, 7)}
    | {f"M{n}" for n in range(1, 9)},
    "contract": {str(n) for n in range(1, 23)},
    "faults": set(
        re.findall(
            r'=> "(\w+)"',
            (ROOT / "rust/mm-sim/src/faults/kind.rs").read_text(encoding="utf-8"),
        )
    ),
}
# Sections of the configuration whose every key protects something.
PROTECTIVE = ("limits", "freshness", "control", "recovery", "requests", "protection")
# Keys of other sections that protect as well.
ALSO = {
    "process.coins",
    "process.watchdog",
    "process.watchdog_silence_s",
    "process.watchdog_drift_s",
}
# Enums of the core whose every variant is a guard, a state or an act of protection.
STATES = {
    "phase": ("control/phases.rs", "Phase"),
    "mode": ("control/mode.rs", "Mode"),
    "mode_reason": ("control/mode.rs", "ModeReason"),
    "kill": ("control/kill.rs", "KillReason"),
    "suppressed": ("control/suppressed.rs", "Suppressed"),
    "burst": ("control/burst.rs", "Allowed"),
    "recovery": ("recovery/manager.rs", "Recovery"),
    "reconciliation": ("recovery/reconciler.rs", "Reconciliation"),
    "order": ("orders/order.rs", "State"),
    "rejection": ("event.rs", "RejectionClass"),
    "ask": ("recovery/ask.rs", "Ask"),
    "alarm": ("control/alarm.rs", "Alarm"),
    "close_wait": ("control/alarm.rs", "CloseWait"),
    "policy": ("control/config.rs", "PositionPolicy"),
    "refusal": ("filter.rs", "RefusalReason"),
    "limit_source": ("limits/mod.rs", "LimitSource"),
    "stop": ("resident/table.rs", "StopState"),
    "no_stop": ("resident/mod.rs", "NoStop"),
    "limit_term": ("limits/terms.rs", "Term"),
}
# Machines whose states are words of Python, or no enum at all: as ARCHITECTURE.md draws them.
OTHER_STATES = {
    "watchdog": set(get_args(Doing)),
    "watchdog_why": set(get_args(Why)),
    "lease": {"held", "lapsed", "asked"},
    "continuity": {"continuous", "held", "broken"},
    "date": set(get_args(DateState)),
}
# Words worth an excuse.
SAYS_SOMETHING = 20
COLLECT_S = 110


def entries() -> dict[str, dict[str, Any]]:
    """Every entry that names tests, by `table.id`."""
    return {
        f"{table}.{name}": entry
        for table, rows in MANIFEST.items()
        for name, entry in rows.items()
        if isinstance(entry, dict)
    } | {
        f"{table}.{name}": {"tests": entry}
        for table, rows in MANIFEST.items()
        for name, entry in rows.items()
        if isinstance(entry, list)
    }


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """Ids of every test of pytest, with and without parameters."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "tests"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=COLLECT_S, check=False
    )
    ids = [line for line in done.stdout.splitlines() if "::" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    return {*ids, *(name.partition("[")[0] for name in ids)}


@cache
def rust(crate: str) -> str:
    """The text of a crate, its tests included."""
    return "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / crate).rglob("*.rs"))
    )


def in_rust(test: str) -> bool:
    """Whether `rust/<crate>::function` is a test of Rust, a law included."""
    crate, _, function = test.partition("::")
    return re.search(rf"#\[test\][^{{}}]*?\bfn {re.escape(function)}\(", rust(crate)) is not None


def snake(name: str) -> str:
    """`MarketStale` as `market_stale`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def variants(path: str, enum: str) -> set[str]:
    """The variants of an enum of the core, in snake case."""
    text = (ROOT / "rust/mm-core/src" / path).read_text(encoding="utf-8")
    body = re.search(rf"pub enum {enum} \{{(.*?)\n\}}", text, re.DOTALL)
    assert body is not None, f"no enum {enum} in {path}"
    return {snake(name) for name in re.findall(r"^    ([A-Z]\w*)", body[1], re.MULTILINE)}


@pytest.mark.parametrize("table", EXPECTED)
def test_every_scenario_incident_and_contract_line_is_mapped(table: str) -> None:
    assert set(MANIFEST[table]) == EXPECTED[table]


def test_every_guard_and_setting_has_a_test_that_fails_without_it() -> None:
    keys = {f"{name}.{key}" for name in PROTECTIVE for key in sections()[name].model_fields}
    assert set(MANIFEST["settings"]) == keys | ALSO
    states = {
        f"{name}.{variant}"
        for name, (path, enum) in STATES.items()
        for variant in variants(path, enum)
    } | {f"{name}.{state}" for name, found in OTHER_STATES.items() for state in found}
    mapped, kinds = set(MANIFEST["guards"]), STATES.keys() | OTHER_STATES.keys()
    assert states - mapped == set(), "a state without a test"
    stale = {name for name in mapped if name.partition(".")[0] in kinds} - states
    assert stale == set(), "a mapped state that is no more"


def test_every_named_test_exists(collected: set[str]) -> None:
    absent = {
        f"{name}: {test}"
        for name, entry in entries().items()
        for test in entry.get("tests", [])
        if not (in_rust(test) if test.startswith("rust/") else test in collected)
    }
    assert absent == set()


def test_nothing_is_left_open_without_a_word() -> None:
    for name, entry in entries().items():
        assert set(entry) <= {"says", "tests", "not_yet"}, name
        excuse = entry.get("not_yet")
        assert entry.get("tests") or excuse, f"{name}: neither tests nor a reason"
        assert excuse is None or len(excuse) >= SAYS_SOMETHING, f"{name}: says too little"
