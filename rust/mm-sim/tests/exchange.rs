//! The exchange's rules, one by one, in the venue's own words.

#![expect(clippy::unwrap_used, reason = "a test")]

mod desk;

use desk::{Desk, O, START_MS, cancel, cancel_by_cloid, modify, o, order, response, user};
use mm_core::action::Cloid;
use mm_core::units::Side::{Ask, Bid};
use mm_core::units::{Dur, Px, Sz, Time, Usd};
use mm_hl::wire::Tif::{Alo, Gtc, Ioc};
use mm_hl::wire::{ExchangeAction, ModifyOne, OrderRef, ScheduleCancel, UpdateLeverage};
use mm_sim::exchange::{
    CancelStatus, FeeRate, GtcPartial, MarginMode, OrderState, Output, PlaceStatus, RateE10,
    Response, ScheduleGate, SimConfig, SimError, SimExchange,
};
use mm_sim::market::BookMarket;

const RICH: i64 = 1_000_000;
const GONE: &str = "Order was never placed, already canceled, or filled. asset=0";

/// A desk with a two-sided book at 2999.9 / 3000.1 by user 4.
fn quoted(usdc: i64) -> Desk {
    let mut desk = Desk::bare(usdc);
    desk.rest(4, o(Bid, "2999.9", "5", Alo));
    desk.rest(4, o(Ask, "3000.1", "5", Alo));
    desk
}

fn filled(status: &PlaceStatus) -> (Sz, Px) {
    match status {
        PlaceStatus::Filled {
            total_sz, avg_px, ..
        } => (*total_sz, *avg_px),
        other => panic!("{other:?}"),
    }
}

fn states(out: &[Output]) -> Vec<(u64, OrderState)> {
    let updates = out.iter().filter_map(|output| match output {
        Output::Order(update) => Some((update.order.oid, update.state)),
        _ => None,
    });
    updates.collect()
}

#[test]
fn a_post_only_order_that_would_match_is_refused_with_the_bbo() {
    let mut desk = quoted(RICH);
    let text = desk.refusal(1, o(Bid, "3000.1", "1", Alo));
    assert_eq!(
        text,
        "Post only order would have immediately matched, bbo was 2999.9@3000.1. asset=0"
    );
    let record = *desk.exchange.ended_orders(user(1)).next_back().unwrap();
    assert_eq!(record.state.word(), "badAloPxRejected");
    assert_eq!(desk.position(1), 0);
    desk.rest(1, o(Bid, "3000", "1", Alo));
}

#[test]
fn an_immediate_order_takes_what_is_there_and_no_more() {
    let mut desk = quoted(RICH);
    let text = desk.refusal(1, o(Bid, "3000", "1", Ioc));
    assert_eq!(
        text,
        "Order could not immediately match against any resting orders. asset=0"
    );
    desk.rest(3, o(Ask, "3000.3", "2", Alo));
    let statuses = desk.place(1, &[o(Bid, "3000.3", "10", Ioc)]);
    // 5 at 3000.1 and 2 at 3000.3: 3000.157..., cut to the lattice.
    assert_eq!(filled(&statuses[0]), (Sz(70_000), Px(300_015)));
    assert_eq!(desk.position(1), 70_000);
    assert!(desk.open(1).is_empty());
    assert_eq!(
        desk.exchange
            .ended_orders(user(1))
            .next_back()
            .unwrap()
            .state,
        OrderState::Canceled
    );
}

#[test]
fn a_gtc_order_matches_then_rests() {
    let mut desk = quoted(RICH);
    let oid = desk.rest(1, o(Bid, "3000.1", "8", Gtc));
    assert_eq!(desk.open(1), [(oid, Px(300_010), Sz(30_000))]);
    assert_eq!(
        desk.exchange.order(user(1), oid).unwrap().order.orig_sz,
        Sz(80_000)
    );

    let config = SimConfig {
        gtc_partial: GtcPartial::Filled,
        ..SimConfig::at(Time::from_millis(START_MS))
    };
    let mut desk = Desk::over(config, Box::new(BookMarket::new(vec![desk::perp()])), RICH);
    desk.rest(4, o(Ask, "3000.1", "5", Alo));
    let statuses = desk.place(1, &[o(Bid, "3000.1", "8", Gtc)]);
    assert_eq!(filled(&statuses[0]), (Sz(50_000), Px(300_010)));
    assert_eq!(desk.open(1).len(), 1);
}

