"""Laws of the limit: it equals its slow twin, and it is monotone, mirrored and never a NaN."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import mm
import mm.limits
import reference

DEADLINES_S = {
    "market": (5, 15),
    "account": (30, 120),
    "head_room": (60, 300),
    "sigma": (120, 600),
    "own_stream": (60, 120),
}
FRESHNESS: dict[str, reference.Json] = {
    f"{name}_{which}_s": seconds
    for name, pair in DEADLINES_S.items()
    for which, seconds in zip(("degraded", "gone"), pair, strict=True)
}


@dataclass(frozen=True)
class Case:
    """One derivation, in lattice units and exact decimals; what is None is not given."""

    sz_decimals: int
    settings: dict[str, Decimal]
    fallback_lots: int
    cap_lots: int | None
    equity: int | None
    max_leverage: Decimal
    sigma: Decimal | None
    confidence: Decimal
    sigma_24h: Decimal | None
    half_mid: int | None
    position: int
    horizon_s: Decimal | None
    loss_left: int | None
    head_room: tuple[int, int] | None
    own: tuple[int, int]
    asset_leverage: int | None
    exchange_leverage: int | None
    tier_notional: int | None
    at_cap: bool | None
    share: Decimal | None
    ramp: Decimal | None
    funding: Decimal | None
    traded: Decimal | None
    ages_ms: dict[str, int]

    def coin(self, lots: int) -> Decimal:
        return Decimal(lots).scaleb(-self.sz_decimals)

    def mid(self) -> Decimal | None:
        if self.half_mid is None:
            return None
        return Decimal(self.half_mid).scaleb(self.sz_decimals - 6) / 2

    def config(self) -> mm.DynamicRiskConfig:
        return mm.DynamicRiskConfig(**self.settings)

    def derive(self, previous: tuple[mm.Limits, Decimal] | None = None) -> mm.Limits:
        def usd(micro: int | None) -> Decimal | None:
            return None if micro is None else Decimal(micro).scaleb(-6)

        def coins(pair: tuple[int, int]) -> tuple[Decimal, Decimal]:
            return self.coin(pair[0]), self.coin(pair[1])

        return mm.derive_limits(
            account_value=usd(self.equity),
            max_leverage=self.max_leverage,
            sigma=self.sigma,
            sigma_confidence=self.confidence,
            mid=self.mid(),
            sz_decimals=self.sz_decimals,
            config=self.config(),
            fallback_max_position=self.coin(self.fallback_lots),
            position=self.coin(self.position),
            horizon_s=self.horizon_s,
            sigma_24h=self.sigma_24h,
            daily_loss_left=usd(self.loss_left),
            position_cap=None if self.cap_lots is None else self.coin(self.cap_lots),
            head_room=None if self.head_room is None else coins(self.head_room),
            own_increasing=coins(self.own),
            asset_max_leverage=self.asset_leverage,
            exchange_leverage=self.exchange_leverage,
            tier_notional_max=usd(self.tier_notional),
            at_open_interest_cap=self.at_cap,
            equity_share=self.share,
            ramp_share=self.ramp,
            funding_frac=self.funding,
            traded_notional_1h=self.traded,
            ages={name: Decimal(ms) / 1000 for name, ms in self.ages_ms.items()},
            previous=previous,
        )

    def record(self) -> dict[str, reference.Json]:
        """The inputs as the journal should show them, made without the core."""
        return {
            "account_value": self.equity,
            "max_leverage": self.max_leverage,
            "sigma": self.sigma,
            "sigma_confidence": self.confidence,
            "sigma_24h": self.sigma_24h,
            "sigma_prior": None,
            "mid": self.mid(),
            "position": self.position,
            "horizon_s": self.horizon_s,
            "loss_left": self.loss_left,
            "head_room": None if self.head_room is None else list(self.head_room),
            "own_increasing": list(self.own),
            "asset_max_leverage": self.asset_leverage,
            "exchange_leverage": self.exchange_leverage,
            "tier_notional_max": self.tier_notional,
            "at_open_interest_cap": self.at_cap,
            "equity_share": self.share,
            "ramp_share": self.ramp,
            "funding_frac": self.funding,
            "traded_notional_1h": self.traded,
            "ages": {name: self.ages_ms[name] * 10**6 for name in self.ages_ms},
        }

    def reference_settings(self) -> dict[str, reference.Json]:
        cap = None if self.cap_lots is None else self.coin(self.cap_lots)
        return {
            **self.settings,
            "position_cap_coin": cap,
            "warmup_max_position_coin": self.coin(self.fallback_lots),
        }


def decimals(least: str, most: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(least, most, allow_nan=False, places=places)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SETTINGS = st.fixed_dictionaries(
    {
        "risk_fraction": decimals("0.001", "1", 3),
        "num_sigmas": decimals("0.5", "10", 1),
        "sigma_prior": decimals("0.00001", "0.01", 5),
        "risk_horizon_s": decimals("0.5", "30000", 1),
        "sigma_floor_frac": decimals("0", "1", 2),
        "initial_margin_frac": decimals("0.1", "1", 2),
        "gap_loss_frac": decimals("0.1", "1", 2),
        "liquidity_frac": decimals("0.01", "1", 2),
        "limit_rise_frac_per_min": decimals("0", "1", 2),
    }
)
MONEY = st.integers(-(10**9), 10**14)
LOTS = st.integers(0, 10**9)
SIGNED_LOTS = st.integers(-(10**6), 10**6)
AGES = st.fixed_dictionaries({}, optional={name: st.integers(0, 700_000) for name in DEADLINES_S})


@st.composite
def cases(draw: st.DrawFn, *, fresh: bool = False, ready: bool = False) -> Case:
    known: Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]
    known = (lambda strategy: strategy) if ready else maybe
    return Case(
        sz_decimals=draw(st.integers(0, 6)),
        settings=draw(SETTINGS),
        fallback_lots=draw(LOTS),
        cap_lots=draw(maybe(LOTS)),
        equity=draw(known(st.integers(1, 10**14) if ready else MONEY)),
        max_leverage=draw(decimals("0", "50", 2)),
        sigma=draw(known(decimals("0", "0.01", 7))),
        confidence=draw(decimals("0", "1", 3)),
        sigma_24h=draw(maybe(decimals("0", "0.01", 7))),
        half_mid=draw(known(st.integers(1, 2 * 10**9))),
        position=draw(st.integers(-(10**6), 10**6)),
        horizon_s=draw(maybe(decimals("0.1", "200000", 1))),
        loss_left=draw(maybe(MONEY)),
        head_room=draw(maybe(st.tuples(LOTS, LOTS))),
        own=draw(st.tuples(SIGNED_LOTS, SIGNED_LOTS)),
        asset_leverage=draw(maybe(st.integers(1, 50))),
        exchange_leverage=draw(maybe(st.integers(1, 50))),
        tier_notional=draw(maybe(st.integers(0, 10**13))),
        at_cap=draw(maybe(st.booleans())),
        share=draw(maybe(decimals("0.01", "1", 2))),
        ramp=draw(maybe(st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1)]))),
        funding=draw(maybe(decimals("0", "0.04", 7))),
        traded=draw(maybe(decimals("0", "1000000", 2))),
        ages_ms={} if fresh else draw(AGES),
    )


def check_against_reference(case: Case, limits: mm.Limits, before: reference.Json) -> None:
    exact = reference.derive(
        case.record(),
        case.reference_settings(),
        FRESHNESS,
        sz_decimals=case.sz_decimals,
        previous=before if isinstance(before, dict) else None,
    )
    assert limits.source == exact.source
    assert exact.agrees(limits.lots_long, limits.lots_short), (limits, exact)
    assert set(limits.terms) >= set(exact.terms)
    if exact.value is None:
        assert limits.max_position_value_usd is None
    else:
        found = limits.max_position_value_usd
        assert found is not None
        micro = min(exact.value, Fraction(9 * 10**12)) * 10**6
        assert abs(found.scaleb(6) - round(micro)) <= 1 + micro / 10**12


@given(cases())
def test_the_core_equals_its_slow_twin(case: Case) -> None:
    check_against_reference(case, case.derive(), None)


@given(st.data())
def test_the_core_equals_its_slow_twin_through_time(data: st.DataObject) -> None:
    """A run of derivations, each knowing the one before; the twin reads only the journal."""
    case = data.draw(cases())
    limits, record = case.derive(), None
    for _ in range(3):
        fields = data.draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "equity": maybe(MONEY),
                    "sigma": maybe(decimals("0", "0.01", 7)),
                    "half_mid": maybe(st.integers(1, 2 * 10**9)),
                    "position": st.integers(-(10**6), 10**6),
                    "ages_ms": AGES,
                    "head_room": maybe(st.tuples(LOTS, LOTS)),
                },
            )
        )
        case = replace(case, **fields)
        elapsed_ms = data.draw(st.integers(0, 3_600_000))
        limits = case.derive(previous=(limits, Decimal(elapsed_ms) / 1000))
        record = json.loads(limits.json)
        assert record["previous"]["age"] == elapsed_ms * 10**6
        check_against_reference(case, limits, record["previous"])
        wrong = reference.disagreement(
            record, case.reference_settings(), FRESHNESS, sz_decimals=case.sz_decimals
        )
        assert wrong is None


@given(cases(fresh=True), st.integers(0, 10**13))
def test_more_equity_never_lowers_the_limit(case: Case, more: int) -> None:
    assume(case.equity is not None)
    assert case.equity is not None
    poor, rich = case.derive(), replace(case, equity=case.equity + more).derive()
    assert poor.lots_long <= rich.lots_long
    assert poor.lots_short <= rich.lots_short


@given(cases(fresh=True), decimals("0", "0.01", 7))
def test_more_volatility_never_raises_the_limit(case: Case, more: Decimal) -> None:
    # 0 is no estimate: the prior decides then, and it may be above a small one.
    assume(case.sigma is not None and case.sigma > 0)
    assert case.sigma is not None
    calm, wild = case.derive(), replace(case, sigma=case.sigma + more).derive()
    assert wild.lots_long <= calm.lots_long
    assert wild.lots_short <= calm.lots_short


@given(cases(fresh=True))
def test_knowing_more_never_raises_the_limit(case: Case) -> None:
    """A cap applies only when its inputs are given; giving them cannot add room."""
    bare = replace(
        case, head_room=None, asset_leverage=None, exchange_leverage=None, tier_notional=None,
        at_cap=None, share=None, ramp=None, funding=None, traded=None, cap_lots=None,
        loss_left=None,
    )  # fmt: skip
    assert case.derive().lots_long <= bare.derive().lots_long
    assert case.derive().lots_short <= bare.derive().lots_short


@given(cases())
def test_mirrored_accounts_have_mirrored_limits(case: Case) -> None:
    turned = replace(
        case,
        position=-case.position,
        head_room=None if case.head_room is None else case.head_room[::-1],
        own=case.own[::-1],
    )
    here, there = case.derive(), turned.derive()
    assert (here.lots_long, here.lots_short) == (there.lots_short, there.lots_long)
    assert here.max_position_value_usd == there.max_position_value_usd


@given(cases(fresh=True, ready=True), cases(fresh=True, ready=True), st.integers(0, 120_000))
def test_the_limit_rises_slowly_and_falls_at_once(one: Case, two: Case, ms: int) -> None:
    two = replace(two, sz_decimals=one.sz_decimals, settings=one.settings, cap_lots=None)
    before, free = replace(one, cap_lots=None).derive(), two.derive()
    assert before.source == free.source == "valid"
    after = two.derive(previous=(before, Decimal(ms) / 1000))
    was, new, now = (limits.max_position_value_usd for limits in (before, free, after))
    assert was is not None
    assert new is not None
    assert now is not None
    gain = new * one.settings["limit_rise_frac_per_min"] * ms / 60_000
    assert abs(now - min(new, was + gain)) <= Decimal("0.000003")


@given(cases(fresh=True, ready=True), cases(fresh=True, ready=True), st.integers(0, 120_000))
def test_each_side_rises_slowly_and_falls_at_once(one: Case, two: Case, ms: int) -> None:
    """In lots too, whatever binds: head-room or the open-interest cap may jump at one report.

    At the open-interest cap what is held may be held. An unchanged mid, so that money is lots.
    """
    two = replace(
        two, sz_decimals=one.sz_decimals, settings=one.settings, half_mid=one.half_mid,
        cap_lots=one.cap_lots,
    )  # fmt: skip
    before, free = one.derive(), two.derive()
    after = two.derive(previous=(before, Decimal(ms) / 1000))
    share = Fraction(one.settings["limit_rise_frac_per_min"]) * ms / 60_000
    for side in ("lots_long", "lots_short"):
        was, new, now = (int(getattr(limits, side)) for limits in (before, free, after))
        kept = two.position if side == "lots_long" else -two.position
        base = max(was, kept) if two.at_cap else was
        assert now <= new, side
        assert now <= base + 1 + share * (new + 1), side
        if new <= was:
            assert now == new, side


@given(cases(fresh=True, ready=True), st.integers(0, 10**6), st.integers(1, 20))
def test_a_rise_in_many_small_steps_is_the_rise_in_one(case: Case, more: int, steps: int) -> None:
    """What a millisecond adds is far below a lot: it is kept, and adds up."""
    case = replace(case, head_room=(1_000, 1_000), own=(0, 0), position=0, at_cap=None)
    roomy = replace(case, head_room=(1_000 + more, 1_000 + more))
    first = case.derive()
    at_once = roomy.derive(previous=(first, Decimal(steps) / 1000))
    slow = first
    for _ in range(steps):
        slow = roomy.derive(previous=(slow, Decimal("0.001")))
    assert abs(slow.lots_long - at_once.lots_long) <= 1
    assert abs(slow.lots_short - at_once.lots_short) <= 1


BAD = [math.nan, math.inf, -math.inf, "nan", "-inf", Decimal("NaN"), Decimal("Infinity"), "ten"]
PLAIN: dict[str, Any] = {  # Any: the arguments of derive_limits
    "account_value": 1000,
    "max_leverage": 5,
    "sigma": 1e-4,
    "sigma_confidence": 0.5,
    "mid": 100,
    "sz_decimals": 2,
    "fallback_max_position": 1,
    "position": 0,
    "horizon_s": 60,
    "sigma_24h": 1e-4,
    "daily_loss_left": 10,
    "position_cap": 1,
    "asset_max_leverage": 10,
    "exchange_leverage": 5,
    "tier_notional_max": 1000,
    "equity_share": 1,
    "ramp_share": 1,
    "funding_frac": 0.0001,
    "traded_notional_1h": 1000,
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("field", sorted(PLAIN.keys() - {"sz_decimals"}))
def test_no_argument_takes_what_is_no_number(field: str, bad: object) -> None:
    config = mm.DynamicRiskConfig()
    mm.derive_limits(**PLAIN, config=config)
    with pytest.raises(mm.ConfigError, match=field):
        mm.derive_limits(**{**PLAIN, field: bad}, config=config)


@pytest.mark.parametrize("bad", [-1, 7, 2**40, -(10**30)])
def test_decimals_outside_the_lattice_are_refused_in_our_words(bad: int) -> None:
    words = f"sz_decimals was {bad}, expected 0 to 6"
    with pytest.raises(mm.ConfigError, match=words):
        mm.derive_limits(**{**PLAIN, "sz_decimals": bad}, config=mm.DynamicRiskConfig())
    with pytest.raises(mm.ConfigError, match=words):
        mm.Instrument("BTC", 0, bad, 40)


@pytest.mark.parametrize("bad", [None, True, "2", 2.5, math.nan])
def test_decimals_that_are_no_whole_number_are_refused_in_our_words(bad: object) -> None:
    with pytest.raises(TypeError, match=r"sz_decimals was .+, expected a whole number"):
        mm.derive_limits(**{**PLAIN, "sz_decimals": bad}, config=mm.DynamicRiskConfig())


@pytest.mark.parametrize("bad", [None, {}, 3])
def test_settings_of_another_kind_are_refused_in_our_words(bad: object) -> None:
    with pytest.raises(TypeError, match=r"config was .+, expected a DynamicRiskConfig"):
        mm.derive_limits(**{**PLAIN, "config": bad})


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("field", ["head_room", "own_increasing"])
def test_no_pair_takes_what_is_no_number(field: str, bad: object) -> None:
    given = {**PLAIN, "head_room": (1, 1), "own_increasing": (0, 0), field: (1, bad)}
    with pytest.raises(mm.ConfigError, match=f"^{field}"):
        mm.derive_limits(**given, config=mm.DynamicRiskConfig())


@pytest.mark.parametrize("bad", BAD)
def test_no_setting_takes_what_is_no_number(bad: mm.limits.Number) -> None:
    for field in ("risk_fraction", "num_sigmas", "sigma_prior", "gap_move_frac", "sigma_gone_s"):
        with pytest.raises(mm.ConfigError, match=field.removesuffix("_frac")):
            mm.DynamicRiskConfig(**{field: bad})
