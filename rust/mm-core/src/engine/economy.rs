//! Where the request economy meets the engine: what a change is worth, and what waits for requests.

use super::{Engine, Sent};
use crate::control::Alarm;
use crate::diff::{Change, Own, Plan, Tolerance, plan_orders};
use crate::event::{ItemStatus, RejectionClass, ReplyOutcome};
use crate::filter::Quote;
use crate::recovery::ask::Ask;
use crate::requests::choice::{Candidate, Need, Slot, Terms, Why, Withheld, choose, removes_risk};
use crate::requests::ledger::Supply;
use crate::requests::spending::Spending;
use crate::requests::weight::of_ask;
use crate::requests::worth::{Worth, horizon_s};
use crate::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};

/// Share of its volume that a fill of a builder's perp surely earns: in growth mode the venue counts a tenth.
const BUILDER_SHARE: f64 = 0.1;
/// While the budget is empty the venue is asked this often what is left, s.
const ASK_EMPTY_S: f64 = 10.0;

/// Whether there is something, and all of it only reduces.
pub(super) fn only_reduces(wanted: &[Quote]) -> bool {
    !wanted.is_empty() && wanted.iter().all(|quote| quote.reduce_only)
}

/// What one side wants changed.
#[derive(Debug)]
pub(super) struct SidePlan {
    /// The side.
    pub(super) side: Side,
    /// Whether nothing of ours is on it.
    pub(super) is_bare: bool,
    /// Whether nothing is wanted on it.
    pub(super) is_unwanted: bool,
    /// Whether all that is wanted on it only reduces.
    pub(super) only_reduces: bool,
    /// From the touch outward.
    pub(super) candidates: Vec<Candidate>,
}

impl Engine {
    /// What an order is worth, as far as the market and our fees are known.
    pub(super) fn worth(&self) -> Option<Worth> {
        let mid = self.market.book.touch()?.mid();
        let tolerance = Side::BOTH.map(|side| self.tolerance(side).px.as_f64() / mid * 1e4);
        let sigma_bps = self.sigma_for_quotes().map(|sigma| sigma * 1e4);
        Some(Worth {
            fair_px: self.fair_px()?,
            maker_fee_bps: self.maker_fee_bps()?,
            learned: self.market.models.learned(),
            relief_bps: Side::BOTH.map(|side| self.pricing.model.relief_bps(side)),
            horizon_s: horizon_s(tolerance[0].max(tolerance[1]), sigma_bps),
        })
    }

    /// Where a fill of a side costs what it captures at the present fair price, as far as both are known.
    pub(super) fn break_even(&self, side: Side) -> Option<Px> {
        let others_bps = self.maker_fee_bps()? - self.pricing.model.relief_bps(side);
        let costs = &self.market.models.learned().adverse[side.index()];
        let depth_bps = others_bps + costs.covered(others_bps);
        let increases = side.signed(self.own.position()) >= Sz::ZERO;
        let depth_bps = match self.known_losses()[side.index()].clear_from(depth_bps) {
            Some(clear_bps) if increases => clear_bps,
            _ => depth_bps,
        };
        #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
        let px = self.fair_px()? * (1.0 - side.sign() as f64 * depth_bps / 1e4);
        let px = match side {
            Side::Bid => libm::floor(px),
            Side::Ask => libm::ceil(px),
        };
        #[expect(clippy::cast_possible_truncation, reason = "a price below 2^53")]
        Some(Px(px as i64))
    }

    /// Says of each change what it is for: `wanted` is the side's, from the touch outward.
    pub(super) fn judged(
        &self,
        side: Side,
        changes: Vec<Change>,
        wanted: &[Quote],
        own: &[Own],
        tolerance: &Tolerance,
    ) -> SidePlan {
        let worth = self.worth();
        let need = |change: &Change| self.need(change, wanted, own, tolerance, worth.as_ref());
        let candidates = changes.into_iter();
        SidePlan {
            side,
            is_bare: own.is_empty(),
            is_unwanted: wanted.is_empty(),
            only_reduces: only_reduces(wanted),
            candidates: candidates
                .map(|change| Candidate {
                    side,
                    need: need(&change),
                    change,
                })
                .collect(),
        }
    }

