//! The caps, one by one: each named, each applied only when its inputs are known.

use serde::{Deserialize, Serialize};

use super::Held;
use super::config::LimitSettings;
use super::exact::{Count, Decimal, Value};
use super::inputs::LimitInputs;
use super::rise::{Base, Fine};
use crate::instrument::Instrument;
use crate::units::{Side, Sz, Usd};

/// What can bind the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// `account_value x max_leverage`.
    Leverage,
    /// `equity_share x risk_budget / (num_sigmas x sigma_eff x sqrt(T) + funding due)`.
    Volatility,
    /// `account_value x equity_share x initial_margin_frac x exchange_leverage`.
    InitialMargin,
    /// Notional from which a margin tier forbids the leverage set on the exchange.
    MarginTier,
    /// `account_value x equity_share x gap_loss_frac / gap_move_frac`.
    Gap,
    /// `liquidity_frac x traded notional of an hour`.
    Liquidity,
    /// What is held while the venue's open interest is at its cap, by side: none of it may be added to.
    OpenInterest,
    /// `account_value x equity_share x max_leverage`.
    EquityShare,
    /// The user's hard limit in USDC.
    PositionCapUsd,
    /// `ramp_share x the smallest of the terms above and of the caps in coin`.
    Ramp,
    /// The slow rise: the previous limit and what it may gain in the time since.
    Rise,
    /// The user's hard limit in coin.
    PositionCap,
    /// The warm-up limit.
    Fallback,
    /// The exchange's head-room for the side.
    HeadRoom,
    /// The slow rise of a side: what bound it before and what it may gain in the time since.
    SideRise,
    /// Warmup and Degraded: the last valid limit. Degraded: or what the increasing side had.
    LastValid,
    /// An input is past its second deadline: nothing may be added.
    Gone,
}

impl Term {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leverage => "leverage",
            Self::Volatility => "volatility",
            Self::InitialMargin => "initial_margin",
            Self::MarginTier => "margin_tier",
            Self::Gap => "gap",
            Self::Liquidity => "liquidity",
            Self::OpenInterest => "open_interest",
            Self::EquityShare => "equity_share",
            Self::PositionCapUsd => "position_cap_usd",
            Self::Ramp => "ramp",
            Self::Rise => "rise",
            Self::PositionCap => "position_cap",
            Self::Fallback => "fallback",
            Self::HeadRoom => "head_room",
            Self::SideRise => "side_rise",
            Self::LastValid => "last_valid",
            Self::Gone => "gone",
        }
    }
}

/// One cap and what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermValue {
    /// Which.
    pub term: Term,
    /// In money, to the nearest micro-USDC; `None` for a cap in lots while there is no mid, and for
    /// caps of one side.
    pub value: Option<Usd>,
    /// In lots, `[long, short]`; `None` for a cap in money while there is no mid.
    pub lots: Option<[Sz; 2]>,
}

/// A cap before it is rounded for display.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap {
    pub(super) term: Term,
    pub(super) value: Option<Value>,
    pub(super) lots: Option<[Sz; 2]>,
}

impl Cap {
    pub(super) fn shown(self) -> TermValue {
        TermValue {
            term: self.term,
            value: self.value.map(Value::to_usd),
            lots: self.lots,
        }
    }
}

/// Mid and lattice: turns money into lots and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pricing {
    mid: Option<Decimal>,
    sz_decimals: u32,
}

impl Pricing {
    /// A mid that underflows the decimal reading counts as unknown.
    pub(super) fn new(mid: Option<f64>, instrument: &Instrument) -> Self {
        let mid = mid.map(Decimal::of).filter(|mid| !mid.is_zero());
        Self {
            mid,
            sz_decimals: instrument.sz_decimals(),
        }
    }

    pub(super) fn money(&self, term: Term, value: Value) -> Cap {
        let lots = self
            .mid
            .map(|mid| [Sz(value.lots(mid, self.sz_decimals)); 2]);
        // Nothing buys nothing, whatever the price.
        let lots = lots.or((value == Value::ZERO).then_some([Sz::ZERO; 2]));
        Cap {
            term,
            value: Some(value),
            lots,
        }
    }

    pub(super) fn coin(&self, term: Term, lots: Sz) -> Cap {
        Cap {
            term,
            value: self.value_of(lots),
            lots: Some([lots; 2]),
        }
    }

