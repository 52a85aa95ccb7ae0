"""TOML to `Config`, and errors that name the file, the key, the value and the unit expected."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mm.config.coins import SHARE, faults, in_coin, of_coin
from mm.config.keys import Section
from mm.config.models import Config
from mm.errors import ConfigError

SUFFIXES = {
    "_usd": "USD",
    "_coin": "coin",
    "_bps": "bps",
    "_pct": "percent",
    "_percent": "percent",
    "_frac": "a share between 0 and 1",
    "_ms": "milliseconds",
    "_us": "microseconds",
    "_ns": "nanoseconds",
    "_s": "seconds",
    "_sec": "seconds",
    "_secs": "seconds",
    "_seconds": "seconds",
    "_min": "minutes",
    "_minutes": "minutes",
    "_h": "hours",
    "_hours": "hours",
    "_x": "a ratio",
}
"""Suffixes that name a unit, ours and those people try."""

RENAMED = {
    "max_position": "limits.warmup_max_position_usd (the fallback while warming up) or"
    " limits.position_cap_usd (a hard limit, always in force); a bare max_position reads like a"
    " cap and was only the first",
    "max_absolute_position_size": "limits.warmup_max_position_usd (the fallback while warming up)"
    " or limits.position_cap_usd (a hard limit, always in force)",
    "asset": "process.coin",
    "symbol": "process.coin",
    "ticker": "process.coin",
    "target_liquidity": "quoting.target_liquidity_frac (a share of the effective limit)",
    "strategy_type": "quoting.strategy",
    "inventory_skew_factor": "quoting.inventory_skew_bps (bps at full inventory)",
    "gamma": "quoting.risk_aversion (a multiple of the gamma derived from the ladder)",
    "decimals": "nothing: decimals come from the venue",
    "leverage": "limits.leverage_cap, or account.leverage for what is set on the exchange",
}
"""Names of the original's options, and what they are called here."""


def load(path: Path | None, overrides: Mapping[str, object] | None = None) -> Config:
    """Read and check a configuration file.

    Args:
        path: TOML file; None: the defaults. Unknown keys are errors.
        overrides: Values of the command line by `section.key`; they win over the file.

    Returns:
        A frozen configuration; every default has been applied here and nowhere else.

    Raises:
        ConfigError: With the file, key, value and expected unit; a line for each fault.
    """
    if path is None:
        return parse({}, "defaults", overrides)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return parse(document, str(path), overrides)


def parse(
    document: Mapping[str, object], source: str, overrides: Mapping[str, object] | None = None
) -> Config:
    """Check a configuration that is already a mapping.

    Args:
        document: Sections by name, each a mapping of keys.
        source: What errors call it: a file, as a rule.
        overrides: As in `load`.

    Returns:
        A frozen configuration.

    Raises:
        ConfigError: As in `load`.
    """
    merged: dict[str, object] = dict(document)
    origins: dict[tuple[str, ...], str] = {}
    for name, value in (overrides or {}).items():
        section, _, key = name.partition(".")
        inner = merged.get(section, {})
        if isinstance(inner, Mapping):
            # Which coins are quoted is said in one of two ways.
            other = {"process.coin": "coins", "process.coins": "coin"}.get(name)
            inner = {**{known: v for known, v in inner.items() if known != other}, key: value}
        merged[section] = inner
        origins[section, key] = "command line"
    tables = merged.pop("coin", {})
    config = _checked(merged, lambda detail: _say(detail, origins, source))
    if "coin" in document or len(config.coins) > 1:
        config.divide(_each(config, merged, tables, source))
    return config


def _checked(document: Mapping[str, object], say: Callable[[ErrorDetails], str]) -> Config:
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError("\n".join(say(detail) for detail in details)) from None


def _each(
    config: Config, document: Mapping[str, object], tables: object, source: str
) -> tuple[Config, ...]:
    """The configuration of each coin.

    Raises:
        ConfigError: As in `load`; or the coins' shares of equity are more than all of it.
    """
    coins = config.coins
    lines = faults(tables, coins, source)
    if len(coins) > 1:
        lines += in_coin(document, source)
    if lines:
        raise ConfigError("\n".join(lines))
    assert isinstance(tables, Mapping), "looked at by `faults`"
    each = []
    for coin in coins:
        sections = tables.get(coin, {})
        whole = of_coin(document, sections, coin, len(coins))
        own: dict[tuple[str, ...], str] = {
            (name, key): f"{source}: [coin.{coin}.{name}]"
            for name in sections
            for key in sections[name]
        }
        each.append(_checked(whole, partial(_say_of_coin, own=own, coin=coin, source=source)))
    shares = sum(one.limits.equity_share_frac or 0.0 for one in each)
    if shares > 1 + 1e-9:
        raise ConfigError(
            f"{source}: [limits] {SHARE}: the shares of {', '.join(coins)} add up to {shares:g}:"
            " expected at most 1, a share between 0 and 1 each"
        )
    return tuple(each)


