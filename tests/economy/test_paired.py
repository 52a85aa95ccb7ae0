"""Differences of two series, against what is known by hand."""

import math
import random

import pytest

from mm import paired
from mm.paired import difference, rate_difference


def test_a_constant_difference_has_no_width() -> None:
    found = difference([3.0] * 30, [1.0] * 30)
    assert (found.value, found.low, found.high, found.detectable) == (60.0, 60.0, 60.0, 0.0)


def test_what_the_market_did_to_both_cancels() -> None:
    dice = random.Random(4)
    market = [dice.gauss(0.0, 100.0) for _ in range(60)]
    found = difference([move + 1.0 for move in market], market)
    assert found.value == pytest.approx(60.0)
    assert found.high - found.low < 1e-6


def test_the_interval_is_as_wide_as_noise_makes_it() -> None:
    """Independent minutes of deviation 2: their sum of 400 has 2 x 20, and 1.96 of it a side."""
    dice = random.Random(1)
    found = difference([dice.gauss(0.0, 2.0) for _ in range(400)], [0.0] * 400)
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * 40.0, rel=0.15)
    assert found.detectable == pytest.approx(2.8 * 40.0, rel=0.15)
    again = random.Random(1)
    assert found == difference([again.gauss(0.0, 2.0) for _ in range(400)], [0.0] * 400)


@pytest.mark.parametrize(
    ("minutes", "least", "most"), [(35, 0.86, 0.92), (200, 0.92, 0.96)], ids=["seven blocks", "40"]
)
def test_few_blocks_promise_too_much(
    minutes: int, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How often an interval of 95 % holds nothing, where there is nothing; docs/models.md."""
    monkeypatch.setattr(paired, "DRAWS", 200)
    dice = random.Random(5)
    held = 0
    for _ in range(400):
        found = difference([dice.gauss(0.0, 1.0) for _ in range(minutes)], [0.0] * minutes)
        held += found.low <= 0.0 <= found.high
    print(f"{minutes} minutes: {held / 400:.3f}")
    assert least < held / 400 < most


def test_minutes_that_belong_together_are_drawn_together() -> None:
    """A loss that the next minute takes back is no noise of a sum."""
    swings = [10.0, -10.0] * 100
    apart = difference(swings, [0.0] * 200)
    assert abs(apart.high) < 1.96 * 10.0 * math.sqrt(200) / 1.5


def test_a_rate_is_of_the_sums_not_of_the_minutes() -> None:
    found = rate_difference(([1.0, 5.0], [1.0, 1.0]), ([4.0, 0.0], [2.0, 0.0]))
    assert found is not None
    assert found.value == pytest.approx(3.0 - 2.0)
    assert found.low <= found.value <= found.high
    assert rate_difference(([1.0], [0.0]), ([1.0], [1.0])) is None
