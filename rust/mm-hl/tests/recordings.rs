//! Every recorded message of the venue that concerns us is read.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use mm_core::action::{Action, ActionBody, Cancel, Cloid, NewOrder, Reason, Tif};
use mm_core::event::{
    EventBody, Fill, ItemStatus, Level, OrderStatus, RejectionClass, ReplyOutcome, Trade,
};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::decode::{
    DecodeError, Decoded, InfoKind, archive_line, decode_frame, decode_info, decode_meta,
    decode_reply,
};
use mm_hl::wire::ExchangeAction;
use serde_json::{Value, json};

/// The recordings, or `None` with a word why where they are absent. In CI they must be there.
fn protocol() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("MM_SHARED_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let protocol = data.join("protocol");
    if protocol.is_dir() {
        return Some(protocol);
    }
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "no recordings in {}",
        data.display()
    );
    eprintln!(
        "skipped: no recordings in {} (set MM_SHARED_DATA)",
        data.display()
    );
    None
}

fn perp(coin: &str, asset: u32, sz_decimals: u32) -> Instrument {
    Instrument::new(coin, asset, sz_decimals, 40).unwrap()
}

fn one(decoded: Decoded) -> EventBody {
    let Decoded::Events(mut events) = decoded else {
        panic!("{decoded:?}")
    };
    assert_eq!(events.len(), 1);
    events.pop().unwrap()
}

/// `(name, raw)` of the testnet capture.
fn testnet() -> Option<Vec<(String, String)>> {
    let lines = std::fs::read_to_string(protocol()?.join("testnet-frames-20260728.jsonl")).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        (text("name"), text("raw"))
    };
    Some(lines.lines().map(line).collect())
}

#[test]
fn testnet_frames_are_read() {
    let Some(lines) = testnet() else { return };
    let btc = perp("BTC", 3, 5);
    let mut seen = 0;
    for (name, raw) in lines.iter().filter(|(name, _)| !name.starts_with("info_")) {
        let decoded = decode_frame(&btc, raw.as_bytes()).unwrap();
        seen += 1;
        match name.as_str() {
            "pong" => assert_eq!(decoded, Decoded::Heartbeat),
            "error_unknown_type" => {
                let Decoded::Error(text) = decoded else {
                    panic!("{decoded:?}")
                };
                assert!(text.contains("noSuchType"), "{text}");
            }
            _ if name.starts_with("subscriptionResponse") => assert_eq!(decoded, Decoded::Ack),
            _ => check_testnet_event(name, one(decoded)),
        }
    }
    assert_eq!(seen, 12);
}

fn check_testnet_event(name: &str, event: EventBody) {
    let cloid = Cloid::parse("0xa1f0cddc17303d07f3fd128d5b35071d");
    match (name, event) {
        (_, EventBody::Book(book)) if name.starts_with("l2Book_fast") => {
            assert_eq!((book.bids.len(), book.asks.len()), (5, 5));
            assert!(book.bids[0].px < book.asks[0].px);
        }
        ("bbo_2", EventBody::Bbo(bbo)) => {
            assert_eq!(bbo.exch, Time::from_millis(1_785_251_522_090));
            assert_eq!(
                bbo.bid,
                Some(Level {
                    px: Px(634_570),
                    sz: Sz(28)
                })
            );
            assert_eq!(
                bbo.ask,
                Some(Level {
                    px: Px(634_880),
                    sz: Sz(1246)
                })
            );
        }
        ("trades_replay_on_subscribe", EventBody::Trades(trades)) => {
            let exch = Time::from_millis(1_785_251_456_343);
            let (px, sz) = (Px(637_190), Sz(16));
            let first = Trade {
                exch,
                tid: 447_757_798_903_687,
                side: Side::Bid,
                px,
                sz,
            };
            assert_eq!((trades.len(), trades[0]), (2, first));
        }
        ("userFills_empty_snapshot", EventBody::Fills(fills)) => {
            assert!(fills.snapshot && fills.fills.is_empty());
        }
        ("userFills_increment", EventBody::Fills(fills)) => {
            assert!(!fills.snapshot);
            let fill = fills.fills[0];
            assert_eq!(
                (fill.oid, fill.tid, fill.cloid),
                (57_118_842_019, 123_456_789, cloid)
            );
            assert_eq!(
                (fill.side, fill.px, fill.sz),
                (Side::Bid, Px(317_950), Sz(16))
            );
            assert_eq!(
                (fill.start_position, fill.fee, fill.taker),
                (Sz(0), Usd(0), false)
            );
        }
        ("orderUpdates_open" | "orderUpdates_canceled", EventBody::OrderUpdates(updates)) => {
            let open = name == "orderUpdates_open";
            let status = if open {
                OrderStatus::Open
            } else {
                OrderStatus::Canceled
            };
            assert_eq!((updates[0].cloid, updates[0].sz), (cloid, Sz(37)));
            assert_eq!((updates.len(), updates[0].status), (1, status));
        }
        (name, event) => panic!("{name}: {event:?}"),
    }
}

