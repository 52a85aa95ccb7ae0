"""The test of a difference: how often it finds one where there is none, and where there is one."""

import math
import random

import numpy as np
import pytest

from mm.forecast.judged import Series, judged
from mm.forecast.sigma import qlike

MINUTES = 32
SERIES = 2_000


def walk(dice: random.Random, keeps: float, shift: float = 0.0) -> Series:
    """Twelve observations a minute, each remembering the one before."""
    value, values = 0.0, []
    for _ in range(12 * MINUTES):
        value = keeps * value + dice.gauss(0.0, 1.0)
        values.append(value + shift)
    return Series.of(np.repeat(np.arange(MINUTES), 12), np.array(values))


def newey_west_alarms(series: Series, lag: int = 3) -> bool:
    """What is usual: Bartlett's weights, and 1.96."""
    sums = np.bincount(series.minutes, series.values)
    around = sums - sums.mean()
    variance = float(around @ around)
    for by in range(1, lag + 1):
        variance += 2.0 * (1.0 - by / (lag + 1)) * float(around[by:] @ around[:-by])
    return bool(abs(sums.sum()) > 1.96 * math.sqrt(variance))


@pytest.mark.parametrize(
    ("keeps", "most"), [(0.0, 0.065), (0.9, 0.065), (0.96, 0.09)], ids=["none", "50 s", "2 min"]
)
def test_nothing_is_found_where_nothing_is(keeps: float, most: float) -> None:
    """Of 2,000 series without a difference, by how long what comes every 5 s is remembered: five in
    a hundred are asked for. docs/models.md has what was found."""
    dice = random.Random(11)
    found = usual = 0
    for _ in range(SERIES):
        series = walk(dice, keeps)
        told = judged(series)
        assert told is not None
        found += told.verdict != "cannot be told"
        usual += newey_west_alarms(series)
    print(f"{keeps}: {found / SERIES:.3f}, Newey and West {usual / SERIES:.3f}")
    assert found / SERIES < most
    assert usual / SERIES > found / SERIES + 0.02


def test_a_difference_of_one_deviation_of_a_minute_is_found_with_its_sign() -> None:
    dice = random.Random(12)
    verdicts = {"gains": 0, "loses": 0, "cannot be told": 0}
    for number in range(400):
        told = judged(walk(dice, 0.0, (1 if number % 2 else -1) / math.sqrt(12)))
        assert told is not None
        verdicts[told.verdict] += 1
    assert verdicts["gains"] > 170
    assert verdicts["loses"] > 170


def test_by_hand() -> None:
    """Means over counts, not over minutes; nothing that varies has no width."""
    minutes = np.arange(12, dtype=np.int64)
    counts = np.where(minutes % 2, 1.0, 3.0)
    told = judged(Series(minutes, 2.0 * counts, counts))
    assert told is not None
    assert (told.value, told.low, told.high, told.n) == (2.0, 2.0, 2.0, 24.0)
    assert told.verdict == "gains"
    assert told.df == 2  # 0.4 of 12^(2/3) = 5.24


def test_the_first_cosine_by_hand() -> None:
    """Of a step the first transform alone is large: it is what the error is made of."""
    values = np.array([1.0] * 6 + [-1.0] * 6)
    told = judged(Series.of(np.arange(12), values))
    assert told is not None
    places = (np.arange(12) + 0.5) / 12
    squares = [
        (math.sqrt(2 / 12) * float(values @ np.cos(math.pi * wave * places))) ** 2
        for wave in (1, 2)
    ]
    se = math.sqrt(12 * sum(squares) / 2) / 12
    assert told.value == 0.0
    assert told.high == pytest.approx(4.302653 * se, rel=1e-6)


def test_few_minutes_say_nothing() -> None:
    of = np.ones(9)
    assert judged(Series.of(np.arange(9), of)) is None
    # Forty minutes, and something to divide by in nine of them.
    counts = np.zeros(40)
    counts[:9] = 1.0
    assert judged(Series(np.arange(40), np.zeros(40), counts)) is None


def test_qlike_is_least_at_the_truth() -> None:
    """Patton (2011): noise of the realised variance, unbiased, changes no order."""
    dice = np.random.default_rng(5)
    realised = 4.0 * dice.chisquare(12, 20_000) / 12
    losses = {of: float(qlike(np.full(20_000, of), realised).mean()) for of in (2.0, 3.6, 4.0, 4.4)}
    assert min(losses, key=lambda of: losses[of]) == 4.0
    assert losses[4.0] == pytest.approx(math.log(4.0) + 1.0, abs=0.02)
