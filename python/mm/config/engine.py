"""What the configuration becomes on its way out: the engine's JSON, and stretched deadlines."""

import json
from typing import Any

from mm.config.models import Config

MARKET_DEADLINES_S = {"2026": (5.0, 15.0), "legacy": (2.0, 5.0)}
"""Degraded and gone, by cadence of market data."""
FRESH_WALL_S = 0.5
"""No input counts as late before this much wall time: less is the machine's own jitter."""
EXPIRY_WALL_S = 1.0
"""No action expires before this much wall time."""
STALE_WALL_S = 5.0
"""No stream counts as gone for good before this much wall time."""
UNEXPLAINED_WALL_S = 2.0
"""Nothing counts as unexplained for good before this much wall time: queries take theirs."""


def engine_config_json(config: Config, session: int, cloid_start: int = 0) -> str:
    """The engine's whole configuration.

    Args:
        config: An effective configuration, of one coin.
        session: This run's id, unsigned 64 bit; the engine makes its cloids from it.
        cloid_start: Cloids of this session made before.

    Returns:
        A JSON object as `mm._core.Engine` reads it; absent values are null. The freshness
        deadlines are in market seconds.
    """
    whole: dict[str, Any] = {  # Any: JSON
        "session": session,
        "cloid_start": cloid_start,
        "action_life_s": expires_after_s(config),
    }
    for section in ("limits", "quoting", "models", "protection"):
        whole[section] = getattr(config, section).model_dump(mode="json")
    if not books_show_own(config):
        whole["books_show_own"] = False
    whole["control"] = control(config)
    whole["freshness"] = freshness_s(config)
    whole["recovery"] = recovery(config)
    whole["requests"] = requests(config)
    return json.dumps(whole, allow_nan=False)


def control(config: Config) -> dict[str, Any]:  # Any: JSON
    """The engine's control section: what depends on the network chosen, deadlines stretched."""
    settings = config.control.model_dump(mode="json")
    paper = config.process.network == "paper"
    if settings["ramp"] is None:
        settings["ramp"] = config.process.network == "mainnet"
    for key, on_paper in (("on_kill", "flatten"), ("on_exit", "hold")):
        if paper and settings[key] is None:
            settings[key] = on_paper
    for key, least_wall_s in (
        ("kill_stale_s", STALE_WALL_S),
        ("kill_unexplained_s", UNEXPLAINED_WALL_S),
    ):
        settings[key] = max(settings[key], least_wall_s * speed(config))
    for key in ("kill_deadline_s", "exit_deadline_s"):
        settings[key] *= speed(config)
    return settings


def books_show_own(config: Config) -> bool:
    """Whether the books that we hear show our own orders: a recording's and a mirror's do not."""
    virtual = config.process.market.startswith(("replay:", "mirror"))
    return not (virtual and config.process.network == "paper")


def cadence(config: Config) -> str:
    """The cadence of market data, `2026` or `legacy`: as given, else by the kind of market."""
    if config.process.cadence is not None:
        return config.process.cadence
    recorded = config.process.network == "paper" and config.process.market.startswith("replay:")
    return "legacy" if recorded else "2026"


def speed(config: Config) -> float:
    """Market seconds per second of wall time: 1 where the market is not ours."""
    return config.process.speed if config.process.network == "paper" else 1.0


def freshness_s(config: Config) -> dict[str, float]:
    """Freshness deadlines in market seconds, each pair stretched alike to 0.5 s of wall time."""
    given = config.freshness
    deadlines: dict[str, float] = {}
    for stem in ("market", "account", "head_room", "sigma", "own_stream"):
        degraded = getattr(given, f"{stem}_degraded_s")
        gone = getattr(given, f"{stem}_gone_s")
        if degraded is None:
            degraded, gone = MARKET_DEADLINES_S[cadence(config)]
        stretch = max(1.0, FRESH_WALL_S * speed(config) / degraded)
        deadlines[f"{stem}_degraded_s"] = degraded * stretch
        deadlines[f"{stem}_gone_s"] = gone * stretch
    return deadlines


def recovery(config: Config) -> dict[str, Any]:  # Any: JSON
    """The section `[recovery]`, its graces in market seconds and at least 0.5 s of wall time."""
    given: dict[str, Any] = config.recovery.model_dump(mode="json")
    for key in ("reconcile_grace_s", "sweep_grace_s"):
        given[key] = max(given[key], FRESH_WALL_S * speed(config))
    return given


def requests(config: Config) -> dict[str, Any]:  # Any: JSON
    """The section `[requests]`; a watchdog that does not run needs no share of the weight."""
    given: dict[str, Any] = config.requests.model_dump(mode="json")
    given["watchdog_weight_per_min"] = watchdog_weight(config)
    return given


def watchdog_weight(config: Config) -> int:
    """Weight a minute of our IP address that is the watchdog's."""
    return config.requests.watchdog_weight_per_min if config.process.watchdog == "process" else 0


def expires_after_s(config: Config) -> float:
    """Life of an action in market seconds, at least 1 s of wall time."""
    return max(config.process.expires_after_s, EXPIRY_WALL_S * speed(config))


def levels_possible(config: Config, equity_usd: float, leverage: float) -> int:
    """How many of the configured levels an account can hold at the venue's least size.

    Args:
        config: An effective configuration.
        equity_usd: Account value.
        leverage: As set on the exchange.

    Returns:
        0 (the start is refused) to `levels`. An upper bound: risk may allow fewer.
    """
    quoting = config.quoting
    share = config.limits.equity_share_frac or 1.0
    side_usd = equity_usd * share * min(leverage, config.limits.leverage_cap)
    side_usd *= quoting.target_liquidity_frac
    return min(quoting.levels, int(side_usd // quoting.min_level_usd))
