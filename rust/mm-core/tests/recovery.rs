//! The ways out, from what the exchange says to what it receives.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod scripted;

use mm_core::account::Entry;
use mm_core::action::{ActionBody, NewOrder, Tif};
use mm_core::control::Alarm;
use mm_core::event::{
    Command, EventBody, Fills, Funding, OpenOrder, OpenOrders, OrderFate, OrderStatus, OrderUpdate,
    RejectionClass, Stream, StreamState, Transfer,
};
use mm_core::recovery::ask::Ask;
use mm_core::recovery::manager::Recovery;
use mm_core::recovery::reconciler::Reconciliation;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Usd};
use scripted::{Scripted, config};

/// Long this many lots, over a limit that has not fallen.
fn stuck() -> Scripted {
    let mut scripted = Scripted::quoting(20_000);
    assert!(scripted.limit() > 0 && scripted.limit() < 20_000);
    assert_eq!(scripted.state(), "passive");
    scripted.until("stuck", 40);
    scripted
}

#[test]
fn a_stuck_position_is_chased_at_the_touch_then_crossed_and_left_inside_its_limit() {
    let mut scripted = stuck();
    assert!(scripted.asks.iter().any(|(_, ask)| *ask == Ask::Fills));
    let waited = scripted.until("chasing", 5);
    assert!(waited <= 2, "the report confirms it: {waited}");
    let rests = scripted.rests(Side::Ask);
    assert_eq!(rests.len(), 1, "{rests:?}");
    assert_eq!(rests[0].px, scripted.touch_px(Side::Ask));
    assert_eq!((rests[0].tif, rests[0].reduce_only), (Tif::Alo, true));
    assert!(scripted.rests(Side::Bid).is_empty());
    // The touch moves by less than any tolerance: it is followed.
    scripted.mid += 10;
    scripted.seconds(2);
    assert_eq!(
        scripted.rests(Side::Ask)[0].px,
        scripted.touch_px(Side::Ask)
    );
    assert!(scripted.immediate().is_empty());

    let chased = scripted.until("ioc_recovery", 61);
    assert!(chased >= 57, "chased {chased} s");
    scripted.seconds(1);
    let limit = scripted.recovery().limit_at_increase.unwrap();
    let (_, first) = scripted.immediate()[0];
    assert_eq!((first.side, first.reduce_only), (Side::Ask, true));
    assert_eq!(first.sz, Sz(limit.0 / 10));
    let away = 1.0 - first.px.as_f64() / (scripted.touch_px(Side::Ask).as_f64() - 5.0);
    assert!((0.0..0.005).contains(&away), "{away}");
    // Every attempt fills, so no round is spent: down to the leave level, five seconds apart.
    let mut most = 600;
    while scripted.state() != "normal" && most > 0 {
        scripted.seconds(1);
        most -= 1;
        let reducing: Sz = scripted.rests(Side::Ask).iter().map(|o| o.sz).sum();
        assert!(
            reducing <= scripted.position,
            "{reducing} of {}",
            scripted.position
        );
    }
    let left = scripted.position.0;
    assert!(
        left <= scripted.limit() * 9 / 10 && left > scripted.limit() * 7 / 10,
        "{left}"
    );
    let times: Vec<i64> = scripted
        .immediate()
        .iter()
        .map(|(at, _)| Scripted::second(*at))
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 5),
        "{times:?}"
    );
    scripted.seconds(3);
    assert!(!scripted.rests(Side::Bid).is_empty(), "two-sided again");
    assert!(
        !scripted
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::RecoveryExhausted { .. }))
    );
}

