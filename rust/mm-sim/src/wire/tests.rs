//! Two clients on bare books: bodies in, bodies and frames out.

use mm_core::units::Time;
use mm_hl::sign::{Network, Signer};
use mm_hl::wire::ExchangeAction;
use serde_json::{Value, json};

mod budget;
mod caps;
mod dexes;
mod fees;
mod funding;
mod liquidation;
mod margin;
mod owned;
mod tpsl;
mod triggers;
mod unknown;

use super::{Answer, MarketChoice, PaperConfig, PaperExchange, Submitted, Verdict};

const START_MS: i64 = 1_700_000_000_000;
const MAKER: u8 = 1;
const TAKER: u8 = 2;

fn signer(who: u8) -> Signer {
    Signer::new(&format!("{who:02x}").repeat(32)).unwrap()
}

/// An exchange on which `MAKER` and `TAKER` hold 10,000 USDC each.
struct Desk {
    paper: PaperExchange,
    nonce: u64,
}

impl Desk {
    fn open(speed: f64) -> Self {
        Self::with(
            &json!({"speed": speed}),
            &json!([
                {"coin": "BTC", "sz_decimals": 5, "max_leverage": 40},
                {"coin": "SOL", "sz_decimals": 2, "max_leverage": 20},
            ]),
        )
    }

    /// The same with other settings and perps.
    fn with(changes: &Value, perps: &Value) -> Self {
        let account = |who| json!({"address": signer(who).address(), "usdc": "10000"});
        let mut config = json!({
            "instance": "test", "start_ms": START_MS, "warmup_ms": 0, "speed": 1.0,
            "block_ms": 70, "entry_ms": 0, "fees": {"maker": 15_000, "taker": 45_000},
            "cadence": "2026", "gtc_partial": "resting", "schedule_gate": "volume",
            "accounts": [account(MAKER), account(TAKER)],
        });
        for (key, value) in changes.as_object().unwrap() {
            config[key] = value.clone();
        }
        let market = json!({"kind": "clients", "perps": perps});
        let config = PaperConfig::parse(&config.to_string()).unwrap();
        let market: MarketChoice = serde_json::from_value(market).unwrap();
        let market = market.open(config.start(), None).unwrap();
        Self {
            paper: PaperExchange::new(config, market).unwrap(),
            nonce: START_MS.unsigned_abs(),
        }
    }

    fn body(&mut self, who: u8, action: &Value) -> Value {
        self.nonce += 1;
        signed(who, action, self.nonce)
    }

    fn block(&mut self) {
        let next = self.paper.sim().next_block();
        self.paper.advance(next, 1);
    }

    /// Sends an action, runs its block and returns the answer.
    fn act(&mut self, who: u8, action: &Value) -> Value {
        let body = self.body(who, action);
        self.post(&body)
    }

    fn post(&mut self, body: &Value) -> Value {
        match self.paper.submit(body.to_string().as_bytes()) {
            Submitted::Answered(answer) => read(&answer),
            Submitted::Queued(id) => {
                self.block();
                let replies = self.paper.take_replies();
                assert_eq!(
                    replies.iter().map(|reply| reply.0).collect::<Vec<_>>(),
                    [id]
                );
                read(&replies[0].1)
            }
        }
    }

    fn info(&self, request: &Value) -> Value {
        read(&self.paper.info(request.to_string().as_bytes()))
    }

    fn say(&mut self, connection: u64, message: &Value) -> Verdict {
        self.paper.message(connection, &message.to_string())
    }

    fn subscribe(&mut self, connection: u64, subscription: &Value) -> Verdict {
        self.say(
            connection,
            &json!({"method": "subscribe", "subscription": subscription}),
        )
    }

    fn frames(&mut self) -> Vec<Value> {
        let frames = self.paper.take_frames();
        frames
            .iter()
            .map(|(_, frame)| serde_json::from_slice(frame).unwrap())
            .collect()
    }
}

fn signed(who: u8, action: &Value, nonce: u64) -> Value {
    let action = ExchangeAction::parse(&action.to_string()).unwrap();
    let envelope = signer(who)
        .sign(action, nonce, None, None, Network::Testnet)
        .unwrap();
    serde_json::to_value(envelope).unwrap()
}

