"""`mm sdk-examples`."""

from pathlib import Path
from typing import Annotated

import typer


def sdk_examples(
    checkout: Annotated[
        Path, typer.Argument(help="A checkout of hyperliquid-python-sdk; it is not changed.")
    ],
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this script; repeatable.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print all that a failed script said.")
    ] = False,
) -> None:
    """Run the official SDK's own examples against the paper exchange.

    Each script runs unmodified, in its own process, against a fresh exchange; only the URL and the
    key are redirected. One line a script: its result and what it saw, or why it is not run. Ends
    with 1 when one failed.
    """
    from collections import Counter

    from mm.errors import ConfigError
    from mm.exits import Exit
    from mm.sdk_examples.running import run, scripts

    names = scripts(checkout)
    for name in only or ():
        if name not in names:
            raise ConfigError(f"only was {name!r}, expected one of {', '.join(names)}")
    width = max(map(len, only or names))
    results: Counter[str] = Counter()
    for name in only or names:
        outcome = run(checkout, name)
        results[outcome.result] += 1
        print(f"{name:{width}}  {outcome.result:7}  {outcome.words}", flush=True)
        if verbose and outcome.result == "failed":
            print(outcome.output, flush=True)
    print(", ".join(f"{count} {result}" for result, count in sorted(results.items())))
    raise typer.Exit(Exit.DIFFERENCE if results["failed"] else 0)