#[test]
fn rounds_without_a_fill_end_in_an_alarm_and_are_tried_again_when_the_book_can_take_it() {
    let mut scripted = stuck();
    scripted.dry = true;
    scripted.until("ioc_recovery", 70);
    let begun = Scripted::second(scripted.now);
    scripted.until("exhausted", 200);
    let times: Vec<i64> = scripted
        .immediate()
        .iter()
        .map(|(at, _)| Scripted::second(*at) - begun)
        .collect();
    assert_eq!(times, [0, 5, 10, 45, 50, 55, 90, 95, 100]);
    let said = |scripted: &Scripted| {
        let exhausted = |alarm: &&Alarm| matches!(alarm, Alarm::RecoveryExhausted { .. });
        scripted.alarms.iter().filter(exhausted).count()
    };
    assert_eq!(said(&scripted), 1);
    // The increasing side is off, the reducing quote stays at the touch.
    assert!(scripted.rests(Side::Bid).is_empty());
    assert_eq!(
        scripted.rests(Side::Ask)[0].px,
        scripted.touch_px(Side::Ask)
    );
    // Nothing is shown inside the bound: it waits. Then it is: it crosses again.
    scripted.shown = 1;
    scripted.seconds(100);
    assert_eq!(
        (scripted.immediate().len(), scripted.state().as_str()),
        (9, "exhausted")
    );
    (scripted.shown, scripted.dry) = (50_000, false);
    scripted.seconds(2);
    assert_eq!(scripted.immediate().len(), 10);
    assert_eq!(scripted.state(), "ioc_recovery");
}

#[test]
fn while_the_venue_takes_post_only_orders_alone_it_chases() {
    let mut scripted = stuck();
    scripted.refuses = |order| (order.tif == Tif::Ioc).then_some(RejectionClass::PostOnlyPeriod);
    while scripted.immediate().is_empty() {
        scripted.seconds(1);
    }
    assert_eq!(scripted.state(), "chasing");
    scripted.seconds(55);
    assert_eq!(scripted.immediate().len(), 1, "one refusal is enough");
    assert_eq!(
        scripted.rests(Side::Ask)[0].px,
        scripted.touch_px(Side::Ask)
    );
    scripted.refuses = |_| None;
    scripted.seconds(10);
    assert!(scripted.immediate().len() > 1);
}

#[test]
fn an_excess_that_a_falling_limit_made_is_worked_passively_for_five_minutes() {
    let mut scripted = Scripted::quoting(0);
    for _ in 0..9 {
        scripted.fill(Side::Bid, 500);
        scripted.seconds(3);
    }
    let held = scripted.position.0;
    let limit = scripted.limit();
    assert!(held < limit);
    // A loss of the day lowers the limit to a little less than what is held.
    while scripted.limit() * 10 >= held * 9 {
        scripted.cash -= 10_000_000;
        scripted.seconds(1);
    }
    assert!(
        held * 2 < scripted.limit() * 3,
        "not urgent: {held} {}",
        scripted.limit()
    );
    assert_eq!(scripted.state(), "passive");
    scripted.seconds(290);
    assert_eq!(
        (scripted.state().as_str(), scripted.immediate().len()),
        ("passive", 0)
    );
    scripted.until("stuck", 20);
    // Far over, nothing is waited for.
    let mut scripted = Scripted::quoting(0);
    for _ in 0..9 {
        scripted.fill(Side::Bid, 500);
        scripted.seconds(3);
    }
    scripted.cash -= 485_000_000;
    scripted.until("stuck", 45);
}

/// A limit that a missing input made 0 leaves the position to its quotes: neither chased nor crossed, whatever
/// becomes of the time. One that was too big for the last valid limit has its way out all the same.
#[test]
fn a_late_input_alone_makes_no_position_too_big() {
    let late = |scripted: &mut Scripted, seconds| {
        scripted.keeps_head_room = true;
        scripted.seconds(seconds);
        assert_eq!(scripted.limit(), 0, "past the second deadline");
    };
    let mut healthy = Scripted::quoting(0);
    for _ in 0..3 {
        healthy.fill(Side::Bid, 500);
        healthy.seconds(3);
    }
    assert!(healthy.position.0 * 2 < healthy.limit());
    late(&mut healthy, 900);
    assert_eq!(healthy.state(), "normal");
    assert!(healthy.immediate().is_empty());
    assert!(healthy.rests(Side::Bid).is_empty());
    let rests = healthy.rests(Side::Ask);
    assert!(rests.iter().all(|o| o.reduce_only) && !rests.is_empty());

    let mut too_big = Scripted::quoting(0);
    late(&mut too_big, 310);
    too_big.stranger(Side::Bid, 20_000, true);
    too_big.until("ioc_recovery", 120);
    let judged = |scripted: &Scripted| {
        let limits = scripted.engine.limits().unwrap();
        limits.for_position_if_heard(scripted.position).0
    };
    let last = judged(&too_big);
    assert!(0 < last && last < too_big.position.0 && too_big.limit() == 0);
    too_big.until("normal", 600);
    assert!(!too_big.immediate().is_empty());
    let left = too_big.position.0;
    assert!(last * 7 / 10 < left && left <= last, "{left} of {last}");
}

