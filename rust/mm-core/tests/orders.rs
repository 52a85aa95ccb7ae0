//! Races between our orders and the venue, told by hand: what the engine then sends, counts and enters.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod given;
mod script;

use mm_core::account::Entry;
use mm_core::action::{ActionBody, Cloid, NewOrder, Reason};
use mm_core::control::{Alarm, ModeReason};
use mm_core::engine::Engine;
use mm_core::event::{
    AccountState, Command, Event, EventBody, Fill, FillKind, ItemStatus, OrderStatus, OrderUpdate,
    RejectionClass, ReplyOutcome, Stream, StreamState, StreamStatus,
};
use mm_core::orders::Owner;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Px, SECOND, Side, Sz, Time, Usd};
use proptest::prelude::*;

use given::{START, btc, config};
use script::{Script, cancels_of, error, orders_of, other};

fn owners(entries: &[Entry]) -> Vec<(Owner, bool)> {
    let fills = entries.iter().filter_map(|entry| match entry {
        Entry::Fill(one) | Entry::Liquidation(one) | Entry::Adl(one) | Entry::Settlement(one) => {
            Some((one.owner, one.before_anchor))
        }
        _ => None,
    });
    fills.collect()
}

#[test]
fn a_fill_of_nobodys_order_is_an_alarm_and_still_counts() {
    let mut script = Script::quoting();
    for cloid in [None, Some(Cloid::new(u64::MAX, 1)), Some(Cloid(5))] {
        let fill = script.fill(9_000, cloid, Side::Bid, Px(1_000_000), Sz(10));
        script.news(vec![fill]);
    }
    script.position_is(30);
    let unknown = |alarm: &&Alarm| matches!(alarm, Alarm::UnknownFill(_));
    assert_eq!(script.alarms.iter().filter(unknown).count(), 3);
    assert_eq!(script.engine.snapshot().counts.stranger_fills, 3);
    assert_eq!(owners(&script.entries), [(Owner::Stranger, false); 3]);
    script.settles();
}

#[test]
fn a_fill_of_an_earlier_session_is_no_strangers() {
    let mut script = Script::quoting();
    let earlier = Some(Cloid::new(6, 1));
    let fill = script.fill(9_000, earlier, Side::Ask, Px(1_000_000), Sz(10));
    script.news(vec![fill]);
    assert_eq!(owners(&script.entries), [(Owner::Earlier, false)]);
    assert!(
        !script
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::UnknownFill(_)))
    );
    assert_eq!(script.engine.snapshot().counts.earlier_fills, 1);
    script.settles();
}

#[test]
fn what_the_exchange_forces_is_an_entry_of_its_own_kind() {
    let mut script = Script::quoting();
    let kinds = [FillKind::Liquidation, FillKind::Adl, FillKind::Settlement];
    for kind in kinds {
        let fill = script.fill(9_000, None, Side::Ask, Px(1_000_000), Sz(10));
        script.news(vec![Fill { kind, ..fill }]);
    }
    script.position_is(-30);
    assert!(matches!(
        script.entries[..],
        [Entry::Liquidation(_), Entry::Adl(_), Entry::Settlement(_)]
    ));
    let counts = script.engine.snapshot().counts;
    assert_eq!((counts.forced_fills, counts.stranger_fills), (3, 0));
    let forced = |alarm: &&Alarm| matches!(alarm, Alarm::ForcedFill(_));
    assert_eq!(script.alarms.iter().filter(forced).count(), 3);
}

#[test]
fn a_fill_before_the_ack_and_a_late_order_update_change_nothing_twice() {
    let mut script = Script::quoting();
    script.mid += 1_000;
    script.pass(1.0);
    script.market();
    let action = script.waiting.remove(0);
    let ActionBody::Modify(amends) = &action.body else {
        panic!("{action:?}")
    };
    // The venue has replaced the orders and the first new one has filled before we hear of any of it.
    let mut statuses = Vec::new();
    for amend in amends {
        script.end(amend.oid);
        statuses.push(ItemStatus::Resting(script.rest(amend.order)));
    }
    let first = amends[0].order;
    let oid = script.oid_of(first.cloid).unwrap();
    let late = script.update(oid, &first, first.sz, OrderStatus::Open);
    let fill = script.fill(oid, Some(first.cloid), first.side, first.px, first.sz);
    script.resting.retain(|(at, _)| *at != oid);
    script.news(vec![fill]);
    script.position_is(first.side.sign() * first.sz.0);
    script.reply(action.id, ReplyOutcome::Statuses(statuses));
    script.tell(EventBody::OrderUpdates(vec![late]));
    script.news(vec![fill]);
    script.position_is(first.side.sign() * first.sz.0);
    assert_eq!(owners(&script.entries), [(Owner::Ours, false)]);
    script.settles();
}

