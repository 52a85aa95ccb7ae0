//! One message of every form that is read, written for this test, and what each field of it is.

use mm_core::action::Cloid;
use mm_core::instrument::Instrument;
use mm_core::units::Time;
use mm_hl::decode::{archive_line, decode_frame, decode_info, decode_meta, decode_order_status};
use serde_json::{Value, json};

use Field::{Absent, AbsentWord, Needed, NullOnly, Nullable, Opaque, OptionalWord, Word};

const US: &str = "0x00000000000000000000000000000000000000a1";
const THEM: &str = "0x00000000000000000000000000000000000000b2";
pub(crate) const CLOID: &str = "0x00000000000000070000000000000009";

/// What may come out when a field is spoilt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field {
    /// Nothing but a refusal.
    Needed,
    /// May be left out: the venue prints it for some messages only. Anything else is refused.
    Absent,
    /// May be left out or `null`. Anything else is refused.
    Nullable,
    /// Must be there; `null` says that there is none.
    NullOnly,
    /// A word: any text is one (a coin that is not ours, a word of the venue that is new to us), nothing
    /// else is.
    Word,
    /// The same, and it may be left out.
    AbsentWord,
    /// Anything: it is handed on as it is.
    Opaque,
    /// The same, and it may be left out or `null`.
    OptionalWord,
}

/// Fields that are read, by the end of their path. What is not named here is not read: however it is
/// spoilt, the event stays the same.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) read: fn(&[u8]) -> Result<String, String>,
    pub(crate) message: Value,
    pub(crate) fields: &'static [(&'static str, Field)],
}

pub(crate) fn coin() -> Instrument {
    Instrument::new("COIN", 3, 2, 20).unwrap()
}

fn frame(bytes: &[u8]) -> Result<String, String> {
    match decode_frame(&coin(), bytes) {
        Ok(decoded) => Ok(format!("{decoded:?}")),
        Err(error) => Err(error.to_string()),
    }
}

macro_rules! body {
    ($kind:literal) => {
        |bytes| {
            let kind = $kind.parse().unwrap();
            let event = decode_info(kind, &coin(), bytes, Time::from_millis(1_900_000_000_000));
            event
                .map(|event| format!("{event:?}"))
                .map_err(|error| error.to_string())
        }
    };
}

fn fate(bytes: &[u8]) -> Result<String, String> {
    let event = decode_order_status(&coin(), Cloid::parse(CLOID).unwrap(), bytes);
    event
        .map(|event| format!("{event:?}"))
        .map_err(|error| error.to_string())
}

fn meta(bytes: &[u8]) -> Result<String, String> {
    let perp = decode_meta(bytes, "COIN", 0);
    perp.map(|perp| format!("{perp:?}"))
        .map_err(|error| error.to_string())
}

fn archived(bytes: &[u8]) -> Result<String, String> {
    let line = archive_line(bytes);
    line.map(|line| format!("{line:?}"))
        .map_err(|error| error.to_string())
}

fn in_channel(channel: &str, data: &Value) -> Value {
    json!({"channel": channel, "data": data})
}

fn fill() -> Value {
    json!({
        "coin": "COIN", "px": "41.25", "sz": "3.5", "side": "B", "time": 1_800_000_000_123_i64,
        "startPosition": "-1.25", "dir": "Close Short", "closedPnl": "0.5", "hash": "0xfe",
        "oid": 612, "crossed": true, "fee": "0.0231", "tid": 5_150, "feeToken": "USDC",
        "cloid": CLOID, "liquidation": {"liquidatedUser": THEM, "markPx": "41.2", "method": "market"},
    })
}

