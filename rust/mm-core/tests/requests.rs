//! The request economy, from what the venue counts to what is sent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "desk/mod.rs"]
#[allow(
    dead_code,
    reason = "the desk of the control tests: an economy needs a part of it"
)]
mod desk;

use mm_core::action::{Action, ActionBody, Reason, Tif};
use mm_core::control::{Alarm, Mode, Suppressed};
use mm_core::event::{EventBody, Reply, ReplyOutcome};
use mm_core::requests::choice::Why;
use mm_core::requests::ledger::Supply;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use serde_json::{Value, json};

use desk::Desk;

/// With so much left of a budget of 10,000, and these changes of `[requests]`.
fn desk(left: i64, changes: &Value) -> Desk {
    let mut config = serde_json::to_value(desk::config("{}")).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        config["requests"][key] = value.clone();
    }
    let mut desk = Desk::with(serde_json::from_value(config).unwrap(), 0);
    let cap = left.max(10_000);
    (desk.budget.used, desk.budget.cap) = (cap - left, cap);
    desk
}

/// In full quoting by then.
fn quoting(left: i64, changes: &Value) -> Desk {
    let mut desk = desk(left, changes);
    desk.open();
    desk.seconds(80);
    desk
}

fn items(action: &Action) -> usize {
    match &action.body {
        ActionBody::Place(orders) => orders.len(),
        ActionBody::Modify(amends) => amends.len(),
        ActionBody::Cancel(cancels) => cancels.len(),
    }
}

fn sent(desk: &Desk, from: usize) -> usize {
    desk.received[from..].iter().map(|(_, a)| items(a)).sum()
}

/// The mid swings by so many bps, a second apart; returns the items sent meanwhile.
fn swing(desk: &mut Desk, bps: i64, seconds: usize) -> usize {
    let (from, mid) = (desk.received.len(), desk.mid);
    for second in 0..seconds {
        desk.mid = if second % 2 == 0 {
            mid + bps * 100
        } else {
            mid
        };
        desk.seconds(1);
    }
    sent(desk, from)
}

fn prices(desk: &Desk, side: Side) -> Vec<Px> {
    let of_side = desk.resting.values().filter(|order| order.side == side);
    let mut found: Vec<Px> = of_side.map(|order| order.px).collect();
    found.sort();
    found
}

/// Every second it wants the same orders at the same prices, however few requests are left; the fewer,
/// the less it sends; and both sides are in the book at every moment.
#[test]
fn scarcity_slows_quotes_and_thins_them_out_and_moves_no_price() {
    let mut before = usize::MAX;
    let full = quoting(10_000_000, &json!({}));
    for left in [10_000_000, 9_000, 1_500, 700] {
        let mut desk = quoting(left, &json!({}));
        for side in Side::BOTH {
            let rests = prices(&desk, side);
            let wanted = prices(&full, side);
            assert!(!rests.is_empty());
            assert!(
                rests.iter().all(|px| wanted.contains(px)),
                "{rests:?} {wanted:?}"
            );
        }
        let mut bare = 0;
        let mut items = 0;
        for _ in 0..30 {
            items += swing(&mut desk, 3, 2);
            let sides = Side::BOTH.map(|side| desk.lots(side) > Sz::ZERO);
            bare += usize::from(sides != [true, true]);
        }
        assert_eq!(bare, 0, "{left}");
        assert!(items <= before, "{left}: {items} after {before}");
        before = items;
    }
    assert!(before > 0, "what removes risk is still sent");
}

#[test]
fn a_change_that_is_not_worth_its_requests_waits_and_is_shown() {
    let mut desk = quoting(2_500, &json!({"burst_frac": 0.05}));
    let told = |desk: &Desk| desk.snapshot().withheld;
    let mut whys = std::collections::BTreeSet::new();
    for _ in 0..200 {
        swing(&mut desk, 3, 1);
        desk.mid += 40;
        whys.extend(told(&desk).iter().map(|one| one.why));
    }
    assert!(
        whys.contains(&Why::NotWorth) && whys.contains(&Why::Plan),
        "{whys:?}"
    );
    let shown = desk.snapshot().requests;
    assert!(shown.price_usd > 0.0 && shown.price_usd <= 0.0005);
}

