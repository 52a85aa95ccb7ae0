//! Both sides of an edge: what is just enough, and what is not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(
    dead_code,
    reason = "the desk of the control tests: an edge needs a part of it"
)]
mod desk;
#[allow(
    dead_code,
    reason = "the harness of the recovery tests: an edge needs a part of it"
)]
mod scripted;

use mm_core::action::{ActionBody, Cloid, Reason, Tif};
use mm_core::control::Alarm;
use mm_core::event::{Command, EventBody, HeadRoom, RejectionClass};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Px, Side, Sz, Usd};
use serde_json::{Value, json};

use desk::Desk;
use scripted::Scripted;

/// The desk's configuration with changes by section.
fn desk_with(changes: &Value, position: i64) -> Desk {
    let mut whole = serde_json::to_value(desk::config("{}")).unwrap();
    for (section, keys) in changes.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            *whole[section].get_mut(key).unwrap() = value.clone();
        }
    }
    Desk::with(serde_json::from_value(whole).unwrap(), position)
}

/// Orders cancelled since then, in their order, with why.
fn cancelled(desk: &Desk, from: usize) -> Vec<(Cloid, Reason)> {
    let cancels = desk.received[from..].iter().flat_map(|(_, action)| {
        let ActionBody::Cancel(cancels) = &action.body else {
            return Vec::new();
        };
        cancels
            .iter()
            .map(|cancel| (cancel.cloid, cancel.reason))
            .collect()
    });
    cancels.collect()
}

/// Both sides together never take more margin than is free: a fiftieth of equity at 20x, 4,000 USDC.
#[test]
fn what_both_sides_could_open_takes_no_more_margin_than_is_free() {
    for position in [0, 1_500] {
        let mut desk = desk_with(
            &json!({"limits": {"initial_margin_frac": 0.02}, "quoting": {"target_liquidity_frac": 1.0}}),
            position,
        );
        desk.open();
        desk.seconds(90);
        let worth = |sz: Sz| (Px(desk.mid) * sz).as_usd();
        let held = worth(Sz(position));
        let increasing: f64 = Side::BOTH
            .into_iter()
            .map(|side| (desk.lots(side).0 - (-side.sign() * position).max(0)).max(0))
            .map(|lots| worth(Sz(lots)))
            .sum();
        let free = 0.02 * desk.report().account_value.as_usd() * 20.0 - held;
        assert!(increasing <= free, "{increasing} of {free}");
        assert!(increasing > 0.8 * free, "{increasing} of {free}");
    }
}

/// A limit that falls below what rests: the outermost go, and no more of them than need be.
#[test]
fn the_outermost_orders_of_either_side_go_first_where_the_limit_falls() {
    for side in Side::BOTH {
        let mut desk = Desk::quoting("{}");
        let lots = desk.lots(side);
        let mut rests: Vec<_> = desk
            .resting
            .values()
            .filter(|o| o.side == side)
            .copied()
            .collect();
        rests.sort_by_key(|order| side.sign() * order.px.0);
        assert!(rests.len() > 3, "{rests:?}");
        let from = desk.received.len();
        // The venue lets us add no more than what rests, less the outermost order and a lot.
        let used = rests[0].sz;
        let room = |lots| {
            Some(if side == Side::Bid {
                [lots, Sz(200_000)]
            } else {
                [Sz(200_000), lots]
            })
        };
        desk.account = false;
        desk.room = HeadRoom {
            leverage: 20,
            max_trade_szs: room(Sz::ZERO),
        };
        desk.head_room();
        let after = desk.lots(side);
        assert!(after <= lots, "{used}");
        let gone: Vec<Cloid> = cancelled(&desk, from)
            .into_iter()
            .filter(|(_, reason)| *reason == Reason::OverLimit)
            .map(|(cloid, _)| cloid)
            .collect();
        let outermost: Vec<Cloid> = rests.iter().map(|o| o.cloid).take(gone.len()).collect();
        assert_eq!(gone, outermost, "{side:?}");
    }
}

