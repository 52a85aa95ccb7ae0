"""Every metric moves when what it shows does, and none is shown before it is known."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine_desk import EngineDesk
from mm.metrics import COUNTERS, GAUGES, HISTOGRAMS

Story = Callable[[EngineDesk], object]

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ALL = {metric.name for metric in (*GAUGES, *COUNTERS)} | {metric.name for metric in HISTOGRAMS}


def buy(desk: EngineDesk) -> None:
    """A fill of our first bid, and quotes after it."""
    desk.fill(desk.orders("Bid")[-1])
    desk.after(1.0)


def lose(desk: EngineDesk) -> None:
    desk.account(equity=9_900.0)


def pledge(desk: EngineDesk) -> None:
    desk.margin_used = 250.0
    desk.account()


def near(desk: EngineDesk) -> None:
    """A position, and the price at which the venue would liquidate it."""
    buy(desk)
    desk.liquidation_px = round(desk.mid * 0.9)
    desk.account()


def shrink(desk: EngineDesk) -> None:
    """A head-room that differs by side."""
    desk.head_room(buy=0.05, sell=0.02)


def disagree(desk: EngineDesk) -> None:
    """The exchange reports a position that we do not have."""
    desk.position = 0.001
    desk.after(1.0)
    desk.account()


def spend(desk: EngineDesk) -> None:
    """Somebody else has used up half of a first budget."""
    desk.budget(used=5_000, cap=10_000)


def run_dry(desk: EngineDesk) -> None:
    """Only the reserve is left when the price moves away."""
    desk.budget(used=9_700, cap=10_000)
    desk.bbo(desk.mid * 1.002)
    desk.after(1.0)


def leave_unanswered(desk: EngineDesk) -> None:
    """A move that is followed, and no answer yet."""
    desk.accepts = False
    desk.bbo(desk.mid * 1.001)


def refuse(desk: EngineDesk) -> None:
    """A reply that refuses what is sent next."""
    desk.accepts = False
    desk.bbo(desk.mid * 1.001)
    desk.accepts = True
    sent = desk.sent[-1]
    items = len(next(iter(sent["body"].values())))
    statuses = [{"error": "Insufficient margin to place order. asset=0"}] * items
    body = {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}
    desk.reply(sent["id"], body)


def jump(desk: EngineDesk) -> None:
    desk.bbo(desk.mid * 1.002, half=7.0)
    desk.after(2.0)


def stale(desk: EngineDesk) -> None:
    desk.after(3.0, quiet=["market", "user", "head_room", "account"])


def step(desk: EngineDesk) -> None:
    desk.meter.step_ns.append(90_000)
    desk.meter.tick_to_bytes_ns.append(900_000)
    desk.meter.ack_ns.append(9_000_000)


def carry(desk: EngineDesk) -> None:
    """An action goes over the order line."""
    desk.meter.carried["websocket"] += 1


def reconnect(desk: EngineDesk) -> None:
    desk.reconnects += 1


def wait(desk: EngineDesk) -> None:
    buy(desk)
    desk.after(62.0)


def kill(desk: EngineDesk) -> None:
    desk.kill()


def informed(desk: EngineDesk) -> None:
    """Buyers that our asks lose to, wherever they stand."""
    desk.informed(14)


def stop_rests(desk: EngineDesk) -> None:
    """A position, and a stop of ours that a query shows."""
    buy(desk)
    desk.info("frontendOpenOrders", [desk.stop_listed("95000.0", "0.0006")])


def dated(desk: EngineDesk) -> None:
    """The venue takes a date."""
    desk.date = "stands"


def stop_fills(desk: EngineDesk) -> None:
    """The stop is set off."""
    buy(desk)
    desk.fill(
        {"side": "Ask", "px": 950_000, "sz": 60, "oid": 77, "cloid_text": desk.STOP_CLOID},
    )


def taken(desk: EngineDesk) -> None:
    """A taker, and the book after it."""
    desk.after(1.0)
    desk.trade(0.5)
    desk.after(2.0)


def met_again(desk: EngineDesk) -> None:
    """Fills 10 s apart, and what came after each of them."""
    for _ in range(3):
        buy(desk)
        for _ in range(10):
            desk.after(1.0)
            desk.bbo(desk.mid - 1.0)


def queued(desk: EngineDesk) -> None:
    """Half a minute of takers at either side, and a book with others at our prices."""
    for step in range(35):
        desk.bbo()
        desk.after(1.0)
        desk.trade(0.01, "BA"[step % 2])
        desk.after(0.5)
        desk.trade(0.01, "AB"[step % 2])
    desk.book()
    desk.after(1.0)
    desk.book()


def history(desk: EngineDesk) -> None:
    """Three times as lively as its day was."""
    for step in range(60):
        desk.bbo(desk.mid * (1.0008 if step % 2 else 0.9992))
        desk.after(1.0)


def funded(desk: EngineDesk) -> None:
    """Longs pay a basis point an hour."""
    desk.context("0.0001")


def fall(desk: EngineDesk) -> None:
    """A fall within a second that volatility does not explain."""
    desk.bbo(desk.mid * 0.998)


def lead(desk: EngineDesk) -> None:
    """An oracle that our mid goes after."""
    desk.follow(150)
    desk.context(oracle=desk.mid + 30)


MOVES: dict[str, Story] = {
    "mm_fair_shift_bps": lead,
    "mm_signal_explained_ratio": lead,
    "mm_reference_age_seconds": lead,
    "mm_regime": history,
    "mm_regime_ratio": history,
    "mm_toxic_total": fall,
    "mm_funding_rate_bps_per_h": funded,
    "mm_funding_shift_bps": funded,
    "mm_fair_price": jump,
    "mm_fair_from_mid_bps": lead,
    "mm_sigma_by_half_life_bps_per_sqrt_s": jump,
    "mm_gamma_per_bps_unit": jump,
    "mm_inventory_units": buy,
    "mm_sigma_by_span_bps_per_sqrt_s": jump,
    "mm_sigma_without_jumps_bps_per_sqrt_s": jump,
    "mm_queue_chance_ratio": queued,
    "mm_own_rested_seconds": lambda desk: desk.after(2.0),
    "mm_own_arrival_per_s": lambda desk: desk.after(2.0),
    "mm_own_cost_shift_bps": met_again,
    "mm_net_edge_bps": informed,
    "mm_net_edge_half_width_bps": informed,
    "mm_stood_back_seconds_total": informed,
    "mm_taker_rate_per_s": taken,
    "mm_flow_score": taken,
    "mm_estimate_n": taken,
    "mm_estimate_age_seconds": taken,
    "mm_estimate_ready": lambda desk: desk.after(30.0, quiet=["market"]),
    "mm_resident_stop": stop_rests,
    "mm_resident_stop_price": stop_rests,
    "mm_resident_stop_size": stop_rests,
    "mm_resident_stop_fills_total": stop_fills,
    "mm_scheduled_cancel": dated,
    "mm_left_without_end_usd": stop_rests,
    "mm_mode": kill,
    "mm_quoting": kill,
    "mm_time_in_mode_seconds_total": lambda desk: desk.after(1.0),
    "mm_kill_switch": kill,
    "mm_alarms_total": kill,
    "mm_margin_used_usd": pledge,
    "mm_liquidation_distance_ratio": near,
    "mm_cycle": buy,
    "mm_effective_max_position": shrink,
    "mm_max_position_value_usd": lose,
    "mm_limit_binding": shrink,
    "mm_limit_source": lambda desk: desk.after(31.0, quiet=["account"]),
    "mm_position": buy,
    "mm_inventory_utilization": buy,
    "mm_pending_bid_exposure": shrink,
    "mm_pending_ask_exposure": shrink,
    "mm_worst_case_max_position": buy,
    "mm_worst_case_min_position": buy,
    "mm_equity_usd": lose,
    "mm_daily_pnl_usd": lose,
    "mm_drawdown_ratio": lose,
    "mm_mid_price": jump,
    "mm_spread_bps": jump,
    "mm_half_spread_bps": jump,
    "mm_sigma_bps_per_sqrt_s": jump,
    "mm_markout_bps": wait,
    "mm_realized_half_spread_bps": wait,
    "mm_stream_age_seconds": stale,
    "mm_request_budget_left": spend,
    "mm_requests_used": spend,
    "mm_requests_cap": spend,
    "mm_request_price_usd": spend,
    "mm_requests_by_others": spend,
    "mm_requests_drift": spend,
    "mm_requests_in_flight": leave_unanswered,
    "mm_ip_weight": refuse,
    "mm_changes_withheld": run_dry,
    "mm_requests_sent_total": refuse,
    "mm_requests_earned_total": buy,
    "mm_requests_per_usd": buy,
    "mm_position_drift": disagree,
    "mm_exchange_head_room": shrink,
    "mm_exchange_head_room_age_seconds": stale,
    "mm_orders_total": refuse,
    "mm_fill_volume_usd_total": buy,
    "mm_reconnects_total": reconnect,
    "mm_actions_sent_total": carry,
    "mm_step_seconds": step,
    "mm_tick_to_send_seconds": step,
    "mm_ack_seconds": step,
}


def of(name: str, scraped: dict[str, float]) -> dict[str, float]:
    """The samples of one metric, a histogram's included."""
    pattern = re.compile(rf"{name}(_bucket|_count|_sum)?(\{{.*)?$")
    return {sample: value for sample, value in scraped.items() if pattern.match(sample)}


