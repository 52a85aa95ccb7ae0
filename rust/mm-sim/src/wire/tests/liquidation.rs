//! Positions without enough margin: sold on the book, or taken over.

use serde_json::{Value, json};

use super::margin::leverage;
use super::{Desk, MAKER, TAKER, order, signer, user};

const BTC: u32 = 0;

/// `TAKER` with 10,000 USDC bought `sz` BTC at 100,001; then `MAKER` quotes around `px`.
fn fallen(is_cross: bool, sz: &str, px: u32) -> (Desk, Vec<Value>) {
    let accounts = json!([
        {"address": signer(MAKER).address(), "usdc": "10000000"},
        {"address": signer(TAKER).address(), "usdc": "10000"},
    ]);
    let perps = json!([{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}]);
    let mut desk = Desk::with(&json!({"accounts": accounts}), &perps);
    desk.quote(BTC, 100_000, "5");
    desk.act(TAKER, &leverage(BTC, 40, is_cross));
    desk.act(TAKER, &order(BTC, true, "100001", sz, "Ioc"));
    desk.act(TAKER, &order(BTC, true, "90000", "0.001", "Gtc"));
    let open = desk.info(&json!({"type": "openOrders", "user": user(MAKER)}));
    let cancels: Vec<Value> = open
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!({"a": BTC, "o": row["oid"]}))
        .collect();
    let listener = desk.paper.connect();
    for kind in ["userFills", "orderUpdates", "userEvents"] {
        desk.subscribe(listener, &json!({"type": kind, "user": user(TAKER)}));
    }
    desk.act(MAKER, &json!({"type": "cancel", "cancels": cancels}));
    desk.frames();
    desk.quote(BTC, px, "5");
    desk.block();
    let frames = desk.frames();
    desk.is_exact();
    (desk, frames)
}

fn all<'a>(frames: &'a [Value], channel: &str) -> Vec<&'a Value> {
    let of = frames.iter().filter(|frame| frame["channel"] == channel);
    of.map(|frame| &frame["data"]).collect()
}

fn fills(frames: &[Value]) -> Vec<&Value> {
    let lists = all(frames, "userFills").into_iter();
    lists
        .flat_map(|data| data["fills"].as_array().unwrap())
        .collect()
}

#[test]
fn an_isolated_position_below_maintenance_is_sold_on_the_book() {
    // 2,250 of collateral, 1,350 lost: 900 left, 1,108 needed.
    let (desk, frames) = fallen(false, "0.9", 98_500);
    let fills = fills(&frames);
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0]["dir"], "Liquidated Isolated Long");
    assert_eq!(fills[0]["px"], "98499.0");
    assert_eq!(fills[0]["crossed"], true);
    let cause = json!({
        "liquidatedUser": user(TAKER), "markPx": "98500.0", "method": "market",
    });
    assert_eq!(fills[0]["liquidation"], cause);
    let ended: Vec<&Value> = all(&frames, "orderUpdates")
        .into_iter()
        .flat_map(|data| data.as_array().unwrap())
        .map(|row| &row["status"])
        .collect();
    assert_eq!(ended, ["liquidatedCanceled"]);
    let events = all(&frames, "user");
    let told = events
        .iter()
        .find(|data| data["liquidation"].is_object())
        .unwrap();
    assert_eq!(told["liquidation"]["liquidated_user"], user(TAKER));
    assert_eq!(told["liquidation"]["lid"], 1);
    assert_eq!(told["liquidation"]["liquidated_ntl_pos"], "88650.0");
    assert!(events.iter().any(|data| data["nonUserCancel"].is_array()));
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]));
    // The other side of it is told why as well.
    let other = desk.info(&json!({"type": "userFills", "user": user(MAKER)}));
    assert_eq!(other[0]["liquidation"], cause);
    assert_eq!(other[0]["dir"], "Close Short");
}

#[test]
fn what_the_book_comes_too_late_for_is_taken_over_with_its_margin() {
    // 2,250 of collateral, 1,981 lost: below two thirds of what is needed.
    let (desk, frames) = fallen(false, "0.9", 97_800);
    let fills = fills(&frames);
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0]["liquidation"]["method"], "backstop");
    assert_eq!(fills[0]["fee"], "0.0");
    let state = desk.state(TAKER);
    assert_eq!(state["assetPositions"], json!([]));
    // What is left is what was never collateral: 10,000 - 2,250.0225 - 40.500405 of fee, and what
    // the price cannot say: 0.0225.
    assert_eq!(state["marginSummary"]["accountValue"], "7709.499595");
}

#[test]
fn a_large_cross_position_goes_a_fifth_first_and_stops_when_that_is_enough() {
    let (desk, frames) = fallen(true, "3.9", 98_500);
    let fills = fills(&frames);
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0]["sz"], "0.78");
    assert_eq!(fills[0]["dir"], "Liquidated Cross Long");
    let state = desk.state(TAKER);
    assert_eq!(state["assetPositions"][0]["position"]["szi"], "3.12");
    let number = |key: &Value| key.as_str().unwrap().parse::<f64>().unwrap();
    assert!(
        number(&state["marginSummary"]["accountValue"])
            >= number(&state["crossMaintenanceMarginUsed"])
    );
}

#[test]
fn the_rest_of_a_large_position_waits_half_a_minute() {
    let (mut desk, frames) = fallen(true, "3.9", 98_400);
    assert_eq!(fills(&frames).len(), 1);
    let first = desk.paper.sim().now();
    while desk.paper.sim().now().since(first).as_secs() < 29.0 {
        desk.block();
    }
    assert_eq!(fills(&desk.frames()), Vec::<&Value>::new());
    while desk.paper.sim().now().since(first).as_secs() < 31.0 {
        desk.block();
    }
    let frames = desk.frames();
    assert_eq!(fills(&frames)[0]["sz"], "3.12");
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]));
    desk.is_exact();
}
