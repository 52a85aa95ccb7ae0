"""What is read off a run for Prometheus: the samples of each metric.

Nothing here writes to anything that decides. What is not known is absent: no sample is 0 for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mm import host_death, stop_shown
from mm.cycles import utilisation
from mm.meter import Meter
from mm.report import Snapshot

MICRO = 10**6
BPS = 1e4
MODES = ("normal", "widen", "reduce_only", "flatten", "halted")
"""In the order of severity: `mm_mode` is the index."""
WITHHELD = ("not_worth", "plan", "reserve", "empty", "unknown", "weight")
"""Why a change of the orders waits."""
NOTHING = "none"
"""Label of a reason that there is not."""

Sample = tuple[tuple[str, ...], float]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one scrape is read from.

    Attributes:
        snapshot: The engine's, of one cycle.
        meter: Durations.
        reconnects: Of all streams, since the start.
        sz_decimals: Of the coin's sizes.
        date: Of `scheduleCancel`, how it stands; `None`: told with another coin.
    """

    snapshot: Snapshot
    meter: Meter
    reconnects: int
    sz_decimals: int
    date: str | None

    def coin(self, lots: int) -> float:
        """Lots as coin: the float nearest to the exact decimal."""
        return float(lots / 10**self.sz_decimals)


def shown(key: str, unit: float = 1.0) -> Callable[[Reading], Iterator[Sample]]:
    """A number of the snapshot, divided by `unit`."""

    def read(reading: Reading) -> Iterator[Sample]:
        value = reading.snapshot[key]
        if value is not None:
            yield (), value / unit

    return read


def models(read: Callable[[Json], Iterator[Sample]]) -> Callable[[Reading], Iterator[Sample]]:
    """What the models show."""
    return lambda reading: read(reading.snapshot["models"])


def counts(*keys: str) -> Callable[[Reading], Iterator[Sample]]:
    """Counts of the snapshot, each under its own name."""

    def read(reading: Reading) -> Iterator[Sample]:
        for key in keys:
            yield (key,), reading.snapshot["counts"][key]

    return read


def _is_anchored(snapshot: Snapshot) -> bool:
    return snapshot["position_start"] is not None