@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_metric_moves_with_what_it_shows(name: str) -> None:
    followed = {"models.reference": "oracle", "models.lead": True}
    models = {
        "models.funding": True,
        "models.queue": True,
        "models.gamma_at": "present",
        **followed,
    }
    models |= {"models.no_edge": "stand_back"}
    desk = EngineDesk({"control.toxic_jump_sigmas": 4.5, **models}).open()
    before = of(name, desk.scraped())
    MOVES[name](desk)
    after = of(name, desk.scraped())
    assert after, "it is not scraped"
    assert after != before


def test_the_stop_that_rests_is_shown_as_it_is() -> None:
    desk = EngineDesk().open()
    stop_rests(desk)
    scraped = desk.scraped()
    assert list(of("mm_resident_stop_price", scraped).values()) == [95_000.0]
    assert list(of("mm_resident_stop_size", scraped).values()) == [0.0006]
    states = {sample for sample, value in of("mm_resident_stop", scraped).items() if value == 1}
    assert states == {'mm_resident_stop{state="rests"}'}


def test_what_a_death_of_the_host_would_leave_is_shown_by_what_stands() -> None:
    desk = EngineDesk().open()
    stop_rests(desk)
    desk.date = "taken_back"
    scraped = desk.scraped()
    left = of("mm_left_without_end_usd", scraped)
    held = desk.snapshot()["position"] / 1e5 * desk.mid
    assert left['mm_left_without_end_usd{under="date"}'] == pytest.approx(held) != 0
    resting = desk.snapshot()["orders"]
    sides = [sum(row["sz"] for row in resting if row["side"] == side) for side in ("Bid", "Ask")]
    most = max(sides) / 1e5 * desk.mid
    assert left['mm_left_without_end_usd{under="stop"}'] == pytest.approx(most)
    states = {sample for sample, value in of("mm_scheduled_cancel", scraped).items() if value == 1}
    assert states == {'mm_scheduled_cancel{state="taken_back"}'}
    desk.date = None
    assert of("mm_scheduled_cancel", desk.scraped()) == {}, "told with another coin"