/// Before the venue has said what is left: one order a side. Then all of them.
#[test]
fn before_the_first_answer_one_order_a_side_rests() {
    let mut desk = desk(9_000_000, &json!({}));
    desk.budget.silent = true;
    desk.open();
    desk.seconds(80);
    for side in Side::BOTH {
        assert_eq!(prices(&desk, side).len(), 1);
    }
    let shown = desk.snapshot();
    assert_eq!(
        (shown.requests.supply, shown.requests_left),
        (Supply::Unknown, None)
    );
    assert!(shown.withheld.iter().any(|one| one.why == Why::Unknown));
    desk.budget.silent = false;
    desk.tell(desk.counted());
    desk.seconds(1);
    assert!(
        Side::BOTH
            .iter()
            .all(|side| prices(&desk, *side).len() == 5)
    );
}

/// The reserve is touched by what removes risk alone; the supply's shortage is told, and its end.
#[test]
fn the_reserve_is_safetys_and_its_being_left_alone_is_told() {
    let mut desk = quoting(520, &json!({}));
    let told = |desk: &Desk| -> Vec<Supply> {
        let alarms = desk.alarms.iter();
        alarms
            .filter_map(|alarm| match alarm {
                Alarm::RequestSupply { supply, .. } => Some(*supply),
                _ => None,
            })
            .collect()
    };
    desk.budget.used = 9_600;
    desk.tell(desk.counted());
    assert_eq!(told(&desk), [Supply::Reserve]);
    // Everything is too far away now: nothing of that is risk.
    let from = desk.received.len();
    let bids = prices(&desk, Side::Bid);
    desk.mid += 1_500;
    desk.seconds(5);
    assert_eq!(prices(&desk, Side::Bid), bids, "an improvement waits");
    assert!(
        sent(&desk, from) > 0,
        "asks that stood too near went away from it"
    );
    desk.budget.cap = 100_000;
    desk.tell(desk.counted());
    desk.seconds(2);
    assert_eq!(told(&desk), [Supply::Reserve, Supply::Enough]);
    assert_ne!(prices(&desk, Side::Bid), bids);
}

/// The venue says that nothing is left: one action in ten seconds, both sides in it, no storm, and
/// full quoting again once there is head-room.
#[test]
fn an_empty_budget_is_quoted_on_at_the_venues_own_pace() {
    let mut desk = quoting(10_000_000, &json!({}));
    (desk.budget.used, desk.budget.cap) = (10_000, 10_000);
    let (from, refused) = (desk.received.len(), desk.budget.refused);
    for minute in 0..120 {
        desk.mid += if minute % 20 < 10 { 120 } else { -120 };
        desk.seconds(1);
    }
    assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
    let placed = |action: &Action| !matches!(action.body, ActionBody::Cancel(_));
    let orders: Vec<&(Time, Action)> = desk.received[from..]
        .iter()
        .filter(|(_, action)| placed(action))
        .collect();
    assert!(orders.len() >= 6, "it goes on: {}", orders.len());
    let times: Vec<Time> = orders.iter().map(|(at, _)| *at).collect();
    assert!(
        times
            .windows(2)
            .all(|two| two[1].since(two[0]).0 >= 10 * SECOND),
        "{times:?}"
    );
    // The first left before anybody knew.
    assert!(orders.iter().skip(1).all(|(_, action)| items(action) <= 2));
    assert!(
        desk.budget.refused - refused <= 2,
        "{}",
        desk.budget.refused
    );
    desk.budget.cap = 1_000_000;
    desk.seconds(15);
    assert_eq!(desk.snapshot().requests.supply, Supply::Enough);
    assert!(
        Side::BOTH
            .iter()
            .all(|side| prices(&desk, *side).len() == 5)
    );
}

