//! The derivation where one thing ends and the next begins.

use super::*;

#[test]
fn a_whole_ramp_is_no_term() {
    let ramped = |ramp_share| {
        let inputs = LimitInputs {
            ramp_share,
            ..seed_inputs()
        };
        derive(&inputs, settings(), None)
    };
    assert_eq!(ramped(Some(1.0)).term(Term::Ramp), None);
    assert_eq!(ramped(None).long(), ramped(Some(1.0)).long());
    assert_eq!(ramped(Some(0.25)).binding(), Term::Ramp);
    assert_eq!(ramped(Some(0.25)).long(), Sz(28_336 / 4));
}

/// A cap in lots does not pass through money: no tick of mid makes it rise or fall.
#[test]
fn a_cap_in_coin_does_not_follow_mid() {
    let capped = LimitSettings {
        position_cap_coin: Some(0.1),
        ..settings()
    };
    let first = derive(&seed_inputs(), capped.clone(), None);
    let dearer = LimitInputs {
        mid: Some(90_000.0),
        ..seed_inputs()
    };
    let next = derive(&dearer, capped, Some((&first, 0.0)));
    assert_eq!(
        (next.long(), next.binding()),
        (Sz(10_000), Term::PositionCap)
    );
}

/// Degraded with the inputs of before: nothing changed, so the term of before is named and V is V.
#[test]
fn degraded_names_the_last_valid_limit_only_where_it_is_smaller() {
    let first = derive(&seed_inputs(), settings(), None);
    let degraded = |position, equity| {
        let inputs = LimitInputs {
            position: Sz(position),
            account_value: Some(Usd(equity)),
            ages: Ages {
                account: Some(Dur::from_secs(31.0)),
                ..Ages::NONE
            },
            ..seed_inputs()
        };
        derive(&inputs, settings(), Some((&first, 31.0)))
    };
    let same = degraded(10_000, 627_445_283);
    assert_eq!(same.binding_of(Side::Bid), Term::Leverage);
    assert_eq!(same.binding_of(Side::Ask), Term::LastValid);
    assert_eq!(
        (same.long(), same.binding()),
        (same.short(), Term::Leverage)
    );
    let poorer = |position| degraded(position, 300_000_000).max_position_value();
    assert_eq!(poorer(0), Some(Usd(12_000_000_000)));
    assert_eq!(poorer(10_000), first.max_position_value());
}

/// What an earlier session held is an upper bound: an account that shrank while nobody ran is not
/// measured by what it was.
#[test]
fn degraded_after_a_restart_is_at_most_what_is_derived_now() {
    let first = derive(&seed_inputs(), settings(), None);
    let degraded = |equity, restored| {
        let inputs = LimitInputs {
            position: Sz(10_000),
            account_value: Some(Usd(equity)),
            ages: Ages {
                account: Some(Dur::from_secs(31.0)),
                ..Ages::NONE
            },
            ..seed_inputs()
        };
        let previous = Previous {
            restored,
            ..first.aged(Dur::from_secs(31.0))
        };
        let config = LimitConfig::new(settings()).unwrap();
        derive_limits(&inputs, &config, &freshness(), &btc(), Some(previous)).unwrap()
    };
    let (went_on, restarted) = (degraded(300_000_000, false), degraded(300_000_000, true));
    assert_eq!(went_on.short(), first.short());
    assert_eq!(restarted.short(), restarted.long());
    assert!(restarted.short() < first.short());
    let same = degraded(627_445_283, true);
    assert_eq!(same.short(), first.short());
    assert_eq!(same.binding_of(Side::Ask), Term::Leverage, "no smaller");
    assert_eq!(restarted.max_position_value(), Some(Usd(12_000_000_000)));
    let richer = degraded(6_000_000_000, true);
    assert_eq!(
        [richer.long(), richer.short()],
        [first.long(), first.short()]
    );
    assert_eq!(richer.max_position_value(), first.max_position_value());
}

#[test]
fn a_position_has_the_limit_of_its_side() {
    let limits = standing_limits(None, [Sz(7_000), Sz(5_000)]);
    let of = |position| limits.for_position(Sz(position));
    assert_eq!([of(1), of(-1), of(0)], [Sz(7_000), Sz(5_000), Sz(5_000)]);
    let first = derive(&seed_inputs(), settings(), None);
    let next = derive(&seed_inputs(), settings(), Some((&first, 2.0)));
    assert_eq!(first.previous(), None);
    let previous = next.previous().unwrap();
    assert_eq!(previous.age, Dur::from_secs(2.0));
    assert_eq!(previous.lots, [first.long(), first.short()]);
    let named: Vec<_> = next.terms().iter().map(|found| found.term).collect();
    assert_eq!(
        named,
        [Term::Leverage, Term::Volatility, Term::Rise, Term::SideRise]
    );
}

