//! Spot pairs: listed so that clients which look them up start, and never traded (HYPERLIQUID.md 1.1).

use serde_json::{Value, json};

/// A listed pair: name, its base token, number of both.
#[derive(Clone, Copy, Debug)]
struct Pair {
    name: &'static str,
    base: &'static str,
    token_id: &'static str,
    index: u32,
}

/// USDC is token 0; the base token of pair `i` is token `i + 1`.
const PAIRS: [Pair; 2] = [
    Pair {
        name: "PURR/USDC",
        base: "PURR",
        token_id: "0xc4bf3f870c0e9465323c0b6ed28096c2",
        index: 0,
    },
    Pair {
        name: "@1",
        base: "HYPE",
        token_id: "0x7317beb7cceed72ef0b346074cc8e7ab",
        index: 1,
    },
];

/// Whether a coin is a listed pair.
pub(crate) fn is_listed(coin: &str) -> bool {
    PAIRS.iter().any(|pair| pair.name == coin)
}

/// `spotMeta`: the one token that perps are margined in, and the pairs.
pub(crate) fn meta() -> Value {
    let usdc = token("USDC", 8, 8, 0, "0x6d1e7cde53ba9467b783cb7c530ce054");
    let bases = PAIRS
        .iter()
        .map(|pair| token(pair.base, 0, 5, pair.index + 1, pair.token_id));
    let universe = PAIRS.iter().map(|pair| {
        json!({
            "tokens": [pair.index + 1, 0],
            "name": pair.name,
            "index": pair.index,
            "isCanonical": pair.index == 0,
        })
    });
    json!({
        "tokens": core::iter::once(usdc).chain(bases).collect::<Vec<_>>(),
        "universe": universe.collect::<Vec<_>>(),
    })
}

fn token(name: &str, sz_decimals: u32, wei_decimals: u32, index: u32, id: &str) -> Value {
    json!({
        "name": name,
        "szDecimals": sz_decimals,
        "weiDecimals": wei_decimals,
        "index": index,
        "tokenId": id,
        "isCanonical": true,
        "evmContract": null,
        "fullName": null,
        "deployerTradingFeeShare": "0.0",
    })
}

/// `spotMetaAndAssetCtxs`.
pub(crate) fn meta_and_contexts() -> Value {
    json!([meta(), PAIRS.map(|pair| context(pair.name))])
}

/// The context of a pair that never traded.
pub(crate) fn context(coin: &str) -> Value {
    json!({
        "prevDayPx": "0.0",
        "dayNtlVlm": "0.0",
        "markPx": "0.0",
        "midPx": null,
        "circulatingSupply": "0.0",
        "coin": coin,
        "totalSupply": "0.0",
        "dayBaseVlm": "0.0",
    })
}

/// The book of a pair that nobody quotes.
pub(crate) fn book(coin: &str, now_ms: i64) -> Value {
    json!({"coin": coin, "time": now_ms, "levels": [[], []]})
}
