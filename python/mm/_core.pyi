"""The compiled core of `mm`. Checked against the module by `mypy.stubtest`."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

_Number: TypeAlias = float | Decimal | str

class MmError(Exception):
    """Base of every error that mm raises."""

class ConfigError(MmError):
    """A configuration or argument was refused."""

class EventError(MmError):
    """An event, frame or body could not be understood."""

@final
class Instrument:
    """A perp as the venue lists it."""

    def __new__(cls, coin: str, asset: int, sz_decimals: int, max_leverage: int) -> Instrument:
        """Name a perp.

        Args:
            coin: The venue's name, case-sensitive.
            asset: The venue's number.
            sz_decimals: Decimals of a size, 0 to 6; a price has 6 minus these.
            max_leverage: Largest leverage of the first margin tier.

        Raises:
            ConfigError: A value is outside the venue's ranges.
        """

    @staticmethod
    def from_meta(
        body: bytes, coin: str, *, first_asset: int = 0, deployer_scale: float = 1.0
    ) -> Instrument:
        """Find a perp in the body of a `meta` query.

        Args:
            body: The answer, as received.
            coin: The venue's name, case-sensitive.
            first_asset: Number of the first entry; 0 on the main dex.
            deployer_scale: By which a builder's dex scales fees; says nothing on the main dex.

        Raises:
            EventError: The body is no `meta`, the coin is unknown or delisted, or the scale is
                outside the venue's range.
        """

    @property
    def coin(self) -> str: ...
    @property
    def asset(self) -> int: ...
    @property
    def sz_decimals(self) -> int: ...
    @property
    def px_decimals(self) -> int: ...
    @property
    def max_leverage(self) -> int: ...
    @property
    def growth_mode(self) -> bool:
        """Whether a tenth of all fees is left."""

    def fee_here(self, rate: float) -> float:
        """What an account pays for a fill here.

        Args:
            rate: The account's own, fraction of notional; a rebate is negative.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Action:
    """One request that the engine wants sent. Its length is its number of items."""

    def __new__(cls, json: str) -> Action:
        """Read an action as the event log writes it.

        Raises:
            EventError: The text is no action.
        """

    @property
    def id(self) -> int: ...
    @property
    def cycle(self) -> int: ...
    @property
    def kind(self) -> str:
        """`place`, `modify` or `cancel`."""

    @property
    def json(self) -> str:
        """The action as the event log writes it."""

    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Signer:
    """A secret key that signs actions. The key is never printed."""

    def __new__(cls, secret: str) -> Signer:
        """Read a secret key.

        Args:
            secret: 64 hex digits, with or without `0x`.

        Raises:
            ConfigError: The text is no key; the message does not repeat it.
        """

    @property
    def address(self) -> str:
        """The key's address, lower case."""

    def sign(
        self,
        action: Action,
        instrument: Instrument,
        nonce: int,
        *,
        expires_after_ms: int | None = None,
        vault: str | None = None,
        mainnet: bool,
    ) -> bytes:
        """Write the body of `POST /exchange` for an engine's action.

        Args:
            action: What the engine wants.
            instrument: The perp it is for.
            nonce: Milliseconds, once per signer.
            expires_after_ms: Milliseconds since the epoch after which the venue must refuse.
            vault: Sub-account or vault to act for.
            mainnet: Whether the signature is good on mainnet, else everywhere but there.

        Raises:
            ConfigError: The action or the vault cannot be written.
        """

    def sign_json(
        self,
        action: str,
        nonce: int,
        *,
        expires_after_ms: int | None = None,
        vault: str | None = None,
        mainnet: bool,
    ) -> bytes:
        """Write the body of `POST /exchange` for an action in the venue's own JSON.

        Args:
            action: The action, such as `{"type":"noop"}`; written in canonical form.
            nonce: Milliseconds, once per signer.
            expires_after_ms: Milliseconds since the epoch after which the venue must refuse.
            vault: Sub-account or vault to act for.
            mainnet: Whether the signature is good on mainnet, else everywhere but there.

        Raises:
            ConfigError: The text is no action, or the vault is no address.
        """

def check_limit(body: bytes) -> None:
    """Check what was saved of a limit, the JSON of a snapshot's `kept_limit`.

    Raises:
        EventError: With the field, its value and what is legal.
    """

def check_budget(body: bytes) -> None:
    """Check saved loss budgets, the JSON of a snapshot's `budget`.

    Raises:
        EventError: With the field, its value and what is legal.
    """

# Plain JSON values; their shape is the serde form of mm-core's Entry.
def read_entries(instrument: Instrument, frame: bytes) -> list[dict[str, Any]]:
    """Ledger entries of what happened while no engine was there to hear it.

    Args:
        instrument: The perp; trades and payments of others are passed over.
        frame: A `userFills`, `userFundings` or `userNonFundingLedgerUpdates` frame.

    Returns:
        As `Engine.take_entries`, oldest first, all of them `before_anchor`.

    Raises:
        EventError: It is no such frame, or cannot be understood.
    """

