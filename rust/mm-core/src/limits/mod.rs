//! The one position limit: what it is derived from, which term binds it, and how it changes.
//!
//! ```text
//! leverage_limit   = account_value x max_leverage
//! risk_budget      = max(0, min(account_value x risk_fraction, day's loss left, drawdown left))
//! sigma_eff^2      = c x max(sigma, floor)^2 + (1 - c) x sigma_prior^2
//! volatility_limit = risk_budget / (num_sigmas x sigma_eff x sqrt(T) + funding due within minutes)
//! V = min(leverage_limit, volatility_limit, every other cap)        max_position_value, USDC
//! Q = floor_to_lot(V / mid)                                         effective_max_position, lots
//! ```
//!
//! [`derive_limits`] is the only maker of [`Limits`]; ladder, filter, gate, guard and messages take
//! `&Limits`. Head-room makes the two sides differ; everything else is common to them.
//!
//! Caps in coin enter in lots: passing them through USD would make the limit follow the last tick of
//! mid. The slow rise bounds V in money and each side in the unit of what binds it.

mod config;
mod exact;
mod inputs;
mod rise;
mod saved;
mod terms;

use serde::{Deserialize, Serialize};

pub use config::{LimitConfig, LimitError, LimitSettings};
pub use inputs::{Ages, Freshness, FreshnessConfig, FreshnessSettings, Input, LimitInputs};
pub use rise::{Base, Fine};
pub use saved::{SavedHeld, SavedLimit, SavedLimitError, SavedTurnover};
pub use terms::{Term, TermValue};

pub(crate) use config::Range;
pub(crate) use exact::{Decimal, Value, mul_div};

use crate::instrument::Instrument;
use crate::units::{Dur, Side, Sz, Usd};
use terms::{Cap, Pricing};

/// Where the limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// Equity or mid has never been known, or volatility is not ready: the fallback, capped by all that is
    /// known and by the last valid limit, an earlier session's too.
    Warmup,
    /// Fresh inputs: the derivation.
    Valid,
    /// An input past its first deadline: the last valid limit, and nothing may grow.
    Degraded,
    /// No equity: zero.
    Invalid,
}

impl LimitSource {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
        }
    }
}

/// A limit as it stood while it was valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// V.
    pub value: Usd,
    /// The smallest term in money, micro-USDC: what the slow rise of V starts from.
    pub money: Fine,
    /// Q, `[long, short]`.
    pub lots: [Sz; 2],
    /// What the slow rise of each side starts from, `[long, short]`.
    pub bases: [Base; 2],
}

/// What the derivation knew of the limit before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Time between the two derivations.
    pub age: Dur,
    /// Its source.
    pub source: LimitSource,
    /// Its Q, `[long, short]`.
    pub lots: [Sz; 2],
    /// The last valid limit up to then.
    pub held: Option<Held>,
    /// Whether an earlier session held it: then it is an upper bound and nothing else. How the account
    /// stands may have changed while nobody ran.
    pub restored: bool,
}

/// The limit of one derivation with everything that explains it.
///
/// It can be written to a journal and not read back: only [`derive_limits`] makes one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    source: LimitSource,
    value: Option<Usd>,
    lots: [Sz; 2],
    binding: [Term; 2],
    stale: Option<Input>,
    terms: Vec<TermValue>,
    inputs: LimitInputs,
    previous: Option<Previous>,
    held: Option<Held>,
}

/// Derives the one position limit that every later stage obeys.
///
/// `previous` is the limit before ([`Limits::aged`]) and the time since; it bounds the rise and is what
/// a degraded limit falls back on. `None` at the start.
///
/// # Errors
/// [`LimitError::OutOfRange`] for an input that is not a number in its range. What is missing, stale
/// or spent is a [`LimitSource`], not an error.
pub fn derive_limits(
    inputs: &LimitInputs,
    config: &LimitConfig,
    freshness: &FreshnessConfig,
    instrument: &Instrument,
    previous: Option<Previous>,
) -> Result<Limits, LimitError> {
    inputs.check()?;
    let settings = config.settings();
    let pricing = Pricing::new(inputs.mid, instrument);
    let mut caps = terms::caps(inputs, settings, &pricing, instrument);
    let held = previous.and_then(|previous| previous.held);
    let (worst, stale) = inputs.ages.judge(freshness);

    let source = source_of(inputs, worst);
    if source != LimitSource::Invalid && !is_ready(inputs) {
        caps.push(terms::effective_max_position(
            settings, &pricing, instrument,
        ));
    }
    let ramped = inputs.ramp_share.filter(|share| *share < 1.0);
    caps.extend(ramped.and_then(|share| terms::ramp(&caps, share, &pricing)));
    if source == LimitSource::Warmup {
        caps.extend(held.map(|held| terms::last_valid(&held, &pricing)));
    }
    let mut risen = None;
    if source == LimitSource::Valid {
        let (before, frac) = (previous.as_ref(), settings.limit_rise_frac_per_min);
        let money = rise::of_money(before, smallest_money(&caps), frac, &pricing);
        risen = rise::of_sides(before, &caps, frac, &pricing, inputs);
        caps.extend(money);
        caps.extend(risen.map(|risen| risen.cap));
    }
    let candidate = Bound::smallest(&caps);
    let bound = if source == LimitSource::Degraded {
        degrade(
            &mut caps,
            candidate,
            inputs.position,
            worst,
            previous.as_ref(),
        )
    } else {
        candidate
    };
    let value = bound.value.map(Value::to_usd);
    let held = match (source, value, smallest_money(&caps)) {
        (LimitSource::Valid, Some(value), Some(money)) => Some(Held {
            value,
            money: money.to_fine(),
            lots: bound.lots,
            bases: rise::bases(&bound, &caps, risen.as_ref()),
        }),
        _ => held,
    };
    Ok(Limits {
        source,
        value,
        lots: bound.lots,
        binding: bound.binding,
        stale,
        terms: caps.into_iter().map(Cap::shown).collect(),
        inputs: inputs.clone(),
        previous,
        held,
    })
}

