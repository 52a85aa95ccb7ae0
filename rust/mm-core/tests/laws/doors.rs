//! NaN, infinity and what is no number: refused at every door, whichever number it stands for.

use mm_core::action::Cloid;
use mm_core::budget::Restored;
use mm_core::engine::{Drill, Engine, EngineConfig};
use mm_core::event::{
    AccountState, AssetCtx, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill,
    FillKind, Fills, Funding, HeadRoom, ItemStatus, Level, Novelty, NoveltyPlace, OpenOrder,
    OpenOrders, OrderFate, OrderStatus, OrderUpdate, OtherCoins, OtherFill, OtherFunding,
    RateLimit, ReferencePx, Reply, ReplyOutcome, Stream, StreamState, StreamStatus, Trade,
    Transfer,
};
use mm_core::gate::Enforcement;
use mm_core::instrument::Instrument;
use mm_core::requests::spending::Spending;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use serde_json::Value;

use crate::desk;

/// What writers of JSON make of NaN, of infinities and of what is beyond them.
const NO_NUMBERS: [&str; 10] = [
    "null",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "\"NaN\"",
    "\"inf\"",
    "\"-inf\"",
    "\"1\"",
];
/// The ends of what a float holds: numbers, but of nothing here.
const ENDS: [&str; 2] = ["1.7e308", "-1.7e308"];
/// Settings for which nothing may be given, and what that means.
const OPTIONAL: [&str; 10] = [
    "/limits/gap_move_frac",
    "/limits/position_cap_usd",
    "/limits/position_cap_coin",
    "/limits/equity_share_frac",
    "/limits/warmup_max_position_usd",
    "/quoting/max_bps_diff",
    "/drill",
    "/AssetCtx/mid_px",
    "/AssetCtx/premium",
    "/liquidation_px",
];

/// The path of every number in a tree, as JSON pointers.
fn numbers(tree: &Value) -> Vec<String> {
    let below = |key: String, child: &Value| -> Vec<String> {
        numbers(child)
            .into_iter()
            .map(|path| format!("/{key}{path}"))
            .collect()
    };
    match tree {
        Value::Number(_) => vec![String::new()],
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, child)| below(key.clone(), child))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, child)| below(i.to_string(), child))
            .collect(),
        _ => Vec::new(),
    }
}

/// The text of a tree with another text in the place of one number.
fn with(tree: &Value, path: &str, text: &str) -> String {
    const PLACE: &str = "the only one";
    let mut tree = tree.clone();
    *tree.pointer_mut(path).unwrap() = PLACE.into();
    tree.to_string().replace(&format!("\"{PLACE}\""), text)
}

fn may_be_absent(path: &str, text: &str) -> bool {
    text == "null" && OPTIONAL.iter().any(|optional| path.ends_with(optional))
}

/// Every setting there is, with a number wherever one can stand.
fn whole_config() -> EngineConfig {
    let mut json = serde_json::to_value(desk::config("{}")).unwrap();
    for (section, key) in [
        ("limits", "gap_move_frac"),
        ("limits", "position_cap_usd"),
        ("limits", "position_cap_coin"),
        ("limits", "equity_share_frac"),
        ("quoting", "max_bps_diff"),
    ] {
        assert!(json[section][key].is_null());
        json[section][key] = 0.5.into();
    }
    json["quoting"]["depths_bps"] = serde_json::json!([1.0, 2.0, 4.0]);
    let mut config: EngineConfig = serde_json::from_value(json).unwrap();
    config.drill = Some(Drill {
        room_factor: 2.0,
        gate: Enforcement::Enforced,
        bug: None,
    });
    config
}

fn opens(text: &str) -> bool {
    let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
    serde_json::from_str::<EngineConfig>(text).is_ok_and(|config| Engine::new(config, btc).is_ok())
}

