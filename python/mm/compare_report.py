"""The report of `mm data compare`: one HTML file that needs nothing but itself."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mm.compare import Comparison, Curve, Line

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 40
RECORDED, SYNTHETIC, SEED = "#b3261e", "#1a56b0", "#9db8de"
WHOLE = 1000.0
"""From here on figures are shown without decimals."""
TICKS_MAX = 6
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1340px; color: #222 }
table { border-collapse: collapse; margin: 0.8em 0 1.4em }
td, th { padding: 2px 10px; text-align: right; border-bottom: 1px solid #e4e4e4 }
td:first-child, th:first-child, td:last-child { text-align: left }
.off { color: #b3261e; font-weight: 600 }
.plots { display: flex; flex-wrap: wrap; gap: 14px }
figure { margin: 0 } figcaption { font-size: 12px; color: #555; max-width: 420px }
svg text { font: 11px system-ui, sans-serif; fill: #555 }
.key b { padding: 0 0.4em }
"""


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture.

    Attributes:
        curve: Which of the curves.
        title: Above it.
        x: Its axis.
        y: The other.
        x_is_log: Whether equal ratios are equal lengths.
        y_is_log: The same of the other.
    """

    curve: str
    title: str
    x: str
    y: str
    x_is_log: bool = True
    y_is_log: bool = False


PLOTS = (
    Plot("variance", "Variance of the mid by span", "span, s", "bps² a second"),
    Plot("reach", "Takers that came to a distance", "bps from the mid", "an hour and side",
         y_is_log=True),
    Plot("markout_by_count", "Mid after a taker, by count", "s after", "bps"),
    Plot("markout_by_notional", "Mid after a taker, by notional", "s after", "bps"),
    Plot("notional", "Notional of takers", "share of the takers", "USDC", x_is_log=False,
         y_is_log=True),
    Plot("path", "The mid since the begin (seed 0 beside it)", "s", "bps", x_is_log=False),
)  # fmt: skip


def figure_text(value: float | None) -> str:
    """Three or four digits that say something."""
    if value is None:
        return "-"
    if value == 0.0 or abs(value) >= WHOLE:
        return f"{value:,.0f}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))) - 1)
    return f"{value:.{min(digits, 4)}f}"


def html_report(found: Sequence[Comparison]) -> str:
    """One page.

    Args:
        found: What was compared.

    Returns:
        HTML with its style and its pictures inside.
    """
    sections = "\n".join(_section(one) for one in found)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mm data compare</title>
<style>{STYLE}</style></head><body>
<h1>A made-up market beside recorded ones</h1>
<p>Both are measured by the same maker from frames, in exchange time, over the same span; the
made-up one once a seed, its value the mean. A line is good where the two differ by no more than
20&nbsp;% of the recorded value or two standard errors of the difference, whichever is more. The
recorded error is of a bootstrap of whole minutes: what lasts longer than a minute it does not hold.
Half an hour of one afternoon says nothing of other days.</p>
<p class="key"><b style="color:{RECORDED}">recorded</b>
<b style="color:{SYNTHETIC}">synthetic, mean</b> <b style="color:{SEED}">each seed</b></p>
{sections}
</body></html>
"""


def _section(one: Comparison) -> str:
    rows = "\n".join(_row(line) for line in one.lines)
    plots = "\n".join(_figure(one, plot) for plot in PLOTS)
    return f"""<h2>{html.escape(one.coin)}</h2>
<p>{html.escape(one.path)}: {one.watched_s:.0f} s watched.
The {one.market} market, {one.seeds} seeds.</p>
<table><tr><th>statistic</th><th>recorded</th><th>±</th><th>n</th><th>synthetic</th><th>±</th>
<th>may be off</th><th>verdict</th></tr>
{rows}
</table>
<div class="plots">{plots}</div>"""


