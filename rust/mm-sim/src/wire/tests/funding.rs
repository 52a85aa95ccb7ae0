//! Funding on the hour: cash, streams, queries.

use mm_core::units::Time;
use serde_json::json;

use super::{Desk, MAKER, TAKER, order, user};

/// Seven seconds before an hour.
const START_MS: i64 = 1_700_002_793_000;
const SOL: u32 = 1;

fn perps() -> serde_json::Value {
    json!([
        {"coin": "BTC", "sz_decimals": 5, "max_leverage": 40},
        {"coin": "SOL", "sz_decimals": 2, "max_leverage": 20},
    ])
}

#[test]
fn the_hour_is_paid_on_the_notional_by_the_long_to_the_short() {
    let mut desk = Desk::with(&json!({"start_ms": START_MS}), &perps());
    desk.quote(SOL, 100, "80");
    let listener = desk.paper.connect();
    for kind in ["userFundings", "userEvents"] {
        desk.subscribe(listener, &json!({"type": kind, "user": user(TAKER)}));
    }
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    let before = desk
        .paper
        .sim()
        .account(super::signer(MAKER).address())
        .unwrap()
        .value;
    desk.frames();
    let hour = Time::from_millis(1_700_002_800_000);
    while desk.paper.sim().now() < hour {
        desk.block();
    }
    let frames = desk.frames();
    let row = |channel: &str| {
        frames
            .iter()
            .find(|frame| frame["channel"] == channel)
            .unwrap()
    };
    let payment = &row("userFundings")["data"]["fundings"][0];
    // 1,000 USDC of SOL at the interest of 0.01 % in eight hours.
    assert_eq!(payment["usdc"], "-0.0125");
    assert_eq!(payment["szi"], "10.0");
    assert_eq!(payment["fundingRate"], "0.0000125");
    assert_eq!(payment["coin"], "SOL");
    assert_eq!(row("user")["data"]["funding"], *payment);
    let paid_ms = payment["time"].as_i64().unwrap();
    assert!((1_700_002_800_000..1_700_002_800_070).contains(&paid_ms));

    let after = desk
        .paper
        .sim()
        .account(super::signer(MAKER).address())
        .unwrap()
        .value;
    assert_eq!((after - before).0, 12_500, "the short was paid");
    desk.is_exact();
    let held = &desk.state(TAKER)["assetPositions"][0]["position"]["cumFunding"];
    assert_eq!(
        *held,
        json!({"allTime": "0.0125", "sinceOpen": "0.0125", "sinceChange": "0.0125"})
    );
    desk.act(TAKER, &order(SOL, false, "99", "4", "Ioc"));
    let held = &desk.state(TAKER)["assetPositions"][0]["position"]["cumFunding"];
    assert_eq!(
        *held,
        json!({"allTime": "0.0125", "sinceOpen": "0.0125", "sinceChange": "0.0"})
    );

    let history = desk.info(&json!({"type": "fundingHistory", "coin": "SOL", "startTime": 0}));
    assert_eq!(
        history,
        json!([{"coin": "SOL", "fundingRate": "0.0000125", "premium": "0.0", "time": paid_ms}])
    );
    let ask = |from: i64| json!({"type": "userFunding", "user": user(TAKER), "startTime": from});
    let rows = desk.info(&ask(0));
    assert_eq!(rows[0]["delta"]["type"], "funding");
    assert_eq!(rows[0]["delta"]["usdc"], "-0.0125");
    assert_eq!(rows[0]["time"], paid_ms);
    assert_eq!(rows[0]["hash"], format!("0x{}", "0".repeat(64)));
    assert_eq!(desk.info(&ask(paid_ms + 1)), json!([]));
}

#[test]
fn funding_that_is_off_is_not_paid() {
    let rules =
        json!({"funding": "off", "liquidation": "on", "request_budget": "on", "fee_tiers": "on"});
    let mut desk = Desk::with(&json!({"start_ms": START_MS, "rules": rules}), &perps());
    desk.quote(SOL, 100, "80");
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    while desk.paper.sim().now() < Time::from_millis(1_700_002_801_000) {
        desk.block();
    }
    let ask = json!({"type": "userFunding", "user": user(TAKER), "startTime": 0});
    assert_eq!(desk.info(&ask), json!([]));
}