/// A refusal for margin or open interest has the head-room asked for.
#[test]
fn what_a_refusal_says_decides_what_is_asked() {
    let cases = [
        (RejectionClass::Margin, true),
        (RejectionClass::OpenInterest, true),
        (RejectionClass::Cap, false),
        (RejectionClass::PostOnly, false),
    ];
    for (class, head_room) in cases {
        let mut scripted = Scripted::quoting(0);
        scripted.seconds(75);
        scripted.refuses = match class {
            RejectionClass::Margin => |_| Some(RejectionClass::Margin),
            RejectionClass::OpenInterest => |_| Some(RejectionClass::OpenInterest),
            RejectionClass::Cap => |_| Some(RejectionClass::Cap),
            _ => |_| Some(RejectionClass::PostOnly),
        };
        let from = scripted.asks.len();
        scripted.mid += 1_000;
        scripted.book();
        let asked: Vec<Ask> = scripted.asks[from..].iter().map(|(_, ask)| *ask).collect();
        assert_eq!(
            asked.contains(&Ask::HeadRoom),
            head_room,
            "{class:?} {asked:?}"
        );
    }
}

/// The end waits two seconds for our own cancels, and for an immediate order as long as it takes.
#[test]
fn closing_waits_for_its_cancels_two_seconds_and_for_one_order_at_a_time() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(75);
    scripted.fill(Side::Bid, 60);
    scripted.silent = true;
    scripted.tell(EventBody::Command(Command::Kill));
    assert_eq!(scripted.immediate().len(), 0);
    scripted.seconds(1);
    assert_eq!(scripted.immediate().len(), 0, "cancels are on their way");
    scripted.seconds(1);
    assert_eq!(
        scripted.immediate().len(),
        1,
        "beside them it is safe: it only reduces"
    );
    scripted.seconds(4);
    assert_eq!(scripted.immediate().len(), 1, "unanswered");
}

#[test]
fn closing_follows_at_once_where_its_cancels_are_answered() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(75);
    scripted.fill(Side::Bid, 60);
    scripted.tell(EventBody::Command(Command::Kill));
    assert_eq!(scripted.immediate().len(), 1);
    assert_eq!(scripted.position, Sz::ZERO);
}

/// Whoever is not told of the budget hears no alarm of it, and each word of it once.
#[test]
fn the_supply_of_requests_is_told_when_it_is_known_and_changes() {
    let told = |desk: &Desk| {
        let alarms = desk.alarms.iter();
        alarms
            .filter(|alarm| matches!(alarm, Alarm::RequestSupply { .. }))
            .count()
    };
    let mut desk = Desk::new("{}", 0);
    desk.budget.silent = true;
    desk.open();
    desk.seconds(20);
    assert_eq!(told(&desk), 0, "unknown");
    // Known before the ledger begins: told when that has begun, once.
    let mut desk = Desk::new("{}", 0);
    desk.budget.used = desk.budget.cap - 400;
    let counted = desk.counted();
    desk.tell(counted);
    assert_eq!(told(&desk), 0);
    desk.open();
    assert_eq!(told(&desk), 1);
    desk.seconds(20);
    assert_eq!(told(&desk), 1);
}

/// What a waiting side may still do: reduce, cut to the position, the rest of it waits.
#[test]
fn a_side_that_waits_reduces_the_whole_position_and_no_more() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(75);
    scripted.fill(Side::Bid, 300);
    scripted.seconds(2);
    scripted.refuses =
        |order| (order.side == Side::Ask && !order.reduce_only).then_some(RejectionClass::Margin);
    scripted.mid += 400;
    scripted.seconds(4);
    let asks = scripted.rests(Side::Ask);
    let total: Sz = asks.iter().map(|order| order.sz).sum();
    assert_eq!(total, scripted.position, "{asks:?}");
    assert!(
        asks.iter()
            .all(|order| order.reduce_only && order.tif == Tif::Alo)
    );
    let refused = scripted.engine.refusals();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|one| one.sz > Sz::ZERO));
    assert!(Usd(0) <= (scripted.touch_px(Side::Ask) * total));
}