/// With nothing left the position is still closed, at the venue's pace, by what only reduces.
#[test]
fn an_empty_budget_does_not_keep_a_position_from_being_closed() {
    let mut desk = quoting(10_000_000, &json!({}));
    desk.fill(Side::Bid, 60);
    desk.seconds(2);
    (desk.budget.used, desk.budget.cap) = (10_000, 10_000);
    let from = desk.received.len();
    desk.tell(EventBody::Command(mm_core::event::Command::Kill));
    desk.seconds(60);
    assert_eq!((desk.position, desk.resting.len()), (Sz::ZERO, 0));
    assert!(!desk.placed(from, Tif::Ioc).is_empty());
    assert!(desk.budget.refused <= 3, "{}", desk.budget.refused);
}

/// What may not be replaced stays where it can only bring the position toward zero, and goes where it
/// could do more: an order that is not flagged, nearer to the market than what is wanted.
#[test]
fn an_empty_budget_leaves_no_more_of_a_side_than_the_position() {
    for lots in [10, 60, 200, 500, 1_500] {
        let mut desk = quoting(10_000_000, &json!({}));
        desk.stranger(Side::Bid, lots);
        desk.seconds(2);
        runs_dry(&mut desk);
        desk.mid += 400;
        desk.seconds(1);
        assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
        desk.margin_used = Some(Usd(10_000_000_000));
        for second in 0..8 {
            desk.mid += if second % 2 == 0 { -900 } else { 900 };
            desk.seconds(1);
            let asks = desk.resting.values().filter(|o| o.side == Side::Ask);
            let free: Sz = asks.filter(|o| !o.reduce_only).map(|o| o.sz).sum();
            assert!(free <= desk.position, "{lots} {second} {free}");
        }
        assert_eq!(desk.mode().0, Mode::ReduceOnly);
    }
}

/// While it may not be replaced, an order that the market came upon goes, however long the position.
#[test]
fn an_empty_budget_leaves_nothing_in_the_way_of_the_market() {
    let mut desk = quoting(10_000_000, &json!({}));
    desk.stranger(Side::Bid, 1_500);
    desk.seconds(2);
    runs_dry(&mut desk);
    desk.mid += 400;
    desk.seconds(1);
    assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
    let from = desk.received.len();
    for _ in 0..4 {
        desk.mid += 300;
        desk.seconds(1);
    }
    let backs_off = |(_, why): &(Time, Reason)| *why == Reason::Backoff;
    assert!(cancels(&desk, from).iter().any(backs_off));
}

/// A side without an order because no slot is open says so.
#[test]
fn a_side_that_waits_for_a_slot_says_so() {
    let mut desk = quoting(10_000_000, &json!({}));
    (desk.budget.used, desk.budget.cap) = (10_000, 10_000);
    let mut codes = std::collections::BTreeSet::new();
    for second in 0..60 {
        desk.mid += if second % 2 == 0 { 900 } else { -900 };
        desk.seconds(1);
        let shown = desk.snapshot().suppressed;
        codes.extend(
            Side::BOTH
                .iter()
                .filter_map(|side| shown.of(*side))
                .map(Suppressed::as_str),
        );
    }
    assert!(codes.contains("requests"), "{codes:?}");
}

/// What the venue counts and we did not send is told as others' and paid for.
#[test]
fn what_others_spend_on_the_address_is_seen() {
    let mut desk = quoting(9_000, &json!({}));
    desk.budget.used += 700;
    desk.tell(desk.counted());
    let shown = desk.snapshot().requests;
    assert_eq!((shown.drift, shown.others), (700, 700));
    assert!(shown.price_usd > 0.0);
}

