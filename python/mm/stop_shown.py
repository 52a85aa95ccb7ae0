"""The stop that rests at the exchange, as status, metrics and `mm explain` show it.

rests    as it should be            missing  one is wanted and none rests
behind   it is about to be moved    none     there is nothing to stop, or nobody can say where
off      switched off
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mm.figures import coin_text, decimal_text, usd_text

Json = dict[str, Any]  # Any: JSON of the core's

STATES = ("rests", "behind", "missing", "none", "off")
PX_DECIMALS = 6
"""Of a perp's price, less those of its sizes."""


def state_of(resident: Mapping[str, Any]) -> str:
    """One of `STATES`, by the section `resident` of a snapshot."""
    if resident["suits"] is not None:
        return "rests"
    if resident["protects"]:
        return "rests" if resident["wanted"] is None else "behind"
    if resident["none"] == "off":
        return "off"
    return "none" if resident["wanted"] is None else "missing"


def protecting(resident: Mapping[str, Any]) -> Json | None:
    """The stop that suits, or else the newest that rests."""
    resting: list[Json] = [stop for stop in resident["stops"] if stop["state"] == "resting"]
    suits = [stop for stop in resting if stop["cloid"] == resident["suits"]]
    return (suits or resting)[-1] if resting else None


def px_text(px: int, sz_decimals: int) -> str:
    """A lattice price as USDC."""
    return decimal_text(px, PX_DECIMALS - sz_decimals)


def shown(resident: Mapping[str, Any], sz_decimals: int) -> Json:
    """State, why there is none, and the terms of the one that rests; money as decimal strings."""
    stop, wanted = protecting(resident), resident["wanted"]
    return {
        "state": state_of(resident),
        "why": resident["none"],
        "side": None if stop is None else stop["side"],
        "trigger_usd": None if stop is None else px_text(stop["trigger_px"], sz_decimals),
        "size": None if stop is None else coin_text(stop["sz"], sz_decimals),
        "wanted_usd": None if wanted is None else px_text(wanted["trigger_px"], sz_decimals),
        "loss_usd": None if wanted is None else usd_text(wanted["loss"]),
    }


def text(stop: Mapping[str, Any], coin: str) -> str:
    """`shown` for a person, on one line."""
    state, why = stop["state"], stop["why"]
    if state == "off":
        return "switched off by [protection] resident_stop"
    if state == "missing":
        return f"MISSING: wanted at {stop['wanted_usd']}, and none rests at the exchange"
    reason = "" if why is None else f" ({why.replace('_', ' ')})"
    if stop["trigger_usd"] is None:
        return f"none{reason}"
    way = "sells" if stop["side"] == "Ask" else "buys"
    moved = f", about to move to {stop['wanted_usd']}" if state == "behind" else ""
    at = stop["trigger_usd"]
    return f"{way} {stop['size']} {coin} when mark reaches {at}{moved}{reason}"
