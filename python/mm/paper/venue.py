"""Which paper exchange a run trades on, and with which key: a new, a living or a given one."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import structlog

from mm._core import Signer
from mm.clock import PaperClock
from mm.config import Config
from mm.config.engine import cadence
from mm.errors import ConfigError, MmError, VenueError
from mm.figures import decimal_text
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import dex_of
from mm.log import hide
from mm.paper.process import (
    Living,
    Wanted,
    ask_clock,
    kill,
    start,
    still_living,
    stop,
)
from mm.state import StateDir
from mm.venue import PaperSide, Venue

log = structlog.get_logger(__name__)

SEEDS = 2**32
_BASE_URL = re.compile(r"https?://[^/\s]+")


def wanted_of(config: Config, seed: int) -> Wanted:
    """What this configuration starts an exchange with."""
    process, paper = config.process, config.paper
    return Wanted(
        market=process.market,
        seed=seed,
        speed=process.speed,
        cadence=cadence(config),
        maker_fee_bps=paper.maker_fee_bps,
        taker_fee_bps=paper.taker_fee_bps,
        coin=",".join(config.coins),
    )


async def open_own(config: Config, state: StateDir, run_dir: Path) -> Venue:
    """Attach to the exchange that an earlier run left alive, or start one.

    A living one is attached to when it was started with what is wanted now (with any seed, when
    none is); otherwise it is ended first, so that no market runs unseen.

    Raises:
        VenueError: The exchange did not start.
    """
    seed = config.process.seed
    kept, wallet = _kept(state), _wallet(state)
    living = None if kept is None else await still_living(kept)
    if living is not None and wallet is not None:
        wanted = wanted_of(config, living.wanted.seed if seed is None else seed)
        if living.wanted == wanted and wallet["address"] == living.address:
            log.info("exchange_attached", url=living.base_url, instance=living.instance)
            return await _venue(living, _signer(wallet["secret"]), attached=True)
    if living is not None:
        log.info("exchange_replaced", url=living.base_url, why="started otherwise")
        await stop(living)
    secret = secrets.token_hex(32)
    signer = _signer(secret)
    wanted = wanted_of(config, secrets.randbelow(SEEDS) if seed is None else seed)
    usdc = decimal_text(round(config.paper.equity_usd * 10**6), 6)
    living = await start(wanted, signer.address, usdc, run_dir)
    venue: Venue | None = None
    try:
        state.adopt_instance(living.instance)
        state.write("wallet", {"address": signer.address, "secret": secret})
        state.write("exchange", living.record())
        venue = await _venue(living, signer, attached=False)
    finally:
        if venue is None:
            # Nobody would ever end it.
            kill(living)
    return venue


async def _venue(living: Living, signer: Signer, *, attached: bool) -> Venue:
    async with HttpClient(living.base_url) as http:
        announced = await ask_clock(http)
    side = PaperSide(announced, living.wanted.seed, living, attached)
    return _paper(living.base_url, signer, side)


def _paper(base_url: str, signer: Signer, side: PaperSide) -> Venue:
    announced = side.announced
    return Venue(
        name=f"the paper exchange at {base_url}",
        base_url=base_url,
        clock=PaperClock(announced.time_ns, announced.speed),
        signer=signer,
        user=signer.address,
        vault=None,
        mainnet=False,
        paper=side,
    )


async def open_standing(state: StateDir) -> Venue:
    """Attach to the exchange that a run left alive, and to nothing else.

    Raises:
        VenueError: None lives.
    """
    kept, wallet = _kept(state), _wallet(state)
    living = None if kept is None else await still_living(kept)
    if living is None or wallet is None:
        raise VenueError(
            "no paper exchange that mm run started lives: nothing of it rests or is held"
            " (one that somebody else runs: --base-url)"
        )
    return await _venue(living, _signer(wallet["secret"]), attached=True)


async def standing(home: Path, base_url: str | None) -> tuple[str, str]:
    """Base URL and our address of the paper exchange that lives for an account's directory, which
    a maker may hold.

    Args:
        home: The account's directory.
        base_url: Of an exchange that somebody else runs; `None`: of the one that `mm run` started.

    Raises:
        VenueError: None lives, or none was ever traded on from that directory.
    """
    if base_url is not None:
        return _named(base_url), _address_in(home, base_url)
    try:
        living = Living.of_record(json.loads((home / "exchange.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        living = None
    if living is None or await still_living(living) is None:
        raise VenueError("no paper exchange lives: start one with mm run, or name it: --base-url")
    return living.base_url, living.address


def _named(base_url: str) -> str:
    """Raises: `ConfigError`, it is no address of an exchange."""
    base_url = base_url.rstrip("/")
    if not _BASE_URL.fullmatch(base_url):
        raise ConfigError(f"--base-url was {base_url!r}, expected http://HOST:PORT")
    return base_url


def _address_in(home: Path, base_url: str) -> str:
    """Address of the key that an earlier run keeps for given exchanges."""
    try:
        return str(json.loads((home / "wallet.json").read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        raise VenueError(
            f"no account is kept for {base_url} yet: mm run --base-url {base_url} makes its key and"
            " says how to fund it"
        ) from None


async def open_given(base_url: str, state: StateDir, coin: str) -> Venue:
    """Use a paper exchange that somebody else runs, with the key kept for it in the state.

    Raises:
        ConfigError: It is no address of an exchange.
        VenueError: None answers there, or our account holds nothing there.
    """
    base_url = _named(base_url)
    wallet = _wallet(state)
    async with HttpClient(base_url) as http:
        announced = await ask_clock(http)
        same = state.adopt_instance(announced.instance)
        if wallet is None:
            secret = secrets.token_hex(32)
            wallet = {"address": _signer(secret).address, "secret": secret}
        if not same:
            state.write("wallet", wallet)
        signer = _signer(wallet["secret"])
        query = {"type": "clearinghouseState", "user": signer.address, "dex": dex_of(coin)}
        value = json.loads(await http.info(query))["marginSummary"]["accountValue"]
        if float(value) <= 0:
            raise VenueError(
                f"account {signer.address} holds nothing at {base_url}:"
                f" start that exchange with --account {signer.address}={_funds(coin)}"
            )
    return _paper(base_url, signer, PaperSide(announced, None, None, attached=False))


def _funds(coin: str) -> str:
    """An amount as `mm exchange --account` takes it, for the dex that a coin is of."""
    return f"1,{dex}:10000" if (dex := dex_of(coin)) else "10000"


def _kept(state: StateDir) -> Living | None:
    """The exchange of an earlier run, as the state has it."""
    if (record := state.read("exchange")) is None:
        return None
    try:
        return Living.of_record(record)
    except (KeyError, TypeError) as error:
        raise state.unusable("exchange", f"not a record of an exchange: {error}") from error


def _wallet(state: StateDir) -> dict[str, str] | None:
    if (wallet := state.read("wallet")) is None:
        return None
    try:
        _signer(wallet["secret"])
        return {"address": str(wallet["address"]), "secret": wallet["secret"]}
    except (KeyError, TypeError, AttributeError, ValueError, MmError) as error:
        # Whatever is wrong with the key, its text is not repeated.
        raise state.unusable("wallet", "not an address and a key") from error


def _signer(secret: str) -> Signer:
    """A key that no log line can repeat."""
    hide(secret)
    return Signer(secret)