/// Each setting moves what it says.
#[test]
fn settings_of_requests_move_what_they_say() {
    let price = |changes: Value, spent: i64, seconds: usize| {
        let mut desk = quoting(9_000, &changes);
        desk.budget.used += spent;
        desk.tell(desk.counted());
        desk.seconds(seconds);
        desk.snapshot().requests.price_usd
    };
    let usual = price(json!({}), 500, 0);
    assert!(usual > 0.0 && usual < 0.0005);
    assert!(price(json!({"burst_frac": 0.5}), 500, 0) < usual / 3.0);
    assert!(price(json!({"price_max_usd": 0.0001}), 500, 0) < usual / 4.0);
    assert!(price(json!({"plan_days": 0.05}), 500, 60) < usual / 1.1);
    let reserve = |requests: u32| {
        quoting(3_000, &json!({"reserve": requests}))
            .snapshot()
            .requests
    };
    assert_eq!(reserve(500).supply, Supply::Enough);
    assert_eq!(reserve(3_000).supply, Supply::Reserve);
    let weight = |left: u32| {
        quoting(9_000, &json!({"watchdog_weight_per_min": left}))
            .snapshot()
            .requests
    };
    assert_eq!((weight(300).weight_max, weight(0).weight_max), (900, 1_200));
    let asked = |every: f64| {
        let mut desk = quoting(9_000, &json!({"ask_s": every}));
        let mut times = std::collections::BTreeSet::new();
        for _ in 0..130 {
            desk.seconds(1);
            times.extend(desk.snapshot().requests.reported);
        }
        times.len()
    };
    assert!(asked(5.0) >= 20 && asked(60.0) <= 4);
}

/// A report that is a question's answer is no drift, whatever was sent around it.
#[test]
fn our_own_requests_are_no_drift() {
    let mut desk = quoting(9_000, &json!({"ask_s": 5.0}));
    for _ in 0..40 {
        swing(&mut desk, 4, 3);
        let shown = desk.snapshot().requests;
        assert_eq!((shown.drift, shown.others), (0, 0));
        assert_eq!(shown.used, Some(desk.budget.used));
    }
}

/// Hands make the position a little too long for its limit.
fn exceed(desk: &mut Desk) {
    let limit = desk.engine.limits().unwrap().long();
    desk.stranger(Side::Bid, limit.0 + 10);
}

/// Too long for its limit, with a reducing quote in the book and the venue refusing the next action.
fn reducing() -> Desk {
    let mut desk = quoting(10_000_000, &json!({}));
    exceed(&mut desk);
    desk.seconds(2);
    assert_eq!(desk.mode().0, Mode::ReduceOnly);
    assert!(desk.lots(Side::Ask) > Sz::ZERO);
    desk
}

/// The venue refuses all but one action in ten seconds from now on.
fn runs_dry(desk: &mut Desk) {
    desk.budget.admitted = Some(desk.now);
    (desk.budget.used, desk.budget.cap) = (10_000, 10_000);
}

fn cancels(desk: &Desk, from: usize) -> Vec<(Time, Reason)> {
    let mut found = Vec::new();
    for (at, action) in &desk.received[from..] {
        if let ActionBody::Cancel(cancels) = &action.body {
            found.extend(cancels.iter().map(|cancel| (*at, cancel.reason)));
        }
    }
    found
}

/// A refusal that goes against the last report and our own count, and no report: the way out is not
/// given up for it. It is tried again after a second, and the reducing quote follows the market.
#[test]
fn a_refusal_that_nothing_explains_does_not_stop_the_way_out() {
    let mut desk = reducing();
    refuse_once(&mut desk);
    let from = desk.received.len();
    let asks = prices(&desk, Side::Ask);
    desk.seconds(2);
    assert_ne!(prices(&desk, Side::Ask), asks);
    assert!(!desk.placed(from, Tif::Alo).is_empty());
    assert_eq!(cancels(&desk, from), []);
    assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
}

/// The venue refuses one action and says nothing more; what it counts is as before.
fn refuse_once(desk: &mut Desk) {
    desk.budget.silent = true;
    let (before, refused) = (desk.budget, desk.budget.refused);
    runs_dry(desk);
    desk.mid += 900;
    desk.pass(Dur(SECOND / 10));
    assert_eq!(desk.budget.refused, refused + 1);
    assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
    desk.budget = before;
}