def recover_signer(body: bytes, *, mainnet: bool) -> str:
    """Find who signed a body of `POST /exchange`.

    Args:
        body: The request, as received.
        mainnet: The network the signature must be good for.

    Returns:
        The address, lower case; a changed byte gives another, random one.

    Raises:
        EventError: The body is no signed action, or nobody can have signed it.
    """

@final
class PaperExchange:
    """Hyperliquid's protocol over a simulated exchange: bytes in, bytes out.

    It opens no socket and reads no clock. Whoever carries the bytes sets the clock before handing
    them in, runs the blocks, and takes out what is to be sent. Not thread-safe: one caller.
    """

    def __new__(
        cls, config_json: str, market_json: str, frames: bytes | None = None
    ) -> PaperExchange:
        """Open the exchange.

        Args:
            config_json: Settings of the exchange; unknown keys are errors.
            market_json: Where the other side comes from.
            frames: Lines of a recording, decompressed, where the market is one.

        Raises:
            ConfigError: With the key, its value and what is legal.
            EventError: With the line of the recording that cannot be used.
        """

    @property
    def time_ns(self) -> int:
        """Time of the last block, nanoseconds since the Unix epoch."""

    @property
    def next_block_ns(self) -> int:
        """Time of the next block, nanoseconds since the Unix epoch."""

    @property
    def market_label(self) -> str:
        """What the market is and what it does not prove."""

    @property
    def market_end_ns(self) -> int | None:
        """When a recorded market ends, nanoseconds since the Unix epoch; None: it has no end."""

    def set_clock(self, now_ns: int, wall_ns: int, speed_achieved: float) -> None:
        """Say what time it is.

        Args:
            now_ns: Exchange time, nanoseconds since the Unix epoch; it never goes back.
            wall_ns: Wall time, likewise; nonces near it are good too at a speed other than 1.
            speed_achieved: Exchange seconds carried out per wall second since the start.
        """

    def info(self, body: bytes) -> tuple[int, bytes]:
        """Answer a body of `POST /info` with status and body."""

    @property
    def info_hold_s(self) -> float:
        """Seconds of exchange time to hold back the answer to the last `info`; 0: none."""

    @property
    def accepts_sockets(self) -> bool:
        """Whether websockets are accepted now; False for a while after a planted disconnect."""

    def passes(self, connection: int) -> bool:
        """Whether anything passes on a websocket connection; not on one that is half-open."""

    def take_dropped(self) -> list[int]:
        """Take the connections that broke since the last call: to be cut without a close frame."""

    def fault_counts(self) -> dict[str, int]:
        """How often each kind of planted fault happened."""

    def submit(self, body: bytes) -> int | tuple[int, bytes]:
        """Take a body of `POST /exchange`.

        Returns:
            The number under which `take_replies` will hand out the answer, or the answer (status
            and body) when the exchange itself never sees the action.
        """

    def advance(self, to_ns: int, blocks_max: int) -> int:
        """Run whole blocks up to `to_ns`, at most `blocks_max`; return the last one's time."""

    def take_replies(self) -> list[tuple[int, int, bytes]]:
        """Take the replies since the last call: number, status, body."""

    def connect(self) -> int:
        """Open a websocket connection and return its number."""

    def ws_message(self, connection: int, text: str) -> bool:
        """Take a text frame of a client; False when the venue would cut the connection."""

    def disconnect(self, connection: int) -> None:
        """Forget a websocket connection."""

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Take the frames to send since the last call, in order: connection and text."""

    def hear(self, frame: bytes) -> None:
        """Take a frame of the live feed that the market mirrors; it happens in the next block.

        Args:
            frame: As received.

        Raises:
            EventError: It cannot be read; nothing of it happens.
        """

    def feed_lost(self) -> None:
        """Say that the mirrored feed is lost: the book is empty until it tells anew."""

    def announce_clock(self) -> None:
        """Queue the clock for those who subscribed to it."""

    def take_report(self) -> bytes:
        """Take the exchange's own report since the last call, as JSON lines."""

    def finish_report(self) -> bytes:
        """Take the report's end, as JSON lines: orders left and totals."""