/// At the open-interest cap a position may be held or shrink; neither grows nor turns round.
#[test]
fn at_the_open_interest_cap_the_limit_is_what_is_held() {
    let at = |position, is_at| {
        let inputs = LimitInputs {
            position: Sz(position),
            at_open_interest_cap: is_at,
            ..seed_inputs()
        };
        let limits = derive(&inputs, settings(), None);
        let binds = limits.binding() == Term::OpenInterest;
        (binds, limits.long().0, limits.short().0)
    };
    assert_eq!(at(0, Some(true)), (true, 0, 0));
    assert_eq!(at(50, Some(true)), (true, 50, 0));
    assert_eq!(at(-50, Some(true)), (true, 0, 50));
    let free = at(50, None);
    assert!(!free.0 && free.1 > 50 && free.2 > 50);
    assert_eq!(at(50, Some(false)), free);
}

/// The venue's highest leverage tells how far an asset may jump: 8, 15 or 30 %.
#[test]
fn the_gap_grows_as_the_assets_leverage_falls() {
    let gap = |asset_max_leverage| {
        let inputs = LimitInputs {
            account_value: Some(Usd(1_200_000_000)),
            asset_max_leverage: Some(asset_max_leverage),
            ..seed_inputs()
        };
        let limits = derive(&inputs, settings(), None);
        limits.term(Term::Gap).unwrap().value.unwrap().0
    };
    let half = 600_000_000.0;
    for (leverage, frac) in [(25.0, 0.08), (24.9, 0.15), (10.0, 0.15), (9.9, 0.3)] {
        let wanted = half / frac;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let off = (gap(leverage) as f64 - wanted).abs();
        assert!(off < 1.0, "{leverage}");
    }
}

/// A volatility of zero was not measured.
#[test]
fn a_volatility_of_zero_counts_as_the_prior() {
    let inputs = |sigma, sigma_confidence| LimitInputs {
        sigma: Some(sigma),
        sigma_confidence,
        ..seed_inputs()
    };
    let prior = volatility_usd(&inputs(3e-4, 0.0));
    assert!((volatility_usd(&inputs(0.0, 0.5)) - prior).abs() < 1e-5);
}

/// Nothing in lots is known: a fallback in USD holds nothing, and says so as a term.
#[test]
fn a_fallback_without_a_mid_is_no_lots() {
    let usd = LimitSettings {
        warmup_max_position_usd: Some(500.0),
        warmup_max_position_coin: None,
        ..settings()
    };
    let blind = derive(&LimitInputs::unknown(40.0), usd, None);
    let fallback = blind.term(Term::Fallback).unwrap();
    assert_eq!(fallback.lots, Some([Sz::ZERO; 2]));
    assert_eq!(fallback.value, Some(Usd(500_000_000)));
}

/// At a deadline an input is still what it was; after it, it is not. Of two alike the first
/// is named, and the worst of all.
#[test]
fn a_deadline_is_passed_after_it() {
    let judge = |market, account| {
        let ages = Ages {
            market: Some(Dur::from_secs(market)),
            account: Some(Dur::from_secs(account)),
            ..Ages::NONE
        };
        ages.judge(&freshness())
    };
    let degraded = (Freshness::Degraded, Some(Input::Market));
    assert_eq!(judge(2.0, 30.0), (Freshness::Fresh, None));
    assert_eq!(judge(2.001, 30.0), degraded);
    assert_eq!(judge(2.001, 30.001), degraded);
    assert_eq!(judge(5.0, 120.0), degraded);
    assert_eq!(judge(5.0, 120.001), (Freshness::Gone, Some(Input::Account)));
}

#[test]
fn a_deadline_is_above_zero_and_at_most_a_year() {
    let with = |first, second| {
        FreshnessConfig::new(FreshnessSettings {
            market_degraded_s: first,
            market_gone_s: second,
            ..*freshness().settings()
        })
    };
    assert!(with(1e-3, 31_536_000.0).is_ok());
    for (first, second) in [
        (0.0, 5.0),
        (-1.0, 5.0),
        (1.0, 31_536_001.0),
        (f64::NAN, 5.0),
    ] {
        let error = with(first, second).unwrap_err().to_string();
        assert!(error.contains("at most a year"), "{error}");
    }
    let error = with(5.0, 5.0).unwrap_err().to_string();
    assert!(error.contains("must be above"), "{error}");
}