#[test]
fn fills_are_at_the_makers_price_first_come_first_served() {
    let mut desk = Desk::bare(RICH);
    let first = desk.rest(2, o(Ask, "3000", "1", Alo));
    let second = desk.rest(3, o(Ask, "3000", "1", Alo));
    let better = desk.rest(4, o(Ask, "2999.9", "1", Alo));
    desk.place(1, &[o(Bid, "3001", "2.5", Ioc)]);
    let got: Vec<_> = desk
        .fills(1)
        .iter()
        .map(|fill| (fill.px, fill.sz))
        .collect();
    assert_eq!(
        got,
        [
            (Px(299_990), Sz(10_000)),
            (Px(300_000), Sz(10_000)),
            (Px(300_000), Sz(5_000))
        ]
    );
    assert_eq!(desk.state(4, better), OrderState::Filled);
    assert_eq!(desk.state(2, first), OrderState::Filled);
    assert_eq!(desk.open(3), [(second, Px(300_000), Sz(5_000))]);
    let tids: std::collections::BTreeSet<_> = desk.fills(1).iter().map(|fill| fill.tid).collect();
    assert_eq!(tids.len(), 3);
    assert_eq!(desk.exchange.trades(0).len(), 3);
}

#[test]
fn meeting_oneself_expires_the_maker() {
    let mut desk = quoted(RICH);
    let own = desk.rest(1, o(Ask, "3000", "1", Alo));
    let id = desk.send(1, order(&[o(Bid, "3000.1", "2", Ioc)]));
    let out = desk.block();
    assert!(
        matches!(response(&out, id), Response::Order(statuses) if filled(&statuses[0]).0 == Sz(20_000))
    );
    assert_eq!(desk.state(1, own).word(), "selfTradeCanceled");
    assert!(
        out.iter()
            .any(|output| matches!(output, Output::NonUserCancel(gone) if gone.oid == own))
    );
    assert_eq!(desk.fills(1).len(), 1);
    assert_eq!(desk.position(1), 20_000);
}

#[test]
fn reduce_only_never_opens_and_shrinks_to_the_position() {
    let mut desk = quoted(RICH);
    let text = desk.refusal(1, o(Ask, "3001", "1", Alo).reduce_only());
    assert_eq!(text, "Reduce only order would increase position. asset=0");
    desk.place(1, &[o(Bid, "3000.1", "2", Ioc)]);
    assert_eq!(
        desk.refusal(1, o(Bid, "2990", "1", Alo).reduce_only()),
        "Reduce only order would increase position. asset=0"
    );
    let oid = desk.rest(1, o(Ask, "3001", "3", Alo).reduce_only());
    assert_eq!(desk.open(1), [(oid, Px(300_100), Sz(20_000))]);
    assert_eq!(
        desk.exchange.order(user(1), oid).unwrap().order.orig_sz,
        Sz(30_000)
    );
    assert_eq!(desk.exchange.depth(0, 5).asks[1].sz, Sz(20_000));

    desk.place(1, &[o(Ask, "2999.9", "0.5", Ioc)]);
    assert_eq!(
        desk.open(1),
        [(oid, Px(300_100), Sz(15_000))],
        "the position shrank, so does the order"
    );

    let id = desk.send(1, order(&[o(Ask, "2999.9", "5", Ioc).reduce_only()]));
    let out = desk.block();
    assert!(
        matches!(response(&out, id), Response::Order(statuses) if filled(&statuses[0]).0 == Sz(15_000))
    );
    assert_eq!(desk.position(1), 0);
    assert_eq!(desk.state(1, oid).word(), "reduceOnlyCanceled");
    assert!(
        !out.iter()
            .any(|output| matches!(output, Output::NonUserCancel(_)))
    );
}

