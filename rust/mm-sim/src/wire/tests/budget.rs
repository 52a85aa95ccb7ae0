//! The request budget of an address.

use serde_json::{Value, json};

use super::{Desk, TAKER, user};

#[test]
fn an_address_without_budget_is_held_to_one_action_in_ten_seconds() {
    let mut desk = Desk::open(1.0);
    let wrong = json!({"a": 1, "b": true, "p": "100", "s": "0.05", "r": false, "t": {"limit": {"tif": "Gtc"}}});
    let batch = |items: usize| json!({"type": "order", "grouping": "na", "orders": vec![wrong.clone(); items]});
    for _ in 0..50 {
        assert_eq!(desk.act(TAKER, &batch(200))["status"], "ok");
    }
    let limit = |desk: &Desk| desk.info(&json!({"type": "userRateLimit", "user": user(TAKER)}));
    let used = |desk: &Desk| limit(desk)["nRequestsUsed"].as_i64().unwrap();
    assert_eq!(used(&desk), 10_000);
    assert_eq!(limit(&desk)["nRequestsCap"], 10_000);
    assert_eq!(desk.act(TAKER, &batch(2))["status"], "ok", "one passes");
    let refused: Value = desk.act(TAKER, &batch(1));
    assert_eq!(
        refused,
        json!({"status": "err", "response":
            "Too many cumulative requests sent (10003 > 10000) for cumulative volume traded $0.00. \
             Place taker orders to free up 1 request per USDC traded."})
    );
    assert_eq!(used(&desk), 10_002, "a refusal costs nothing");
    let cancels = json!({"type": "cancel", "cancels": [{"a": 1, "o": 1}]});
    assert_eq!(desk.act(TAKER, &cancels)["status"], "ok", "cancels go on");

    // Half a dollar buys a thousand requests.
    let reserve = json!({"type": "reserveRequestWeight", "weight": 1_000});
    assert_eq!(desk.act(TAKER, &reserve)["status"], "ok");
    assert_eq!(used(&desk), 9_004);
    assert_eq!(desk.act(TAKER, &batch(1))["status"], "ok");
    assert_eq!(desk.state(TAKER)["withdrawable"], "9999.5");
    desk.is_exact();
}

#[test]
fn more_than_200_items_are_refused_and_cost_nothing() {
    let mut desk = Desk::open(1.0);
    let cancels = json!({"type": "cancel", "cancels": vec![json!({"a": 1, "o": 1}); 201]});
    assert_eq!(
        desk.act(TAKER, &cancels),
        json!({"status": "err", "response": "Signed action over weight limit of 200."})
    );
    let limit = desk.info(&json!({"type": "userRateLimit", "user": user(TAKER)}));
    assert_eq!(limit["nRequestsUsed"], 0);
}