/// Whether equity, mid and volatility are all known: what the derivation needs.
const fn is_ready(inputs: &LimitInputs) -> bool {
    inputs.account_value.is_some() && inputs.mid.is_some() && inputs.sigma.is_some()
}

fn source_of(inputs: &LimitInputs, worst: Freshness) -> LimitSource {
    match inputs.account_value {
        Some(equity) if equity <= Usd::ZERO => LimitSource::Invalid,
        _ if worst != Freshness::Fresh => LimitSource::Degraded,
        _ if is_ready(inputs) => LimitSource::Valid,
        _ => LimitSource::Warmup,
    }
}

/// The smallest of the terms in money.
fn smallest_money(caps: &[Cap]) -> Option<Value> {
    caps.iter()
        .filter(|cap| rise::in_money(cap.term))
        .filter_map(|cap| cap.value)
        .min()
}

/// V, Q and what binds each side.
#[derive(Clone, Copy, Debug)]
struct Bound {
    value: Option<Value>,
    lots: [Sz; 2],
    binding: [Term; 2],
}

impl Bound {
    /// The smallest cap of each side by lots, then by money. Alike to the micro-USDC, the one first
    /// in order is named: a rise that stops at the term it follows is not what binds. No cap in
    /// lots: nothing may be held.
    fn smallest(caps: &[Cap]) -> Self {
        let value = caps.iter().filter_map(|cap| cap.value).min();
        let side = |side: Side| {
            let key = |cap: &Cap| {
                let lots = cap.lots.map(|lots| lots[side.index()])?;
                let value = cap.value.map(Value::to_usd);
                Some((lots, cap.value.is_none(), value, cap.term))
            };
            let smallest = caps.iter().filter_map(key).min();
            smallest.map_or((Sz::ZERO, Term::Fallback), |(lots, _, _, term)| {
                (lots, term)
            })
        };
        let (long, short) = (side(Side::Bid), side(Side::Ask));
        Self {
            value,
            lots: [long.0, short.0],
            binding: [long.1, short.1],
        }
    }
}

/// The reducing side keeps the last valid limit, of an earlier session at most; the increasing side may
/// not grow, and ends at the second deadline. Flat, both sides increase.
fn degrade(
    caps: &mut Vec<Cap>,
    candidate: Bound,
    position: Sz,
    worst: Freshness,
    previous: Option<&Previous>,
) -> Bound {
    let held = previous.and_then(|previous| previous.held);
    let restored = previous.is_some_and(|previous| previous.restored);
    let mut bound = candidate;
    for side in Side::BOTH {
        let i = side.index();
        let kept = held.map(|held| held.lots[i]);
        if side.signed(position) < Sz::ZERO {
            if let Some(kept) = kept.filter(|kept| !restored || *kept < bound.lots[i]) {
                (bound.lots[i], bound.binding[i]) = (kept, Term::LastValid);
            }
            continue;
        }
        let before = previous.map(|previous| previous.lots[i]);
        for cap in kept.into_iter().chain(before) {
            if cap < bound.lots[i] {
                (bound.lots[i], bound.binding[i]) = (cap, Term::LastValid);
            }
        }
        if worst == Freshness::Gone {
            (bound.lots[i], bound.binding[i]) = (Sz::ZERO, Term::Gone);
        }
    }
    if let Some(held) = held {
        let value = Value::of_usd(held.value);
        let stays = position != Sz::ZERO && !restored;
        let least = bound.value.map_or(value, |candidate| candidate.min(value));
        bound.value = Some(if stays { value } else { least });
        caps.push(Cap {
            term: Term::LastValid,
            value: Some(value),
            lots: Some(held.lots),
        });
    }
    if bound.lots == [Sz::ZERO; 2] {
        bound.value = Some(Value::ZERO);
    }
    bound
}

