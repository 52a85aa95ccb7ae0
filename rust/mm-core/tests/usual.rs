//! How lively a market is beside what is usual of it: regimes, gamma, and what sizes earn, from frames to orders.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "prices and seconds of an hour"
)]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;
#[allow(dead_code, reason = "each test takes what it needs of the market")]
mod tape;

use desk::Desk;
use mm_core::engine::{EngineConfig, ModelsShown};
use mm_core::estimators::regime::Regime;
use mm_core::event::{Candle, EventBody};
use mm_core::learned::{GammaAt, IntensitySource};
use mm_core::units::{Dur, SECOND, Side, Sz, Time};
use tape::{market, nothing};

fn configured(set: impl Fn(&mut EngineConfig)) -> EngineConfig {
    let mut config = desk::config("{}");
    set(&mut config);
    config
}

fn models(desk: &Desk) -> ModelsShown {
    desk.snapshot().models
}

/// Quoting after a quiet day.
fn quiet(set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut desk = Desk::with(configured(set), 0);
    let closes = (0..=1_440_i64).map(|minute| {
        let open = Time(desk::START - (1_441 - minute) * 60 * SECOND);
        Candle {
            open,
            close: open.plus(Dur(60 * SECOND)),
            close_px: if minute % 2 == 0 {
                100_000.0
            } else {
                100_050.0
            },
        }
    });
    desk.tell(EventBody::Candles(closes.collect()));
    desk.open();
    desk.seconds(80);
    desk
}

/// The mid moves by 6 bps each second.
fn hurry(desk: &mut Desk, seconds: usize) {
    for second in 0..seconds {
        desk.mid = 1_000_005 + [600, 0][second % 2];
        desk.seconds(1);
    }
}

/// A market of a quiet day that has become four times as lively.
fn wild(set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut desk = quiet(set);
    hurry(&mut desk, 400);
    desk
}

/// Eight busy seconds of twenty, before two minutes' memory shows it.
#[test]
fn a_market_that_turns_lively_is_seen_by_its_last_seconds() {
    let mut desk = quiet(|_| {});
    hurry(&mut desk, 7);
    assert_eq!(models(&desk).regime, Regime::Usual);
    hurry(&mut desk, 3);
    let shown = models(&desk);
    assert!(shown.regime_ratio.unwrap() < 1.5, "{shown:?}");
    assert_eq!(shown.regime, Regime::Lively);
}

/// Sizes and the pace of requoting follow the regime; no term of the price does.
#[test]
fn a_wild_market_is_quoted_smaller_and_closer_and_no_wider() {
    let following = |size: f64, refresh: f64| {
        wild(|config| {
            config.models.regime = true;
            config.models.wild_size_frac = size;
            config.models.wild_refresh_ratio = refresh;
        })
    };
    let (plain, small) = (wild(|_| {}), following(0.4, 1.0));
    for desk in [&plain, &small] {
        assert_eq!(
            models(desk).regime,
            Regime::Wild,
            "{:?}",
            models(desk).regime_ratio
        );
    }
    let lots = |desk: &Desk| desk.lots(Side::Bid).as_f64();
    let share = lots(&small) / lots(&plain);
    assert!((share - 0.4).abs() < 0.1, "{share}");
    let terms = |desk: &Desk| desk.snapshot().trace[0].terms.unwrap();
    assert_eq!(terms(&small), terms(&plain));
    let mut filled = wild(|_| {});
    filled.fill(Side::Bid, 1);
    filled.seconds(2);
    let split = filled.snapshot().markouts_split;
    assert_eq!(split.regimes[0].regime, Regime::Wild);
    assert_eq!(
        (split.regimes.len(), split.regimes[0].markouts[0].n),
        (1, 1)
    );
    let mut quick = following(1.0, 10.0);
    assert!((lots(&quick) / lots(&plain) - 1.0).abs() < 0.1);
    assert_eq!(terms(&quick), terms(&plain));
    // Moves that the usual tolerance, twice a second's noise, leaves alone.
    let amends = |desk: &mut Desk| {
        let before = desk.snapshot().counts.requests;
        for second in 0..30 {
            desk.mid = 1_000_005 + [0, 100][second % 2];
            desk.seconds(1);
        }
        desk.snapshot().counts.requests - before
    };
    let mut plain = plain;
    let (quickly, plainly) = (amends(&mut quick), amends(&mut plain));
    assert!(quickly > 2 * plainly, "{quickly} {plainly}");
}

