"""Which perps the venue lists, and the lattice of the one we trade."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from mm._core import Instrument
from mm.errors import ConfigError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.reading import understood

Json = dict[str, Any]  # Any: whatever JSON holds

# Asset numbers of builders' dexes: the first perp of dex `i` is FIRST + i * EACH (HIP-3).
BUILDERS_FIRST = 100_000
BUILDERS_EACH = 10_000
# Number of the token.
USDC = 0


def dex_of(coin: str) -> str:
    """The builder's dex that a coin is of, as in `dex:COIN`; empty on the main one."""
    dex, colon, _ = coin.partition(":")
    return dex if colon else ""


@dataclass(frozen=True, slots=True)
class Perp:
    """A perp as the venue lists it.

    Attributes:
        instrument: Its lattice and number.
        margin_mode: What a position of ours is margined by: `isolated` where the venue allows
            nothing else, else `cross`.
    """

    instrument: Instrument
    margin_mode: str


async def load_perp(http: HttpClient, coin: str) -> Perp:
    """Look a coin up in the venue's own list.

    Args:
        http: The venue.
        coin: The perp, case-sensitive, as the venue writes it; `dex:COIN` on a builder's dex.

    Returns:
        The perp.

    Raises:
        ConfigError: The venue does not list the coin or its dex, has delisted it, or margins it in
            something else than USDC.
        VenueError: No answer, or one that cannot be read.
    """
    dex = dex_of(coin)
    first, scale = await _builders(http, dex) if dex else (0, 1.0)
    meta = await http.info(_query(dex))
    row = _find(_read(meta), coin, http.base_url)
    isolated = bool(row.get("onlyIsolated")) or row.get("marginMode") is not None
    with understood("meta"):
        instrument = Instrument.from_meta(meta, coin, first_asset=first, deployer_scale=scale)
    return Perp(instrument, "isolated" if isolated else "cross")


async def load_instrument(http: HttpClient, coin: str) -> Instrument:
    """The instrument of `load_perp`."""
    return (await load_perp(http, coin)).instrument


async def load_listing(http: HttpClient, coin: str) -> dict[str, object]:
    """The venue's list, cut down to one coin with its margin table.

    Raises:
        ConfigError: The venue does not list the coin, or has delisted it.
        VenueError: No answer.
    """
    meta = _read(await http.info(_query(dex_of(coin))))
    return {**meta, "universe": [_find(meta, coin, http.base_url)]}


def _query(dex: str) -> dict[str, object]:
    return {"type": "meta", "dex": dex} if dex else {"type": "meta"}


def _read(meta: bytes) -> Json:
    with understood("meta"):
        read: Json = dict(json.loads(meta))
        for perp in read["universe"]:
            perp["name"], perp.get("isDelisted")
        return read


def _find(meta: Json, coin: str, base_url: str) -> Json:
    listed = {str(perp["name"]): perp for perp in meta["universe"]}
    if coin in listed:
        if listed[coin].get("isDelisted"):
            raise ConfigError(f"coin {coin} is delisted at {base_url}")
        if (token := meta.get("collateralToken", USDC)) != USDC:
            raise ConfigError(
                f"coin {coin} at {base_url} is margined in token {token}, expected USDC ({USDC}):"
                " every limit and every loss here is counted in USDC"
            )
        perp: Json = listed[coin]
        return perp
    names = list(listed)
    wanted = coin if dex_of(coin) else coin.upper()
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it lists {', '.join(names[:10])}"
    raise ConfigError(f"coin {coin} is unknown at {base_url}: {hint}")


async def _builders(http: HttpClient, dex: str) -> tuple[int, float]:
    """Number of a builder's first perp, and by what its deployer scales fees.

    Dexes count from 1, as `perpDexs` lists them.
    """
    body = await http.info({"type": "perpDexs"})
    with understood("perpDexs"):
        rows = json.loads(body)
        names = [None if row is None else str(row["name"]) for row in rows]
    if dex not in names:
        listed = ", ".join(name for name in names if name) or "none"
        raise ConfigError(f"dex {dex} is unknown at {http.base_url}: it lists {listed}")
    number = names.index(dex)
    with understood("perpDexs"):
        # Before deployers could choose it, it was one.
        scale = float(rows[number].get("deployerFeeScale") or 1.0)
    return BUILDERS_FIRST + number * BUILDERS_EACH, scale
