//! Take profit and stop loss of an order and of a position; builder fees.

use serde_json::{Value, json};

use super::margin::error_of;
use super::owned::done;
use super::triggers::{long, open, requote};
use super::{Desk, TAKER, order, user};

const SOL: u32 = 1;

fn child(at: &str, tpsl: &str) -> Value {
    json!({
        "a": SOL, "b": false, "p": "90", "s": "10", "r": true,
        "t": {"trigger": {"isMarket": true, "triggerPx": at, "tpsl": tpsl}},
    })
}

/// Buys 10 SOL at a limit with a take profit at 110 and a stop loss at 95.
fn with_children(px: &str) -> Value {
    let mut action = order(SOL, true, px, "10", "Gtc");
    action["grouping"] = json!("normalTpsl");
    let orders = action["orders"].as_array_mut().unwrap();
    orders.extend([child("110", "tp"), child("95", "sl")]);
    action
}

fn statuses(answer: &Value) -> &Value {
    &answer["response"]["data"]["statuses"]
}

fn types(desk: &Desk) -> Vec<Value> {
    let rows = open(desk, TAKER).as_array().unwrap().clone();
    rows.into_iter()
        .map(|row| row["orderType"].clone())
        .collect()
}

#[test]
fn children_wait_for_their_order_then_for_the_mark_and_one_ends_the_other() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    let placed = desk.act(TAKER, &with_children("98"));
    assert!(statuses(&placed)[0]["resting"].is_object(), "{placed}");
    assert_eq!(statuses(&placed)[1], "waitingForFill");
    let rows = open(&desk, TAKER);
    assert_eq!(rows[0]["children"].as_array().unwrap().len(), 2);
    assert_eq!(types(&desk), ["Limit", "Take Profit Market", "Stop Market"]);

    requote(&mut desk, 98);
    desk.act(super::MAKER, &order(SOL, false, "98", "10", "Ioc"));
    assert_eq!(
        types(&desk),
        ["Take Profit Market", "Stop Market"],
        "they wait for the mark"
    );
    let tp = open(&desk, TAKER)[0]["oid"].clone();
    requote(&mut desk, 94);
    assert_eq!(open(&desk, TAKER), json!([]));
    assert_eq!(
        desk.state(TAKER)["assetPositions"],
        json!([]),
        "the stop closed it"
    );
    let status = json!({"type": "orderStatus", "user": user(TAKER), "oid": tp});
    assert_eq!(
        desk.info(&status)["order"]["status"],
        "siblingFilledCanceled"
    );
    desk.is_exact();
}

#[test]
fn children_of_an_order_that_fills_at_once_wait_for_the_mark() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    let placed = desk.act(TAKER, &with_children("101"));
    assert!(statuses(&placed)[0]["filled"].is_object(), "{placed}");
    assert_eq!(statuses(&placed)[1], "waitingForTrigger");
    assert_eq!(statuses(&placed)[2], "waitingForTrigger");
}

#[test]
fn children_end_with_an_order_that_did_not_fill() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    let placed = desk.act(TAKER, &with_children("98"));
    let oid = &statuses(&placed)[0]["resting"]["oid"];
    desk.act(
        TAKER,
        &json!({"type": "cancel", "cancels": [{"a": SOL, "o": oid}]}),
    );
    assert_eq!(open(&desk, TAKER), json!([]));
}

#[test]
fn those_of_a_position_close_all_of_it_and_end_with_it() {
    let mut desk = long();
    let group =
        |orders: Value| json!({"type": "order", "grouping": "positionTpsl", "orders": orders});
    let answer = desk.act(TAKER, &group(json!([child("95", "sl")])));
    assert_eq!(*statuses(&answer), json!(["waitingForTrigger"]));
    assert_eq!(open(&desk, TAKER)[0]["isPositionTpsl"], true);
    desk.act(TAKER, &order(SOL, true, "101", "5", "Ioc"));
    requote(&mut desk, 94);
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]), "15, not 10");

    requote(&mut desk, 100);
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    desk.act(TAKER, &group(json!([child("95", "sl")])));
    desk.act(TAKER, &order(SOL, false, "99", "10", "Ioc"));
    assert_eq!(open(&desk, TAKER), json!([]), "nothing is left to protect");
}

#[test]
fn what_does_not_belong_together_is_refused_whole() {
    let mut desk = long();
    let mut increasing = child("95", "sl");
    increasing["r"] = json!(false);
    let limit = order(SOL, true, "90", "1", "Gtc")["orders"][0].clone();
    for (grouping, orders, text) in [
        (
            "normalTpsl",
            json!([limit]),
            "Unexpected number of trigger orders",
        ),
        (
            "positionTpsl",
            json!([limit]),
            "Unexpected number of trigger orders",
        ),
        (
            "positionTpsl",
            json!([increasing]),
            "TP/SL orders must be reduce only.",
        ),
        (
            "normalTpsl",
            json!([limit, limit]),
            "TP/SL orders must be on the other side of their order.",
        ),
    ] {
        let refused = desk.act(
            TAKER,
            &json!({"type": "order", "grouping": grouping, "orders": orders}),
        );
        assert_eq!(error_of(&refused), text, "{grouping} {orders}");
    }
}

#[test]
fn a_builder_is_paid_what_was_approved_and_no_more() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    let builder = user(9);
    let mut buy = order(SOL, true, "101", "10", "Ioc");
    buy["builder"] = json!({"b": builder, "f": 10});
    let refused = desk.act(TAKER, &buy);
    assert_eq!(error_of(&refused), "Builder fee has not been approved.");
    let terms = json!({"maxFeeRate": "0.01%", "builder": builder});
    assert_eq!(
        desk.sign_out(TAKER, "approveBuilderFee", "nonce", terms),
        done()
    );
    let asked = json!({"type": "maxBuilderFee", "user": user(TAKER), "builder": builder});
    assert_eq!(desk.info(&asked), 10);
    desk.act(TAKER, &buy);
    let fills = desk.info(&json!({"type": "userFills", "user": user(TAKER)}));
    // 1 bp of 1,010 on top of the taker's 4.5.
    assert_eq!(fills[0]["builderFee"], "0.101");
    assert_eq!(fills[0]["fee"], "0.5555");
    buy["builder"]["f"] = json!(11);
    let beyond = desk.act(TAKER, &buy);
    assert_eq!(error_of(&beyond), "Builder fee has not been approved.");
    desk.is_exact();
}
