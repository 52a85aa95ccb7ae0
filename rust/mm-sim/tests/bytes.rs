//! Whatever the bytes, every parser of the exchange answers or refuses, and in time; and what was
//! signed is carried out as it was signed, or not at all.

#![expect(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "shared between tests")]
#[path = "../../mm-core/tests/given/mod.rs"]
mod given;
#[path = "../../mm-hl/tests/mutations/mod.rs"]
mod mutations;

use std::time::{Duration, Instant};

use mm_core::engine::Engine;
use mm_core::event::{
    AccountState, BookSnapshot, Command, Event, EventBody, Fees, Fill, FillKind, Fills, HeadRoom,
    Level, OtherCoins,
};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::sign::{Network, Signer};
use mm_hl::wire::{Envelope, ExchangeAction};
use mm_sim::eventlog::{EventLog, replay, stand_at};
use mm_sim::frames::{Feed, Tape};
use mm_sim::wire::{Answer, MarketChoice, PaperConfig, PaperExchange, Submitted};
use mutations::{mutate, mutation};
use proptest::prelude::*;
use serde_json::{Value, json};

const START_MS: i64 = 1_800_000_000_000;
/// Far above what any of these takes, on a machine that does much else.
const IN_TIME: Duration = Duration::from_secs(20);

fn signer(who: u8) -> Signer {
    Signer::new(&format!("{who:02x}").repeat(32)).unwrap()
}

fn settings() -> Value {
    let account = |who| json!({"address": signer(who).address(), "usdc": "20000"});
    json!({
        "instance": "bytes", "start_ms": START_MS, "warmup_ms": 0, "speed": 1.0, "block_ms": 70,
        "entry_ms": 0, "fees": {"maker": 15_000, "taker": 45_000}, "cadence": "2026",
        "gtc_partial": "resting", "schedule_gate": "volume", "accounts": [account(1), account(2)],
        "vaults": [{"leader": signer(1).address(), "account": {"address": signer(9).address(), "usdc": "900"}}],
        "faults": {"seed": 3, "acts": [{"at_s": 900, "act": {"transfer": {"usd": -5}}}]},
    })
}

fn market() -> Value {
    json!({"kind": "clients", "perps": [
        {"coin": "AAA", "sz_decimals": 3, "max_leverage": 40},
        {"coin": "BBB", "sz_decimals": 1, "max_leverage": 10},
    ]})
}

/// An exchange with orders, a trade and a position.
struct House {
    paper: PaperExchange,
    connection: u64,
    nonce: u64,
}

impl House {
    fn open() -> Self {
        let config = PaperConfig::parse(&settings().to_string()).unwrap();
        let market: MarketChoice = serde_json::from_value(market()).unwrap();
        let market = market.open(config.start(), None).unwrap();
        let mut paper = PaperExchange::new(config, market).unwrap();
        let connection = paper.connect();
        let mut house = Self {
            paper,
            connection,
            nonce: START_MS.unsigned_abs(),
        };
        for (who, is_buy, px, sz) in [
            (2, false, "201", "1.5"),
            (2, true, "199", "1.5"),
            (1, true, "201", "0.5"),
        ] {
            let answer = house.act(who, &order(is_buy, px, sz));
            assert!(answer.contains("\"ok\""), "{answer}");
        }
        house
    }

    fn act(&mut self, who: u8, action: &Value) -> String {
        let action = ExchangeAction::parse(&action.to_string()).unwrap();
        self.send(&self.signed(who, action).unwrap())
    }

    fn signed(&self, who: u8, action: ExchangeAction) -> Option<Vec<u8>> {
        let envelope = signer(who).sign(action, self.nonce, None, None, Network::Testnet);
        envelope.ok()?.to_body().ok()
    }