#[test]
fn refused_reducing_orders_are_sent_again_at_once_and_three_batches_make_it_stuck() {
    for (batches, state) in [(2, "passive"), (3, "stuck")] {
        let mut scripted = Scripted::quoting(20_000);
        assert_eq!(scripted.state(), "passive");
        // The ladder moves: its amends are refused as one batch, then the places that follow.
        let levels = scripted.rests(Side::Ask).len();
        scripted.mid += 1_000;
        scripted.refuse_next = u32::try_from(batches * levels).unwrap();
        scripted.book();
        assert_eq!(
            (scripted.state().as_str(), scripted.refuse_next),
            (state, 0)
        );
        assert!(!scripted.rests(Side::Ask).is_empty(), "in the same instant");
        assert!(scripted.recovery().waits.is_empty());
    }
}

/// 31 times the limit at the start, both directions; and dust with no limit at all.
#[test]
fn an_inherited_position_is_told_and_worked_down_at_the_size_of_the_limit_at_start() {
    for sign in [1, -1] {
        let plain = Scripted::quoting(1);
        let lots = 31 * plain.limit() / 40;
        let mut small = config();
        small = {
            let mut json = serde_json::to_value(small).unwrap();
            json["limits"]["position_cap_coin"] =
                serde_json::json!(Sz(plain.limit()).as_f64() / 40e5);
            serde_json::from_value(json).unwrap()
        };
        let mut scripted = Scripted::new(small, sign * lots);
        scripted.open();
        let told = scripted.alarms.iter().find_map(|alarm| match alarm {
            Alarm::Inherited { position, limit } => Some((position.0, limit.0)),
            _ => None,
        });
        assert!(
            told.is_some_and(|(position, _)| position == sign * lots),
            "{told:?}"
        );
        let pnl = scripted.engine.snapshot().pnl.unwrap();
        assert_eq!(pnl.total.0, 0, "marked at the start price");
        scripted.seconds(5);
        let limit = scripted.limit();
        assert!(lots >= 30 * limit, "{lots} {limit}");
        let at_start = scripted.recovery().limit_at_increase.unwrap();
        let increasing = if sign == 1 { Side::Bid } else { Side::Ask };
        scripted.until("ioc_recovery", 120);
        while scripted.state() != "normal" {
            scripted.seconds(1);
            assert!(scripted.rests(increasing).is_empty() || scripted.state() == "normal");
            assert!(Scripted::second(scripted.now) < 3_000);
        }
        for (_, order) in &scripted.immediate() {
            assert_eq!(order.side, increasing.opposite());
            assert!(order.sz.0 <= (at_start.0 / 10).max(13), "{order:?}");
        }
        assert!(scripted.position.abs().0 <= limit && scripted.position.0.signum() == sign);
    }
}

#[test]
fn dust_over_a_limit_of_nothing_is_closed_whole() {
    let mut scripted = Scripted::new(config(), 4);
    scripted.cash = -4 * scripted.mid;
    scripted.open();
    scripted.seconds(5);
    assert_eq!(scripted.limit(), 0);
    let rests = scripted.rests(Side::Ask);
    assert_eq!(rests.iter().map(|o| o.sz).collect::<Vec<_>>(), [Sz(4)]);
    scripted.seconds(120);
    assert_eq!(scripted.immediate()[0].1.sz, Sz(4));
    assert_eq!(scripted.position, Sz(0));
    assert_eq!(scripted.state(), "normal");
}

