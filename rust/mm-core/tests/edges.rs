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
use mm_core::control::{Alarm, KillReason};
use mm_core::engine::{Engine, EngineConfig};
use mm_core::event::{
    AssetCtx, Bbo, Command, EventBody, Level, Novelty, NoveltyPlace, RateLimit, Rejection,
    RejectionClass, Reply, ReplyOutcome, Stream, StreamState, Transfer,
};
use mm_core::instrument::{Instrument, MarginTier};
use mm_core::limits::Term;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Px, Side, Sz, Usd};
use serde_json::{Value, json};

use desk::Desk;
use scripted::Scripted;

/// The desk's configuration with changes by section.
fn desk_with(changes: &Value, position: i64) -> Desk {
    Desk::with(config_with(changes), position)
}

fn config_with(changes: &Value) -> EngineConfig {
    let mut whole = serde_json::to_value(desk::config("{}")).unwrap();
    for (section, keys) in changes.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            *whole[section].get_mut(key).unwrap() = value.clone();
        }
    }
    serde_json::from_value(whole).unwrap()
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

/// A limit that is gone with the account's reports: the outermost of either side go first.
#[test]
fn the_outermost_orders_of_either_side_go_first_where_the_limit_falls() {
    let mut desk = Desk::quoting("{}");
    desk.account = false;
    let mut from = desk.received.len();
    for _ in 0..130 {
        if desk.resting.is_empty() {
            break;
        }
        from = desk.received.len();
        let rests: Vec<_> = desk.resting.values().copied().collect();
        desk.seconds(1);
        let gone: Vec<Cloid> = cancelled(&desk, from)
            .into_iter()
            .filter(|(_, reason)| *reason == Reason::OverLimit)
            .map(|(cloid, _)| cloid)
            .collect();
        for side in Side::BOTH {
            let mut outward: Vec<_> = rests.iter().filter(|o| o.side == side).collect();
            outward.sort_by_key(|order| side.sign() * order.px.0);
            let outward: Vec<Cloid> = outward.iter().map(|o| o.cloid).collect();
            let gone = gone.iter().copied().filter(|cloid| outward.contains(cloid));
            let gone: Vec<Cloid> = gone.collect();
            assert_eq!(gone, outward[..gone.len()], "{side:?}");
        }
    }
    let over = cancelled(&desk, from)
        .iter()
        .filter(|(_, why)| *why == Reason::OverLimit)
        .count();
    assert!(
        desk.resting.is_empty() && over > 3,
        "{over} {:?}",
        cancelled(&desk, from)
    );
}

/// Too late counts five times, and what the venue refuses before it counts, not at all.
#[test]
fn what_the_venue_says_of_a_whole_action_is_what_it_costs() {
    let cases = [
        (RejectionClass::Expired, 4),
        (RejectionClass::Nonce, -1),
        (RejectionClass::Auth, -1),
        (RejectionClass::Margin, 0),
    ];
    for (class, times) in cases {
        let mut scripted = Scripted::quoting(0);
        scripted.seconds(75);
        scripted.silent = true;
        scripted.mid += 1_000;
        scripted.book();
        let action = scripted.received.last().unwrap().1.clone();
        let ActionBody::Modify(amends) = &action.body else {
            panic!("{action:?}")
        };
        let items = i64::try_from(amends.len()).unwrap();
        let used = |scripted: &Scripted| scripted.engine.snapshot().requests.used.unwrap();
        let before = used(&scripted);
        let sent = scripted.received.len();
        scripted.tell(EventBody::Reply(Reply {
            action: action.id,
            outcome: ReplyOutcome::Refused(Rejection {
                class,
                text: "words".to_owned(),
            }),
        }));
        let again: i64 = scripted.received[sent..]
            .iter()
            .map(|(_, one)| items_of(&one.body))
            .sum();
        assert_eq!(used(&scripted) - before - again, times * items, "{class:?}");
    }
}

fn items_of(body: &ActionBody) -> i64 {
    let items = match body {
        ActionBody::Place(orders) => orders.len(),
        ActionBody::Modify(amends) => amends.len(),
        ActionBody::Cancel(cancels) => cancels.len(),
    };
    i64::try_from(items).unwrap()
}

/// A refusal for margin has the head-room asked for, one for open interest that cap.
#[test]
fn what_a_refusal_says_decides_what_is_asked() {
    let cases = [
        (RejectionClass::Margin, true),
        (RejectionClass::OpenInterest, false),
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
        let cap = class == RejectionClass::OpenInterest;
        assert_eq!(asked.contains(&Ask::OpenInterestCap), cap, "{class:?}");
    }
}

