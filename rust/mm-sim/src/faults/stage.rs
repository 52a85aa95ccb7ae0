//! Who does what a plan has done from outside: a rich stranger, and the hands of the account itself.

use mm_core::instrument::{Instrument, Round};
use mm_core::units::{Dur, Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{
    Decimal, ExchangeAction, Grouping, LimitOrder, OrderKind, OrderRequest, PlaceOrders, Tif,
    UpdateLeverage,
};

use super::acts::Act;
use crate::exchange::{RateE10, Request, SimExchange};

/// The stranger who takes.
pub const STRANGER: Address = Address([0xfa; 20]);
/// Who signs what is done by hand: the nonces of a client stay its own.
pub const HANDS: Address = Address([0xfb; 20]);
/// What the stranger brings: enough for anything that a plan may name.
const STRANGERS_USD: Usd = Usd(1_000_000_000_000_000);
/// How far through the mark a taker goes, fraction.
const REACH: f64 = 0.05;
/// Requests of the stage are numbered from here, apart from a client's.
const FIRST_ID: u64 = 1 << 62;

/// Plays acts on an exchange.
#[derive(Clone, Debug)]
pub struct Stage {
    account: Address,
    asset: u32,
    sent: u64,
    /// Takers of a burst that wait for their moment.
    later: Vec<(Time, Taker)>,
}

#[derive(Clone, Copy, Debug)]
struct Taker {
    user: Address,
    side: Side,
    usd: f64,
}

impl Stage {
    /// A stage whose hands are those of `account`, in one perp.
    #[must_use]
    pub const fn new(account: Address, asset: u32) -> Self {
        Self {
            account,
            asset,
            sent: 0,
            later: Vec::new(),
        }
    }

    /// Does what is due before the block at `block`. What cannot be done, because there is no price
    /// or no account, is left undone.
    pub fn play(&mut self, acts: &[Act], sim: &mut SimExchange, block: Time) {
        for act in acts {
            self.act(act, sim, block);
        }
        let (due, later) = core::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= block);
        self.later = later;
        let due: Vec<(Time, Taker)> = due;
        for (_, taker) in due {
            self.take(taker, sim, block);
        }
    }

    fn act(&mut self, act: &Act, sim: &mut SimExchange, block: Time) {
        let stranger = |side, usd| Taker {
            user: STRANGER,
            side,
            usd,
        };
        match *act {
            Act::Sweep { way, usd } => self.take(stranger(way.side(), usd), sim, block),
            Act::Burst {
                way,
                usd,
                orders,
                within_s,
            } => {
                let step = within_s / f64::from(orders);
                for number in 0..orders {
                    let at = block.plus(Dur::from_secs(step * f64::from(number)));
                    self.later.push((at, stranger(way.side(), usd)));
                }
            }
            Act::HandOrder {
                way,
                usd,
                resting_bps: None,
            } => {
                let hand = Taker {
                    user: self.account,
                    side: way.side(),
                    usd,
                };
                self.take(hand, sim, block);
            }
            Act::HandOrder {
                way,
                usd,
                resting_bps: Some(bps),
            } => self.rest(way.side(), usd, bps, sim, block),
            Act::PriceJump { frac } => {
                sim.jump(self.asset, frac);
            }
            Act::Transfer { usd } => {
                sim.transfer(self.account, micro(usd));
            }
            Act::Funding { usd } => {
                sim.fund(self.account, self.asset, micro(usd));
            }
            Act::Leverage { leverage } => {
                let set = UpdateLeverage {
                    asset: self.asset,
                    is_cross: true,
                    leverage,
                };
                let action = ExchangeAction::UpdateLeverage(set);
                self.submit(self.account, action, sim, block);
            }
            Act::OracleJump { frac, for_s } => {
                sim.shift_oracle(self.asset, frac, block.plus(Dur::from_secs(for_s)));
            }
            Act::FundingSpike { rate_per_h, for_s } => {
                let rate = RateE10::of_fraction(rate_per_h);
                sim.spike_funding(self.asset, rate, block.plus(Dur::from_secs(for_s)));
            }
            Act::PostOnly { for_s } => sim.take_post_only(block.plus(Dur::from_secs(for_s))),
            Act::Delisting {} => sim.delist(self.asset),
        }
    }

    /// An immediate order of this notional through the mark.
    fn take(&mut self, taker: Taker, sim: &mut SimExchange, block: Time) {
        if taker.user == STRANGER && sim.account(STRANGER).is_none() {
            sim.deposit(STRANGER, STRANGERS_USD)
                .expect("Invariant: the stranger brings money");
        }
        let through = taker.side.signed(Sz(1)).as_f64() * REACH;
        let order = self.order(taker.side, taker.usd, through, Tif::Ioc, sim);
        self.send(taker.user, order, sim, block);
    }

    /// A resting order of the account, this far from the mark.
    fn rest(&mut self, side: Side, usd: f64, bps: f64, sim: &mut SimExchange, block: Time) {
        let away = -side.signed(Sz(1)).as_f64() * bps * 1e-4;
        let order = self.order(side, usd, away, Tif::Gtc, sim);
        self.send(self.account, order, sim, block);
    }

    fn order(
        &self,
        side: Side,
        usd: f64,
        offset: f64,
        tif: Tif,
        sim: &SimExchange,
    ) -> Option<OrderRequest> {
        let perp: &Instrument = sim.instruments().get(self.asset as usize)?;
        let mark = perp.px_f64(sim.mark(self.asset)?);
        let round = if side == Side::Bid {
            Round::Down
        } else {
            Round::Up
        };
        let px: Px = perp.quantize_px(mark * (1.0 + offset), round).ok()?;
        let sz: Sz = perp.quantize_sz(usd / mark).ok()?;
        if sz <= Sz::ZERO {
            return None;
        }
        Some(OrderRequest {
            asset: self.asset,
            is_buy: side == Side::Bid,
            px: Decimal::from_px(px, perp)?,
            sz: Decimal::from_sz(sz, perp)?,
            reduce_only: false,
            kind: OrderKind::Limit(LimitOrder { tif }),
            cloid: None,
        })
    }

    fn send(
        &mut self,
        user: Address,
        order: Option<OrderRequest>,
        sim: &mut SimExchange,
        block: Time,
    ) {
        if let Some(order) = order {
            let place = PlaceOrders {
                orders: vec![order],
                grouping: Grouping::Na,
                builder: None,
            };
            self.submit(user, ExchangeAction::Order(place), sim, block);
        }
    }

    fn submit(
        &mut self,
        user: Address,
        action: ExchangeAction,
        sim: &mut SimExchange,
        block: Time,
    ) {
        self.sent += 1;
        sim.submit(Request {
            id: FIRST_ID + self.sent,
            user,
            signer: HANDS,
            nonce: block.as_millis().unsigned_abs() + self.sent,
            expires_after: None,
            wall_ms: None,
            action,
            arrive: block,
            refusal: None,
        });
    }
}

/// A plan's dollars in micro-USDC.
#[expect(clippy::cast_possible_truncation, reason = "checked: at most 1e9 USD")]
fn micro(usd: f64) -> Usd {
    Usd(libm::round(usd * 1e6) as i64)
}
