"""What Prometheus scrapes: one table of metrics.

Every metric carries the label `coin` besides those named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from mm import edge_shown, evidence_shown, models_shown, places_shown, samples, shift_shown
from mm.meter import Durations, Meter
from mm.samples import MICRO, Reading, Sample


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


GAUGES = (
    Metric("mm_cycle", "quote cycle that this scrape shows", (), samples.shown("cycle")),
    Metric("mm_effective_max_position", "the one position limit, coin", ("side",), samples.limit),
    Metric(
        "mm_max_position_value_usd", "largest value of a position, USDC", (), samples.limit_value
    ),
    Metric(
        "mm_limit_binding", "1 for each term that binds a side", ("term",), samples.limit_binding
    ),
    Metric(
        "mm_limit_source", "1 for where the limit comes from", ("source",), samples.limit_source
    ),
    Metric("mm_mode", "0 normal, 1 widen, 2 reduce_only, 3 flatten, 4 halted", (), samples.mode),
    Metric(
        "mm_quoting",
        "1 for a side that is quoted, else 0 and why",
        ("side", "reason"),
        samples.quoting,
    ),
    Metric("mm_kill_switch", "1 when latched, and why", ("reason",), samples.kill_switch),
    Metric("mm_position", "signed position, coin", (), samples.position),
    Metric(
        "mm_inventory_utilization",
        "|position| over its side's limit",
        (),
        samples.utilisation_of_limit,
    ),
    Metric(
        "mm_pending_bid_exposure",
        "what could still be bought, coin",
        (),
        samples.one_of("pending", 0),
    ),
    Metric(
        "mm_pending_ask_exposure",
        "what could still be sold, coin",
        (),
        samples.one_of("pending", 1),
    ),
    Metric(
        "mm_worst_case_max_position",
        "position once every bid has filled, coin",
        (),
        samples.one_of("worst_case", 1),
    ),
    Metric(
        "mm_worst_case_min_position",
        "position once every ask has filled, coin",
        (),
        samples.one_of("worst_case", 0),
    ),
    Metric(
        "mm_equity_usd",
        "account value last reported, USDC",
        (),
        samples.shown("account_value", MICRO),
    ),
    Metric(
        "mm_margin_used_usd",
        "margin that the venue reports as used, USDC",
        (),
        samples.shown("margin_used", MICRO),
    ),
    Metric(
        "mm_liquidation_distance_ratio",
        "how far the price may go against the position before it is liquidated",
        (),
        samples.shown("liquidation_distance_frac", 1),
    ),
    Metric("mm_daily_pnl_usd", "profit of the UTC day, USDC", (), samples.shown("day_pnl", MICRO)),
    Metric("mm_drawdown_ratio", "loss from peak equity, a share", (), samples.shown("drawdown")),
    Metric("mm_mid_price", "mid of the book, USDC", (), samples.shown("mid")),
    Metric(
        "mm_fair_price",
        "what quotes are centred on, USDC",
        (),
        samples.models(models_shown.fair_price),
    ),
    Metric(
        "mm_fair_from_mid_bps",
        "the fair price against the mid, up positive, bps",
        (),
        samples.models(models_shown.fair_from_mid),
    ),
    Metric("mm_spread_bps", "full spread of the book, bps", (), samples.shown("spread_bps")),
    Metric(
        "mm_half_spread_bps", "fair price to our first quote, bps", ("side",), samples.half_spread
    ),
    Metric(
        "mm_sigma_bps_per_sqrt_s",
        "volatility of the limit, bps per sqrt(second)",
        (),
        samples.sigma_bps,
    ),
    Metric(
        "mm_sigma_by_half_life_bps_per_sqrt_s",
        "volatility by how long it is remembered, bps per sqrt(second)",
        ("half_life",),
        samples.models(models_shown.sigma_by_half_life),
    ),
    Metric(
        "mm_sigma_by_span_bps_per_sqrt_s",
        "volatility by the span of its returns, bps per sqrt(second)",
        ("span",),
        samples.models(models_shown.sigma_by_span),
    ),
    Metric(
        "mm_sigma_without_jumps_bps_per_sqrt_s",
        "volatility without jumps, bps per sqrt(second)",
        (),
        samples.models(models_shown.sigma_without_jumps),
    ),
    Metric("mm_regime", "1 for how lively it is", ("regime",), samples.models(models_shown.regime)),
    Metric(
        "mm_regime_ratio",
        "volatility of two minutes over the usual one",
        (),
        samples.models(models_shown.regime_ratio),
    ),
    Metric(
        "mm_funding_rate_bps_per_h",
        "of the hour under way, positive: longs pay, bps an hour",
        (),
        samples.models(models_shown.funding_rate),
    ),
    Metric(
        "mm_funding_shift_bps",
        "that funding shifts prices by, up positive, bps",
        (),
        samples.models(models_shown.funding_shift),
    ),
    Metric(
        "mm_gamma_per_bps_unit",
        "risk aversion of the model in force, 1/(bps x unit)",
        (),
        samples.gamma,
    ),
    Metric("mm_inventory_units", "position in sizes of one level", (), samples.inventory_units),
    Metric(
        "mm_kappa_per_bps", "decay of fills with depth, 1/bps", (), samples.shown("kappa_per_bps")
    ),
    Metric("mm_arrival_per_s", "fills at no depth, 1/s", (), samples.models(models_shown.arrival)),
    Metric(
        "mm_net_edge_bps",
        "left of a fill at a distance after fee and adverse selection, bps",
        ("side", "depth_bps"),
        samples.models(edge_shown.nets),
    ),
    Metric(
        "mm_net_edge_half_width_bps",
        "half of its interval, all distances at once, bps",
        ("side", "depth_bps"),
        samples.models(edge_shown.half_widths),
    ),
    Metric(
        "mm_own_rested_seconds",
        "that our orders rested, as remembered, s",
        ("side",),
        samples.models(models_shown.own_rested),
    ),
    Metric(
        "mm_own_arrival_per_s",
        "fills at no depth as our own orders found it, 1/s",
        ("side",),
        samples.models(models_shown.own_arrival),
    ),
    Metric(
        "mm_own_cost_shift_bps",
        "what our fills cost beside the tape, pulled to none, bps",
        ("side",),
        samples.models(models_shown.own_cost_shift),
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
        samples.models(models_shown.taker_rate),
    ),
    Metric(
        "mm_flow_score",
        "how one-sided takers come, standard deviations",
        ("memory",),
        samples.models(models_shown.flow_score),
    ),
    Metric(
        "mm_estimate_n",
        "observations that an estimate rests on, effective number",
        ("estimate",),
        samples.models(evidence_shown.numbers),
    ),
    Metric(
        "mm_estimate_age_seconds",
        "since the newest of them, s",
        ("estimate",),
        samples.models(evidence_shown.ages),
    ),
    Metric(
        "mm_estimate_ready",
        "1 where they are enough for it to be used",
        ("estimate",),
        samples.models(evidence_shown.ready),
    ),
    Metric(
        "mm_fair_shift_bps",
        "what a signal expects of the next second, bps",
        ("signal",),
        samples.models(shift_shown.shift_bps),
    ),
    Metric(
        "mm_signal_explained_ratio",
        "share of squared moves of the next second that a signal explained",
        ("signal",),
        samples.models(shift_shown.r2),
    ),
    Metric(
        "mm_reference_age_seconds",
        "since the reference price was heard",
        (),
        samples.models(shift_shown.reference_age_s),
    ),
    Metric(
        "mm_markout_bps",
        "mean move against our fills, bps",
        ("horizon", "side", "weight"),
        samples.markouts,
    ),
    Metric(
        "mm_realized_half_spread_bps",
        "what our fills earned against the mid, less that move, by notional, bps",
        ("horizon", "side"),
        samples.realized,
    ),
    Metric(
        "mm_stream_age_seconds", "since a stream was heard of, s", ("stream",), samples.stream_ages
    ),
    Metric(
        "mm_request_budget_left",
        "requests that the address has left",
        (),
        samples.shown("requests_left"),
    ),
    Metric("mm_requests_used", "requests that the address has used", (), samples.reported("used")),
    Metric("mm_requests_cap", "requests that the address may use", (), samples.reported("cap")),
    Metric("mm_requests_reserve", "requests kept for safety", (), samples.ledger("reserve")),
    Metric(
        "mm_request_price_usd", "what a request must earn, USDC", (), samples.reported("price_usd")
    ),
    Metric(
        "mm_requests_by_others", "used by others on the address", (), samples.reported("others")
    ),
    Metric("mm_requests_drift", "last report less what we expected", (), samples.reported("drift")),
    Metric("mm_requests_in_flight", "actions without an answer", (), samples.ledger("in_flight")),
    Metric("mm_ip_weight", "weight that we caused in a minute", (), samples.ledger("weight")),
    Metric("mm_changes_withheld", "changes that wait, by reason", ("why",), samples.withheld),
    Metric("mm_requests_per_usd", "requests sent for a USDC traded", (), samples.requests_per_usd),
    Metric(
        "mm_resident_stop",
        "1 for how the stop at the exchange stands",
        ("state",),
        samples.stop_state,
    ),
    Metric("mm_resident_stop_price", "mark that sets it off, USDC", (), samples.stop_px),
    Metric("mm_resident_stop_size", "of the stop that rests, coin", (), samples.stop_size),
    Metric(
        "mm_scheduled_cancel",
        "1 for how scheduleCancel's date stands",
        ("state",),
        samples.date_state,
    ),
    Metric(
        "mm_left_without_end_usd",
        "what a death of the host leaves without an end, USDC: with the date, or the stop alone",
        ("under",),
        samples.without_end,
    ),
    Metric("mm_position_drift", "the exchange's position less ours, coin", (), samples.drift),
    Metric(
        "mm_exchange_head_room",
        "what the exchange still lets us trade, coin",
        ("side",),
        samples.lots_by_side("head_room"),
    ),
    Metric(
        "mm_exchange_head_room_age_seconds", "age of that, s", (), samples.shown("head_room_age_s")
    ),
)

COUNTERS = (
    Metric(
        "mm_orders_total",
        "items by what became of them",
        ("event",),
        samples.counts("placed", "modified", "cancelled", "rejected", "refused"),
    ),
    Metric("mm_fill_volume_usd_total", "notional of our fills, USDC", (), samples.fill_volume),
    Metric("mm_requests_sent_total", "requests that the engine sent", (), samples.ledger("sent")),
    Metric(
        "mm_requests_earned_total", "requests that its fills earned", (), samples.ledger("earned")
    ),
    Metric(
        "mm_stood_back_seconds_total",
        "that a side stood back where no distance is without a loss, s",
        ("side",),
        samples.models(edge_shown.backs),
    ),
    Metric("mm_toxic_total", "sides taken off", ("sign",), samples.models(models_shown.toxic)),
    Metric("mm_time_in_mode_seconds_total", "spent in each mode", ("mode",), samples.time_in_mode),
    Metric("mm_alarms_total", "alarms of the engine", ("alarm",), samples.alarms),
    Metric(
        "mm_actions_sent_total", "signed actions by the way they went", ("line",), samples.carried
    ),
    Metric("mm_resident_stop_fills_total", "fills of a stop of ours", (), samples.stop_fills),
    Metric("mm_reconnects_total", "lines lost and taken up again", (), samples.reconnects),
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