fn read(answer: &Answer) -> Value {
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    serde_json::from_slice(&answer.body).unwrap()
}

fn order(asset: u32, is_buy: bool, px: &str, sz: &str, tif: &str) -> Value {
    json!({"type": "order", "grouping": "na", "orders": [
        {"a": asset, "b": is_buy, "p": px, "s": sz, "r": false, "t": {"limit": {"tif": tif}}},
    ]})
}

fn user(who: u8) -> String {
    signer(who).address().to_string()
}

fn channels(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| frame["channel"].as_str().unwrap())
        .collect()
}

#[test]
fn a_trade_reaches_both_sides_and_the_public() {
    let mut desk = Desk::open(1.0);
    let (maker, taker) = (desk.paper.connect(), desk.paper.connect());
    for (connection, who) in [(maker, MAKER), (taker, TAKER)] {
        for kind in [
            "orderUpdates",
            "userEvents",
            "userFills",
            "clearinghouseState",
        ] {
            desk.subscribe(connection, &json!({"type": kind, "user": user(who)}));
        }
    }
    desk.subscribe(taker, &json!({"type": "trades", "coin": "BTC"}));
    desk.subscribe(taker, &json!({"type": "bbo", "coin": "BTC"}));
    let rests = desk.act(MAKER, &order(0, false, "100000", "0.01", "Alo"));
    assert!(rests["response"]["data"]["statuses"][0]["resting"]["oid"].is_u64());
    desk.paper.take_frames();
    let fills = desk.act(TAKER, &order(0, true, "100000", "0.004", "Ioc"));
    assert_eq!(
        fills["response"]["data"]["statuses"][0]["filled"]["avgPx"], "100000.0",
        "{fills}"
    );
    let frames = desk.paper.take_frames();
    let of = |connection| -> Vec<Value> {
        let own = frames.iter().filter(|(to, _)| *to == connection);
        own.map(|(_, frame)| serde_json::from_slice(frame).unwrap())
            .collect()
    };
    let (maker_hears, taker_hears) = (of(maker), of(taker));
    assert_eq!(
        channels(&maker_hears),
        ["user", "userFills", "clearinghouseState"]
    );
    let wanted = [
        "orderUpdates",
        "user",
        "userFills",
        "trades",
        "bbo",
        "clearinghouseState",
    ];
    assert_eq!(channels(&taker_hears), wanted);
    let (made, took) = (
        &maker_hears[1]["data"]["fills"][0],
        &taker_hears[2]["data"]["fills"][0],
    );
    assert_eq!(
        (&made["fee"], &made["crossed"], &made["side"]),
        (&json!("0.06"), &json!(false), &json!("A"))
    );
    assert_eq!(
        (&took["fee"], &took["crossed"], &took["side"]),
        (&json!("0.18"), &json!(true), &json!("B"))
    );
    for key in ["tid", "hash", "time"] {
        assert_eq!(made[key], took[key]);
        assert_eq!(made[key], taker_hears[3]["data"][0][key]);
    }
    assert_eq!(
        taker_hears[3]["data"][0]["users"],
        json!([user(TAKER), user(MAKER)])
    );
}

#[test]
fn filled_sizes_are_printed_on_the_grid_of_each_item() {
    let mut desk = Desk::open(1.0);
    desk.act(MAKER, &order(0, false, "100000", "0.01", "Alo"));
    desk.act(MAKER, &order(1, false, "200", "3", "Alo"));
    let mut both = order(0, true, "100000", "0.00123", "Ioc");
    let second = order(1, true, "200", "1.5", "Ioc")["orders"][0].clone();
    both["orders"].as_array_mut().unwrap().push(second);
    let answer = desk.act(TAKER, &both);
    let sizes: Vec<_> = (0..2)
        .map(|item| answer["response"]["data"]["statuses"][item]["filled"]["totalSz"].clone())
        .collect();
    assert_eq!(sizes, ["0.00123", "1.5"]);
}

