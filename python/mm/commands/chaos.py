"""`mm chaos`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from mm.chaos import Json, Tally

SEED_MAX = 2**64 - 1
"""The core's seeds are 64 bits wide."""

Seeds = Annotated[int, typer.Option(min=1, help="How many worlds.")]
First = Annotated[int, typer.Option("--from", min=0, max=SEED_MAX, help="The first seed.")]
One = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=SEED_MAX,
        help="Only this world, with its event logs and every failure.",
    ),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Worlds at a time; absent: one a processor.")]
Planted = Annotated[
    Literal["gate", "ledger", "recovery", "reconciler", "quotes", "cut"] | None,
    typer.Option(
        "--break",
        help="Plant a bug there (cut: the cancels of an excess) and stop at the first world"
        " that finds it.",
    ),
]
Out = Annotated[Path, typer.Option(help="Where --seed writes one run directory a session.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as one object on stdout.")]


def chaos(
    seeds: Seeds = 100,
    first: First = 0,
    seed: One = None,
    jobs: Jobs = None,
    planted: Planted = None,
    out: Out = Path("chaos"),
    as_json: AsJson = False,
) -> None:
    """Small worlds in which everything goes wrong, judged from the exchange's own truth.

    Ends with 1 when a world broke a law or, without --seed, a kind of fault never happened; with
    --break, when no world found the planted bug.
    """
    import json

    from mm.chaos import Tally, default_jobs, live_all, live_logged, terms_json
    from mm.errors import ConfigError
    from mm.exits import Exit

    if first + seeds - 1 > SEED_MAX:
        raise ConfigError(
            f"--seeds was {seeds}, expected at most {SEED_MAX - first + 1} from {first}"
        )
    terms = terms_json(planted)
    if seed is not None:
        outcome, runs = live_logged(terms, seed, out)
        print(json.dumps(outcome, indent=None if as_json else 2))
        _say("\n".join(f"mm replay {run}" for run in runs))
        is_wanted = bool(outcome["failures"]) == (planted is not None)
        raise typer.Exit(Exit.DONE if is_wanted else Exit.DIFFERENCE)
    tally = Tally()
    found: Json = None
    for outcome in live_all(terms, range(first, first + seeds), jobs or default_jobs()):
        tally.add(outcome)
        _progress(tally, seeds)
        if planted is not None and outcome["failures"]:
            found = {"seed": outcome["seed"], "after": tally.counts["seeds"]}
            break
    summary = tally.summary()
    if planted is not None:
        summary |= {"planted": planted, "found": found}
        failed = found is None
    else:
        failed = bool(tally.failed or tally.never)
    if as_json:
        print(json.dumps(summary))
    else:
        _show(summary)
    raise typer.Exit(Exit.DIFFERENCE if failed else 0)


def _progress(tally: "Tally", seeds: int) -> None:
    import sys

    done = tally.counts["seeds"]
    if sys.stderr.isatty() or done % 500 == 0:
        end = "\r" if sys.stderr.isatty() else "\n"
        text = f"{done} of {seeds} worlds, {len(tally.failed)} failed"
        print(text, end=end, file=sys.stderr, flush=True)


def _say(text: str) -> None:
    import sys

    print(text, file=sys.stderr)


def _show(summary: "Json") -> None:
    """The summary for people."""
    loss, quiet = summary["worst_loss_frac"], summary["no_reducing_quote_s"]
    inside, flat = summary["time_back_inside_s"], summary["time_to_flat_s"]
    over = summary["worst_over_limit_usd"]
    print(
        f"{summary['seeds']} worlds, {summary['market_hours']} market hours in"
        f" {summary['wall_s']} s: {summary['fills']} fills, {summary['limit_changes']} changes of"
        f" the limit, {summary['sessions']} sessions"
    )
    print("faults  " + ", ".join(f"{kind} {n}" for kind, n in sorted(summary["faults"].items())))
    print(
        f"law     {summary['breaches']} breaches; worst case over the limit"
        f" {over['value']:.2f} USD (seed {over['seed']})"
    )
    print(
        f"way out {quiet['value']:.1f} s at most without a reducing quote (seed {quiet['seed']});"
        f" back inside the limit p99 {inside['p99']} s of {inside['n']}"
        f" ({inside['unfinished']} were not); flat after a kill p99 {flat['p99']} s of {flat['n']}"
        f" ({flat['unfinished']} were not)"
    )
    print(
        f"loss    {100 * loss['value']:.2f} % at worst (seed {loss['seed']}); {summary['killed']}"
    )
    if summary["never_happened"]:
        print(f"never happened: {', '.join(summary['never_happened'])}: this run proves too little")
    for seed, why in summary["failing_seeds"].items():
        print(f"seed {seed}: {why[0]}" + (f" (and {len(why) - 1} more)" if len(why) > 1 else ""))
    if "planted" in summary:
        print(f"planted in {summary['planted']}: found {summary['found']}")