/// That the budget is empty has what is left of it asked for at once, whatever the beat.
#[test]
fn a_refusal_for_requests_has_them_asked_for() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(75);
    let asked = |scripted: &Scripted, from: usize| {
        let mut asks = scripted.asks[from..].iter();
        asks.any(|(_, ask)| *ask == Ask::RateLimit)
    };
    let mut from = scripted.asks.len();
    while !asked(&scripted, from) {
        from = scripted.asks.len();
        scripted.seconds(1);
    }
    scripted.tell(EventBody::RateLimit(RateLimit {
        used: 0,
        cap: 10_000_000,
    }));
    scripted.seconds(5);
    from = scripted.asks.len();
    scripted.refuses = |_| Some(RejectionClass::Budget);
    scripted.mid += 1_000;
    scripted.book();
    assert!(asked(&scripted, from));
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

/// Whatever is heard of ours shows that our stream lives, unless it is known to be down.
#[test]
fn our_stream_lives_by_what_is_heard_on_it_and_not_by_the_market() {
    let age = |desk: &Desk| desk.snapshot().own_stream_age_s.unwrap();
    let mut desk = Desk::quoting("{}");
    desk.user = false;
    desk.account = false;
    desk.seconds(5);
    assert!((age(&desk) - 5.0).abs() < 1e-9);
    desk.stream(Stream::Market, StreamState::Up);
    assert!((age(&desk) - 5.0).abs() < 1e-9);
    desk.fill(Side::Bid, 1);
    assert!(age(&desk).abs() < 1e-9);
    desk.seconds(3);
    desk.stream(Stream::User, StreamState::Down);
    let report = desk.report();
    desk.tell(EventBody::Account(report));
    assert!((age(&desk) - 3.0).abs() < 1e-9, "the answer to a query");
    desk.stream(Stream::User, StreamState::Up);
    assert!(age(&desk).abs() < 1e-9);
}

/// A context proves the book fresh only with a mid that lies in it, its edges included.
#[test]
fn a_context_proves_the_book_by_a_mid_that_lies_in_it() {
    let cases = [
        (None, false),
        (Some(99_999.9), false),
        (Some(100_000.0), true),
        (Some(100_000.5), true),
        (Some(100_001.0), true),
        (Some(100_001.1), false),
    ];
    for (mid_px, proves) in cases {
        let mut desk = Desk::quoting("{}");
        desk.market = false;
        desk.seconds(2);
        desk.tell(EventBody::AssetCtx(AssetCtx {
            mark_px: 100_000.0,
            oracle_px: 100_000.0,
            mid_px,
            funding_rate_per_h: 0.0,
            premium: None,
            open_interest: 1e4,
            day_notional_usd: 1e9,
        }));
        let age_s = desk.snapshot().market_age_s.unwrap();
        assert!(
            (age_s - if proves { 0.0 } else { 2.0 }).abs() < 1e-9,
            "{mid_px:?} {age_s}"
        );
    }
}

/// A word that nobody knows is told once, another one again.
#[test]
fn a_new_word_is_told_once() {
    let mut desk = Desk::quoting("{}");
    let told = |desk: &Desk| {
        let alarms = desk.alarms.iter();
        alarms
            .filter(|alarm| matches!(alarm, Alarm::UnknownWord { .. }))
            .count()
    };
    for (word, wanted) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        desk.tell(EventBody::Novelty(Novelty {
            place: NoveltyPlace::Channel,
            word: word.to_owned(),
        }));
        assert_eq!(told(&desk), wanted, "{word}");
    }
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
    for (lots, wanted) in [(300, 685), (1_300, 266)] {
        let mut scripted = Scripted::quoting(0);
        scripted.seconds(75);
        scripted.stranger(Side::Bid, lots, true);
        scripted.seconds(2);
        scripted.refuses = |order| {
            (order.side == Side::Ask && !order.reduce_only).then_some(RejectionClass::Margin)
        };
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
        // Of the outermost that reduces so many lots were wanted.
        let outermost = asks.iter().max_by_key(|order| order.px).unwrap();
        let waits = refused.iter().find(|one| one.px == outermost.px).unwrap();
        assert_eq!(outermost.sz + waits.sz, Sz(wanted), "{refused:?}");
    }
}

/// The share of equity that this coin may use, and the notional at which the venue's leverage ends.
#[test]
fn share_and_margin_tier_are_terms_of_the_limit() {
    let config = config_with(&json!({"limits": {"equity_share_frac": 0.25}}));
    let mut desk = Desk::with(config.clone(), 0);
    let tier = |notional_usd: i64, max_leverage| MarginTier {
        notional_min: Usd(notional_usd * 1_000_000),
        max_leverage,
    };
    let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
    let tiers = [tier(0, 40), tier(2_000, 20), tier(3_000, 10)];
    desk.engine = Engine::new(config, btc.with_margin_tiers(&tiers).unwrap()).unwrap();
    desk.open();
    desk.seconds(80);
    let shown = desk.snapshot();
    let value = |term| shown.limits.as_ref().unwrap().term(term).unwrap().value;
    assert_eq!(value(Term::MarginTier), Some(Usd(3_000_000_000)));
    let whole = shown.leverage_only.unwrap();
    assert_eq!(value(Term::EquityShare), Some(Usd(whole.0 / 4)));
}