#[test]
fn a_nonce_near_the_wall_clock_is_good_when_the_market_runs_fast() {
    let wall_ms = START_MS - 10 * 86_400_000;
    let nonce = wall_ms.unsigned_abs();
    let body = signed(MAKER, &json!({"type": "noop"}), nonce);
    for (speed, good) in [(60.0, true), (1.0, false)] {
        let mut desk = Desk::open(speed);
        desk.paper
            .set_clock(desk.paper.time(), Time::from_millis(wall_ms), speed);
        let answer = desk.post(&body);
        assert_eq!(answer["status"] == "ok", good, "{answer}");
        if !good {
            let text = answer["response"].as_str().unwrap();
            assert!(
                text.starts_with(&format!("Invalid nonce: nonce too low {nonce} < ")),
                "{text}"
            );
        }
    }
}

#[test]
fn a_wrong_signature_is_somebody_else() {
    let mut desk = Desk::open(1.0);
    let mut body = desk.body(MAKER, &order(0, true, "90000", "0.01", "Alo"));
    body["action"]["orders"][0]["p"] = json!("90001");
    let text = desk.post(&body)["response"].as_str().unwrap().to_owned();
    assert!(
        text.starts_with("User or API Wallet 0x") && text.ends_with(" does not exist."),
        "{text}"
    );
    assert!(!text.contains(&user(MAKER)));
    body["signature"]["r"] = json!("0x0");
    assert_eq!(desk.post(&body)["response"], "Unable to recover signer.");
    body["vaultAddress"] = json!(user(TAKER));
    body["signature"] = desk.body(MAKER, &json!({"type": "noop"}))["signature"].clone();
    assert_eq!(
        desk.post(&body)["response"],
        format!("Vault not registered: {}", user(TAKER))
    );
}

#[test]
fn what_is_no_action_is_refused_in_the_venues_words() {
    let mut desk = Desk::open(1.0);
    let mut answer = |body: &str| match desk.paper.submit(body.as_bytes()) {
        Submitted::Answered(answer) => (answer.status, String::from_utf8(answer.body).unwrap()),
        Submitted::Queued(id) => panic!("{id}"),
    };
    let (no_json, not_known) = (
        "Failed to parse the request body as JSON",
        "Failed to deserialize the JSON body into the target type",
    );
    assert_eq!(answer("{"), (400, no_json.to_owned()));
    assert_eq!(answer("{}"), (422, not_known.to_owned()));
    let unknown = signed(MAKER, &json!({"type": "noop"}), 1)
        .to_string()
        .replace("noop", "dance");
    assert_eq!(answer(&unknown), (422, not_known.to_owned()));
    let known = unknown.replace("dance", "twapOrder");
    let (status, said) = answer(&known);
    assert_eq!(status, 200);
    assert!(said.contains("Action twapOrder is not supported by this exchange."));
}

