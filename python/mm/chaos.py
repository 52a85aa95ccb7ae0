"""Chaos: small worlds in which everything goes wrong, judged from the exchange's side."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import zstandard

from mm._core import chaos_world
from mm.config import engine_config_json, load
from mm.replay import LOG

Json = Any  # whatever JSON holds
Part = Literal["gate", "ledger", "recovery", "reconciler", "quotes", "cut"]

HURRIED: dict[str, float] = {
    # Nobody there would place it.
    "protection.resident_stop": False,
    "control.observe_book_s": 2.0,
    "control.observe_deadline_s": 10.0,
    "control.quote_min_s": 5.0,
    "control.burst_off_s": 5.0,
    "control.burst_step_s": 3.0,
    "control.widen_dwell_s": 5.0,
    "recovery.stuck_s": 5.0,
    "recovery.chase_s": 6.0,
    "recovery.passive_s": 8.0,
    "recovery.ioc_apart_s": 1.0,
    "recovery.ioc_cooldown_s": 3.0,
    "recovery.reject_backoff_s": 1.0,
    "recovery.reject_backoff_max_s": 5.0,
    "recovery.sweep_s": 15.0,
    "recovery.post_only_s": 5.0,
}
"""Settings of a world that lasts minutes: the same machines, sooner."""

RATES: dict[str, float] = {
    **dict.fromkeys(("lost_reply", "never_arrives", "late_reply", "failed_cancel"), 0.015),
    **dict.fromkeys(("late_arrival", "partial_batch"), 0.01),
    **dict.fromkeys(("refused_batch", "http429", "http5xx", "hung"), 0.01),
    **dict.fromkeys(("duplicate_frame", "reorder_frame", "drop_frame"), 0.015),
    **dict.fromkeys(("disconnect", "silent_stream", "burst", "price_jump"), 40.0),
    **dict.fromkeys(("half_open", "stale_book", "snapshot_replay"), 30.0),
    **dict.fromkeys(("oracle_jump", "funding_spike", "post_only"), 30.0),
    "clock_skew": 120.0,
    **dict.fromkeys(("hand_order", "transfer", "funding", "leverage"), 25.0),
    "sweep": 120.0,
}
"""At intensity one: a chance an action or frame, or times an hour."""

STORMY_S = (60.0, 120.0)
CALM_S = 60.0
TIMEOUT_S = 4.0
SHOWN_FAILURES = 50
SPANS = ("back_inside", "to_flat")
BATCH = 8

# What is planted, and how many times the room its ladders ask for.
PLANTED: dict[Part, dict[str, Json]] = {
    "gate": {"room_factor": 2.0, "gate": "disabled"},
    "ledger": {"room_factor": 1.0, "gate": "enforced", "bug": "ledger"},
    "recovery": {"room_factor": 1.0, "gate": "enforced", "bug": "recovery"},
    "reconciler": {"room_factor": 1.0, "gate": "enforced", "bug": "reconciler"},
    "quotes": {"room_factor": 1.0, "gate": "enforced", "bug": "quotes"},
    "cut": {"room_factor": 1.0, "gate": "enforced", "bug": "cut"},
}


def terms_json(planted: Part | None = None) -> str:
    """How the worlds of a run are made, as the core reads it.

    Args:
        planted: The part with a planted bug; None: none has.
    """
    config = load(None, {"process.speed": 1.0, **HURRIED})
    engine = json.loads(engine_config_json(config, session=1))
    if planted is not None:
        engine["drill"] = PLANTED[planted]
    return json.dumps(
        {
            "engine": engine,
            "rates": RATES,
            "stormy_s": STORMY_S,
            "calm_s": CALM_S,
            "timeout_s": TIMEOUT_S,
            "expires_after_s": config.process.expires_after_s,
        }
    )


def live(terms: str, seed: int) -> Json:
    """What the world of one seed came to."""
    return json.loads(chaos_world(terms, seed)[0])


def live_all(terms: str, seeds: Sequence[int], jobs: int) -> Iterator[Json]:
    """The worlds of these seeds, in their order, so many at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        for batch in batched(seeds, jobs * BATCH):
            yield from pool.map(partial(live, terms), batch)


