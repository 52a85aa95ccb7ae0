//! Our own client reads everything that the paper exchange sends.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use mm_core::event::{EventBody, Fills};
use mm_core::instrument::{Instrument, Round};
use mm_core::units::{Dur, Px, Sz, Time};
use mm_hl::decode::{Decoded, InfoKind, decode_frame, decode_info, decode_meta};
use mm_hl::sign::{Network, Signer};
use mm_hl::wire::ExchangeAction;
use mm_sim::wire::{MarketChoice, PaperConfig, PaperExchange, Submitted};
use serde_json::{Value, json};

const START_MS: i64 = 1_700_000_000_000;

fn open(user: &str, cadence: &str) -> PaperExchange {
    let config = json!({
        "instance": "test", "start_ms": START_MS, "warmup_ms": 300_000, "speed": 1.0,
        "block_ms": 70, "entry_ms": 100, "fees": {"maker": 15_000, "taker": 45_000},
        "cadence": cadence, "gtc_partial": "resting", "schedule_gate": "volume",
        "accounts": [{"address": user, "usdc": "10000"}],
    });
    let config = PaperConfig::parse(&config.to_string()).unwrap();
    let market: MarketChoice = serde_json::from_value(json!({"kind": "demo", "seed": 7})).unwrap();
    let market = market.open(config.start(), None).unwrap();
    PaperExchange::new(config, market).unwrap()
}

fn ask(paper: &PaperExchange, request: &Value) -> Vec<u8> {
    let answer = paper.info(request.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{request}");
    answer.body
}

fn run(paper: &mut PaperExchange, seconds: i64) {
    let to = paper.time().plus(Dur::from_millis(seconds * 1_000));
    paper.set_clock(to, to, 1.0);
    paper.advance(to, usize::MAX);
}

fn subscribe(paper: &mut PaperExchange, connection: u64, subscription: &Value) {
    let message = json!({"method": "subscribe", "subscription": subscription});
    paper.message(connection, &message.to_string());
}

fn kind(event: &EventBody) -> &'static str {
    match event {
        EventBody::Book(_) => "book",
        EventBody::Bbo(_) => "bbo",
        EventBody::Trades(_) => "trades",
        EventBody::AssetCtx(_) => "context",
        EventBody::Account(_) => "account",
        EventBody::HeadRoom(_) => "head room",
        EventBody::Fills(Fills { snapshot: true, .. }) => "past fills",
        EventBody::Fills(_) => "fills",
        EventBody::OrderUpdates(_) => "order updates",
        EventBody::Transfer(_) => "transfer",
        _ => "other",
    }
}

/// Decodes every frame sent and counts the events by kind.
fn understood(perp: &Instrument, paper: &mut PaperExchange) -> BTreeMap<&'static str, usize> {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, frame) in paper.take_frames() {
        let text = String::from_utf8_lossy(&frame);
        match decode_frame(perp, &frame).unwrap_or_else(|error| panic!("{error}: {text}")) {
            Decoded::Events(events) => {
                for event in &events {
                    *seen.entry(kind(event)).or_default() += 1;
                }
            }
            Decoded::Ack | Decoded::Clock(_) => {}
            // The past of a ledger is no news to our client.
            Decoded::Ignored if text.contains("\"isSnapshot\":true") => {}
            other => panic!("{other:?}: {text}"),
        }
    }
    seen
}