    /// Whole lots of what a side rises from; `None`: money without a mid.
    pub(super) fn lots_of(&self, base: Base) -> Option<i64> {
        match base {
            Base::Lots(Fine(whole, _)) => Some(whole),
            Base::Money(money) => self
                .mid
                .map(|mid| Value::of_fine(money).lots(mid, self.sz_decimals)),
        }
    }

    pub(super) fn count_of(&self, value: Value) -> Option<Count> {
        self.mid
            .map(|mid| Count::of_value(value, mid, self.sz_decimals))
    }

    pub(super) fn value_of(&self, lots: Sz) -> Option<Value> {
        let lots = lots.0.unsigned_abs();
        self.mid
            .map(|mid| Value::of_lots(lots, mid, self.sz_decimals))
    }
}

/// Every cap that the inputs allow, except those that depend on the previous limit.
pub(super) fn caps(
    inputs: &LimitInputs,
    settings: &LimitSettings,
    pricing: &Pricing,
    instrument: &Instrument,
) -> Vec<Cap> {
    let mut caps = Vec::with_capacity(13);
    if let Some(equity) = inputs.account_value {
        equity_caps(&mut caps, equity, inputs, settings, pricing);
    }
    if let Some(traded) = inputs.traded_notional_1h {
        let value = Value::of_belief(traded).times(Decimal::of(settings.liquidity_frac));
        caps.push(pricing.money(Term::Liquidity, value));
    }
    if let Some(notional) = inputs.tier_notional_max {
        caps.push(pricing.money(Term::MarginTier, Value::of_usd(notional)));
    }
    if inputs.at_open_interest_cap == Some(true) {
        // What is held may be held, and nothing added or turned round.
        let held = |side: Side| side.signed(inputs.position).max(Sz::ZERO);
        caps.push(Cap {
            term: Term::OpenInterest,
            value: None,
            lots: Some([held(Side::Bid), held(Side::Ask)]),
        });
    }
    if let Some(cap) = settings.position_cap_usd {
        caps.push(pricing.money(Term::PositionCapUsd, Value::of_decimal(Decimal::of(cap))));
    }
    if let Some(cap) = settings.position_cap_coin {
        caps.push(pricing.coin(Term::PositionCap, lots_of(cap, instrument)));
    }
    if let Some(head_room) = inputs.head_room {
        let side = |side: Side| {
            let i = side.index();
            let held = side.signed(inputs.position);
            (held + inputs.own_increasing[i] + head_room[i]).max(Sz::ZERO)
        };
        let lots = Some([side(Side::Bid), side(Side::Ask)]);
        caps.push(Cap {
            term: Term::HeadRoom,
            value: None,
            lots,
        });
    }
    caps
}

fn equity_caps(
    caps: &mut Vec<Cap>,
    equity: Usd,
    inputs: &LimitInputs,
    settings: &LimitSettings,
    pricing: &Pricing,
) {
    let whole = Value::of_usd(equity);
    let leverage = Decimal::of(inputs.max_leverage);
    caps.push(pricing.money(Term::Leverage, whole.times(leverage)));
    // What several coins may risk, margin and lose in a gap is divided, so that it holds for all together.
    let share = inputs.equity_share.map(Decimal::of);
    let value = share.map_or(whole, |share| whole.times(share));
    let volatility = volatility_limit(equity, inputs, settings);
    caps.push(pricing.money(Term::Volatility, Value::of_belief(volatility)));
    if let Some(exchange_leverage) = inputs.exchange_leverage {
        let share = value.times(Decimal::of(settings.initial_margin_frac));
        let margin = share.times(Decimal::of(exchange_leverage));
        caps.push(pricing.money(Term::InitialMargin, margin));
    }
    if let Some(asset_max_leverage) = inputs.asset_max_leverage {
        let gap = settings
            .gap_move_frac
            .unwrap_or_else(|| gap_move_frac(asset_max_leverage));
        let loss = value.times(Decimal::of(settings.gap_loss_frac));
        caps.push(pricing.money(Term::Gap, loss.over(Decimal::of(gap))));
    }
    if share.is_some() {
        caps.push(pricing.money(Term::EquityShare, value.times(leverage)));
    }
}

/// `equity_share x risk_budget / (num_sigmas x sigma_eff x sqrt(T) + funding due)`, USDC: the budget covers
/// the move and, shortly before the hour, what the position at the limit would pay.
fn volatility_limit(equity: Usd, inputs: &LimitInputs, settings: &LimitSettings) -> f64 {
    let at_risk = equity.as_usd() * settings.risk_fraction;
    let budget = inputs
        .loss_left
        .map_or(at_risk, |left| left.as_usd().min(at_risk))
        .max(0.0);
    let budget = inputs.equity_share.map_or(budget, |share| budget * share);
    if budget <= 0.0 {
        return 0.0;
    }
    let horizon = horizon_s(inputs, settings);
    let moved = settings.num_sigmas * sigma_eff(inputs, settings) * libm::sqrt(horizon);
    budget / inputs.funding_frac.map_or(moved, |due| moved + due)
}

