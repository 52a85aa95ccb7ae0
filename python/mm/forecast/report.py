"""The report of `mm data forecast`: one HTML file that needs nothing but itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from mm.compare import Curve
from mm.compare_report import RECORDED, SEED, STYLE, SYNTHETIC, Plot, svg
from mm.forecast.adverse import Tenth
from mm.forecast.contest import Result
from mm.forecast.evaluation import SAYS, Evaluation
from mm.forecast.sweeps import ASSUMED, FITTED, ROLLING, USED, Reached

GREEN, GREY = "#2e7d32", "#777777"
SIGMA_COLOURS = {
    "next minute": (SEED, 1.0),
    "EWMA": (GREY, 1.0),
    "sigma_prior": (GREEN, 1.0),
    "10 min": (SYNTHETIC, 1.6),
    "quotes": (RECORDED, 1.6),
}
LEVEL_COLOURS = {ASSUMED: GREEN, FITTED: GREY, USED: SYNTHETIC, ROLLING: SEED}
SIGMA = Plot("sigma", "Volatility: forecasts, and the minute that followed", "s",
             "bps per root second", x_is_log=False)  # fmt: skip
LEVELS = Plot("levels", "Takers that came to a level of the ladder", "bps from the mid", "takers",
              x_is_log=False, y_is_log=True)  # fmt: skip
COSTS = Plot("costs", "Cost after 5 s", "expected by the tape, bps", "came, bps", x_is_log=False)
OWN = Plot("own", "Fills of ours, an hour at rest", "expected", "counted", x_is_log=True,
           y_is_log=True)  # fmt: skip


def html_report(found: Sequence[Evaluation]) -> str:
    """One page.

    Args:
        found: Of each recording, and of all.

    Returns:
        HTML with its style and its pictures inside.
    """
    sections = "\n".join(_section(one) for one in found)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mm data forecast</title>
<style>{STYLE}</style></head><body>
<h1>Forecasts beside what came after them</h1>
<p>The engine heard each recording as in a backtest and was asked once a second what it expected.
A gain above nothing: the model did better than what it stands against. Intervals are 95&nbsp;%, of
the sums of minutes: Diebold and Mariano's test with a long-run variance from cosine transforms.
What one recording cannot tell another may.</p>
{sections}
</body></html>
"""


def _section(one: Evaluation) -> str:
    rows = "\n".join(_row(result) for result in one.results)
    verdicts = "\n".join(
        f"<tr><td>{html.escape(decides.key)}</td><td>{verdict}</td>"
        f"<td>{html.escape(SAYS[verdict])}</td></tr>"
        for decides, verdict in one.verdicts()
    )
    pictures = "\n".join(
        f"<figure><figcaption>{plot.title}{key}</figcaption>{svg(plot, drawn)}</figure>"
        for plot, key, drawn in _pictures(one)
    )
    return f"""<h2>{html.escape(one.coin)}</h2>
<p>{html.escape(one.path)} {one.looks:,} seconds, {one.takers:,} takers,
{one.fills} fills of ours.</p>
<table><tr><th>default</th><th>verdict</th><th></th></tr>
{verdicts}</table>
<table><tr><th>question</th><th>model</th><th>against</th><th>gain</th><th>95&nbsp;%</th><th>t</th>
<th>unit</th><th>verdict</th></tr>
{rows}</table>
<div class="plots">{pictures}</div>"""


def _row(result: Result) -> str:
    judged = result.judged
    told = ["-", "-", "-"]
    if judged is not None:
        interval = f"{judged.low:+.4f} to {judged.high:+.4f}"
        told = [f"{judged.value:+.4f}", interval, f"{judged.t:+.2f}"]
    cells = [result.question, result.model, result.against, *told, result.unit]
    row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    colour = "off" if result.verdict == "loses" else ""
    return f'<tr>{row}<td class="{colour}">{result.verdict}</td></tr>'


def _pictures(one: Evaluation) -> list[tuple[Plot, str, list[tuple[Curve, str, float]]]]:
    pictures = []
    if one.sigmas:
        drawn = [(one.sigmas[name], *look) for name, look in SIGMA_COLOURS.items()]
        pictures.append((SIGMA, _key({n: look[0] for n, look in SIGMA_COLOURS.items()}), drawn))
    if one.reached:
        pictures.append((LEVELS, _key({"came": RECORDED, **LEVEL_COLOURS}), _levels(one.reached)))
    for of, tenths in (one.costs or {}).items():
        pictures.append((COSTS, f", {of}", _calibration(tenths)))
    for model, tenths in (one.own or {}).items():
        pictures.append((OWN, f", {model}", _calibration(tenths)))
    return pictures


def _key(colours: Mapping[str, str]) -> str:
    words = (f'<b style="color:{colour}"> {name} </b>' for name, colour in colours.items())
    return ": " + "".join(words)


def _levels(reached: Sequence[Reached]) -> list[tuple[Curve, str, float]]:
    drawn = [
        ([(level.bps, level.expected[model]) for level in reached], colour, 1.2)
        for model, colour in LEVEL_COLOURS.items()
    ]
    return [*drawn, ([(level.bps, float(level.seen)) for level in reached], RECORDED, 1.8)]


def _calibration(tenths: Sequence[Tenth]) -> list[tuple[Curve, str, float]]:
    """What came, with its interval, beside the line on which forecasts come true."""
    came = [(tenth.expected, tenth.mean) for tenth in tenths]
    drawn: list[tuple[Curve, str, float]] = [([(x, x) for x, _ in came], GREY, 0.8)]
    for tenth in tenths:
        if tenth.came is not None:
            ends = [(tenth.expected, tenth.came.low), (tenth.expected, tenth.came.high)]
            drawn.append((ends, SEED, 1.6))
    return [*drawn, (came, RECORDED, 1.8)]