#[test]
fn refused_orders_wait_and_what_reduces_does_not() {
    let refused = |order: &NewOrder| (!order.reduce_only).then_some(RejectionClass::Margin);
    let mut scripted = Scripted::quoting(600);
    scripted.refuses = refused;
    scripted.mid += 1_000;
    scripted.seconds(1);
    let waits = scripted.recovery().waits;
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(
        waits
            .iter()
            .all(|wait| wait.class == RejectionClass::Margin)
    );
    let before = scripted.received.len();
    scripted.seconds(3);
    let placed = |scripted: &Scripted| -> Vec<NewOrder> {
        let since = &scripted.received[before..];
        since
            .iter()
            .flat_map(|(_, action)| match &action.body {
                ActionBody::Place(orders) => orders.clone(),
                _ => Vec::new(),
            })
            .collect()
    };
    assert!(
        placed(&scripted).iter().all(|o| o.reduce_only),
        "{:?}",
        placed(&scripted)
    );
    let reducing: Sz = scripted.rests(Side::Ask).iter().map(|o| o.sz).sum();
    assert_eq!(reducing, Sz(600), "the reducing part is out, flagged");
    assert!(scripted.rests(Side::Ask).iter().all(|o| o.reduce_only));
    // Accepted again: the wait ends with it.
    scripted.refuses = |_| None;
    scripted.seconds(130);
    assert!(scripted.recovery().waits.is_empty());
    assert!(!scripted.rests(Side::Bid).is_empty());
}

#[test]
fn a_refused_cancel_of_an_excess_is_sent_again_with_its_reply() {
    let mut scripted = Scripted::quoting(0);
    scripted.refuses_cancels = Some(RejectionClass::Transport);
    scripted.silent = true;
    scripted.cash -= 485_000_000;
    scripted.tell(EventBody::Account(scripted.report()));
    let (_, action) = scripted.received.last().unwrap().clone();
    let ActionBody::Cancel(cancels) = &action.body else {
        panic!("{action:?}")
    };
    let cancelled = cancels.len();
    let before = scripted.received.len();
    let refusal = vec![scripted::refusal(RejectionClass::Transport); cancelled];
    scripted.tell(EventBody::Reply(mm_core::event::Reply {
        action: action.id,
        outcome: mm_core::event::ReplyOutcome::Statuses(refusal),
    }));
    let again = &scripted.received[before..];
    assert_eq!(again.len(), 1, "one retry a reply: {again:?}");
    assert!(matches!(&again[0].1.body, ActionBody::Cancel(c) if c.len() == cancelled));
}

#[test]
fn unknown_words_of_a_refusal_are_told() {
    let mut scripted = Scripted::quoting(0);
    scripted.refuses = |_| Some(RejectionClass::Unknown);
    scripted.mid += 1_000;
    scripted.seconds(1);
    let told = |alarm: &&Alarm| matches!(alarm, Alarm::UnknownRejection { text } if text.ends_with("words"));
    assert!(scripted.alarms.iter().any(|alarm| told(&alarm)));
    assert!(!scripted.recovery().waits.is_empty());
}

#[test]
fn a_drift_stops_quoting_until_the_fills_explain_it() {
    let mut scripted = Scripted::quoting(0);
    let missed = scripted.stranger(Side::Bid, 300, false);
    scripted.seconds(1);
    assert!(!scripted.resting.is_empty(), "one disagreement is none");
    assert!(matches!(
        scripted.recovery().reconciliation,
        Reconciliation::Suspected { .. }
    ));
    scripted.seconds(4);
    assert!(matches!(
        scripted.recovery().reconciliation,
        Reconciliation::Unexplained { .. }
    ));
    assert!(scripted.resting.is_empty(), "{:?}", scripted.resting);
    assert!(
        scripted
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::PositionUnexplained { .. }))
    );
    assert!(scripted.asks.iter().any(|(_, ask)| *ask == Ask::Fills));
    assert_eq!(
        scripted.engine.snapshot().position,
        Sz(0),
        "never overwritten"
    );
    let EventBody::Fills(Fills { fills, .. }) = missed else {
        panic!()
    };
    let snapshot = true;
    scripted.tell(EventBody::Fills(Fills {
        snapshot,
        fills,
        others: Vec::new(),
    }));
    scripted.seconds(3);
    assert_eq!(scripted.engine.snapshot().position, Sz(300));
    assert_eq!(scripted.recovery().reconciliation, Reconciliation::Agreed);
    assert!(!scripted.resting.is_empty());
    assert!(
        !scripted
            .entries
            .iter()
            .any(|e| matches!(e, Entry::Correction(_)))
    );
}