@disjoint_base
class DynamicRiskConfig:
    """How the limit is derived, without defaults; `mm.DynamicRiskConfig` has them."""

    def __new__(
        cls,
        *,
        risk_fraction: _Number,
        num_sigmas: _Number,
        sigma_prior: _Number,
        risk_horizon_s: _Number,
        leverage_cap: _Number,
        initial_margin_frac: _Number,
        gap_move_frac: _Number | None,
        gap_loss_frac: _Number,
        liquidity_frac: _Number,
        sigma_floor_frac: _Number,
        confidence_n0: _Number,
        limit_use_frac: _Number,
        reduce_only_leave_frac: _Number,
        daily_loss_frac: _Number,
        drawdown_frac: _Number,
        limit_rise_frac_per_min: _Number,
        market_degraded_s: _Number,
        market_gone_s: _Number,
        account_degraded_s: _Number,
        account_gone_s: _Number,
        head_room_degraded_s: _Number,
        head_room_gone_s: _Number,
        sigma_degraded_s: _Number,
        sigma_gone_s: _Number,
        own_stream_degraded_s: _Number,
        own_stream_gone_s: _Number,
    ) -> Self:
        """Check and hold the settings.

        Args:
            risk_fraction: Share of equity that a move of `num_sigmas` over the horizon may cost
                at the limit.
            num_sigmas: Size of that move in standard deviations.
            sigma_prior: Volatility until a measured one is trusted, per square root of a second, a
                fraction.
            risk_horizon_s: Shortest time we assume to be stuck with a position, seconds; four
                times it is
                the longest.
            leverage_cap: Largest leverage the user allows; `derive_limits` takes the result of it.
            initial_margin_frac: Margin of the limit position is at most this share of equity.
            gap_move_frac: Gap of the price to survive, a fraction; None: by the asset's largest
                leverage.
            gap_loss_frac: Share of equity that such a gap may cost.
            liquidity_frac: Share of the notional traded in an hour.
            sigma_floor_frac: Volatility never counts for less than this share of its 24 h value.
            confidence_n0: Effective returns at which an estimate has half of the weight.
            limit_use_frac: Share of the limit that sizing uses.
            reduce_only_leave_frac: Reduce-only ends at or below this share of the limit.
            daily_loss_frac: Largest loss of a day, share of its opening equity.
            drawdown_frac: Largest fall from the peak, share of the peak.
            limit_rise_frac_per_min: Largest rise of the limit a minute, share of the new value.
            market_degraded_s: Age of the market data, seconds, past which it is degraded.
            market_gone_s: Age of the market data, seconds, past which it is treated as gone.
            account_degraded_s: Age of the account data, seconds, past which it is degraded.
            account_gone_s: Age of the account data, seconds, past which it is treated as gone.
            head_room_degraded_s: Age of the head room data, seconds, past which it is degraded.
            head_room_gone_s: Age of the head room data, seconds, past which it is treated as gone.
            sigma_degraded_s: Age of the sigma data, seconds, past which it is degraded.
            sigma_gone_s: Age of the sigma data, seconds, past which it is treated as gone.
            own_stream_degraded_s: Age of the own stream data, seconds, past which it is degraded.
            own_stream_gone_s: Age of the own stream data, seconds, past which it is treated as
                gone.

        Raises:
            ConfigError: A number is not finite or outside its range; the message names it.
        """

    @property
    def risk_fraction(self) -> float: ...
    @property
    def num_sigmas(self) -> float: ...
    @property
    def sigma_prior(self) -> float: ...
    @property
    def risk_horizon_s(self) -> float: ...
    @property
    def leverage_cap(self) -> float: ...
    @property
    def initial_margin_frac(self) -> float: ...
    @property
    def gap_move_frac(self) -> float | None: ...
    @property
    def gap_loss_frac(self) -> float: ...
    @property
    def liquidity_frac(self) -> float: ...
    @property
    def sigma_floor_frac(self) -> float: ...
    @property
    def confidence_n0(self) -> float: ...
    @property
    def limit_use_frac(self) -> float: ...
    @property
    def reduce_only_leave_frac(self) -> float: ...
    @property
    def daily_loss_frac(self) -> float: ...
    @property
    def drawdown_frac(self) -> float: ...
    @property
    def limit_rise_frac_per_min(self) -> float: ...
    @property
    def market_degraded_s(self) -> float: ...
    @property
    def market_gone_s(self) -> float: ...
    @property
    def account_degraded_s(self) -> float: ...
    @property
    def account_gone_s(self) -> float: ...
    @property
    def head_room_degraded_s(self) -> float: ...
    @property
    def head_room_gone_s(self) -> float: ...
    @property
    def sigma_degraded_s(self) -> float: ...
    @property
    def sigma_gone_s(self) -> float: ...
    @property
    def own_stream_degraded_s(self) -> float: ...
    @property
    def own_stream_gone_s(self) -> float: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Limits:
    """The one position limit and everything that explains it. Made by `derive_limits` alone."""

    @property
    def max_position_value_usd(self) -> Decimal | None:
        """The largest value of a position, USDC to the nearest 1e-6.

        None while neither equity nor mid is known.
        """

    @property
    def effective_max_position_long(self) -> Decimal:
        """The largest long position, coin."""

    @property
    def effective_max_position_short(self) -> Decimal:
        """The largest short position as a magnitude, coin."""

    @property
    def lots_long(self) -> int: ...
    @property
    def lots_short(self) -> int: ...
    @property
    def sz_decimals(self) -> int: ...
    @property
    def source(self) -> Literal["warmup", "valid", "degraded", "invalid"]: ...
    @property
    def binding(self) -> str:
        """Name of the term that binds the side with the smaller limit."""

    @property
    def binding_long(self) -> str: ...
    @property
    def binding_short(self) -> str: ...
    @property
    def terms(self) -> dict[str, Decimal | None]:
        """Each term that applied, USDC.

        None for a term in coin while there is no mid, and for the head-room, which is in lots.
        """

    @property
    def terms_lots(self) -> dict[str, tuple[int, int] | None]:
        """Each term that applied in lots, (long, short); None for money while there is no mid."""

    @property
    def json(self) -> str:
        """The limit with inputs, ages and the limit before, as the journal writes it."""

    def utilization_pct(self, position: _Number) -> Decimal | None:
        """Position (coin, signed) as a percentage of its side's limit, to 0.01 %.

        None when there is a position and no limit.
        """

    def holds(self, position: _Number) -> bool:
        """Whether the position (coin, signed) lies within its side's limit."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

def derive_limits(
    *,
    account_value: _Number | None,
    max_leverage: _Number,
    sigma: _Number | None,
    sigma_confidence: _Number,
    mid: _Number | None,
    sz_decimals: int,
    config: DynamicRiskConfig,
    fallback_max_position: _Number,
    position: _Number | None = None,
    horizon_s: _Number | None = None,
    sigma_24h: _Number | None = None,
    daily_loss_left: _Number | None = None,
    position_cap: _Number | None = None,
    head_room: tuple[_Number, _Number] | None = None,
    own_increasing: tuple[_Number, _Number] | None = None,
    asset_max_leverage: _Number | None = None,
    exchange_leverage: _Number | None = None,
    tier_notional_max: _Number | None = None,
    at_open_interest_cap: bool | None = None,
    equity_share: _Number | None = None,
    ramp_share: _Number | None = None,
    funding_frac: _Number | None = None,
    traded_notional_1h: _Number | None = None,
    ages: Mapping[str, _Number | None] | None = None,
    previous: tuple[Limits, _Number] | None = None,
) -> Limits:
    """Derive the one position limit.

    `V = min(account_value x max_leverage, risk_budget / (num_sigmas x sigma_eff x sqrt(T) +
    funding_frac), every other cap)`, `Q = floor_to_lot(V / mid)`. A cap applies only when its
    inputs are given.

    Args:
        account_value: Equity, USDC; digits beyond 1e-6 are cut. None: not known yet.
        max_leverage: The smallest of leverage cap, exchange setting and margin tier.
        sigma: Standard deviation of log mid per square root of a second, a fraction; 0 counts as
            confidence 0. None: not ready.
        sigma_confidence: 0 to 1.
        mid: USDC. None: not known yet.
        sz_decimals: Decimals of a size, 0 to 6.
        config: The settings.
        fallback_max_position: The limit while warming up, coin.
        position: Signed, coin, a whole number of lots. None: flat, where no term is relative to it.
        horizon_s: Time to unwind the previous limit, clamped to 1 to 4 `risk_horizon_s`. None: 1.
        sigma_24h: Volatility of the last day, for the floor.
        daily_loss_left: The smaller of the day's loss left and the drawdown left, USDC.
        position_cap: The user's hard limit, coin.
        head_room: The exchange's allowance for a further (buy, sell), coin; needs `position` and
            `own_increasing`.
        own_increasing: Own resting and in-flight increasing (bids, asks) when the head-room was
            reported, less what has filled since, coin; negative where more has.
        asset_max_leverage: Of the asset; decides the gap.
        exchange_leverage: As set on the exchange; decides the margin share.
        tier_notional_max: Notional from which a margin tier forbids that leverage, USDC.
        at_open_interest_cap: Whether the coin is at the venue's open-interest cap, where a position
            may only shrink; it needs `position`.
        equity_share: This coin's share of equity, 0 to 1; the term is this share times
            `account_value x max_leverage`.
        ramp_share: Share of the smallest of the terms that the capital ramp leaves, above 0.
        funding_frac: Share of a position that funding is to take within minutes. None: none is due.
        traded_notional_1h: By everybody in the last hour, USDC.
        ages: Seconds since `market`, `account`, `head_room`, `sigma`, `own_stream` were heard of;
            what is not in it, or None, has no deadline.
        previous: The limit before and the seconds since; bounds the rise.

    Returns:
        The limit. What is missing, stale or spent is its `source`, not an error.

    Raises:
        ConfigError: A number is not finite, outside its range, or missing beside one that needs it;
            the message names it.
        TypeError: `config` is no `DynamicRiskConfig`, or a number is none.
    """

@final
class Refusal:
    """An order, or a part of one, that was not passed."""

    @property
    def side(self) -> Literal["bid", "ask"]: ...
    @property
    def px(self) -> int:
        """Planned price, lattice units."""

    @property
    def sz(self) -> int:
        """Lots not passed; 0 for a level that got no size."""

    @property
    def reason(self) -> str: ...
    @property
    def limit(self) -> int:
        """The limit of the side in force, lots."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Ladder:
    """Orders of both sides, each best first, with the verdict they were made under."""

    @property
    def bid_px(self) -> NDArray[np.int64]:
        """Lattice units of 10^-(6 - sz_decimals) USDC."""

    @property
    def bid_sz(self) -> NDArray[np.int64]:
        """Lots of 10^-sz_decimals coin."""

    @property
    def ask_px(self) -> NDArray[np.int64]: ...
    @property
    def ask_sz(self) -> NDArray[np.int64]: ...
    @property
    def reduce_only(self) -> bool:
        """Whether the orders carry reduce-only on the wire."""

    @property
    def mode(self) -> Literal["two_sided", "no_bids", "no_asks", "no_quotes"]: ...
    @property
    def reason(self) -> str | None:
        """Why only reducing is allowed; `OverValueLimit` comes before `OverPositionLimit`."""

    @property
    def utilization_pct(self) -> Decimal | None:
        """Position as a percentage of its side's limit; None with a position and no limit."""

    @property
    def rooms(self) -> tuple[int, int] | None:
        """Room of each side, (bid, ask), lots; None from the filter."""

    @property
    def refusals(self) -> list[Refusal]: ...

