//! What the exchange does not know it does not say: no zero stands for a price or a rate.

use mm_core::units::{Time, Usd};
use mm_hl::address::Address;
use serde_json::{Value, json};

use super::{Desk, MAKER, TAKER, order, signer, user};

/// Seven seconds before an hour, and the hour.
const START_MS: i64 = 1_700_002_793_000;
const HOUR_MS: i64 = 1_700_002_800_000;

fn perps() -> Value {
    json!([{"coin": "SOL", "sz_decimals": 2, "max_leverage": 20}])
}

#[test]
fn before_the_first_price_nothing_stands_for_one() {
    let mut desk = Desk::with(&json!({}), &perps());
    let [meta, contexts] =
        [0, 1].map(|part| desk.info(&json!({"type": "metaAndAssetCtxs"}))[part].clone());
    assert_eq!(meta["universe"][0]["name"], "SOL");
    for unknown in [
        "funding",
        "prevDayPx",
        "premium",
        "oraclePx",
        "markPx",
        "midPx",
        "impactPxs",
    ] {
        assert_eq!(contexts[0][unknown], Value::Null, "{unknown}");
    }
    assert_eq!(contexts[0]["openInterest"], "0.0", "counted, and none");
    let predicted = desk.info(&json!({"type": "predictedFundings"}));
    assert_eq!(predicted, json!([["SOL", [["HlPerp", null]]]]));

    let ask = json!({"type": "activeAssetData", "user": user(MAKER), "coin": "SOL"});
    let room = desk.info(&ask);
    assert_eq!(room["leverage"], json!({"type": "cross", "value": 20}));
    assert_eq!([&room["maxTradeSzs"], &room["markPx"]], [&Value::Null; 2]);

    let listener = desk.paper.connect();
    desk.subscribe(listener, &json!({"type": "activeAssetCtx", "coin": "SOL"}));
    let of_context = |desk: &mut Desk| {
        let frames = desk.frames();
        frames
            .into_iter()
            .rev()
            .find(|frame| frame["channel"] == "activeAssetCtx")
    };
    let later = Time(desk.paper.time().0 + 3_000_000_000);
    desk.paper.advance(later, usize::MAX);
    assert_eq!(of_context(&mut desk), None, "there is nothing to say yet");

    desk.quote(0, 100, "80");
    let later = Time(desk.paper.time().0 + 3_000_000_000);
    desk.paper.advance(later, usize::MAX);
    let ctx = of_context(&mut desk).unwrap()["data"]["ctx"].clone();
    assert_eq!(
        (&ctx["markPx"], &ctx["oraclePx"]),
        (&json!("100.0"), &json!("100.0"))
    );
    assert_eq!(ctx["funding"], "0.0000125");
    let room = desk.info(&ask);
    assert!(room["maxTradeSzs"][0].is_string(), "{room}");
}

#[test]
fn an_hour_whose_book_is_too_thin_for_a_premium_is_paid_at_the_interest() {
    let mut desk = Desk::with(&json!({"start_ms": START_MS}), &perps());
    // 1,000 USDC a side: less than the impact notional, so that no premium can be read off the book.
    desk.act(MAKER, &order(0, false, "101", "10", "Gtc"));
    desk.act(MAKER, &order(0, true, "99", "10", "Gtc"));
    desk.act(TAKER, &order(0, true, "101", "5", "Ioc"));
    assert!(desk.paper.sim().mark(0).is_some());
    assert_eq!(desk.paper.sim().premium(0), None);
    while desk.paper.sim().now() < Time::from_millis(HOUR_MS + 1_000) {
        desk.block();
    }
    let history = json!({"type": "fundingHistory", "coin": "SOL", "startTime": 0});
    let hours = desk.info(&history);
    assert_eq!(
        (&hours[0]["fundingRate"], &hours[0]["premium"]),
        (&json!("0.0000125"), &json!("0.0"))
    );
    let paid = json!({"type": "userFunding", "user": user(TAKER), "startTime": 0});
    assert_eq!(desk.info(&paid)[0]["delta"]["fundingRate"], "0.0000125");
    desk.is_exact();
}

#[test]
fn an_hour_is_recorded_with_the_premium_that_it_was_paid_by() {
    // A second before the hour: it ends before its first sample, and the book of now decides.
    let mut desk = Desk::with(&json!({"start_ms": HOUR_MS - 300}), &perps());
    desk.quote(0, 100, "80");
    while desk.paper.sim().now() < Time::from_millis(HOUR_MS) {
        desk.block();
    }
    let hours = desk.paper.sim().funding_hours(0);
    assert_eq!(hours.len(), 1);
    assert_eq!(Some(hours[0].premium), desk.paper.sim().premium(0));
}

#[test]
fn funding_that_a_plan_takes_has_a_rate_only_where_there_is_a_position() {
    let mut desk = Desk::with(&json!({}), &perps());
    desk.quote(0, 100, "80");
    let who: Address = signer(TAKER).address();
    let rows = |desk: &mut Desk| {
        assert!(desk.paper.sim.fund(who, 0, Usd(-5_000_000)));
        desk.block();
        desk.info(&json!({"type": "userFunding", "user": user(TAKER), "startTime": 0}))
    };
    let flat = rows(&mut desk);
    assert_eq!(flat[0]["delta"]["usdc"], "-5.0");
    assert_eq!(flat[0]["delta"]["fundingRate"], Value::Null);
    desk.act(TAKER, &order(0, true, "101", "10", "Ioc"));
    let held = rows(&mut desk);
    assert_eq!(held[1]["delta"]["fundingRate"], "0.005", "5 of 1,000 USDC");
    desk.is_exact();
}
