"""What the exchange's own report says about a finished run: breaches, and what was left resting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mm.audit.breaches import Breach, find_breaches
from mm.audit.journal import Json, Sent, of_user, read_log, read_report, read_sends
from mm.audit.reference import disagreement
from mm.recorder import read_lines

WATCHDOG_SENT = "watchdog-sent.jsonl"
"""Which nonces carried the watchdog's actions, in the run directory."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exchange's side of the story.

    Attributes:
        breaches: Every breach; `None` when there is no report to judge by.
        open_orders: Orders of ours left at the end; `None` when the report does not reach it.
    """

    breaches: list[Breach] | None
    open_orders: int | None


def judge(
    run_dir: Path, report: Path | None, user: str, coin: str, beside: Sequence[Path] = ()
) -> Verdict:
    """Join a run's journal with the exchange's report.

    Args:
        run_dir: Holds `events.jsonl.zst`, `sent.jsonl` and, if there was one, the watchdog's own.
        report: The exchange's report; `None` when it is not ours to read.
        user: Our account.
        coin: The perp.
        beside: Directories of the run's other coins: what was sent for them was not for this one.

    Returns:
        What it says.
    """
    if report is None or not report.exists():
        return Verdict(None, None)
    rows = read_report(report.read_bytes())
    log, _ = read_lines(run_dir / "events.jsonl.zst")
    lines = list(read_log(log))
    header = lines[0].value
    config, sz_decimals = header["config"], header["instrument"]["sz_decimals"]

    def recompute(limits: Json) -> str | None:
        return disagreement(limits, config["limits"], config["freshness"], sz_decimals=sz_decimals)

    sends = _sends(run_dir)
    for directory in beside:
        sends += [replace(sent, beside=True) for sent in _sends(directory)]
    breaches = find_breaches(
        lines,
        sends,
        rows,
        user,
        coin,
        recompute,
    )
    ended = any(row["kind"] == "end" for row in rows)
    left = [row for row in of_user(rows, user, "left") if row["coin"] == coin]
    return Verdict(breaches, len(left) if ended else None)


def _sends(directory: Path) -> list[Sent]:
    """What a run, and its watchdog, sent for one coin."""
    sends = read_sends((directory / "sent.jsonl").read_bytes())
    watchdogs = directory / WATCHDOG_SENT
    if watchdogs.exists():
        sends += read_sends(watchdogs.read_bytes(), watchdog=True)
    return sends