def size_ladder(
    *,
    limits: Limits,
    config: DynamicRiskConfig,
    position: int,
    mid: _Number | None,
    bid_px: NDArray[np.int64],
    bid_fill_rate: NDArray[np.float64],
    bid_net_capture_bps: NDArray[np.float64],
    ask_px: NDArray[np.int64],
    ask_fill_rate: NDArray[np.float64],
    ask_net_capture_bps: NDArray[np.float64],
    target: int,
    min_level_usd: _Number,
    was_reduce_only: bool = False,
    other_reason: Literal["Margin", "LiquidationDistance", "Control"] | None = None,
    unreplaced: tuple[int, int] | None = None,
    margin_free_usd: _Number | None = None,
    margin_leverage: _Number | None = None,
) -> Ladder:
    """Size the levels of both sides so that they fill the room up to the target.

    Sizes follow `fill_rate x max(net_capture, 0)`; prices go to the grid, equal ones become one
    level; what is under the minimum goes inward; margin is shared by both sides' increasing orders.

    Args:
        limits: The limit in force.
        config: For `limit_use_frac` and `reduce_only_leave_frac`.
        position: Signed lots.
        mid: USDC; None: the value check waits.
        bid_px: Lattice units, any order; one element a level, as in the two arrays after it.
        bid_fill_rate: Fills per second, or any unit common to the ladder.
        bid_net_capture_bps: After adverse selection and fee; may be negative.
        ask_px: As the bids.
        ask_fill_rate: As the bids.
        ask_net_capture_bps: As the bids.
        target: Lots wanted on a side over all levels.
        min_level_usd: Smallest order, USDC.
        was_reduce_only: Whether reduce-only held before.
        other_reason: A reason for reduce-only other than size.
        unreplaced: Own (bid, ask) lots that this plan does not replace. None: none.
        margin_free_usd: Margin free for increasing orders; given with the next, or neither.
        margin_leverage: Leverage they are margined at.

    Raises:
        ConfigError: An array or number is outside its range, or lengths of a side differ.
    """

