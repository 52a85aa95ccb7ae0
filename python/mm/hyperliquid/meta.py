"""Which perps the venue lists, and the lattice of the one we trade."""

from __future__ import annotations

import difflib
import json
from typing import Any

from mm._core import Instrument
from mm.errors import ConfigError
from mm.hyperliquid.http import HttpClient


async def load_instrument(http: HttpClient, coin: str) -> Instrument:
    """Look a coin up in the venue's own list.

    Args:
        http: The venue.
        coin: The perp, case-sensitive, as the venue writes it.

    Returns:
        The instrument.

    Raises:
        ConfigError: The venue does not list the coin, or has delisted it.
        VenueError: No answer.
    """
    meta = await http.info({"type": "meta"})
    _find(json.loads(meta), coin, http.base_url)
    return Instrument.from_meta(meta, coin)


async def load_listing(http: HttpClient, coin: str) -> dict[str, object]:
    """The venue's list, cut down to one coin with its margin table.

    Raises:
        ConfigError: The venue does not list the coin, or has delisted it.
        VenueError: No answer.
    """
    meta = json.loads(await http.info({"type": "meta"}))
    return {**meta, "universe": [_find(meta, coin, http.base_url)]}


def _find(meta: dict[str, Any], coin: str, base_url: str) -> dict[str, Any]:  # Any: JSON
    listed = {str(perp["name"]): perp for perp in meta["universe"]}
    if coin in listed:
        if listed[coin].get("isDelisted"):
            raise ConfigError(f"coin {coin} is delisted at {base_url}")
        perp: dict[str, Any] = listed[coin]
        return perp
    names = list(listed)
    near = difflib.get_close_matches(coin.upper(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it lists {', '.join(names[:10])}"
    raise ConfigError(f"coin {coin} is unknown at {base_url}: {hint}")