def lots_by_side(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """A pair of lots, `[long or buy, short or sell]`."""

    def read(reading: Reading) -> Iterator[Sample]:
        lots = reading.snapshot[key]
        if lots is not None:
            yield ("buy",), reading.coin(lots[0])
            yield ("sell",), reading.coin(lots[1])

    return read


def one_of(key: str, index: int) -> Callable[[Reading], Iterator[Sample]]:
    """One of a pair of lots, known from the anchor on."""

    def read(reading: Reading) -> Iterator[Sample]:
        if _is_anchored(reading.snapshot):
            yield (), reading.coin(reading.snapshot[key][index])

    return read


def limit(reading: Reading) -> Iterator[Sample]:
    """The one position limit, coin."""
    limits = reading.snapshot["limits"]
    if limits is not None:
        for side, lots in zip(("long", "short"), limits["lots"], strict=True):
            yield (side,), reading.coin(lots)


def limit_value(reading: Reading) -> Iterator[Sample]:
    """Its worth, USDC; absent where not known."""
    limits = reading.snapshot["limits"]
    if limits is not None and limits["value"] is not None:
        yield (), limits["value"] / MICRO


def limit_binding(reading: Reading) -> Iterator[Sample]:
    """1 for each term that binds a side."""
    limits = reading.snapshot["limits"]
    if limits is not None:
        for term in sorted(set(limits["binding"])):
            yield (term,), 1


def limit_source(reading: Reading) -> Iterator[Sample]:
    """1 for where the limit comes from."""
    limits = reading.snapshot["limits"]
    if limits is not None:
        yield (limits["source"],), 1


def position(reading: Reading) -> Iterator[Sample]:
    """Signed, coin, from the anchor on."""
    if _is_anchored(reading.snapshot):
        yield (), reading.coin(reading.snapshot["position"])


def utilisation_of_limit(reading: Reading) -> Iterator[Sample]:
    """The position over its side's limit."""
    position, limits = reading.snapshot["position"], reading.snapshot["limits"]
    if _is_anchored(reading.snapshot) and limits is not None:
        yield (), utilisation(position, limits["lots"][position <= 0])


def inventory_units(reading: Reading) -> Iterator[Sample]:
    """The position in sizes of one level; absent while nothing is priced."""
    found = reading.snapshot["priced_from"]
    if found is not None:
        yield (), found["inventory_units"]


def gamma(reading: Reading) -> Iterator[Sample]:
    """Risk aversion of the model in force, 1/(bps x unit); absent while none is."""
    found = reading.snapshot["priced_from"]
    if found is not None and found["solved"] is not None:
        yield (), found["solved"]["gamma"]


def drift(reading: Reading) -> Iterator[Sample]:
    """The exchange's position less ours, coin."""
    lots = reading.snapshot["drift"]
    if lots is not None:
        yield (), reading.coin(lots)


def fill_volume(reading: Reading) -> Iterator[Sample]:
    """Notional of our fills, USDC."""
    yield (), reading.snapshot["counts"]["volume"] / MICRO


def half_spread(reading: Reading) -> Iterator[Sample]:
    """Fair price to the first quote of each side, bps."""
    for trace in reading.snapshot["trace"]:
        yield (trace["side"].lower(),), trace["levels"][0]["half_spread_bps"]


def sigma_bps(reading: Reading) -> Iterator[Sample]:
    """Volatility of the limit, bps per square root of a second."""
    sigma = reading.snapshot["sigma"]
    if sigma is not None:
        yield (), sigma * BPS


def _markout_tables(reading: Reading) -> Iterator[tuple[str, Any]]:  # Any: JSON rows
    split = reading.snapshot["markouts_split"]
    yield "all", reading.snapshot["markouts"]
    yield "bid", split["bid"]
    yield "ask", split["ask"]


def markouts(reading: Reading) -> Iterator[Sample]:
    """Mean moves against our fills, bps, by horizon, side and weight."""
    for side, table in _markout_tables(reading):
        for markout in table:
            if markout["n"]:
                horizon = f"{markout['horizon_s']:g}s"
                yield (horizon, side, "count"), markout["mean_bps"]
                yield (horizon, side, "notional"), markout["notional_mean_bps"]


def realized(reading: Reading) -> Iterator[Sample]:
    """What fills earned less that move, bps."""
    for side, table in _markout_tables(reading):
        for markout in table:
            if markout["n"]:
                yield (f"{markout['horizon_s']:g}s", side), markout["realized_bps"]


def stream_ages(reading: Reading) -> Iterator[Sample]:
    """Since a stream was heard of, s."""
    for stream, key in (("market", "market_age_s"), ("user", "own_stream_age_s")):
        age_s = reading.snapshot[key]
        if age_s is not None:
            yield (stream,), age_s


def reconnects(reading: Reading) -> Iterator[Sample]:
    """Lines lost and taken up again."""
    yield (), reading.reconnects


def mode(reading: Reading) -> Iterator[Sample]:
    """The index of the mode."""
    yield (), MODES.index(reading.snapshot["mode"])


def time_in_mode(reading: Reading) -> Iterator[Sample]:
    """Seconds in each mode."""
    for mode, seconds in reading.snapshot["time_in_mode_s"].items():
        yield (mode,), seconds


def quoting(reading: Reading) -> Iterator[Sample]:
    """1 for a side that is quoted, else 0 and why."""
    for side, reason in reading.snapshot["suppressed"].items():
        yield (side, reason or NOTHING), float(reason is None)


def kill_switch(reading: Reading) -> Iterator[Sample]:
    """1 when latched, and why."""
    kill = reading.snapshot["kill"]
    yield (NOTHING if kill is None else kill["reason"],), float(kill is not None)


def alarms(reading: Reading) -> Iterator[Sample]:
    """Alarms by their name."""
    for alarm, count in sorted(reading.meter.alarms.items()):
        yield (alarm,), count


def carried(reading: Reading) -> Iterator[Sample]:
    """Signed actions by the line they took."""
    for line, count in sorted(reading.meter.carried.items()):
        yield (line,), count


def requests_per_usd(reading: Reading) -> Iterator[Sample]:
    """Requests sent for a USDC traded; absent before a fill."""
    counts = reading.snapshot["counts"]
    if counts["volume"] > 0:
        yield (), counts["requests"] / (counts["volume"] / MICRO)


def ledger(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """A number of the request ledger."""

    def read(reading: Reading) -> Iterator[Sample]:
        yield (), reading.snapshot["requests"][key]

    return read


def reported(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """The same, from the venue's first report on."""

    def read(reading: Reading) -> Iterator[Sample]:
        ledger = reading.snapshot["requests"]
        if ledger["reported"] is not None:
            yield (), ledger[key]

    return read


def withheld(reading: Reading) -> Iterator[Sample]:
    """Changes that wait, by reason."""
    waiting = Counter(one["why"] for one in reading.snapshot["withheld"])
    for why in WITHHELD:
        yield (why,), waiting[why]


def stop_state(reading: Reading) -> Iterator[Sample]:
    """1 for how the resident stop stands."""
    state = stop_shown.state_of(reading.snapshot["resident"])
    for one in stop_shown.STATES:
        yield (one,), int(one == state)


def stop_px(reading: Reading) -> Iterator[Sample]:
    """The mark that sets it off, USDC."""
    stop = stop_shown.protecting(reading.snapshot["resident"])
    if stop is not None:
        yield (), float(stop_shown.px_text(stop["trigger_px"], reading.sz_decimals))


def stop_size(reading: Reading) -> Iterator[Sample]:
    """What it closes, coin."""
    stop = stop_shown.protecting(reading.snapshot["resident"])
    if stop is not None:
        yield (), reading.coin(stop["sz"])


def date_state(reading: Reading) -> Iterator[Sample]:
    """1 for how the date of `scheduleCancel` stands."""
    if reading.date is not None:
        for one in host_death.STATES:
            yield (one,), int(one == reading.date)


def without_end(reading: Reading) -> Iterator[Sample]:
    """What a death of the host leaves without an end, USDC."""
    left = reading.snapshot["resident"]["left"]
    if left is not None:
        yield ("date",), left["under_date"] / MICRO
        yield ("stop",), left["under_stop"] / MICRO


def stop_fills(reading: Reading) -> Iterator[Sample]:
    """Fills of a stop of ours."""
    yield (), reading.snapshot["counts"]["stop_fills"]