#[test]
fn testnet_frames_of_another_coin_are_nothing_but_its_fills() {
    let Some(lines) = testnet() else { return };
    let other = perp("ETH", 4, 4);
    for (name, raw) in lines.iter().filter(|(name, _)| !name.starts_with("info_")) {
        match decode_frame(&other, raw.as_bytes()).unwrap() {
            // They move the one equity.
            Decoded::Events(events) => assert!(name.starts_with("userFills"), "{events:?}"),
            decoded => assert!(decoded != Decoded::Ignored || raw.contains("BTC"), "{name}"),
        }
    }
}

/// A `meta` with a table of one tier for each perp that names one.
fn with_tables(body: &[u8]) -> Vec<u8> {
    let mut meta: Value = serde_json::from_slice(body).unwrap();
    let perps = meta["universe"].as_array().unwrap().iter();
    let table = |perp: &Value| {
        let tier = json!({"lowerBound": "0.0", "maxLeverage": perp["maxLeverage"]});
        json!([perp["marginTableId"], {"marginTiers": [tier]}])
    };
    let tables: Vec<Value> = perps.map(table).collect();
    meta["marginTables"] = tables.into();
    meta.to_string().into_bytes()
}

#[test]
fn testnet_bodies_are_read() {
    let Some(lines) = testnet() else { return };
    let body = |name: &str| {
        lines
            .iter()
            .find(|(at, _)| at == name)
            .unwrap()
            .1
            .as_bytes()
    };
    // The recorder cut the margin tables off, which the venue never does.
    let refused = decode_meta(body("info_meta_trimmed"), "BTC", 0).unwrap_err();
    assert!(refused.to_string().contains("marginTableId"), "{refused}");
    let whole = with_tables(body("info_meta_trimmed"));
    let btc = decode_meta(&whole, "BTC", 0).unwrap();
    assert_eq!(
        (btc.asset(), btc.sz_decimals(), btc.max_leverage()),
        (1, 5, 40)
    );
    let es = decode_meta(body("info_meta_dex_unit"), "unit:ES", 110_000).unwrap();
    assert_eq!((es.asset(), es.sz_decimals()), (110_000, 2));
    let delisted = decode_meta(body("info_meta_dex_unit"), "unit:NQ", 110_000);
    assert!(matches!(delisted, Err(DecodeError::Delisted(_))));
    let unknown = decode_meta(body("info_meta_trimmed"), "btc", 0)
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("did you mean \"BTC\"?"), "{unknown}");

    let flat = body("info_clearinghouseState_flat");
    let account = decode_info(InfoKind::ClearinghouseState, &btc, flat, Time(0)).unwrap();
    let EventBody::Account(account) = account else {
        panic!()
    };
    assert_eq!(account.exch, Time::from_millis(1_785_259_956_738));
    assert_eq!((account.position, account.account_value), (Sz(0), Usd(0)));

    let open = body("info_openOrders_one");
    let open = decode_info(InfoKind::OpenOrders, &btc, open, Time(0)).unwrap();
    let EventBody::OpenOrders(open) = open else {
        panic!()
    };
    assert_eq!((open.orders.len(), open.orders[0].oid), (1, 57_118_842_019));
    assert_eq!(
        (open.orders[0].px, open.orders[0].reduce_only),
        (Px(317_950), false)
    );
}