#[test]
fn a_later_reduce_only_order_displaces_an_earlier_one() {
    let mut desk = quoted(RICH);
    desk.place(1, &[o(Bid, "3000.1", "2", Ioc)]);
    let first = desk.rest(1, o(Ask, "3001", "1.5", Alo).reduce_only());
    let second = desk.rest(1, o(Ask, "3002", "1", Alo).reduce_only());
    assert_eq!(desk.state(1, first).word(), "reduceOnlyCanceled");
    assert_eq!(desk.open(1), [(second, Px(300_200), Sz(10_000))]);
    desk.rest(1, o(Ask, "3003", "1", Alo).reduce_only());
    assert_eq!(desk.open(1).len(), 2, "together they are the position");
}

#[test]
fn a_modify_is_a_new_order_under_the_old_cloid() {
    let mut desk = quoted(RICH);
    let old = desk.rest(1, o(Bid, "2990", "1", Alo).cloid(1));
    let id = desk.send(1, modify(old, o(Bid, "2991", "2", Alo)));
    let out = desk.block();
    let Response::Order(statuses) = response(&out, id) else {
        panic!()
    };
    let [PlaceStatus::Resting { oid: new, cloid }] = statuses[..] else {
        panic!("{statuses:?}")
    };
    assert!(new > old);
    assert_eq!(cloid, Some(Cloid::new(1, 1)));
    assert_eq!(
        states(&out),
        [(old, OrderState::Canceled), (new, OrderState::Open)]
    );
    assert_eq!(desk.open(1), [(new, Px(299_100), Sz(20_000))]);
    assert_eq!(
        desk.exchange
            .order_by_cloid(user(1), Cloid::new(1, 1))
            .unwrap()
            .order
            .oid,
        new
    );

    let Response::Order(statuses) = desk.ask(1, modify(new, o(Bid, "3000.1", "2", Alo))) else {
        panic!()
    };
    let wanted = "Error placing new order during modify: Post only order would have immediately matched, \
                  bbo was 2999.9@3000.1";
    assert_eq!(statuses, [PlaceStatus::Error(wanted.to_owned())]);
    assert!(
        desk.open(1).is_empty(),
        "the old order is gone all the same"
    );
    assert_eq!(desk.state(1, new), OrderState::Canceled);

    let Response::Order(statuses) = desk.ask(1, modify(new, o(Bid, "2990", "2", Alo))) else {
        panic!()
    };
    assert_eq!(
        statuses,
        [PlaceStatus::Error(
            "Cannot modify canceled or filled order".to_owned()
        )]
    );
}

#[test]
fn a_single_modify_answers_default_and_a_gtc_one_is_post_only() {
    let mut desk = quoted(RICH);
    desk.rest(1, o(Bid, "2990", "1", Alo).cloid(1));
    let by_cloid = |wanted: O, always_place| {
        let oid = OrderRef::Cloid(Cloid::new(1, 1));
        ExchangeAction::Modify(ModifyOne {
            oid,
            order: wanted.wire(),
            always_place,
        })
    };
    assert_eq!(
        desk.ask(1, by_cloid(o(Bid, "2991", "1", Gtc), None)),
        Response::Default
    );
    let Response::Err(text) = desk.ask(1, by_cloid(o(Bid, "3000.1", "1", Gtc), None)) else {
        panic!()
    };
    assert!(
        text.starts_with("Error placing new order during modify: Post only"),
        "{text}"
    );
    desk.rest(1, o(Bid, "2990", "1", Alo).cloid(1));
    assert_eq!(
        desk.ask(1, by_cloid(o(Bid, "3000.1", "1", Gtc), Some(true))),
        Response::Default
    );
    assert_eq!(desk.position(1), 10_000);
}

