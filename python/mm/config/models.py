"""The models: each key once, with its default, unit, range and meaning."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, PrivateAttr, model_validator

from mm.config.keys import (
    BPS,
    COIN,
    COUNT,
    PER_BPS,
    PER_SECOND,
    RATIO,
    SECONDS,
    SHARE,
    SIGMA,
    USD,
    WORD,
    Section,
    as_tuple,
    key,
)
from mm.config.learned import ModelsConfig
from mm.config.process import AccountConfig, PaperConfig, ProcessConfig
from mm.config.protection import ProtectionConfig
from mm.config.requests import RequestsConfig


class LimitConfig(Section):
    """How large a position may become: the inputs of the one effective limit."""

    risk_fraction: float = key(
        0.03,
        SHARE,
        "of equity that a move of num_sigmas over risk_horizon_s may cost at the limit",
        gt=0,
        le=1,
    )
    num_sigmas: float = key(3.0, RATIO, "how bad a move the risk budget covers", gt=0, le=20)
    risk_horizon_s: float = key(
        3600.0, SECONDS, "how long a position at the limit may be stuck", gt=0, le=604_800
    )
    sigma_prior: float = key(3e-4, SIGMA, "volatility until candles are known", gt=0, le=0.05)
    sigma_floor_frac: float = key(
        0.5, SHARE, "of the 24 h volatility, below which the one used never falls", ge=0, le=1
    )
    confidence_n0: float = key(
        30.0, "effective returns", "at which an estimate has half of the weight", gt=0, le=1e6
    )
    leverage_cap: float = key(
        5.0, RATIO, "on top of what the exchange and the tier allow", gt=0, le=100
    )
    initial_margin_frac: float = key(
        0.8, SHARE, "of account value that the limit position's margin may take", gt=0, le=1
    )
    gap_move_frac: float | None = key(
        None,
        SHARE,
        "a gap of the price to survive; absent: by the coin's largest leverage (0.08, 0.15, 0.30)",
        gt=0,
        le=1,
    )
    gap_loss_frac: float = key(0.5, SHARE, "of account value that such a gap may cost", gt=0, le=1)
    liquidity_frac: float = key(
        0.05, SHARE, "of the last hour's traded notional that the limit may reach", gt=0, le=1
    )
    position_cap_usd: float | None = key(
        None, USD, "your hard limit, always in force; absent: none", gt=0, le=1e12
    )
    position_cap_coin: float | None = key(
        None, COIN, "the same in coin; give one of the two", gt=0, le=1e12
    )
    equity_share_frac: float | None = key(
        None,
        SHARE,
        "of equity that a coin may use; together at most 1. Absent: an equal part for each coin of"
        " this process; give it where other makers quote on the account",
        gt=0,
        le=1,
    )
    warmup_max_position_usd: float | None = key(
        500.0, USD, "the fallback while warming up, nothing else", gt=0, le=1e12
    )
    warmup_max_position_coin: float | None = key(
        None, COIN, "the same in coin; given, it replaces the one in USD", gt=0, le=1e12
    )
    limit_use_frac: float = key(
        0.98,
        SHARE,
        "of the room that sizing uses, so that a tick of mid does not churn",
        gt=0,
        le=1,
    )
    reduce_only_leave_frac: float = key(
        0.90, SHARE, "of the limit at which reduce-only ends (it begins above 1)", gt=0, lt=1
    )
    daily_loss_frac: float = key(
        0.05, SHARE, "of the day's opening equity that may be lost in a day", gt=0, le=1
    )
    drawdown_frac: float = key(
        0.08, SHARE, "of peak equity, transfers taken out, that may be lost", gt=0, le=1
    )
    limit_rise_frac_per_min: float = key(
        0.10, "a share per minute", "of the new value by which the limit may rise", gt=0, le=100
    )

    @model_validator(mode="before")
    @classmethod
    def _coin_replaces_usd(cls, given: object) -> object:
        key = "warmup_max_position_usd"
        if isinstance(given, dict) and "warmup_max_position_coin" in given and key not in given:
            return {**given, key: None}
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for stem in ("position_cap", "warmup_max_position"):
            in_usd, in_coin = getattr(self, f"{stem}_usd"), getattr(self, f"{stem}_coin")
            if in_usd is not None and in_coin is not None:
                raise ValueError(
                    f"{stem}_usd = {in_usd:g} and {stem}_coin = {in_coin:g}:"
                    " expected one of the two, USD or coin"
                )
        if self.warmup_max_position_usd is None and self.warmup_max_position_coin is None:
            raise ValueError(
                "warmup_max_position_usd: expected a number of USD, or the one in coin"
            )
        if self.risk_fraction >= self.daily_loss_frac:
            raise ValueError(
                f"risk_fraction = {self.risk_fraction:g}: expected less than daily_loss_frac ="
                f" {self.daily_loss_frac:g} (both shares of equity), or an ordinary loss at the"
                " limit is already the day's"
            )
        return self


class QuotingConfig(Section):
    """What to quote inside the limit."""

    strategy: Literal["ladder", "glft", "avellaneda_stoikov", "inventory_aware", "symmetric"] = key(
        "ladder",
        WORD,
        "ladder (GLFT ladder), glft, avellaneda_stoikov, inventory_aware or symmetric",
    )
    target_liquidity_frac: float = key(
        0.20, SHARE, "of the effective limit quoted per side, over all levels", gt=0, le=1
    )
    levels: int = key(5, COUNT, "per side", ge=1, le=50)
    depths_bps: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] | None = key(
        None, "a list of bps, rising", "from the fair price, one a level; absent: from the model"
    )
    min_level_usd: float = key(
        12.0,
        USD,
        "a smaller level is merged into the next inward (the venue's least is $10)",
        ge=10,
        le=1e6,
    )
    min_edge_bps: float = key(0.5, BPS, "to earn over fee and adverse selection", ge=0, le=100)
    arrival_per_s: float = key(
        0.1, PER_SECOND, "fills at zero depth (A), until estimated", gt=0, le=1000
    )
    kappa_per_bps: float = key(
        0.7, PER_BPS, "decay of fills with depth (k), until estimated", gt=0, le=100
    )
    adverse_selection_bps: float = key(
        0.5, BPS, "the price's move against a fill, until estimated", ge=0, le=100
    )
    half_spread_bps: float = key(
        10.0, BPS, "of the simple strategies and of the first minute", gt=0, le=1000
    )
    half_spread_max_bps: float = key(
        100.0,
        BPS,
        "the most of any level before skew, whatever model and premia ask for: a percent from fair"
        " no order is met by the ordinary flow that the model is about",
        ge=1,
        le=1000,
    )
    risk_aversion: float = key(
        1.0,
        RATIO,
        "times the gamma at which a full inventory moves the increasing side's first level"
        " to its last",
        gt=0,
        le=100,
    )
    horizon_s: float = key(
        300.0, SECONDS, "time left of avellaneda_stoikov; it moves along", ge=1, le=86_400
    )
    inventory_skew_bps: float = key(
        10.0, BPS, "of inventory_aware at full inventory", ge=0, le=1000
    )
    max_bps_diff: float | None = key(
        None, BPS, "an order stays while within this; absent: from spread and noise", gt=0, le=100
    )
    size_tolerance_frac: float = key(0.10, SHARE, "of size within which an order stays", ge=0, le=1)
    sweep_guard: bool = key(
        True,
        "true or false",
        "holding a position, the reducing side offers at most it and the target, so that one sweep"
        " cannot carry us far through zero",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_depth_a_level(cls, given: object) -> object:
        if isinstance(given, dict) and "levels" not in given:
            depths = given.get("depths_bps")
            if isinstance(depths, list | tuple) and depths:
                return {**given, "levels": len(depths)}
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        depths, most_bps = self.depths_bps, self.half_spread_max_bps
        widest_bps = max(self.half_spread_bps, *(depths or (0.0,)))
        if widest_bps > most_bps:
            raise ValueError(
                f"half_spread_max_bps = {most_bps:g}: expected at least half_spread_bps and every"
                f" depth of depths_bps, {widest_bps:g} bps"
            )
        if depths is None:
            return self
        if len(depths) != self.levels:
            raise ValueError(
                f"depths_bps = {list(depths)}: expected one depth in bps for each of"
                f" levels = {self.levels}"
            )
        rising = all(a < b for a, b in pairwise(depths))
        if not rising or depths[0] <= 0 or depths[-1] > 1000:  # noqa: PLR2004 - as half_spread_bps
            raise ValueError(
                f"depths_bps = {list(depths)}: expected bps that rise, above 0 and up to 1000"
            )
        return self


class FreshnessConfig(Section):
    """Age at which an input is degraded, and at which it counts as gone.

    Never under half a second of wall time: on a faster paper market both are stretched alike.
    """

    market_degraded_s: float | None = key(
        None, SECONDS, "bbo or book; absent: by cadence, 5 (2026) or 2 (legacy)", gt=0, le=3600
    )
    market_gone_s: float | None = key(
        None, SECONDS, "bbo or book; absent: by cadence, 15 (2026) or 5 (legacy)", gt=0, le=3600
    )
    account_degraded_s: float = key(30.0, SECONDS, "account value and margin", gt=0, le=3600)
    account_gone_s: float = key(120.0, SECONDS, "account value and margin", gt=0, le=3600)
    head_room_degraded_s: float = key(60.0, SECONDS, "the exchange's head-room", gt=0, le=3600)
    head_room_gone_s: float = key(300.0, SECONDS, "the exchange's head-room", gt=0, le=3600)
    sigma_degraded_s: float = key(120.0, SECONDS, "volatility", gt=0, le=3600)
    sigma_gone_s: float = key(600.0, SECONDS, "volatility", gt=0, le=3600)
    own_stream_degraded_s: float = key(60.0, SECONDS, "own orders and fills", gt=0, le=3600)
    own_stream_gone_s: float = key(120.0, SECONDS, "own orders and fills", gt=0, le=3600)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.market_degraded_s is None) != (self.market_gone_s is None):
            raise ValueError(
                "market_degraded_s and market_gone_s: expected both in seconds, or neither"
            )
        for stem in ("market", "account", "head_room", "sigma", "own_stream"):
            degraded = getattr(self, f"{stem}_degraded_s")
            gone = getattr(self, f"{stem}_gone_s")
            if degraded is not None and gone is not None and degraded >= gone:
                raise ValueError(
                    f"{stem}_degraded_s = {degraded:g}: expected less than {stem}_gone_s ="
                    f" {gone:g} seconds"
                )
        return self


Policy = Literal["work", "flatten", "hold"]
"""What becomes of the position: a reducing quote at the touch, closed at once, or left."""


class ControlConfig(Section):
    """When quoting begins, when it is careful, and when it ends for good.

    Seconds are market seconds. The loss that kills is `limits.daily_loss_frac` and
    `limits.drawdown_frac`: the limit and the kill switch share one budget.
    """

    observe_book_s: float = key(
        10.0, SECONDS, "of fresh book before the first quote", ge=0, le=3600
    )
    observe_deadline_s: float = key(
        120.0, SECONDS, "after which observing ends in any case", gt=0, le=3600
    )
    quote_min_s: float = key(
        60.0, SECONDS, "at minimum size and configured spread before normal quoting", ge=0, le=3600
    )
    widen_jump_sigmas: float = key(
        5.0, RATIO, "standard deviations of the mid's move in a window that widen", ge=1, le=1000
    )
    widen_window_s: float = key(5.0, SECONDS, "the window of such a jump", gt=0, le=60)
    widen_term_bps: float = key(5.0, BPS, "the largest premium for one cause", ge=0, le=5)
    widen_sum_bps: float = key(20.0, BPS, "the largest sum of premia", ge=0, le=20)
    widen_dwell_s: float = key(
        30.0, SECONDS, "that quotes stay wide after the cause was last seen", ge=0, le=3600
    )
    toxic_jump_sigmas: float | None = key(
        None,
        RATIO,
        "standard deviations of the mid's move within a second that take the threatened side off at"
        " once; absent: none do",
        ge=2,
        le=1000,
    )
    toxic_flow_sigmas: float | None = key(
        None,
        RATIO,
        "standard deviations by which takers of one side prevail in ten seconds, and do the same;"
        " absent: none do",
        ge=2,
        le=1000,
    )
    toxic_off_s: float = key(
        5.0, SECONDS, "without that side, save what closes the position", ge=0.1, le=3600
    )
    burst_fills: int = key(
        6, COUNT, "same-side orders filled in a window that take that side off", ge=2, le=1000
    )
    burst_window_s: float = key(2.0, SECONDS, "the window of such a burst", gt=0, le=60)
    burst_off_s: float = key(60.0, SECONDS, "without the increasing side", ge=0, le=3600)
    burst_step_s: float = key(
        30.0, SECONDS, "at a quarter, then at half of the size, on the way back", ge=0, le=3600
    )
    ramp: bool | None = key(
        None,
        "true or false",
        "opens the limit in quarters, one after each hour without a loss; absent: on mainnet alone",
    )
    kill_runaway_ratio: float = key(
        2.0, RATIO, "of worst case to the limit in force at our last increase", ge=1, le=1000
    )
    kill_stale_s: float = key(
        300.0,
        SECONDS,
        "without a stream while exposed; never under 5 s of wall time",
        gt=0,
        le=3600,
    )
    kill_rejections: int = key(
        10, COUNT, "rejections of one class in a window; a batch is one", ge=2, le=10_000
    )
    kill_rejections_s: float = key(60.0, SECONDS, "the window of these", gt=0, le=3600)
    kill_unexplained_s: float = key(
        30.0,
        SECONDS,
        "with a position or loss that fills do not explain; never under 2 s of wall time",
        gt=0,
        le=3600,
    )
    kill_deadline_s: float = key(
        120.0,
        SECONDS,
        "of wall time for on_kill; then the process ends all the same",
        gt=0,
        le=3600,
    )
    exit_deadline_s: float = key(
        60.0,
        SECONDS,
        "of wall time for on_exit; then the process ends all the same",
        gt=0,
        le=3600,
    )
    on_kill: Policy | None = key(
        None, WORD, "for the position after a kill; absent: flatten on paper, else yours to choose"
    )
    on_exit: Policy | None = key(
        None, WORD, "for the position after a stop; absent: hold on paper, else yours to choose"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.observe_book_s >= self.observe_deadline_s:
            raise ValueError(
                f"observe_book_s = {self.observe_book_s:g}: expected less than"
                f" observe_deadline_s = {self.observe_deadline_s:g} seconds"
            )
        return self


class RecoveryConfig(Section):
    """How to get out of a position that is too big, and what to do when the venue refuses."""

    stuck_s: float = key(
        30.0,
        SECONDS,
        "without a fall of a position too big for an unchanged limit: it is stuck",
        ge=0.1,
        le=86_400,
    )
    chase_s: float = key(
        60.0, SECONDS, "of reducing quotes at the touch before crossing", ge=0.1, le=86_400
    )
    passive_s: float = key(
        300.0,
        SECONDS,
        "that an excess is left to the quotes when only the limit fell",
        ge=0,
        le=86_400,
    )
    passive_ratio_max: float = key(
        1.5, RATIO, "of position to limit above which that is not waited for", ge=1, le=1000
    )
    liquidation_sigma_hours: float = key(
        3.0, "sigma-hours", "of distance to liquidation below which neither", ge=0, le=1000
    )
    ioc_slippage_bps: float = key(
        5.0, BPS, "least price allowance of an immediate reducing order", ge=0, le=1000
    )
    ioc_slippage_spreads: float = key(3.0, RATIO, "or this many spreads", ge=0, le=1000)
    ioc_slippage_sigmas: float = key(
        3.0, RATIO, "or this many sigmas over ioc_horizon_s", ge=0, le=1000
    )
    ioc_horizon_s: float = key(5.0, SECONDS, "of those sigmas", ge=0, le=86_400)
    ioc_slippage_max_bps: float = key(50.0, BPS, "largest price allowance", ge=0, le=1000)
    ioc_limit_frac: float = key(
        0.10, SHARE, "of the limit at our last increase that an attempt takes", gt=0, le=1
    )
    ioc_min_usd: float = key(12.0, USD, "the smallest attempt", ge=10, le=1e6)
    ioc_attempts: int = key(3, COUNT, "in a round", ge=1, le=1000)
    ioc_apart_s: float = key(5.0, SECONDS, "between attempts", ge=0.1, le=86_400)
    ioc_rounds: int = key(3, COUNT, "before the alarm", ge=1, le=1000)
    ioc_cooldown_s: float = key(30.0, SECONDS, "between rounds", ge=0.1, le=86_400)
    post_only_s: float = key(
        60.0,
        SECONDS,
        "that the venue's word to take post-only orders alone is believed",
        ge=0.1,
        le=86_400,
    )
    reject_strikes: int = key(
        3, COUNT, "refusals of one class on one side before increasing orders wait", ge=1, le=1000
    )
    reject_backoff_s: float = key(
        5.0, SECONDS, "of the first wait; each further refusal doubles it", ge=0.1, le=86_400
    )
    reject_backoff_max_s: float = key(120.0, SECONDS, "longest wait", ge=0.1, le=86_400)
    reconcile_s: float = key(
        10.0, SECONDS, "between checks of the position against the exchange's", ge=0.1, le=86_400
    )
    reconcile_grace_s: float = key(
        3.0,
        SECONDS,
        "before a disagreement is one; never under 0.5 s of wall time",
        ge=0,
        le=86_400,
    )
    sweep_s: float = key(
        60.0, SECONDS, "between sweeps over orders, margin and position", ge=0.1, le=86_400
    )
    sweep_grace_s: float = key(
        5.0,
        SECONDS,
        "before a sweep looks at something; never under 0.5 s of wall time",
        ge=0,
        le=86_400,
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.reject_backoff_s > self.reject_backoff_max_s:
            raise ValueError(
                f"reject_backoff_s = {self.reject_backoff_s:g}: expected at most"
                f" reject_backoff_max_s = {self.reject_backoff_max_s:g} seconds"
            )
        if self.ioc_slippage_bps > self.ioc_slippage_max_bps:
            raise ValueError(
                f"ioc_slippage_bps = {self.ioc_slippage_bps:g}: expected at most"
                f" ioc_slippage_max_bps = {self.ioc_slippage_max_bps:g} bps"
            )
        return self


class BacktestConfig(Section):
    """How a backtest delays and queues us."""

    feed_latency_s: float | None = key(
        None,
        SECONDS,
        "from exchange time to our receiving it; absent: as it was recorded",
        ge=0,
        le=60,
    )
    book_every_s: float | None = key(
        None,
        SECONDS,
        "between two whole books that we hear of; absent: as recorded (the venue's default: 5)",
        ge=0,
        le=60,
    )
    order_latency_s: float = key(
        0.1, SECONDS, "from our decision to the exchange, then the next block", ge=0, le=60
    )
    ack_latency_s: float = key(
        0.1, SECONDS, "from a block to our hearing of orders, fills and account", ge=0, le=60
    )
    queue_bound: Literal["pessimistic", "prorata", "optimistic"] = key(
        "pessimistic", WORD, "the one of the three that is reported at the top"
    )


class Config(Section):
    """A whole, effective configuration: nothing is filled in after this."""

    process: ProcessConfig = ProcessConfig()
    account: AccountConfig = AccountConfig()
    paper: PaperConfig = PaperConfig()
    limits: LimitConfig = LimitConfig()
    quoting: QuotingConfig = QuotingConfig()
    models: ModelsConfig = ModelsConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    control: ControlConfig = ControlConfig()
    recovery: RecoveryConfig = RecoveryConfig()
    requests: RequestsConfig = RequestsConfig()
    protection: ProtectionConfig = ProtectionConfig()
    backtest: BacktestConfig = BacktestConfig()

    _each: tuple["Config", ...] = PrivateAttr(())

    @property
    def coins(self) -> tuple[str, ...]:
        """The perps to quote."""
        return self.process.coins or (self.process.coin,)

    def each(self) -> tuple["Config", ...]:
        """The configuration of each coin: whatever is read about one coin is read from its own."""
        return self._each or (self,)

    def divide(self, each: tuple["Config", ...]) -> None:
        """Take what holds for each coin; called once, by who reads the configuration."""
        self._each = each

    @model_validator(mode="after")
    def _position_has_a_policy(self) -> Self:
        for policy in ("on_kill", "on_exit"):
            if self.process.network != "paper" and getattr(self.control, policy) is None:
                raise ValueError(
                    f"[control] {policy}: expected work, flatten or hold on network ="
                    f" {self.process.network}: nobody but you may choose what becomes of a position"
                )
        return self

    @model_validator(mode="after")
    def _another_coin_is_followed(self) -> Self:
        # Of several, each coin's own configuration is looked at.
        coins, followed = self.process.coins or (), self.models.followed
        if followed is None or len(coins) > 1:
            return self
        where = f"[models] reference = {self.models.reference!r}"
        if followed == self.process.coin:
            raise ValueError(
                f"{where}: expected another coin than {followed}, which is quoted; of several coins"
                f' [coin.{followed}.models] says reference = "off"'
            )
        return self

    @model_validator(mode="after")
    def _money_has_an_owner(self) -> Self:
        if self.process.network != "paper" and self.account.address is None:
            raise ValueError(
                f"[account] address: expected the address that holds the position, 0x and 40"
                f" hexadecimal digits, on network = {self.process.network}"
            )
        if self.account.key_name == self.account.watchdog_key_name:
            raise ValueError(
                f"[account] key_name = watchdog_key_name = {self.account.key_name!r}: expected two"
                " names: one key's nonces cannot be shared by two processes"
            )
        return self

    @model_validator(mode="after")
    def _one_level_fits(self) -> Self:
        leverage = min(self.limits.leverage_cap, float(self.account.leverage))
        share, whose = self.limits.equity_share_frac or 1.0, ""
        if share < 1:
            whose = f" a share of {share:g} for {self.process.coin},"
        side_usd = self.paper.equity_usd * share * leverage * self.quoting.target_liquidity_frac
        if self.process.network == "paper" and side_usd < self.quoting.min_level_usd:
            raise ValueError(
                f"[paper] equity_usd = {self.paper.equity_usd:g}: at{whose} leverage {leverage:g}"
                f" and target_liquidity_frac = {self.quoting.target_liquidity_frac:g} a side holds"
                f" {side_usd:.2f} USD, so 0 of {self.quoting.levels} levels are possible:"
                f" expected at least min_level_usd = {self.quoting.min_level_usd:g} USD"
            )
        return self
