"""What Prometheus scrapes: one table of metrics, read off the snapshot, the meter and the lines.

Nothing here writes to anything that decides. What is not known is absent: no metric is 0 for that.
Every metric carries the label `coin` besides those named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from mm import host_death, models_shown, places_shown, shift_shown, stop_shown
from mm.cycles import utilisation
from mm.meter import Durations, Meter
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


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As scraped; a counter's ends in `_total`.
        says: Its help text, with the unit.
        labels: Besides `coin`.
        read: Its samples: label values and value. None at all while it is not known.
    """

    name: str
    says: str
    labels: tuple[str, ...]
    read: Callable[[Reading], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution of durations, in seconds of wall time."""

    name: str
    says: str
    read: Callable[[Meter], Durations]


def _shown(key: str, unit: float = 1.0) -> Callable[[Reading], Iterator[Sample]]:
    """A number of the snapshot, divided by `unit`."""

    def read(reading: Reading) -> Iterator[Sample]:
        value = reading.snapshot[key]
        if value is not None:
            yield (), value / unit

    return read


def _models(read: Callable[[Json], Iterator[Sample]]) -> Callable[[Reading], Iterator[Sample]]:
    """What the models show."""
    return lambda reading: read(reading.snapshot["models"])


def _counts(*keys: str) -> Callable[[Reading], Iterator[Sample]]:
    """Counts of the snapshot, each under its own name."""

    def read(reading: Reading) -> Iterator[Sample]:
        for key in keys:
            yield (key,), reading.snapshot["counts"][key]

    return read


def _is_anchored(snapshot: Snapshot) -> bool:
    return snapshot["position_start"] is not None


def _lots_by_side(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """A pair of lots, `[long or buy, short or sell]`."""

    def read(reading: Reading) -> Iterator[Sample]:
        lots = reading.snapshot[key]
        if lots is not None:
            yield ("buy",), reading.coin(lots[0])
            yield ("sell",), reading.coin(lots[1])

    return read


def _one_of(key: str, index: int) -> Callable[[Reading], Iterator[Sample]]:
    """One of a pair of lots, known from the anchor on."""

    def read(reading: Reading) -> Iterator[Sample]:
        if _is_anchored(reading.snapshot):
            yield (), reading.coin(reading.snapshot[key][index])

    return read


def _limit(reading: Reading) -> Iterator[Sample]:
    limits = reading.snapshot["limits"]
    if limits is not None:
        for side, lots in zip(("long", "short"), limits["lots"], strict=True):
            yield (side,), reading.coin(lots)


def _limit_value(reading: Reading) -> Iterator[Sample]:
    limits = reading.snapshot["limits"]
    if limits is not None and limits["value"] is not None:
        yield (), limits["value"] / MICRO


def _limit_binding(reading: Reading) -> Iterator[Sample]:
    limits = reading.snapshot["limits"]
    if limits is not None:
        for term in sorted(set(limits["binding"])):
            yield (term,), 1


def _limit_source(reading: Reading) -> Iterator[Sample]:
    limits = reading.snapshot["limits"]
    if limits is not None:
        yield (limits["source"],), 1


def _position(reading: Reading) -> Iterator[Sample]:
    if _is_anchored(reading.snapshot):
        yield (), reading.coin(reading.snapshot["position"])


def _utilisation(reading: Reading) -> Iterator[Sample]:
    position, limits = reading.snapshot["position"], reading.snapshot["limits"]
    if _is_anchored(reading.snapshot) and limits is not None:
        yield (), utilisation(position, limits["lots"][position <= 0])


def _drift(reading: Reading) -> Iterator[Sample]:
    lots = reading.snapshot["drift"]
    if lots is not None:
        yield (), reading.coin(lots)


def _fill_volume(reading: Reading) -> Iterator[Sample]:
    yield (), reading.snapshot["counts"]["volume"] / MICRO


def _half_spread(reading: Reading) -> Iterator[Sample]:
    for trace in reading.snapshot["trace"]:
        yield (trace["side"].lower(),), trace["levels"][0]["half_spread_bps"]


def _sigma_bps(reading: Reading) -> Iterator[Sample]:
    sigma = reading.snapshot["sigma"]
    if sigma is not None:
        yield (), sigma * BPS


def _markout_tables(reading: Reading) -> Iterator[tuple[str, Any]]:  # Any: JSON rows
    split = reading.snapshot["markouts_split"]
    yield "all", reading.snapshot["markouts"]
    yield "bid", split["bid"]
    yield "ask", split["ask"]


def _markouts(reading: Reading) -> Iterator[Sample]:
    for side, table in _markout_tables(reading):
        for markout in table:
            if markout["n"]:
                horizon = f"{markout['horizon_s']:g}s"
                yield (horizon, side, "count"), markout["mean_bps"]
                yield (horizon, side, "notional"), markout["notional_mean_bps"]


def _realized(reading: Reading) -> Iterator[Sample]:
    for side, table in _markout_tables(reading):
        for markout in table:
            if markout["n"]:
                yield (f"{markout['horizon_s']:g}s", side), markout["realized_bps"]


def _stream_ages(reading: Reading) -> Iterator[Sample]:
    for stream, key in (("market", "market_age_s"), ("user", "own_stream_age_s")):
        age_s = reading.snapshot[key]
        if age_s is not None:
            yield (stream,), age_s


def _reconnects(reading: Reading) -> Iterator[Sample]:
    yield (), reading.reconnects


def _mode(reading: Reading) -> Iterator[Sample]:
    yield (), MODES.index(reading.snapshot["mode"])


def _time_in_mode(reading: Reading) -> Iterator[Sample]:
    for mode, seconds in reading.snapshot["time_in_mode_s"].items():
        yield (mode,), seconds


def _quoting(reading: Reading) -> Iterator[Sample]:
    for side, reason in reading.snapshot["suppressed"].items():
        yield (side, reason or NOTHING), float(reason is None)


def _kill_switch(reading: Reading) -> Iterator[Sample]:
    kill = reading.snapshot["kill"]
    yield (NOTHING if kill is None else kill["reason"],), float(kill is not None)


def _alarms(reading: Reading) -> Iterator[Sample]:
    for alarm, count in sorted(reading.meter.alarms.items()):
        yield (alarm,), count


def _carried(reading: Reading) -> Iterator[Sample]:
    for line, count in sorted(reading.meter.carried.items()):
        yield (line,), count


def _requests_per_usd(reading: Reading) -> Iterator[Sample]:
    counts = reading.snapshot["counts"]
    if counts["volume"] > 0:
        yield (), counts["requests"] / (counts["volume"] / MICRO)


def _ledger(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """A number of the request ledger."""

    def read(reading: Reading) -> Iterator[Sample]:
        yield (), reading.snapshot["requests"][key]

    return read


def _reported(key: str) -> Callable[[Reading], Iterator[Sample]]:
    """The same, from the venue's first report on."""

    def read(reading: Reading) -> Iterator[Sample]:
        ledger = reading.snapshot["requests"]
        if ledger["reported"] is not None:
            yield (), ledger[key]

    return read


def _withheld(reading: Reading) -> Iterator[Sample]:
    waiting = Counter(one["why"] for one in reading.snapshot["withheld"])
    for why in WITHHELD:
        yield (why,), waiting[why]


def _stop_state(reading: Reading) -> Iterator[Sample]:
    state = stop_shown.state_of(reading.snapshot["resident"])
    for one in stop_shown.STATES:
        yield (one,), int(one == state)


def _stop_px(reading: Reading) -> Iterator[Sample]:
    stop = stop_shown.protecting(reading.snapshot["resident"])
    if stop is not None:
        yield (), float(stop_shown.px_text(stop["trigger_px"], reading.sz_decimals))


def _stop_size(reading: Reading) -> Iterator[Sample]:
    stop = stop_shown.protecting(reading.snapshot["resident"])
    if stop is not None:
        yield (), reading.coin(stop["sz"])


def _date_state(reading: Reading) -> Iterator[Sample]:
    if reading.date is not None:
        for one in host_death.STATES:
            yield (one,), int(one == reading.date)


def _without_end(reading: Reading) -> Iterator[Sample]:
    left = reading.snapshot["resident"]["left"]
    if left is not None:
        yield ("date",), left["under_date"] / MICRO
        yield ("stop",), left["under_stop"] / MICRO


def _stop_fills(reading: Reading) -> Iterator[Sample]:
    yield (), reading.snapshot["counts"]["stop_fills"]


GAUGES = (
    Metric("mm_cycle", "quote cycle that this scrape shows", (), _shown("cycle")),
    Metric("mm_effective_max_position", "the one position limit, coin", ("side",), _limit),
    Metric("mm_max_position_value_usd", "largest value of a position, USDC", (), _limit_value),
    Metric("mm_limit_binding", "1 for each term that binds a side", ("term",), _limit_binding),
    Metric("mm_limit_source", "1 for where the limit comes from", ("source",), _limit_source),
    Metric("mm_mode", "0 normal, 1 widen, 2 reduce_only, 3 flatten, 4 halted", (), _mode),
    Metric(
        "mm_quoting", "1 for a side that is quoted, else 0 and why", ("side", "reason"), _quoting
    ),
    Metric("mm_kill_switch", "1 when latched, and why", ("reason",), _kill_switch),
    Metric("mm_position", "signed position, coin", (), _position),
    Metric("mm_inventory_utilization", "|position| over its side's limit", (), _utilisation),
    Metric(
        "mm_pending_bid_exposure", "what could still be bought, coin", (), _one_of("pending", 0)
    ),
    Metric("mm_pending_ask_exposure", "what could still be sold, coin", (), _one_of("pending", 1)),
    Metric(
        "mm_worst_case_max_position",
        "position once every bid has filled, coin",
        (),
        _one_of("worst_case", 1),
    ),
    Metric(
        "mm_worst_case_min_position",
        "position once every ask has filled, coin",
        (),
        _one_of("worst_case", 0),
    ),
    Metric(
        "mm_equity_usd", "account value last reported, USDC", (), _shown("account_value", MICRO)
    ),
    Metric(
        "mm_margin_used_usd",
        "margin that the venue reports as used, USDC",
        (),
        _shown("margin_used", MICRO),
    ),
    Metric(
        "mm_liquidation_distance_ratio",
        "how far the price may go against the position before it is liquidated",
        (),
        _shown("liquidation_distance_frac", 1),
    ),
    Metric("mm_daily_pnl_usd", "profit of the UTC day, USDC", (), _shown("day_pnl", MICRO)),
    Metric("mm_drawdown_ratio", "loss from peak equity, a share", (), _shown("drawdown")),
    Metric("mm_mid_price", "mid of the book, USDC", (), _shown("mid")),
    Metric("mm_spread_bps", "full spread of the book, bps", (), _shown("spread_bps")),
    Metric("mm_half_spread_bps", "fair price to our first quote, bps", ("side",), _half_spread),
    Metric(
        "mm_sigma_bps_per_sqrt_s", "volatility of the limit, bps per sqrt(second)", (), _sigma_bps
    ),
    Metric(
        "mm_sigma_by_span_bps_per_sqrt_s",
        "volatility by the span of its returns, bps per sqrt(second)",
        ("span",),
        _models(models_shown.sigma_by_span),
    ),
    Metric(
        "mm_sigma_without_jumps_bps_per_sqrt_s",
        "volatility without jumps, bps per sqrt(second)",
        (),
        _models(models_shown.sigma_without_jumps),
    ),
    Metric("mm_regime", "1 for how lively it is", ("regime",), _models(models_shown.regime)),
    Metric(
        "mm_regime_ratio",
        "volatility of two minutes over the usual one",
        (),
        _models(models_shown.regime_ratio),
    ),
    Metric(
        "mm_funding_rate_bps_per_h",
        "of the hour under way, positive: longs pay, bps an hour",
        (),
        _models(models_shown.funding_rate),
    ),
    Metric(
        "mm_funding_shift_bps",
        "that funding shifts prices by, up positive, bps",
        (),
        _models(models_shown.funding_shift),
    ),
    Metric("mm_kappa_per_bps", "decay of fills with depth, 1/bps", (), _shown("kappa_per_bps")),
    Metric("mm_arrival_per_s", "fills at no depth, 1/s", (), _models(models_shown.arrival)),
    Metric(
        "mm_own_rested_seconds",
        "that our orders rested, as remembered, s",
        ("side",),
        _models(models_shown.own_rested),
    ),
    Metric(
        "mm_own_arrival_per_s",
        "fills at no depth as our own orders found it, 1/s",
        ("side",),
        _models(models_shown.own_arrival),
    ),
    Metric(
        "mm_own_cost_shift_bps",
        "what our fills cost beside the tape, pulled to none, bps",
        ("side",),
        _models(models_shown.own_cost_shift),
    ),
    Metric(
        "mm_queue_chance_ratio",
        "of a fill of our orders in their places, against an order with nobody ahead",
        ("side",),
        lambda reading: places_shown.mean_worth(reading.snapshot["orders"]),
    ),
    Metric(
        "mm_taker_rate_per_s",
        "takers a second, 1/s",
        ("side", "memory"),
        _models(models_shown.taker_rate),
    ),
    Metric(
        "mm_flow_score",
        "how one-sided takers come, standard deviations",
        ("memory",),
        _models(models_shown.flow_score),
    ),
    Metric(
        "mm_fair_shift_bps",
        "what a signal expects of the next second, bps",
        ("signal",),
        _models(shift_shown.shift_bps),
    ),
    Metric(
        "mm_signal_explained_ratio",
        "share of squared moves of the next second that a signal explained",
        ("signal",),
        _models(shift_shown.r2),
    ),
    Metric(
        "mm_reference_age_seconds",
        "since the reference price was heard",
        (),
        _models(shift_shown.reference_age_s),
    ),
    Metric(
        "mm_markout_bps",
        "mean move against our fills, bps",
        ("horizon", "side", "weight"),
        _markouts,
    ),
    Metric(
        "mm_realized_half_spread_bps",
        "what our fills earned against the mid, less that move, by notional, bps",
        ("horizon", "side"),
        _realized,
    ),
    Metric("mm_stream_age_seconds", "since a stream was heard of, s", ("stream",), _stream_ages),
    Metric(
        "mm_request_budget_left",
        "requests that the address has left",
        (),
        _shown("requests_left"),
    ),
    Metric("mm_requests_used", "requests that the address has used", (), _reported("used")),
    Metric("mm_requests_cap", "requests that the address may use", (), _reported("cap")),
    Metric("mm_requests_reserve", "requests kept for safety", (), _ledger("reserve")),
    Metric("mm_request_price_usd", "what a request must earn, USDC", (), _reported("price_usd")),
    Metric("mm_requests_by_others", "used by others on the address", (), _reported("others")),
    Metric("mm_requests_drift", "last report less what we expected", (), _reported("drift")),
    Metric("mm_requests_in_flight", "actions without an answer", (), _ledger("in_flight")),
    Metric("mm_ip_weight", "weight that we caused in a minute", (), _ledger("weight")),
    Metric("mm_changes_withheld", "changes that wait, by reason", ("why",), _withheld),
    Metric("mm_requests_per_usd", "requests sent for a USDC traded", (), _requests_per_usd),
    Metric(
        "mm_resident_stop", "1 for how the stop at the exchange stands", ("state",), _stop_state
    ),
    Metric("mm_resident_stop_price", "mark that sets it off, USDC", (), _stop_px),
    Metric("mm_resident_stop_size", "of the stop that rests, coin", (), _stop_size),
    Metric(
        "mm_scheduled_cancel", "1 for how scheduleCancel's date stands", ("state",), _date_state
    ),
    Metric(
        "mm_left_without_end_usd",
        "what a death of the host leaves without an end, USDC: with the date, or the stop alone",
        ("under",),
        _without_end,
    ),
    Metric("mm_position_drift", "the exchange's position less ours, coin", (), _drift),
    Metric(
        "mm_exchange_head_room",
        "what the exchange still lets us trade, coin",
        ("side",),
        _lots_by_side("head_room"),
    ),
    Metric("mm_exchange_head_room_age_seconds", "age of that, s", (), _shown("head_room_age_s")),
)

COUNTERS = (
    Metric(
        "mm_orders_total",
        "items by what became of them",
        ("event",),
        _counts("placed", "modified", "cancelled", "rejected", "refused"),
    ),
    Metric("mm_fill_volume_usd_total", "notional of our fills, USDC", (), _fill_volume),
    Metric("mm_requests_sent_total", "requests that the engine sent", (), _ledger("sent")),
    Metric("mm_requests_earned_total", "requests that its fills earned", (), _ledger("earned")),
    Metric("mm_toxic_total", "sides taken off", ("sign",), _models(models_shown.toxic)),
    Metric("mm_time_in_mode_seconds_total", "spent in each mode", ("mode",), _time_in_mode),
    Metric("mm_alarms_total", "alarms of the engine", ("alarm",), _alarms),
    Metric("mm_actions_sent_total", "signed actions by the way they went", ("line",), _carried),
    Metric("mm_resident_stop_fills_total", "fills of a stop of ours", (), _stop_fills),
    Metric("mm_reconnects_total", "lines lost and taken up again", (), _reconnects),
)

HISTOGRAMS = (
    Histogram("mm_step_seconds", "a step of the core", lambda meter: meter.step_ns),
    Histogram(
        "mm_tick_to_send_seconds",
        "from a frame's arrival to signed bytes",
        lambda meter: meter.tick_to_bytes_ns,
    ),
    Histogram("mm_ack_seconds", "from sending to the answer", lambda meter: meter.ack_ns),
)


class Metrics:
    """Renders every metric of every coin."""

    def __init__(self, read: Mapping[str, Callable[[], Reading]]) -> None:
        """Prepare a registry of our own, without the process metrics of the library.

        Args:
            read: By coin, the label of everything: called once for each scrape, so that all of a
                coin's is of one cycle.
        """
        self._read = read
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Family]:
        """The families of one scrape; those without a sample are left out."""
        readings = {coin: read() for coin, read in self._read.items()}
        for metrics, kind in ((GAUGES, GaugeMetricFamily), (COUNTERS, CounterMetricFamily)):
            for metric in metrics:
                family = kind(metric.name, metric.says, labels=["coin", *metric.labels])
                for coin, reading in readings.items():
                    for labels, value in metric.read(reading):
                        family.add_metric([coin, *labels], value)
                if family.samples:
                    yield family
        for distribution in HISTOGRAMS:
            yield self._histogram(distribution, readings)

    @staticmethod
    def _histogram(distribution: Histogram, readings: Mapping[str, Reading]) -> Family:
        family = HistogramMetricFamily(distribution.name, distribution.says, labels=["coin"])
        for coin, reading in readings.items():
            durations = distribution.read(reading.meter)
            buckets: Sequence[tuple[str, float]] = [
                ("+Inf" if bound == float("inf") else f"{bound:g}", count)
                for bound, count in durations.buckets()
            ]
            family.add_metric([coin], buckets, durations.total_ns / 1e9)
        return family

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