def reduce_only_filter(
    *,
    limits: Limits,
    config: DynamicRiskConfig,
    position: int,
    mid: _Number | None,
    bid_px: NDArray[np.int64],
    bid_sz: NDArray[np.int64],
    ask_px: NDArray[np.int64],
    ask_sz: NDArray[np.int64],
    was_reduce_only: bool = False,
    other_reason: Literal["Margin", "LiquidationDistance", "Control"] | None = None,
) -> Ladder:
    """Pass a plan, a ladder or a single pair, through the reduce-only filter.

    Enters strictly above the limit, in value first, then in lots; leaves at or below
    `reduce_only_leave_frac` of both. The increasing side is cleared, the reducing side capped at
    the position. Whatever is removed or shrunk leaves a refusal.

    Args:
        limits: The limit in force.
        config: For `reduce_only_leave_frac`.
        position: Signed lots.
        mid: USDC; None: the value check waits.
        bid_px: Lattice units.
        bid_sz: Lots.
        ask_px: Lattice units.
        ask_sz: Lots.
        was_reduce_only: Whether reduce-only held before.
        other_reason: A reason other than size.

    Raises:
        ConfigError: A number is outside its range, or lengths of a side differ.
    """

def unwind_order(
    book: bytes,
    instrument: Instrument,
    *,
    position: int,
    limit: int,
    sigma: float | None,
    recovery_json: str,
) -> tuple[Literal["Bid", "Ask"], str, str] | None:
    """Price and size the immediate, reduce-only order that brings a position toward flat.

    The engine gets out by the same function; here it serves the watchdog.

    Args:
        book: The body of an `l2Book` query for the coin.
        instrument: The perp.
        position: At the exchange, signed lots.
        limit: In force at the last increase, lots: an attempt takes a share of it.
        sigma: Volatility per square root of a second; None: that term of the price is left out.
        recovery_json: The section `[recovery]`.

    Returns:
        Side, price in USDC and size in coin, as the wire writes them; None: nothing is held, or
        the book cannot take it within the price bound.

    Raises:
        ConfigError: The section is not of this version.
        EventError: The body is no book of this coin.
    """

