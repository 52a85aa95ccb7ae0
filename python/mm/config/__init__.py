"""Configuration: TOML in, frozen models out. Every default of `mm` is there, and once."""

from mm.config.engine import engine_config_json, expires_after_s, levels_possible
from mm.config.models import (
    BacktestConfig,
    Config,
    ControlConfig,
    FreshnessConfig,
    LimitConfig,
    QuotingConfig,
)
from mm.config.process import MADE_UP, AccountConfig, PaperConfig, ProcessConfig
from mm.config.reading import load, parse
from mm.config.writing import example_toml, to_toml

__all__ = [
    "MADE_UP",
    "AccountConfig",
    "BacktestConfig",
    "Config",
    "ControlConfig",
    "FreshnessConfig",
    "LimitConfig",
    "PaperConfig",
    "ProcessConfig",
    "QuotingConfig",
    "engine_config_json",
    "example_toml",
    "expires_after_s",
    "levels_possible",
    "load",
    "parse",
    "to_toml",
]
