//! Matching: price-time, at the maker's price, with the checks of the resting side.

use mm_core::action::Cloid;
use mm_core::units::{Px, Side, Sz, Usd};
use mm_hl::address::Address;

use super::SimExchange;
use super::account::OrderRecord;
use super::builders::builder_fee;
use super::crowd;
use super::liquidation::{Liquidation, LiquidationMethod};
use super::message::{Fill, NonUserCancel, Order, OrderUpdate, Output, Trade};
use super::status::OrderState;
use crate::market::{Best, CrowdBody, CrowdOrder, Owner, Played, Resting};

/// An order on its way through the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker {
    pub(super) owner: Owner,
    pub(super) asset: u32,
    pub(super) side: Side,
    /// Limit price.
    pub(super) px: Px,
    /// Size not yet filled.
    pub(super) left: Sz,
    /// Notional filled.
    pub(super) notional: Usd,
    /// Names of the order, for a client's fills.
    pub(super) oid: u64,
    pub(super) cloid: Option<Cloid>,
    /// Rate of the builder's fee, tenths of a basis point.
    pub(super) builder_rate: u64,
    /// Whose liquidation it is, if it is one.
    pub(super) liquidation: Option<Liquidation>,
}

impl Taker {
    /// A client's order before its first match.
    pub(super) const fn new(owner: Owner, order: &Order) -> Self {
        let Order {
            asset,
            side,
            px,
            sz: left,
            oid,
            cloid,
            builder_rate,
            ..
        } = *order;
        Self {
            owner,
            asset,
            side,
            px,
            left,
            notional: Usd::ZERO,
            oid,
            cloid,
            builder_rate,
            liquidation: None,
        }
    }
}

/// One side of a trade.
pub(super) struct Leg {
    pub(super) owner: Owner,
    pub(super) side: Side,
    pub(super) oid: u64,
    pub(super) cloid: Option<Cloid>,
    /// Rate of the builder's fee, tenths of a basis point.
    pub(super) builder_rate: u64,
    pub(super) taker: bool,
}

/// A trade.
#[derive(Clone, Copy)]
pub(super) struct Print {
    pub(super) asset: u32,
    pub(super) tid: u64,
    pub(super) tx: u64,
    pub(super) px: Px,
    pub(super) sz: Sz,
    /// Whose liquidation it is, if it is one.
    pub(super) liquidation: Option<Liquidation>,
    /// Whether it settles a position of a perp that is delisted.
    pub(super) settlement: bool,
}

impl SimExchange {
    /// Matches `taker` against the book until it is filled or nothing crosses.
    pub(super) fn sweep(&mut self, taker: &mut Taker) {
        let tx = self.next_tx();
        while taker.left > Sz::ZERO {
            let Some(best) = self.market.best(taker.asset, taker.side.opposite()) else {
                return;
            };
            if !taker.side.at_or_better(taker.px, best.px) {
                return;
            }
            let sz = taker.left.min(best.sz);
            if let Some(state) = self.maker_refusal(taker, &best, sz) {
                let (Owner::Client(who), Some(oid)) = (best.owner, best.oid) else {
                    unreachable!("only clients' orders are refused at match");
                };
                self.cancel_order(who, oid, state);
                continue;
            }
            self.market.take(taker.asset, taker.side.opposite(), sz);
            let print = Print {
                asset: taker.asset,
                tid: self.next_tid(),
                tx,
                px: best.px,
                sz,
                liquidation: taker.liquidation,
                settlement: false,
            };
            self.fill_maker(best.owner, best.oid, taker.side.opposite(), print);
            let Taker {
                owner,
                side,
                oid,
                cloid,
                builder_rate,
                ..
            } = *taker;
            self.book_leg(
                &Leg {
                    owner,
                    side,
                    oid,
                    cloid,
                    builder_rate,
                    taker: true,
                },
                print,
            );
            self.print(
                print,
                taker.side,
                Some(self.buyer_and_seller(taker.side, taker.owner, best.owner)),
            );
            taker.left -= sz;
            taker.notional += best.px * sz;
        }
    }

    /// Why the resting side cannot trade, if it cannot.
    fn maker_refusal(&self, taker: &Taker, best: &Best, sz: Sz) -> Option<OrderState> {
        let Owner::Client(who) = best.owner else {
            return None;
        };
        if best.owner == taker.owner {
            return Some(OrderState::SelfTradeCanceled);
        }
        let bears = self.bears_fill(who, taker.asset, taker.side.opposite(), best.px, sz);
        (!bears).then_some(OrderState::MarginCanceled)
    }

