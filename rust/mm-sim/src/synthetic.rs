//! Frames of a market that is made up, as a recorder of its public streams would have written them.

use mm_core::units::{Dur, Time};
use serde_json::json;

use crate::wire::{MarketChoice, PaperConfig, PaperError, PaperExchange};

/// When such a market begins: any time, always the same. 2026-01-01 00:00 UTC.
const START_MS: i64 = 1_767_225_600_000;
/// Market time before the first frame, so that the book is full, milliseconds.
const WARMUP_MS: i64 = 60_000;
/// Distance of blocks, milliseconds.
const BLOCK_MS: i64 = 70;

/// Watches a market alone for some seconds: `<ns> <frame JSON>` a line, received when it happens. Books come
/// every half second, best prices at every change.
///
/// # Errors
/// [`PaperError`] where the market cannot be opened or does not list the coin.
pub fn frames(market: &MarketChoice, coin: &str, seconds: u32) -> Result<Vec<u8>, PaperError> {
    let config = PaperConfig::parse(
        &json!({
            "instance": "synthetic", "start_ms": START_MS, "warmup_ms": WARMUP_MS, "speed": 1.0,
            "block_ms": BLOCK_MS, "entry_ms": 0, "fees": {"maker": 0, "taker": 0},
            "cadence": "legacy", "gtc_partial": "resting", "schedule_gate": "volume", "accounts": [],
        })
        .to_string(),
    )?;
    let opened = market.open(config.start(), None)?;
    let mut exchange = PaperExchange::new(config, opened)?;
    let listed = exchange.sim().instruments().iter();
    if !listed.into_iter().any(|perp| perp.coin() == coin) {
        return Err(PaperError::Coin(coin.to_owned()));
    }
    let connection = exchange.connect();
    for channel in ["l2Book", "bbo", "trades"] {
        let subscription = json!({"type": channel, "coin": coin});
        let message = json!({"method": "subscribe", "subscription": subscription});
        exchange.message(connection, &message.to_string());
    }
    let mut lines = Vec::new();
    write_frames(&mut exchange, &mut lines);
    let end = exchange
        .time()
        .plus(Dur::from_millis(i64::from(seconds) * 1_000));
    while exchange.sim().next_block() <= end {
        // One block at a time: a frame is received when its block is.
        exchange.advance(end, 1);
        write_frames(&mut exchange, &mut lines);
    }
    Ok(lines)
}

fn write_frames(exchange: &mut PaperExchange, lines: &mut Vec<u8>) {
    let Time(now) = exchange.time();
    for (_, frame) in exchange.take_frames() {
        lines.extend(now.to_string().into_bytes());
        lines.push(b' ');
        lines.extend(frame.iter());
        lines.push(b'\n');
    }
}