#[test]
fn a_partial_fill_during_a_cancel_leaves_nothing() {
    let mut script = Script::quoting();
    script.tell(EventBody::Command(Command::Stop));
    let fill = script.fill_best(Side::Ask, 3);
    script.news(vec![fill]);
    script.answer_all();
    script.position_is(-3);
    script.pass(6.0);
    script.tell(EventBody::Timer);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);
}

#[test]
fn one_refusal_of_a_whole_batch_leaves_none_of_it() {
    let mut script = Script::new();
    script.open();
    while script.waiting.is_empty() {
        script.pass(1.0);
        script.market();
    }
    let action = script.waiting.remove(0);
    assert!(orders_of(&action).len() > 1);
    script.reply(
        action.id,
        ReplyOutcome::Refused(error(RejectionClass::Price)),
    );
    let sent_since: Vec<NewOrder> = script.waiting.iter().flat_map(orders_of).collect();
    let lots = Side::BOTH.map(|side| {
        let of_side = sent_since.iter().filter(|order| order.side == side);
        of_side.map(|order| order.sz).sum()
    });
    assert_eq!(script.pending(), lots);
    script.settles();
}

#[test]
fn a_jump_places_nothing_that_could_cross_what_still_rests() {
    for jump in [4_000, -4_000] {
        let mut script = Script::quoting();
        script.mid += jump;
        script.pass(1.0);
        // `check_crossing` holds for every action; both sides follow once the other has moved.
        script.market();
        assert!(!script.waiting.is_empty());
        script.settles();
        for side in Side::BOTH {
            let (_, best) = script.best(side);
            assert!((best.px.0 - script.mid).abs() < 1_000, "{best:?}");
        }
    }
}

#[test]
fn what_an_earlier_session_left_is_cancelled_once_and_counted_until_it_is_gone() {
    let mut script = Script::quoting();
    let (before, lots) = (script.sent.len(), script.pending()[0]);
    let left = other(50, Some(Cloid::new(6, 3)));
    script.open_orders(&[left]);
    let wanted = [(left.cloid.unwrap(), Reason::EarlierSession)];
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    assert_eq!(script.pending()[0], lots + left.sz);
    let action = script.waiting.remove(0);
    script.reply(action.id, ReplyOutcome::Statuses(vec![ItemStatus::Success]));
    assert_eq!(script.pending()[0], lots);
    // A query that lags shows it once more; one that does not has it back.
    script.open_orders(&[left]);
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    script.live(6);
    let before = script.sent.len();
    script.open_orders(&[left]);
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    // A lost answer has it tried again.
    let action = script.waiting.pop().unwrap();
    script.reply(action.id, ReplyOutcome::Lost);
    script.pass(1.1);
    script.market();
    assert_eq!(cancels_of(&script.sent[before..]).len(), 2);
}

#[test]
fn an_order_placed_by_hand_is_told_counted_and_never_touched() {
    for cloid in [None, Some(Cloid(1)), Some(Cloid::new(u64::MAX, 9))] {
        let mut script = Script::quoting();
        let lots = script.pending()[0];
        let by_hand = other(60, cloid);
        for _ in 0..3 {
            script.open_orders(&[by_hand]);
            script.live(2);
        }
        let told = Alarm::ForeignOrder { order: by_hand };
        assert_eq!(
            script.alarms.iter().filter(|alarm| **alarm == told).count(),
            1
        );
        assert_eq!(script.engine.snapshot().foreign, [by_hand]);
        assert!(script.pending()[0] >= lots.min(by_hand.sz));
        assert_eq!(script.pending()[0], script.open_lots()[0] + by_hand.sz);
        script.tell(EventBody::Command(Command::Stop));
        script.answer_all();
        let touched = cancels_of(&script.sent)
            .iter()
            .any(|(at, _)| Some(*at) == cloid);
        assert!(!touched && script.pending() == [by_hand.sz, Sz::ZERO]);
        // It fills: an unknown fill, and no exposure any more.
        let fill = script.fill(60, cloid, Side::Bid, by_hand.px, by_hand.sz);
        script.news(vec![fill]);
        assert_eq!(script.pending(), [Sz::ZERO; 2]);
        script.position_is(by_hand.sz.0);
    }
}

