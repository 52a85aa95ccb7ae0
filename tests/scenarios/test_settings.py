"""Each key of [limits] and [freshness], turned alone: what is sent turns with it.

A key that nobody reads, or that is lost between the file and the engine, changes nothing here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from engine_desk import EngineDesk, Json

Told = dict[str, object]
Story = Callable[[Told], Json]

COLD: Told = {"limits.warmup_max_position_usd": 1e6}
PATIENT: Told = {"freshness.account_degraded_s": 1_000.0, "freshness.account_gone_s": 2_000.0}
SLOW: Told = {"freshness.market_degraded_s": 50.0, "freshness.market_gone_s": 100.0}
FULL: Told = {"quoting.target_liquidity_frac": 1.0}


def sent(desk: EngineDesk) -> Json:
    """The limit's lots and the lots that rest on both sides: what the exchange could see of it."""
    return desk.limits["lots"][0], desk.lots("Bid"), desk.lots("Ask")


def steady(told: Told) -> Json:
    """A day of history, a book, an account: full quoting."""
    return sent(EngineDesk({**FULL, **told}).open())


def cold(told: Told) -> Json:
    """No history at all: warming up."""
    desk = EngineDesk({**FULL, **told})
    desk.bbo()
    desk.fees()
    desk.head_room()
    desk.anchor()
    desk.after(8.0)
    return sent(desk)


def calm_end(told: Told) -> Json:
    """A wild day whose last six hours were calm."""
    desk = EngineDesk({**FULL, **told})
    desk.bbo()
    wild, calm, px = 4e-4 * 60**0.5, 2e-6, desk.mid
    rows: list[Json] = []
    for back in range(24 * 60, 0, -1):
        px *= 1 + (wild if back > 360 else calm) * (1 if back % 2 else -1)
        opened = int((1_700_000_000 + desk.now_s) * 1000) - back * 60_000 - 1
        row = {"t": opened, "T": opened + 59_999, "s": "BTC", "i": "1m", "v": "1.0", "n": 9}
        rows.append({**row, **dict.fromkeys("ohlc", f"{px:.1f}")})
    desk.info("candleSnapshot", rows)
    desk.fees()
    desk.head_room()
    desk.anchor()
    desk.after(3.0)
    return sent(desk)


def opening(told: Told, history: bool = True) -> Json:
    """When the first order is sent, and when quoting is in full."""
    desk = EngineDesk(told)
    desk.bbo()
    if history:
        desk.candles()
    desk.fees()
    desk.head_room()
    desk.anchor()
    first = full = None
    while desk.now_s < 100 and full is None:
        desk.after(0.5)
        if desk.sent and first is None:
            first = desk.now_s
        if desk.snapshot()["phase"] == "normal":
            full = desk.now_s
    return first, full


def opening_cold(told: Told) -> Json:
    """The same without any history."""
    return opening(told, history=False)


def after_a_loss(told: Told) -> Json:
    """3.1 % of the day's opening equity are gone."""
    desk = EngineDesk({**FULL, **told}).open()
    desk.account(9_690.0)
    desk.timer()
    return sent(desk)


def after_a_gain(told: Told) -> Json:
    """The equity has doubled ten seconds ago."""
    desk = EngineDesk({**FULL, **told}).open()
    desk.account(20_000.0)
    desk.after(10.0)
    return desk.limits["lots"][0]


def busy(told: Told) -> Json:
    """Eleven minutes with a small trade every ten seconds."""
    desk = EngineDesk({**FULL, **told}).open()
    for _ in range(66):
        desk.now_s += 10.0
        desk.alive()
        desk.bbo()
        desk.trade(0.02)
        desk.account()
        desk.head_room()
        desk.timer()
    return sent(desk)


def just_inside(told: Told) -> Json:
    """From 102.5 % of the limit down to 85 %."""
    desk = EngineDesk({**FULL, "limits.position_cap_coin": 0.02, **told}, position=0.0205)
    desk.open()
    desk.fill(desk.orders("Ask")[-1], 0.0035)
    desk.after(1.0)
    return desk.snapshot()["reduce_only"], desk.lots("Bid") > 0