    /// Hands in a body, runs its block if it got that far, and gives the answer.
    fn send(&mut self, body: &[u8]) -> String {
        self.nonce += 1;
        let answer = match self.paper.submit(body) {
            Submitted::Answered(answer) => answer,
            Submitted::Queued(_) => {
                self.block();
                let answers = self.paper.take_replies();
                answers.into_iter().next_back().map_or(
                    Answer {
                        status: 0,
                        body: Vec::new(),
                    },
                    |(_, answer)| answer,
                )
            }
        };
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    fn block(&mut self) {
        let next = self.paper.sim().next_block();
        self.paper.advance(next, 1);
        self.paper.take_frames();
    }

    fn hear(&mut self, bytes: &[u8]) {
        let _ = self.paper.info(bytes);
        let _ = self
            .paper
            .message(self.connection, &String::from_utf8_lossy(bytes));
        self.send(bytes);
        self.block();
    }
}

fn order(is_buy: bool, px: &str, sz: &str) -> Value {
    json!({"type": "order", "grouping": "na", "orders": [
        {"a": 0, "b": is_buy, "p": px, "s": sz, "r": false, "t": {"limit": {"tif": "Gtc"}},
            "c": "0x0000000000000000000000000000002a"},
    ]})
}

fn actions() -> Vec<Value> {
    let us = signer(1).address();
    let them = signer(2).address();
    let cloid = "0x0000000000000000000000000000002a";
    let chain = json!({"signatureChainId": "0x66eee", "hyperliquidChain": "Testnet"});
    let signed_by_user = |fields: Value| {
        let mut all = chain.clone();
        all.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        all
    };
    let changed = order(true, "198", "0.75")["orders"][0].clone();
    vec![
        order(true, "198.5", "0.25"),
        json!({"type": "order", "grouping": "na", "orders": [{"a": 0, "b": false, "p": "150", "s": "0.5",
            "r": true, "t": {"trigger": {"isMarket": true, "triggerPx": "160", "tpsl": "sl"}}}]}),
        json!({"type": "modify", "oid": 1, "order": changed}),
        json!({"type": "batchModify", "modifies": [{"oid": cloid, "order": changed}]}),
        json!({"type": "cancel", "cancels": [{"a": 0, "o": 2}]}),
        json!({"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": cloid}]}),
        json!({"type": "scheduleCancel", "time": START_MS + 60_000}),
        json!({"type": "updateLeverage", "asset": 0, "isCross": true, "leverage": 15}),
        json!({"type": "updateIsolatedMargin", "asset": 0, "isBuy": true, "ntli": 2_500_000}),
        json!({"type": "topUpIsolatedOnlyMargin", "asset": 0, "leverage": "2.5"}),
        json!({"type": "noop"}),
        json!({"type": "reserveRequestWeight", "weight": 7}),
        json!({"type": "createSubAccount", "name": "second"}),
        json!({"type": "subAccountTransfer", "subAccountUser": them, "isDeposit": true, "usd": 3_000_000}),
        json!({"type": "vaultTransfer", "vaultAddress": signer(9).address(), "isDeposit": true, "usd": 4_000_000}),
        signed_by_user(
            json!({"type": "usdSend", "destination": them, "amount": "12.5", "time": START_MS + 50}),
        ),
        signed_by_user(
            json!({"type": "withdraw3", "destination": us, "amount": "6.5", "time": START_MS + 51}),
        ),
        signed_by_user(
            json!({"type": "usdClassTransfer", "amount": "3.5", "toPerp": false, "nonce": START_MS + 52}),
        ),
        signed_by_user(
            json!({"type": "approveAgent", "agentAddress": them, "agentName": "b", "nonce": START_MS + 53}),
        ),
    ]
}