#[test]
fn what_no_fill_explains_is_corrected_by_an_entry_and_an_alarm() {
    let mut scripted = Scripted::quoting(0);
    scripted.misreported = 300;
    scripted.position = Sz(300);
    scripted.misreported = 0;
    scripted.seconds(6);
    assert!(scripted.resting.is_empty());
    // Reports alone correct nothing.
    scripted.seconds(10);
    assert_eq!(scripted.engine.snapshot().position, Sz(0));
    let (snapshot, fills) = (true, Vec::new());
    scripted.tell(EventBody::Fills(Fills {
        snapshot,
        fills,
        others: Vec::new(),
    }));
    scripted.seconds(6);
    let corrections: Vec<_> = scripted
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Correction(correction) => Some((correction.from, correction.to)),
            _ => None,
        })
        .collect();
    assert_eq!(corrections, [(Sz(0), Sz(300))]);
    assert!(
        scripted
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::PositionCorrected { .. }))
    );
    assert_eq!(scripted.engine.snapshot().position, Sz(300));
    scripted.seconds(2);
    assert!(!scripted.resting.is_empty());
    assert_eq!(scripted.recovery().corrections, 1);
}

/// A deposit of before a correction is in the sums once, told before it, after it, or both.
#[test]
fn a_transfer_of_before_a_correction_counts_once_whenever_it_is_told() {
    let mut shown = Vec::new();
    for (before, after) in [(true, false), (false, true), (true, true)] {
        let mut scripted = Scripted::quoting(0);
        let deposit = EventBody::Transfer(Transfer {
            exch: scripted.now.plus(Dur(SECOND)),
            usd: Usd(40_000_000),
            id: 9,
        });
        scripted.cash += 40_000_000;
        scripted.seconds(1);
        if before {
            scripted.tell(deposit.clone());
        }
        scripted.position = Sz(300);
        scripted.seconds(6);
        let (snapshot, fills) = (true, Vec::new());
        scripted.tell(EventBody::Fills(Fills {
            snapshot,
            fills,
            others: Vec::new(),
        }));
        scripted.seconds(8);
        assert_eq!(scripted.recovery().corrections, 1);
        if after {
            scripted.tell(deposit);
        }
        scripted.seconds(3);
        let snapshot = scripted.engine.snapshot();
        let pnl = snapshot.pnl.unwrap();
        assert_eq!(pnl.residual, Usd::ZERO);
        let saved = snapshot.budget.unwrap();
        shown.push((
            snapshot.day_pnl,
            pnl.total,
            pnl.corrections,
            saved.transfers,
        ));
    }
    assert_eq!(shown[0].3, Usd(40_000_000));
    assert_eq!(shown, vec![shown[0]; 3]);
}

fn asked(scripted: &Scripted, ask: Ask) -> Vec<i64> {
    let asks = scripted.asks.iter().filter(|(_, asked)| *asked == ask);
    asks.map(|(at, _)| Scripted::second(*at)).collect()
}

