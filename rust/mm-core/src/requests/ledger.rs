//! The request ledger: what our address has sent, earned and may still send.
//!
//! Counted from our own sends and fills, and reconciled with each `userRateLimit` answer. What is not
//! known is `None`: before the first answer nobody may believe in a budget, or in none.
//!
//! ```text
//! used  = last report + what left since it was asked for        (at most: some of it may be in the report)
//! cap   = last report + USDC of our fills since it was heard    (at least)
//! left  = cap - used                      spare = left - reserve
//! debt  = requests sent - earned - what the plan pays back; 0 to full = burst_frac x spare
//! price = 0 up to a tenth of full, then rising to price_max     the plan pays back spare / plan_days
//! ```
//! So a full budget costs nothing, a burn beyond the plan raises the price, and at `full` whatever can wait
//! waits until fills or the plan have paid. Spending thus decays with what is left and never reaches the reserve.

use serde::Serialize;

use super::RequestsConfig;
use super::choice::{Slot, Terms, Why};
use super::weight::{WEIGHT_PER_MIN, Weight};
use crate::event::RateLimit;
use crate::units::{Dur, SECOND, Time, Usd};

/// Share of the burst that costs nothing: a start, a move that all levels follow.
const FREE_FRAC: f64 = 0.1;
const DAY_S: f64 = 86_400.0;
/// With the budget used up the venue admits one action in ten seconds; measured are eleven.
const SLOT_EVERY: Dur = Dur(11 * SECOND);
/// So many refusals between two reports are doubted where our own count leaves requests.
const DOUBTED_MAX: u32 = 3;
/// Pause after a refusal that is doubted.
const DOUBT_AGAIN: Dur = Dur(SECOND);
/// Cancels go on beyond the budget by this much, or to twice the budget where that is less.
const CANCELS_BEYOND: i64 = 100_000;
/// Actions without an answer, at most, while what can wait is still sent; the venue takes 100.
const IN_FLIGHT_MAX: usize = 80;
/// Weight of a minute kept for what cannot wait.
const SAFETY_WEIGHT: u32 = 200;
/// The budget counts as filled again when a report shows so much: fewer would refuse the next batch.
const HEAD_ROOM: i64 = 50;

/// How well the address is supplied with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Supply {
    /// There is something to spend above the reserve.
    Enough,
    /// The venue has not said yet: one level a side, and safety.
    Unknown,
    /// Only the reserve is left: safety alone.
    Reserve,
    /// Nothing is left: one action in ten seconds, cancels apart.
    Empty,
}

/// The ledger, as shown. Requests, unless a name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RequestsShown {
    /// How well the address is supplied.
    pub supply: Supply,
    /// Used by the address; `None`: not reported yet.
    pub used: Option<i64>,
    /// Allowed.
    pub cap: Option<i64>,
    /// Left; negative when overdrawn.
    pub left: Option<i64>,
    /// Kept for safety.
    pub reserve: i64,
    /// Left for cancels alone.
    pub cancels_left: Option<i64>,
    /// Sent by this session's engine.
    pub sent: i64,
    /// Earned by its fills.
    pub earned: i64,
    /// Used by others on the address, as far as reports told.
    pub others: i64,
    /// By how much the last report was outside of what we expected; 0: inside.
    pub drift: i64,
    /// Spent ahead of earnings and plan.
    pub debt: f64,
    /// What a request must earn, USDC.
    pub price_usd: f64,
    /// Actions without an answer.
    pub in_flight: usize,
    /// Weight of the IP address caused in the last minute.
    pub weight: u32,
    /// Of which so much is ours in a minute.
    pub weight_max: u32,
    /// When the venue last reported.
    pub reported: Option<Time>,
}

/// A report, and what had been sent by then.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Base {
    limit: RateLimit,
    recv: Time,
    /// Items surely in the report: answered when it was asked for.
    floor: i64,
    /// Items perhaps in the report: sent when it was heard.
    ceil: i64,
}

/// The one maker of these facts.
#[derive(Clone, Debug)]
pub struct RequestLedger {
    config: RequestsConfig,
    /// Items that left and count.
    sent: i64,
    /// Of them those the venue has dealt with.
    settled: i64,
    /// The latter when the open question was asked.
    asked: Option<i64>,
    /// Notional of all our fills, and of those that the last report cannot hold.
    earned: Usd,
    earned_since: Usd,
    base: Option<Base>,
    others: i64,
    drift: i64,
    debt: f64,
    tended: Time,
    in_flight: usize,
    weight: Weight,
    /// When the venue admits the next action; `None`: it has not said that the budget is empty.
    slot_at: Option<Time>,
    /// Refusals for want of requests since the last report, and when the last of them came.
    refusals: u32,
    refused_at: Time,
}