    /// What a plain maker does: in the first cycle of a second it replaces everything, in the others
    /// nothing.
    pub(super) fn refreshed(&mut self, side: Side, wanted: &[Quote], own: &[Own]) -> SidePlan {
        let second = |at: Time| at.0.div_euclid(SECOND);
        let last = self.limits.as_ref().map(|(_, at)| second(*at));
        let nothing_stays = Tolerance {
            px: Px(-1),
            sz_frac: -1.0,
            break_even: None,
        };
        let plan = if last == Some(second(self.now)) && !wanted.is_empty() {
            Plan::default()
        } else {
            plan_orders(wanted, own, &nothing_stays)
        };
        self.pricing.pair(&plan.pairs);
        let need = Need::Free;
        SidePlan {
            side,
            is_bare: own.is_empty(),
            is_unwanted: wanted.is_empty(),
            only_reduces: only_reduces(wanted),
            candidates: plan
                .changes
                .into_iter()
                .map(|change| Candidate { side, change, need })
                .collect(),
        }
    }

    fn need(
        &self,
        change: &Change,
        wanted: &[Quote],
        own: &[Own],
        tolerance: &Tolerance,
        worth: Option<&Worth>,
    ) -> Need {
        let (Some(worth), Some(innermost)) = (worth, wanted.first()) else {
            return Need::Free;
        };
        match change {
            Change::Cancel(_) => Need::Free,
            Change::Place(quote) if quote.reduce_only => Need::Free,
            Change::Place(quote) => Need::Gain(self.value_of_new(quote, worth)),
            Change::Amend(cloid, quote) => {
                let Some(rests) = own.iter().find(|own| own.cloid == *cloid) else {
                    return Need::Free;
                };
                let poor =
                    worth.capture_bps(quote.side, rests.px) < self.config.quoting.min_edge_bps;
                if removes_risk(rests, quote, innermost.px, tolerance, poor) {
                    return Need::Free;
                }
                Need::Gain(self.gain_of_amend(rests, quote, worth))
            }
        }
    }

    /// Chooses among what both sides want, in one round; `closes`: an immediate order takes the only
    /// place that an empty budget leaves.
    pub(super) fn affordable(&mut self, plans: &[SidePlan; 2], closes: bool) -> Vec<Option<Why>> {
        let mut terms = self.requests.terms(self.now);
        if closes && terms.slot == Slot::One {
            terms.slot = Slot::Closed;
        }
        let bare = [plans[0].is_bare, plans[1].is_bare];
        let all = plans.iter().flat_map(|plan| plan.candidates.iter());
        let all: Vec<Candidate> = all.copied().collect();
        let waits = choose(&all, bare, &terms);
        for (candidate, wait) in all.iter().zip(&waits) {
            if let Some(why) = wait {
                self.withhold(candidate, *why, &terms);
            }
        }
        waits
    }

    /// Lots that orders of the way out may still make unflagged: the position less what else may fill.
    pub(super) fn room_to_reduce(&self, plan: &SidePlan) -> Sz {
        let amends =
            |one: &Candidate, cloid| matches!(one.change, Change::Amend(of, _) if of == cloid);
        let amended = |cloid| plan.candidates.iter().any(|one| amends(one, cloid));
        let others = self.orders.iter();
        let others = others.filter(|(cloid, o)| o.order.side == plan.side && !amended(**cloid));
        let others: Sz = others.map(|(_, order)| order.free()).sum();
        Sz(-plan.side.signed(self.own.position()).0) - others
    }