#[test]
fn an_order_nobody_knows_makes_the_engine_look() {
    let mut script = Script::quoting();
    let exch = script.now;
    script.asks.clear();
    let update = |status| OrderUpdate {
        exch,
        oid: 60,
        cloid: None,
        sz: Sz(100),
        status,
    };
    script.tell(EventBody::OrderUpdates(vec![update(OrderStatus::Open)]));
    assert_eq!(script.asks, [Ask::OpenOrders]);
    script.open_orders(&[other(60, None)]);
    assert_eq!(script.pending()[0], script.open_lots()[0] + Sz(100));
    script.tell(EventBody::OrderUpdates(vec![update(OrderStatus::Canceled)]));
    assert_eq!(script.pending(), script.open_lots());
}

#[test]
fn thirty_old_fills_after_a_cut_line_move_nothing() {
    let mut script = Script::new();
    let (now, position) = (script.now, script.position);
    script.now = Time(START - 3_600 * SECOND);
    let old: Vec<Fill> = (0..30)
        .map(|_| script.fill(1, Some(Cloid::new(6, 1)), Side::Bid, Px(1_000_000), Sz(300)))
        .collect();
    (script.now, script.position) = (now, position);
    // The snapshot of the first subscription comes before the anchor, that of the second after it.
    script.snapshot_of(old.clone());
    script.open();
    script.live(80);
    assert_eq!(owners(&script.entries), vec![(Owner::Earlier, true); 30]);
    let (stream, state) = (Stream::User, StreamState::Down);
    script.tell(EventBody::Stream(StreamStatus { stream, state }));
    script.pass(1.5);
    let missed = script.fill_best(Side::Bid, 7);
    script.answer_all();
    script.snapshot_of(old.iter().chain([&missed]).copied().collect());
    script.position_is(7);
    assert_eq!(owners(&script.entries).len(), 31);
    script.settles();
}

#[test]
fn fills_that_do_not_continue_stop_quotes_until_the_gap_is_filled() {
    let mut script = Script::quoting();
    let silent = script.fill_best(Side::Bid, 5);
    let heard = script.fill_best(Side::Bid, 2);
    script.news(vec![heard]);
    assert_eq!(
        script.engine.snapshot().not_quoting,
        None,
        "it may be on its way"
    );
    let wake = script.engine.wake_at().unwrap();
    assert_eq!(wake, script.now.plus(mm_core::account::HOLD));
    script.now = wake;
    script.tell(EventBody::Timer);
    let snapshot = script.engine.snapshot();
    assert_eq!(snapshot.mode_reason, Some(ModeReason::PositionUnexplained));
    assert_eq!(snapshot.counts.discontinuities, 1);
    let unexplained = |a: &Alarm| matches!(a, Alarm::PositionUnexplained { .. });
    assert!(script.alarms.iter().any(unexplained));
    assert!(script.asks.contains(&Ask::Fills));
    script.snapshot_of(vec![silent, heard]);
    script.position_is(7);
    script.live(10);
    assert_eq!(script.engine.snapshot().not_quoting, None);
}

#[test]
fn fills_of_one_block_may_come_in_any_order() {
    let mut script = Script::quoting();
    let fills: Vec<Fill> = (0..4).map(|_| script.fill_best(Side::Ask, 2)).collect();
    for at in [2, 0, 3, 1] {
        script.news(vec![fills[at]]);
        script.pass(0.1);
    }
    script.position_is(-8);
    script.settles();
}