fn requests() -> Vec<Value> {
    let user = signer(1).address();
    let plain = [
        "meta",
        "metaAndAssetCtxs",
        "allMids",
        "predictedFundings",
        "perpDexs",
        "allPerpMetas",
        "perpsAtOpenInterestCap",
        "spotMeta",
        "exchangeStatus",
        "paperClock",
    ];
    let of_user = [
        "clearinghouseState",
        "spotClearinghouseState",
        "openOrders",
        "frontendOpenOrders",
        "historicalOrders",
        "userFills",
        "userFunding",
        "userNonFundingLedgerUpdates",
        "userRateLimit",
        "userFees",
        "portfolio",
        "userRole",
        "extraAgents",
        "subAccounts",
        "webData2",
    ];
    let mut all: Vec<Value> = plain
        .iter()
        .map(|kind| json!({"type": kind, "dex": ""}))
        .collect();
    all.extend(
        of_user
            .iter()
            .map(|kind| json!({"type": kind, "user": user, "startTime": 5})),
    );
    all.extend([
        json!({"type": "l2Book", "coin": "AAA", "nSigFigs": 5, "mantissa": 2}),
        json!({"type": "recentTrades", "coin": "AAA"}),
        json!({"type": "candleSnapshot", "req": {"coin": "AAA", "interval": "1m", "startTime": 0, "endTime": START_MS}}),
        json!({"type": "fundingHistory", "coin": "AAA", "startTime": 0, "endTime": START_MS}),
        json!({"type": "marginTable", "id": 51}),
        json!({"type": "orderStatus", "user": user, "oid": 1}),
        json!({"type": "userFillsByTime", "user": user, "startTime": 0, "endTime": START_MS, "reversed": true}),
        json!({"type": "activeAssetData", "user": user, "coin": "AAA"}),
    ]);
    all
}

fn frames() -> Vec<Value> {
    let user = signer(1).address();
    let feeds = [
        json!({"type": "l2Book", "coin": "AAA", "nSigFigs": 3, "fast": true}),
        json!({"type": "candle", "coin": "AAA", "interval": "15m"}),
        json!({"type": "userFills", "user": user, "aggregateByTime": true}),
        json!({"type": "activeAssetData", "user": user, "coin": "AAA"}),
        json!({"type": "paperClock"}),
    ];
    let mut all: Vec<Value> = feeds
        .iter()
        .flat_map(|feed| {
            ["subscribe", "unsubscribe"]
                .map(|method| json!({"method": method, "subscription": feed}))
        })
        .collect();
    all.push(json!({"method": "ping"}));
    let asks = requests()
        .into_iter()
        .map(|ask| json!({"type": "info", "payload": ask}));
    all.extend(asks.map(|request| json!({"method": "post", "id": 4, "request": request})));
    all
}

/// Lines of a recording of two frames and a trade, and of an event log.
fn lines() -> [String; 2] {
    let book = json!({"channel": "l2Book", "data": {"coin": "AAA", "time": START_MS, "levels": [
        [{"px": "199.5", "sz": "2.5", "n": 1}], [{"px": "200.5", "sz": "1.25", "n": 2}]]}});
    let trade = json!({"channel": "trades", "data": [{"coin": "AAA", "side": "A", "px": "199.5",
        "sz": "0.5", "time": START_MS + 100, "hash": "0x0", "tid": 11, "users": ["0x1", "0x2"]}]});
    let stamp = |ms: i64| (START_MS + ms) * 1_000_000;
    let recording = format!(
        "{} {book}\n{} {trade}\n{} {book}\n",
        stamp(1),
        stamp(120),
        stamp(500)
    );
    [recording, event_log()]
}

