"""The published decision vectors, row by row, through the public interface and the slow reference.

The rows of reduce-only and room state a limit instead of deriving one; the core's own tests hold
them (`rust/mm-core/src/vectors.rs`), because nothing outside can make a limit up.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import mm
import reference

Row = dict[str, Any]  # Any: JSON


def rows(shared_data: Path, section: str) -> list[Row]:
    path = shared_data / "decision-vectors.json"
    found: list[Row] = json.loads(path.read_text())[section]
    assert found
    return found


def config_of(row: Row) -> mm.DynamicRiskConfig:
    return mm.DynamicRiskConfig(
        risk_fraction=row["risk_fraction"],
        num_sigmas=row["num_sigmas"],
        sigma_prior=row["sigma_prior"],
        risk_horizon_s=row["risk_horizon_s"],
    )


def derive(row: Row) -> mm.Limits:
    return mm.derive_limits(
        account_value=row["account_value"],
        max_leverage=row["max_leverage"],
        sigma=row["sigma"],
        sigma_confidence=row["sigma_confidence"],
        mid=row["mid"],
        sz_decimals=row["sz_decimals"],
        config=config_of(row),
        fallback_max_position=row["fallback"],
        daily_loss_left=row["daily_loss_left"],
        position_cap=row["position_cap"],
    )


def test_value_limit_rows(shared_data: Path) -> None:
    for row in rows(shared_data, "value_limit"):
        wanted = row["wanted"]
        limits = derive(row["inputs"])
        found = {
            "leverage_limit": limits.terms["leverage"],
            "volatility_limit": limits.terms["volatility"],
            "max_position_value": limits.max_position_value_usd,
        }
        assert found == {key: Decimal(wanted[key]) for key in found}, row
        assert limits.lots_long == limits.lots_short == wanted["effective_lots"], row
        coin = Decimal(wanted["effective_lots"]).scaleb(-row["inputs"]["sz_decimals"])
        assert limits.effective_max_position_long == coin
        assert (limits.binding, limits.source) == (wanted["binding"], wanted["source"]), row


def test_value_limit_rows_by_the_reference(shared_data: Path) -> None:
    for row in rows(shared_data, "value_limit"):
        wanted, given = row["wanted"], row["inputs"]
        inputs: dict[str, reference.Json] = json.loads(derive(given).json)["inputs"]
        settings: dict[str, reference.Json] = {
            "risk_fraction": given["risk_fraction"],
            "num_sigmas": given["num_sigmas"],
            "sigma_prior": given["sigma_prior"],
            "risk_horizon_s": given["risk_horizon_s"],
            "position_cap_coin": given["position_cap"],
            "warmup_max_position_coin": given["fallback"],
            "limit_rise_frac_per_min": "0.1",
        }
        exact = reference.derive(inputs, settings, {}, sz_decimals=given["sz_decimals"])
        assert exact.source == wanted["source"]
        assert reference.floor(exact.long) == wanted["effective_lots"], row
        assert exact.value is not None
        assert f"{float(exact.value):.6f}" == f"{float(wanted['max_position_value']):.6f}"


def test_degenerate_rows(shared_data: Path) -> None:
    # The rows state one input; the others are those of a plain valid row.
    base = rows(shared_data, "value_limit")[2]["inputs"]
    for row in rows(shared_data, "degenerate"):
        given, wanted = {**base, **row["inputs"]}, row["wanted"]
        if wanted == "refused at the door":
            with pytest.raises(mm.ConfigError, match=next(iter(row["inputs"]))):
                derive(given)
        elif isinstance(wanted, str):
            assert "confidence 0" in wanted
            unsure = derive({**base, "sigma_confidence": "0"})
            assert derive(given).terms["volatility"] == unsure.terms["volatility"]
        else:
            limits = derive(given)
            assert limits.lots_long == limits.lots_short == wanted["effective_lots"], row
            assert limits.source == wanted.get("source", limits.source), row