def gaps(seconds: float) -> Story:
    """A touch every twenty seconds, and no other: no return is ever complete."""

    def story(told: Told) -> Json:
        desk = EngineDesk({**FULL, **told}).open()
        until = desk.now_s + seconds
        while desk.now_s < until:
            desk.now_s += 20.0
            desk.alive()
            desk.bbo()
            desk.account()
            desk.head_room()
            desk.timer()
        return desk.limits["source"], sent(desk)

    return story


def silence(seconds: float, *what: str) -> Story:
    """A story in which something is not heard of for a while."""

    def story(told: Told) -> Json:
        desk = EngineDesk({**FULL, **told}).open()
        desk.account()
        desk.head_room()
        desk.after(seconds, quiet=what)
        return desk.limits["source"], sent(desk)

    return story


@dataclass(frozen=True)
class Turn:
    """A key, the story in which it matters, its other value, and what else is set for both."""

    key: str
    story: Story
    value: float
    beside: Told | None = None


TURNS = (
    Turn("limits.risk_fraction", steady, 0.015),
    Turn("limits.num_sigmas", steady, 6.0),
    Turn("limits.risk_horizon_s", steady, 14_400.0),
    Turn("limits.sigma_prior", cold, 6e-4, COLD),
    Turn("limits.sigma_floor_frac", calm_end, 0.0),
    Turn("limits.confidence_n0", calm_end, 300.0, {"limits.sigma_floor_frac": 0.0}),
    Turn("limits.leverage_cap", steady, 0.5),
    Turn("limits.equity_share_frac", steady, 0.05),
    Turn("limits.initial_margin_frac", steady, 0.01),
    Turn("limits.gap_move_frac", steady, 1.0),
    Turn("limits.gap_loss_frac", steady, 0.05),
    Turn("limits.liquidity_frac", busy, 0.01),
    Turn("limits.position_cap_usd", steady, 900.0),
    Turn("limits.position_cap_coin", steady, 0.01),
    Turn("limits.warmup_max_position_usd", cold, 200.0),
    Turn("limits.warmup_max_position_coin", cold, 0.002),
    Turn("limits.limit_use_frac", steady, 0.5),
    Turn("limits.reduce_only_leave_frac", just_inside, 0.5),
    Turn("limits.daily_loss_frac", after_a_loss, 0.035),
    Turn("limits.drawdown_frac", after_a_loss, 0.032),
    Turn("limits.limit_rise_frac_per_min", after_a_gain, 1.0),
    Turn(
        "freshness.market_degraded_s", silence(7, "market"), 12.0, {"freshness.market_gone_s": 15.0}
    ),
    Turn(
        "freshness.market_gone_s", silence(17, "market"), 40.0, {"freshness.market_degraded_s": 5.0}
    ),
    Turn("freshness.account_degraded_s", silence(35, "account"), 60.0),
    Turn("freshness.account_gone_s", silence(125, "account"), 300.0),
    Turn("freshness.head_room_degraded_s", silence(65, "head_room"), 200.0),
    Turn("freshness.head_room_gone_s", silence(310, "head_room"), 600.0),
    Turn("control.observe_book_s", opening, 4.0),
    Turn("control.observe_deadline_s", opening_cold, 20.0),
    Turn("control.quote_min_s", opening, 30.0),
    Turn("freshness.sigma_degraded_s", gaps(200), 300.0, SLOW),
    Turn("freshness.sigma_gone_s", gaps(400), 300.0, SLOW),
    Turn("freshness.own_stream_degraded_s", silence(65, "user", "account"), 100.0, PATIENT),
    Turn("freshness.own_stream_gone_s", silence(125, "user", "account"), 300.0, PATIENT),
)
DEFAULTS: Told = {"freshness.market_degraded_s": 5.0, "freshness.market_gone_s": 15.0}


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.key)
def test_a_setting_reaches_what_is_sent(turn: Turn) -> None:
    beside = turn.beside or {}
    usual = {turn.key: DEFAULTS[turn.key]} if turn.key in DEFAULTS else {}
    assert turn.story({**beside, **usual}) != turn.story({**beside, turn.key: turn.value})
