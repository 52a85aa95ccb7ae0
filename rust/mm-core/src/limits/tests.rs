//! The derivation at hand-checked points.

use super::*;

mod edges;

pub(crate) fn settings() -> LimitSettings {
    LimitSettings {
        risk_fraction: 0.5,
        num_sigmas: 5.0,
        risk_horizon_s: 2.5,
        sigma_prior: 2e-4,
        sigma_floor_frac: 0.5,
        confidence_n0: 30.0,
        leverage_cap: 40.0,
        initial_margin_frac: 1.0,
        gap_move_frac: None,
        gap_loss_frac: 0.5,
        liquidity_frac: 0.05,
        position_cap_usd: None,
        position_cap_coin: None,
        equity_share_frac: None,
        warmup_max_position_usd: None,
        warmup_max_position_coin: Some(0.05),
        limit_use_frac: 0.98,
        reduce_only_leave_frac: 0.9,
        daily_loss_frac: 0.05,
        drawdown_frac: 0.08,
        limit_rise_frac_per_min: 0.1,
    }
}

pub(crate) fn freshness() -> FreshnessConfig {
    FreshnessConfig::new(FreshnessSettings {
        market_degraded_s: 2.0,
        market_gone_s: 5.0,
        account_degraded_s: 30.0,
        account_gone_s: 120.0,
        head_room_degraded_s: 60.0,
        head_room_gone_s: 300.0,
        sigma_degraded_s: 120.0,
        sigma_gone_s: 600.0,
        own_stream_degraded_s: 60.0,
        own_stream_gone_s: 120.0,
    })
    .unwrap()
}

pub(crate) fn btc() -> Instrument {
    Instrument::new("BTC", 0, 5, 40).unwrap()
}

/// Equity, volatility and mid of the seed's case.
pub(crate) fn seed_inputs() -> LimitInputs {
    LimitInputs {
        account_value: Some(Usd(627_445_283)),
        sigma: Some(1.39e-4),
        sigma_confidence: 0.5,
        mid: Some(88_571.5),
        ..LimitInputs::unknown(40.0)
    }
}

/// A limit as it stands, where a test is about its readers.
pub(crate) fn standing_limits(value: Option<Usd>, lots: [Sz; 2]) -> Limits {
    Limits {
        source: LimitSource::Valid,
        value,
        lots,
        binding: [Term::Leverage; 2],
        stale: None,
        terms: Vec::new(),
        inputs: LimitInputs::unknown(1.0),
        previous: None,
        held: None,
    }
}

fn derive(
    inputs: &LimitInputs,
    settings: LimitSettings,
    previous: Option<(&Limits, f64)>,
) -> Limits {
    let config = LimitConfig::new(settings).unwrap();
    let previous = previous.map(|(limits, secs)| limits.aged(Dur::from_secs(secs)));
    derive_limits(inputs, &config, &freshness(), &btc(), previous).unwrap()
}

#[test]
fn the_seed_is_leverage_alone() {
    let limits = derive(&seed_inputs(), settings(), None);
    assert_eq!(limits.max_position_value(), Some(Usd(25_097_811_320)));
    assert_eq!((limits.long(), limits.short()), (Sz(28_336), Sz(28_336)));
    assert_eq!(
        (limits.source(), limits.binding()),
        (LimitSource::Valid, Term::Leverage)
    );
    let volatility = limits.term(Term::Volatility).unwrap();
    assert_eq!(volatility.value, Some(Usd(230_418_115_542)));
}

#[test]
fn golden_one_b_is_bound_by_the_position_cap() {
    let capped = LimitSettings {
        position_cap_coin: Some(0.283),
        ..settings()
    };
    let limits = derive(&seed_inputs(), capped, None);
    assert_eq!(
        (limits.long(), limits.binding()),
        (Sz(28_300), Term::PositionCap)
    );
    assert_eq!(limits.max_position_value(), Some(Usd(25_065_734_500)));
    assert_eq!(limits.utilization_bps(Sz(-8_850)), Some(3_127));
}

