"""What a watchdog is in charge of: written by the maker before the first heartbeat of a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mm.config import Config
from mm.config.engine import speed
from mm.errors import StateError
from mm.state import write_durably
from mm.watchdog.judgement import Patience

VERSION = 2
LEAST_WALL_S = 5.0
"""No deadline is under this much wall time: less is the machine's own jitter."""


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin of a run.

    Attributes:
        name: The perp.
        run_dir: Takes the watchdog's list of sends for it.
        recovery: The section `[recovery]`, JSON text.
    """

    name: str
    run_dir: str
    recovery: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One run, as the watchdog must know it to act alone.

    Attributes:
        session: Id of the run.
        network: paper, testnet or mainnet.
        base_url: Of the venue.
        instance: Of a paper exchange; `None` on a venue of its own.
        user: The account that holds the position.
        vault: The same where it is a sub-account or a vault that the agent acts for, else `None`.
        agent: Address of the watchdog's own key.
        coins: What is quoted.
        run_dir: Of the run: takes the watchdog's log.
        silence_s: Wall seconds without a heartbeat after which the maker is silent.
        drift_s: Wall seconds for which the exchange's position must differ from the engine's.
        expires_after_s: Life of an action, exchange seconds.
        weight_per_min: Of requests, the watchdog's share of the IP address.
    """

    session: int
    network: str
    base_url: str
    instance: str | None
    user: str
    vault: str | None
    agent: str
    coins: tuple[Coin, ...]
    run_dir: str
    silence_s: float
    drift_s: float
    expires_after_s: float
    weight_per_min: int

    @property
    def patience(self) -> Patience:
        """How long to wait for what."""
        return Patience(silence_s=self.silence_s, drift_s=self.drift_s)


def wall_s(config: Config, market_s: float) -> float:
    """Market seconds as wall seconds on this market, at least `LEAST_WALL_S`."""
    return max(market_s / speed(config), LEAST_WALL_S)


def write_charge(directory: Path, charge: Charge) -> None:
    """Replace what is in charge, durably.

    Raises:
        StateError: It cannot be written.
    """
    record = {"version": VERSION, **asdict(charge)}
    write_durably(directory / "charge.json", json.dumps(record, indent=1).encode())


def read_charge(directory: Path) -> Charge:
    """What there is to watch.

    Raises:
        StateError: No maker has run here, or another version's.
    """
    path = directory / "charge.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.pop("version") != VERSION:
            raise ValueError("another version's")
        coins = tuple(Coin(**coin) for coin in record.pop("coins"))
        return Charge(**record, coins=coins)
    except FileNotFoundError:
        raise StateError(f"{path}: there is none: no maker has run here") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateError(
            f"{path}: expected what a maker of this version wrote (mm run replaces it): {error}"
        ) from error