#[test]
fn each_range_ends_where_it_says() {
    let max = 1e12;
    let over = f64::from_bits(f64::to_bits(1.0) + 1);
    for (range, inside, outside, said) in [
        (
            Range::Positive,
            [1e-300, max],
            [0.0, 1.1 * max],
            "above 0, at most 1e12",
        ),
        (
            Range::NonNegative,
            [0.0, max],
            [-1e-300, 1.1 * max],
            "from 0 to 1e12",
        ),
        (
            Range::Share,
            [1e-300, 1.0],
            [0.0, over],
            "above 0, at most 1",
        ),
        (Range::Unit, [0.0, 1.0], [-1e-300, over], "from 0 to 1"),
    ] {
        for value in inside {
            assert!(range.check("it", value).is_ok(), "{value} {said}");
        }
        for value in outside.into_iter().chain([-1.0, f64::NAN, f64::INFINITY]) {
            let error = range.check("it", value).unwrap_err().to_string();
            assert!(
                error.starts_with("it was ") && error.ends_with(said),
                "{error}"
            );
        }
    }
}

#[test]
fn a_checked_configuration_says_what_was_set() {
    let config = LimitConfig::new(LimitSettings {
        limit_use_frac: 0.31,
        reduce_only_leave_frac: 0.32,
        confidence_n0: 33.0,
        leverage_cap: 3.4,
        initial_margin_frac: 0.35,
        sigma_prior: 0.36,
        daily_loss_frac: 0.37,
        drawdown_frac: 0.38,
        ..settings()
    })
    .unwrap();
    let said = [
        config.limit_use_frac(),
        config.reduce_only_leave_frac(),
        config.confidence_n0(),
        config.leverage_cap(),
        config.initial_margin_frac(),
        config.sigma_prior(),
        config.daily_loss_frac(),
        config.drawdown_frac(),
    ];
    let wanted: [f64; 8] = [0.31, 0.32, 33.0, 3.4, 0.35, 0.36, 0.37, 0.38];
    assert_eq!(said.map(f64::to_bits), wanted.map(f64::to_bits));
}

/// Head-room that binds, in lots; the next report lifts it at one stroke.
#[test]
fn a_side_bound_in_lots_rises_slowly_and_falls_at_once() {
    let roomy = |long: i64, position: i64| LimitInputs {
        head_room: Some([Sz(long), Sz(90_000)]),
        own_increasing: [Sz(-position), Sz(position)],
        position: Sz(position),
        ..seed_inputs()
    };
    let first = derive(&roomy(6_013, 0), settings(), None);
    assert_eq!((first.long(), first.short()), (Sz(6_013), Sz(28_336)));
    let next = derive(&roomy(20_000, 0), settings(), Some((&first, 0.0)));
    assert_eq!(
        (next.long(), next.binding_of(Side::Bid), next.short()),
        (Sz(6_013), Term::SideRise, Sz(28_336))
    );
    // A thousandth of a minute at a time, below a lot each: it adds up to a tenth a minute.
    let mut slow = next;
    for _ in 0..3_000 {
        slow = derive(&roomy(20_000, 0), settings(), Some((&slow, 0.01)));
    }
    assert!(
        (7_012..=7_013).contains(&slow.long().0),
        "{}",
        slow.long().0
    );
    // A fill does not move it, and dearer coin does not lower it.
    let filled = derive(&roomy(20_000, 5_000), settings(), Some((&slow, 0.0)));
    assert_eq!(filled.long(), slow.long());
    let dearer = LimitInputs {
        mid: Some(90_000.0),
        ..roomy(20_000, 0)
    };
    let dearer = derive(&dearer, settings(), Some((&slow, 0.0)));
    assert_eq!(dearer.long(), slow.long());
    let late = derive(&roomy(20_000, 0), settings(), Some((&slow, 600.0)));
    assert_eq!(
        (late.long(), late.binding_of(Side::Bid)),
        (Sz(20_000), Term::HeadRoom)
    );
    let fallen = derive(&roomy(3_000, 0), settings(), Some((&late, 0.001)));
    assert_eq!(fallen.long(), Sz(3_000));
}

/// On the return from Degraded the last valid lots of a side hold at once, and nothing more.
#[test]
fn a_side_bound_in_lots_returns_to_what_it_was() {
    let with = |long, account_s: f64| LimitInputs {
        head_room: Some([Sz(long), Sz(90_000)]),
        ages: Ages {
            account: Some(Dur::from_secs(account_s)),
            ..Ages::NONE
        },
        ..seed_inputs()
    };
    let first = derive(&with(6_013, 0.0), settings(), None);
    let degraded = derive(&with(2_000, 31.0), settings(), Some((&first, 31.0)));
    assert_eq!(degraded.long(), Sz(2_000));
    let back = derive(&with(20_000, 0.0), settings(), Some((&degraded, 60.0)));
    assert_eq!(
        (back.source(), back.long(), back.short()),
        (LimitSource::Valid, Sz(6_013), Sz(28_336))
    );
}

