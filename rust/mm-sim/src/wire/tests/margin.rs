//! Isolated positions, margin tiers, and the texts of what an account cannot carry.

use serde_json::{Value, json};

use super::{Desk, MAKER, TAKER, order, user};

const SOL: u32 = 1;

pub(super) fn leverage(asset: u32, leverage: u32, is_cross: bool) -> Value {
    json!({"type": "updateLeverage", "asset": asset, "isCross": is_cross, "leverage": leverage})
}

fn collateral(usdc: i64) -> Value {
    json!({"type": "updateIsolatedMargin", "asset": SOL, "isBuy": true, "ntli": usdc * 1_000_000})
}

fn done() -> Value {
    json!({"status": "ok", "response": {"type": "default"}})
}

fn refused(text: &str) -> Value {
    json!({"status": "err", "response": text})
}

pub(super) fn error_of(answer: &Value) -> &str {
    answer["response"]["data"]["statuses"][0]["error"]
        .as_str()
        .unwrap()
}

impl Desk {
    /// A book of `MAKER` around `px`: a dollar to either side, `sz` deep.
    pub(super) fn quote(&mut self, asset: u32, px: u32, sz: &str) {
        for (is_buy, px) in [(true, px - 1), (false, px + 1)] {
            let answer = self.act(MAKER, &order(asset, is_buy, &px.to_string(), sz, "Alo"));
            let status = &answer["response"]["data"]["statuses"][0];
            assert!(status["resting"].is_object(), "{answer}");
        }
    }

    pub(super) fn state(&self, who: u8) -> Value {
        self.info(&json!({"type": "clearinghouseState", "user": user(who)}))
    }

    pub(super) fn is_exact(&self) {
        assert_eq!(
            self.paper.sim().total_value(),
            self.paper.sim().total_deposits()
        );
    }
}

#[test]
fn an_isolated_position_has_its_own_cash_and_gives_it_back() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    assert_eq!(desk.act(TAKER, &leverage(SOL, 10, false)), done());
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    let state = desk.state(TAKER);
    let position = &state["assetPositions"][0]["position"];
    assert_eq!(
        position["leverage"],
        json!({"type": "isolated", "value": 10, "rawUsd": "-909.0"})
    );
    assert_eq!(
        position["marginUsed"], "91.0",
        "101 of collateral, 10 lost to the mid"
    );
    assert_eq!(state["crossMarginSummary"]["totalNtlPos"], "0.0");
    assert_eq!(state["crossMarginSummary"]["accountValue"], "9898.5455");
    assert_eq!(state["marginSummary"]["accountValue"], "9989.5455");
    assert_eq!(state["marginSummary"]["totalMarginUsed"], "91.0");
    assert_eq!(state["crossMaintenanceMarginUsed"], "0.0");
    // (91 - 25) of spare over 10 SOL and 1 - 2.5 % below the mark of 100.
    assert_eq!(position["liquidationPx"], "93.2308");

    let active = desk.info(&json!({"type": "activeAssetData", "user": user(TAKER), "coin": "SOL"}));
    assert_eq!(active["leverage"]["type"], "isolated");
    assert_eq!(
        desk.act(TAKER, &leverage(SOL, 10, true)),
        refused("Cannot switch leverage type with open position.")
    );
    assert_eq!(
        desk.act(TAKER, &leverage(SOL, 5, false)),
        refused(
            "Isolated position does not have sufficient margin available to decrease leverage. \
             To decrease leverage, add margin to the position."
        )
    );
    assert_eq!(desk.act(TAKER, &collateral(150)), done());
    assert_eq!(desk.act(TAKER, &leverage(SOL, 5, false)), done());
    let state = desk.state(TAKER);
    assert_eq!(state["marginSummary"]["totalMarginUsed"], "241.0");
    assert_eq!(state["marginSummary"]["accountValue"], "9989.5455");
    let short = desk.act(TAKER, &collateral(-42));
    assert_eq!(short["status"], "err", "200 must stay at 5x: {short}");
    assert_eq!(desk.act(TAKER, &collateral(-41)), done());

    // Half of it closed gives half of its worth back, then all of it.
    desk.act(TAKER, &order(SOL, false, "99", "5", "Ioc"));
    let state = desk.state(TAKER);
    assert_eq!(state["assetPositions"][0]["position"]["szi"], "5.0");
    assert_eq!(state["marginSummary"]["totalMarginUsed"], "100.0");
    desk.is_exact();
    desk.act(TAKER, &order(SOL, false, "99", "5", "Ioc"));
    let state = desk.state(TAKER);
    assert_eq!(state["assetPositions"], json!([]));
    assert_eq!(state["marginSummary"], state["crossMarginSummary"]);
    assert_eq!(state["marginSummary"]["totalMarginUsed"], "0.0");
    desk.is_exact();
}

