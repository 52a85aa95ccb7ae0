"""The limit, the sizing and the filter as Python sees them."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import mm
from mm.config import FreshnessConfig, LimitConfig

PLAIN: dict[str, Any] = {  # Any: the arguments of derive_limits
    "account_value": 10_000,
    "max_leverage": 5,
    "sigma": 1e-4,
    "sigma_confidence": 0.9,
    "mid": "100000",
    "sz_decimals": 5,
    "fallback_max_position": "0.01",
}


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


def derive(**given: Any) -> mm.Limits:  # noqa: ANN401 - as above
    return mm.derive_limits(**{**PLAIN, "config": mm.DynamicRiskConfig(), **given})


def size(limits: mm.Limits, **given: Any) -> mm.Ladder:  # noqa: ANN401 - as above
    plain = {
        "position": 0,
        "mid": 100_000,
        "bid_px": ints(999_990, 999_980),
        "bid_fill_rate": floats(0.5, 0.25),
        "bid_net_capture_bps": floats(1, 2),
        "ask_px": ints(1_000_010, 1_000_020),
        "ask_fill_rate": floats(0.5, 0.25),
        "ask_net_capture_bps": floats(1, 2),
        "target": 1_000,
        "min_level_usd": 12,
    }
    config = mm.DynamicRiskConfig()
    return mm.size_ladder(limits=limits, config=config, **{**plain, **given})


def test_the_defaults_are_those_of_the_configuration() -> None:
    config = mm.DynamicRiskConfig()
    given_with_each_call = ("position_cap", "warmup", "equity_share")
    for name, value in LimitConfig().model_dump().items():
        if not name.startswith(given_with_each_call):
            assert getattr(config, name) == value, name
    for name, value in FreshnessConfig().model_dump().items():
        if value is not None:
            assert getattr(config, name) == value, name


def test_numbers_may_be_floats_decimals_or_text() -> None:
    ways: list[Any] = [float, Decimal, str]  # Any: classes called alike
    found = [derive(account_value=way("627.445283"), mid=way("88571.5")) for way in ways]
    assert found[0] == found[1] == found[2]
    assert derive(sigma="1e-4") == derive(sigma=0.0001)
    with pytest.raises(TypeError):
        derive(mid=True)
    with pytest.raises(TypeError):
        derive(mid=[1])


def test_a_position_off_the_lattice_is_refused() -> None:
    with pytest.raises(mm.ConfigError, match="position"):
        derive(position="0.000001")


def test_a_limit_cannot_be_made_or_changed() -> None:
    with pytest.raises(TypeError):
        mm.Limits()
    with pytest.raises(AttributeError):
        derive().lots_long = 5  # type: ignore[misc]  # what must not work


def test_ages_make_it_degraded_and_name_their_keys() -> None:
    first = derive()
    late = derive(ages={"account": 31}, previous=(first, 31), position="0.001")
    assert (late.source, late.lots_long) == ("degraded", first.lots_long)
    gone = derive(ages={"account": 121}, previous=(late, 90), position="0.001")
    assert (gone.lots_long, gone.lots_short, gone.binding) == (0, first.lots_short, "gone")
    assert derive(ages={"account": None}).source == "valid"
    with pytest.raises(mm.ConfigError, match="acount"):
        derive(ages={"acount": 1})


def test_a_deadline_is_the_configurations() -> None:
    slow = mm.DynamicRiskConfig(account_degraded_s=60)
    assert derive(ages={"account": 31}, config=slow).source == "valid"
    with pytest.raises(mm.ConfigError, match="gone"):
        mm.DynamicRiskConfig(account_degraded_s=120)


def test_the_two_sides_differ_by_head_room() -> None:
    limits = derive(position="0.01", head_room=("0.005", 1), own_increasing=("0.001", 0))
    assert (limits.effective_max_position_long, limits.binding_long) == (
        Decimal("0.016"),
        "head_room",
    )
    assert limits.lots_short > limits.lots_long
    assert limits.binding == "head_room"
    assert limits.terms["head_room"] is None
    assert limits.holds("0.016")
    assert not limits.holds("0.01601")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"head_room": (1, 1), "own_increasing": (0, 0)}, "position"),
        ({"head_room": (1, 1), "position": 0}, "own_increasing"),
        ({"at_open_interest_cap": True}, "position"),
    ],
)
def test_what_is_relative_to_a_position_is_refused_without_one(
    given: dict[str, object], missing: str
) -> None:
    with pytest.raises(mm.ConfigError, match=f"{missing} was None, expected a value beside"):
        derive(**given)


def test_sizes_move_with_what_they_should_depend_on() -> None:
    limits = derive()
    plain = size(limits)
    assert plain.bid_sz.dtype == plain.bid_px.dtype == np.int64
    assert plain.bid_sz.sum() == plain.ask_sz.sum() == 1_000
    steeper = size(limits, bid_fill_rate=floats(0.75, 0.25), ask_fill_rate=floats(0.75, 0.25))
    richer = size(limits, bid_net_capture_bps=floats(1.5, 2), ask_net_capture_bps=floats(1.5, 2))
    calmer = derive(sigma=0.5e-4)
    fuller = size(limits, position=limits.lots_long - 400)
    changed = [steeper, richer, size(calmer, target=calmer.lots_long // 5), fuller]
    for other in changed:
        assert other.bid_sz.tolist() != plain.bid_sz.tolist()


def test_reduce_only_orders_are_capped_and_every_lot_is_accounted_for() -> None:
    limits = derive()
    over = limits.lots_long + 10
    plan = mm.reduce_only_filter(
        limits=limits,
        config=mm.DynamicRiskConfig(),
        position=over,
        mid="100000",
        bid_px=ints(999_990),
        bid_sz=ints(500),
        ask_px=ints(1_000_010, 1_000_020),
        ask_sz=ints(over - 100, 200),
    )
    assert (plan.mode, plan.reduce_only, plan.rooms) == ("no_bids", True, None)
    assert plan.ask_sz.tolist() == [over - 100, 100]
    assert sorted((r.side, r.sz, r.reason) for r in plan.refusals) == [
        ("ask", 100, "ReducingCap"),
        ("bid", 500, "OverValueLimit"),
    ]


def test_bad_arrays_are_refused_by_name() -> None:
    limits = derive()
    cases: list[tuple[dict[str, Any], str]] = [  # Any: wrong on purpose
        ({"bid_px": ints(999_990)}, "lengths"),
        ({"bid_px": ints(0, 1)}, "px"),
        ({"bid_fill_rate": floats(np.nan, 1)}, "fill_rate"),
        ({"bid_net_capture_bps": floats(np.inf, 1)}, "net_capture_bps"),
        ({"target": -1}, "target"),
        ({"mid": 0}, "mid"),
        ({"margin_free_usd": 5}, "margin_leverage"),
        ({"other_reason": "Mood"}, "other_reason"),
    ]
    for given, words in cases:
        with pytest.raises(mm.ConfigError, match=words):
            size(limits, **given)
    with pytest.raises(TypeError):
        size(limits, bid_px=floats(999_990, 999_980))


def test_margin_is_shared_by_both_sides() -> None:
    ladder = size(derive(), margin_free_usd=100, margin_leverage=10)
    increasing = [*zip(ladder.bid_px, ladder.bid_sz, strict=True)]
    increasing += zip(ladder.ask_px, ladder.ask_sz, strict=True)
    assert 990 * 10**6 < sum(int(px) * int(sz) for px, sz in increasing) <= 1000 * 10**6
    assert {refusal.reason for refusal in ladder.refusals} == {"MarginLeft"}