pub(crate) const FILL: &[(&str, Field)] = &[
    ("coin", Word),
    ("px", Needed),
    ("sz", Needed),
    ("side", Needed),
    ("time", Needed),
    ("startPosition", Needed),
    ("dir", OptionalWord),
    ("oid", Needed),
    ("crossed", Needed),
    ("fee", Needed),
    ("tid", Needed),
    ("feeToken", OptionalWord),
    ("cloid", Nullable),
    ("liquidation", Nullable),
    ("liquidatedUser", OptionalWord),
    // Of the frame.
    ("fills", Needed),
    ("isSnapshot", Absent),
    ("user", OptionalWord),
    ("channel", Word),
    ("data", Needed),
];

fn order() -> Value {
    json!({
        "coin": "COIN", "side": "A", "limitPx": "43.75", "sz": "2.25", "oid": 733,
        "timestamp": 1_800_000_000_100_i64, "origSz": "4.0", "cloid": CLOID, "reduceOnly": true,
    })
}

const OPEN_ORDER: &[(&str, Field)] = &[
    ("coin", Word),
    ("side", Needed),
    ("limitPx", Needed),
    ("sz", Needed),
    ("oid", Needed),
    ("cloid", Nullable),
    ("reduceOnly", Absent),
];

/// The price of an update is not read: the order is known by its ids. It must be text all the same.
pub(crate) const UPDATE: &[(&str, Field)] = &[
    ("coin", Word),
    ("side", Needed),
    ("limitPx", Word),
    ("sz", Needed),
    ("oid", Needed),
    ("cloid", Nullable),
    ("reduceOnly", Absent),
    ("status", Word),
    ("statusTimestamp", Needed),
    ("order", Needed),
    ("channel", Word),
    ("data", Needed),
];

fn account() -> Value {
    json!({
        "marginSummary": {"accountValue": "812.75", "totalNtlPos": "140.0", "totalRawUsd": "1.0",
            "totalMarginUsed": "7.5"},
        "withdrawable": "300.0",
        "assetPositions": [{"type": "oneWay", "position": {
            "coin": "COIN", "szi": "-3.5", "leverage": {"type": "cross", "value": 20},
            "entryPx": "40.0", "positionValue": "144.25", "unrealizedPnl": "-4.0",
            "liquidationPx": "77.125", "marginUsed": "7.5",
        }}],
        "time": 1_800_000_000_456_i64,
    })
}

pub(crate) const ACCOUNT: &[(&str, Field)] = &[
    ("marginSummary", Needed),
    ("accountValue", Needed),
    ("totalMarginUsed", Needed),
    ("assetPositions", Needed),
    ("position", Needed),
    ("coin", Word),
    ("szi", Needed),
    ("positionValue", Needed),
    ("liquidationPx", Nullable),
    ("time", Needed),
    ("clearinghouseState", Needed),
    ("dex", AbsentWord),
    ("channel", Word),
    ("data", Needed),
];