#[test]
fn golden_one_a_is_the_fallback() {
    let unknown = LimitInputs {
        mid: Some(88_571.5),
        ..LimitInputs::unknown(40.0)
    };
    let limits = derive(&unknown, settings(), None);
    assert_eq!(
        (limits.short(), limits.source()),
        (Sz(5_000), LimitSource::Warmup)
    );
    assert_eq!(limits.max_position_value(), Some(Usd(4_428_575_000)));
    assert_eq!(limits.utilization_bps(Sz(-8_850)), Some(17_700));
}

#[test]
fn no_equity_is_zero_even_without_a_mid() {
    let capped = LimitSettings {
        position_cap_coin: Some(0.283),
        ..settings()
    };
    let broke = LimitInputs {
        account_value: Some(Usd(-1)),
        ..LimitInputs::unknown(40.0)
    };
    let limits = derive(&broke, capped, None);
    assert_eq!(
        (limits.source(), limits.long(), limits.short()),
        (LimitSource::Invalid, Sz::ZERO, Sz::ZERO)
    );
    assert_eq!(limits.max_position_value(), Some(Usd::ZERO));
}

#[test]
fn a_fallback_in_usd_needs_a_mid() {
    let usd = LimitSettings {
        warmup_max_position_usd: Some(500.0),
        warmup_max_position_coin: None,
        ..settings()
    };
    let blind = derive(&LimitInputs::unknown(40.0), usd.clone(), None);
    assert_eq!(
        (blind.long(), blind.source()),
        (Sz::ZERO, LimitSource::Warmup)
    );
    let seen = LimitInputs {
        mid: Some(50_000.0),
        ..LimitInputs::unknown(40.0)
    };
    assert_eq!(derive(&seen, usd, None).long(), Sz(1_000));
}

#[test]
fn the_limit_falls_at_once_and_rises_slowly() {
    let first = derive(&seed_inputs(), settings(), None);
    let richer = LimitInputs {
        account_value: Some(Usd(1_000_000_000)),
        ..seed_inputs()
    };
    let risen = derive(&richer, settings(), Some((&first, 30.0)));
    assert_eq!(
        risen.max_position_value(),
        Some(Usd(25_097_811_320 + 2_000_000_000))
    );
    assert_eq!(risen.binding(), Term::Rise);
    let still = derive(&seed_inputs(), settings(), Some((&first, 0.0)));
    assert_eq!(still.binding(), Term::Leverage);
    let poorer = LimitInputs {
        account_value: Some(Usd(100_000_000)),
        ..seed_inputs()
    };
    let fallen = derive(&poorer, settings(), Some((&risen, 0.001)));
    assert_eq!(fallen.max_position_value(), Some(Usd(4_000_000_000)));
    let late = derive(&richer, settings(), Some((&first, 3_600.0)));
    assert_eq!(late.max_position_value(), Some(Usd(40_000_000_000)));
}

#[test]
fn the_return_to_valid_holds_the_last_valid_limit_at_once() {
    let first = derive(&seed_inputs(), settings(), None);
    let stale = |secs| Ages {
        account: Some(Dur::from_secs(secs)),
        ..Ages::NONE
    };
    let degraded = derive(
        &LimitInputs {
            ages: stale(31.0),
            ..seed_inputs()
        },
        settings(),
        Some((&first, 31.0)),
    );
    assert_eq!(
        (degraded.source(), degraded.stale()),
        (LimitSource::Degraded, Some(Input::Account))
    );
    let richer = LimitInputs {
        account_value: Some(Usd(1_000_000_000)),
        ..seed_inputs()
    };
    let back = derive(&richer, settings(), Some((&degraded, 3_600.0)));
    assert_eq!(
        (back.long(), back.source()),
        (first.long(), LimitSource::Valid)
    );
    let warm = derive(
        &LimitInputs {
            sigma: None,
            ..seed_inputs()
        },
        settings(),
        None,
    );
    assert_eq!(
        derive(&richer, settings(), Some((&warm, 0.0))).binding(),
        Term::Leverage
    );
}