impl Limits {
    /// V: the largest value a position may have. `None` while neither equity nor mid is known.
    #[must_use]
    pub const fn max_position_value(&self) -> Option<Usd> {
        self.value
    }

    /// Q of the position that a fill on `side` builds: long for a bid, short for an ask.
    #[must_use]
    pub const fn of(&self, side: Side) -> Sz {
        self.lots[side.index()]
    }

    /// The largest long position.
    #[must_use]
    pub const fn long(&self) -> Sz {
        self.lots[0]
    }

    /// The largest short position, as a magnitude.
    #[must_use]
    pub const fn short(&self) -> Sz {
        self.lots[1]
    }

    /// Q of the side that `position` is on; flat, the smaller one.
    #[must_use]
    pub fn for_position(&self, position: Sz) -> Sz {
        match position.0.signum() {
            1 => self.long(),
            -1 => self.short(),
            _ => self.long().min(self.short()),
        }
    }

    /// What a position's side would be held to were no input gone: the last valid limit and all that is
    /// known beside it. Where nothing is gone, its limit.
    ///
    /// For judging whether a position is too big, which no missing input makes it. It admits nothing.
    #[must_use]
    pub fn for_position_if_heard(&self, position: Sz) -> Sz {
        let i = usize::from(position < Sz::ZERO);
        if self.binding[i] != Term::Gone {
            return self.for_position(position);
        }
        // The fallback stands in for what was valid before only where nothing was.
        let stands_in = |term: &&TermValue| term.term == Term::Fallback && self.held.is_some();
        let lots = self.terms.iter().filter(|term| !stands_in(term));
        let lots = lots.filter_map(|term| term.lots).map(|lots| lots[i]).min();
        lots.unwrap_or(Sz::ZERO)
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> LimitSource {
        self.source
    }

    /// The term that binds: of the side with the smaller limit.
    #[must_use]
    pub fn binding(&self) -> Term {
        self.binding[usize::from(self.short() < self.long())]
    }

    /// The term that binds one side.
    #[must_use]
    pub const fn binding_of(&self, side: Side) -> Term {
        self.binding[side.index()]
    }

    /// The stalest input past a deadline.
    #[must_use]
    pub const fn stale(&self) -> Option<Input> {
        self.stale
    }

    /// Every term that applied.
    #[must_use]
    pub fn terms(&self) -> &[TermValue] {
        &self.terms
    }

    /// What one term came to; `None` when it did not apply.
    #[must_use]
    pub fn term(&self, term: Term) -> Option<TermValue> {
        self.terms.iter().find(|found| found.term == term).copied()
    }

    /// The inputs of the derivation.
    #[must_use]
    pub const fn inputs(&self) -> &LimitInputs {
        &self.inputs
    }

    /// What the derivation knew of the limit before it.
    #[must_use]
    pub const fn previous(&self) -> Option<&Previous> {
        self.previous.as_ref()
    }

    /// Whether the position lies within its side's limit: `-Q_short <= position <= Q_long`.
    #[must_use]
    pub fn holds(&self, position: Sz) -> bool {
        -self.short() <= position && position <= self.long()
    }

    /// Position as a share of its side's limit, in basis points (31.27 % is 3127), rounded to the
    /// nearest. `None` when there is a position and no limit.
    #[must_use]
    pub fn utilization_bps(&self, position: Sz) -> Option<i64> {
        let (held, limit) = (
            i128::from(position.abs().0),
            i128::from(self.for_position(position).0),
        );
        if held == 0 {
            return Some(0);
        }
        if limit == 0 {
            return None;
        }
        i64::try_from((held * 20_000 + limit) / (2 * limit)).ok()
    }

    /// Position as a share of its side's limit, -1 to 1: over the limit it stays at 1.
    #[must_use]
    pub fn inventory(&self, position: Sz) -> f64 {
        if position == Sz::ZERO {
            return 0.0;
        }
        let limit = self.for_position(position).as_f64();
        if limit <= position.abs().as_f64() {
            return Sz(position.0.signum()).as_f64();
        }
        position.as_f64() / limit
    }

    /// The last valid limit up to this one.
    #[must_use]
    pub const fn held(&self) -> Option<Held> {
        self.held
    }

    /// What a derivation this much later knows of it.
    #[must_use]
    pub fn aged(&self, age: Dur) -> Previous {
        Previous {
            age: age.max(Dur::ZERO),
            source: self.source,
            lots: self.lots,
            held: self.held,
            restored: false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
