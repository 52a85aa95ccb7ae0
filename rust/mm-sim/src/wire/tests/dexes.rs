//! A builder's dex: its own numbers, its own clearinghouse, isolated margin, transfers, caps, feeds.

use serde_json::{Value, json};

use super::margin::error_of;
use super::owned::done;
use super::{Desk, MAKER, TAKER, order, user};

/// Asset number of the first perp of the first builder's dex.
const TSLA: u32 = 110_000;

/// BTC, then two perps of the dex `xyz`; both accounts hold 1,000 USDC there.
fn desk(changes: &Value) -> Desk {
    let perps = json!([
        {"coin": "BTC", "sz_decimals": 5, "max_leverage": 40},
        {"coin": "xyz:TSLA", "sz_decimals": 2, "max_leverage": 10},
        {"coin": "xyz:NVDA", "sz_decimals": 2, "max_leverage": 10},
    ]);
    let mut desk = Desk::with(changes, &perps);
    for who in [MAKER, TAKER] {
        assert_eq!(send(&mut desk, who, "", "xyz", "1000"), done());
    }
    desk
}

fn send(desk: &mut Desk, who: u8, from: &str, to: &str, amount: &str) -> Value {
    let fields = json!({
        "destination": user(who), "sourceDex": from, "destinationDex": to, "token": "USDC",
        "amount": amount, "fromSubAccount": "",
    });
    desk.sign_out(who, "sendAsset", "nonce", fields)
}

fn state(desk: &Desk, who: u8, dex: &str) -> Value {
    desk.info(&json!({"type": "clearinghouseState", "user": user(who), "dex": dex}))
}

fn value(desk: &Desk, who: u8, dex: &str) -> Value {
    state(desk, who, dex)["marginSummary"]["accountValue"].clone()
}