/// Anything that may be told, in any order.
#[derive(Clone, Debug)]
enum Turn {
    Move(i64),
    Fill(bool, i64, bool),
    Answer,
    Lose,
    Look,
    Foreign(u64),
    Pass(f64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (-4_000_i64..4_000).prop_map(Turn::Move),
            3 => (any::<bool>(), 1_i64..900, any::<bool>()).prop_map(|(bid, lots, twice)| Turn::Fill(bid, lots, twice)),
            5 => Just(Turn::Answer),
            1 => Just(Turn::Lose),
            1 => Just(Turn::Look),
            1 => (0_u64..3).prop_map(Turn::Foreign),
            3 => (0.05_f64..3.0).prop_map(Turn::Pass),
        ],
        1..60,
    )
}

fn play(turns: &[Turn]) -> Script {
    let mut script = Script::quoting();
    for turn in turns {
        match turn {
            Turn::Move(by) => {
                script.mid += by;
                script.market();
            }
            Turn::Fill(bid, lots, twice) => {
                let side = if *bid { Side::Bid } else { Side::Ask };
                if script.resting.iter().any(|(_, order)| order.side == side) {
                    let fill = script.fill_best(side, *lots);
                    script.news(vec![fill; 1 + usize::from(*twice)]);
                }
            }
            Turn::Answer if !script.waiting.is_empty() => {
                let action = script.waiting.remove(0);
                script.accept(&action);
            }
            // Never carried out: its nonce was burnt.
            Turn::Lose if !script.waiting.is_empty() => {
                let action = script.waiting.remove(0);
                script.reply(action.id, ReplyOutcome::Lost);
            }
            Turn::Answer | Turn::Lose => {}
            Turn::Look => script.open_orders(&[]),
            Turn::Foreign(n) => script.open_orders(&[other(10 + n, None)]),
            Turn::Pass(secs) => {
                script.pass(*secs);
                script.market();
            }
        }
    }
    script
}

proptest! {
    #![proptest_config(cases::cases(24))]

    /// Nothing sent crosses our own orders (asserted on every action), no cloid is placed twice, and
    /// when it is quiet the engine knows what rests and what it holds.
    #[test]
    fn prop_races_leave_the_books_right(turns in turns()) {
        let mut script = play(&turns);
        script.open_orders(&[]);
        script.answer_all();
        script.live(25);
        prop_assert_eq!(script.pending(), script.open_lots());
        prop_assert_eq!(script.engine.snapshot().position, script.position);
        prop_assert_eq!(script.engine.snapshot().counts.discontinuities, 0);
        script.no_cloid_twice();
    }

    /// Split and resume: an engine of the configuration that was written down, fed by the written events
    /// up to any step, goes on from there as the one that was never cut: byte for byte.
    #[test]
    fn prop_a_log_split_anywhere_gives_the_same(turns in turns(), cut in any::<prop::sample::Index>()) {
        let script = play(&turns);
        let (prefix, rest) = script.events.split_at(cut.index(script.events.len() + 1));
        let header = line(&(config(), btc()));
        let log: Vec<String> = prefix.iter().map(line).collect();
        let (mut resumed, mut told) = rebuilt(&header, &log);
        for event in rest {
            told.step(&mut resumed, event);
        }
        let mut uncut = Told::default();
        let mut engine = Engine::new(config(), btc()).unwrap();
        for event in &script.events {
            uncut.step(&mut engine, event);
        }
        prop_assert_eq!(&told.lines, &uncut.lines);
        let sent: Vec<String> = script.sent.iter().map(line).collect();
        prop_assert_eq!(&told.actions, &sent);
        prop_assert_eq!(line(&resumed.snapshot()), line(&script.engine.snapshot()));
    }
}

/// One line of a log, as the event log writes its records.
fn line<T: serde::Serialize>(record: &T) -> String {
    serde_json::to_string(record).unwrap()
}

/// An engine from nothing but text.
fn rebuilt(header: &str, log: &[String]) -> (Engine, Told) {
    let (config, instrument) = serde_json::from_str(header).unwrap();
    let mut engine = Engine::new(config, instrument).unwrap();
    let mut told = Told::default();
    for written in log {
        let event: Event = serde_json::from_str(written).unwrap();
        told.step(&mut engine, &event);
    }
    (engine, told)
}

/// What an engine's steps gave, as the event log writes it.
#[derive(Default)]
struct Told {
    actions: Vec<String>,
    /// Everything else: cycles, refusals, entries and alarms.
    lines: Vec<String>,
}