/// Nothing is bought any more, and the price makes of what was bought more than was ever admitted.
#[test]
fn what_the_price_makes_of_an_admitted_position_is_a_runaway_in_money() {
    for (times, kills) in [(11, false), (21, true)] {
        let mut desk = desk_with(&json!({"control": {"kill_runaway_ratio": 1.0}}), 0);
        desk.open();
        desk.seconds(80);
        let share = |desk: &Desk| {
            let limit = desk.snapshot().limits.unwrap().for_position(desk.position);
            desk.position.as_f64() / limit.as_f64()
        };
        while share(&desk) < 0.5 {
            desk.fill(Side::Bid, 1_000);
            desk.seconds(3);
        }
        assert!(share(&desk) < 0.6, "{}", share(&desk));
        desk.mid = desk.mid * times / 10;
        desk.seconds(1);
        let killed = desk.snapshot().kill.map(|kill| kill.reason);
        assert_eq!(killed, kills.then_some(KillReason::Runaway), "{times}");
    }
}

/// The limit outlives its session: the next rises from it, however rich it is.
#[test]
fn the_next_session_rises_from_the_limit_of_this_one() {
    let first = Desk::quoting("{}").snapshot();
    let (limits, kept) = (first.limits.unwrap(), first.kept_limit.unwrap());
    let held = kept.held.unwrap();
    assert_eq!(held.limit.lots, [limits.long(), limits.short()]);
    assert_eq!(held.at, first.now);
    let started = |restores: bool| {
        let mut desk = Desk::new("{}", 0);
        desk.cash *= 3;
        desk.now = first.now;
        if restores {
            desk.tell(EventBody::Command(Command::RestoreLimit(kept)));
            assert_eq!(desk.snapshot().kept_limit.unwrap().held, Some(held));
        }
        desk.open();
        desk.seconds(80);
        let shown = desk.snapshot();
        let derived = shown.kept_limit.unwrap().held.unwrap();
        assert!(derived.at > first.now, "its own");
        shown.limits.unwrap().long().as_f64() / limits.long().as_f64()
    };
    let (fresh, restored) = (started(false), started(true));
    assert!(fresh > 2.0, "{fresh}");
    assert!(1.0 < restored && restored < 1.5, "{restored}");
}

/// The cancels sent for an excess of one side cover it while they are on their way, and are that side's.
#[test]
fn an_excess_is_cancelled_once_and_on_its_side() {
    for side in Side::BOTH {
        let mut scripted = Scripted::quoting(2_000 * side.sign());
        scripted.seconds(75);
        scripted.silent = true;
        let from = scripted.received.len();
        scripted.cash -= 7_000_000_000;
        scripted.tell(EventBody::Transfer(Transfer {
            exch: scripted.now,
            usd: Usd(-7_000_000_000),
            id: 1,
        }));
        let report = scripted.report();
        scripted.tell(EventBody::Account(report));
        let cut = |scripted: &Scripted| {
            let cancels = scripted.received[from..].iter().flat_map(|(_, action)| {
                let ActionBody::Cancel(cancels) = &action.body else {
                    return Vec::new();
                };
                cancels.clone()
            });
            let over = cancels.filter(|one| one.reason == Reason::OverLimit);
            over.map(|one| one.cloid).collect::<Vec<_>>()
        };
        let first = cut(&scripted);
        let of_side = |cloid: &Cloid| {
            let mut orders = scripted.resting.values();
            orders.any(|order| order.cloid == *cloid && order.side == side)
        };
        assert!(!first.is_empty() && first.iter().all(of_side), "{side:?}");
        for _ in 0..3 {
            scripted.tell(EventBody::Timer);
        }
        assert_eq!(cut(&scripted), first, "{side:?}");
    }
}

/// A side that waits after refusals holds up none of the other's amends.
#[test]
fn one_sides_refusals_hold_up_no_amend_of_the_other() {
    let mut scripted = Scripted::quoting(0);
    scripted.seconds(75);
    scripted.refuses = |order| (order.side == Side::Ask).then_some(RejectionClass::Margin);
    for _ in 0..4 {
        scripted.mid += 400;
        scripted.seconds(1);
    }
    let waits = scripted.recovery().waits;
    assert!(!waits.is_empty() && waits.iter().all(|wait| wait.side == Side::Ask));
    let from = scripted.received.len();
    scripted.mid += 400;
    scripted.book();
    let amended = scripted.received[from..].iter().any(|(_, action)| {
        matches!(&action.body, ActionBody::Modify(amends)
            if amends.iter().any(|amend| amend.order.side == Side::Bid))
    });
    assert!(amended);
}