/// A quarter of a second of an engine's life: what it is told at its start, and a trade.
fn event_log() -> String {
    let account = AccountState {
        exch: Time::from_millis(START_MS),
        account_value: Usd(1_000_000_000),
        margin_used: Usd(3_000_000),
        position: Sz(40),
        position_value: Usd(8_000_000),
        other_coins: OtherCoins::NONE,
        liquidation_px: None,
    };
    let level = |px, sz| Level {
        px: Px(px),
        sz: Sz(sz),
    };
    let fill = Fill {
        exch: Time::from_millis(START_MS + 3),
        tid: 21,
        oid: 22,
        cloid: None,
        side: Side::Bid,
        px: Px(199_500),
        sz: Sz(15),
        start_position: Sz(40),
        fee: Usd(900),
        taker: true,
        kind: FillKind::Trade,
    };
    let bodies = [
        EventBody::Fees(Fees {
            maker: 1.5e-4,
            taker: 4.5e-4,
        }),
        EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(900); 2]),
        }),
        EventBody::Command(Command::Anchor(account)),
        EventBody::Book(BookSnapshot {
            exch: Time::from_millis(START_MS + 1),
            bids: vec![level(199_500, 300)],
            asks: vec![level(200_500, 200)],
        }),
        EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![fill],
        }),
        EventBody::Account(account),
        EventBody::Timer,
    ];
    let coin = Instrument::new("AAA", 0, 3, 40).unwrap();
    let mut log = EventLog::new(7, given::config(), coin.clone());
    let mut engine = Engine::new(given::config(), coin).unwrap();
    let mut actions = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let ms = i64::try_from(place).unwrap() * 40;
        let event = Event {
            recv: Time::from_millis(START_MS + ms),
            body,
        };
        log.event(&event);
        engine.step(&event, &mut actions);
    }
    log.finish();
    String::from_utf8(log.take()).unwrap()
}

fn read_files(bytes: &[u8]) {
    let coin = || Instrument::new("AAA", 0, 3, 40).unwrap();
    let _ = Tape::read(coin(), bytes, Feed::Recorded);
    let _ = replay(bytes);
    let _ = stand_at(bytes, None);
    let text = String::from_utf8_lossy(bytes);
    let _ = PaperConfig::parse(&text);
    let _ = serde_json::from_str::<MarketChoice>(&text);
}

fn messages() -> Vec<String> {
    let all = [requests(), frames(), vec![settings(), market()]].concat();
    all.iter().map(Value::to_string).chain(lines()).collect()
}

#[test]
fn the_samples_are_read_as_they_are() {
    let mut house = House::open();
    for request in requests() {
        assert_eq!(
            house.paper.info(request.to_string().as_bytes()).status,
            200,
            "{request}"
        );
    }
    for action in actions() {
        assert!(
            ExchangeAction::parse(&action.to_string()).is_ok(),
            "{action}"
        );
        assert!(
            !matches!(
                ExchangeAction::parse(&action.to_string()),
                Ok(ExchangeAction::Other(_))
            ),
            "{action}"
        );
    }
    let [recording, _] = lines();
    let coin = Instrument::new("AAA", 0, 3, 40).unwrap();
    assert_eq!(
        Tape::read(coin, recording.as_bytes(), Feed::Recorded)
            .unwrap()
            .steps()
            .len(),
        3
    );
    for frame in frames() {
        house.paper.take_frames();
        house.paper.message(house.connection, &frame.to_string());
        let heard = house.paper.take_frames();
        let heard = String::from_utf8_lossy(&heard[0].1).into_owned();
        assert!(!heard.contains("Error parsing"), "{frame}: {heard}");
    }
}