#[test]
fn cancels_answer_item_by_item_and_only_once() {
    let mut desk = quoted(RICH);
    let oid = desk.rest(1, o(Bid, "2990", "1", Alo).cloid(9));
    assert_eq!(
        desk.cancel(2, oid),
        CancelStatus::Error(GONE.to_owned()),
        "not the owner"
    );
    assert_eq!(desk.cancel(1, oid), CancelStatus::Success);
    assert_eq!(desk.cancel(1, oid), CancelStatus::Error(GONE.to_owned()));
    desk.rest(1, o(Bid, "2990", "1", Alo).cloid(9));
    let by_cloid = |desk: &mut Desk| desk.ask(1, cancel_by_cloid(Cloid::new(1, 9)));
    assert_eq!(
        by_cloid(&mut desk),
        Response::Cancel(vec![CancelStatus::Success])
    );
    assert_eq!(
        by_cloid(&mut desk),
        Response::Cancel(vec![CancelStatus::Error(GONE.to_owned())])
    );
}

#[test]
fn a_block_runs_quiet_actions_then_cancels_then_takers() {
    let mut desk = Desk::bare(RICH);
    let stale = desk.rest(1, o(Ask, "3000", "1", Alo));
    // Arrives first, runs last.
    let take = desk.send(2, order(&[o(Bid, "3001", "1", Ioc)]));
    let pull = desk.send(1, cancel(stale));
    // Arrives after the cancel, runs before it: still blocked by the stale quote.
    let blocked = desk.send(1, order(&[o(Bid, "3000", "1", Alo)]));
    let out = desk.block();
    assert_eq!(
        response(&out, pull),
        Response::Cancel(vec![CancelStatus::Success])
    );
    assert!(matches!(&response(&out, take), Response::Order(statuses)
        if matches!(&statuses[0], PlaceStatus::Error(text) if text.starts_with("Order could not immediately"))));
    assert!(matches!(&response(&out, blocked), Response::Order(statuses)
        if matches!(&statuses[0], PlaceStatus::Error(text) if text.starts_with("Post only"))));
    let times: std::collections::BTreeSet<_> = out
        .iter()
        .filter_map(|output| match output {
            Output::Reply(reply) => Some(reply.time),
            Output::Order(update) => Some(update.time),
            _ => None,
        })
        .collect();
    assert_eq!(times.len(), 1, "one stamp a block");
    // A cancel one block late loses against the fill.
    let oid = desk.rest(1, o(Ask, "3000", "1", Alo));
    desk.place(2, &[o(Bid, "3000", "1", Ioc)]);
    assert_eq!(desk.cancel(1, oid), CancelStatus::Error(GONE.to_owned()));
}

#[test]
fn a_mixed_batch_runs_with_the_takers() {
    let mut desk = quoted(RICH);
    let mixed = desk.send(
        1,
        order(&[o(Ask, "3000", "1", Alo), o(Bid, "2000", "1", Ioc)]),
    );
    let quiet = desk.send(2, order(&[o(Bid, "3000", "1", Alo)]));
    let out = desk.block();
    assert!(matches!(&response(&out, quiet), Response::Order(statuses)
        if matches!(statuses[0], PlaceStatus::Resting { .. })));
    assert!(matches!(&response(&out, mixed), Response::Order(statuses)
        if matches!(&statuses[0], PlaceStatus::Error(text) if text.starts_with("Post only"))));
}

#[test]
fn orders_need_margin_at_placement_for_what_they_may_open() {
    let mut desk = Desk::bare(100);
    desk.exchange
        .deposit(user(4), Usd(100_000_000_000))
        .unwrap();
    desk.rest(4, o(Bid, "2999.9", "5", Alo));
    desk.rest(4, o(Ask, "3000.1", "5", Alo));
    assert_eq!(
        desk.refusal(1, o(Bid, "2900", "0.7", Alo)),
        "Insufficient margin to place order. asset=0"
    );
    desk.rest(1, o(Bid, "2900", "0.4", Alo));
    assert_eq!(
        desk.refusal(1, o(Bid, "2901", "0.4", Alo)),
        "Insufficient margin to place order. asset=0"
    );
    desk.place(1, &[o(Bid, "3000.1", "0.2", Ioc)]);
    let account = desk.exchange.account(user(1)).unwrap();
    assert_eq!(
        (account.margin_used, account.reserve),
        (Usd(30_000_000), Usd(58_000_000))
    );
    // The first 0.2 of a sale close; the other 0.05 need 7.6, and less than 12 are left.
    desk.rest(1, o(Ask, "3050", "0.25", Alo));
    assert_eq!(
        desk.exchange.account(user(1)).unwrap().reserve,
        Usd(58_000_000 + 7_625_000)
    );
}

