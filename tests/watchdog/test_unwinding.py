"""What the watchdog cancels and places: laws over every view of an account."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm._core import Instrument, unwind_order
from mm.config import load
from mm.errors import ConfigError, EventError
from mm.hyperliquid.account import Stop
from mm.watchdog.unwinding import (
    REQUOTE_S,
    Escalation,
    Order,
    Pacing,
    Quote,
    Step,
    View,
    next_step,
)

RECOVERY = load(None).recovery
PACING = Pacing.of(RECOVERY.model_dump(), RECOVERY.chase_s)
BTC = Instrument("BTC", 0, 5, 40)

prices = st.integers(90, 110).map(Decimal)
orders = st.lists(
    st.builds(
        Order,
        oid=st.integers(1, 999),
        is_buy=st.booleans(),
        px=prices,
        lots=st.integers(1, 50),
        ours=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda order: order.oid,
).map(tuple)
views = st.builds(
    View,
    position=st.integers(-50, 50),
    orders=orders,
    best=st.tuples(st.none() | prices, st.none() | prices),
    by_hand=st.lists(st.integers(1_000, 1_999), max_size=3, unique=True).map(tuple),
)


@given(views, st.booleans(), st.none() | st.floats(0, 100))
def test_whatever_rests_afterwards_reduces_and_is_one_order_of_ours(
    view: View, attempt: bool, quoted_for_s: float | None
) -> None:
    step = next_step(view, attempt=attempt, quoted_for_s=quoted_for_s)
    stays = [order for order in view.orders if order.oid not in step.cancels]
    assert len(stays) + (step.quote is not None) <= 1
    for order in stays:
        assert order.ours
        assert view.position * (1 if order.is_buy else -1) < 0
        assert order.lots <= abs(view.position)
    if step.quote is not None:
        assert view.position * (1 if step.quote.is_buy else -1) < 0
        assert step.quote.lots == abs(view.position)
    assert not {order.oid for order in view.increasing} - set(step.cancels)
    assert not set(view.by_hand) & set(step.cancels)
    if attempt or view.position == 0:
        assert not stays, "an immediate order never meets a resting one of ours"


@given(views)
def test_a_position_always_has_a_reducing_order_where_there_is_a_touch(view: View) -> None:
    step = next_step(view, attempt=False, quoted_for_s=None)
    stays = [order for order in view.orders if order.oid not in step.cancels]
    touch = view.best[0 if view.position < 0 else 1]
    if view.position != 0 and touch is not None:
        assert step.quote is not None or stays


def test_a_quote_stays_at_the_touch_and_for_a_while_near_it() -> None:
    quote = Order(oid=1, is_buy=False, px=Decimal(101), lots=5, ours=True)
    at_touch = View(5, (quote,), (Decimal(100), Decimal(101)))
    assert next_step(at_touch, attempt=False, quoted_for_s=99.0).cancels == ()
    moved = View(5, (quote,), (Decimal(99), Decimal(100)))
    assert next_step(moved, attempt=False, quoted_for_s=REQUOTE_S / 2).cancels == ()
    late = next_step(moved, attempt=False, quoted_for_s=REQUOTE_S)
    assert late.cancels == (1,)
    assert late.quote is not None
    assert late.quote.px == 100


def test_it_chases_then_crosses_in_rounds_and_never_gives_up() -> None:
    escalation = Escalation(PACING, 0.0)
    assert not escalation.due(RECOVERY.chase_s - 0.1)
    now_s, attempts = RECOVERY.chase_s, []
    for number in range(1, 4 * RECOVERY.ioc_attempts * RECOVERY.ioc_rounds):
        assert escalation.due(now_s)
        escalation.attempted(now_s)
        attempts.append(now_s)
        last = number % RECOVERY.ioc_attempts == 0
        pause_s = RECOVERY.ioc_cooldown_s if last else RECOVERY.ioc_apart_s
        assert not escalation.due(now_s + pause_s - 0.1)
        assert escalation.exhausted == (number == RECOVERY.ioc_attempts * RECOVERY.ioc_rounds)
        now_s += pause_s


def test_a_position_to_be_worked_is_never_crossed_and_one_to_be_flattened_at_once() -> None:
    working = Escalation(Pacing.of(RECOVERY.model_dump(), None), 0.0)
    assert not working.due(1e9)
    flattening = Escalation(Pacing.of(RECOVERY.model_dump(), 0.0), 0.0)
    assert flattening.due(0.0)


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]], coin: str = "BTC") -> bytes:
    sides = [[{"px": px, "sz": sz, "n": 1} for px, sz in side] for side in (bids, asks)]
    return json.dumps({"coin": coin, "time": 1, "levels": sides}).encode()


def wanted(body: bytes, position: int, **more: object) -> tuple[str, str, str] | None:
    given_terms = {"limit": 1_000, "sigma": 1e-5, "recovery_json": RECOVERY.model_dump_json()}
    return unwind_order(body, BTC, position=position, **{**given_terms, **more})  # type: ignore[arg-type]  # as in the stub


def test_the_cores_order_is_inside_the_price_bound_and_a_share_of_the_limit() -> None:
    body = book([("100000", "1")], [("100010", "1")])
    assert wanted(body, 700) == ("Ask", "99955", "0.001")
    assert wanted(body, -700) == ("Bid", "100055", "0.001")
    assert wanted(body, 700, limit=7_000) == ("Ask", "99955", "0.007")
    assert wanted(body, 0) is None


def test_a_book_that_cannot_take_it_gives_no_order() -> None:
    assert wanted(book([], [("100010", "1")]), 700) is None
    assert wanted(book([("100000", "0.00001")], [("100010", "1")]), 700) is None


def test_dust_is_closed_whole() -> None:
    body = book([("100000", "1")], [("100010", "1")])
    assert wanted(body, 3) == ("Ask", "99955", "0.00003")


def test_what_is_no_book_or_no_section_is_an_error() -> None:
    with pytest.raises(EventError):
        wanted(b"null", 700)
    with pytest.raises(EventError):
        wanted(book([], [], coin="ETH"), 700)
    with pytest.raises(ConfigError, match="recovery"):
        wanted(book([], []), 700, recovery_json="{}")


def test_what_increases_is_all_but_our_reducing_orders() -> None:
    def order(oid: int, is_buy: bool, ours: bool) -> Order:
        return Order(oid=oid, is_buy=is_buy, px=Decimal(100), lots=1, ours=ours)

    orders = (order(1, True, True), order(2, False, True), order(3, True, False))

    def increasing(position: int) -> list[int]:
        view = View(position, orders, (Decimal(99), Decimal(101)))
        return [order.oid for order in view.increasing]

    assert increasing(1) == [1, 3]
    assert increasing(-1) == [2, 3]
    assert increasing(0) == [1, 2, 3]


def test_what_was_placed_by_hand_is_neither_cancelled_nor_waited_for() -> None:
    for position in (0, 5, -5):
        view = View(position, (), (Decimal(99), Decimal(101)), by_hand=(7,))
        assert view.is_flat == (position == 0)
        for attempt in (True, False):
            assert next_step(view, attempt=attempt, quoted_for_s=None).cancels == ()


def test_the_section_gives_the_pace() -> None:
    section = {"ioc_apart_s": 2, "ioc_attempts": 3, "ioc_cooldown_s": 5, "ioc_rounds": 7}
    assert Pacing.of(section, 1.5) == Pacing(1.5, 2.0, 3, 5.0, 7)


def test_each_step_says_whether_an_immediate_order_follows() -> None:
    resting = Order(oid=1, is_buy=True, px=Decimal(90), lots=5, ours=False)
    best = (Decimal(99), Decimal(101))

    def step(position: int, attempt: bool, touch: bool = True) -> Step:
        view = View(position, (resting,), best if touch else (None, None))
        return next_step(view, attempt=attempt, quoted_for_s=None)

    assert step(0, attempt=True) == Step((1,), attempt=False, quote=None)
    assert step(-1, attempt=True) == Step((1,), attempt=True, quote=None)
    assert step(1, attempt=False) == Step((1,), False, Quote(False, Decimal(101), 1))
    assert step(-1, attempt=False) == Step((1,), False, Quote(True, Decimal(99), 1))
    assert step(1, attempt=False, touch=False) == Step((1,), attempt=False, quote=None)


def test_a_quote_that_stays_is_not_placed_again() -> None:
    quote = Order(oid=1, is_buy=False, px=Decimal(101), lots=5, ours=True)
    stays = View(5, (quote,), (Decimal(100), Decimal(101)))
    assert next_step(stays, attempt=False, quoted_for_s=1.0) == Step((), attempt=False, quote=None)


def test_a_stop_stays_with_the_position_and_goes_with_it() -> None:
    """Nothing else of the account is left, and the watchdog is not done before the stop is gone."""
    best = (Decimal(100), Decimal(101))
    sale = Stop(7, is_buy=False)
    held = View(5, (), best, stops=(sale,))
    assert next_step(held, attempt=False, quoted_for_s=None).cancels == ()
    assert next_step(held, attempt=True, quoted_for_s=None).cancels == ()
    flat = View(0, (), best, stops=(sale,))
    assert not flat.is_flat
    assert next_step(flat, attempt=False, quoted_for_s=None).cancels == (7,)
    assert View(0, (), best).is_flat


@pytest.mark.parametrize("attempt", [False, True])
def test_of_several_stops_the_newest_against_the_position_stays(attempt: bool) -> None:
    """A maker that died between two left both; one for the other side guards nothing."""
    quote = Order(oid=1, is_buy=False, px=Decimal(101), lots=5, ours=True)
    stops = (Stop(9, is_buy=True), Stop(8, is_buy=False), Stop(7, is_buy=False))

    def cancelled(position: int) -> set[int]:
        view = View(position, (quote,), (Decimal(100), Decimal(101)), stops=stops)
        return set(next_step(view, attempt=attempt, quoted_for_s=1.0).cancels) - {1}

    assert cancelled(5) == {9, 7}
    assert cancelled(-5) == {8, 7}
    assert cancelled(0) == {9, 8, 7}
