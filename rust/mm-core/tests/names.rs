//! Each name that logs and metrics show is the one that JSON holds, and no two of a kind are alike.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Debug;

use mm_core::control::{KillReason, Mode, ModeReason, PositionPolicy, Suppressed};
use mm_core::filter::{QuoteMode, ReduceOnlyReason, RefusalReason};
use mm_core::limits::{LimitSource, Term};
use serde::{Serialize, de::DeserializeOwned};

/// Every value whose name is listed: a name that is no value of `T` fails.
fn named<T: Copy + Debug + Serialize + DeserializeOwned>(
    names: &[&str],
    as_str: fn(T) -> &'static str,
) -> Vec<T> {
    let read = |name: &&str| serde_json::from_value::<T>((*name).into()).unwrap();
    let all: Vec<T> = names.iter().map(read).collect();
    let shown: Vec<&str> = all.iter().copied().map(as_str).collect();
    assert_eq!(shown, names);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), names.len());
    all
}

#[test]
fn modes_and_policies() {
    let modes = ["normal", "widen", "reduce_only", "flatten", "halted"];
    assert_eq!(named(&modes, Mode::as_str), Mode::ALL);
    let sides = ["two_sided", "no_bids", "no_asks", "no_quotes"];
    named(&sides, QuoteMode::as_str);
    named(&["work", "flatten", "hold"], PositionPolicy::as_str);
}

#[test]
fn kill_reasons() {
    let names = [
        "daily_loss",
        "drawdown",
        "runaway",
        "stale_market",
        "stale_own_stream",
        "stale_account",
        "rejection_storm",
        "position_unexplained",
        "manual",
        "other_coin",
    ];
    assert_eq!(named(&names, KillReason::as_str), KillReason::ALL);
}

#[test]
fn limits() {
    let sources = ["warmup", "valid", "degraded", "invalid"];
    named(&sources, LimitSource::as_str);
    let terms = [
        "leverage",
        "volatility",
        "initial_margin",
        "margin_tier",
        "gap",
        "liquidity",
        "open_interest",
        "equity_share",
        "position_cap_usd",
        "ramp",
        "rise",
        "position_cap",
        "fallback",
        "head_room",
        "side_rise",
        "last_valid",
        "gone",
    ];
    named(&terms, Term::as_str);
}

#[test]
fn why_a_side_is_empty() {
    let reasons = [
        "killed",
        "stopping",
        "not_anchored",
        "waiting_for_book",
        "waiting_for_sigma",
        "stream_down",
        "market_stale",
        "position_unexplained",
        "recovery_exhausted",
        "over_value_limit",
        "over_position_limit",
        "margin",
        "liquidation_distance",
        "fill_burst",
        "toxic",
        "fees_unknown",
        "head_room_unknown",
        "no_limit",
        "price_jump",
        "inputs_degraded",
    ];
    for reason in named(&reasons, ModeReason::as_str) {
        assert_eq!(Suppressed::Mode(reason).as_str(), reason.as_str());
    }
    let over = [
        "OverValueLimit",
        "OverPositionLimit",
        "Margin",
        "LiquidationDistance",
        "Control",
    ];
    for reason in named(&over, ReduceOnlyReason::as_str) {
        assert_eq!(RefusalReason::from(reason).as_str(), reason.as_str());
    }
    let alone = [
        "ReducingCap",
        "Room",
        "MarginLeft",
        "MinNotional",
        "Merged",
        "NoCapture",
        "Px",
        "WorstCase",
        "OwnCross",
        "Backoff",
    ];
    let refusals = named(&[&over[..], &alone[..]].concat(), RefusalReason::as_str);
    for reason in refusals {
        let code = Suppressed::Refused(reason).as_str();
        assert_eq!(code.replace('_', ""), reason.as_str().to_lowercase());
    }
    assert_eq!(Suppressed::NoPrice.as_str(), "no_price");
    assert_eq!(Suppressed::Unanswered.as_str(), "unanswered");
}