#[test]
fn archive_lines_are_read() {
    let Some(protocol) = protocol() else { return };
    let lines = std::fs::read_to_string(protocol.join("archive-lines.jsonl")).unwrap();
    let coins = [perp("SOL", 5, 2), perp("ETH", 1, 4)];
    assert_eq!(lines.lines().count(), coins.len());
    for (line, coin) in lines.lines().zip(&coins) {
        let line = archive_line(line.as_bytes()).unwrap();
        let EventBody::Book(book) = one(decode_frame(coin, line.frame.as_bytes()).unwrap()) else {
            panic!("{}", line.frame)
        };
        assert_eq!((book.bids.len(), book.asks.len()), (20, 20));
        assert!(line.recv > book.exch && line.recv.since(book.exch).as_secs() < 660.0);
    }
}

struct Conversation {
    file: String,
    request: Value,
    status: u16,
    response: Value,
}

/// Every recorded exchange of a request and its answer.
fn conversations() -> Option<Vec<Conversation>> {
    let protocol = protocol()?;
    let mut found = Vec::new();
    for folder in ["exchange-go", "info-python-sdk"] {
        for entry in std::fs::read_dir(protocol.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for mut value in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
                found.push(Conversation {
                    file: path.file_name().unwrap().to_string_lossy().into_owned(),
                    request: value["request"].take(),
                    status: value["status"].as_u64().unwrap().try_into().unwrap(),
                    response: value["response"].take(),
                });
            }
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Some(found)
}

#[test]
fn recorded_exchange_conversations_are_read() {
    let Some(conversations) = conversations() else {
        return;
    };
    let coin = perp("T", 173, 0);
    let (mut replies, mut classes) = (0, BTreeSet::new());
    for Conversation {
        file,
        request,
        status,
        response,
    } in conversations
    {
        if request.get("action").is_none() {
            continue;
        }
        let sent = ExchangeAction::parse(&request["action"].to_string()).unwrap();
        let action = Action {
            id: 1,
            cycle: 1,
            body: same_shape(&sent),
        };
        let outcome = decode_reply(&action, &coin, status, response.to_string().as_bytes());
        replies += 1;
        match outcome {
            ReplyOutcome::Refused(refused) => _ = classes.insert(refused.class),
            ReplyOutcome::Statuses(statuses) => {
                assert_eq!(statuses.len(), sent.items(), "{file}");
                for status in statuses {
                    if let ItemStatus::Error(refused) = status {
                        classes.insert(refused.class);
                    }
                }
            }
            ReplyOutcome::Lost => panic!("{file}: {response}"),
        }
    }
    assert_eq!(replies, 15);
    let expected = [
        RejectionClass::MinNotional,
        RejectionClass::Gone,
        RejectionClass::Auth,
    ];
    assert_eq!(classes, BTreeSet::from(expected));
}

/// An engine's action with as many items of the same kind.
fn same_shape(sent: &ExchangeAction) -> ActionBody {
    let cloid = Cloid(1);
    let cancel = Cancel {
        cloid,
        reason: Reason::Stop,
    };
    match sent {
        ExchangeAction::Order(action) => {
            let order = NewOrder {
                cloid,
                side: Side::Bid,
                px: Px(1),
                sz: Sz(1),
                tif: Tif::Gtc,
                reduce_only: false,
                reason: Reason::NewLevel,
            };
            ActionBody::Place(vec![order; action.orders.len()])
        }
        ExchangeAction::CancelByCloid(action) => {
            ActionBody::Cancel(vec![cancel; action.cancels.len()])
        }
        // By oid: the answers are those of cancels by cloid.
        ExchangeAction::Cancel(action) => ActionBody::Cancel(vec![cancel; action.cancels.len()]),
        other => panic!("{other:?}"),
    }
}

/// Each coin named anywhere in a body, with size decimals that fit what is printed.
fn coins(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| coins(value, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(coin) if key == "coin" || key == "s" => _ = found.insert(coin.to_owned()),
                    _ => coins(value, found),
                }
            }
        }
        _ => {}
    }
}

/// The size decimals of 2023 and later, from the recorded `meta`.
fn listed(conversations: &[Conversation], coin: &str) -> Option<Instrument> {
    let metas = conversations
        .iter()
        .filter(|at| at.request["type"] == "meta");
    metas
        .into_iter()
        .find_map(|meta| decode_meta(meta.response.to_string().as_bytes(), coin, 0).ok())
}