/// T: how long we may be stuck with the position, one to four configured horizons.
fn horizon_s(inputs: &LimitInputs, settings: &LimitSettings) -> f64 {
    let least = settings.risk_horizon_s;
    inputs
        .horizon_s
        .map_or(least, |unwind| unwind.clamp(least, 4.0 * least))
}

/// `sqrt(c x max(sigma, floor)^2 + (1 - c) x sigma_prior^2)`: variances are blended, not limits.
fn sigma_eff(inputs: &LimitInputs, settings: &LimitSettings) -> f64 {
    let measured = inputs.sigma_prior.filter(|prior| *prior > 0.0);
    let prior = measured.unwrap_or(settings.sigma_prior);
    let Some(sigma) = inputs.sigma.filter(|sigma| *sigma > 0.0) else {
        return prior;
    };
    let floor = inputs.sigma_24h.map(|day| day * settings.sigma_floor_frac);
    let floored = floor.map_or(sigma, |floor| sigma.max(floor));
    let confidence = inputs.sigma_confidence;
    libm::sqrt(confidence * floored * floored + (1.0 - confidence) * prior * prior)
}

/// The gap assumed for an asset, by its maximum leverage: what the venue thinks of its jumps.
fn gap_move_frac(asset_max_leverage: f64) -> f64 {
    if asset_max_leverage >= 25.0 {
        0.08
    } else if asset_max_leverage >= 10.0 {
        0.15
    } else {
        0.30
    }
}

/// The warm-up limit as a cap. The only reader of the fallback.
pub(super) fn effective_max_position(
    settings: &LimitSettings,
    pricing: &Pricing,
    instrument: &Instrument,
) -> Cap {
    if let Some(coin) = settings.warmup_max_position_coin {
        return pricing.coin(Term::Fallback, lots_of(coin, instrument));
    }
    let usd = settings
        .warmup_max_position_usd
        .map_or(Value::ZERO, |usd| Value::of_decimal(Decimal::of(usd)));
    let cap = pricing.money(Term::Fallback, usd);
    // A fallback in USD without a mid is 0 lots.
    Cap {
        lots: cap.lots.or(Some([Sz::ZERO; 2])),
        ..cap
    }
}

/// A share of the smallest cap that both sides have, while the capital ramp lasts. Without a mid it is
/// a share of the lots, where a cap has any.
pub(super) fn ramp(caps: &[Cap], share: f64, pricing: &Pricing) -> Option<Cap> {
    let by_side = |term| matches!(term, Term::OpenInterest | Term::HeadRoom);
    let both = || caps.iter().filter(|cap| !by_side(cap.term));
    let share = Decimal::of(share);
    let value = both().filter_map(|cap| cap.value).min();
    let cap = value.map(|value| pricing.money(Term::Ramp, value.times(share)));
    if let Some(cap) = cap.filter(|cap| cap.lots.is_some()) {
        return Some(cap);
    }
    let lots = both()
        .filter_map(|cap| cap.lots)
        .map(|[long, _]| long)
        .min()?;
    let part = share.floor_times(u128::from(lots.0.max(0).unsigned_abs()));
    let part = i64::try_from(part).expect("invariant: a share of lots is no more than the lots");
    Some(Cap {
        term: Term::Ramp,
        value: value.map(|value| value.times(share)),
        lots: Some([Sz(part); 2]),
    })
}

/// The last valid limit as an upper bound, neither worth nor counting more than it did.
pub(super) fn last_valid(held: &Held, pricing: &Pricing) -> Cap {
    let worth = pricing.money(Term::LastValid, Value::of_usd(held.value));
    let lots = worth.lots.map_or(held.lots, |[long, short]| {
        [held.lots[0].min(long), held.lots[1].min(short)]
    });
    Cap {
        lots: Some(lots),
        ..worth
    }
}

/// Checked configuration is finite and not negative; beyond the lattice it saturates.
fn lots_of(coin: f64, instrument: &Instrument) -> Sz {
    instrument
        .quantize_sz(coin)
        .unwrap_or(Sz(9_000_000_000_000_000))
}