/// Prices are shown in USDC.
#[test]
fn the_middle_of_the_book_is_shown_in_usdc() {
    let shown = Desk::quoting("{}").snapshot();
    for px in [shown.mid, shown.microprice] {
        assert!((px.unwrap() - 100_000.5).abs() < 1e-6, "{px:?}");
    }
    let spread_bps = shown.spread_bps.unwrap();
    assert!((spread_bps - 10.0 / 100.000_5).abs() < 1e-9, "{spread_bps}");
}

/// At the venue's cap of open interest nothing may be added to what is held.
#[test]
fn at_the_open_interest_cap_nothing_increases() {
    let mut desk = Desk::quoting("{}");
    desk.tell(EventBody::AtOpenInterestCap(true));
    desk.seconds(2);
    assert_eq!(
        [Side::Bid, Side::Ask].map(|side| desk.lots(side)),
        [Sz::ZERO; 2]
    );
    let limits = desk.snapshot().limits.unwrap();
    assert_eq!(limits.binding(), Term::OpenInterest);
}

/// A word in a channel's name changes nothing of ours, one within a message may.
#[test]
fn a_new_word_has_us_looked_at_where_it_may_be_of_us() {
    for (place, doubts) in [
        (NoveltyPlace::Channel, false),
        (NoveltyPlace::OrderStatus, true),
    ] {
        let mut scripted = Scripted::quoting(0);
        let from = scripted.asks.len();
        scripted.tell(EventBody::Novelty(Novelty {
            place,
            word: "one".to_owned(),
        }));
        scripted.seconds(1);
        let asked = scripted.asks[from..]
            .iter()
            .any(|(_, ask)| *ask == Ask::Fills);
        assert_eq!(asked, doubts, "{place:?}");
    }
}

/// Cancels that the line did not carry keep a pause; what the venue refused is sent again at once.
#[test]
fn cancels_that_the_line_refused_keep_a_pause() {
    for (class, again) in [
        (RejectionClass::Transport, false),
        (RejectionClass::Expired, true),
    ] {
        let mut scripted = Scripted::quoting(0);
        scripted.seconds(75);
        scripted.silent = true;
        scripted.stream(Stream::Market, StreamState::Down);
        let (from, action) = (
            scripted.received.len(),
            scripted.received.last().unwrap().1.clone(),
        );
        assert!(matches!(action.body, ActionBody::Cancel(_)));
        scripted.tell(EventBody::Reply(Reply {
            action: action.id,
            outcome: ReplyOutcome::Refused(Rejection {
                class,
                text: "words".to_owned(),
            }),
        }));
        scripted.tell(EventBody::Timer);
        let cancels = |body: &ActionBody| matches!(body, ActionBody::Cancel(_));
        let sent = scripted.received[from..]
            .iter()
            .any(|(_, action)| cancels(&action.body));
        assert_eq!(sent, again, "{class:?}");
    }
}

/// A feed that repeats itself is no sign of life; the first frame of a new line is.
#[test]
fn a_frame_of_a_known_time_proves_nothing_but_a_new_line() {
    let mut desk = Desk::quoting("{}");
    let level = |px: i64| {
        Some(Level {
            px: Px(px),
            sz: Sz(50_000),
        })
    };
    let known = EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(desk.mid - 5),
        ask: level(desk.mid + 5),
    });
    desk.market = false;
    desk.seconds(2);
    let age = |desk: &Desk| desk.snapshot().market_age_s.unwrap();
    desk.tell(known.clone());
    assert!((age(&desk) - 2.0).abs() < 1e-9);
    desk.stream(Stream::Market, StreamState::Down);
    desk.stream(Stream::Market, StreamState::Up);
    desk.tell(known);
    assert!(age(&desk).abs() < 1e-9);
}

/// An immediate order takes nothing from the quotes while there are requests for both.
#[test]
fn what_crosses_holds_up_no_quote_while_there_are_requests() {
    let mut scripted = Scripted::quoting(20_000);
    for second in 0..120 {
        scripted.mid += if second % 2 == 0 { 100 } else { -100 };
        scripted.seconds(1);
        let withheld = scripted.engine.snapshot().withheld;
        assert_eq!(withheld.len(), 0, "{second} {withheld:?}");
    }
    assert!(!scripted.immediate().is_empty());
}
