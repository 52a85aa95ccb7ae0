"""The sections that say where to trade: process, account and the paper exchange."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mm.config.keys import BPS, COUNT, PORT, RATIO, SECONDS, USD, WORD, Section, as_tuple, key

MADE_UP = ("demo", "calibrated")
"""Markets that are made up from a seed, with a past before the first client."""
CoinName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+(:[A-Za-z0-9]+)?$")]


class ProcessConfig(Section):
    """Where and on what to make markets."""

    network: Literal["paper", "testnet", "mainnet"] = key(
        "paper", WORD, "paper: an embedded exchange on loopback, no keys, no real money"
    )
    coin: CoinName = key(
        "BTC", "a coin as the venue names it", "the perp to quote, as the venue names it"
    )
    coins: Annotated[tuple[CoinName, ...], BeforeValidator(as_tuple)] | None = key(
        None,
        "a list of coins",
        "several perps of the account instead of one, in one process; [coin.NAME.limits] and the"
        " like say what is otherwise for one of them",
    )
    market: Annotated[str, Field(pattern=r"^(demo|calibrated|replay:.+|mirror(:.+)?)$")] = key(
        "demo",
        "demo, calibrated, replay:PATH, mirror or mirror:SOURCE",
        "paper's other side: demo (seeded, lively, not calibrated), calibrated (seeded, fitted to"
        " half an hour of BTC, ETH, SOL and WLFI), replay:PATH of a recording, or mirror: live"
        " public data of mainnet, or of SOURCE: testnet or a URL",
    )
    seed: int | None = key(
        None,
        COUNT,
        "of a made-up market (demo, calibrated); absent: a fresh one, printed and recorded",
        ge=0,
        le=2**32 - 1,
    )
    speed: float = key(
        20.0,
        "market seconds per second",
        "of the paper market's clock; a mirror's is 1",
        ge=0.01,
        le=1000,
    )
    cadence: Literal["2026", "legacy"] | None = key(
        None,
        "2026 or legacy",
        "of market data: 2026 (bbo at each change) or legacy (a book every 0.5 s);"
        " absent: legacy for a recording, else 2026",
    )
    expires_after_s: float = key(
        10.0,
        SECONDS,
        "an action reaching the venue later than this is void; never under 1 s of wall time",
        ge=1,
        le=300,
    )
    orders: Literal["websocket", "http"] = key(
        "websocket",
        WORD,
        "websocket: over a connection of their own, with HTTP where that is not there; or http",
    )
    exchange_port: int = key(
        3001, PORT, "of `mm exchange`; `mm run` gives its own exchange a free one", ge=0, le=65535
    )
    metrics_port: int = key(
        9464,
        PORT,
        "of Prometheus' /metrics on localhost; 0: none. Left at the default, a paper run takes a"
        " free one when it is taken",
        ge=0,
        le=65535,
    )
    watchdog: Literal["process", "off"] = key(
        "process", WORD, "process: a second one closes the position if this one cannot; or off"
    )
    watchdog_silence_s: float = key(
        10.0,
        SECONDS,
        "without a heartbeat after which the watchdog takes over; never under 5 s of wall time",
        ge=1,
        le=3600,
    )
    watchdog_drift_s: float = key(
        60.0,
        SECONDS,
        "of a position that is not the exchange's after which it does; never under 5 s of wall"
        " time",
        ge=1,
        le=3600,
    )
    log_level: Literal["debug", "info", "warning", "error"] = key(
        "info", WORD, "the least severe line that is written"
    )
    log_flush_s: float = key(0.1, SECONDS, "between flushes of the event log", gt=0, le=10)
    log_fsync_s: float = key(1.0, SECONDS, "between fsyncs of the event log", gt=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _live_data_has_its_own_speed(cls, given: object) -> object:
        market = given.get("market") if isinstance(given, dict) else None
        if isinstance(given, dict) and isinstance(market, str) and market.startswith("mirror"):
            return {"speed": 1.0, **given}
        return given

    @model_validator(mode="before")
    @classmethod
    def _first_of_several(cls, given: object) -> object:
        coins = given.get("coins") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(coins, list | tuple) or not coins:
            return given
        if "coin" in given:
            raise ValueError(
                f"coin = {given['coin']!r} and coins = {list(coins)}: expected one of the two"
            )
        return {**given, "coin": coins[0]}

    @model_validator(mode="after")
    def _several_are_of_one_account(self) -> Self:
        coins = self.coins
        if coins is None:
            return self
        shown = f"coins = {list(coins)}"
        if not coins or len(set(coins)) < len(coins):
            raise ValueError(f"{shown}: expected each coin once, one at least")
        dexes = {coin.rpartition(":")[0] for coin in coins}
        if len(dexes) > 1:
            raise ValueError(f"{shown}: expected coins of one dex: each dex has margin of its own")
        if len(coins) > 1 and self.network == "paper" and self.market not in MADE_UP:
            raise ValueError(
                f"{shown}: market = {self.market} is of one coin; expected demo or calibrated"
            )
        return self

    @model_validator(mode="after")
    def _live_data_is_not_hurried(self) -> Self:
        if self.market.startswith("mirror") and self.speed != 1:
            raise ValueError(
                f"[process] speed = {self.speed:g}: expected 1 on market = {self.market}, which is"
                " live"
            )
        return self


class AccountConfig(Section):
    """Whose money, and where the key that signs for it is kept; on paper both are made for you."""

    address: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")] | None = key(
        None,
        "0x and 40 hexadecimal digits",
        "holds the position: a master account, a sub-account or a vault; never the agent's",
    )
    key_source: Literal["environment", "keystore", "keyring"] = key(
        "environment",
        WORD,
        "of agent keys: the environment (MM_AGENT_KEY, MM_WATCHDOG_KEY), files with a passphrase,"
        " or the system's keyring (both: mm keys)",
    )
    key_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = key(
        "maker", "a short name", "of the agent key that trades, as mm keys lists it"
    )
    watchdog_key_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = key(
        "watchdog", "a short name", "of the watchdog's agent key: another one, it has own nonces"
    )
    master_key_allowed: bool = key(
        False,
        "true or false",
        "whether the account's own key may sign; whoever has that key can withdraw everything",
    )
    leverage: int = key(20, RATIO, "set on the exchange for the coin", ge=1, le=100)


class PaperConfig(Section):
    """The account that the paper exchange opens for us."""

    equity_usd: float = key(10_000.0, USD, "funded at the start", gt=0, le=1e12)
    maker_fee_bps: float = key(1.5, BPS, "of notional, base tier", ge=-5, le=100)
    taker_fee_bps: float = key(4.5, BPS, "of notional, base tier", ge=0, le=100)