    /// Books the maker's leg and what is left of its order. The market has done its part.
    fn fill_maker(&mut self, owner: Owner, oid: Option<u64>, side: Side, print: Print) {
        let (Owner::Client(who), Some(oid)) = (owner, oid) else {
            self.book_leg(
                &Leg {
                    owner,
                    side,
                    oid: 0,
                    cloid: None,
                    builder_rate: 0,
                    taker: false,
                },
                print,
            );
            return;
        };
        let account = &mut self.accounts[who as usize];
        let order = account.open[&oid];
        assert!(
            print.sz <= order.sz,
            "order {oid} of {} lots was filled with {}",
            order.sz,
            print.sz
        );
        let whole = print.sz == order.sz;
        if whole {
            account.unrest(oid);
        } else {
            account.cut(oid, print.sz);
        }
        self.book_leg(
            &Leg {
                owner,
                side,
                oid,
                cloid: order.cloid,
                builder_rate: order.builder_rate,
                taker: false,
            },
            print,
        );
        if whole {
            self.end_order(
                who,
                Order {
                    sz: Sz::ZERO,
                    ..order
                },
                OrderState::Filled,
            );
            self.cancel_siblings(who, &order);
        }
    }

    /// Moves position and cash of one side.
    pub(super) fn book_leg(&mut self, leg: &Leg, print: Print) {
        let Print {
            asset,
            tid,
            tx,
            px,
            sz,
            liquidation,
            settlement,
        } = print;
        match leg.owner {
            Owner::Crowd(participant) => {
                self.crowd.coins[asset as usize].trade(participant, leg.side, px, sz);
            }
            Owner::Client(who) => {
                self.coins[asset as usize].mark.get_or_insert(px);
                let taken_over =
                    liquidation.is_some_and(|cause| cause.method == LiquidationMethod::Backstop);
                let fee = if taken_over || settlement {
                    Usd::ZERO
                } else {
                    let rates = self.rates_of(&self.accounts[who as usize], asset);
                    if leg.taker { rates.taker } else { rates.maker }.on(px * sz)
                };
                let builder_fee = builder_fee(leg.builder_rate, px * sz);
                let fee = fee + builder_fee;
                let counted = self.counted(asset, px * sz);
                let account = &mut self.accounts[who as usize];
                let start_position = account.coin(asset).position.szi;
                let closed_pnl = account.settle(asset, leg.side, px, sz);
                account.pay_fee(asset, fee);
                self.fees_taken += fee;
                let fill = Fill {
                    user: account.address,
                    asset,
                    time: self.now,
                    tid,
                    tx,
                    oid: leg.oid,
                    cloid: leg.cloid,
                    side: leg.side,
                    px,
                    sz,
                    start_position,
                    closed_pnl,
                    fee,
                    builder_fee,
                    taker: leg.taker,
                    liquidation,
                    settlement,
                };
                account.record_fill(fill, counted);
                self.effects.push(Output::Fill(fill));
                self.changed.insert(who);
                self.trim_reduce_only(who, asset);
                self.release_position(who, asset);
            }
        }
    }

    /// Keeps reduce-only orders within the position: the oldest give way first.
    fn trim_reduce_only(&mut self, who: u32, asset: u32) {
        for side in Side::BOTH {
            loop {
                let held = self.accounts[who as usize].coin(asset);
                let resting = &held.sides[side.index()];
                let excess = resting.reduce_only - held.closable(side);
                let Some(&oldest) = resting
                    .reduce_only_oids
                    .first()
                    .filter(|_| excess > Sz::ZERO)
                else {
                    break;
                };
                if self.accounts[who as usize].open[&oldest].sz <= excess {
                    self.cancel_order(who, oldest, OrderState::ReduceOnlyCanceled);
                } else {
                    let order = self.accounts[who as usize].cut(oldest, excess);
                    self.market.shrink(asset, oldest, order.sz);
                    self.tell(who, order, OrderState::Open);
                }
            }
        }
    }

    /// Takes a resting order out of the market and the account, and tells why.
    pub(super) fn cancel_order(&mut self, who: u32, oid: u64, state: OrderState) -> Option<Order> {
        let account = &mut self.accounts[who as usize];
        let order = account.unrest(oid)?;
        let user = account.address;
        let left = self.market.remove(order.asset, oid);
        assert_eq!(
            left,
            Some(order.sz),
            "account and market disagree about order {oid}"
        );
        self.end_order(who, order, state);
        if !matches!(state, OrderState::Canceled | OrderState::ReduceOnlyCanceled) {
            self.effects.push(Output::NonUserCancel(NonUserCancel {
                user,
                asset: order.asset,
                oid,
            }));
        }
        Some(order)
    }

    /// Writes down and tells that an order ended.
    pub(super) fn end_order(&mut self, who: u32, order: Order, state: OrderState) {
        self.accounts[who as usize].record(OrderRecord {
            order,
            state,
            time: self.now,
        });
        self.tell(who, order, state);
        self.release_children(who, order.oid, state);
    }

