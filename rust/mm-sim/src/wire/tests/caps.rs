//! How many orders an account may have open, and which are refused first (HYPERLIQUID.md 5).

use serde_json::{Value, json};

use super::margin::error_of;
use super::{Desk, MAKER, TAKER, order, signer, user};

const FULL: &str = "Too many open orders. asset=0";
/// Of an action.
const ITEMS: usize = 200;

/// `TAKER` is long 51 BTC, which is a volume of more than 5,000,000 USDC.
fn rich() -> Desk {
    let accounts = json!([
        {"address": signer(MAKER).address(), "usdc": "10000000"},
        {"address": signer(TAKER).address(), "usdc": "10000000"},
    ]);
    let perps = json!([{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}]);
    let mut desk = Desk::with(&json!({"accounts": accounts}), &perps);
    desk.quote(0, 100_000, "60");
    desk.act(TAKER, &order(0, true, "100001", "51", "Ioc"));
    desk
}

/// Rests `count` small bids of `TAKER`.
fn rest(desk: &mut Desk, count: usize) {
    let one = order(0, true, "90000", "0.001", "Alo")["orders"][0].clone();
    for _ in 0..count / ITEMS {
        let batch = json!({"type": "order", "orders": vec![&one; ITEMS], "grouping": "na"});
        let answer = desk.act(TAKER, &batch);
        let statuses = answer["response"]["data"]["statuses"].as_array().unwrap();
        assert!(statuses.iter().all(|status| status["resting"].is_object()));
    }
}

fn reducing(px: &str) -> Value {
    let mut action = order(0, false, px, "0.001", "Alo");
    action["orders"][0]["r"] = json!(true);
    action
}

fn stop() -> Value {
    json!({"type": "order", "grouping": "na", "orders": [{
        "a": 0, "b": false, "p": "70000", "s": "51", "r": true,
        "t": {"trigger": {"isMarket": true, "triggerPx": "80000", "tpsl": "sl"}},
    }]})
}

#[test]
fn a_thousand_orders_may_be_open_and_one_more_for_five_million_of_volume() {
    let mut desk = rich();
    // The stop waits: it counts as one that is open.
    let waiting = desk.act(TAKER, &stop());
    assert_eq!(
        waiting["response"]["data"]["statuses"],
        json!(["waitingForTrigger"])
    );
    rest(&mut desk, 800);
    let one = |desk: &mut Desk| desk.act(TAKER, &order(0, true, "90000", "0.001", "Gtc"));
    for _ in 0..199 {
        one(&mut desk);
    }
    // A thousand: what reduces or waits is refused, another one is not.
    assert_eq!(error_of(&desk.act(TAKER, &reducing("110000"))), FULL);
    let second = json!({"type": "order", "grouping": "na", "orders": [{
        "a": 0, "b": false, "p": "70000", "s": "1", "r": true,
        "t": {"trigger": {"isMarket": true, "triggerPx": "81000", "tpsl": "sl"}},
    }]});
    assert_eq!(error_of(&desk.act(TAKER, &second)), FULL);
    let last = one(&mut desk);
    assert!(last["response"]["data"]["statuses"][0]["resting"].is_object());
    assert_eq!(error_of(&one(&mut desk)), FULL);
    let record = desk.info(&json!({"type": "historicalOrders", "user": user(TAKER)}));
    assert_eq!(record[0]["status"], "tooManyOpenOrdersRejected");
    // What never rests is no open order; and an end of one makes room.
    let taken = desk.act(TAKER, &order(0, false, "99999", "0.01", "Ioc"));
    assert!(taken["response"]["data"]["statuses"][0]["filled"].is_object());
    let oid = &last["response"]["data"]["statuses"][0]["resting"]["oid"];
    desk.act(
        TAKER,
        &json!({"type": "cancel", "cancels": [{"a": 0, "o": oid}]}),
    );
    assert!(one(&mut desk)["response"]["data"]["statuses"][0]["resting"].is_object());
}

#[test]
fn without_that_volume_it_is_a_thousand() {
    let mut desk = Desk::open(1.0);
    desk.quote(0, 100_000, "1");
    desk.act(
        TAKER,
        &json!({"type": "updateLeverage", "asset": 0, "isCross": true, "leverage": 40}),
    );
    rest(&mut desk, 1_000);
    let answer = desk.act(TAKER, &order(0, true, "90000", "0.001", "Alo"));
    assert_eq!(error_of(&answer), FULL);
    assert_eq!(
        desk.info(&json!({"type": "openOrders", "user": user(TAKER)}))
            .as_array()
            .unwrap()
            .len(),
        1_000
    );
}
