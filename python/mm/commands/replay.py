"""`mm replay`."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(help="A run's directory, or its events.jsonl.zst.")]
AsJson = Annotated[bool, typer.Option("--json", help="One object on stdout, a line each.")]


def replay(run: Run, as_json: AsJson = False) -> None:
    """Step a finished run again from its events alone; compare every action byte for byte.

    Each coin where the run quoted several. Exit 0: the same. Exit 1: something differs, and the
    first difference is named.
    """
    from mm.replay import logs

    for log in logs(run):
        _replay(log, as_json)


def _replay(run: Path, as_json: bool) -> None:
    import json

    from mm._core import replay as replay_core
    from mm.errors import CheckFailed, ConfigError, EventError
    from mm.replay import read_run

    path, lines = read_run(run)
    try:
        result = replay_core(lines)
    except (ConfigError, EventError) as error:
        raise type(error)(f"{path}: {error}") from error
    if as_json:
        keys = ("session", "coin", "events", "actions", "decision_hash", "cut_after", "difference")
        print(
            json.dumps({"same": result.difference is None} | {k: getattr(result, k) for k in keys})
        )
    if result.difference is not None:
        raise CheckFailed(f"{path}: {result.difference}")
    if not as_json:
        print(f"{result.coin}: the same, {result.actions} actions over {result.events} events")
        print(f"decisions {result.decision_hash}")
        if result.cut_after is not None:
            print(f"the log breaks off after line {result.cut_after}: its run was cut short")
