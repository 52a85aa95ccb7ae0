//! What the venue itself may do to a market, and what a plan of faults has single items meet.
//!
//! A delisting cancels the orders of a perp and settles its positions at the mark, without a fee. The
//! venue's words for an order that comes after it were never measured; those used here are the ones it
//! has for a market that its deployer halted.

use mm_core::units::{Px, Side, Sz, Time};
use mm_hl::wire::Tif;

use super::checks::{NewOrder, Refused};
use super::matching::{Leg, Print};
use super::status::OrderState;
use super::{Coin, RateE10, SimExchange};
use crate::market::{CrowdBody, CrowdOrder, Owner};

const POST_ONLY: &str = "Only post-only orders allowed immediately after a network upgrade";
const HALTED: &str = "Trading is halted.";

/// Items of one action that fail: the first, and every so many after it.
#[derive(Clone, Debug)]
pub(super) struct Planted {
    text: String,
    every: u32,
    seen: u32,
}

impl Planted {
    pub(super) fn new(text: &str, every: u32) -> Self {
        Self {
            text: text.to_owned(),
            every,
            seen: 0,
        }
    }

    fn next(&mut self) -> Option<&str> {
        let fails = self.seen % self.every == 0;
        self.seen += 1;
        fails.then_some(self.text.as_str())
    }
}

impl Coin {
    /// The oracle, as far off as it was put.
    #[expect(clippy::cast_possible_truncation, reason = "a price times at most ten")]
    #[expect(clippy::cast_precision_loss, reason = "a price has five figures")]
    pub(super) fn shifted(&self, px: Option<Px>, now: Time) -> Option<Px> {
        let Some((frac, _)) = self.oracle_shift.filter(|(_, until)| now < *until) else {
            return px;
        };
        let px = px.or(self.mark)?;
        Some(Px((libm::round(px.0 as f64 * (1.0 + frac)) as i64).max(1)))
    }
}

impl SimExchange {
    /// Puts the oracle off by a fraction, until `until`; the book stays.
    pub fn shift_oracle(&mut self, asset: u32, frac: f64, until: Time) {
        self.coins[asset as usize].oracle_shift = Some((frac, until));
    }

    /// Lets funding be told and paid at this rate, until `until`.
    pub fn spike_funding(&mut self, asset: u32, rate: RateE10, until: Time) {
        self.coins[asset as usize].funding.spike = Some((rate, until));
    }

    /// Takes post-only orders alone, until `until`.
    pub const fn take_post_only(&mut self, until: Time) {
        self.post_only_until = until;
    }

    /// Delists a perp in the next block: its orders are cancelled, its positions settled at the mark,
    /// and nothing of it is traded any more.
    pub const fn delist(&mut self, asset: u32) {
        self.delisting = Some(asset);
    }

    /// Whether a perp was delisted.
    #[must_use]
    pub fn is_delisted(&self, asset: u32) -> bool {
        self.coins[asset as usize].delisted
    }

    /// Does what [`Self::delist`] asked for.
    pub(super) fn run_delisting(&mut self) {
        let Some(asset) = self.delisting.take() else {
            return;
        };
        for who in 0..u32::try_from(self.accounts.len()).expect("Invariant: few accounts") {
            let account = &self.accounts[who as usize];
            let doomed: Vec<u64> = account
                .open
                .values()
                .chain(account.triggers.values())
                .filter(|order| order.asset == asset)
                .map(|order| order.oid)
                .collect();
            for oid in doomed {
                let state = OrderState::DelistedCanceled;
                if self.cancel_trigger(who, oid, state).is_none() {
                    self.cancel_order(who, oid, state);
                }
            }
            self.settle_delisted(who, asset);
        }
        self.coins[asset as usize].delisted = true;
    }

    fn settle_delisted(&mut self, who: u32, asset: u32) {
        let szi = self.accounts[who as usize].coin(asset).position.szi;
        if szi == Sz::ZERO {
            return;
        }
        let side = if szi > Sz::ZERO { Side::Ask } else { Side::Bid };
        let print = Print {
            asset,
            tid: self.next_tid(),
            tx: self.next_tx(),
            px: self.coins[asset as usize].mark_of_position(),
            sz: szi.abs(),
            liquidation: None,
            settlement: true,
        };
        let oid = self.next_oid();
        let leg = Leg {
            owner: Owner::Client(who),
            side,
            oid,
            cloid: None,
            builder_rate: 0,
            taker: true,
        };
        self.book_leg(&leg, print);
        let other = &mut self.crowd.coins[asset as usize].backstop;
        other.trade(side.opposite(), print.px, print.sz);
    }

    /// Whether an order of the crowd's is served: it is held to the same as everybody.
    pub(super) fn serves_crowd(&self, order: &CrowdOrder) -> bool {
        let takes = matches!(order.body, CrowdBody::Take { .. });
        !(self.is_delisted(order.asset) || (takes && self.now < self.post_only_until))
    }

    /// What an order meets before it is looked at: a planted failure, a halt, a period of post-only.
    pub(super) fn check_upsets(&mut self, new: &NewOrder) -> Result<(), Refused> {
        let refused = |text: &str| Err(Refused::new(OrderState::Rejected, text));
        if let Some(text) = self.planted.as_mut().and_then(Planted::next) {
            return refused(text);
        }
        if self.is_delisted(new.asset) {
            return refused(HALTED);
        }
        if new.tif != Tif::Alo && self.now < self.post_only_until {
            return refused(POST_ONLY);
        }
        Ok(())
    }

    /// The planted failure that the next cancel of the action at hand meets.
    pub(super) fn planted_cancel(&mut self) -> Option<String> {
        Some(self.planted.as_mut()?.next()?.to_owned())
    }
}