def date_stays(stood: bool, under_date: int, under_stop: int) -> bool:
    """Whether a date of `scheduleCancel` is to stand beside the stops that it would take away.

    Args:
        stood: Whether it did.
        under_date: What a death of the host would leave without an end with it, micro-USDC.
        under_stop: The same without it.
    """

@final
class Engine:
    """The decision core of one session: facts in, actions out.

    Every call records the fact, steps, and records what was decided; `take_log` hands the lines
    over.
    Times are nanoseconds since the epoch and are clamped so that they never go back.
    """

    def __new__(cls, config_json: str, instrument: Instrument) -> Engine:
        """Begin a session.

        Args:
            config_json: The engine's configuration, see `mm.config.engine_config_json`.
            instrument: The perp to quote.

        Raises:
            ConfigError: A key is unknown, or a value is outside its range.
        """

    def on_frame(self, recv_ns: int, frame: bytes) -> list[Action]:
        """Take a websocket frame; one that is not for this coin changes nothing.

        Raises:
            EventError: The frame cannot be understood, or is the venue's error text.
        """

    def on_info(
        self, recv_ns: int, kind: str, body: bytes, cloid: str | None = None
    ) -> list[Action]:
        """Take the body of an info reply.

        Args:
            recv_ns: Receive time.
            kind: The request's type: clearinghouseState, activeAssetData, userFees, openOrders,
                frontendOpenOrders, candleSnapshot, perpsAtOpenInterestCap, userRateLimit,
                userFills, orderStatus.
            body: The reply, as received.
            cloid: The order that `orderStatus` asked about, `0x` and 32 hex digits: an answer that
                nothing is known of it does not name it. None for any other kind.

        Raises:
            EventError: The kind is unknown, the body is not of that kind or about another order,
                or a cloid is missing, superfluous or none.
        """

    def on_reply(
        self, recv_ns: int, action_id: int, status: int | None, body: bytes | None
    ) -> list[Action]:
        """Take the answer to an action; `None` for status and body when none came.

        Raises:
            EventError: No action of this id waits for an answer.
        """

    def on_timer(self, recv_ns: int) -> list[Action]:
        """Say that the time `wake_at` asked for has come."""

    def on_command(self, recv_ns: int, command: str, body: bytes | None = None) -> list[Action]:
        """Take an order from outside.

        Args:
            recv_ns: Receive time.
            command: "anchor" with the body of a clearinghouseState reply, "restore" with a saved
                budget as the snapshot shows it (before the anchor), "spent" with what another
                engine's `take_spent` gave, "stop", "kill", "kill_elsewhere" (another coin of the
                account was killed) or "reconcile".
            body: JSON, where the command takes one.

        Raises:
            EventError: None of them, or a body that cannot be read.
        """

    def on_stream(self, recv_ns: int, stream: str, is_up: bool) -> list[Action]:
        """Say that the "market" or "user" stream came up or went down.

        Raises:
            EventError: No such stream.
        """

    def wake_at(self) -> int | None:
        """When `on_timer` is wanted if nothing comes before; `None` before the first event."""

    # Plain JSON values; their shape is the serde form of mm-core's Snapshot.
    def snapshot(self) -> dict[str, Any]:
        """Everything shown, as of the last step.

        Money is in micro-USDC, sizes are in lots, prices in USDC.
        """

    # Plain JSON values; their shape is the serde form of mm-core's ResidentShown.
    def resident(self) -> dict[str, Any]:
        """The stop that is to rest at the exchange, and what does."""

    def left(self) -> tuple[int, int] | None:
        """What a death of the host would leave of the coin without an end, micro-USDC.

        Returns:
            With a date of `scheduleCancel`, and without one; None: position or price not known.
        """

    # Plain JSON values; their shape is the serde form of mm-core's CycleRecord.
    def cycle(self) -> dict[str, Any] | None:
        """What the last step decided on, where it acted or moved a limit, mode or reason."""

    def book(self, side: str) -> NDArray[np.float64]:
        """One side of the book, shape (levels, 2): px in USDC and sz in coin, best first.

        Raises:
            EventError: The side is neither "bid" nor "ask".
        """

    # Plain JSON values; their shape is the serde form of mm-core's Alarm.
    def take_alarms(self) -> list[dict[str, Any]]:
        """The alarms since the last call, oldest first."""

    def take_log(self) -> bytes:
        """The log lines written since the last call."""

    def take_entries(self) -> list[dict[str, Any]]:
        """The ledger entries since the last call, oldest first, each thing once.

        `kind` is fill, liquidation, adl, settlement, funding, transfer or correction. Prices, sizes
        and money are integers on the lattice, times nanoseconds since the Unix epoch. An entry with
        `before_anchor` moved nothing in this session: it is for a ledger that outlives it.
        """

    def take_asks(self) -> list[tuple[str, str | None]]:
        """What it wants asked of the exchange since the last call, each kind at its own beat.

        The type of a query, and with `orderStatus` the cloid of the order it is about. The answer
        goes to `on_info`. What is not answered is asked for again.
        """

    def take_spent(self) -> bytes:
        """What was done to the address's request budget since the last call.

        Returns:
            JSON for `on_command` "spent" of every other engine on the address; empty where that
            is nothing.
        """

    def finish_log(self) -> None:
        """Write the log's last line; nothing may follow."""

    def decision_hash(self) -> str:
        """Keccak-256 over the actions so far, 0x and 64 hex digits."""

    @property
    def now(self) -> int:
        """Receive time of the last event."""