def batched(seeds: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The same seeds, so many together: a run that stops early has few left to wait for."""
    for start in range(0, len(seeds), size):
        yield seeds[start : start + size]


def live_logged(terms: str, seed: int, out: Path) -> tuple[Json, list[Path]]:
    """The world of one seed, with the event log of each session in a directory of its own.

    Returns:
        What it came to, and the directories: each for `mm replay` and `mm explain`.
    """
    outcome, logs = chaos_world(terms, seed, keep_logs=True)
    runs = []
    for number, log in enumerate(logs, start=1):
        run = out / f"{seed}-{number}"
        run.mkdir(parents=True, exist_ok=True)
        (run / LOG).write_bytes(zstandard.ZstdCompressor().compress(log))
        runs.append(run)
    return json.loads(outcome), runs


@dataclass(slots=True)
class Tally:
    """Sums over worlds.

    Attributes:
        counts: Of worlds, fills, limit changes, sessions and those that took up the
            day's losses, events, actions, breaches.
        faults: By kind.
        worst: The largest of each figure that should be small, with its seed.
        spans: Times over the limit until back inside, and from a kill until flat, s.
        unfinished: How often the world ended before that.
        killed: Worlds by kill reason.
        failed: Seeds that failed, with why.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    worst: dict[str, tuple[float, int]] = field(default_factory=dict)
    spans: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in SPANS})
    unfinished: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)
    market_s: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def add(self, outcome: Json) -> None:
        """Count a world."""
        self.counts["seeds"] += 1
        for key in (
            "fills",
            "limit_changes",
            "sessions",
            "restored",
            "events",
            "actions",
            "breaches",
        ):
            self.counts[key] += outcome[key]
        self.faults.update(outcome["faults"])
        self.market_s += outcome["market_s"]
        for key in ("worst_over_limit_usd", "worst_loss_frac", "no_reducing_quote_s"):
            known = self.worst.get(key, (-1.0, -1))
            self.worst[key] = max(known, (outcome[key], outcome["seed"]))
        for kind in SPANS:
            self.spans[kind] += outcome[kind]["finished_s"]
            self.unfinished[kind] += outcome[kind]["unfinished"]
        if outcome["killed"] is not None:
            self.killed[outcome["killed"]] += 1
        if outcome["failures"]:
            self.failed[outcome["seed"]] = outcome["failures"]

    @property
    def never(self) -> list[str]:
        """What never happened: a run that misses any of it proves nothing about it."""
        kinds = [kind for kind, count in self.faults.items() if count == 0]
        return kinds + [
            key for key in ("fills", "limit_changes", "restored") if self.counts[key] == 0
        ]

    def _span(self, kind: str) -> Json:
        """How long something took. What was not done in time is counted, and in no quantile."""
        took = sorted(self.spans[kind])
        return {
            "n": len(took),
            "unfinished": self.unfinished[kind],
            "p50": quantile(took, 0.5),
            "p99": quantile(took, 0.99),
            "max": quantile(took, 1.0),
        }

    def summary(self) -> Json:
        """The whole run as one JSON object."""
        wall_s = time.monotonic() - self.began
        worst = {key: {"value": value, "seed": seed} for key, (value, seed) in self.worst.items()}
        return {
            **self.counts,
            "faults": dict(self.faults),
            "never_happened": self.never,
            **worst,
            "time_back_inside_s": self._span("back_inside"),
            "time_to_flat_s": self._span("to_flat"),
            "killed": dict(self.killed),
            "failed": len(self.failed),
            "failing_seeds": {
                str(seed): why for seed, why in list(self.failed.items())[:SHOWN_FAILURES]
            },
            "market_hours": round(self.market_s / 3600, 2),
            "wall_s": round(wall_s, 1),
            "seeds_per_s": round(self.counts["seeds"] / wall_s, 2),
        }


def quantile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None of none."""
    if not ordered:
        return None
    place = max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)
    return ordered[min(place, len(ordered) - 1)]


def default_jobs() -> int:
    """As many worlds at a time as there are processors for us."""
    return len(os.sched_getaffinity(0))