#[test]
fn what_the_venue_offers_and_this_exchange_does_not_is_answered_by_its_name() {
    let mut desk = Desk::open(1.0);
    let asked = |kind: &str| {
        desk.paper
            .info(format!(r#"{{"type":"{kind}"}}"#).as_bytes())
    };
    let referral = asked("referral");
    let text = b"Info request referral is not supported by this exchange.";
    assert_eq!((referral.status, &*referral.body), (422, &text[..]));
    assert!(asked("dance").body.starts_with(b"Failed to deserialize"));
    let connection = desk.paper.connect();
    for (kind, what) in [
        ("allDexsAssetCtxs", "Subscription allDexsAssetCtxs is not"),
        ("fastAssetCtxs", "Subscription fastAssetCtxs is not"),
        ("dance", "Error parsing JSON into valid"),
    ] {
        desk.subscribe(connection, &json!({"type": kind}));
        let frames = desk.frames();
        assert_eq!(frames[0]["channel"], "error");
        assert!(
            frames[0]["data"].as_str().unwrap().starts_with(what),
            "{frames:?}"
        );
    }
}

#[test]
fn requests_travel_over_the_websocket_too() {
    let mut desk = Desk::open(1.0);
    let connection = desk.paper.connect();
    let action = desk.body(MAKER, &order(0, true, "90000", "0.01", "Alo"));
    let post = |id: u64, kind: &str, payload: Value| json!({"method": "post", "id": id, "request": {"type": kind, "payload": payload}});
    desk.say(connection, &post(7, "action", action));
    assert_eq!(desk.frames(), Vec::<Value>::new());
    desk.block();
    let frames = desk.frames();
    assert_eq!(frames[0]["data"]["id"], 7);
    let payload = &frames[0]["data"]["response"]["payload"];
    assert!(
        payload["response"]["data"]["statuses"][0]["resting"]["oid"].is_u64(),
        "{payload}"
    );
    assert!(desk.paper.take_replies().is_empty());
    desk.say(
        connection,
        &post(8, "info", json!({"type": "l2Book", "coin": "BTC"})),
    );
    desk.say(connection, &post(9, "info", json!({"type": "dance"})));
    let frames = desk.frames();
    assert_eq!(frames[0]["data"]["response"]["payload"]["type"], "l2Book");
    assert_eq!(
        frames[0]["data"]["response"]["payload"]["data"]["levels"][0][0]["px"],
        "90000.0"
    );
    assert_eq!(frames[1]["data"]["response"]["type"], "error");
}

#[test]
fn subscriptions_are_acknowledged_once_and_complained_about_after() {
    let mut desk = Desk::open(1.0);
    let connection = desk.paper.connect();
    let bbo = json!({"type": "bbo", "coin": "BTC"});
    desk.subscribe(connection, &bbo);
    desk.subscribe(connection, &bbo);
    desk.say(
        connection,
        &json!({"method": "unsubscribe", "subscription": bbo}),
    );
    desk.say(
        connection,
        &json!({"method": "unsubscribe", "subscription": bbo}),
    );
    desk.say(connection, &json!({"method": "ping"}));
    desk.say(
        connection,
        &json!({"method": "subscribe", "subscription": {"type": "dance"}}),
    );
    let frames = desk.frames();
    assert_eq!(
        frames[0],
        json!({"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": bbo}})
    );
    assert_eq!(frames[1]["channel"], "bbo");
    assert_eq!(
        frames[2]["data"],
        r#"Already subscribed: {"type":"bbo","coin":"BTC"}"#
    );
    assert_eq!(frames[3]["data"]["method"], "unsubscribe");
    assert_eq!(
        frames[4]["data"],
        r#"Already unsubscribed: {"type":"bbo","coin":"BTC"}"#
    );
    assert_eq!(frames[5], json!({"channel": "pong"}));
    let text = frames[6]["data"].as_str().unwrap();
    assert!(
        text.starts_with("Error parsing JSON into valid websocket request: {"),
        "{text}"
    );
}

#[test]
fn a_subscription_to_what_is_not_there_cuts_the_socket() {
    let mut desk = Desk::open(1.0);
    let connection = desk.paper.connect();
    for wrong in [
        json!({"type": "bbo", "coin": "btc"}),
        json!({"type": "l2Book", "coin": "BTC", "nSigFigs": 7}),
        json!({"type": "activeAssetData", "coin": "DOGE", "user": user(MAKER)}),
    ] {
        assert_eq!(desk.subscribe(connection, &wrong), Verdict::Drop, "{wrong}");
    }
    let right = json!({"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 2});
    assert_eq!(desk.subscribe(connection, &right), Verdict::Keep);
}

#[test]
fn state_feeds_keep_time() {
    let mut desk = Desk::open(1.0);
    desk.act(MAKER, &order(0, false, "100001", "0.01", "Alo"));
    desk.act(MAKER, &order(0, true, "99999", "0.01", "Alo"));
    let connection = desk.paper.connect();
    for subscription in [
        json!({"type": "l2Book", "coin": "BTC"}),
        json!({"type": "l2Book", "coin": "BTC", "fast": true}),
        json!({"type": "activeAssetCtx", "coin": "BTC"}),
        json!({"type": "clearinghouseState", "user": user(MAKER)}),
        json!({"type": "activeAssetData", "user": user(MAKER), "coin": "BTC"}),
    ] {
        desk.subscribe(connection, &subscription);
    }
    desk.frames();
    let from = desk.paper.time();
    desk.paper
        .advance(Time(from.0 + 20 * 1_000_000_000), usize::MAX);
    let frames = desk.frames();
    let count = |channel: &str| {
        channels(&frames)
            .iter()
            .filter(|name| **name == channel)
            .count()
    };
    let fast = frames
        .iter()
        .filter(|frame| frame["data"]["fast"] == true)
        .count();
    // Blocks are 70 ms apart, so that periods of 0.5 s last 0.56 s and those of 1 s 1.05 s.
    assert_eq!((fast, count("l2Book") - fast), (35, 3));
    assert_eq!(
        (count("activeAssetCtx"), count("clearinghouseState")),
        (19, 3)
    );
    assert_eq!(count("activeAssetData"), 3);
}

#[test]
fn strangers_get_empty_shapes() {
    let desk = Desk::open(1.0);
    let stranger = "0xABCDEF0000000000000000000000000000000001";
    let ask = |kind: &str| desk.info(&json!({"type": kind, "user": stranger, "startTime": 0}));
    for kind in [
        "openOrders",
        "frontendOpenOrders",
        "userFills",
        "historicalOrders",
        "extraAgents",
        "userFillsByTime",
    ] {
        assert_eq!(ask(kind), json!([]), "{kind}");
    }
    assert_eq!(
        ask("clearinghouseState")["marginSummary"]["accountValue"],
        "0.0"
    );
    assert_eq!(ask("userRole"), json!({"role": "missing"}));
    assert_eq!(ask("userRateLimit")["nRequestsCap"], 10_000);
    assert_eq!(
        ask("portfolio")[0],
        json!(["day", {"accountValueHistory": [], "pnlHistory": [], "vlm": "0.0"}])
    );
}

#[test]
fn the_clock_is_announced_and_never_goes_back() {
    let mut desk = Desk::open(60.0);
    let connection = desk.paper.connect();
    desk.subscribe(connection, &json!({"type": "paperClock"}));
    let start = desk.paper.time().0;
    desk.paper.set_clock(Time(start + 500), Time(0), 59.5);
    desk.paper.set_clock(Time(start + 400), Time(0), 59.0);
    desk.paper.announce_clock();
    let frames = desk.frames();
    let wanted =
        json!({"timeNs": start + 500, "speed": 60.0, "speedAchieved": 59.0, "instance": "test"});
    assert_eq!(frames[2], json!({"channel": "paperClock", "data": wanted}));
    assert_eq!(desk.info(&json!({"type": "paperClock"})), wanted);
}

#[test]
fn the_report_has_each_action_and_what_is_left() {
    let mut desk = Desk::open(1.0);
    desk.act(MAKER, &order(0, false, "100000", "0.01", "Alo"));
    let lines = |bytes: &[u8]| -> Vec<Value> {
        let text = std::str::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let actions = lines(&desk.paper.take_report());
    assert_eq!(actions[0]["exposure"][0]["worst_short"], "-0.01");
    let rest = lines(&desk.paper.finish_report());
    assert_eq!(
        (&rest[0]["kind"], &rest[1]["orders_left"]),
        (&json!("left"), &json!(1))
    );
}

#[test]
fn settings_are_checked() {
    let good = json!({
        "instance": "test", "start_ms": START_MS, "warmup_ms": 0, "speed": 1.0, "block_ms": 70,
        "entry_ms": 0, "fees": {"maker": 15_000, "taker": 45_000}, "cadence": "2026",
        "gtc_partial": "resting", "schedule_gate": "volume", "accounts": [],
    });
    let refusal = |key: &str, value: Value| {
        let mut settings = good.clone();
        settings[key] = value;
        PaperConfig::parse(&settings.to_string())
            .unwrap_err()
            .to_string()
    };
    assert!(refusal("speed", json!(0.0)).starts_with("speed was 0"));
    assert!(refusal("entry_ms", json!(-1)).starts_with("entry_ms was -1"));
    assert!(refusal("sped", json!(1)).contains("unknown field `sped`"));
    let account = json!({"address": user(MAKER), "usdc": "1"});
    let twice = refusal("accounts", json!([account, account]));
    assert_eq!(twice, format!("account {} was given twice", user(MAKER)));
}