const BOOK: &[(&str, Field)] = &[
    ("coin", Word),
    ("time", Needed),
    ("levels", Needed),
    ("px", Needed),
    ("sz", Needed),
    ("channel", Word),
    ("data", Needed),
];

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn market() -> Vec<Sample> {
    let book = json!({"coin": "COIN", "time": 1_800_000_000_001_i64, "levels": [
        [{"px": "41.5", "sz": "7.25", "n": 2}, {"px": "41.25", "sz": "1.5", "n": 1}],
        [{"px": "41.75", "sz": "0.75", "n": 1}],
    ]});
    vec![
        Sample {
            name: "l2Book",
            read: frame,
            message: in_channel("l2Book", &book),
            fields: BOOK,
        },
        Sample {
            name: "l2Book body",
            read: body!("l2Book"),
            message: book,
            fields: &[
                // A query is for our coin: another is no answer.
                ("coin", Needed),
                ("time", Needed),
                ("levels", Needed),
                ("px", Needed),
                ("sz", Needed),
            ],
        },
        Sample {
            name: "bbo",
            read: frame,
            message: in_channel(
                "bbo",
                &json!({"coin": "COIN", "time": 1_800_000_000_002_i64,
                "bbo": [{"px": "41.5", "sz": "7.25", "n": 2}, {"px": "41.75", "sz": "0.75", "n": 1}]}),
            ),
            // A side without orders is null.
            fields: &[
                ("coin", Word),
                ("time", Needed),
                ("bbo/0", NullOnly),
                ("bbo/1", NullOnly),
                ("bbo", Needed),
                ("px", Needed),
                ("sz", Needed),
                ("channel", Word),
                ("data", Needed),
            ],
        },
        Sample {
            name: "trades",
            read: frame,
            message: in_channel(
                "trades",
                &json!([{"coin": "COIN", "side": "B", "px": "41.75",
                "sz": "0.25", "time": 1_800_000_000_003_i64, "hash": "0x1", "tid": 88, "users": [US, THEM]}]),
            ),
            fields: &[
                ("coin", Word),
                ("side", Needed),
                ("px", Needed),
                ("sz", Needed),
                ("time", Needed),
                ("tid", Needed),
                ("channel", Word),
                ("data", Needed),
            ],
        },
        Sample {
            name: "activeAssetCtx",
            read: frame,
            message: in_channel(
                "activeAssetCtx",
                &json!({"coin": "COIN", "ctx": {
                "funding": "0.0000375", "openInterest": "5120.5", "prevDayPx": "40.0",
                "dayNtlVlm": "90210.75", "premium": "0.0001", "oraclePx": "41.625",
                "markPx": "41.61", "midPx": "41.62", "impactPxs": ["41.5", "41.75"],
                "dayBaseVlm": "2200.0"}}),
            ),
            fields: &[
                ("coin", Word),
                ("ctx", Needed),
                ("funding", Needed),
                ("openInterest", Needed),
                ("dayNtlVlm", Needed),
                ("premium", Nullable),
                ("oraclePx", Needed),
                ("markPx", Needed),
                ("midPx", Nullable),
                ("channel", Word),
                ("data", Needed),
            ],
        },
        Sample {
            name: "candleSnapshot",
            read: body!("candleSnapshot"),
            message: json!([{"t": 1_800_000_000_000_i64, "T": 1_800_000_059_999_i64, "s": "COIN",
                "i": "1m", "o": "41.0", "c": "41.5", "h": "42.0", "l": "40.5", "v": "9.5", "n": 4}]),
            fields: &[("t", Needed), ("T", Needed), ("s", Word), ("c", Needed)],
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn own() -> Vec<Sample> {
    let update =
        json!({"order": order(), "status": "open", "statusTimestamp": 1_800_000_000_200_i64});
    let fills = json!({"isSnapshot": true, "user": US, "fills": [fill()]});
    let state = json!({"dex": "", "user": US, "clearinghouseState": account()});
    let room = json!({"user": US, "coin": "COIN", "leverage": {"type": "cross", "value": 17},
        "maxTradeSzs": ["61.25", "58.5"], "availableToTrade": ["125.0", "120.0"], "markPx": "41.6"});
    vec![
        Sample {
            name: "userFills",
            read: frame,
            message: in_channel("userFills", &fills),
            fields: FILL,
        },
        Sample {
            name: "userFills body",
            read: body!("userFills"),
            message: json!([fill()]),
            fields: FILL,
        },
        Sample {
            name: "orderUpdates",
            read: frame,
            message: in_channel("orderUpdates", &json!([update])),
            fields: UPDATE,
        },
        Sample {
            name: "orderStatus",
            read: fate,
            message: json!({"status": "order", "order": update}),
            fields: &[
                // Another cloid than the one asked about is refused, and so is none.
                ("cloid", Needed),
                ("order/coin", Word),
                ("side", Needed),
                ("limitPx", Word),
                ("sz", Needed),
                ("oid", Needed),
                ("reduceOnly", Absent),
                ("statusTimestamp", Needed),
                // `order` without the order contradicts itself; other words are new ones.
                ("status", Word),
                ("order", Needed),
            ],
        },
        Sample {
            name: "frontendOpenOrders",
            read: body!("frontendOpenOrders"),
            message: json!([order()]),
            fields: OPEN_ORDER,
        },
        Sample {
            name: "clearinghouseState",
            read: frame,
            message: in_channel("clearinghouseState", &state),
            fields: ACCOUNT,
        },
        Sample {
            name: "clearinghouseState body",
            read: body!("clearinghouseState"),
            message: account(),
            // The time of receipt stands for one that is not printed.
            fields: &[
                ("marginSummary", Needed),
                ("accountValue", Needed),
                ("totalMarginUsed", Needed),
                ("assetPositions", Needed),
                ("position", Needed),
                ("coin", Word),
                ("szi", Needed),
                ("positionValue", Needed),
                ("liquidationPx", Nullable),
                ("time", Nullable),
            ],
        },
        Sample {
            name: "activeAssetData",
            read: frame,
            message: in_channel("activeAssetData", &room),
            fields: &[
                ("coin", Word),
                ("leverage", Needed),
                ("leverage/value", Needed),
                ("maxTradeSzs", NullOnly),
                ("maxTradeSzs/0", Needed),
                ("maxTradeSzs/1", Needed),
                ("channel", Word),
                ("data", Needed),
            ],
        },
        Sample {
            name: "activeAssetData body",
            read: body!("activeAssetData"),
            message: room,
            fields: &[
                ("coin", Needed),
                ("leverage", Needed),
                ("leverage/value", Needed),
                ("maxTradeSzs", NullOnly),
                ("maxTradeSzs/0", Needed),
                ("maxTradeSzs/1", Needed),
            ],
        },
    ]
}

const USDC: &[(&str, Field)] = &[("usdc", Needed)];

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn money() -> Vec<Sample> {
    let payment = json!({"time": 1_800_000_000_777_i64, "coin": "COIN", "usdc": "-0.625",
        "szi": "5.5", "fundingRate": "0.0000125", "nSamples": null});
    let mut samples = vec![
        Sample {
            name: "userFundings",
            read: frame,
            message: in_channel(
                "userFundings",
                &json!({"isSnapshot": true, "user": US, "fundings": [payment]}),
            ),
            fields: &[
                ("fundings", Needed),
                ("time", Needed),
                ("coin", Word),
                ("usdc", Needed),
                ("channel", Word),
                ("data", Needed),
            ],
        },
        Sample {
            name: "userFees",
            read: body!("userFees"),
            message: json!({"userCrossRate": "0.00035", "userAddRate": "0.0001", "dailyUserVlm": []}),
            fields: &[("userCrossRate", Needed), ("userAddRate", Needed)],
        },
        Sample {
            name: "userRateLimit",
            read: body!("userRateLimit"),
            message: json!({"cumVlm": "12.5", "nRequestsUsed": 321, "nRequestsCap": 10_654, "nRequestsSurplus": 0}),
            fields: &[("nRequestsUsed", Needed), ("nRequestsCap", Needed)],
        },
    ];
    for (name, delta, own) in [
        ("deposit", json!({"usdc": "6.25"}), USDC),
        (
            "withdraw",
            json!({"usdc": "6.25", "nonce": 4, "fee": "1.5"}),
            &[("usdc", Needed), ("fee", Needed)],
        ),
        (
            "accountClassTransfer",
            json!({"usdc": "6.25", "toPerp": false}),
            &[("usdc", Needed), ("toPerp", Needed)],
        ),
        (
            "internalTransfer",
            json!({"usdc": "6.25", "user": US, "destination": THEM, "fee": "0.5"}),
            &[
                ("usdc", Needed),
                ("destination", Needed),
                ("fee", Needed),
                ("delta/user", Nullable),
            ],
        ),
        (
            "subAccountTransfer",
            json!({"usdc": "6.25", "user": US, "destination": THEM}),
            &[
                ("usdc", Needed),
                ("destination", Needed),
                ("delta/user", Nullable),
            ],
        ),
        (
            "vaultCreate",
            json!({"usdc": "6.25", "fee": "2.5", "vault": THEM}),
            &[("usdc", Needed), ("fee", Needed)],
        ),
        ("vaultDeposit", json!({"usdc": "6.25", "vault": THEM}), USDC),
        (
            "vaultDistribution",
            json!({"usdc": "6.25", "vault": THEM}),
            USDC,
        ),
        (
            "vaultWithdraw",
            json!({"netWithdrawnUsd": "6.25", "requestedUsd": "7.0"}),
            &[("netWithdrawnUsd", Needed)],
        ),
        (
            "vaultLeaderCommission",
            json!({"usdc": "6.25", "user": US}),
            &[("usdc", Needed), ("delta/user", Needed)],
        ),
        (
            "send",
            json!({"token": "USDC", "amount": "6.25", "user": US, "destination": THEM,
                "sourceDex": "", "destinationDex": "spot", "fee": "0.0"}),
            &[
                ("token", Word),
                ("amount", Needed),
                ("delta/user", Needed),
                ("destination", Needed),
                ("sourceDex", Word),
                ("destinationDex", Word),
                ("fee", OptionalWord),
            ],
        ),
    ] {
        let mut delta = delta;
        delta["type"] = name.into();
        let row = json!({"time": 1_800_000_000_888_i64, "hash": "0xabc", "delta": delta});
        let data = json!({"user": US, "nonFundingLedgerUpdates": [row]});
        let frame_of = [
            ("nonFundingLedgerUpdates", Needed),
            ("time", Needed),
            ("hash", Needed),
            ("delta", Needed),
            ("data/user", Needed),
            ("type", Word),
            ("channel", Word),
            ("data", Needed),
        ];
        samples.push(Sample {
            name,
            read: frame,
            message: in_channel("userNonFundingLedgerUpdates", &data),
            fields: Vec::leak([own, &frame_of].concat()),
        });
    }
    samples
}

pub(crate) fn others() -> Vec<Sample> {
    vec![
        Sample {
            name: "meta",
            read: meta,
            message: json!({
                "universe": [{"szDecimals": 2, "name": "COIN", "maxLeverage": 20, "marginTableId": 61,
                    "isDelisted": false}],
                "marginTables": [[61, {"description": "", "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 20}, {"lowerBound": "4000000.0", "maxLeverage": 5}]}]],
            }),
            fields: &[
                ("universe", Needed),
                ("szDecimals", Needed),
                ("name", Needed),
                ("universe/0/maxLeverage", Needed),
                ("marginTableId", Nullable),
                ("isDelisted", Absent),
                ("marginTables", Needed),
                ("marginTables/0/0", Needed),
                ("marginTables/0/1", Needed),
                ("marginTiers", Needed),
                ("lowerBound", Needed),
                ("maxLeverage", Needed),
            ],
        },
        Sample {
            name: "archive",
            read: archived,
            message: json!({"time": "2026-05-06T07:08:09.5", "ver_num": 1, "raw": {}}),
            fields: &[("time", Needed), ("raw", Opaque)],
        },
        Sample {
            name: "error",
            read: frame,
            message: in_channel("error", &json!("Already subscribed")),
            fields: &[("data", Word), ("channel", Word)],
        },
        Sample {
            name: "paperClock",
            read: frame,
            message: in_channel(
                "paperClock",
                &json!({"timeNs": 1_800_000_000_000_000_001_i64, "speed": 4.0, "instance": "i"}),
            ),
            fields: &[
                ("timeNs", Needed),
                ("speed", Needed),
                ("instance", Word),
                ("channel", Word),
                ("data", Needed),
            ],
        },
    ]
}