def _say_of_coin(
    detail: ErrorDetails, *, own: Mapping[tuple[str, ...], str], coin: str, source: str
) -> str:
    """One fault of what was said for one coin; what the rest says was good before."""
    said = _say(detail, {}, source)
    place = own.get(tuple(str(part) for part in detail["loc"][:2]))
    if place is None:
        return said.replace(f"{source}: ", f"{source}: [coin.{coin}] ", 1)
    return said.replace(f"{source}: [{detail['loc'][0]}]", place, 1)


def sections() -> dict[str, type[Section]]:
    """The sections by name, in the order of the file."""
    found: dict[str, type[Section]] = {}
    for name, field in Config.model_fields.items():
        assert isinstance(field.annotation, type), f"section {name} is not a model"
        found[name] = field.annotation
    return found


def unit_of(field: FieldInfo) -> str:
    """The unit of a key, as errors and the example print it."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict), "every key is made by models._key"
    return str(extra["unit"])


def _say(detail: ErrorDetails, origins: Mapping[tuple[str, ...], str], source: str) -> str:
    """One fault in one line."""
    place = [str(part) for part in detail["loc"]]
    where = origins.get(tuple(place[:2]), source)
    value = detail["input"]
    if not place:
        return f"{where}: {_reason(detail)}"
    name = place[0]
    section = sections().get(name)
    if section is None:
        return f"{where}: {_unknown_at_top(name, value)}"
    if len(place) == 1:
        if detail["type"] in {"model_type", "model_attributes_type"}:
            return f"{where}: {name} = {_shown(value)}: expected a table [{name}]"
        return f"{where}: [{name}] {_reason(detail)}"
    key = place[1]
    if detail["type"] == "extra_forbidden":
        return f"{where}: [{name}] {key} = {_shown(value)}: unknown key{_hint(name, key)}"
    unit = unit_of(section.model_fields[key])
    return f"{where}: [{name}] {key} = {_shown(value)}: {_reason(detail)}; expected {unit}"


def _reason(detail: ErrorDetails) -> str:
    """Pydantic's own words, lower case; our validators' words as they are."""
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "string_pattern_mismatch":
        return "not one of the accepted forms"
    if detail["type"] == "value_error":
        return message
    return message.replace("Input should be", "should be", 1)


def _unknown_at_top(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        near = get_close_matches(name, sections(), n=1)
        hint = f"; did you mean [{near[0]}]?" if near else f"; there are {_listed(sections())}"
        return f"[{name}]: unknown section{hint}"
    return f"{name} = {_shown(value)}: unknown key outside of a section{_hint(None, name)}"


def _hint(section: str | None, key: str) -> str:
    """What may have been meant by an unknown key: same stem and other unit, old name, or near."""
    known = {
        f"{name}.{field}": unit_of(info)
        for name, model in sections().items()
        for field, info in model.model_fields.items()
    }
    if key in RENAMED:
        return f"; did you mean {RENAMED[key]}?"
    elsewhere = [full for full in known if full.split(".")[1] == key]
    if elsewhere:
        return f"; it belongs in [{elsewhere[0].split('.')[0]}]"
    same_stem = [full for full in known if _stem(full.split(".")[1]) == _stem(key)]
    here = [full for full in same_stem if full.split(".")[0] == section] or same_stem
    if here:
        meant = " or ".join(f"{_short(full, section)} ({known[full]})" for full in here)
        tried = next((unit for suffix, unit in SUFFIXES.items() if key.endswith(suffix)), None)
        unit = f", not {tried}" if tried and all(tried not in known[full] for full in here) else ""
        return f"; did you mean {meant}{unit}?"
    near = get_close_matches(
        key, [full.split(".")[1] for full in known if full.split(".")[0] == section], n=1
    ) or get_close_matches(key, [full.split(".")[1] for full in known], n=1)
    if near:
        full = next(full for full in known if full.split(".")[1] == near[0])
        return f"; did you mean {_short(full, section)} ({known[full]})?"
    return ""


def _short(full: str, section: str | None) -> str:
    """The bare key where the section is the one we are in, else with its section."""
    name, key = full.split(".")
    return key if name == section else f"[{name}] {key}"


def _stem(key: str) -> str:
    """A key without its unit."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if key.endswith(suffix):
            return key.removesuffix(suffix)
    return key


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever the file held
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)
