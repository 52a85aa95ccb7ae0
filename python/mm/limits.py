"""The settings of the limit derivation, with their defaults.

The defaults are those of `mm.config`; nothing is repeated here.
"""

from decimal import Decimal
from typing import Self

from mm import _core
from mm.config import FreshnessConfig, LimitConfig
from mm.config.engine import MARKET_DEADLINES_S

Number = float | Decimal | str
"""What every number may be given as."""

_RISK = LimitConfig()
_FRESH = FreshnessConfig()
_MARKET_DEGRADED_S, _MARKET_GONE_S = MARKET_DEADLINES_S["2026"]


class DynamicRiskConfig(_core.DynamicRiskConfig):
    """How the limit is derived.

    Args:
        risk_fraction: Share of equity that a move of `num_sigmas` over the horizon may
            cost at the limit.
        num_sigmas: Size of that move in standard deviations.
        sigma_prior: Volatility until a measured one is trusted, per square root of a
            second, a fraction.
        risk_horizon_s: Shortest time we assume to be stuck with a position, seconds; four
            times it is the longest.
        leverage_cap: Largest leverage the user allows; `derive_limits` takes the result
            of it.
        initial_margin_frac: Margin of the limit position is at most this share of equity.
        gap_move_frac: Gap of the price to survive, a fraction; None: by the asset's
            largest leverage.
        gap_loss_frac: Share of equity that such a gap may cost.
        liquidity_frac: Share of the notional traded in an hour.
        sigma_floor_frac: Volatility never counts for less than this share of its 24 h
            value.
        confidence_n0: Effective returns at which an estimate has half of the weight.
        limit_use_frac: Share of the limit that sizing uses.
        reduce_only_leave_frac: Reduce-only ends at or below this share of the limit.
        daily_loss_frac: Largest loss of a day, share of its opening equity.
        drawdown_frac: Largest fall from the peak, share of the peak.
        limit_rise_frac_per_min: Largest rise of the limit a minute, share of the new
            value.
        market_degraded_s: Age of the market data, seconds, past which it is degraded.
        market_gone_s: Age of the market data, seconds, past which it is treated as gone.
        account_degraded_s: Age of the account data, seconds, past which it is degraded.
        account_gone_s: Age of the account data, seconds, past which it is treated as
            gone.
        head_room_degraded_s: Age of the head room data, seconds, past which it is
            degraded.
        head_room_gone_s: Age of the head room data, seconds, past which it is treated as
            gone.
        sigma_degraded_s: Age of the sigma data, seconds, past which it is degraded.
        sigma_gone_s: Age of the sigma data, seconds, past which it is treated as gone.
        own_stream_degraded_s: Age of the own stream data, seconds, past which it is
            degraded.
        own_stream_gone_s: Age of the own stream data, seconds, past which it is treated
            as gone.

    Raises:
        ConfigError: A number is not finite or outside its range; the message names it.
    """

    __slots__ = ()

    def __new__(  # noqa: PLR0913 - one a setting, each with its default
        cls,
        risk_fraction: Number = _RISK.risk_fraction,
        num_sigmas: Number = _RISK.num_sigmas,
        sigma_prior: Number = _RISK.sigma_prior,
        risk_horizon_s: Number = _RISK.risk_horizon_s,
        leverage_cap: Number = _RISK.leverage_cap,
        *,
        initial_margin_frac: Number = _RISK.initial_margin_frac,
        gap_move_frac: Number | None = _RISK.gap_move_frac,
        gap_loss_frac: Number = _RISK.gap_loss_frac,
        liquidity_frac: Number = _RISK.liquidity_frac,
        sigma_floor_frac: Number = _RISK.sigma_floor_frac,
        confidence_n0: Number = _RISK.confidence_n0,
        limit_use_frac: Number = _RISK.limit_use_frac,
        reduce_only_leave_frac: Number = _RISK.reduce_only_leave_frac,
        daily_loss_frac: Number = _RISK.daily_loss_frac,
        drawdown_frac: Number = _RISK.drawdown_frac,
        limit_rise_frac_per_min: Number = _RISK.limit_rise_frac_per_min,
        market_degraded_s: Number = _MARKET_DEGRADED_S,
        market_gone_s: Number = _MARKET_GONE_S,
        account_degraded_s: Number = _FRESH.account_degraded_s,
        account_gone_s: Number = _FRESH.account_gone_s,
        head_room_degraded_s: Number = _FRESH.head_room_degraded_s,
        head_room_gone_s: Number = _FRESH.head_room_gone_s,
        sigma_degraded_s: Number = _FRESH.sigma_degraded_s,
        sigma_gone_s: Number = _FRESH.sigma_gone_s,
        own_stream_degraded_s: Number = _FRESH.own_stream_degraded_s,
        own_stream_gone_s: Number = _FRESH.own_stream_gone_s,
    ) -> Self:
        """Check and hold the settings."""
        return super().__new__(
            cls,
            risk_fraction=risk_fraction,
            num_sigmas=num_sigmas,
            sigma_prior=sigma_prior,
            risk_horizon_s=risk_horizon_s,
            leverage_cap=leverage_cap,
            initial_margin_frac=initial_margin_frac,
            gap_move_frac=gap_move_frac,
            gap_loss_frac=gap_loss_frac,
            liquidity_frac=liquidity_frac,
            sigma_floor_frac=sigma_floor_frac,
            confidence_n0=confidence_n0,
            limit_use_frac=limit_use_frac,
            reduce_only_leave_frac=reduce_only_leave_frac,
            daily_loss_frac=daily_loss_frac,
            drawdown_frac=drawdown_frac,
            limit_rise_frac_per_min=limit_rise_frac_per_min,
            market_degraded_s=market_degraded_s,
            market_gone_s=market_gone_s,
            account_degraded_s=account_degraded_s,
            account_gone_s=account_gone_s,
            head_room_degraded_s=head_room_degraded_s,
            head_room_gone_s=head_room_gone_s,
            sigma_degraded_s=sigma_degraded_s,
            sigma_gone_s=sigma_gone_s,
            own_stream_degraded_s=own_stream_degraded_s,
            own_stream_gone_s=own_stream_gone_s,
        )