/// Neither recovery nor a kill waits eleven seconds for what a single refusal said.
#[test]
fn a_refusal_that_nothing_explains_holds_up_no_immediate_order() {
    let first_after = |desk: &mut Desk, seconds: usize| {
        let from = desk.received.len();
        let at = desk.now;
        desk.seconds(seconds);
        let crossing = desk.placed(from, Tif::Ioc);
        crossing.first().map(|(when, _)| when.since(at).as_secs())
    };
    let mut due = reducing();
    let due_s = first_after(&mut due, 150).unwrap();
    let mut desk = reducing();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a test"
    )]
    desk.seconds(due_s as usize - 2);
    refuse_once(&mut desk);
    assert!(first_after(&mut desk, 5).is_some(), "recovery");

    let mut desk = reducing();
    refuse_once(&mut desk);
    desk.tell(EventBody::Command(mm_core::event::Command::Kill));
    assert!(
        first_after(&mut desk, 5).is_some(),
        "the close after a kill"
    );
}

/// Refused again and again with no report to decide, it waits for the venue's pace: no storm.
#[test]
fn doubt_of_a_refusal_ends() {
    let mut desk = reducing();
    desk.budget.silent = true;
    desk.dry = true;
    runs_dry(&mut desk);
    let refused = desk.budget.refused;
    for second in 0..60 {
        desk.mid += if second % 2 == 0 { 900 } else { -900 };
        desk.seconds(1);
        assert!(desk.lots(Side::Ask) > Sz::ZERO, "{second}");
    }
    assert!(
        desk.budget.refused - refused <= 9,
        "{}",
        desk.budget.refused - refused
    );
}

/// With nothing left by the venue's own report the only reducing quote is not taken away because it cannot be
/// replaced: neither what is flagged already nor what is not.
#[test]
fn an_empty_budget_takes_no_reducing_quote_away() {
    for flagged in [true, false] {
        let mut desk = if flagged {
            reducing()
        } else {
            quoting(10_000_000, &json!({}))
        };
        runs_dry(&mut desk);
        desk.mid += 900;
        desk.seconds(1);
        assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
        let from = desk.received.len();
        if !flagged {
            exceed(&mut desk);
        }
        for second in 0..8 {
            desk.mid += if second % 2 == 0 { -900 } else { 900 };
            desk.seconds(1);
            assert!(desk.lots(Side::Ask) > Sz::ZERO, "{flagged} {second}");
        }
        assert_eq!(desk.mode().0, Mode::ReduceOnly);
        let backs_off = |(_, why): &(Time, Reason)| *why == Reason::Backoff;
        assert!(!flagged || !cancels(&desk, from).iter().any(backs_off));
    }
}

/// The amend of the only reducing quote is never answered, and no slot is open for another: a query is to
/// tell its fate, and the cancel that would end it waits until it can be replaced.
#[test]
fn an_empty_budget_ends_no_reducing_quote_of_unknown_fate() {
    let mut desk = reducing();
    desk.dry = true;
    runs_dry(&mut desk);
    desk.mid += 900;
    desk.seconds(1);
    assert_eq!(desk.snapshot().requests.supply, Supply::Empty);
    desk.late = Some(Vec::new());
    let is_amend = |action: &Action| matches!(action.body, ActionBody::Modify(_));
    let mut lost = None;
    for second in 0..30 {
        desk.mid += if second % 2 == 0 { -900 } else { 900 };
        desk.seconds(1);
        let late = desk.late.as_ref().unwrap();
        lost = late
            .iter()
            .find(|action| is_amend(action))
            .map(|action| action.id);
        if lost.is_some() {
            break;
        }
    }
    let from = desk.received.len();
    let at = desk.now;
    desk.tell(EventBody::Reply(Reply {
        action: lost.unwrap(),
        outcome: ReplyOutcome::Lost,
    }));
    desk.seconds(8);
    assert_eq!(cancels(&desk, from), []);
    desk.seconds(15);
    let ended = cancels(&desk, from);
    assert!(
        ended.iter().any(|(_, why)| *why == Reason::Expired),
        "{ended:?}"
    );
    assert!(
        desk.placed(from, Tif::Alo)
            .iter()
            .any(|(when, o)| o.reduce_only && *when > at)
    );
}