/// The open-interest cap lifts: what may be added comes back slowly. While it stands, an order that
/// was in flight may still fill without an excess.
#[test]
fn the_open_interest_cap_lifts_slowly() {
    let at = |position, is_at| LimitInputs {
        position: Sz(position),
        at_open_interest_cap: Some(is_at),
        ..seed_inputs()
    };
    let capped = derive(&at(50, true), settings(), None);
    let filled = derive(&at(80, true), settings(), Some((&capped, 0.0)));
    assert_eq!((filled.long(), filled.short()), (Sz(80), Sz::ZERO));
    let free = derive(&at(80, false), settings(), Some((&filled, 6.0)));
    assert_eq!((free.long(), free.short()), (Sz(80 + 283), Sz(283)));
}

/// A fallback lifts no limit that was valid, of this session or of one before; neither in lots nor in
/// money, and no time passes in which it could rise.
#[test]
fn a_warm_up_is_held_to_the_last_valid_limit() {
    let first = derive(&seed_inputs(), settings(), None);
    let warm = |mid, previous| {
        let inputs = LimitInputs {
            account_value: Some(Usd(9_000_000_000)),
            sigma: None,
            mid,
            ..seed_inputs()
        };
        let generous = LimitSettings {
            warmup_max_position_coin: Some(2.0),
            ..settings()
        };
        let config = LimitConfig::new(generous).unwrap();
        let limits = derive_limits(&inputs, &config, &freshness(), &btc(), previous).unwrap();
        assert_eq!(limits.source(), LimitSource::Warmup);
        limits
    };
    assert_eq!(warm(Some(88_571.5), None).long(), Sz(200_000));
    for restored in [false, true] {
        let previous = Previous {
            restored,
            ..first.aged(Dur::from_secs(3_600.0))
        };
        let bounded = |mid| {
            let limits = warm(mid, Some(previous));
            assert_eq!(limits.binding(), Term::LastValid);
            assert_eq!(limits.max_position_value(), first.max_position_value());
            assert_eq!(limits.held(), first.held());
            [limits.long(), limits.short()]
        };
        assert_eq!(bounded(Some(88_571.5)), [first.long(), first.short()]);
        assert_eq!(bounded(Some(80_000.0)), [first.long(), first.short()]);
        assert_eq!(bounded(Some(177_143.0)), [Sz(first.long().0 / 2); 2]);
        assert_eq!(bounded(None), [first.long(), first.short()]);
    }
    let mut previous = first.aged(Dur::ZERO);
    let mut held = previous.held.unwrap();
    held.lots = [Sz(7), Sz(20)];
    previous.held = Some(held);
    let sides = warm(Some(88_571.5), Some(previous));
    assert_eq!([sides.long(), sides.short()], [Sz(7), Sz(20)]);
}

/// What a missing input made nothing is judged by the last valid limit, or by all that is known.
#[test]
fn a_position_is_judged_by_what_was_heard_last() {
    let first = derive(&seed_inputs(), settings(), None);
    let gone = |position, equity, previous: Option<(&Limits, f64)>| {
        let inputs = LimitInputs {
            position: Sz(position),
            account_value: Some(Usd(equity)),
            ages: Ages {
                sigma: Some(Dur::from_secs(601.0)),
                ..Ages::NONE
            },
            ..seed_inputs()
        };
        let limits = derive(&inputs, settings(), previous);
        let judged = limits.for_position_if_heard(Sz(position));
        (limits.for_position(Sz(position)), judged)
    };
    let before = Some((&first, 601.0));
    assert_eq!(gone(10_000, 900_000_000, before), (Sz::ZERO, first.long()));
    assert_eq!(
        gone(-10_000, 900_000_000, before),
        (Sz::ZERO, first.short())
    );
    assert_eq!(gone(10_000, 300_000_000, before), (Sz::ZERO, Sz(13_548)));
    assert_eq!(gone(10_000, 300_000_000, None), (Sz::ZERO, Sz(13_548)));
    assert_eq!(first.for_position_if_heard(Sz(1)), first.long());
    let blind = LimitInputs {
        mid: None,
        position: Sz(10_000),
        ages: Ages {
            market: Some(Dur::from_secs(9.0)),
            ..Ages::NONE
        },
        ..seed_inputs()
    };
    let usd = LimitSettings {
        warmup_max_position_usd: Some(500.0),
        warmup_max_position_coin: None,
        ..settings()
    };
    let judged = |previous| {
        let limits = derive(&blind, usd.clone(), previous);
        assert_eq!(limits.for_position(Sz(1)), Sz::ZERO);
        limits.for_position_if_heard(Sz(10_000))
    };
    assert_eq!(judged(Some((&first, 9.0))), first.long());
    assert_eq!(judged(None), Sz::ZERO);
}
