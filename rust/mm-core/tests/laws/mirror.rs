//! Bids for asks, long for short, prices on the other side of a centre: nothing else changes.
//!
//! The mirror is exact where the lattice is. The centre, 100000.5 USDC, lies half a step off a grid of
//! 1 USDC that is the same on both of its sides (whole prices are always legal), so `px -> 2c - px` maps
//! grid to grid, down to up, and no distance in whole bps ends on a grid point, where the last bit of a
//! float would decide. The mid stays at the centre, because worth is not mirrored: the same USDC are
//! more lots at a lower price. For the same reason the smallest order is 12.5 USDC, 13 lots at every
//! price that is quoted here, and the closes that seed the volatility are the same in both worlds.

use std::collections::BTreeMap;

use mm_core::action::{ActionBody, Cloid, NewOrder};
use mm_core::event::{Command, EventBody, RejectionClass, Stream, StreamState};
use mm_core::quote::Strategy as Model;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{STRATEGIES, cases, config};

/// The centre, twice.
const CENTRES: i64 = 2_000_010;

/// What happens in the one world; its mirror image happens in the other.
#[derive(Clone, Copy, Debug)]
enum Event {
    Wait(usize),
    Fill(Side, i64),
    Stranger(Side, i64),
    Spread(i64),
    Depth(i64),
    Room([i64; 2]),
    Pay(i64),
    Refuse(Option<RejectionClass>),
    Dry(bool),
    Account(bool),
    Market(bool),
    User(bool),
    Stop,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask)]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1_usize..50).prop_map(Event::Wait),
        8 => (side(), 1_i64..4_000).prop_map(|(side, sz)| Event::Fill(side, sz)),
        3 => (side(), 1_i64..4_000).prop_map(|(side, sz)| Event::Stranger(side, sz)),
        2 => (0_i64..20).prop_map(|steps| Event::Spread(5 + 10 * steps)),
        1 => (1_i64..100_000).prop_map(Event::Depth),
        2 => (0_i64..9_000, 0_i64..9_000).prop_map(|(buy, sell)| Event::Room([buy, sell])),
        2 => (-50_000_000_i64..150_000_000).prop_map(Event::Pay),
        1 => Just(Event::Refuse(Some(RejectionClass::Margin))),
        1 => Just(Event::Refuse(None)),
        1 => any::<bool>().prop_map(Event::Dry),
        1 => any::<bool>().prop_map(Event::Account),
        1 => any::<bool>().prop_map(Event::Market),
        1 => any::<bool>().prop_map(Event::User),
        1 => Just(Event::Stop),
    ]
}

/// An order in the words of the first world.
type Terms = (Side, Px, Sz, String);