#[test]
fn degraded_keeps_the_reducing_side_and_stops_the_other() {
    let first = derive(&seed_inputs(), settings(), None);
    let long = |secs, equity| LimitInputs {
        position: Sz(10_000),
        account_value: Some(Usd(equity)),
        ages: Ages {
            account: Some(Dur::from_secs(secs)),
            ..Ages::NONE
        },
        ..seed_inputs()
    };
    let degraded = derive(&long(31.0, 900_000_000), settings(), Some((&first, 31.0)));
    assert_eq!(
        (degraded.long(), degraded.short()),
        (first.long(), first.short())
    );
    let fallen = derive(&long(31.0, 300_000_000), settings(), Some((&degraded, 1.0)));
    assert_eq!((fallen.long(), fallen.short()), (Sz(13_548), first.short()));
    let grown = derive(&long(32.0, 900_000_000), settings(), Some((&fallen, 1.0)));
    assert_eq!(grown.long(), Sz(13_548));
    let gone = derive(&long(121.0, 900_000_000), settings(), Some((&grown, 90.0)));
    assert_eq!((gone.long(), gone.short()), (Sz::ZERO, first.short()));
    assert_eq!(
        (gone.binding(), gone.max_position_value()),
        (Term::Gone, first.max_position_value())
    );
    let flat = LimitInputs {
        position: Sz::ZERO,
        ..long(121.0, 900_000_000)
    };
    let flat = derive(&flat, settings(), Some((&gone, 1.0)));
    assert_eq!(
        (flat.long(), flat.short(), flat.max_position_value()),
        (Sz::ZERO, Sz::ZERO, Some(Usd::ZERO))
    );
}

#[test]
fn head_room_counts_what_we_hold_and_have_resting() {
    let inputs = LimitInputs {
        position: Sz(4_000),
        head_room: Some([Sz(1_000), Sz(50_000)]),
        own_increasing: [Sz(500), Sz::ZERO],
        ..seed_inputs()
    };
    let limits = derive(&inputs, settings(), None);
    assert_eq!((limits.long(), limits.short()), (Sz(5_500), Sz(28_336)));
    assert_eq!(
        (limits.binding(), limits.binding_of(Side::Ask)),
        (Term::HeadRoom, Term::Leverage)
    );
    assert_eq!(limits.max_position_value(), Some(Usd(25_097_811_320)));
    assert_eq!(limits.utilization_bps(Sz(4_000)), Some(7_273));
    assert_eq!(limits.utilization_bps(Sz(-4_000)), Some(1_412));
    assert!(limits.holds(Sz(5_500)) && !limits.holds(Sz(5_501)) && limits.holds(Sz(-28_336)));
    let turned = LimitInputs {
        position: Sz(-4_000),
        head_room: Some([Sz(50_000), Sz(1_000)]),
        own_increasing: [Sz::ZERO, Sz(500)],
        ..seed_inputs()
    };
    let turned = derive(&turned, settings(), None);
    assert_eq!(
        (turned.short(), turned.binding()),
        (Sz(5_500), Term::HeadRoom)
    );
}

