"""`mm explain limits|quotes|mode`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Run = Annotated[
    Path | None,
    typer.Option("--run", help="A run's directory or its event log; without it: the newest run."),
]
At = Annotated[
    str | None,
    typer.Option("--at", help="Exchange time, ISO 8601, or seconds from the run's start."),
]
Coin = Annotated[str | None, typer.Option(help="Of a run of several: which.")]
AsJson = Annotated[bool, typer.Option("--json", help="One object on stdout.")]

app = typer.Typer(no_args_is_help=True)


@app.command()
def limits(run: Run = None, at: At = None, coin: Coin = None, as_json: AsJson = False) -> None:
    """Show the position limit with every term, its inputs, their ages and what binds."""
    from mm import explain

    _show(explain.limits, explain.text_of_limits, (run, coin), at, as_json)


@app.command()
def quotes(run: Run = None, at: At = None, coin: Coin = None, as_json: AsJson = False) -> None:
    """Show what each price and size is made of, what each order stands for, what was refused.

    Without --at: as the run last quoted.
    """
    from mm import explain

    _show(explain.quotes, explain.text_of_quotes, (run, coin), at, as_json, quoting=True)


@app.command()
def mode(run: Run = None, at: At = None, coin: Coin = None, as_json: AsJson = False) -> None:
    """Show the mode, since when and why, and the one reason of each side without an order."""
    from mm import explain

    _show(explain.mode, explain.text_of_mode, (run, coin), at, as_json)


def _show(
    answer: Callable[[Any], dict[str, Any]],
    text: Callable[[dict[str, Any]], list[str]],
    which: tuple[Path | None, str | None],
    at: str | None,
    as_json: bool,
    *,
    quoting: bool = False,
) -> None:
    import json

    from mm.explain import newest_run, one_log, stand

    run, coin = which
    shown = answer(stand(one_log(run or newest_run(), coin), at, quoting=quoting))
    if as_json:
        print(json.dumps(shown))
        return
    for line in text(shown):
        print(line)