#[test]
fn a_flip_of_an_isolated_position_takes_new_collateral() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    desk.act(TAKER, &leverage(SOL, 10, false));
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    desk.act(TAKER, &order(SOL, false, "99", "30", "Ioc"));
    let state = desk.state(TAKER);
    let position = &state["assetPositions"][0]["position"];
    assert_eq!(position["szi"], "-20.0");
    assert_eq!(
        position["leverage"]["rawUsd"], "2178.0",
        "1980 sold and 198 to carry it"
    );
    desk.is_exact();
}

#[test]
fn cross_positions_have_no_collateral_of_their_own() {
    let mut desk = Desk::open(1.0);
    let none = refused("Position does not use isolated margin.");
    assert_eq!(desk.act(TAKER, &collateral(1)), none);
    let top_up = json!({"type": "topUpIsolatedOnlyMargin", "asset": SOL, "leverage": "2"});
    assert_eq!(desk.act(TAKER, &top_up), none);
    assert_eq!(
        desk.act(TAKER, &leverage(SOL, 21, true)),
        refused("Invalid leverage value")
    );
    assert_eq!(
        desk.act(TAKER, &leverage(SOL, 0, false)),
        refused("Invalid leverage value")
    );
}

#[test]
fn a_top_up_brings_a_position_down_to_a_leverage() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    desk.act(TAKER, &leverage(SOL, 10, false));
    desk.act(TAKER, &order(SOL, true, "101", "10", "Ioc"));
    let top_up = json!({"type": "topUpIsolatedOnlyMargin", "asset": SOL, "leverage": "2"});
    assert_eq!(desk.act(TAKER, &top_up), done());
    assert_eq!(
        desk.state(TAKER)["assetPositions"][0]["position"]["marginUsed"],
        "500.0"
    );
    assert_eq!(desk.act(TAKER, &top_up), done(), "there already");
}

#[test]
fn margin_tiers_bound_the_position_and_raise_its_maintenance() {
    let tier = |usdc: i64, leverage: u32| json!({"notional_min": usdc * 1_000_000, "max_leverage": leverage});
    let perps = json!([{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40,
        "margin_tiers": [tier(0, 40), tier(10_000, 25), tier(50_000, 10)]}]);
    let mut desk = Desk::with(&json!({}), &perps);
    let meta = desk.info(&json!({"type": "meta"}));
    let id = &meta["universe"][0]["marginTableId"];
    assert_eq!(meta["marginTables"][0][0], *id);
    assert_eq!(
        desk.info(&json!({"type": "marginTable", "id": id}))["marginTiers"][2],
        json!({"lowerBound": "50000.0", "maxLeverage": 10})
    );
    for who in [MAKER, TAKER] {
        assert_eq!(desk.act(who, &leverage(0, 25, true)), done());
    }
    desk.quote(0, 40_000, "1");
    let beyond =
        "Order would cause position to exceed margin tier limit at current leverage asset=0";
    let answer = desk.act(TAKER, &order(0, true, "40001", "1.25", "Ioc"));
    assert_eq!(error_of(&answer), beyond);
    desk.act(TAKER, &order(0, true, "40001", "0.5", "Ioc"));
    assert_eq!(desk.state(TAKER)["crossMaintenanceMarginUsed"], "325.0");
    let answer = desk.act(TAKER, &order(0, true, "40001", "0.75", "Ioc"));
    assert_eq!(error_of(&answer), beyond);
    assert_eq!(
        desk.act(TAKER, &leverage(0, 26, true)),
        refused("Invalid leverage value"),
        "20,000 USDC lie in the second tier"
    );
}

#[test]
fn an_order_beyond_the_free_margin_is_refused() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    for mode in [true, false] {
        assert_eq!(desk.act(TAKER, &leverage(SOL, 2, mode)), done());
        let answer = desk.act(TAKER, &order(SOL, true, "99", "203", "Alo"));
        assert_eq!(
            error_of(&answer),
            "Insufficient margin to place order. asset=1"
        );
    }
    let record = desk.info(&json!({"type": "historicalOrders", "user": user(TAKER)}));
    assert_eq!(record[0]["status"], "perpMarginRejected");
}
