"""The summary's figures: exact decimals, and nothing where nothing is known."""

import pytest

from mm.figures import coin_text, decimal_text, ratio_text, usd_text
from mm.meter import Meter


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 6, "0"),
        (1, 6, "0.000001"),
        (-1_500_000, 6, "-1.5"),
        (2_000_000, 6, "2"),
        (100, 0, "100"),
        (-885, 4, "-0.0885"),
        (9_007_199_254_740_993, 6, "9007199254.740993"),
    ],
)
def test_lattice_integers_become_plain_decimals(value: int, decimals: int, text: str) -> None:
    assert decimal_text(value, decimals) == text


def test_missing_is_not_zero() -> None:
    assert usd_text(None) is None
    assert coin_text(None, 5) is None
    assert ratio_text(1, 0) is None
    assert ratio_text(1, 3) == "0.333333"
    assert set(Meter().latency_us().values()) == {None}


def test_percentiles_are_of_the_nearest_rank() -> None:
    meter = Meter()
    for duration_ns in range(1_000, 101_000, 1_000):
        meter.step_ns.append(duration_ns)
    assert meter.latency_us()["step_p50"] == 51.0
    assert meter.latency_us()["step_p99"] == 100.0