impl Told {
    fn step(&mut self, engine: &mut Engine, event: &Event) {
        let mut actions = Vec::new();
        engine.step(event, &mut actions);
        self.actions.extend(actions.iter().map(line));
        self.lines.extend(engine.cycle().map(line));
        self.lines.push(line(&engine.refusals()));
        self.lines.push(line(&engine.entries()));
        self.lines.push(line(&engine.alarms()));
    }
}

/// The innermost of a ladder fill while it is amended, or by a gap of the book the outermost, and nobody is
/// told; then the limit falls. What an amend did not find has filled, more often than not: it does not
/// count as leaving.
#[test]
fn what_was_not_found_covers_no_excess() {
    for (side, outermost) in [
        (Side::Bid, false),
        (Side::Bid, true),
        (Side::Ask, false),
        (Side::Ask, true),
    ] {
        let mut script = Script::quoting();
        script.mid -= 3_000 * side.sign();
        script.pass(1.0);
        script.market();
        let waiting = core::mem::take(&mut script.waiting);
        let mut filled = Sz::ZERO;
        for _ in 0..2 {
            let (oid, order) = if outermost {
                let of_side = script.resting.iter().filter(|(_, o)| o.side == side);
                *of_side.min_by_key(|(_, o)| side.sign() * o.px.0).unwrap()
            } else {
                script.best(side)
            };
            script.resting.retain(|(at, _)| *at != oid);
            filled += order.sz;
        }
        for action in waiting {
            script.accept(&action);
        }
        let report = script.report();
        let account_value = Usd(report.account_value.0 / 2);
        script.tell(EventBody::Account(AccountState {
            account_value,
            ..report
        }));
        let leaving = cancels_of(&script.waiting);
        let staying = script
            .resting
            .iter()
            .filter(|(_, order)| order.side == side)
            .filter(|(_, order)| leaving.iter().all(|(cloid, _)| *cloid != order.cloid))
            .map(|(_, order)| order.sz)
            .sum::<Sz>();
        let limit = script.engine.limits().unwrap().of(side);
        assert!(filled > Sz::ZERO && !leaving.is_empty(), "{side:?}");
        assert!(
            filled + staying <= limit.max(filled),
            "{side:?} {filled} {staying} {limit}"
        );
    }
}

/// No answer comes to the cancels of an excess, and then nothing else: the engine asks to be woken when
/// their pause is over, whatever was heard meanwhile.
#[test]
fn the_pause_of_a_failed_cancel_wakes_the_engine() {
    let mut script = Script::quoting();
    let report = script.report();
    script.tell(EventBody::Account(AccountState {
        account_value: Usd(report.account_value.0 / 2),
        ..report
    }));
    let waiting = core::mem::take(&mut script.waiting);
    assert!(!cancels_of(&waiting).is_empty());
    for action in waiting {
        script.reply(action.id, ReplyOutcome::Lost);
    }
    let failed = script.now;
    script.pass(0.4);
    script.market();
    let wake = script.engine.wake_at().unwrap();
    assert_eq!(wake, Time(failed.0 + SECOND));
}

/// What should only reduce would not, says the venue: the fills that made it so are asked for.
#[test]
fn a_disproved_reduction_asks_for_the_fills() {
    let mut script = Script::quoting();
    let limit = script.engine.limits().unwrap().long();
    let fill = script.fill(9_000, None, Side::Bid, Px(1_000_000), Sz(limit.0 + 10));
    script.news(vec![fill]);
    script.answer_all();
    script.live(2);
    // The question that the fill of nobody's order asked is answered.
    script.snapshot_of(Vec::new());
    script.mid += 2_000;
    script.pass(1.0);
    script.market();
    let mut waiting = core::mem::take(&mut script.waiting);
    waiting.retain(|action| orders_of(action).iter().any(|order| order.reduce_only));
    assert!(!waiting.is_empty());
    script.asks.clear();
    for action in waiting {
        let refused = ItemStatus::Error(error(RejectionClass::ReduceOnly));
        let statuses = vec![refused; orders_of(&action).len()];
        script.reply(action.id, ReplyOutcome::Statuses(statuses));
    }
    assert!(script.asks.contains(&Ask::Fills), "{:?}", script.asks);
}