    fn withhold(&mut self, candidate: &Candidate, why: Why, terms: &Terms) {
        let (amends, quote) = match candidate.change {
            Change::Place(quote) => (false, quote),
            Change::Amend(_, quote) => (true, quote),
            Change::Cancel(_) => return,
        };
        self.withheld.push(Withheld {
            side: candidate.side,
            amends,
            px: quote.px,
            sz: quote.sz,
            gain_usd: match candidate.need {
                Need::Free => None,
                Need::Gain(gain) => Some(gain),
            },
            price_usd: terms.price_usd,
            why,
        });
    }

    /// Enters what this engine did to the budget, and keeps it for the others of the process.
    pub(super) fn spend(&mut self, spending: Spending) {
        self.requests.apply(spending, self.now);
        self.spent.push(spending);
    }

    /// Counts an action that leaves.
    pub(super) fn count_sent(&mut self, sent: &Sent) {
        let (Sent::Place(items) | Sent::Modify(items) | Sent::Cancel(items)) = sent;
        self.counts.requests += items.len() as u64;
        self.spend(Spending::Sent {
            items: items.len(),
            is_cancel: matches!(sent, Sent::Cancel(_)),
        });
    }

    /// What an answer says of the budget: whether the venue counted the action, and whether it is empty.
    pub(super) fn count_answered(&mut self, outcome: &ReplyOutcome, items: usize) {
        use RejectionClass::{Auth, Budget, Expired, Nonce, Transport};
        match outcome {
            ReplyOutcome::Refused(why) => match why.class {
                Budget => {
                    self.spend(Spending::Uncounted { items });
                    self.spend(Spending::Empty);
                }
                Transport => {
                    self.spend(Spending::Uncounted { items });
                    self.spend(Spending::Limited);
                }
                Nonce | Auth => self.spend(Spending::Uncounted { items }),
                Expired => self.spend(Spending::Expired { items }),
                _ => self.spend(Spending::Settled { items }),
            },
            ReplyOutcome::Statuses(statuses) => {
                self.spend(Spending::Settled { items });
                let says_empty = |status: &ItemStatus| matches!(status, ItemStatus::Error(why) if why.class == Budget);
                if statuses.iter().any(says_empty) {
                    self.spend(Spending::Empty);
                }
            }
            ReplyOutcome::Lost => self.spend(Spending::Settled { items }),
        }
    }

    /// A fill of the account in this coin earns requests.
    pub(super) fn count_earned(&mut self, coin: &str, notional: Usd, exch: Time) {
        let share = if coin.contains(':') {
            BUILDER_SHARE
        } else {
            1.0
        };
        self.requests.on_fill(notional, share, exch);
    }

    /// After the questions of a step were put together: their weight, and what the venue will know.
    pub(super) fn count_asked(&mut self) {
        for ask in core::mem::take(&mut self.asks) {
            self.spend(Spending::Asked {
                weight: of_ask(ask),
                for_budget: ask == Ask::RateLimit,
            });
            self.asks.push(ask);
        }
    }

    /// The beat of the question what is left.
    pub(super) fn want_budget(&mut self) {
        let every_s = match self.requests.supply() {
            Supply::Empty => self.config.requests.ask_s.min(ASK_EMPTY_S),
            _ => self.config.requests.ask_s,
        };
        let questions = &mut self.recover.questions;
        questions.want_every(Ask::RateLimit, Dur::from_secs(every_s), self.now);
    }

    /// Tells when the supply of requests becomes short, and when it no longer is.
    pub(super) fn watch_supply(&mut self) {
        let supply = self.requests.supply();
        if supply == Supply::Unknown || self.own.ledger.is_none() {
            return;
        }
        let before = self.told_supply.replace(supply);
        if before != Some(supply) && (before.is_some() || supply != Supply::Enough) {
            self.alarms.push(Alarm::RequestSupply {
                supply,
                left: self.requests.left(),
            });
        }
    }
}
