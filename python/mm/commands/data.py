"""`mm data compare` and `mm data forecast`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mm.commands.options import File

if TYPE_CHECKING:
    from mm.compare import Comparison

app = typer.Typer(help="Look at market data.", rich_markup_mode=None)

Frames = Annotated[
    list[Path], typer.Argument(help="Recordings, .zst or plain, each of one coin and its own.")
]
Market = Annotated[
    Literal["calibrated", "demo"], typer.Option(help="What the recordings are compared with.")
]
Seeds = Annotated[
    int, typer.Option(min=2, max=1000, help="Markets of it, each as long as the recording.")
]
Out = Annotated[
    Path | None, typer.Option(help="Report to write: an HTML file; beside it the same as .json.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace reports that exist.")]
Reference = Annotated[
    Path | None,
    typer.Option(help="A recording of the coin that may lead the others: models.lead is judged."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One array on stdout, an object a recording.")]


CELLS = (10, 9, 10, 9, 7, 7)
"""Widths of what a line shows behind its name."""


@app.callback()
def _group() -> None:
    """Look at market data."""


@app.command()
def compare(
    frames: Frames,
    market: Market = "calibrated",
    seeds: Seeds = 8,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Set a made-up market beside recorded ones, statistic by statistic.

    Ends with 1 when a line is farther off than 20 % and than two standard errors.
    """
    import json
    import sys

    from mm.backtest import read_recording
    from mm.compare import compare as run
    from mm.compare_report import html_report
    from mm.exits import Exit

    if out is not None:
        _check(out, force)

    def progress(coin: str, done: int, of: int) -> None:
        print(f"{coin}: {done} of {of} markets", file=sys.stderr)

    recordings = [read_recording([path]) for path in frames]
    found = run(recordings, market, seeds, progress if sys.stderr.isatty() else None)
    text = json.dumps([one.as_json() for one in found])
    if as_json:
        print(text)
    else:
        for one in found:
            _show(one)
        print(_conclusion(found))
    if out is not None:
        out.write_text(html_report(found), encoding="utf-8")
        out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        print(f"wrote {out} and {out.with_suffix('.json')}", file=sys.stderr)
    raise typer.Exit(Exit.DONE if all(one.is_good for one in found) else Exit.DIFFERENCE)


@app.command()
def forecast(
    frames: Frames,
    config: File = None,
    reference: Reference = None,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Set what the engine expected beside what came: does each model forecast better than none?

    The engine hears each recording as in a backtest. Several recordings are judged together too.
    """
    import json
    import sys

    from mm.backtest import read_followed, read_recording
    from mm.config import load
    from mm.forecast.evaluation import evaluate
    from mm.forecast.report import html_report
    from mm.forecast.shown import lines
    from mm.forecast.watched import BOOK_EVERY_S

    if out is not None:
        _check(out, force)
    recordings = [read_recording([path]) for path in frames]
    coins = [one.instrument.coin for one in recordings]
    followed = None if reference is None else read_followed([reference], coins)
    configs = [
        load(
            config,
            {
                "process.coin": one.instrument.coin,
                "process.market": f"replay:{path}",
                "process.speed": 1.0,
                "backtest.book_every_s": BOOK_EVERY_S,
            },
        )
        for path, one in zip(frames, recordings, strict=True)
    ]
    found = evaluate(recordings, configs, followed)
    text = json.dumps([one.as_json() for one in found], allow_nan=False)
    if as_json:
        print(text)
    else:
        for one in found:
            print("\n".join(lines(one)) + "\n")
    if out is not None:
        out.write_text(html_report(found), encoding="utf-8")
        out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        print(f"wrote {out} and {out.with_suffix('.json')}", file=sys.stderr)


def _check(out: Path, force: bool) -> None:
    """Both files can be written, before anything is computed."""
    from mm.errors import ConfigError

    if out.suffix not in {".html", ".htm"}:
        raise ConfigError(f"--out was {out}, expected a name that ends in .html")
    for path in (out, out.with_suffix(".json")):
        if path.exists() and not force:
            raise ConfigError(f"{path}: exists already; --force replaces it")
    if not out.parent.is_dir():
        raise ConfigError(f"--out was {out}: {out.parent} is no directory")


def _show(found: "Comparison") -> None:
    """One recording for people."""
    from mm.compare_report import figure_text

    print(
        f"{found.coin}  {found.watched_s:.0f} s recorded ({found.path}); the {found.market} market"
        f" for as long, {found.seeds} seeds"
    )
    head = ("recorded", "+-", "synthetic", "+-", "off", "may be")
    print(
        f"  {'':<34}" + "".join(f" {word:>{size}}" for word, size in zip(head, CELLS, strict=True))
    )
    for line in found.lines:
        off, allowed = (
            _share(line.synthetic, line.recorded),
            _allowed(line.tolerance, line.recorded),
        )
        verdict = "good" if line.is_good else "OFF"
        if line.is_good and not line.is_within_share:
            verdict = "good within its error"
        cells = (line.recorded, line.recorded_se, line.synthetic, line.synthetic_se)
        shown = (*(figure_text(cell) for cell in cells), off, allowed)
        row = "".join(f" {text:>{size}}" for text, size in zip(shown, CELLS, strict=True))
        print(f"  {line.name:<34}{row}  {verdict}")


def _share(value: float | None, of: float | None) -> str:
    return "-" if value is None or not of else f"{value / of - 1.0:+.0%}"


def _allowed(tolerance: float | None, of: float | None) -> str:
    return "-" if tolerance is None or not of else f"{tolerance / abs(of):.0%}"


def _conclusion(found: "list[Comparison]") -> str:
    lines = [line for one in found for line in one.lines]
    bad = [f"{one.coin} {line.name}" for one in found for line in one.lines if not line.is_good]
    exact = sum(line.is_within_share for line in lines)
    told = (
        f"{len(lines) - len(bad)} of {len(lines)} lines within max(20 %, 2 standard errors),"
        f" {exact} of them within 20 %"
    )
    return told if not bad else f"{told}; off: {', '.join(bad)}"
