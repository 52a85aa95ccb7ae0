"""`mm config init|check|show`."""

from pathlib import Path
from typing import Annotated

import typer

from mm.commands.options import File

app = typer.Typer(help="Write, check or show a configuration.", rich_markup_mode=None)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("mm.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write an example with every key, its default, unit, range and meaning."""
    from mm.config import example_toml
    from mm.errors import ConfigError

    if path.exists() and not force:
        raise ConfigError(f"{path}: exists already; --force replaces it")
    path.write_text(example_toml(), encoding="utf-8")
    print(f"wrote {path}; check it with: mm config check {path}")


@app.command()
def check(path: Annotated[Path, typer.Argument(help="TOML file.")]) -> None:
    """Check a file: every fault in one line, with its key, value and unit. Exit 2 on a fault."""
    from mm.config import levels_possible, load

    config = load(path)
    possible = levels_possible(config, config.paper.equity_usd, config.account.leverage)
    if config.process.network == "paper" and possible < config.quoting.levels:
        print(
            f"{path}: {possible} of {config.quoting.levels} levels fit this account;"
            " the rest merge inward"
        )
    print(f"{path}: good")


@app.command()
def show(
    config: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the effective configuration. It never holds a secret."""
    from mm.config import load, to_toml

    effective = load(config)
    print(effective.model_dump_json(indent=2) if as_json else to_toml(effective), end="")
    if as_json:
        print()