/// With these changes of `[quoting]`, in full quoting.
fn quoting_with(changes: &Value, left: i64, moved: &Value) -> Desk {
    let mut config = serde_json::to_value(desk::config("{}")).unwrap();
    for (section, changes) in [("quoting", changes), ("requests", moved)] {
        for (key, value) in changes.as_object().unwrap() {
            config[section][key] = value.clone();
        }
    }
    let mut desk = Desk::with(serde_json::from_value(config).unwrap(), 0);
    let cap = left.max(10_000);
    (desk.budget.used, desk.budget.cap) = (cap - left, cap);
    desk.open();
    desk.seconds(80);
    desk
}

/// Levels are 1.4 bps apart, the first earns 1.5 bps. A price that swings by 1 bps inside a tolerance of 5
/// moves none of them; one that goes beyond it moves all of them, each once, and then they stay again.
#[test]
fn a_ladder_stays_as_a_whole_within_the_tolerance() {
    let mut desk = quoting_with(&json!({"max_bps_diff": 5.0}), 10_000_000, &json!({}));
    let before = Side::BOTH.map(|side| prices(&desk, side));
    assert_eq!(swing(&mut desk, 1, 40), 0);
    assert_eq!(Side::BOTH.map(|side| prices(&desk, side)), before);
    desk.mid += 570;
    let from = desk.received.len();
    desk.seconds(2);
    assert_eq!(sent(&desk, from), 10);
    let gone = |side: Side| {
        let now = prices(&desk, side);
        before[side.index()].iter().all(|px| !now.contains(px))
    };
    assert!(Side::BOTH.into_iter().all(gone));
    assert_eq!(swing(&mut desk, 1, 40), 0);
}

/// Within the tolerance the first ask stays while a fill of it pays, and goes when it would lose, with the
/// reserve alone left too; with nothing left it is taken away. What is too far from the price stays.
#[test]
fn what_would_lose_is_not_kept_for_being_within_the_tolerance() {
    let moved = |used: i64, by: i64| {
        let mut desk = quoting_with(&json!({"max_bps_diff": 5.0}), 9_900, &json!({}));
        desk.budget.used = used;
        desk.tell(desk.counted());
        desk.seconds(2);
        let before = Side::BOTH.map(|side| prices(&desk, side));
        let innermost = before[1][0];
        desk.mid += by;
        desk.seconds(3);
        assert_eq!(prices(&desk, Side::Bid), before[0]);
        !prices(&desk, Side::Ask).contains(&innermost)
    };
    for used in [100, 9_600, 10_000] {
        assert!(!moved(used, 100), "{used}: half a bp is left to earn");
        assert!(moved(used, 300), "{used}: a fill would lose");
    }
}

/// With the reserve alone left an order is moved for safety if a fill of it would not earn the least
/// edge at the new price, and not for being nearer than wanted.
#[test]
fn nearer_by_noise_is_no_risk() {
    let tight = json!({"max_bps_diff": 0.1});
    let moved = |by: i64| {
        let mut desk = quoting_with(&tight, 9_900, &json!({}));
        desk.budget.used = 9_600;
        desk.tell(desk.counted());
        assert_eq!(desk.snapshot().requests.supply, Supply::Reserve);
        let innermost = *prices(&desk, Side::Ask).first().unwrap();
        desk.mid += by;
        desk.seconds(3);
        let now = *prices(&desk, Side::Ask).first().unwrap();
        now != innermost
    };
    assert!(!moved(50), "half a bp nearer, and still worth a fill");
    assert!(
        moved(200),
        "two bps nearer: a fill would not earn the least edge"
    );
}