#[test]
fn questions_keep_their_beats_and_answer_to_triggers() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(125);
    let gaps = |times: &[i64]| -> Vec<i64> { times.windows(2).map(|w| w[1] - w[0]).collect() };
    let account = asked(&scripted, Ask::Account);
    assert!(gaps(&account).iter().all(|gap| *gap <= 10), "{account:?}");
    let rooms = asked(&scripted, Ask::HeadRoom);
    assert!(gaps(&rooms).iter().all(|gap| *gap <= 30), "{rooms:?}");
    assert_eq!(asked(&scripted, Ask::OpenOrders), [0, 60, 120]);
    // A reconnect, and a fill of an order nobody here placed.
    scripted.asks.clear();
    scripted.stream(Stream::User, StreamState::Down);
    scripted.stream(Stream::User, StreamState::Up);
    scripted.seconds(1);
    assert!(
        !asked(&scripted, Ask::Fills).is_empty() && !asked(&scripted, Ask::OpenOrders).is_empty()
    );
    assert_eq!(asked(&scripted, Ask::Money).len(), 1);
    let (snapshot, fills) = (true, Vec::new());
    scripted.tell(EventBody::Fills(Fills {
        snapshot,
        fills,
        others: Vec::new(),
    }));
    scripted.seconds(20);
    scripted.asks.clear();
    scripted.stranger(Side::Bid, 10, true);
    scripted.seconds(1);
    assert!(!asked(&scripted, Ask::Fills).is_empty());
    // The operator's word, between two beats.
    scripted.tell(EventBody::Fills(Fills {
        snapshot: true,
        others: Vec::new(),
        fills: Vec::new(),
    }));
    scripted.seconds(20);
    scripted.asks.clear();
    scripted.tell(EventBody::Command(Command::Reconcile));
    let everything = [
        Ask::Account,
        Ask::OpenOrders,
        Ask::HeadRoom,
        Ask::RateLimit,
        Ask::Fills,
    ];
    scripted.seconds(1);
    for ask in everything {
        assert!(!asked(&scripted, ask).is_empty(), "{ask:?}");
    }
}

/// A beat that is slower than the input's deadline: twice within that all the same.
#[test]
fn what_the_limit_needs_is_asked_for_before_it_degrades() {
    let mut config = scripted::config();
    config.recovery.reconcile_s = 60.0;
    config.recovery.sweep_s = 300.0;
    let mut scripted = Scripted::new(config, 0);
    scripted.open();
    for _ in 0..100 {
        scripted.now = scripted.now.plus(Dur(SECOND));
        scripted.book();
        scripted.stream(Stream::User, StreamState::Up);
        scripted.tell(EventBody::Timer);
    }
    for (ask, within) in [(Ask::Account, 15), (Ask::HeadRoom, 30)] {
        let times = asked(&scripted, ask);
        assert!(times.len() > 2, "{ask:?} {times:?}");
        assert!(times.windows(2).all(|w| w[1] - w[0] <= within), "{times:?}");
    }
}

#[test]
fn an_order_without_an_answer_is_asked_for_by_its_cloid_and_a_strange_one_is_told() {
    let mut scripted = Scripted::quoting(0);
    scripted.silent = true;
    scripted.mid += 1_000;
    scripted.seconds(8);
    let (_, action) = scripted.received.last().unwrap().clone();
    let cloid = scripted
        .asks
        .iter()
        .find_map(|(_, ask)| match ask {
            Ask::OrderStatus(cloid) => Some(*cloid),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{action:?}"));
    assert!(!scripted.recovery().findings.unanswered.is_empty());
    let found = None;
    scripted.tell(EventBody::OrderStatus(OrderFate { cloid, found }));
    let mut scripted = Scripted::quoting(0);
    let foreign = OpenOrder {
        oid: 1,
        cloid: None,
        side: Side::Bid,
        px: Px(900_000),
        sz: Sz(10),
        reduce_only: false,
        trigger: None,
    };
    let orders = vec![foreign];
    scripted.tell(EventBody::OpenOrders(OpenOrders { orders }));
    scripted.seconds(61);
    assert!(
        scripted
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::ForeignOrder { .. }))
    );
    assert!(matches!(scripted.recovery().recovery, Recovery::Normal));
}

/// What could still fill on a side if every answer that is missing were the worse one, by the actions
/// alone: lots that are free, and lots flagged reduce-only.
fn out_there(scripted: &Scripted, side: Side) -> [Sz; 2] {
    let mut lots = [Sz::ZERO; 2];
    let unanswered = scripted
        .received
        .iter()
        .flat_map(|(_, action)| match &action.body {
            ActionBody::Place(orders) => orders.clone(),
            ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
            ActionBody::Cancel(_) => Vec::new(),
        });
    for order in unanswered.chain(scripted.rests(side)) {
        if order.side == side {
            lots[usize::from(order.reduce_only)] += order.sz;
        }
    }
    lots
}

