"""Kupiec's test, checked by hand; and the engine's volatility covers what it says."""

import json
import math
import time

import numpy as np
import pytest

from engine_desk import EngineDesk
from mm._core import Instrument
from mm.config import load
from mm.coverage.__main__ import of_model
from mm.coverage.moves import moves
from mm.coverage.series import Samples, garch, gbm, sample, synthetic
from mm.coverage.statistics import (
    cover,
    detectable_rate,
    expected_rate,
    likelihood_ratio,
    p_value,
    power,
)

SIGMA = 6e-5
STEP_S = 10.0


def test_the_expected_rate_is_the_normal_tail() -> None:
    assert expected_rate(2.0) == pytest.approx(0.0455003, rel=1e-5)
    assert expected_rate(3.0) == pytest.approx(0.0026998, rel=1e-4)


def test_the_likelihood_ratio_by_hand() -> None:
    """Of 250 days at 1 %, 2.5 failures are expected: LR of 6 is 3.555, of none 5.025."""
    assert likelihood_ratio(250, 6, 0.01) == pytest.approx(3.5554, abs=1e-3)
    assert likelihood_ratio(250, 0, 0.01) == pytest.approx(5.0252, abs=1e-3)
    assert likelihood_ratio(1000, 10, 0.01) == pytest.approx(0.0, abs=1e-12)
    assert p_value(250, 6, 0.01) == pytest.approx(0.05936, abs=1e-4)
    assert likelihood_ratio(0, 0, 0.01) == 0.0


def test_the_power_is_that_of_simulated_series() -> None:
    n, p, rate = 400, 0.0455, 0.09
    failures = np.random.default_rng(3).binomial(n, rate, 4_000)
    rejected = np.mean([p_value(n, int(x), p) < 0.05 for x in failures])
    assert power(n, p, rate) == pytest.approx(rejected, abs=0.03)
    assert power(n, p, p) == pytest.approx(0.05, abs=0.03)
    least = detectable_rate(n, p)
    assert least is not None
    assert power(n, p, least) == pytest.approx(0.8, abs=0.02)
    assert detectable_rate(0, p) is None


def test_too_few_windows_find_nothing() -> None:
    """A handful of 3-sigma windows can prove little, and says so."""
    least = detectable_rate(50, expected_rate(3.0))
    assert least is not None
    assert least > 10 * expected_rate(3.0)


def covered(returns: np.ndarray, horizon_s: float) -> Samples:
    instrument = Instrument("BTC", 0, 5, 40)
    candles, frames = synthetic(returns, STEP_S, instrument)
    config = load(None, {"process.speed": 1.0})
    return sample(config, instrument, frames, horizon_s, candles, gap_s=2 * STEP_S)


def test_on_a_brownian_motion_the_estimate_covers_what_it_says() -> None:
    samples = covered(gbm(24 + 12, STEP_S, SIGMA, seed=11), 60.0)
    assert np.nanmean(samples.sigma) == pytest.approx(SIGMA, rel=0.1)
    found = cover(*samples.scores(60.0, samples.sigma), 2.0)
    assert found.n > 600
    assert found.verdict == "not rejected", found
    assert found.sigmas_needed == pytest.approx(2.0, abs=0.3)


def test_half_of_the_volatility_is_found_out() -> None:
    """The same series against an estimate half as large: the test must reject."""
    samples = covered(gbm(24 + 6, STEP_S, SIGMA, seed=12), 60.0)
    found = cover(*samples.scores(60.0, samples.sigma / 2), 2.0)
    assert found.verdict == "too many failures", found


def test_fat_tails_ask_for_more_sigmas() -> None:
    calm = covered(gbm(24 + 12, STEP_S, SIGMA, seed=13), 60.0)
    wild = covered(garch(24 + 12, STEP_S, SIGMA, seed=13), 60.0)
    needed = [
        cover(*samples.scores(60.0, samples.sigma), 3.0).sigmas_needed for samples in (calm, wild)
    ]
    assert needed[1] > needed[0]


@pytest.mark.parametrize("silence", [9.0, math.nan])
def test_a_window_over_a_silence_is_left_out(silence: float) -> None:
    heard = np.array([0.0, 0.0, silence, 0.0, 0.0, 0.0])
    flat = np.full(6, 100.0)
    samples = Samples(1.0, flat, np.full(6, 1e-4), np.full(6, 1e-4), heard)
    apart, every = samples.scores(1.0, samples.sigma)
    assert len(apart) == len(every) == 3
    assert len(samples.scores(2.0, samples.sigma)[1]) == 1


def test_a_belief_that_is_not_ready_is_left_out() -> None:
    sigma = np.array([math.nan, math.nan, 1e-4, 1e-4])
    samples = Samples(1.0, np.full(4, 100.0), sigma, sigma, np.zeros(4))
    assert len(samples.scores(1.0, samples.sigma)[1]) == 1


def test_why_the_limit_moved() -> None:
    """A fall by the mid, one by equity, and a rise that is bounded."""
    settings = {"limits.leverage_cap": 1.0, "limits.sigma_prior": 1e-5}
    desk = EngineDesk(settings).open(1e-5)
    start = desk.journal
    desk.now_s += 0.1
    desk.bbo(100_100.0)
    desk.now_s += 0.1
    desk.account(equity=9_990.0)
    desk.now_s += 0.1
    desk.account(equity=12_000.0)
    desk.after(10.0, quiet=["account"])
    counts = {"ready_cycles": 10, "two_sided_cycles": 9, "limit": {"valid_cycles": 8}}
    cycles = [line for line in start.splitlines() if line.startswith(b'{"c":')]
    found = moves(cycles[-1] + b"\n" + desk.journal.removeprefix(start), counts)
    assert found.falls == {"mid": 1, "leverage": 1}
    assert set(found.rises) == {"rise"}
    assert (found.two_sided_frac, found.valid_frac) == (0.9, 0.8)


def test_the_table_is_json_and_quick_enough() -> None:
    begun = time.monotonic()
    result = of_model("gbm", 2.0, seed=1)
    assert {row["horizon_s"] for row in json.loads(json.dumps(result))["coverage"]} == {
        60.0,
        3600.0,
    }
    assert time.monotonic() - begun < 60
