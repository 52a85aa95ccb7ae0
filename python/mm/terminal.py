"""What a person sees: the first screen, one status line a second, and the end.

Reads the engine's snapshot and writes text. Where standard output belongs to a result (`--json`),
all of this goes to standard error.
"""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mm import edge_shown, evidence_shown, models_shown
from mm.budget import Outlook
from mm.config import MADE_UP, Config, ProcessConfig
from mm.cycles import percent, position_text, utilisation
from mm.figures import coin_text
from mm.report import Snapshot, binding_text
from mm.venue import PaperSide, Venue

PROVES_NOT = {
    "demo": (
        "The demo market is seeded and lively, NOT CALIBRATED: it shows that the machine works,",
        "not that it earns. Nothing here says what a real market would have paid.",
    ),
    "calibrated": (
        "A made-up market, fitted to half an hour of Hyperliquid of one afternoon: it has the",
        "statistics of that half hour and of no other, and it does not react to our orders.",
    ),
    "replay": (
        "A recorded market does not react to our orders, and our place in its queues is a guess.",
    ),
    "mirror": (
        "Live public data. That market never sees our orders, so it does not react to them, and",
        "our place in its queues is a guess.",
    ),
}
TRY_ON_PAPER = "run --coin ETH --speed 60"
SECONDS_PER_HOUR = 3600
WIDTH = 96
LEFT_TO = {
    None: "",
    "hold": "; held, as configured",
    "watchdog": "; the watchdog closes it",
    "nobody": "; NOBODY looks after it",
}
PHASES = {
    "starting": "starting",
    "observe": "observing",
    "quote_min": "first quotes at minimum size",
    "normal": "quoting",
    "stopping": "stopping",
}


@dataclass(frozen=True, slots=True)
class Quoted:
    """One coin.

    Attributes:
        config: Of the coin.
        sz_decimals: Of its sizes.
        inherited: Position found at the start, lots; `None`: nobody has said.
    """

    config: Config
    sz_decimals: int
    inherited: int | None

    @property
    def coin(self) -> str:
        """The perp."""
        return self.config.process.coin


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first screen says beyond the snapshot.

    Attributes:
        config: The effective configuration.
        venue: Where it trades.
        command: What starts this program, for the commands to try.
        run_dir: Of this run's log and summary.
        coins: Each coin that is quoted.
        cancelled: Orders found at the start and cancelled.
        protected: What looks after orders and position, should this process not be able to.
        unprotected: What of that is not available, each with its reason.
        outlook: How long the requests of the address last; `None`: the venue has not said.
        session_s: Exchange seconds that the run is to last; `None`: until told.
    """

    config: Config
    venue: Venue
    command: str
    run_dir: Path
    coins: Sequence[Quoted]
    cancelled: int
    protected: Sequence[str]
    unprotected: Sequence[str]
    outlook: Outlook | None
    session_s: float | None


class Terminal:
    """Writes to one stream; a status line replaces the one before it on a terminal.

    Attributes:
        closed: Whether nobody reads the stream any more.
    """

    def __init__(self, stream: TextIO, *, shown: bool) -> None:
        """Use a stream.

        Args:
            stream: Where text goes.
            shown: `False` (`--no-ui`): nothing is written before the end.
        """
        self._stream = stream
        self._shown = shown
        self._in_place = stream.isatty()
        self._open_line = False
        self.closed = False

    def first_screen(self, opening: Opening, snapshots: Sequence[Snapshot]) -> None:
        """Write the first screen."""
        if self._shown:
            self._write("\n".join(first_screen(opening, snapshots)) + "\n")

    def status(self, coins: Sequence[tuple[Snapshot, str, int]]) -> None:
        """Write the status line: snapshot, name and decimals of each coin; one line a coin."""
        if not self._shown:
            return
        lines = [status_line(*coin) for coin in coins]
        if not self._in_place:
            self._write("\n".join(lines) + "\n")
            return
        # One line over the one before; of several, from the first that stands there on. A line that
        # wraps would not be written over.
        lines = [line[: self._columns()] for line in lines]
        up = f"\x1b[{len(lines) - 1}A" if self._open_line and len(lines) > 1 else ""
        clear = "\x1b[K" if len(lines) == 1 else "\x1b[J"
        text = "\n".join(lines)
        self._put(f"{up}\r{clear}{text}")
        self._open_line = True

    def _columns(self) -> int | None:
        """How many characters a line of the terminal holds; `None`: nobody knows."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or None
        except (OSError, ValueError):
            return None

    def say(self, text: str) -> None:
        """Write a line that is shown whatever was asked for."""
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._open_line:
            self._put("\n")
            self._open_line = False
        self._put(text)

    def _put(self, text: str) -> None:
        """Write; a stream that takes nothing any more (`| head`) is closed, not an error."""
        if self.closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self.closed = True


