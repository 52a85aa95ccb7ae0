//! Orders placed by hand beside ours: from what a query shows of them to what we send.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use desk::Desk;
use mm_core::action::{ActionBody, NewOrder, Reason, Tif};
use mm_core::control::{KillReason, Mode};
use mm_core::event::{
    AccountState, Command, EventBody, Fill, FillKind, Fills, OpenOrder, OpenOrders,
};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Usd};

/// Quoting, with 60 lots toward `side`.
fn holding(side: Side) -> Desk {
    let mut desk = Desk::quoting("{}");
    desk.fill(side, 60);
    desk.seconds(2);
    assert_eq!(desk.mode().0, Mode::Normal);
    assert!(Side::BOTH.iter().all(|side| desk.lots(*side) > Sz::ZERO));
    desk
}

/// A query shows an order by hand of ten times the limit, far from the market, beside all of ours.
fn hand(desk: &mut Desk, side: Side) {
    let limit = desk.engine.limits().unwrap().of(side);
    hand_of(desk, side, Sz(10 * limit.0));
}

/// The same of so many lots.
fn hand_of(desk: &mut Desk, side: Side, sz: Sz) {
    let mut orders: Vec<OpenOrder> = desk
        .resting
        .iter()
        .map(|(oid, order)| OpenOrder {
            oid: *oid,
            cloid: Some(order.cloid),
            side: order.side,
            px: order.px,
            sz: order.sz,
            reduce_only: order.reduce_only,
            trigger: None,
        })
        .collect();
    orders.push(OpenOrder {
        oid: 5,
        cloid: None,
        side,
        px: Px(1_000_000 - 100_000 * side.sign()),
        sz,
        reduce_only: false,
        trigger: None,
    });
    desk.tell(EventBody::OpenOrders(OpenOrders { orders }));
    assert_eq!(desk.snapshot().foreign.len(), 1);
}

/// Reasons of the cancels received since the `from`th action.
fn cancels(desk: &Desk, from: usize) -> Vec<Reason> {
    let of = |body: &ActionBody| match body {
        ActionBody::Cancel(cancels) => cancels.iter().map(|cancel| cancel.reason).collect(),
        _ => Vec::new(),
    };
    let actions = desk.received[from..].iter();
    actions.flat_map(|(_, action)| of(&action.body)).collect()
}

fn of_side(desk: &Desk, side: Side) -> Vec<NewOrder> {
    let resting = desk.resting.values().filter(|order| order.side == side);
    resting.copied().collect()
}

#[test]
fn a_hands_order_toward_zero_keeps_no_close_of_ours_in() {
    for side in Side::BOTH {
        let mut desk = holding(side);
        let from = desk.received.len();
        hand(&mut desk, side.opposite());
        // Ours that may flip no longer fit beside it, and go; the other side stays.
        assert_eq!(desk.lots(side.opposite()), Sz::ZERO);
        assert!(desk.lots(side) > Sz::ZERO);
        let reasons = cancels(&desk, from);
        assert!(!reasons.is_empty() && reasons.iter().all(|why| *why == Reason::OverLimit));
        desk.seconds(30);
        assert_eq!((desk.snapshot().kill, desk.position.abs()), (None, Sz(60)));
        let from = desk.received.len();
        desk.tell(EventBody::Command(Command::Kill));
        desk.seconds(10);
        let closing = desk.placed(from, Tif::Ioc);
        assert!(!closing.is_empty() && closing.iter().all(|(_, order)| order.reduce_only));
        assert_eq!(desk.position, Sz::ZERO);
        assert!(desk.snapshot().kill.unwrap().done);
    }
}