#[test]
fn the_resting_side_is_checked_again_at_match() {
    let mut desk = Desk::bare(100);
    desk.exchange
        .deposit(user(4), Usd(100_000_000_000))
        .unwrap();
    desk.rest(4, o(Ask, "3000", "5", Alo));
    desk.place(1, &[o(Bid, "3000", "0.3", Ioc)]);
    let oid = desk.rest(1, o(Bid, "2800", "0.25", Alo));
    // The market falls by 200: 60 of the 100 are gone, and the position grown to 0.55 needs 77.
    desk.rest(4, o(Ask, "2801", "5", Alo));
    desk.place(4, &[o(Ask, "2800", "1", Ioc)]);
    let out = &desk.out;
    assert!(
        states(out).contains(&(oid, OrderState::MarginCanceled)),
        "{:?}",
        states(out)
    );
    assert_eq!(desk.position(1), 3_000);
    assert!(
        out.iter()
            .any(|output| matches!(output, Output::NonUserCancel(gone) if gone.oid == oid))
    );
}

#[test]
fn small_orders_are_refused_unless_they_close_everything() {
    let mut desk = quoted(RICH);
    let small = "Order must have minimum value of $10. asset=0";
    assert_eq!(desk.refusal(1, o(Bid, "2990", "0.003", Alo)), small);
    desk.rest(1, o(Bid, "2990", "0.004", Alo));
    desk.place(1, &[o(Bid, "3000.1", "0.005", Ioc)]);
    desk.place(1, &[o(Ask, "2999.9", "0.004", Ioc)]);
    desk.place(1, &[o(Bid, "3000.1", "0.0045", Ioc)]);
    assert_eq!(desk.position(1), 55);
    desk.place(1, &[o(Ask, "2999.9", "0.0035", Ioc)]);
    assert_eq!(desk.position(1), 20);
    assert_eq!(
        desk.refusal(1, o(Ask, "2999.9", "0.001", Ioc).reduce_only()),
        small,
        "a partial close"
    );
    assert_eq!(
        filled(&desk.place(1, &[o(Ask, "2999.9", "0.003", Ioc).reduce_only()])[0]).0,
        Sz(20)
    );
    desk.place(1, &[o(Bid, "3000.1", "0.004", Ioc)]);
    desk.place(1, &[o(Ask, "2999.9", "0.0038", Ioc)]);
    assert_eq!(
        filled(&desk.place(1, &[o(Ask, "2999.9", "0.0002", Ioc)])[0]).0,
        Sz(2),
        "the whole position"
    );
}

#[test]
fn a_static_fault_refuses_the_whole_batch_with_one_error() {
    let mut desk = quoted(RICH);
    let good = o(Bid, "2990", "1", Alo);
    let band = "Order price cannot be more than 95% away from the reference price";
    for (bad, text) in [
        (o(Bid, "2990.123", "1", Alo), "Order has invalid price."),
        (o(Bid, "0", "1", Alo), "Order has invalid price."),
        (o(Bid, "2990", "0.00001", Alo), "Order has invalid size."),
        (o(Bid, "2990", "0", Alo), "Order has invalid size."),
        (o(Bid, "150", "1", Alo), band),
        (o(Ask, "60001", "1", Alo), band),
    ] {
        assert_eq!(
            desk.place(1, &[good, bad, good]),
            [PlaceStatus::Error(text.to_owned())],
            "{}",
            bad.px
        );
        assert!(desk.open(1).is_empty() && desk.exchange.ended_orders(user(1)).next().is_none());
    }
    assert_eq!(
        desk.place(1, &[]),
        [PlaceStatus::Error("Orders are empty.".to_owned())]
    );
    let many = vec![good; 201];
    let over = "Signed action over weight limit of 200.";
    assert_eq!(desk.ask(1, order(&many)), Response::Err(over.to_owned()));
}