impl RequestLedger {
    /// Before anything was sent or heard.
    #[must_use]
    pub fn new(config: RequestsConfig) -> Self {
        Self {
            config,
            sent: 0,
            settled: 0,
            asked: None,
            earned: Usd::ZERO,
            earned_since: Usd::ZERO,
            base: None,
            others: 0,
            drift: 0,
            debt: 0.0,
            tended: Time::ZERO,
            in_flight: 0,
            weight: Weight::default(),
            slot_at: None,
            refusals: 0,
            refused_at: Time::ZERO,
        }
    }

    /// Lets time pass: the plan pays back, the minute slides.
    pub fn tend(&mut self, now: Time) {
        self.weight.forget(now);
        let passed_s = now.since(self.tended).as_secs();
        if self.tended != Time::ZERO {
            let back = self.spare().map_or(0.0, as_f64) / (self.config.plan_days * DAY_S);
            self.pay_back(back * passed_s);
        }
        self.tended = now;
    }

    /// An action with so many items left at `now`. With an empty budget one that is no cancel takes the slot.
    pub fn on_sent(&mut self, items: usize, weight: u32, is_cancel: bool, now: Time) {
        let items = count(items);
        self.sent += items;
        self.debt += as_f64(items);
        self.in_flight += 1;
        self.weight.spend(weight, now);
        if !is_cancel && self.supply() == Supply::Empty {
            self.slot_at = Some(now.plus(SLOT_EVERY));
        }
    }

