"""A run's event log and list of sends, read back for the audit. Lots and nanoseconds throughout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# JSON of a log whose shape the core defines.
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the event log.

    Attributes:
        key: `h`, `e`, `c`, `r`, `l`, `a` or `z`.
        value: What it says.
    """

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Sent:
    """One signed request that left.

    Attributes:
        nonce: Its nonce.
        action: Id of the engine's action; `None` for a request of the session's own.
        kind: Type of a request of the session's own, as the venue names it; else `None`.
        watchdog: Whether the watchdog sent it, while it had taken over.
        beside: Whether it was for another coin of the run.
    """

    nonce: int
    action: int | None
    kind: str | None
    watchdog: bool = False
    beside: bool = False


def read_log(lines: bytes) -> Iterator[Line]:
    """The lines of an event log, in order."""
    for line in lines.splitlines():
        ((key, value),) = json.loads(line).items()
        yield Line(key, value)


def read_sends(lines: bytes, *, watchdog: bool = False) -> list[Sent]:
    """The requests that left, in order.

    Args:
        lines: One JSON object each.
        watchdog: Whether they are the watchdog's.
    """
    rows = (json.loads(line) for line in lines.splitlines())
    return [Sent(row["nonce"], row.get("action"), row.get("own"), watchdog) for row in rows]


def read_report(lines: bytes) -> list[Json]:
    """The exchange's own report, in order; a last line that a kill cut short is left out.

    Raises:
        ValueError: Another line is no JSON: what it said would be missing from the judgement.
    """
    *whole, last = lines.split(b"\n")
    rows: list[Json] = [json.loads(line) for line in whole]
    with suppress(ValueError):
        rows.append(json.loads(last))
    return rows


def one_kind(value: object) -> tuple[str, Any]:
    """Name and content of a tagged value: `{"Fills": {...}}`, or a bare `"Timer"`."""
    if isinstance(value, str):
        return value, None
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"expected one tagged value, was {value!r}")
    ((name, content),) = value.items()
    return name, content


def of_user(rows: Iterable[Json], user: str, kind: str) -> list[Json]:
    """Lines of one kind about one account."""
    wanted = user.lower()
    return [row for row in rows if row["kind"] == kind and row["user"].lower() == wanted]