    /// Tells that an order changed.
    pub(super) fn tell(&mut self, who: u32, order: Order, state: OrderState) {
        let user = self.accounts[who as usize].address;
        self.changed.insert(who);
        self.effects.push(Output::Order(OrderUpdate {
            user,
            order,
            state,
            time: self.now,
        }));
    }

    fn print(&mut self, print: Print, side: Side, users: Option<[Address; 2]>) {
        let Print {
            asset,
            tid,
            tx,
            px,
            sz,
            ..
        } = print;
        let trade = Trade {
            asset,
            time: self.now,
            tid,
            tx,
            side,
            px,
            sz,
            users,
        };
        self.coins[asset as usize].tape.trade(trade);
        self.effects.push(Output::Trade(trade));
    }

    fn buyer_and_seller(&self, taker_side: Side, taker: Owner, maker: Owner) -> [Address; 2] {
        let [taker, maker] = [taker, maker].map(|owner| match owner {
            Owner::Client(who) => self.accounts[who as usize].address,
            Owner::Crowd(participant) => crowd::address(participant),
        });
        match taker_side {
            Side::Bid => [taker, maker],
            Side::Ask => [maker, taker],
        }
    }

    /// Carries out what a participant of the market does.
    pub(super) fn run_crowd(&mut self, order: &CrowdOrder) {
        let CrowdOrder {
            asset, participant, ..
        } = *order;
        if !self.serves_crowd(order) {
            return;
        }
        match order.body {
            CrowdBody::Quote { key, side, px, sz } => {
                self.pull(asset, key);
                let crosses = self.market.best(asset, side.opposite());
                if crosses.is_some_and(|best| side.at_or_better(px, best.px)) {
                    return;
                }
                let oid = self.next_oid();
                *self.crowd.coins[asset as usize].oid_mut(key) = oid;
                self.market.rest(
                    asset,
                    &Resting {
                        oid,
                        owner: Owner::Crowd(participant),
                        side,
                        px,
                        sz,
                    },
                );
            }
            CrowdBody::Pull { key } => self.pull(asset, key),
            CrowdBody::Take { side, px, sz } => {
                let (owner, notional) = (Owner::Crowd(participant), Usd::ZERO);
                let oid = self.next_oid();
                self.sweep(&mut Taker {
                    owner,
                    asset,
                    side,
                    px,
                    left: sz,
                    notional,
                    oid,
                    cloid: None,
                    builder_rate: 0,
                    liquidation: None,
                });
            }
            CrowdBody::Replay { token } => self.run_replay(asset, participant, token),
        }
    }

    /// Takes an order of the crowd's from the book.
    fn pull(&mut self, asset: u32, key: u32) {
        let oid = std::mem::take(self.crowd.coins[asset as usize].oid_mut(key));
        self.market.remove(asset, oid);
    }

    /// Plays a recorded happening; clients' orders it hits trade with `participant`.
    fn run_replay(&mut self, asset: u32, participant: u16, token: u64) {
        let mut played = std::mem::take(&mut self.played);
        played.clear();
        self.market.replay(token, &mut played);
        let tx = self.next_tx();
        for happening in &played {
            match *happening {
                Played::Print { tid, side, px, sz } => {
                    self.print(
                        Print {
                            asset,
                            tid,
                            tx,
                            px,
                            sz,
                            liquidation: None,
                            settlement: false,
                        },
                        side,
                        None,
                    );
                }
                Played::Hit { oid, owner, px, sz } => {
                    let print = Print {
                        asset,
                        tid: self.next_tid(),
                        tx,
                        px,
                        sz,
                        liquidation: None,
                        settlement: false,
                    };
                    self.hit(participant, owner, oid, print);
                }
            }
        }
        self.played = played;
    }

    /// Fills a client's order from a recording.
    fn hit(&mut self, participant: u16, owner: Owner, oid: u64, print: Print) {
        let Owner::Client(who) = owner else {
            unreachable!("a recording hits clients' orders only");
        };
        // An earlier hit of the same happening may have cancelled or shrunk it (reduce-only).
        let Some(order) = self.accounts[who as usize].open.get(&oid).copied() else {
            return;
        };
        let print = Print {
            sz: print.sz.min(order.sz),
            ..print
        };
        if !self.bears_fill(who, order.asset, order.side, print.px, print.sz) {
            self.cancel_order(who, oid, OrderState::MarginCanceled);
            return;
        }
        if print.sz == order.sz {
            self.market.remove(order.asset, oid);
        } else {
            self.market.shrink(order.asset, oid, order.sz - print.sz);
        }
        self.fill_maker(owner, Some(oid), order.side, print);
        let crowd = Leg {
            owner: Owner::Crowd(participant),
            side: order.side.opposite(),
            oid: 0,
            cloid: None,
            builder_rate: 0,
            taker: true,
        };
        self.book_leg(&crowd, print);
    }
}
