"""From the options of `mm exchange` to an exchange that is open: market, accounts, settings."""

import asyncio
import json
import re
import secrets
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mm._core import PaperExchange
from mm.config import MADE_UP
from mm.errors import ConfigError, EventError
from mm.frames import listing_beside, read_frames
from mm.paper.mirror import Source, find, source_url

BLOCK_MS = 70
"""Exchange time between blocks, as measured on the venue."""

ENTRY_MS = 100
"""Exchange time from the door to the queue of the next block."""

WARMUP_MS = 3_600_000
"""Market time that a made-up market runs before its first client."""

FEE_UNITS_PER_BPS = 10_000
"""The core counts fee rates in units of 1e-8 of notional."""

BLOCKS_AT_ONCE = 1_000
"""Blocks run between two looks at the wall's clock."""

SEEDS = 2**32

LISTED = {
    "BTC": (5, 40),
    "ETH": (4, 25),
    "SOL": (2, 20),
    "WLFI": (0, 5),
}
"""Perps of known recordings: decimals of their size, and largest leverage."""

_PERP = re.compile(
    r"([\w:]+)=(\d),(\d+),(\d+(?:\.\d+)?)(?:,(any|noCross|strictIsolated))?(,growth)?"
)
_OI_CAP = re.compile(r"([\w:]+)=(\d+(?:\.\d{1,6})?)")
_ACCOUNT = re.compile(
    r"(0x[0-9a-fA-F]{40})=(\d+(?:\.\d{1,6})?)((?:,[a-z]{2,4}:\d+(?:\.\d{1,6})?)*)"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an exchange is opened with.

    Attributes:
        market: `demo`, `calibrated`, `replay:PATH`, or `mirror`, `mirror:testnet`, `mirror:URL`.
        coin: The perp of a recording or a mirror; None: the one a recording's file is named after.
        sz_decimals: Decimals of its size; None: as listed by the venue.
        max_leverage: Its largest leverage; None: as listed by the venue.
        seed: Of a made-up market; None: a fresh one.
        speed: Exchange seconds per wall second.
        accounts: `ADDRESS=USDC` each, and `,DEX:USDC` for what it holds on a builder's dex, or as
            `spot`.
        cadence: How often market data is pushed; None: `legacy` for a recording, else `2026`.
        bound: Of a recording: whose orders were cancelled when a displayed size fell.
        maker_fee_bps: Fee of the resting side.
        taker_fee_bps: Fee of the side that takes.
        schedule_gate: Whether `scheduleCancel` needs $1,000,000 of traded volume.
        replies: Whether REST replies come before or after the stream frames of their block.
        faults: What goes wrong, to the first account: a TOML or JSON file; None: nothing.
        ip_limits: Whether an address is held to the venue's request weight and sockets.
        vaults: `ADDRESS=USDC` each, led by the first account.
        perps: `NAME=SZ_DECIMALS,MAX_LEVERAGE,PX[,MARGIN][,growth]` each, of the demo market.
        oi_caps: `NAME=USDC` each.
    """

    market: str
    coin: str | None
    sz_decimals: int | None
    max_leverage: int | None
    seed: int | None
    speed: float
    accounts: tuple[str, ...]
    cadence: Literal["2026", "legacy"] | None
    bound: Literal["pessimistic", "prorata", "optimistic"]
    maker_fee_bps: float
    taker_fee_bps: float
    schedule_gate: Literal["volume", "open"]
    replies: Literal["first", "last"]
    faults: Path | None = None
    ip_limits: Literal["venue", "off"] = "off"
    vaults: tuple[str, ...] = ()
    perps: tuple[str, ...] = ()
    oi_caps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """An exchange, open.

    Attributes:
        exchange: The exchange.
        instance: Name of this run of it.
        seed: Of a made-up market; None for another.
        source: What the market mirrors; None for another market.
    """

    exchange: PaperExchange
    instance: str
    seed: int | None
    source: Source | None


def open_exchange(terms: Terms) -> Opened:
    """Open an exchange whose time is now.

    Raises:
        ConfigError: An option is illegal; with its value and what is expected.
        EventError: The recording cannot be used; with its path and line.
        VenueError: What is to be mirrored does not answer.
    """
    instance = secrets.token_hex(8)
    kind, _, path = terms.market.partition(":")
    perps, rules = _perps(terms)
    market: dict[str, object]
    seed, frames, source = None, None, None
    if kind == "replay" and path:
        market, frames = _recorded(terms, Path(path)), read_frames(Path(path))
    elif terms.market in MADE_UP:
        seed = secrets.randbelow(SEEDS) if terms.seed is None else terms.seed
        market = {"kind": terms.market, "seed": seed} | ({"perps": perps} if perps else {})
    elif (url := source_url(terms.market)) is not None:
        source = _mirrored(terms, url)
        market = source.market(terms.bound)
    else:
        raise ConfigError(
            f"market was {terms.market!r}, expected demo, calibrated, replay:PATH, mirror,"
            " mirror:testnet or mirror:URL"
        )
    settings = {
        "instance": instance,
        "start_ms": time.time_ns() // 1_000_000,
        "warmup_ms": WARMUP_MS if terms.market in MADE_UP else 0,
        "speed": terms.speed,
        "block_ms": BLOCK_MS,
        "entry_ms": ENTRY_MS,
        "fees": {
            "maker": round(terms.maker_fee_bps * FEE_UNITS_PER_BPS),
            "taker": round(terms.taker_fee_bps * FEE_UNITS_PER_BPS),
        },
        "cadence": terms.cadence or ("2026" if frames is None else "legacy"),
        "gtc_partial": "resting",
        "schedule_gate": terms.schedule_gate,
        "accounts": [_account(text) for text in terms.accounts],
        "vaults": _vaults(terms),
        "margin_rules": rules,
        "oi_caps": dict(_oi_cap(text) for text in terms.oi_caps),
    }
    if terms.faults is not None:
        settings["faults"] = read_plan(terms.faults)
    try:
        exchange = PaperExchange(json.dumps(settings), json.dumps(market), frames)
    except EventError as error:
        raise EventError(f"{path}: {error}") from error
    _check_coin(exchange, terms.coin)
    if terms.market in MADE_UP:
        _catch_up(exchange)
    return Opened(exchange, instance, seed, source)


def _catch_up(exchange: PaperExchange) -> None:
    """Run the time that opening took, so that exchange time is wall time when it serves."""
    while exchange.next_block_ns <= time.time_ns():
        exchange.advance(time.time_ns(), BLOCKS_AT_ONCE)


def read_plan(path: Path) -> object:
    """Read a plan of faults, TOML or JSON by its suffix; the core checks what is in it.

    Raises:
        ConfigError: The file cannot be read or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"faults {path}: {why}") from error