@final
class Tape:
    """A recording of one perp: raw websocket frames, each trade once, in file order."""

    def __new__(
        cls,
        instrument: Instrument,
        frames: bytes,
        *,
        feed_s: float | None = None,
        book_every_s: float | None = None,
    ) -> Tape:
        """Read decompressed frames, `<receive ns> <frame JSON>` a line.

        Args:
            instrument: The perp, as asset 0; frames of other coins are passed over.
            frames: The lines.
            feed_s: Seconds from exchange time to our receiving; None: as recorded.
            book_every_s: Exchange seconds between two whole books that we hear of, the touch coming
                at every change; None: as recorded. The simulated exchange plays them all.

        Raises:
            EventError: With the number of the line that cannot be used.
        """

    def with_reference(self, coin: str, frames: bytes, *, feed_s: float | None = None) -> Tape:
        """This tape beside a recording of the coin that it may follow (`models.reference`).

        Args:
            coin: The other coin; of its frames best bids and offers alone are read.
            frames: The lines, decompressed.
            feed_s: Seconds from exchange time to our receiving; None: as recorded.

        Raises:
            EventError: With the number of the line that cannot be used.
        """

    def chained(self, duration_s: float) -> Tape:
        """This tape and its mirror image in turn, end to start, without a jump of the price.

        Args:
            duration_s: Seconds from the first displayed book to the end.

        Raises:
            ConfigError: `duration_s` is none of 0 to 86400.
            EventError: A price of the mirror image is no price of the perp.
        """

    @property
    def lines(self) -> int:
        """Lines read."""

    @property
    def steps(self) -> int:
        """Frames kept."""

    @property
    def repeated(self) -> int:
        """Trades dropped because their tid was there before."""

    @property
    def start_ns(self) -> int:
        """Exchange time of the first displayed book, nanoseconds since the Unix epoch."""

    @property
    def end_ns(self) -> int:
        """Exchange time of the last frame, nanoseconds since the Unix epoch."""

@final
class BacktestResult:
    """What a backtest came to."""

    @property
    def json(self) -> str:
        """The reported pass as a JSON object; `bounds` and `courses` hold every pass."""

    @property
    def report(self) -> bytes:
        """The exchange's own report of the reported pass, JSON lines."""

    @property
    def sends(self) -> bytes:
        """Which nonce carried which action in the reported pass, JSON lines."""

    @property
    def user(self) -> str:
        """Our account in the report."""

    @property
    def events(self) -> int:
        """Events stepped in all passes."""

    def step_us(self, quantile: float) -> float | None:
        """Time of an engine step of the reported pass, microseconds.

        Args:
            quantile: 0 for the fastest, 1 for the slowest.
        """

def chaos_world(terms_json: str, seed: int, *, keep_logs: bool = False) -> tuple[str, list[bytes]]:
    """Live through the world of a seed: engine, exchange and faults in one process.

    The interpreter is released.

    Args:
        terms_json: How worlds are made.
        seed: Everything in this one follows from it, 0 to 2^64 - 1.
        keep_logs: Whether to return event logs.

    Returns:
        What it came to, as a JSON object, and the event log of each session; none unless kept.

    Raises:
        ConfigError: With the key, its value and what is legal.
    """

