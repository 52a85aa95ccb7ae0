//! The published decision vectors, row by row. They lie beside the repository, not in it.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::filter::{QuoteMode, ReduceOnly, ReduceOnlyReason, Standing, assess};
use crate::instrument::{Instrument, Round};
use crate::ladder::{Sizing, SweepGuard, rooms};
use crate::limits::tests::{freshness, settings, standing_limits};
use crate::limits::{LimitConfig, LimitInputs, LimitSettings, Limits, Term, derive_limits};
use crate::units::{Sz, Usd, format_decimal, parse_decimal};

/// Rows of a section; `None`, said aloud, where the data is absent. Under CI absence fails.
fn rows(section: &str) -> Option<Vec<Json>> {
    let folder = std::env::var_os("MM_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("decision-vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{} is absent",
            path.display()
        );
        eprintln!("skipped: {} is absent", path.display());
        return None;
    };
    let whole: Json = serde_json::from_str(&text).unwrap();
    let rows = whole[section].as_array().unwrap().clone();
    assert!(!rows.is_empty());
    Some(rows)
}

fn number(row: &Json, key: &str) -> Option<f64> {
    match &row[key] {
        Json::Null => None,
        Json::String(text) => Some(text.parse().unwrap()),
        other => other.as_f64(),
    }
}

fn usd(row: &Json, key: &str) -> Option<Usd> {
    row[key]
        .as_str()
        .map(|text| Usd(parse_decimal(text, 6).unwrap()))
}

fn lots(row: &Json, key: &str) -> Sz {
    Sz(row[key].as_i64().unwrap())
}

fn perp(row: &Json) -> Instrument {
    let decimals = row["sz_decimals"].as_u64().unwrap();
    Instrument::new("T", 0, u32::try_from(decimals).unwrap(), 40).unwrap()
}

fn derive(row: &Json) -> Limits {
    let given = LimitSettings {
        risk_fraction: number(row, "risk_fraction").unwrap(),
        num_sigmas: number(row, "num_sigmas").unwrap(),
        sigma_prior: number(row, "sigma_prior").unwrap(),
        risk_horizon_s: number(row, "risk_horizon_s").unwrap(),
        position_cap_coin: number(row, "position_cap"),
        equity_share_frac: None,
        warmup_max_position_coin: number(row, "fallback"),
        ..settings()
    };
    let inputs = LimitInputs {
        account_value: usd(row, "account_value"),
        sigma: number(row, "sigma"),
        sigma_confidence: number(row, "sigma_confidence").unwrap(),
        mid: number(row, "mid"),
        loss_left: usd(row, "daily_loss_left"),
        ..LimitInputs::unknown(number(row, "max_leverage").unwrap())
    };
    let config = LimitConfig::new(given).unwrap();
    derive_limits(&inputs, &config, &freshness(), &perp(row), None).unwrap()
}

#[test]
fn value_limit_rows() {
    for row in rows("value_limit").unwrap_or_default() {
        let wanted = &row["wanted"];
        let limits = derive(&row["inputs"]);
        let value = |term| limits.term(term).and_then(|term| term.value);
        assert_eq!(
            value(Term::Leverage),
            usd(wanted, "leverage_limit"),
            "{row}"
        );
        assert_eq!(
            value(Term::Volatility),
            usd(wanted, "volatility_limit"),
            "{row}"
        );
        assert_eq!(
            limits.max_position_value(),
            usd(wanted, "max_position_value"),
            "{row}"
        );
        assert_eq!(
            [limits.long(), limits.short()],
            [lots(wanted, "effective_lots"); 2],
            "{row}"
        );
        assert_eq!(limits.binding().as_str(), wanted["binding"], "{row}");
        assert_eq!(limits.source().as_str(), wanted["source"], "{row}");
    }
}

#[test]
fn reduce_only_rows() {
    for row in rows("reduce_only").unwrap_or_default() {
        let (inputs, wanted) = (&row["inputs"], &row["wanted"]);
        let limits = standing_limits(usd(inputs, "V"), [lots(inputs, "Q_lots"); 2]);
        let standing = Standing {
            position: lots(inputs, "q_lots"),
            mid: number(inputs, "mid"),
            was_reduce_only: inputs["was_reduce_only"].as_bool().unwrap(),
            other: None,
        };
        let verdict = assess(&limits, &standing, 0.9, &perp(inputs));
        assert_eq!(verdict.mode.as_str(), wanted["mode"], "{row}");
        let reason = verdict.reason.map(ReduceOnlyReason::as_str);
        assert_eq!(reason, wanted["reason"].as_str(), "{row}");
        let shown = verdict.utilization_bps.map(|bps| format_decimal(bps, 2));
        assert_eq!(
            shown.as_deref(),
            wanted["utilization_pct"].as_str(),
            "{row}"
        );
    }
}

