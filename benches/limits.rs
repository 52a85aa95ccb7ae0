//! The limit, sizing and the reduce-only filter, each alone, at 5, 10 and 25 levels a side.
//!
//! `exp_1000` is the yardstick: a thousand `libm::exp` over a fixed array, timed in the same run.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mm_core::filter::{Quote, Standing, assess, filter_ladder};
use mm_core::instrument::Instrument;
use mm_core::ladder::{LadderLevel, MarginLeft, Sizing, SweepGuard, size_ladder};
use mm_core::limits::{
    Ages, FreshnessConfig, FreshnessSettings, LimitConfig, LimitInputs, LimitSettings, Limits,
    Previous, derive_limits,
};
use mm_core::units::{Dur, Px, Side, Sz, Usd};

const MID: i64 = 1_000_000;

fn config() -> LimitConfig {
    LimitConfig::new(LimitSettings {
        risk_fraction: 0.03,
        num_sigmas: 3.0,
        risk_horizon_s: 3600.0,
        sigma_prior: 3e-4,
        sigma_floor_frac: 0.5,
        confidence_n0: 30.0,
        leverage_cap: 5.0,
        initial_margin_frac: 0.8,
        gap_move_frac: None,
        gap_loss_frac: 0.5,
        liquidity_frac: 0.05,
        position_cap_usd: None,
        position_cap_coin: None,
        equity_share_frac: None,
        warmup_max_position_usd: Some(500.0),
        warmup_max_position_coin: None,
        limit_use_frac: 0.98,
        reduce_only_leave_frac: 0.9,
        daily_loss_frac: 0.05,
        drawdown_frac: 0.08,
        limit_rise_frac_per_min: 0.1,
    })
    .expect("legal settings")
}

fn freshness() -> FreshnessConfig {
    FreshnessConfig::new(FreshnessSettings {
        market_degraded_s: 5.0,
        market_gone_s: 15.0,
        account_degraded_s: 30.0,
        account_gone_s: 120.0,
        head_room_degraded_s: 60.0,
        head_room_gone_s: 300.0,
        sigma_degraded_s: 120.0,
        sigma_gone_s: 600.0,
        own_stream_degraded_s: 60.0,
        own_stream_gone_s: 120.0,
    })
    .expect("legal deadlines")
}

fn btc() -> Instrument {
    Instrument::new("BTC", 0, 5, 40).expect("a legal instrument")
}

/// Everything known, as in full quoting.
fn inputs() -> LimitInputs {
    let second = Some(Dur::from_secs(1.0));
    LimitInputs {
        account_value: Some(Usd(10_000_123_456)),
        sigma: Some(0.000_061_234_567_89),
        sigma_confidence: 0.923_456_789,
        sigma_24h: Some(0.000_058_765_432_1),
        sigma_prior: Some(0.000_062_345_678_9),
        mid: Some(100_000.5),
        position: Sz(-1_234),
        horizon_s: Some(4_321.098_765_4),
        loss_left: Some(Usd(480_000_000)),
        head_room: Some([Sz(500_000), Sz(500_000)]),
        asset_max_leverage: Some(40.0),
        exchange_leverage: Some(20.0),
        traded_notional_1h: Some(34_567_890.123),
        ages: Ages {
            market: second,
            account: second,
            head_room: second,
            sigma: second,
            own_stream: second,
            history: second,
        },
        ..LimitInputs::unknown(5.0)
    }
}

fn derive(previous: Option<Previous>) -> Limits {
    derive_limits(&inputs(), &config(), &freshness(), &btc(), previous).expect("legal inputs")
}

fn levels(side: Side, count: i64) -> Vec<LadderLevel> {
    (1..=count)
        .map(|away| {
            let px = Px(MID - side.sign() * 10 * away);
            let depth = 0.1 * Px(away).as_f64();
            LadderLevel::new(px, libm::exp(-depth), depth).expect("finite promises")
        })
        .collect()
}

fn bench(criterion: &mut Criterion) {
    let array: Vec<f64> = (0..1_000_i32).map(|i| f64::from(i) * 1e-3).collect();
    criterion.bench_function("exp_1000", |b| {
        b.iter(|| array.iter().map(|x| libm::exp(black_box(*x))).sum::<f64>());
    });
    let (inputs, config, freshness, btc) = (inputs(), config(), freshness(), btc());
    let before = derive(None);
    criterion.bench_function("derive_limits", |b| {
        b.iter(|| {
            let previous = Some(before.aged(Dur::from_millis(70)));
            derive_limits(black_box(&inputs), &config, &freshness, &btc, previous)
        });
    });
    let standing = Standing {
        position: Sz(-1_234),
        mid: Some(100_000.5),
        was_reduce_only: false,
        other: None,
    };
    criterion.bench_function("assess", |b| {
        b.iter(|| assess(&before, black_box(&standing), 0.9, &btc));
    });
    let verdict = assess(&before, &standing, 0.9, &btc);
    for count in [5, 10, 25] {
        let (bids, asks) = (levels(Side::Bid, count), levels(Side::Ask, count));
        let sizing = Sizing {
            position: standing.position,
            verdict,
            unreplaced: [Sz::ZERO; 2],
            target: Sz(before.long().0 / 5),
            min_level: Usd(12_000_000),
            limit_use_frac: 0.98,
            sweep_guard: SweepGuard::On,
            margin_left: Some(MarginLeft {
                free: Usd(8_000_000_000),
                leverage: 20.0,
            }),
        };
        criterion.bench_function(&format!("size_ladder/{count}+{count}"), |b| {
            b.iter(|| size_ladder(&before, [&bids, &asks], black_box(&sizing), &btc));
        });
        let ladder = size_ladder(&before, [&bids, &asks], &sizing, &btc);
        let quotes: Vec<Quote> = ladder.quotes;
        criterion.bench_function(&format!("filter_ladder/{count}+{count}"), |b| {
            b.iter(|| filter_ladder(black_box(&quotes), &verdict, standing.position, &before));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