def _recorded(terms: Terms, path: Path) -> dict[str, object]:
    told = listing_beside(path)
    coin = terms.coin or (path.name.split(".")[0] if told is None else told.coin)
    sz_decimals, max_leverage = LISTED.get(coin, (None, None))
    growth = False
    if told is not None and told.coin == coin:
        sz_decimals, max_leverage, growth = told.sz_decimals, told.max_leverage, told.growth_mode
    if terms.sz_decimals is not None:
        sz_decimals = terms.sz_decimals
    if terms.max_leverage is not None:
        max_leverage = terms.max_leverage
    if sz_decimals is None or max_leverage is None:
        raise ConfigError(
            f"coin {coin!r} of {path} is none of {', '.join(LISTED)}:"
            " give --coin, --sz-decimals and --max-leverage as the venue lists it"
        )
    sizes = {"sz_decimals": sz_decimals, "max_leverage": max_leverage}
    perp = {"coin": coin, **sizes, "growth": growth}
    return {"kind": "recorded", "perp": perp, "bound": terms.bound}


def _mirrored(terms: Terms, url: str) -> Source:
    """What is mirrored, looked up in its own list."""
    if terms.speed != 1:
        raise ConfigError(f"speed was {terms.speed:g}, expected 1: a mirrored market is live")
    if terms.coin is None:
        raise ConfigError("coin was not given, expected the perp to mirror: --coin")
    return asyncio.run(find(url, terms.coin))


def _account(text: str) -> dict[str, object]:
    match = _ACCOUNT.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"account was {text!r}, expected ADDRESS=USDC: 0x and 40 hex digits, then a decimal"
            " with at most 6 decimals, then ,DEX:USDC for each builder's dex it has money on"
        )
    dexes = dict(part.split(":") for part in match[3].split(",")[1:])
    return {"address": match[1].lower(), "usdc": match[2], "dexes": dexes}


def _vaults(terms: Terms) -> list[dict[str, object]]:
    vaults = [_account(text) for text in terms.vaults]
    if vaults and not terms.accounts:
        raise ConfigError("a vault needs an account that leads it: give --account first")
    return [{"leader": _account(terms.accounts[0])["address"], "account": own} for own in vaults]


def _perps(terms: Terms) -> tuple[list[dict[str, object]], dict[str, str]]:
    """Perps to list on the demo market, and how those may be margined that say so."""
    if terms.perps and terms.market != "demo":
        raise ConfigError(f"perp was given, but the market is {terms.market}: only demo takes them")
    perps: list[dict[str, object]] = []
    rules = {}
    for text in terms.perps:
        match = _PERP.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"perp was {text!r}, expected NAME=SZ_DECIMALS,MAX_LEVERAGE,PX, and after another"
                " comma any, noCross or strictIsolated, and after another growth"
            )
        coin, sz_decimals, max_leverage, px, rule, growth = match.groups()
        sizes = {"sz_decimals": int(sz_decimals), "max_leverage": int(max_leverage)}
        perps.append({"coin": coin, **sizes, "px": float(px), "growth": growth is not None})
        if rule is not None:
            rules[coin] = rule
    return perps, rules


def _oi_cap(text: str) -> tuple[str, str]:
    match = _OI_CAP.fullmatch(text)
    if match is None:
        raise ConfigError(f"oi_cap was {text!r}, expected NAME=USDC")
    return match[1], match[2]


def _check_coin(exchange: PaperExchange, coin: str | None) -> None:
    _, body = exchange.info(b'{"type":"allPerpMetas"}')
    listed = [perp["name"] for meta in json.loads(body) for perp in meta["universe"]]
    if coin is not None and coin not in listed:
        raise ConfigError(f"coin was {coin!r}, expected one of {', '.join(listed)}")