def _row(line: Line) -> str:
    verdict = "good" if line.is_good else "off"
    if line.is_good and not line.is_within_share:
        verdict = "good within its error"
    cells = [
        html.escape(line.name),
        figure_text(line.recorded),
        figure_text(line.recorded_se),
        f"{line.n:,}",
        figure_text(line.synthetic),
        figure_text(line.synthetic_se),
        figure_text(line.tolerance),
    ]
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr>{told}<td class="{"" if line.is_good else "off"}">{verdict}</td></tr>'


def _figure(one: Comparison, plot: Plot) -> str:
    recorded = one.recorded_curves[plot.curve]
    seeds = [curves[plot.curve] for curves in one.synthetic_curves]
    if plot.curve == "path":
        drawn = [(seeds[0], SYNTHETIC, 1.2), (recorded, RECORDED, 1.4)]
    else:
        drawn = [(seed, SEED, 0.7) for seed in seeds]
        drawn += [(_mean(seeds), SYNTHETIC, 1.8), (recorded, RECORDED, 1.8)]
    return f"<figure><figcaption>{plot.title}</figcaption>{svg(plot, drawn)}</figure>"


def _mean(seeds: list[Curve]) -> Curve:
    """The mean where every seed has a point."""
    tables = [dict(seed) for seed in seeds]
    shared = [x for x, _ in seeds[0] if all(x in table for table in tables)]
    return [(x, sum(table[x] for table in tables) / len(tables)) for x in shared]


def svg(plot: Plot, drawn: Sequence[tuple[Curve, str, float]]) -> str:
    """A picture of curves.

    Args:
        plot: Its title and axes.
        drawn: Curve, colour and width of each, the topmost last.
    """
    shown = [
        ([(x, y) for x, y in curve if _fits(plot, x, y)], colour, width)
        for curve, colour, width in drawn
    ]
    points = [point for curve, _, _ in shown for point in curve]
    if not points:
        return "<p>nothing to draw</p>"
    xs = Axis.over([x for x, _ in points], plot.x_is_log, LEFT, WIDTH - RIGHT)
    ys = Axis.over([y for _, y in points], plot.y_is_log, HEIGHT - BOTTOM, TOP)
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="'
        + " ".join(f"{xs.place(x):.1f},{ys.place(y):.1f}" for x, y in curve)
        + '"/>'
        for curve, colour, width in shown
    ]
    ticks = [
        f'<text x="{xs.place(x):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{x:g}</text>'
        for x in xs.ticks()
    ]
    for y in ys.ticks():
        at = ys.place(y)
        ticks.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#eee"/>'
            f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>'
        )
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    names = (
        f'<text x="{middle_x}" y="{HEIGHT - 6}" text-anchor="middle">{plot.x}</text>'
        f'<text x="12" y="{middle_y}" text-anchor="middle"'
        f' transform="rotate(-90 12 {middle_y})">{plot.y}</text>'
    )
    return (
        f'<svg role="img" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{plot.title}</title>{''.join(ticks)}{''.join(lines)}{names}</svg>"
    )


def _fits(plot: Plot, x: float, y: float) -> bool:
    """What is not above zero has no place on a scale of ratios."""
    return not ((plot.x_is_log and x <= 0.0) or (plot.y_is_log and y <= 0.0))


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale.

    Attributes:
        low: Smallest value.
        high: Largest; above `low`.
        is_log: Whether equal ratios are equal lengths.
        begin: Where `low` is drawn.
        end: Where `high` is.
    """

    low: float
    high: float
    is_log: bool
    begin: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], is_log: bool, begin: float, end: float) -> Axis:
        """A scale that holds values."""
        low, high = min(values), max(values)
        if not is_log:
            low = min(low, 0.0)
        if high <= low:
            high = low * 2.0 if is_log else low + 1.0
        return cls(low, high, is_log, begin, end)

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Round values to write down."""
        if self.is_log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            if last > first:
                return [10.0**power for power in range(first, last + 1)]
            return [self.low, self.high]
        step = 10.0 ** math.floor(math.log10(self.high - self.low))
        while (self.high - self.low) / step > TICKS_MAX:
            step *= 2.0
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]