#[test]
fn every_cap_is_named_and_applies_when_its_input_is_known() {
    let inputs = LimitInputs {
        exchange_leverage: Some(20.0),
        tier_notional_max: Some(Usd(4_500_000_000)),
        asset_max_leverage: Some(40.0),
        equity_share: Some(0.5),
        traded_notional_1h: Some(100_000.0),
        at_open_interest_cap: Some(true),
        position: Sz(-1_000),
        ..seed_inputs()
    };
    let capped = LimitSettings {
        initial_margin_frac: 0.8,
        position_cap_usd: Some(20_000.0),
        ..settings()
    };
    let limits = derive(&inputs, capped, None);
    let value = |term| limits.term(term).unwrap().value.unwrap();
    assert_eq!(value(Term::Volatility), Usd(230_418_115_542 / 2));
    assert_eq!(value(Term::InitialMargin), Usd(5_019_562_264));
    assert_eq!(value(Term::MarginTier), Usd(4_500_000_000));
    assert_eq!(value(Term::Gap), Usd(1_960_766_509));
    assert_eq!(value(Term::EquityShare), Usd(12_548_905_660));
    assert_eq!(value(Term::Liquidity), Usd(5_000_000_000));
    assert_eq!(value(Term::PositionCapUsd), Usd(20_000_000_000));
    assert_eq!((limits.long(), limits.short()), (Sz::ZERO, Sz(1_000)));
    assert_eq!(limits.binding(), Term::OpenInterest);
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    type Break = fn(&mut LimitInputs);
    let cases: [(&str, Break); 9] = [
        ("sigma", |i| i.sigma = Some(f64::NAN)),
        ("sigma", |i| i.sigma = Some(f64::INFINITY)),
        ("mid", |i| i.mid = Some(0.0)),
        ("sigma_confidence", |i| i.sigma_confidence = 2.0),
        ("max_leverage", |i| i.max_leverage = f64::NAN),
        ("horizon_s", |i| i.horizon_s = Some(0.0)),
        ("head_room", |i| i.head_room = Some([Sz(-1), Sz(0)])),
        ("tier_notional_max", |i| i.tier_notional_max = Some(Usd(-1))),
        ("traded_notional_1h", |i| i.traded_notional_1h = Some(-1.0)),
    ];
    for (field, spoil) in cases {
        let mut inputs = seed_inputs();
        spoil(&mut inputs);
        let config = LimitConfig::new(settings()).unwrap();
        let error = derive_limits(&inputs, &config, &freshness(), &btc(), None).unwrap_err();
        assert!(error.to_string().starts_with(field), "{field}: {error}");
    }
    let negative = LimitSettings {
        position_cap_coin: Some(-1.0),
        ..settings()
    };
    assert!(LimitConfig::new(negative).is_err());
    let neither = LimitSettings {
        warmup_max_position_coin: None,
        ..settings()
    };
    assert!(LimitConfig::new(neither).is_err());
}

#[test]
fn the_journal_holds_what_the_derivation_read() {
    let limits = derive(&seed_inputs(), settings(), None);
    let text = serde_json::to_string(&limits).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let inputs: LimitInputs = serde_json::from_value(record["inputs"].clone()).unwrap();
    assert_eq!(&inputs, limits.inputs());
    assert_eq!(record["source"], "valid");
    assert_eq!(record["lots"], serde_json::json!([28_336, 28_336]));
    assert_eq!(record["terms"][0]["term"], "leverage");
}

/// Candles that do not move measure no prior; the configured one stands.
#[test]
fn a_measured_prior_of_zero_counts_as_none() {
    let prior = |sigma_prior| {
        let inputs = LimitInputs {
            sigma_prior,
            sigma_confidence: 0.0,
            ..seed_inputs()
        };
        derive(&inputs, settings(), None).term(Term::Volatility)
    };
    assert_eq!(prior(Some(0.0)), prior(None));
    assert_ne!(prior(Some(4e-4)), prior(None));
}

fn volatility_usd(inputs: &LimitInputs) -> f64 {
    let limits = derive(inputs, settings(), None);
    limits
        .term(Term::Volatility)
        .unwrap()
        .value
        .unwrap()
        .as_usd()
}

/// T is one to four configured horizons; the limit goes with its inverse root.
#[test]
fn the_horizon_is_clamped() {
    let at = |horizon_s| {
        volatility_usd(&LimitInputs {
            horizon_s,
            ..seed_inputs()
        })
    };
    let least = at(None);
    for (horizon_s, share) in [(1.0, 1.0), (2.5, 1.0), (5.0, 2.0), (10.0, 4.0), (99.0, 4.0)] {
        let wanted = least / f64::sqrt(share);
        assert!((at(Some(horizon_s)) - wanted).abs() < 1e-5, "{horizon_s}");
    }
}

/// Half of the day's volatility is the least that counts; it lifts a calm estimate only.
#[test]
fn a_calm_hour_does_not_count_below_the_floor() {
    let at = |sigma, sigma_24h| {
        volatility_usd(&LimitInputs {
            sigma: Some(sigma),
            sigma_confidence: 1.0,
            sigma_24h,
            ..seed_inputs()
        })
    };
    assert!((at(1e-5, Some(4e-4)) - at(2e-4, None)).abs() < 1e-5);
    assert!((at(3e-4, Some(4e-4)) - at(3e-4, None)).abs() < 1e-5);
}