#[test]
fn every_number_of_the_configuration_must_be_one() {
    let tree = serde_json::to_value(whole_config()).unwrap();
    assert!(opens(&tree.to_string()));
    let paths = numbers(&tree);
    assert!(paths.len() >= 90, "{}", paths.len());
    let mut let_in = Vec::new();
    for path in &paths {
        for text in NO_NUMBERS.iter().chain(&ENDS) {
            if opens(&with(&tree, path, text)) && !may_be_absent(path, text) {
                let_in.push((path, text));
            }
        }
    }
    assert!(let_in.is_empty(), "{let_in:?}");
}

/// What JSON cannot say, a caller in Rust can.
#[test]
fn a_float_that_is_no_number_opens_no_engine() {
    let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
    for no_number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for spoil in [
            |c: &mut EngineConfig, x| c.quoting.kappa_per_bps = x,
            |c: &mut EngineConfig, x| c.quoting.max_bps_diff = Some(x),
            |c: &mut EngineConfig, x| c.quoting.depths_bps = Some(vec![1.0, x]),
            |c: &mut EngineConfig, x| c.control.kill_stale_s = x,
            |c: &mut EngineConfig, x| c.recovery.stuck_s = x,
            |c: &mut EngineConfig, x| {
                c.drill = Some(Drill {
                    room_factor: x,
                    gate: Enforcement::Enforced,
                    bug: None,
                });
            },
        ] {
            let mut config = whole_config();
            spoil(&mut config, no_number);
            assert!(Engine::new(config, btc.clone()).is_err());
        }
    }
}

const T: Time = Time(desk::START);
const PX: Px = Px(1_000_000);
const SZ: Sz = Sz(5);

fn market() -> Vec<EventBody> {
    let level = Level {
        px: Px(1_000_000),
        sz: Sz(5),
    };
    vec![
        EventBody::Book(BookSnapshot {
            exch: T,
            bids: vec![level],
            asks: vec![level],
        }),
        EventBody::Bbo(Bbo {
            exch: T,
            bid: Some(level),
            ask: Some(level),
        }),
        EventBody::Trades(vec![Trade {
            exch: T,
            tid: 1,
            side: Side::Bid,
            px: level.px,
            sz: level.sz,
        }]),
        EventBody::AssetCtx(AssetCtx {
            mark_px: 1e5,
            oracle_px: 1e5,
            mid_px: Some(1e5),
            funding_rate_per_h: 1e-5,
            premium: None,
            open_interest: 1e4,
            day_notional_usd: 1e9,
        }),
        EventBody::Reference(ReferencePx { exch: T, px: 4e3 }),
        EventBody::Candles(vec![Candle {
            open: T,
            close: T,
            close_px: 1e5,
        }]),
        EventBody::AtOpenInterestCap(true),
        EventBody::Fees(Fees {
            maker: 1e-4,
            taker: 4e-4,
        }),
        EventBody::RateLimit(RateLimit {
            used: 1,
            cap: 10_000,
        }),
        EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(9); 2]),
        }),
        EventBody::Stream(StreamStatus {
            stream: Stream::User,
            state: StreamState::Up,
        }),
        EventBody::Novelty(Novelty {
            place: NoveltyPlace::Channel,
            word: "new".to_owned(),
        }),
        EventBody::Timer,
    ]
}

const REPORT: AccountState = AccountState {
    exch: T,
    account_value: Usd(1_000),
    margin_used: Usd(10),
    position: SZ,
    position_value: Usd(5),
    other_coins: OtherCoins {
        value: Usd(1),
        size: 1,
    },
    liquidation_px: Some(PX),
};

fn account() -> Vec<EventBody> {
    let saved = Restored {
        day: 19_000,
        opening: Usd(9),
        peak: Usd(9),
        equity: Usd(9),
        transfers: Usd(1),
        at: T,
    };
    vec![
        EventBody::Account(REPORT),
        EventBody::Funding(Funding {
            exch: T,
            usd: Usd(-1),
        }),
        EventBody::OtherFunding(OtherFunding {
            coin: "ETH".to_owned(),
            exch: T,
            usd: Usd(-1),
        }),
        EventBody::Spent(vec![Spending::Settled { items: 1 }]),
        EventBody::Transfer(Transfer {
            exch: T,
            usd: Usd(1),
            id: 3,
        }),
        EventBody::Command(Command::Anchor(REPORT)),
        EventBody::Command(Command::Restore(saved)),
    ]
}