#[test]
fn a_run_time_fault_refuses_one_order() {
    let mut desk = quoted(RICH);
    let statuses = desk.place(
        1,
        &[
            o(Bid, "2990", "1", Alo),
            o(Bid, "2990.15", "1", Alo),
            o(Bid, "2989", "1", Alo),
        ],
    );
    assert!(matches!(statuses[0], PlaceStatus::Resting { .. }));
    assert_eq!(
        statuses[1],
        PlaceStatus::Error("Price must be divisible by tick size. asset=0".to_owned())
    );
    assert!(matches!(statuses[2], PlaceStatus::Resting { .. }));
    assert_eq!(desk.open(1).len(), 2);
    assert_eq!(
        desk.exchange
            .ended_orders(user(1))
            .next()
            .unwrap()
            .state
            .word(),
        "tickRejected"
    );
}

#[test]
fn nonces_expiry_and_strangers() {
    let mut desk = quoted(RICH);
    let noop = |desk: &mut Desk| desk.request(1, ExchangeAction::Noop);
    let first = noop(&mut desk);
    let (id, nonce) = (first.id, first.nonce);
    desk.exchange.submit(first.clone());
    assert_eq!(response(&desk.block(), id), Response::Default);
    desk.exchange.submit(first);
    let duplicate = Response::Err(format!("Invalid nonce: duplicate nonce {nonce}"));
    assert_eq!(response(&desk.block(), id), duplicate);

    let mut late = desk.request(1, order(&[o(Bid, "2990", "1", Alo)]));
    late.expires_after = Some(u64::try_from(desk.exchange.now().as_millis()).unwrap());
    let (id, nonce) = (late.id, late.nonce);
    desk.exchange.submit(late);
    assert_eq!(
        response(&desk.block(), id),
        Response::Err("Action already expired".to_owned())
    );
    let mut again = noop(&mut desk);
    again.nonce = nonce;
    let id = again.id;
    desk.exchange.submit(again);
    let burnt = Response::Err(format!("Invalid nonce: duplicate nonce {nonce}"));
    assert_eq!(
        response(&desk.block(), id),
        burnt,
        "an expired action burns its nonce"
    );
    assert_eq!(desk.exchange.rate_limit(user(1)).unwrap().used, 1 + 5);

    let mut stranger = noop(&mut desk);
    (stranger.user, stranger.signer) = (user(9), user(9));
    let id = stranger.id;
    desk.exchange.submit(stranger);
    let text = format!("User or API Wallet {} does not exist.", user(9));
    assert_eq!(response(&desk.block(), id), Response::Err(text));
}

#[test]
fn a_noop_on_the_same_nonce_beats_a_pending_taker() {
    let mut desk = quoted(RICH);
    let take = desk.request(1, order(&[o(Bid, "3000.1", "1", Ioc)]));
    let mut noop = desk.request(1, ExchangeAction::Noop);
    noop.nonce = take.nonce;
    let (take_id, noop_id) = (take.id, noop.id);
    desk.exchange.submit(take);
    desk.exchange.submit(noop);
    let out = desk.block();
    assert_eq!(response(&out, noop_id), Response::Default);
    assert!(matches!(response(&out, take_id), Response::Err(text) if text.contains("duplicate")));
    assert_eq!(desk.position(1), 0);
}

#[test]
fn leverage_is_chosen_within_the_coins_maximum() {
    let mut desk = quoted(RICH);
    let set = |desk: &mut Desk, is_cross, leverage| {
        desk.ask(
            1,
            ExchangeAction::UpdateLeverage(UpdateLeverage {
                asset: 0,
                is_cross,
                leverage,
            }),
        )
    };
    assert_eq!(desk.exchange.head_room(user(1), 0).unwrap().leverage, 20);
    assert_eq!(set(&mut desk, true, 5), Response::Default);
    assert_eq!(desk.exchange.head_room(user(1), 0).unwrap().leverage, 5);
    for leverage in [0, 26] {
        assert_eq!(
            set(&mut desk, true, leverage),
            Response::Err("Invalid leverage value".to_owned())
        );
    }
    assert_eq!(set(&mut desk, false, 4), Response::Default);
    let room = desk.exchange.head_room(user(1), 0).unwrap();
    assert_eq!((room.leverage, room.mode), (4, MarginMode::Isolated));
}

