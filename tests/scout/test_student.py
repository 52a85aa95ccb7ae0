"""Student's t against printed tables, and where its quantile has a closed form."""

import math
from statistics import NormalDist

import pytest

from mm.student import quantile


@pytest.mark.parametrize(
    ("probability", "df", "printed"),
    [
        (0.95, 4, 2.132),
        (0.975, 1, 12.706),
        (0.975, 9, 2.262),
        (0.975, 10, 2.228),
        (0.975, 120, 1.980),
        (0.995, 5, 4.032),
        (0.9995, 9, 4.781),
        (0.9995, 30, 3.646),
    ],
)
def test_it_is_what_tables_print(probability: float, df: float, printed: float) -> None:
    """NIST/SEMATECH e-Handbook 1.3.6.7.2, and Fisher and Yates for 0.9995: three decimals."""
    assert quantile(probability, df) == pytest.approx(printed, abs=6e-4)


@pytest.mark.parametrize("probability", [0.51, 0.9, 0.999, 1 - 1e-6])
def test_it_has_the_closed_forms_and_ends_in_the_normal(probability: float) -> None:
    assert quantile(probability, 1) == pytest.approx(
        math.tan(math.pi * (probability - 0.5)), rel=1e-9
    )
    q = probability
    assert quantile(q, 2) == pytest.approx((2 * q - 1) / math.sqrt(2 * q * (1 - q)), rel=1e-9)
    assert quantile(q, 1e8) == pytest.approx(NormalDist().inv_cdf(q), rel=1e-6)
    assert quantile(q, 9.5) == pytest.approx((quantile(q, 9) + quantile(q, 10)) / 2, rel=0.02)


@pytest.mark.parametrize(("probability", "df"), [(0.5, 3), (1.0, 3), (0.9, 0), (math.nan, 3)])
def test_what_has_no_quantile_is_refused(probability: float, df: float) -> None:
    with pytest.raises(ValueError, match="degrees of freedom"):
        quantile(probability, df)