    /// An action was answered, or given up: its items count.
    pub fn on_settled(&mut self, items: usize, now: Time) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.settled += count(items);
        self.weight.on_heard(now);
    }

    /// An action arrived too late: its items count five times.
    pub fn on_expired(&mut self, items: usize, now: Time) {
        self.sent += 4 * count(items);
        self.debt += as_f64(4 * count(items));
        self.on_settled(5 * items, now);
    }

    /// An action was refused before the venue counted it.
    pub fn on_uncounted(&mut self, items: usize) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.sent -= count(items);
        self.pay_back(as_f64(count(items)));
    }

    /// The venue said that the budget is used up.
    pub fn on_empty(&mut self, now: Time) {
        self.refusals = self.refusals.saturating_add(1);
        self.refused_at = now;
        let next = now.plus(SLOT_EVERY);
        self.slot_at = Some(self.slot_at.map_or(next, |at| at.max(next)));
    }

    /// The venue said that the IP address asks too much.
    pub fn on_limited(&mut self, now: Time) {
        self.weight.on_refused(now);
    }

    /// A question leaves.
    pub fn on_asked(&mut self, weight: u32, for_budget: bool, now: Time) {
        self.weight.spend(weight, now);
        if for_budget {
            self.asked = Some(self.settled);
        }
    }

    /// A fill of the account: it earns a request a USDC, `share` of it where the venue counts less.
    pub fn on_fill(&mut self, notional: Usd, share: f64, exch: Time) {
        let earned = Usd::floor(notional.as_usd() * share);
        self.earned += earned;
        if self.base.is_none_or(|base| exch > base.recv) {
            self.earned_since += earned;
        }
        self.pay_back(earned.as_usd());
    }

    /// The venue reported: its count stands, and what we did not expect of it was sent by others.
    pub fn on_report(&mut self, limit: RateLimit, now: Time) {
        // A report that nobody asked for holds at least what the last one did.
        let known = self.base.map_or(0, |base| base.floor);
        let floor = self.asked.take().map_or(known, |asked| asked.max(known));
        if let Some(base) = self.base {
            let least = base.limit.used + (floor - base.ceil).max(0);
            let most = base.limit.used + (self.sent - base.floor).max(0);
            self.drift = limit.used - limit.used.clamp(least, most.max(least));
            self.others += self.drift.max(0);
            self.debt += as_f64(self.drift.max(0));
        }
        self.base = Some(Base {
            limit,
            recv: now,
            floor,
            ceil: self.sent,
        });
        self.earned_since = Usd::ZERO;
        self.refusals = 0;
        if self.left().is_some_and(|left| left >= HEAD_ROOM) {
            self.slot_at = None;
        }
    }

    /// Requests used, at most.
    #[must_use]
    pub fn used(&self) -> Option<i64> {
        let base = self.base?;
        Some(base.limit.used + (self.sent - base.floor).max(0))
    }

    /// Requests allowed, at least.
    #[must_use]
    pub fn cap(&self) -> Option<i64> {
        Some(self.base?.limit.cap + requests(self.earned_since))
    }

    /// Requests left, at least; negative when overdrawn.
    #[must_use]
    pub fn left(&self) -> Option<i64> {
        Some(self.cap()? - self.used()?)
    }

    /// Requests left above the reserve, 0 or more.
    #[must_use]
    pub fn spare(&self) -> Option<i64> {
        Some((self.left()? - i64::from(self.config.reserve)).max(0))
    }

    /// Requests left for cancels alone.
    #[must_use]
    pub fn cancels_left(&self) -> Option<i64> {
        let cap = self.cap()?;
        Some((cap + CANCELS_BEYOND).min(2 * cap) - self.used()?)
    }

    /// How well the address is supplied.
    #[must_use]
    pub fn supply(&self) -> Supply {
        if self.slot_at.is_some() {
            return Supply::Empty;
        }
        match self.left() {
            None => Supply::Unknown,
            Some(left) if left <= 0 => Supply::Empty,
            Some(left) if left <= i64::from(self.config.reserve) => Supply::Reserve,
            Some(_) => Supply::Enough,
        }
    }

    /// Whether an order may leave now: with an empty budget only when the venue admits the next action.
    #[must_use]
    pub fn admits_order(&self, now: Time) -> bool {
        self.supply() != Supply::Empty || self.slot_at.is_none_or(|at| now >= at)
    }

    /// Whether an order that only reduces may leave now: also where the venue's refusal goes against its
    /// last report and our count since. Until a report decides, such an order is tried a few times more.
    #[must_use]
    pub fn admits_reducing(&self, now: Time) -> bool {
        let left = self.left().is_none_or(|left| left > 0);
        let doubted = left && self.refusals <= DOUBTED_MAX;
        self.admits_order(now) || (doubted && now.since(self.refused_at) >= DOUBT_AGAIN)
    }

    /// What a request must earn, USDC: 0 with a full budget, at most what the venue asks for one.
    #[must_use]
    pub fn price_usd(&self) -> f64 {
        let full = self.full();
        if full <= 0.0 {
            return self.config.price_max_usd;
        }
        let unplanned = (self.debt / full - FREE_FRAC) / (1.0 - FREE_FRAC);
        self.config.price_max_usd * unplanned.clamp(0.0, 1.0)
    }

    /// The terms on which the changes of a cycle are chosen at `now`.
    #[must_use]
    pub fn terms(&self, now: Time) -> Terms {
        let (supply, slot) = (self.supply(), self.slot(now));
        let items = (self.full() - self.debt).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most a share of a budget below 2^53, 0 or more"
        )]
        let items = libm::floor(items) as usize;
        let tired = self.weight.is_paused(now)
            || self.weight.used() + SAFETY_WEIGHT > self.weight_max()
            || self.in_flight >= IN_FLIGHT_MAX;
        let (items, short) = match supply {
            Supply::Unknown => (0, Why::Unknown),
            Supply::Reserve => (0, Why::Reserve),
            Supply::Empty => (0, Why::Empty),
            Supply::Enough if tired => (0, Why::Weight),
            Supply::Enough => (items, Why::Plan),
        };
        Terms {
            price_usd: self.price_usd(),
            items,
            short,
            slot,
            admits_reducing: self.admits_reducing(now),
        }
    }

    fn slot(&self, now: Time) -> Slot {
        if self.supply() != Supply::Empty {
            Slot::Free
        } else if self.admits_order(now) {
            Slot::One
        } else {
            Slot::Closed
        }
    }

    /// Everything shown.
    #[must_use]
    pub fn shown(&self) -> RequestsShown {
        RequestsShown {
            supply: self.supply(),
            used: self.used(),
            cap: self.cap(),
            left: self.left(),
            reserve: i64::from(self.config.reserve),
            cancels_left: self.cancels_left(),
            sent: self.sent,
            earned: requests(self.earned),
            others: self.others,
            drift: self.drift,
            debt: self.debt,
            price_usd: self.price_usd(),
            in_flight: self.in_flight,
            weight: self.weight.used(),
            weight_max: self.weight_max(),
            reported: self.base.map(|base| base.recv),
        }
    }

    const fn weight_max(&self) -> u32 {
        WEIGHT_PER_MIN.saturating_sub(self.config.watchdog_weight_per_min)
    }

    /// What may be spent ahead of the plan.
    fn full(&self) -> f64 {
        self.config.burst_frac * self.spare().map_or(0.0, as_f64)
    }

    /// Less debt; what went beyond the most there can be is not paid back twice.
    fn pay_back(&mut self, requests: f64) {
        self.debt = (self.debt.min(self.full()) - requests).max(0.0);
    }
}

/// Requests that this much volume earns.
const fn requests(volume: Usd) -> i64 {
    volume.0.div_euclid(1_000_000)
}

fn count(items: usize) -> i64 {
    i64::try_from(items).expect("invariant: an action has at most 200 items")
}

#[expect(clippy::cast_precision_loss, reason = "requests are far below 2^53")]
const fn as_f64(requests: i64) -> f64 {
    requests as f64
}

#[cfg(test)]
mod tests;