def test_kappa_is_the_configured_one() -> None:
    """Assumed, so it moves with the configuration alone."""
    assert EngineDesk().scraped()["mm_kappa_per_bps"] == 0.7
    assert EngineDesk().scraped()["mm_arrival_per_s"] == 0.1
    often = EngineDesk({"quoting.arrival_per_s": 0.3})
    assert often.scraped()["mm_arrival_per_s"] == pytest.approx(0.3)
    other = EngineDesk({"quoting.kappa_per_bps": 0.9})
    assert other.scraped()["mm_kappa_per_bps"] == 0.9


def test_the_reserve_is_the_configured_one() -> None:
    assert EngineDesk().scraped()["mm_requests_reserve"] == 500
    assert EngineDesk({"requests.reserve": 700}).scraped()["mm_requests_reserve"] == 700


def test_every_metric_has_a_story() -> None:
    configured = {"mm_kappa_per_bps", "mm_arrival_per_s", "mm_requests_reserve"}
    assert MOVES.keys() | configured == ALL


def test_what_is_not_known_is_absent() -> None:
    """Before the first word from the venue only counts, and what is configured, are known."""
    counts = {metric.name for metric in COUNTERS} | {metric.name for metric in HISTOGRAMS}
    known = {re.split(r"[{]|_bucket|_count|_sum", name)[0] for name in EngineDesk().scraped()}
    state = {
        "mm_resident_stop",
        "mm_mode",
        "mm_quoting",
        "mm_kill_switch",
        "mm_cycle",
        "mm_kappa_per_bps",
        "mm_arrival_per_s",
        "mm_regime",
        "mm_estimate_ready",
    }
    state |= {"mm_requests_reserve", "mm_requests_in_flight", "mm_ip_weight", "mm_changes_withheld"}
    assert known == (counts - {"mm_alarms_total", "mm_actions_sent_total"}) | state


def test_why_a_side_is_not_quoted_has_one_answer() -> None:
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.06).open()
    scraped = of("mm_quoting", desk.scraped())
    assert scraped == {
        'mm_quoting{reason="over_value_limit",side="bid"}': 0.0,
        'mm_quoting{reason="none",side="ask"}': 1.0,
    }
    desk.kill()
    desk.after(1.0)
    assert set(of("mm_kill_switch", desk.scraped()).values()) == {1.0}
    assert set(of("mm_quoting", desk.scraped()).values()) == {0.0}
    assert desk.scraped()["mm_mode"] >= 3


def test_sides_that_differ_are_shown_per_side() -> None:
    desk = EngineDesk().open()
    shrink(desk)
    scraped = desk.scraped()
    long, short = desk.limits["lots"]
    assert long != short
    assert scraped['mm_effective_max_position{side="long"}'] == long / 1e5
    assert scraped['mm_effective_max_position{side="short"}'] == short / 1e5


def test_the_documented_names_are_the_scraped_ones() -> None:
    documented = set(re.findall(r"`(mm_[a-z_]+)[`{]", PAGE.read_text()))
    assert documented == ALL


def test_a_scrape_is_what_prometheus_reads() -> None:
    """Its own parser takes the page; every sample carries the coin."""
    desk = EngineDesk().open()
    step(desk)
    families = list(text_string_to_metric_families(desk.metrics.text().decode()))
    assert families
    for family in families:
        assert family.documentation, family.name
        assert {sample.labels["coin"] for sample in family.samples} == {"BTC"}