def first_screen(opening: Opening, snapshots: Sequence[Snapshot]) -> list[str]:
    """Lines of the first screen."""
    process = opening.config.process
    side = opening.venue.paper
    lines = [
        "",
        *(live_lines(opening.venue, process) if side is None else paper_lines(side, process)),
        "",
        *_where(opening.venue),
    ]
    for quoted, snapshot in zip(opening.coins, snapshots, strict=True):
        if len(opening.coins) > 1:
            share = 100 * (quoted.config.limits.equity_share_frac or 1.0)
            lines.append(f"  {quoted.coin:<12} {share:g} % of equity")
        lines += coin_lines(quoted, snapshot)
    lines += requests_lines(opening.outlook, opening.session_s)
    if opening.cancelled:
        lines.append(f"  Cancelled    {opening.cancelled} orders that rested at the start")
    lines += [
        *_wrapped("  Protected    ", "; ".join(opening.protected)),
        *(line for text in opening.unprotected for line in _wrapped("  NOT AVAILABLE  ", text)),
        "",
        "  Stop         Ctrl-C once: cancel everything, verify, report. Twice: at once.",
        f"  Record       {opening.run_dir}",
        f"  Try next     {opening.command} {'status' if side is None else TRY_ON_PAPER}",
        f"               {opening.command} replay {opening.run_dir}",
        f"               {opening.command} config show",
        "",
    ]
    return lines


def coin_lines(quoted: Quoted, snapshot: Snapshot) -> list[str]:
    """What the first screen says about one coin."""
    config, coin, sz_decimals = quoted.config, quoted.coin, quoted.sz_decimals
    lines = [
        f"  Limit        {limit_line(snapshot, coin, sz_decimals)}",
        f"               {leverage_line(snapshot, coin, sz_decimals)}",
        f"  Phase        {phase_line(snapshot)}",
        f"  Levels       {levels_line(config, snapshot)}",
        f"  Break-even   {break_even_line(snapshot)}",
        *_wrapped("  Edge         ", edge_shown.text(edge_shown.as_json(snapshot["models"]))),
        f"  Fills        {fills_line(config, snapshot)}",
        *_wrapped("  Market       ", models_shown.market_line(snapshot["models"])),
        *_wrapped("  Fair price   ", models_shown.fair_line(snapshot["models"])),
        *_wrapped("  Estimates    ", evidence_shown.text(snapshot["models"]["rests_on"])),
    ]
    if quoted.inherited:
        held = coin_text(quoted.inherited, sz_decimals)
        lines.append(f"  Inherited    {held} {coin}: worked down by policy, marked at start")
    return lines


def requests_lines(outlook: Outlook | None, session_s: float | None) -> list[str]:
    """What is left of the address budget, and whether it outlasts the session."""
    if outlook is None:
        return [
            "  Requests     the venue has not said what is left: one order a side until it does"
        ]
    left = f"{outlook.left:,} left, {outlook.reserve:,} of them for safety; {outlook.pace()}"
    lines = [f"  Requests     {left}"]
    if outlook.runs_out(session_s):
        lines += _wrapped("  RUNS OUT     ", f"before this session is over: {outlook.shortage()}")
    return lines


def paper_lines(side: PaperSide, process: ProcessConfig) -> list[str]:
    """That no real money is at stake, and what the market at hand does not prove."""
    kind = process.market.partition(":")[0]
    seed = f", seed {side.seed}" if kind in MADE_UP and side.seed is not None else ""
    speed = side.announced.speed
    return [
        f"  PAPER  {_coins(process)} on the {process.market} market, {speed:g}x speed{seed}",
        "  No keys, no real money: an exchange on this machine that speaks Hyperliquid's protocol.",
        *(f"  {line}" for line in PROVES_NOT[kind]),
    ]