fn orders() -> Vec<EventBody> {
    let cloid = Cloid::new(7, 1);
    let fill = Fill {
        exch: T,
        tid: 1,
        oid: 2,
        cloid: Some(cloid),
        side: Side::Bid,
        px: PX,
        sz: SZ,
        start_position: SZ,
        fee: Usd(1),
        taker: false,
        kind: FillKind::Trade,
    };
    let status = OrderStatus::Open;
    let update = OrderUpdate {
        exch: T,
        oid: 2,
        cloid: Some(cloid),
        sz: SZ,
        status,
    };
    let order = OpenOrder {
        oid: 2,
        cloid: Some(cloid),
        side: Side::Ask,
        px: PX,
        sz: SZ,
        reduce_only: false,
        trigger: None,
    };
    let statuses = vec![
        ItemStatus::Resting(2),
        ItemStatus::Filled { oid: 2, sz: SZ },
    ];
    vec![
        EventBody::Fills(Fills {
            snapshot: false,
            others: vec![OtherFill {
                coin: "ETH".to_owned(),
                exch: T,
                tid: 1,
                size: 5,
                notional: Usd(5),
                fee: Usd(1),
            }],
            fills: vec![fill],
        }),
        EventBody::OrderUpdates(vec![update]),
        EventBody::OpenOrders(OpenOrders {
            orders: vec![order],
        }),
        EventBody::OrderStatus(OrderFate {
            cloid,
            found: Some(update),
        }),
        EventBody::Reply(Reply {
            action: 1,
            outcome: ReplyOutcome::Statuses(statuses),
        }),
    ]
}

/// A new kind of event must be given an example above.
const fn is_here(body: &EventBody) -> bool {
    match body {
        EventBody::Book(_)
        | EventBody::Bbo(_)
        | EventBody::Trades(_)
        | EventBody::AssetCtx(_)
        | EventBody::Candles(_)
        | EventBody::AtOpenInterestCap(_)
        | EventBody::Account(_)
        | EventBody::HeadRoom(_)
        | EventBody::Fees(_)
        | EventBody::RateLimit(_)
        | EventBody::Fills(_)
        | EventBody::OrderUpdates(_)
        | EventBody::OpenOrders(_)
        | EventBody::OrderStatus(_)
        | EventBody::Reply(_)
        | EventBody::Funding(_)
        | EventBody::OtherFunding(_)
        | EventBody::Spent(_)
        | EventBody::Transfer(_)
        | EventBody::Novelty(_)
        | EventBody::Stream(_)
        | EventBody::Timer
        | EventBody::Reference(_)
        | EventBody::Command(_) => true,
    }
}
const KINDS: usize = 24;

#[test]
fn every_number_of_an_event_must_be_one() {
    let bodies: Vec<EventBody> = [market(), account(), orders()].concat();
    let mut kinds: Vec<_> = bodies
        .iter()
        .filter(|body| is_here(body))
        .map(std::mem::discriminant)
        .collect();
    kinds.dedup();
    assert_eq!(kinds.len(), KINDS);
    let mut let_in = Vec::new();
    for body in bodies {
        let tree = serde_json::to_value(Event { recv: T, body }).unwrap();
        assert!(serde_json::from_value::<Event>(tree.clone()).is_ok());
        for path in numbers(&tree) {
            for text in NO_NUMBERS {
                let read = serde_json::from_str::<Event>(&with(&tree, &path, text));
                if read.is_ok() && !may_be_absent(&path, text) {
                    let_in.push((path.clone(), text));
                }
            }
        }
    }
    assert!(let_in.is_empty(), "{let_in:?}");
}
