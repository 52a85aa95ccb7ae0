//! Fees by the volume of the days before.

use serde_json::json;

use super::{Desk, MAKER, TAKER, order, signer, user};

/// Three seconds before midnight UTC.
const START_MS: i64 = 1_700_006_397_000;

#[test]
fn yesterdays_volume_lowers_the_fee_of_today() {
    let accounts = json!([
        {"address": signer(MAKER).address(), "usdc": "10000000"},
        {"address": signer(TAKER).address(), "usdc": "10000000"},
    ]);
    let perps = json!([{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}]);
    let mut desk = Desk::with(&json!({"accounts": accounts, "start_ms": START_MS}), &perps);
    desk.quote(0, 100_000, "60");
    desk.act(TAKER, &order(0, true, "100001", "51", "Ioc"));
    let fees = |desk: &Desk, who| desk.info(&json!({"type": "userFees", "user": user(who)}));
    assert_eq!(fees(&desk, TAKER)["userCrossRate"], "0.00045", "not yet");
    while desk.paper.sim().now().as_millis() < 1_700_006_400_000 {
        desk.block();
    }
    for who in [MAKER, TAKER] {
        assert_eq!(fees(&desk, who)["userCrossRate"], "0.0004");
        assert_eq!(fees(&desk, who)["userAddRate"], "0.00012");
    }
    assert_eq!(fees(&desk, TAKER)["feeSchedule"]["cross"], "0.00045");
    assert_eq!(
        fees(&desk, 7)["userAddRate"],
        "0.00015",
        "a stranger pays the base"
    );
    desk.act(TAKER, &order(0, false, "99999", "1", "Ioc"));
    let fill =
        |desk: &Desk, who| desk.info(&json!({"type": "userFills", "user": user(who)}))[0].clone();
    assert_eq!(fill(&desk, TAKER)["fee"], "39.9996");
    assert_eq!(fill(&desk, MAKER)["fee"], "11.99988");
    desk.is_exact();
}

#[test]
fn a_market_order_without_anybody_there_has_its_own_words() {
    let mut desk = Desk::open(1.0);
    let answer = desk.act(TAKER, &order(1, true, "100", "1", "FrontendMarket"));
    assert_eq!(
        super::margin::error_of(&answer),
        "No liquidity available for market order. asset=1"
    );
}