/// An action: when, its kind, and each item as what it was and what it becomes.
type Deed = (Time, &'static str, Vec<[Option<Terms>; 2]>);

/// A desk, and which of the two worlds it is in.
struct World {
    desk: Desk,
    is_mirrored: bool,
    /// Every order as it was last sent.
    sent: BTreeMap<Cloid, NewOrder>,
    seen: usize,
}

impl World {
    fn new(strategy: Model, position: i64, is_mirrored: bool) -> Self {
        let smallest = serde_json::Value::from(12.5);
        let mut config = config(&[
            ("quoting.min_level_usd", smallest.clone()),
            ("recovery.ioc_min_usd", smallest),
        ]);
        config.quoting.strategy = strategy;
        let position = if is_mirrored { -position } else { position };
        let mut desk = Desk::with(config, position);
        assert_eq!(2 * desk.mid, CENTRES);
        desk.taker = if is_mirrored { Side::Ask } else { Side::Bid };
        Self {
            desk,
            is_mirrored,
            sent: BTreeMap::new(),
            seen: 0,
        }
    }

    fn open(&mut self) {
        self.desk.open();
        self.desk.seconds(75);
    }

    fn side(&self, side: Side) -> Side {
        if self.is_mirrored {
            side.opposite()
        } else {
            side
        }
    }

    fn pair<T>(&self, [bid, ask]: [T; 2]) -> [T; 2] {
        if self.is_mirrored {
            [ask, bid]
        } else {
            [bid, ask]
        }
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::Wait(seconds) => self.desk.seconds(seconds),
            Event::Fill(side, sz) => {
                let side = self.side(side);
                if self.desk.lots(side) > Sz::ZERO {
                    self.desk.fill(side, sz);
                }
            }
            Event::Stranger(side, sz) => self.desk.stranger(self.side(side), sz),
            Event::Spread(half) => self.desk.half = half,
            Event::Depth(lots) => self.desk.depth = lots,
            Event::Room(lots) => self.desk.room.max_trade_szs = Some(self.pair(lots.map(Sz))),
            Event::Pay(loss) => self.desk.cash -= loss,
            Event::Refuse(class) => self.desk.refuses = class,
            Event::Dry(dry) => self.desk.dry = dry,
            Event::Account(flows) => self.desk.account = flows,
            Event::Market(flows) => self.desk.market = flows,
            Event::User(flows) => {
                self.desk.user = flows;
                let state = if flows {
                    StreamState::Up
                } else {
                    StreamState::Down
                };
                self.desk.stream(Stream::User, state);
            }
            Event::Stop => self.desk.tell(EventBody::Command(Command::Stop)),
        }
        self.desk.seconds(2);
    }

    fn terms(&self, order: &NewOrder) -> Terms {
        let NewOrder { side, px, sz, .. } = *order;
        let px = if self.is_mirrored {
            Px(CENTRES - px.0)
        } else {
            px
        };
        let (tif, flag, reason) = (order.tif, order.reduce_only, order.reason);
        (
            self.side(side),
            px,
            sz,
            format!("{tif:?} {flag} {reason:?}"),
        )
    }

    /// What the exchange received since the last look, one action after another; the items of an action
    /// are a set, since ids are given to bids first in either world.
    fn news(&mut self) -> Vec<Deed> {
        let received = self.desk.received[self.seen..].to_vec();
        self.seen += received.len();
        let mut news = Vec::new();
        for (at, action) in received {
            let mut items = Vec::new();
            let (kind, orders): (_, Vec<NewOrder>) = match &action.body {
                ActionBody::Place(orders) => ("place", orders.clone()),
                ActionBody::Modify(amends) => ("amend", amends.iter().map(|a| a.order).collect()),
                ActionBody::Cancel(cancels) => {
                    for cancel in cancels {
                        let order = self.sent[&cancel.cloid];
                        let order = NewOrder {
                            reason: cancel.reason,
                            ..order
                        };
                        items.push([Some(self.terms(&order)), None]);
                    }
                    ("cancel", Vec::new())
                }
            };
            for order in orders {
                let before = self.sent.insert(order.cloid, order);
                let before = before.map(|before| self.terms(&before));
                items.push([before, Some(self.terms(&order))]);
            }
            items.sort();
            news.push((at, kind, items));
        }
        news
    }

    /// What it shows, in the words of the first world.
    fn shown(&self) -> String {
        let shown = self.desk.snapshot();
        let sign = if self.is_mirrored { -1 } else { 1 };
        let lots = self
            .desk
            .engine
            .limits()
            .map(|limits| self.pair([limits.long(), limits.short()]));
        let suppressed = self.pair(Side::BOTH.map(|side| shown.suppressed.of(side)));
        let equity = Usd(self.desk.cash + self.desk.position.0 * self.desk.mid);
        let position = sign * shown.position.0;
        format!(
            "{position} {equity} {lots:?} {:?} {suppressed:?}",
            self.desk.mode()
        )
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn prop_the_mirrored_world_gets_the_mirrored_actions(
        strategy in proptest::sample::select(&STRATEGIES[..]),
        position in -12_000_i64..12_000,
        events in proptest::collection::vec(event(), 1..16),
    ) {
        let mut one = World::new(strategy, position, false);
        let mut other = World::new(strategy, position, true);
        one.open();
        other.open();
        prop_assert_eq!(one.news(), other.news(), "after the opening");
        for event in events {
            one.live(event);
            other.live(event);
            prop_assert_eq!(one.news(), other.news(), "after {:?}", event);
            prop_assert_eq!(one.shown(), other.shown(), "after {:?}", event);
        }
    }
}