/// Bids that rest and whose cancel is not on its way.
fn kept(scripted: &Scripted) -> Sz {
    let cancelled: Vec<_> = scripted
        .received
        .iter()
        .flat_map(|(_, action)| match &action.body {
            ActionBody::Cancel(cancels) => cancels.iter().map(|c| c.cloid).collect(),
            _ => Vec::new(),
        })
        .collect();
    let bids = scripted.rests(Side::Bid).into_iter();
    bids.filter(|order| !cancelled.contains(&order.cloid))
        .map(|order| order.sz)
        .sum()
}

/// Leaving reduce-only turns flagged orders into free ones: until that is answered, both count.
#[test]
fn an_amend_that_drops_the_flag_takes_its_room_at_the_gate() {
    let limit = Scripted::quoting(0).limit();
    let mut scripted = Scripted::quoting(limit + 2);
    scripted.shown = 0;
    assert!(scripted.rests(Side::Ask).iter().all(|o| o.reduce_only));
    scripted.silent = true;
    scripted.received.clear();
    scripted.stranger(Side::Ask, limit * 12 / 100, true);
    for _ in 0..5 {
        scripted.book();
        scripted.tell(EventBody::Timer);
        let [free, flagged] = out_there(&scripted, Side::Ask);
        let lowest = scripted.position - flagged.min(scripted.position) - free;
        let short = scripted.engine.limits().unwrap().short();
        assert!(-lowest <= short, "{free:?} {flagged:?} {short:?}");
        let [shown, _] = scripted.engine.snapshot().worst_case;
        assert_eq!(shown, lowest);
    }
    assert!(out_there(&scripted, Side::Ask)[0] > Sz::ZERO);
}

/// What the exchange says it filled is not going away, so it makes no other order's cancel needless.
#[test]
fn fills_that_are_known_and_not_heard_yet_are_no_cancels() {
    let (mut cut, mut fell) = (0, 0);
    for loss in 1..60 {
        let mut scripted = Scripted::quoting(0);
        let limit = scripted.limit();
        scripted.stranger(Side::Bid, limit * 80 / 100, true);
        scripted.seconds(8);
        let best = scripted.resting.iter().filter(|(_, o)| o.side == Side::Bid);
        let (oid, order) = best
            .max_by_key(|(_, o)| o.px)
            .map(|(id, o)| (*id, *o))
            .unwrap();
        scripted.resting.remove(&oid);
        scripted.silent = true;
        scripted.received.clear();
        scripted.tell(EventBody::OrderUpdates(vec![OrderUpdate {
            exch: scripted.now,
            oid,
            cloid: Some(order.cloid),
            sz: Sz::ZERO,
            status: OrderStatus::Filled,
        }]));
        scripted.cash -= 5_000_000 * loss;
        let before = scripted.engine.limits().unwrap().long();
        scripted.tell(EventBody::Account(scripted.report()));
        let long = scripted.engine.limits().unwrap().long();
        let kept = kept(&scripted);
        let worst = scripted.position + order.sz + kept;
        assert!(
            worst <= long || kept == Sz::ZERO,
            "{loss} {worst:?} {long:?}"
        );
        cut += usize::from(
            scripted
                .received
                .iter()
                .any(|(_, a)| matches!(a.body, ActionBody::Cancel(_))),
        );
        fell += usize::from(long < before);
    }
    assert!(cut > 0 && fell > 0);
}

/// What was refused of an amend holds back no cancel of what a falling limit leaves too much.
#[test]
fn an_excess_is_cancelled_though_an_amend_was_just_refused() {
    let mut scripted = Scripted::quoting(0);
    scripted.silent = true;
    scripted.received.clear();
    scripted.mid += 400;
    scripted.book();
    let modify =
        |(_, action): &&(_, mm_core::action::Action)| matches!(action.body, ActionBody::Modify(_));
    let action = scripted.received.iter().find(modify).unwrap().1.id;
    scripted.tell(EventBody::Reply(mm_core::event::Reply {
        action,
        outcome: mm_core::event::ReplyOutcome::Refused(mm_core::event::Rejection {
            class: RejectionClass::Transport,
            text: "429".to_owned(),
        }),
    }));
    scripted.received.clear();
    scripted.cash -= 485_000_000;
    scripted.tell(EventBody::Account(scripted.report()));
    let (kept, long) = (kept(&scripted), scripted.engine.limits().unwrap().long());
    assert!(kept <= long, "{kept:?} of {long:?}");
}