#[test]
fn room_rows() {
    for row in rows("room").unwrap_or_default() {
        let (inputs, wanted) = (&row["inputs"], &row["wanted"]);
        let mode = match inputs["mode"].as_str().unwrap() {
            "two_sided" => QuoteMode::TwoSided,
            "no_bids" => QuoteMode::NoBids,
            "no_asks" => QuoteMode::NoAsks,
            other => panic!("mode {other}"),
        };
        let limits = standing_limits(None, [lots(inputs, "Q_lots"); 2]);
        let sizing = Sizing {
            position: lots(inputs, "q_lots"),
            verdict: ReduceOnly {
                mode,
                reason: None,
                utilization_bps: None,
            },
            unreplaced: [
                lots(inputs, "unreplaced_bid_lots"),
                lots(inputs, "unreplaced_ask_lots"),
            ],
            target: lots(inputs, "target_lots"),
            min_level: Usd::ZERO,
            limit_use_frac: number(inputs, "limit_use_frac").unwrap(),
            sweep_guard: SweepGuard::On,
            margin_left: None,
        };
        let room = [lots(wanted, "room_bid_lots"), lots(wanted, "room_ask_lots")];
        assert_eq!(rooms(&limits, &sizing), room, "{row}");
    }
}

#[test]
fn price_rows() {
    for row in rows("price").unwrap_or_default() {
        let (perp, px) = (
            perp(&row["inputs"]),
            number(&row["inputs"], "price").unwrap(),
        );
        for (key, round) in [("bid", Round::Down), ("ask", Round::Up)] {
            let px = perp.quantize_px(px, round).unwrap();
            assert_eq!(
                perp.format_px(px),
                row["wanted"][key].as_str().unwrap(),
                "{row}"
            );
        }
    }
}

#[test]
fn size_rows() {
    for row in rows("size").unwrap_or_default() {
        let size = number(&row["inputs"], "size").unwrap();
        let sz = perp(&row["inputs"]).quantize_sz(size).unwrap();
        assert_eq!(sz, lots(&row, "wanted_lots"), "{row}");
    }
}

/// The rows of one changed input: the others are those of the first value row.
#[test]
fn degenerate_rows() {
    let Some(base) = rows("value_limit").map(|rows| rows[2]["inputs"].clone()) else {
        return;
    };
    for row in rows("degenerate").unwrap_or_default() {
        let mut inputs = base.clone();
        for (key, value) in row["inputs"].as_object().unwrap() {
            inputs[key] = value.clone();
        }
        let wanted = &row["wanted"];
        if *wanted == "refused at the door" {
            assert!(refused(&inputs), "{row}");
        } else if let Some(text) = wanted.as_str() {
            assert!(text.contains("confidence 0"), "{row}");
            let mut unsure = base.clone();
            unsure["sigma_confidence"] = "0".into();
            let (zero, prior) = (derive(&inputs), derive(&unsure));
            assert_eq!(zero.term(Term::Volatility), prior.term(Term::Volatility));
        } else {
            let limits = derive(&inputs);
            assert_eq!(
                [limits.long(), limits.short()],
                [lots(wanted, "effective_lots"); 2],
                "{row}"
            );
            let source = wanted["source"]
                .as_str()
                .unwrap_or(limits.source().as_str());
            assert_eq!(limits.source().as_str(), source, "{row}");
        }
    }
}

/// Whether some door refuses the row: an amount that is no decimal, a setting or an input.
fn refused(row: &Json) -> bool {
    let equity = row["account_value"].as_str();
    if equity.is_some_and(|text| parse_decimal(text, 6).is_none()) {
        return true;
    }
    let given = LimitSettings {
        position_cap_coin: number(row, "position_cap"),
        equity_share_frac: None,
        ..settings()
    };
    let inputs = LimitInputs {
        sigma: number(row, "sigma"),
        sigma_confidence: number(row, "sigma_confidence").unwrap(),
        mid: number(row, "mid"),
        ..LimitInputs::unknown(number(row, "max_leverage").unwrap())
    };
    LimitConfig::new(given).is_err() || inputs.check().is_err()
}