proptest! {
    #[test]
    fn prop_arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let began = Instant::now();
        House::open().hear(&bytes);
        read_files(&bytes);
        prop_assert!(began.elapsed() < IN_TIME);
    }

    #[test]
    fn prop_spoilt_messages_are_answered(
        message in prop::sample::select(messages()),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let began = Instant::now();
        let mut bytes = message.into_bytes();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        House::open().hear(&bytes);
        read_files(&bytes);
        prop_assert!(began.elapsed() < IN_TIME);
    }

    #[test]
    fn prop_spoilt_files_are_read_or_refused(
        file in prop::sample::select([lines().to_vec(), vec![settings().to_string()]].concat()),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let began = Instant::now();
        let mut bytes = file.into_bytes();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        read_files(&bytes);
        prop_assert!(began.elapsed() < IN_TIME);
    }

    /// Whatever a client signs, however absurd, is answered, and no money comes from nowhere.
    #[test]
    fn prop_spoilt_actions_that_are_signed_all_the_same_are_answered(
        picked in prop::collection::vec(
            (prop::sample::select(actions()), prop::collection::vec(mutation(), 0..3)), 1..6),
    ) {
        let began = Instant::now();
        let mut house = House::open();
        for (action, mutations) in picked {
            let mut bytes = action.to_string().into_bytes();
            for mutation in &mutations {
                mutate(&mut bytes, mutation);
            }
            let Ok(action) = ExchangeAction::parse(&String::from_utf8_lossy(&bytes)) else {
                continue;
            };
            if let Some(body) = house.signed(1, action) {
                house.send(&body);
                house.block();
            }
        }
        let sim = house.paper.sim();
        prop_assert_eq!(sim.total_value(), sim.total_deposits());
        prop_assert!(began.elapsed() < IN_TIME);
    }
}

/// A signed body, and every body that differs from it in one bit.
fn flipped(body: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..body.len() * 8).map(|bit| {
        let mut other = body.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        other
    })
}

/// Action, nonce, signature, vault address and expiry: no bit of them may be another. What still says
/// the same (a digit of hex in the other case) is the same request.
#[test]
fn a_signed_action_with_any_flipped_bit_is_refused() {
    let vault = signer(9).address();
    let expires = START_MS.unsigned_abs() + 30_000;
    let user_signed = actions()
        .into_iter()
        .find(|action| action["type"] == "usdSend")
        .unwrap();
    for (action, vault, expires) in [
        (order(true, "198.5", "0.25"), None, None),
        (order(true, "198.5", "0.25"), Some(vault), Some(expires)),
        (user_signed, None, None),
    ] {
        let mut house = House::open();
        let nonce = action["time"].as_u64().unwrap_or(house.nonce);
        let action = ExchangeAction::parse(&action.to_string()).unwrap();
        let envelope = signer(1)
            .sign(action, nonce, vault, expires, Network::Testnet)
            .unwrap();
        let body = envelope.to_body().unwrap();
        let before = state(&house);
        let (mut refused, mut same) = (0, 0);
        for other in flipped(&body) {
            if Envelope::parse(&other).is_ok_and(|other| says_the_same(&other, &envelope)) {
                same += 1;
                continue;
            }
            let text = String::from_utf8_lossy(&other).into_owned();
            match house.paper.submit(&other) {
                Submitted::Answered(answer) => {
                    let said = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(!said.contains(r#""status":"ok""#), "{text}: {said}");
                }
                Submitted::Queued(_) => panic!("{text} was taken"),
            }
            refused += 1;
        }
        assert!(
            refused > 2_000 && same < 400,
            "{refused} refused, {same} alike"
        );
        assert_eq!(state(&house), before, "nothing happened");
        let answer = house.send(&body);
        assert!(
            answer.contains(r#""status":"ok""#),
            "the true one is carried out: {answer}"
        );
    }
}

/// Whether two requests differ in nothing, or in the case of the hex digits of the chain's number.
fn says_the_same(one: &Envelope, other: &Envelope) -> bool {
    let [one, other] = [one, other].map(|envelope| {
        let mut value = serde_json::to_value(envelope).unwrap();
        if let Value::String(chain) = &mut value["action"]["signatureChainId"] {
            chain.make_ascii_lowercase();
        }
        value
    });
    one == other
}

fn state(house: &House) -> Vec<Vec<u8>> {
    let of = |who: u8| {
        let user = signer(who).address();
        [
            "clearinghouseState",
            "frontendOpenOrders",
            "userNonFundingLedgerUpdates",
        ]
        .map(|kind| {
            let ask = json!({"type": kind, "user": user});
            house.paper.info(ask.to_string().as_bytes()).body
        })
    };
    [1, 2, 9].into_iter().flat_map(of).collect()
}