#[test]
fn the_account_adds_up_as_the_venues_does() {
    let mut desk = quoted(10_000);
    desk.place(1, &[o(Bid, "3000.1", "2", Ioc)]);
    // mark 3000: the mid of 2999.9 and 3000.1.
    let account = desk.exchange.account(user(1)).unwrap();
    let fee = Usd(2_700_090); // 6000.2 x 4.5 bps
    assert_eq!(desk.fills(1)[0].fee, fee);
    assert_eq!(account.raw, Usd(10_000_000_000 - 6_000_200_000) - fee);
    assert_eq!(account.value, account.raw + Usd(6_000_000_000));
    assert_eq!(
        (account.notional, account.margin_used),
        (Usd(6_000_000_000), Usd(300_000_000))
    );
    assert_eq!(account.maintenance, Usd(120_000_000));
    assert_eq!(
        account.withdrawable,
        account.value - Usd(600_000_000),
        "a tenth of the notional is locked"
    );
    let position = account.positions[0];
    assert_eq!(position.entry_px_e8, 300_010 * 100_000_000);
    assert_eq!(position.unrealized, Usd(-200_000));
    assert_eq!(position.value, Usd(6_000_000_000));
    let room = desk.exchange.head_room(user(1), 0).unwrap();
    assert_eq!(room.available[1] - room.available[0], Usd(600_000_000));
    assert_eq!(
        room.max_trade_szs.unwrap()[0].0,
        room.available[0].0 * 20 / 300_000
    );

    desk.place(1, &[o(Ask, "2999.9", "3", Ioc)]);
    let fill = desk.fills(1)[1];
    assert_eq!(
        (fill.start_position, fill.closed_pnl, fill.dir()),
        (Sz(20_000), Usd(-400_000), "Long > Short")
    );
    assert_eq!(
        desk.exchange.account(user(1)).unwrap().positions[0].entry_px_e8,
        299_990 * 100_000_000
    );
    assert_eq!(desk.exchange.total_value(), desk.exchange.total_deposits());
}

#[test]
fn fees_are_cut_at_six_decimals() {
    // 0.002 BTC at 65239, maker at 1.5 bps: recorded as 0.019571.
    assert_eq!(FeeRate(15_000).on(Usd(130_478_000)), Usd(19_571));
    assert_eq!(FeeRate(-1_000).on(Usd(130_478_000)), Usd(-1_304));
}

#[test]
fn the_dead_mans_switch_cancels_everything() {
    let mut desk = quoted(RICH);
    let at = |desk: &Desk, ms: i64| {
        let time = u64::try_from(desk.exchange.now().as_millis() + 70 + ms).unwrap();
        ExchangeAction::ScheduleCancel(ScheduleCancel { time: Some(time) })
    };
    let action = at(&desk, 6_000);
    let gate = "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.";
    assert_eq!(desk.ask(1, action), Response::Err(gate.to_owned()));

    let config = SimConfig {
        schedule_gate: ScheduleGate::Open,
        ..SimConfig::at(Time::from_millis(START_MS))
    };
    let mut desk = Desk::over(config, Box::new(BookMarket::new(vec![desk::perp()])), RICH);
    let oid = desk.rest(1, o(Bid, "2990", "1", Alo));
    let other = desk.rest(2, o(Bid, "2990", "1", Alo));
    let action = at(&desk, 4_000);
    assert!(matches!(desk.ask(1, action), Response::Err(_)));
    let action = at(&desk, 6_000);
    assert_eq!(desk.ask(1, action), Response::Default);
    desk.exchange.advance(
        desk.exchange.now().plus(Dur::from_millis(5_900)),
        &mut Vec::new(),
    );
    assert_eq!(desk.open(1).len(), 1);
    desk.exchange.advance(
        desk.exchange.now().plus(Dur::from_millis(210)),
        &mut Vec::new(),
    );
    assert_eq!(desk.state(1, oid).word(), "scheduledCancel");
    assert_eq!(desk.state(2, other), OrderState::Open);
}

