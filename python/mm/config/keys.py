"""What every key of the configuration has: a default, a unit, a range and its meaning.

A key carries its unit in its name (`_usd`, `_coin`, `_bps`, `_s`, `_frac`: a share 0..1); what has
no unit is a count, a ratio or a word. `None` means what the key's text says, never zero.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

USD = "USD"
COIN = "coin"
BPS = "bps"
SECONDS = "seconds"
SHARE = "a share between 0 and 1"
PER_BPS = "1/bps"
PER_SECOND = "1/second"
SIGMA = "standard deviation of log mid per sqrt(second), a fraction (BTC about 6e-5)"
RATIO = "a ratio"
COUNT = "a whole number"
WORD = "a word"
PORT = "a TCP port"


def key(default: object, unit: str, says: str, **bounds: float) -> Any:  # noqa: ANN401 - as Field
    """A key: its default, unit, meaning and range."""
    return Field(default, description=says, json_schema_extra={"unit": unit}, **bounds)  # type: ignore[call-overload,unused-ignore]  # bounds are gt, ge, lt, le


def as_tuple(value: object) -> object:
    """A list of TOML as the tuple that a frozen model holds."""
    return tuple(value) if isinstance(value, list) else value


class Section(BaseModel):
    """What every section has in common: frozen, no unknown keys, no coercion, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