/// The limit falls below the position, and quotes become orders that only reduce, beside a hand's: in that
/// very step what is left of the old ones goes where all of them together would take the position too far.
#[test]
fn what_becomes_reduce_only_leaves_no_excess_beside_a_hands_order() {
    for side in Side::BOTH {
        let mut desk = Desk::quoting("{}");
        let limit = desk.engine.limits().unwrap().of(side).0;
        desk.stranger(side, limit / 2);
        desk.seconds(5);
        let (reducing, hands) = (side.opposite(), limit / 5);
        hand_of(&mut desk, reducing, Sz(hands));
        desk.seconds(2);
        let (from, before) = (desk.received.len(), of_side(&desk, reducing));
        let report = desk.report();
        let account_value = Usd(report.account_value.0 * 45 / 100);
        desk.tell(EventBody::Account(AccountState {
            account_value,
            ..report
        }));
        let cycle = desk.received[from].1.cycle;
        let step = desk.received[from..].iter().map(|(_, action)| action);
        let step: Vec<_> = step.filter(|action| action.cycle == cycle).collect();
        let became = |order: &NewOrder| {
            step.iter().any(|action| match &action.body {
                ActionBody::Modify(amends) => amends
                    .iter()
                    .any(|to| to.order.cloid == order.cloid && to.order.reduce_only),
                _ => false,
            })
        };
        let goes = |order: &NewOrder| {
            step.iter().any(|action| match &action.body {
                ActionBody::Cancel(cancels) => cancels.iter().any(|it| it.cloid == order.cloid),
                _ => false,
            })
        };
        assert!(before.iter().any(became), "some are amended: {step:?}");
        let after = desk.engine.limits().unwrap().of(reducing).0;
        assert!(after < limit / 2);
        let stays = before
            .iter()
            .filter(|order| !order.reduce_only && !goes(order));
        let stays: i64 = stays.map(|order| order.sz.0).sum();
        assert!(
            stays == 0 || hands + stays <= after,
            "{stays} beside {hands}"
        );
    }
}

#[test]
fn what_we_have_that_only_reduces_stays_beside_a_hands_order_and_follows_the_market() {
    for side in Side::BOTH {
        let mut desk = holding(side);
        let limit = desk.engine.limits().unwrap().of(side);
        desk.stranger(side, limit.0);
        desk.seconds(1);
        let reducing = side.opposite();
        let before = of_side(&desk, reducing);
        assert!(desk.mode().0 == Mode::ReduceOnly && !before.is_empty());
        let from = desk.received.len();
        hand(&mut desk, reducing);
        assert_eq!(of_side(&desk, reducing), before);
        assert_eq!(cancels(&desk, from), []);
        // The market moves: new prices, flagged, for the whole position.
        desk.mid += 3_000 * side.sign();
        desk.seconds(3);
        let after = of_side(&desk, reducing);
        assert!(after.iter().all(|order| order.reduce_only));
        assert_ne!(after, before);
        let lots: Sz = after.iter().map(|order| order.sz).sum();
        assert_eq!(lots, desk.position.abs());
    }
}

#[test]
fn a_hands_order_is_no_runaway_of_ours_and_the_position_it_makes_is() {
    for side in Side::BOTH {
        let mut desk = holding(side);
        let limit = desk.engine.limits().unwrap().of(side);
        let from = desk.received.len();
        hand(&mut desk, side);
        assert_eq!(desk.lots(side), Sz::ZERO, "no room beside it");
        assert!(cancels(&desk, from).contains(&Reason::OverLimit));
        desk.seconds(30);
        assert_eq!(desk.snapshot().kill, None);
        assert!(desk.lots(side.opposite()) > Sz::ZERO);
        desk.stranger(side, 2 * limit.0);
        assert_eq!(desk.snapshot().kill.unwrap().reason, KillReason::Runaway);
    }
}

/// A fill of an order by hand is heard after the look that counted it: what is left still takes the room.
#[test]
fn a_fill_that_a_look_counted_takes_nothing_off_a_hands_order_again() {
    for late in [true, false] {
        let mut desk = holding(Side::Bid);
        let filled_at = desk.now;
        desk.pass(Dur(SECOND / 10));
        hand(&mut desk, Side::Ask);
        let shown = desk.snapshot().foreign[0];
        desk.position -= shown.sz;
        let exch = if late { filled_at } else { desk.now };
        let start_position = Sz(60);
        desk.tell(EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![Fill {
                exch,
                tid: 1,
                oid: shown.oid,
                cloid: None,
                side: Side::Ask,
                px: shown.px,
                sz: shown.sz,
                start_position,
                fee: Usd::ZERO,
                taker: false,
                kind: FillKind::default(),
            }],
        }));
        let left: Vec<Sz> = desk
            .snapshot()
            .foreign
            .iter()
            .map(|order| order.sz)
            .collect();
        assert_eq!(left, if late { vec![shown.sz] } else { Vec::new() });
    }
}