#[test]
fn the_report_tells_exposure_after_every_action() {
    let mut desk = quoted(RICH);
    desk.place(1, &[o(Bid, "3000.1", "2", Ioc).cloid(1)]);
    desk.place(
        1,
        &[
            o(Bid, "2990", "1", Alo).cloid(2),
            o(Ask, "3010", "5", Alo).cloid(3),
        ],
    );
    desk.place(1, &[o(Ask, "3011", "2", Alo).reduce_only().cloid(4)]);
    let mut text = Vec::new();
    desk.exchange.write_report(&mut text).unwrap();
    let lines: Vec<serde_json::Value> = String::from_utf8(text)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5 + 5 + 1, "{lines:#?}");
    let last = &lines[4];
    assert_eq!(last["kind"], "action");
    assert_eq!(last["cloids"][0], "0x00000000000000010000000000000004");
    assert_eq!(
        last["exposure"][0]["lots"],
        serde_json::json!([20_000, 30_000, -50_000])
    );
    assert_eq!(last["exposure"][0]["worst_short"], "-5");
    assert_eq!(lines[5]["kind"], "left");
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["kind"], &end["orders_left"]),
        (&"end".into(), &5.into())
    );
    assert_eq!(end["actions"], 5);
}

/// MODELS.md d.1, row "funding": at a constant 1 bp an hour the one pays 1 bp of its position, to the micro-USDC, and
/// the other gets it.
#[test]
fn a_bp_an_hour_is_paid_exactly() {
    let hour = Time::from_millis(START_MS / 3_600_000 * 3_600_000);
    for (rate, long_gets) in [(1e-4, -599_990), (-1e-4, 599_990)] {
        let config = SimConfig::at(Time(hour.0 - 7_000_000_000));
        let market = Box::new(BookMarket::new(vec![desk::perp()]));
        let mut desk = Desk::over(config, market, RICH);
        desk.rest(4, o(Bid, "2999.9", "5", Alo));
        desk.rest(4, o(Ask, "3000", "5", Alo));
        desk.place(1, &[o(Bid, "3000", "2", Ioc)]);
        let later = hour.plus(Dur(1_000_000_000));
        let rate = RateE10::of_fraction(rate);
        desk.exchange.spike_funding(0, rate, later);
        let px = desk.exchange.mark(0).unwrap();
        let value = |desk: &Desk, who| desk.exchange.account(user(who)).unwrap().value;
        let before = [1, 4].map(|who| value(&desk, who));
        while desk.exchange.now() < later {
            desk.block();
        }
        let got = [1, 4].map(|who| value(&desk, who)).map(|usd| usd.0);
        assert_eq!(desk.exchange.mark(0), Some(px), "only funding moved");
        assert_eq!(px, Px(299_995), "two coins are worth 5,999.90 USDC");
        assert_eq!(got[0] - before[0].0, long_gets);
        assert_eq!(got[1] - before[1].0, -long_gets);
    }
}

#[test]
fn what_makes_no_exchange_is_refused() {
    let start = Time::from_millis(START_MS);
    let bare = || Box::new(BookMarket::new(vec![desk::perp()]));
    let with = |config| SimExchange::new(config, bare()).err();
    assert_eq!(
        with(SimConfig {
            block: Dur(5),
            ..SimConfig::at(start)
        }),
        Some(SimError::Block(5))
    );
    assert_eq!(
        with(SimConfig {
            warmup: Dur(-1),
            ..SimConfig::at(start)
        }),
        Some(SimError::Warmup(-1))
    );
    let misplaced = mm_core::instrument::Instrument::new("BTC", 3, 5, 40).unwrap();
    assert!(matches!(
        SimExchange::new(
            SimConfig::at(start),
            Box::new(BookMarket::new(vec![misplaced]))
        )
        .err(),
        Some(SimError::Asset {
            asset: 3,
            expected: 0,
            ..
        })
    ));
    let mut exchange = SimExchange::new(SimConfig::at(start), bare()).unwrap();
    assert_eq!(exchange.deposit(user(1), Usd(0)), Err(SimError::Deposit(0)));
    assert!(exchange.account(user(1)).is_none());
}