/// Four times as lively as usual: where gamma is that of a usual hour, what is held is skewed away harder.
#[test]
fn the_skew_follows_volatility_where_gamma_is_the_usual_one() {
    let skew = |at: GammaAt| {
        let mut desk = wild(|config| config.models.gamma_at = at);
        desk.fill(Side::Bid, 60);
        desk.seconds(1);
        -desk.snapshot().trace[0].terms.unwrap().skew_bps
    };
    let (present, usual) = (skew(GammaAt::Present), skew(GammaAt::Usual));
    assert!(present > 0.0 && usual > 2.0 * present, "{usual} {present}");
}

/// What gamma is for: the volatility of the usual hour and the arrival that is configured; prices go by what is measured.
#[test]
fn the_usual_gamma_is_of_usual_volatility_and_the_configured_arrival() {
    let mut desk = quiet(|config| {
        config.models.gamma_at = GammaAt::Usual;
        config.models.intensity = IntensitySource::Tape;
    });
    market(4.0, nothing).run(&mut desk, 2_400);
    let shown = desk.snapshot();
    let solved = shown.pricing.priced_from.unwrap().solved.unwrap();
    let solved = serde_json::to_value(solved).unwrap();
    let of = |when: &str, what: &str| solved[when][what].as_f64().unwrap();
    assert!((of("usual", "arrival") - 0.1).abs() < 1e-12, "{solved}");
    assert!(of("at", "arrival") > 0.15, "{solved}");
    // 5 bps a minute.
    let usual_bps = 5.0 / 60.0_f64.sqrt();
    assert!(
        (of("usual", "sigma_bps") / usual_bps - 1.0).abs() < 0.01,
        "{solved}"
    );
    assert!(
        (of("at", "sigma_bps") / of("usual", "sigma_bps") - 1.0).abs() > 0.2,
        "{solved}"
    );
    assert!(
        (of("usual", "kappa") - of("at", "kappa")).abs() < 1e-12,
        "{solved}"
    );
}

/// What the skew pays to be rid of what is held is earned by each level that reduces: none goes without a size for
/// standing where a fill alone would not pay.
#[test]
fn a_level_that_reduces_earns_the_skew() {
    let config = configured(|config| {
        config.quoting.risk_aversion = 4.0;
        config.requests.burst_frac = 1.0;
    });
    let mut desk = Desk::with(config, 2_000);
    desk.open();
    desk.seconds(100);
    let shown = desk.snapshot();
    let skew_bps = -shown.trace[0].terms.unwrap().skew_bps;
    let mut asks: Vec<(f64, f64)> = shown
        .orders
        .iter()
        .filter(|order| order.side == Side::Ask)
        .map(|order| {
            let size = order.size.unwrap();
            assert_eq!(size.merged, Sz::ZERO, "{size:?}");
            (
                order.trace.unwrap().half_spread_bps,
                size.by_weight.as_f64(),
            )
        })
        .collect();
    asks.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("{skew_bps} {asks:?}");
    // Fee and adverse selection are 2 bps.
    assert!(asks.len() == 5 && asks[0].0 < 2.0, "{asks:?}");
    for pair in asks.windows(2) {
        let worth = |bps: f64| libm::exp(-0.7 * bps) * (bps + skew_bps - 2.0);
        let ratio = pair[1].1 / pair[0].1;
        let wanted = worth(pair[1].0) / worth(pair[0].0);
        assert!(
            (ratio / wanted - 1.0).abs() < 0.05,
            "{ratio} {wanted} {asks:?}"
        );
    }
}

/// No candles, no usual volatility: then the market is as usual, whatever it does.
#[test]
fn without_history_the_regime_is_the_usual_one() {
    let mut desk = Desk::with(configured(|config| config.models.regime = true), 0);
    desk.open();
    desk.seconds(80);
    market(4.0, nothing).run(&mut desk, 2_400);
    assert_eq!(
        (models(&desk).regime, models(&desk).regime_ratio),
        (Regime::Usual, None)
    );
}