def live_lines(venue: Venue, process: ProcessConfig) -> list[str]:
    """Whose money is at stake, and which key moves it."""
    real = "REAL MONEY" if venue.mainnet else "test money"
    return [
        f"  {process.network.upper()}  {_coins(process)}, {real}",
        *(f"  {line}" for line in venue.says),
    ]


def _coins(process: ProcessConfig) -> str:
    return ", ".join(process.coins or (process.coin,))


def _where(venue: Venue) -> list[str]:
    attached = venue.paper is not None and venue.paper.attached
    return [f"  Exchange     {venue.base_url}{' (left alive by an earlier run)' * attached}"]


def _wrapped(label: str, text: str) -> list[str]:
    """Text under a label, in lines of the screen's width."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )


def limit_line(snapshot: Snapshot, coin: str, sz_decimals: int) -> str:
    """The effective limit, its worth and the term that binds it."""
    limits = snapshot["limits"]
    if limits is None:
        return "not derived yet"
    long, short = limits["lots"]
    size = f"{coin_text(long, sz_decimals)} {coin}"
    if long != short:
        size = f"long {size}, short {coin_text(short, sz_decimals)} {coin}"
    worth = "" if limits["value"] is None else f" (${money(limits['value'])})"
    return f"{size}{worth}, bound by {binding_text(limits)}, {limits['source']}"


def leverage_line(snapshot: Snapshot, coin: str, sz_decimals: int) -> str:
    """What leverage alone would allow."""
    alone, mid = snapshot["leverage_only"], snapshot["mid"]
    if alone is None or mid is None:
        return "what leverage alone would allow is not known yet"
    size = alone / 1e6 / mid
    return f"leverage alone would allow {size:.{sz_decimals}f} {coin} (${money(alone)})"


def phase_line(snapshot: Snapshot) -> str:
    """The phase and, while nothing is quoted, why."""
    phase = PHASES[snapshot["phase"]]
    why = snapshot["not_quoting"]
    return phase if why is None else f"{phase}; not quoting: {why.replace('_', ' ')}"


def levels_line(config: Config, snapshot: Snapshot) -> str:
    """How many of the configured levels fit the limit at the least size of one."""
    quoting = config.quoting
    limits = snapshot["limits"]
    if limits is None or limits["value"] is None:
        return f"{quoting.levels} a side wanted"
    side_usd = limits["value"] / 1e6 * quoting.target_liquidity_frac
    fit = min(quoting.levels, int(side_usd // quoting.min_level_usd))
    if fit == quoting.levels:
        return f"{fit} a side, ${side_usd:,.2f} in all"
    return f"{fit} of {quoting.levels} a side fit the limit; the rest merge inward"


def break_even_line(snapshot: Snapshot) -> str:
    """What a fill must earn first."""
    even = snapshot["break_even_bps"]
    if even is None:
        return "not known before the fees are"
    fee, source = snapshot["maker_fee_bps"], models_shown.cost_source(snapshot["models"])
    return f"{even:.2f} bps = maker fee {fee:.2f} + adverse selection {even - fee:.2f} ({source})"


def fills_line(config: Config, snapshot: Snapshot) -> str:
    """Fills an hour to expect, by the intensity in use."""
    models = snapshot["models"]
    source = models["intensity"].lower()
    resting = snapshot["expected_fills_per_h"]
    if resting > 0:
        return f"about {resting:.0f} an hour expected of what rests ({source} intensity)"
    even = snapshot["break_even_bps"]
    if even is None:
        return "not known before the fees are"
    used = models["used"]
    depth = even + config.quoting.min_edge_bps
    rate = used["arrival_per_s"] * math.exp(-used["kappa_per_bps"] * depth)
    return (
        f"at most about {2 * rate * SECONDS_PER_HOUR:.0f} an hour"
        f" at {depth:.2f} bps, the closest that can pay ({source} intensity)"
    )


def status_line(snapshot: Snapshot, coin: str, sz_decimals: int) -> str:
    """One line: phase, price, position, limit, orders, fills, profit, estimates."""
    limits, counts, pnl = snapshot["limits"], snapshot["counts"], snapshot["pnl"]
    mid = "-" if snapshot["mid"] is None else f"{snapshot['mid']:g}"
    long, short = limits["lots"] if limits is not None else (0, 0)
    bound = long if snapshot["position"] >= 0 else short
    used = utilisation(snapshot["position"], bound)
    bids = sum(order["side"] == "Bid" for order in snapshot["orders"])
    asks = len(snapshot["orders"]) - bids
    total = "-" if pnl is None else f"{pnl['total'] / 1e6:+.2f}"
    return (
        f"{phase_line(snapshot)} | {coin} {mid} | {position_text(snapshot, sz_decimals, coin)}"
        f" ({percent(used)} % of {coin_text(bound, sz_decimals)})"
        f" | {bids} bids {asks} asks{models_shown.taken_off_text(snapshot)}"
        f"{edge_shown.standing_back_text(snapshot)}"
        f" | fills {counts['fills_buy']}+{counts['fills_sell']}"
        f" | ${total}{models_shown.status_text(snapshot['models'])}"
    )


def closing(
    summary: Mapping[str, Any], coins: Sequence[Mapping[str, Any]], run_dir: Path
) -> list[str]:
    """The end, for people.

    Args:
        summary: Of the run.
        coins: Of each coin.
        run_dir: Of the run.
    """
    pnl, kill = summary["pnl_usd"], summary["kill"]
    lines = [
        "",
        *(() if kill is None else (killed_line(kill),)),
        f"  Ended        {summary['exit_reason']} after {summary['duration_s']} market seconds"
        f" at {summary['speed_achieved']}x",
    ]
    for coin in coins:
        if len(coins) > 1:
            lines.append(f"  {coin['coin']}")
        lines += _coin_closing(coin)
        if len(coins) > 1:
            lines.append(f"  PnL          {_pnl_text(coin['pnl_usd'])}")
    whole = "PnL" if len(coins) == 1 else "PnL of all"
    return [
        *lines,
        f"  {whole:<12} {_pnl_text(pnl)} (residual {pnl['residual']})",
        f"  Breaches     {breaches_text(summary['breaches'])}",
        f"  Record       {run_dir}",
        "",
    ]


def _coin_closing(coin: Mapping[str, Any]) -> list[str]:
    orders, position = coin["orders"], coin["position"]
    edge = coin["edge"]
    return [
        f"  Orders       {orders['placed']} placed, {orders['modified']} modified,"
        f" {orders['cancelled']} cancelled, {orders['rejected']} rejected;"
        f" {coin['open_orders_after_stop']} left open",
        f"  Fills        {coin['fills_buy']} buys, {coin['fills_sell']} sells,"
        f" ${coin['volume_usd']}",
        f"  Position     {position['start']} to {position['end']} {coin['coin']},"
        f" at most {position['max_abs']}{LEFT_TO[position['left_to']]}",
        *_wrapped("  Edge         ", f"{edge_shown.text(edge)}{edge_shown.back_text(edge)}"),
    ]


def _pnl_text(pnl: Mapping[str, Any]) -> str:
    return (
        f"${pnl['total']} = spread {pnl['spread_capture']} + inventory {pnl['inventory']}"
        f" + funding {pnl['funding']} - fees {pnl['fees']}"
    )


def killed_line(kill: Mapping[str, Any]) -> str:
    """Why the kill switch latched, and at what."""
    why = f"{kill['reason']} ({kill['detail']})" if kill["detail"] else kill["reason"]
    return f"  KILLED       {why} at {kill['at']}, equity ${kill['equity_usd']}, {kill['on_kill']}"


def breaches_text(breaches: int | None) -> str:
    """How many there were, or why nobody knows."""
    return (
        "not judged: no report of the exchange to judge by" if breaches is None else f"{breaches}"
    )


def money(micro: int) -> str:
    """Micro-USDC as dollars with separators and cents."""
    return f"{micro / 1e6:,.2f}"