def backtest(
    config_json: str,
    tape: Tape,
    *,
    equity_usd: _Number,
    leverage: int,
    maker_fee_bps: float,
    taker_fee_bps: float,
    order_s: float,
    ack_s: float,
    block_s: float,
    expires_after_s: float,
    queue_bound: str = "pessimistic",
    all_bounds: bool = True,
    traded_before_usd: float = 0.0,
    progress: Callable[[str, int, int], object] | None = None,
    log: Callable[[bytes], object] | None = None,
    look: Callable[[int, dict[str, Any]], object] | None = None,
    look_s: float = 1.0,
) -> BacktestResult:
    """Run the engine over a tape, once for each queue bound, the reported one first.

    The interpreter is released; the callables are called from within, and what they raise ends
    the run and is raised here.

    Args:
        config_json: The engine's configuration.
        tape: The recording.
        equity_usd: USDC in the account at the start.
        leverage: Set for the coin, or the coin's maximum where that is smaller.
        maker_fee_bps: Fee of the resting side, bps of notional.
        taker_fee_bps: Fee of the side that takes, bps of notional.
        order_s: Seconds from a decision to the exchange; the action runs in the next block.
        ack_s: Seconds from a block to our hearing of it.
        block_s: Seconds between blocks.
        expires_after_s: Life of an action in seconds.
        queue_bound: `pessimistic`, `prorata` or `optimistic`: the reported pass.
        all_bounds: Whether the other two have their passes too.
        traded_before_usd: What the address traded before: it earned a request a USDC.
        progress: Called with bound, frames done and frames in all.
        log: Called with pieces of the reported pass's event log, whole lines.
        look: Called in the reported pass with a receive time, nanoseconds, and what the engine
            shows then (as `Engine.snapshot`): it knows of nothing that is received at that time
            or later.
        look_s: Seconds between two looks, above 0: they are at whole multiples of it. A silence
            has one.

    Raises:
        ConfigError: With the key, its value and what is legal.
    """

@final
class Replay:
    """What the events of a log gave when they were stepped again."""

    @property
    def session(self) -> int:
        """Session of the log."""

    @property
    def coin(self) -> str:
        """The perp."""

    @property
    def events(self) -> int:
        """Events stepped."""

    @property
    def actions(self) -> int:
        """Actions compared."""

    @property
    def decision_hash(self) -> str:
        """Keccak-256 over the actions, `0x` and 64 hex digits."""

    @property
    def cut_after(self) -> int | None:
        """Last whole line of a log that was cut off; None: it ended in order."""

    @property
    def difference(self) -> str | None:
        """The first difference: line, action, what was logged and what came; None: the same."""

def scout(tape: Tape) -> str:
    """Tell what a tape says of making a market in its coin.

    The interpreter is released.

    Args:
        tape: The recording.

    Returns:
        A JSON object: `coin`, `start_ms`, `end_ms`, `watched_s` (gaps left out),
        `half_spread_bps` (mean over time), `sweeps`, `fee_tiers` (the venue's, base first:
        `volume_usd`, `maker_bps`) and `sides`, bids then asks. A side has the `fit` of its
        intensity (`None`: too few sweeps) and `depths`: `depth_bps`, `sweeps_per_h` that came there
        or further, and `costs` by horizon: `horizon_s`, `mean_bps`, `se_bps` and `n` of the moves
        against a maker.
    """

def flow_statistics(tape: Tape) -> str:
    """Measure what a tape's flow is like: the named list, with standard errors, and curves.

    The interpreter is released.

    Args:
        tape: The recording, or frames that were made up.

    Returns:
        A JSON object: `coin`, `watched_s` (silences left out), `blocks` (of the bootstrap, a
        minute each), `figures` (`name` with its unit, `value`, `se`, `n`; value and se `null`
        where nothing was seen) and `curves`, each a list of x and y.

    Raises:
        EventError: Less than five whole minutes of both sides of the book.
    """

def synthetic_frames(market_json: str, coin: str, seconds: int) -> bytes:
    """Watch a made-up market alone: books every half second, best prices at each change, trades.

    The interpreter is released.

    Args:
        market_json: The market: `{"kind": "calibrated", "seed": 1}`, or `demo`.
        coin: The perp.
        seconds: Of market time.

    Returns:
        `<receive ns> <frame JSON>` a line; the same bytes for the same arguments.

    Raises:
        ConfigError: No such market, or it does not list the coin.
    """

def replay(lines: bytes) -> Replay:
    """Step a fresh engine over a log's events; compare every action byte for byte.

    Args:
        lines: The event log, decompressed.

    Raises:
        ConfigError: The engine refuses the configuration in the header.
        EventError: With the number of the line that is no record.
    """

def stand_at(lines: bytes, at_ns: int | None = None) -> dict[str, Any]:
    """Step a log's events up to a time; compare every record on the way with the log.

    Args:
        lines: The event log, decompressed; it may be cut off.
        at_ns: Receive time up to which events are stepped, nanoseconds; None: all of them.

    Returns:
        `snapshot`, `refusals` of the last step, `config`, `instrument`, `first_ns` and `last_ns` of
        the events stepped (None without one), `quoted_ns` of the last of them with which
        quotes were out (None without one), `events`, and `more`: whether the log goes on.

    Raises:
        ConfigError: The engine refuses the configuration in the header.
        EventError: With the line that is no record, or that did not come again.
    """
