//! Stop loss and take profit: orders that wait for the mark.

use serde_json::{Value, json};

use super::margin::error_of;
use super::{Desk, MAKER, TAKER, order, user};

const SOL: u32 = 1;

/// A reduce-only sale of 10 SOL that waits for `at`.
fn stop(at: &str, tpsl: &str) -> Value {
    json!({"type": "order", "grouping": "na", "orders": [{
        "a": SOL, "b": false, "p": "90", "s": "10", "r": true,
        "t": {"trigger": {"isMarket": true, "triggerPx": at, "tpsl": tpsl}},
        "c": "0x00000000000000000000000000000007",
    }]})
}

/// `TAKER` is long 10 SOL of `MAKER`'s; the mark is 100.
pub(super) fn long() -> Desk {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    desk
}

pub(super) fn open(desk: &Desk, who: u8) -> Value {
    desk.info(&json!({"type": "frontendOpenOrders", "user": user(who)}))
}

pub(super) fn requote(desk: &mut Desk, px: u32) {
    let cancels: Vec<Value> = open(desk, MAKER)
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!({"a": SOL, "o": row["oid"]}))
        .collect();
    desk.act(MAKER, &json!({"type": "cancel", "cancels": cancels}));
    desk.quote(SOL, px, "40");
    desk.block();
}

#[test]
fn a_stop_waits_for_the_mark_then_closes_the_position() {
    let mut desk = long();
    let answer = desk.act(TAKER, &stop("95", "sl"));
    assert_eq!(
        answer["response"]["data"]["statuses"],
        json!(["waitingForTrigger"])
    );
    let waiting = &open(&desk, TAKER)[0];
    for (key, value) in [
        ("orderType", json!("Stop Market")),
        ("triggerCondition", json!("Price below 95")),
        ("triggerPx", json!("95.0")),
        ("isTrigger", json!(true)),
        ("reduceOnly", json!(true)),
        ("tif", json!(null)),
        ("sz", json!("10.0")),
    ] {
        assert_eq!(waiting[key], value, "{key}");
    }
    let plain = desk.info(&json!({"type": "openOrders", "user": user(TAKER)}));
    assert_eq!(plain[0]["oid"], waiting["oid"]);
    let status = json!({"type": "orderStatus", "user": user(TAKER), "oid": waiting["oid"]});
    assert_eq!(desk.info(&status)["order"]["status"], "open");

    requote(&mut desk, 96);
    assert_eq!(open(&desk, TAKER).as_array().unwrap().len(), 1, "not yet");
    let listener = desk.paper.connect();
    desk.subscribe(
        listener,
        &json!({"type": "orderUpdates", "user": user(TAKER)}),
    );
    desk.frames();
    requote(&mut desk, 95);
    assert_eq!(open(&desk, TAKER), json!([]));
    let frames = desk.frames();
    let told: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["channel"] == "orderUpdates")
        .flat_map(|frame| frame["data"].as_array().unwrap())
        .collect();
    let told_states: Vec<&Value> = told.iter().map(|row| &row["status"]).collect();
    assert_eq!(told_states, ["triggered", "filled"]);
    assert!(told.iter().all(|row| row["order"]["oid"] == waiting["oid"]));
    let fills = desk.info(&json!({"type": "userFills", "user": user(TAKER)}));
    assert_eq!(
        (&fills[0]["px"], &fills[0]["sz"]),
        (&json!("94.0"), &json!("10.0"))
    );
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]));
    assert_eq!(desk.info(&status)["order"]["status"], "filled");
}

#[test]
fn a_trigger_price_that_is_reached_already_is_refused() {
    let mut desk = long();
    for (at, tpsl) in [("100", "sl"), ("101", "sl"), ("99", "tp")] {
        let answer = desk.act(TAKER, &stop(at, tpsl));
        assert_eq!(
            error_of(&answer),
            "Invalid TP/SL price. asset=1",
            "{at} {tpsl}"
        );
    }
    let past = desk.info(&json!({"type": "historicalOrders", "user": user(TAKER)}));
    assert_eq!(past[0]["status"], "badTriggerPxRejected");
    let answer = desk.act(TAKER, &stop("105.1234", "tp"));
    assert_eq!(
        error_of(&answer),
        "Price must be divisible by tick size. asset=1"
    );
    let answer = desk.act(TAKER, &stop("105", "tp"));
    assert_eq!(
        answer["response"]["data"]["statuses"],
        json!(["waitingForTrigger"])
    );
    assert_eq!(open(&desk, TAKER)[0]["triggerCondition"], "Price above 105");
}

#[test]
fn a_stop_is_cancelled_by_either_name_and_nothing_is_left_of_it() {
    for by_cloid in [false, true] {
        let mut desk = long();
        desk.act(TAKER, &stop("95", "sl"));
        let oid = open(&desk, TAKER)[0]["oid"].clone();
        let cancel = if by_cloid {
            json!({"type": "cancelByCloid", "cancels": [
                {"asset": SOL, "cloid": "0x00000000000000000000000000000007"}]})
        } else {
            json!({"type": "cancel", "cancels": [{"a": SOL, "o": oid}]})
        };
        let mut fast = cancel.clone();
        fast["f"] = json!(true);
        let answer = desk.act(TAKER, &fast);
        assert!(error_of(&answer).starts_with("Fast cancel is not allowed"));
        let answer = desk.act(TAKER, &cancel);
        assert_eq!(answer["response"]["data"]["statuses"], json!(["success"]));
        requote(&mut desk, 90);
        assert_eq!(
            desk.state(TAKER)["assetPositions"][0]["position"]["szi"],
            "10.0"
        );
        let answer = desk.act(TAKER, &cancel);
        assert_eq!(
            error_of(&answer),
            "Order was never placed, already canceled, or filled. asset=1"
        );
    }
}

#[test]
fn a_stop_without_a_position_ends_refused_when_it_is_set_off() {
    let mut desk = long();
    desk.act(TAKER, &stop("95", "sl"));
    desk.act(TAKER, &order(SOL, false, "99", "10", "Ioc"));
    requote(&mut desk, 90);
    let past = desk.info(&json!({"type": "historicalOrders", "user": user(TAKER)}));
    let stopped = past
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["order"]["isTrigger"] == true);
    assert_eq!(stopped.unwrap()["status"], "reduceOnlyRejected");
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]));
}

#[test]
fn a_modify_leaves_a_trigger_order_alone_and_says_so() {
    let mut desk = long();
    desk.act(TAKER, &stop("95", "sl"));
    let oid = open(&desk, TAKER)[0]["oid"].clone();
    let order = stop("94", "sl")["orders"][0].clone();
    let answer = desk.act(
        TAKER,
        &json!({"type": "modify", "oid": oid, "order": order}),
    );
    assert_eq!(answer["status"], "err");
    assert_eq!(open(&desk, TAKER)[0]["oid"], oid);
}