#[test]
fn every_frame_and_body_is_understood() {
    let signer = Signer::new(&"07".repeat(32)).unwrap();
    let user = signer.address().to_string();
    let mut paper = open(&user, "2026");
    let perp = decode_meta(&ask(&paper, &json!({"type": "meta"})), "ETH", 0).unwrap();
    let connection = paper.connect();
    for channel in [
        "l2Book",
        "bbo",
        "trades",
        "activeAssetCtx",
        "activeAssetData",
    ] {
        let subscription = json!({"type": channel, "coin": "ETH", "user": user});
        subscribe(&mut paper, connection, &subscription);
    }
    let own = [
        "userFills",
        "orderUpdates",
        "userFundings",
        "userNonFundingLedgerUpdates",
        "clearinghouseState",
    ];
    for channel in own {
        subscribe(
            &mut paper,
            connection,
            &json!({"type": channel, "user": user}),
        );
    }
    subscribe(&mut paper, connection, &json!({"type": "paperClock"}));
    let far = perp.format_px(perp.snap_px(
        Px(paper.sim().mark(perp.asset()).unwrap().0 * 101 / 100),
        Round::Up,
    ));
    let action = json!({"type": "order", "grouping": "na", "orders": [
        {"a": perp.asset(), "b": true, "p": far, "s": "0.05", "r": false, "t": {"limit": {"tif": "Ioc"}}},
    ]});
    let action = ExchangeAction::parse(&action.to_string()).unwrap();
    let nonce = START_MS.unsigned_abs();
    let envelope = signer
        .sign(action, nonce, None, None, Network::Testnet)
        .unwrap();
    let queued = paper.submit(&serde_json::to_vec(&envelope).unwrap());
    assert_eq!(queued, Submitted::Queued(1));
    run(&mut paper, 30);
    let seen = understood(&perp, &mut paper);
    for (event, least) in [
        ("book", 5),
        ("bbo", 20),
        ("trades", 3),
        ("context", 25),
        ("account", 6),
        ("head room", 6),
        ("past fills", 1),
        ("fills", 1),
        ("order updates", 1),
    ] {
        assert!(
            seen.get(event).is_some_and(|count| *count >= least),
            "{event}: {seen:?}"
        );
    }
    bodies_agree(&paper, &user);
}

/// Every body our client asks for reads back as what the exchange holds.
fn bodies_agree(paper: &PaperExchange, user: &str) {
    let perp = decode_meta(&ask(paper, &json!({"type": "meta"})), "ETH", 0).unwrap();
    let read = |name: &str| {
        let request = json!({"type": name, "user": user, "coin": "ETH", "req": {
            "coin": "ETH", "interval": "1m", "startTime": 0, "endTime": START_MS * 2,
        }});
        let kind: InfoKind = name.parse().unwrap();
        decode_info(kind, &perp, &ask(paper, &request), paper.time())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let EventBody::Account(account) = read("clearinghouseState") else {
        panic!()
    };
    let address = user.parse().unwrap();
    let view = paper.sim().account(address).unwrap();
    assert_eq!(
        (account.position, account.account_value),
        (Sz(500), view.value)
    );
    assert_eq!(
        (account.margin_used, account.position_value),
        (view.margin_used, view.notional)
    );
    assert_eq!(account.exch, paper.time());
    let EventBody::HeadRoom(room) = read("activeAssetData") else {
        panic!()
    };
    assert_eq!(
        room.max_trade_szs,
        paper
            .sim()
            .head_room(address, perp.asset())
            .unwrap()
            .max_trade_szs
    );
    let EventBody::Candles(candles) = read("candleSnapshot") else {
        panic!()
    };
    assert!(candles.len() >= 4, "{}", candles.len());
    assert!(candles.windows(2).all(|pair| pair[0].close < pair[1].open));
    let EventBody::Fees(fees) = read("userFees") else {
        panic!()
    };
    assert!((fees.maker - 1.5e-4).abs() < 1e-12 && (fees.taker - 4.5e-4).abs() < 1e-12);
    let EventBody::Fills(fills) = read("userFills") else {
        panic!()
    };
    assert_eq!(fills.fills.iter().map(|fill| fill.sz).sum::<Sz>(), Sz(500));
    for name in [
        "openOrders",
        "frontendOpenOrders",
        "userRateLimit",
        "l2Book",
    ] {
        read(name);
    }
}

#[test]
fn the_legacy_cadence_shows_a_whole_book_twice_a_second() {
    let user = Signer::new(&"07".repeat(32)).unwrap().address().to_string();
    let books = |cadence: &str| {
        let mut paper = open(&user, cadence);
        let connection = paper.connect();
        subscribe(
            &mut paper,
            connection,
            &json!({"type": "l2Book", "coin": "BTC"}),
        );
        run(&mut paper, 60);
        paper.take_frames().len() - 2
    };
    assert_eq!((books("legacy"), books("2026")), (107, 11));
}

#[test]
fn blocks_are_whole_and_none_is_skipped() {
    let user = Signer::new(&"07".repeat(32)).unwrap().address().to_string();
    let (mut at_once, mut in_steps) = (open(&user, "2026"), open(&user, "2026"));
    let to = Time::from_millis(START_MS + 20_000);
    at_once.advance(to, usize::MAX);
    while in_steps.sim().next_block() <= to {
        let before = in_steps.time();
        let reached = in_steps.advance(to, 3);
        assert!(reached.since(before) <= Dur::from_millis(3 * 70));
    }
    assert_eq!(at_once.time(), in_steps.time());
    assert_eq!(at_once.finish_report(), in_steps.finish_report());
}