#[test]
fn recorded_info_conversations_are_read() {
    let Some(conversations) = conversations() else {
        return;
    };
    let mut kinds = BTreeSet::new();
    let mut read = 0;
    for Conversation {
        file,
        request,
        response,
        ..
    } in &conversations
    {
        let Some(kind) = request["type"].as_str() else {
            continue;
        };
        let Ok(info) = kind.parse::<InfoKind>() else {
            continue;
        };
        if info == InfoKind::UserFills && file.starts_with("test_get_user_fills") {
            continue; // from before trade ids: below
        }
        kinds.insert(kind.to_owned());
        let mut named = BTreeSet::new();
        coins(response, &mut named);
        for coin in if named.is_empty() {
            BTreeSet::from(["BTC".to_owned()])
        } else {
            named
        } {
            let coin = listed(&conversations, &coin).unwrap_or_else(|| panic!("{file}: {coin}"));
            let body = response.to_string();
            let event = decode_info(info, &coin, body.as_bytes(), Time(i64::MAX));
            let event = event.unwrap_or_else(|error| panic!("{file} {coin:?}: {error}"));
            match event {
                EventBody::Candles(candles) => assert!(!candles.is_empty()),
                EventBody::Book(book) => assert!(book.bids.len() == 20 && book.asks.len() == 20),
                EventBody::HeadRoom(room) => assert_eq!(room.max_trade_szs, Some([Sz(7242); 2])),
                _ => {}
            }
            read += 1;
        }
    }
    let expected = [
        "activeAssetData",
        "candleSnapshot",
        "clearinghouseState",
        "frontendOpenOrders",
        "l2Book",
        "openOrders",
        "userFillsByTime",
        "userRateLimit",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    assert!(read > 30, "{read}");
}

#[test]
fn recorded_accounts_add_up() {
    let Some(conversations) = conversations() else {
        return;
    };
    let state = conversations
        .iter()
        .find(|at| at.file == "test_get_user_state.json")
        .unwrap();
    let body = state.response.to_string();
    let at = Time(7);
    let btc = perp("BTC", 0, 5);
    let account = decode_info(InfoKind::ClearinghouseState, &btc, body.as_bytes(), at).unwrap();
    let EventBody::Account(account) = account else {
        panic!()
    };
    assert_eq!((account.position, account.exch), (Sz(-785), at));
    assert_eq!(account.account_value, Usd(1_182_312_496));
    assert_eq!(account.margin_used, Usd(171_740_766));
    assert_eq!(account.position_value, Usd(211_645_420));
}

/// The venue let an account trade with itself in 2023: two fills that start from one position.
fn self_trade(fill: &Fill, fills: &[Fill]) -> bool {
    fills
        .iter()
        .any(|other| other.exch == fill.exch && other.side != fill.side && other.sz == fill.sz)
}

#[test]
fn recorded_fills_continue_each_other() {
    let Some(conversations) = conversations() else {
        return;
    };
    let recorded = conversations
        .iter()
        .filter(|at| at.file.starts_with("test_get_user_fills"));
    for Conversation { file, response, .. } in recorded {
        let body = response.to_string();
        let sol = listed(&conversations, "SOL").unwrap();
        let old = decode_info(InfoKind::UserFills, &sol, body.as_bytes(), Time(0)).unwrap_err();
        assert!(
            old.to_string().contains("missing field `tid`"),
            "{file}: {old}"
        );

        let mut stamped = response.clone();
        for (tid, fill) in stamped.as_array_mut().unwrap().iter_mut().enumerate() {
            fill["tid"] = tid.into();
        }
        let body = stamped.to_string();
        let mut named = BTreeSet::new();
        coins(response, &mut named);
        let (mut read, mut breaks) = (0, 0);
        for coin in named {
            let coin = listed(&conversations, &coin).unwrap();
            let fills = decode_info(InfoKind::UserFills, &coin, body.as_bytes(), Time(0)).unwrap();
            let EventBody::Fills(fills) = fills else {
                panic!()
            };
            assert!(fills.snapshot);
            let traded = fills
                .fills
                .iter()
                .filter(|fill| !self_trade(fill, &fills.fills));
            for (before, after) in traded.clone().zip(traded.skip(1)) {
                let left = before.start_position + before.side.signed(before.sz);
                breaks += usize::from(left != after.start_position);
            }
            read += fills.fills.len();
        }
        assert_eq!(read, 500);
        assert_eq!(
            breaks, 1,
            "{file}: one ARB fill is missing in the recording"
        );
    }
}