#[test]
fn perps_are_listed_by_dex_and_named_by_number() {
    let desk = desk(&json!({}));
    let named = |request: Value| -> Vec<Value> {
        let rows = desk.info(&request)["universe"].as_array().unwrap().clone();
        rows.into_iter().map(|row| row["name"].clone()).collect()
    };
    assert_eq!(named(json!({"type": "meta"})), ["BTC"]);
    let xyz = json!({"type": "meta", "dex": "xyz"});
    assert_eq!(named(xyz.clone()), ["xyz:TSLA", "xyz:NVDA"]);
    let row = &desk.info(&xyz)["universe"][0];
    assert_eq!(
        (&row["onlyIsolated"], &row["marginMode"]),
        (&json!(true), &json!("strictIsolated"))
    );
    let dexes = desk.info(&json!({"type": "perpDexs"}));
    assert_eq!(
        (&dexes[0], &dexes[1]["name"]),
        (&json!(null), &json!("xyz"))
    );
    assert_eq!(
        desk.info(&json!({"type": "allPerpMetas"}))
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let status = desk.info(&json!({"type": "perpDexStatus", "dex": "xyz"}));
    assert_eq!(status, json!({"totalNetDeposit": "2000.0"}));
    let limits = desk.info(&json!({"type": "perpDexLimits", "dex": "xyz"}));
    assert_eq!(limits["coinToOiCap"][0][0], "xyz:TSLA");
    let unknown = desk.paper.info(br#"{"type":"meta","dex":"nope"}"#);
    assert_eq!((unknown.status, unknown.body), (500, b"null".to_vec()));
}

#[test]
fn a_dex_has_its_own_clearinghouse_and_isolated_margin() {
    let mut desk = desk(&json!({}));
    assert_eq!(
        (value(&desk, TAKER, ""), value(&desk, TAKER, "xyz")),
        (json!("9000.0"), json!("1000.0"))
    );
    desk.quote(TSLA, 400, "10");
    let far = desk.act(TAKER, &order(TSLA, true, "300", "40", "Gtc"));
    assert_eq!(
        error_of(&far),
        "Insufficient margin to place order. asset=110000",
        "12,000 at 10x is more than is there, whatever the main dex holds"
    );
    let cross = json!({"type": "updateLeverage", "asset": TSLA, "isCross": true, "leverage": 5});
    assert_eq!(
        desk.act(TAKER, &cross)["response"],
        "Cross margin is not allowed for this asset."
    );
    let five = json!({"type": "updateLeverage", "asset": TSLA, "isCross": false, "leverage": 5});
    assert_eq!(desk.act(TAKER, &five), done());

    let bought = desk.act(TAKER, &order(TSLA, true, "401", "5", "Ioc"));
    let filled = &bought["response"]["data"]["statuses"][0]["filled"];
    assert_eq!(
        (&filled["totalSz"], &filled["avgPx"]),
        (&json!("5.0"), &json!("401.0"))
    );
    assert_eq!(state(&desk, TAKER, "")["assetPositions"], json!([]));
    let held = &state(&desk, TAKER, "xyz")["assetPositions"][0]["position"];
    assert_eq!(
        (&held["coin"], &held["szi"]),
        (&json!("xyz:TSLA"), &json!("5.0"))
    );
    assert_eq!(held["leverage"]["type"], "isolated");
    // 2,005 at the taker's 4.5 bps, and as much for the builder.
    let fills = desk.info(&json!({"type": "userFills", "user": user(TAKER)}));
    assert_eq!(
        (&fills[0]["coin"], &fills[0]["fee"]),
        (&json!("xyz:TSLA"), &json!("1.8045"))
    );
    assert_eq!(
        value(&desk, TAKER, ""),
        "9000.0",
        "the fee is the dex's too"
    );
    let margin =
        |ntli| json!({"type": "updateIsolatedMargin", "asset": TSLA, "isBuy": true, "ntli": ntli});
    assert_eq!(desk.act(TAKER, &margin(10_000_000)), done());
    let taken = desk.act(TAKER, &margin(-5_000_000));
    assert_eq!(
        taken["response"],
        "Margin cannot be removed for this asset."
    );
    desk.is_exact();
}

#[test]
fn orders_are_seen_and_cancelled_on_their_dex_only() {
    let mut desk = desk(&json!({}));
    desk.act(MAKER, &order(0, true, "90000", "0.01", "Gtc"));
    let placed = desk.act(MAKER, &order(TSLA, true, "390", "1", "Gtc"));
    let oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"].clone();
    for kind in ["openOrders", "frontendOpenOrders"] {
        let coins = |dex: &str| -> Vec<Value> {
            let rows = desk.info(&json!({"type": kind, "user": user(MAKER), "dex": dex}));
            rows.as_array()
                .unwrap()
                .iter()
                .map(|row| row["coin"].clone())
                .collect()
        };
        assert_eq!(
            (coins(""), coins("xyz")),
            (vec![json!("BTC")], vec![json!("xyz:TSLA")])
        );
    }
    let cancel = |asset: u32| json!({"type": "cancel", "cancels": [{"a": asset, "o": oid}]});
    let wrong = desk.act(MAKER, &cancel(1));
    assert!(error_of(&wrong).ends_with("asset=1"), "{wrong}");
    let right = desk.act(MAKER, &cancel(TSLA));
    assert_eq!(right["response"]["data"]["statuses"], json!(["success"]));
    for (number, text) in [
        (1, "Asset 1 is not listed."),
        (120_000, "Asset 120000 is not listed."),
        (10_000, "Spot trading is not supported by this exchange."),
        (
            100_000_010,
            "Outcome markets are not supported by this exchange.",
        ),
    ] {
        let refused = desk.act(MAKER, &order(number, true, "390", "1", "Gtc"));
        assert_eq!(error_of(&refused), text);
    }
}

#[test]
fn collateral_moves_between_dexes_and_is_told() {
    let mut desk = desk(&json!({}));
    for (from, to, amount, text) in [
        (
            "",
            "xyz",
            "9000.000001",
            "Insufficient balance for withdrawal.",
        ),
        ("xyz", "nope", "1", "Invalid perp dex: nope"),
        ("xyz", "xyz", "1", "Cannot transfer to the same account."),
        ("spot", "xyz", "1", "Insufficient balance for withdrawal."),
    ] {
        assert_eq!(send(&mut desk, TAKER, from, to, amount)["response"], text);
    }
    assert_eq!(send(&mut desk, TAKER, "xyz", "spot", "250"), done());
    assert_eq!(send(&mut desk, TAKER, "spot", "", "50"), done());
    let ledger = desk.ledger(&user(TAKER));
    let last = ledger.as_array().unwrap().last().unwrap();
    let told = &last["delta"];
    assert_eq!(
        (
            &told["type"],
            &told["sourceDex"],
            &told["destinationDex"],
            &told["amount"]
        ),
        (&json!("send"), &json!("spot"), &json!(""), &json!("50.0"))
    );
    assert_eq!(
        (value(&desk, TAKER, ""), value(&desk, TAKER, "xyz")),
        (json!("9050.0"), json!("750.0"))
    );
    desk.is_exact();
}

#[test]
fn feeds_name_their_dex() {
    let mut desk = desk(&json!({}));
    let listener = desk.paper.connect();
    desk.frames();
    for (asked, channel) in [
        (
            json!({"type": "clearinghouseState", "user": user(MAKER), "dex": "xyz"}),
            "clearinghouseState",
        ),
        (
            json!({"type": "openOrders", "user": user(MAKER), "dex": "xyz"}),
            "openOrders",
        ),
        (json!({"type": "allMids", "dex": "xyz"}), "allMids"),
    ] {
        desk.subscribe(listener, &asked);
        let frames = desk.frames();
        assert_eq!(frames[1]["channel"], channel);
        assert_eq!(frames[1]["data"]["dex"], "xyz");
    }
    desk.quote(TSLA, 400, "10");
    let told = desk.frames();
    let orders = told
        .iter()
        .rfind(|frame| frame["channel"] == "openOrders")
        .unwrap();
    assert_eq!(orders["data"]["orders"][0]["coin"], "xyz:TSLA");
    desk.subscribe(
        listener,
        &json!({"type": "openOrders", "user": user(MAKER), "dex": "nope"}),
    );
    assert_eq!(desk.frames()[0]["channel"], "error");
}

#[test]
fn a_capped_open_interest_takes_no_more() {
    let mut desk = desk(&json!({"oi_caps": {"xyz:TSLA": "1000"}}));
    desk.quote(TSLA, 400, "10");
    desk.act(TAKER, &order(TSLA, true, "401", "3", "Ioc"));
    assert_eq!(
        desk.info(&json!({"type": "perpsAtOpenInterestCap"})),
        json!(["xyz:TSLA"])
    );
    let more = desk.act(TAKER, &order(TSLA, true, "401", "1", "Ioc"));
    assert_eq!(
        error_of(&more),
        "Order would increase open interest while open interest is capped asset=110000"
    );
    let less = desk.act(TAKER, &order(TSLA, false, "399", "1", "Ioc"));
    assert!(
        less["response"]["data"]["statuses"][0]["filled"].is_object(),
        "{less}"
    );
}

#[test]
fn growth_mode_leaves_a_tenth_of_fees_and_of_earned_requests() {
    let paid = |growth: bool| {
        let perps = json!([
            {"coin": "BTC", "sz_decimals": 5, "max_leverage": 40},
            {"coin": "xyz:TSLA", "sz_decimals": 2, "max_leverage": 10, "growth": growth},
        ]);
        let mut desk = Desk::with(&json!({}), &perps);
        for who in [MAKER, TAKER] {
            assert_eq!(send(&mut desk, who, "", "xyz", "5000"), done());
        }
        desk.quote(TSLA, 100, "40");
        desk.act(TAKER, &order(TSLA, true, "101", "10", "Ioc"));
        let meta = desk.info(&json!({"type": "meta", "dex": "xyz"}));
        let fill = &desk.info(&json!({"type": "userFills", "user": user(TAKER)}))[0];
        let budget = desk.info(&json!({"type": "userRateLimit", "user": user(TAKER)}));
        (
            meta["universe"][0]["growthMode"].clone(),
            fill["fee"].clone(),
            budget["cumVlm"].clone(),
            budget["nRequestsCap"].clone(),
        )
    };
    // Twice 4.5 bps of 1,010 USDC.
    let plain = (json!(null), json!("0.909"), json!("1010.0"), json!(11_010));
    assert_eq!(paid(false), plain);
    let grows = (
        json!("enabled"),
        json!("0.0909"),
        json!("101.0"),
        json!(10_101),
    );
    assert_eq!(paid(true), grows);
}
