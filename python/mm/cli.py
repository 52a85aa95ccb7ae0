"""The command line: which commands there are, and the edge where an error becomes an exit code.

Only the command that was named is imported, so that `mm --help` stays fast.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

COMMANDS = {
    "run": "Make markets; without options on paper, on the demo market.",
    "exchange": "Serve the paper exchange alone, in Hyperliquid's own protocol.",
    "backtest": "Run the same engine over recorded market data.",
    "scout": "Tell from recordings what a maker earns at each distance, and how surely.",
    "data": "Set a made-up market beside recorded ones, statistic by statistic.",
    "record": "Record a live market, for backtests and replays.",
    "replay": "Step a finished run again from its events; compare every action.",
    "doctor": "Ask the venue what would stop or hurt a run; sends nothing.",
    "status": "Show how an account's maker stands, or how it stood when it was last alive.",
    "reconcile": "Compare the running maker's position, orders and fills with the exchange now.",
    "kill": "Latch the kill switch of the maker that runs.",
    "cancel-all": "Show the orders of an account for a perp; cancel them and verify.",
    "flatten": "Show what closing a position costs; close it.",
    "unlock": "Acknowledge the kill that keeps an account from trading.",
    "explain": "Say why: the limit, the quotes or the mode of a run at a time.",
    "watchdog": "Watch over a maker; started by run, restartable alone.",
    "keys": "Make, keep and approve the agent keys that sign on testnet and mainnet.",
    "transfer": "Move USDC between the balances of one owner: perp, spot, a dex, a sub-account.",
    "sdk-examples": "Run the official SDK's own examples against the paper exchange.",
    "chaos": "Live through worlds where everything goes wrong; judge from the exchange's side.",
    "config": "Write, check or show a configuration.",
}
"""Name and help line. Command `x` is the function `x` (or the group `app`) of `mm.commands.x`;
a dash in a name is an underscore there."""

INTERRUPTED = 130
"""What typer makes of a KeyboardInterrupt, without a word."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mm {version('hyper-mm')}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Market maker for Hyperliquid perpetuals."""


def _not_named() -> None:
    """Stands in the list of commands for one that was not named on this command line."""


def application(named: str | None) -> typer.Typer:
    """Build the command line.

    Args:
        named: The command to load. The others are listed but not imported.

    Returns:
        The application, with every command in the order of `COMMANDS`.
    """
    app = typer.Typer(
        name="mm",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, help_line in COMMANDS.items():
        if name != named:
            app.command(name, help=help_line)(_not_named)
            continue
        word = name.replace("-", "_")
        module = import_module(f"mm.commands.{word}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=help_line)
        else:
            app.command(name)(getattr(module, word))
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: What follows `mm`.

    Returns:
        The exit code: what the command returned, or 0 for None. Errors pass through.
    """
    named = next((word for word in arguments if not word.startswith("-")), None)
    result = application(named)(args=list(arguments), prog_name="mm", standalone_mode=False)
    return int(result) if result is not None else 0


def main() -> None:
    """The entry point of the process: every error becomes one clear line and an exit code."""
    try:
        code = run(sys.argv[1:] or ["--help"])
        sys.stdout.flush()
        if code == INTERRUPTED:
            code = _report(KeyboardInterrupt())
    except typer.TyperException as error:
        print(f"mm: {error.format_message()} (mm --help)", file=sys.stderr)
        code = 2
    except typer.Abort:
        code = _report(KeyboardInterrupt())
    except BaseException as error:
        if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
            # The reader of our output went away (`mm config show | head`): nothing is left to say.
            code = 0
        elif isinstance(error, SystemExit):
            raise
        else:
            code = _report(error)
    _let_go()
    sys.exit(code)


def _let_go() -> None:
    """Flush; what nobody reads any more goes to /dev/null, so that the exit code is ours."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _report(error: BaseException) -> int:
    """Say on stderr what went wrong, in one line, and give the exit code."""
    from mm.exits import Exit, exit_of

    code = exit_of(error)
    if code is Exit.INTERRUPTED:
        print("mm: interrupted", file=sys.stderr)
        return code
    if code is Exit.INVARIANT:
        # A bug: whoever looks for it needs the place.
        import traceback

        traceback.print_exception(error)
        print(f"mm: a bug: {type(error).__name__}: {error}", file=sys.stderr)
        return code
    print(f"mm: {_words(error)}", file=sys.stderr)
    return code


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