/// Nor one of a stop: nothing is left resting because of it.
#[test]
fn a_stop_cancels_everything_though_an_amend_was_just_refused() {
    let mut scripted = Scripted::quoting(0);
    scripted.silent = true;
    scripted.received.clear();
    scripted.mid += 400;
    scripted.book();
    for (_, action) in scripted.received.clone() {
        scripted.tell(EventBody::Reply(mm_core::event::Reply {
            action: action.id,
            outcome: mm_core::event::ReplyOutcome::Refused(mm_core::event::Rejection {
                class: RejectionClass::Budget,
                text: "too many requests".to_owned(),
            }),
        }));
    }
    scripted.tell(EventBody::Command(mm_core::event::Command::Stop));
    assert!(!scripted.rests(Side::Bid).is_empty());
    assert_eq!(kept(&scripted), Sz::ZERO);
}

/// An exchange that cannot be reached is not asked at the speed of the failures.
#[test]
fn cancels_of_a_lost_order_that_are_lost_too_keep_a_pause() {
    let mut scripted = Scripted::quoting(0);
    scripted.silent = true;
    scripted.received.clear();
    scripted.mid += 400;
    scripted.book();
    let mut told = 0;
    while let Some((_, action)) = scripted.received.get(told).cloned() {
        told += 1;
        assert!(told < 20, "endless: {action:?}");
        scripted.tell(EventBody::Reply(mm_core::event::Reply {
            action: action.id,
            outcome: mm_core::event::ReplyOutcome::Lost,
        }));
    }
    assert!(told > 1);
    scripted.now = scripted
        .now
        .plus(mm_core::units::Dur(mm_core::units::SECOND));
    scripted.tell(EventBody::Timer);
    let (_, last) = scripted.received.last().unwrap();
    assert!(told < scripted.received.len() && matches!(last.body, ActionBody::Cancel(_)));
}

/// An answer that says nothing of an item leaves its fate to be asked for.
#[test]
fn an_answer_with_too_few_items_loses_the_rest() {
    let mut scripted = Scripted::quoting(0);
    scripted.silent = true;
    scripted.received.clear();
    scripted.mid += 400;
    scripted.book();
    let (_, action) = scripted.received[0].clone();
    scripted.asks.clear();
    scripted.tell(EventBody::Reply(mm_core::event::Reply {
        action: action.id,
        outcome: mm_core::event::ReplyOutcome::Statuses(Vec::new()),
    }));
    let fates = scripted
        .asks
        .iter()
        .filter(|(_, ask)| matches!(ask, Ask::OrderStatus(_)));
    assert!(fates.count() > 0);
}

#[test]
fn a_payment_that_nobody_told_is_asked_for_ever_less_often_until_it_is_told() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(30);
    assert_eq!(asked(&scripted, Ask::Money), [0_i64; 0]);
    scripted.cash += 1_000_000;
    scripted.seconds(200);
    let asks = asked(&scripted, Ask::Money);
    let gaps: Vec<i64> = asks.windows(2).map(|w| w[1] - w[0]).collect();
    assert_eq!(gaps, [20, 40, 80], "{asks:?}");
    scripted.tell(EventBody::Funding(Funding {
        exch: scripted.now,
        usd: Usd(1_000_000),
    }));
    scripted.seconds(400);
    assert_eq!(asked(&scripted, Ask::Money).len(), asks.len());
}

#[test]
fn what_a_dropped_withdrawal_took_is_saved_as_not_yet_told() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(5);
    let before = scripted.engine.snapshot().budget.unwrap();
    scripted.cash -= 50_000_000;
    scripted.seconds(5);
    let after = scripted.engine.snapshot().budget.unwrap();
    // The report that shows the loss explains nothing: the next session must look from before it.
    assert_eq!((after.at, after.transfers), (before.at, Usd::ZERO));
}
