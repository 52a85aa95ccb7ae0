//! One step of the engine, by what the event does.
//!
//! `exp_1000` is the yardstick of older figures: a thousand `libm::exp` over a fixed array.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mm_core::action::{Action, ActionBody};
use mm_core::engine::{Engine, EngineConfig};
use mm_core::event::{
    AccountState, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, HeadRoom, ItemStatus,
    Level, OtherCoins, RateLimit, Reply, ReplyOutcome, Stream, StreamState, StreamStatus, Trade,
};
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use serde_json::json;

const START: Time = Time(1_700_000_000 * SECOND);
const MID: i64 = 1_000_005;

fn config(levels: u32) -> EngineConfig {
    let json = json!({
        "session": 1, "cloid_start": 0, "action_life_s": 10,
        "limits": {"risk_fraction": 0.03, "num_sigmas": 3.0, "risk_horizon_s": 3600.0, "sigma_prior": 3e-4,
            "sigma_floor_frac": 0.5, "confidence_n0": 30.0, "leverage_cap": 5.0, "initial_margin_frac": 0.8,
            "gap_move_frac": null, "gap_loss_frac": 0.5, "liquidity_frac": 0.05, "position_cap_usd": null,
            "position_cap_coin": null, "equity_share_frac": null, "warmup_max_position_usd": 500.0, "warmup_max_position_coin": null,
            "limit_use_frac": 0.98, "reduce_only_leave_frac": 0.9, "daily_loss_frac": 0.05,
            "drawdown_frac": 0.08, "limit_rise_frac_per_min": 0.1},
        "quoting": {"strategy": "ladder", "target_liquidity_frac": 0.2, "levels": levels,
            "depths_bps": (0..levels).map(|j| 4.0 + 0.5 * f64::from(j)).collect::<Vec<_>>(),
            "min_level_usd": 12.0, "min_edge_bps": 0.5, "arrival_per_s": 0.1, "kappa_per_bps": 0.7,
            "adverse_selection_bps": 0.5, "half_spread_bps": 10.0, "half_spread_max_bps": 100.0, "risk_aversion": 1.0,
            "horizon_s": 300, "inventory_skew_bps": 10.0, "max_bps_diff": 0.2, "size_tolerance_frac": 0.1,
            "sweep_guard": true},
        "models": {"fair_price": "mid", "intensity": "assumed", "intensity_half_life_s": 1200,
            "adverse_selection": "assumed", "adverse_half_life_s": 3600, "shrink_n0": 100,
            "gamma_at": "present", "no_edge": "quote", "queue": false, "regime": false, "lively_size_frac": 0.7, "wild_size_frac": 0.4, "calm_refresh_ratio": 0.7,
            "lively_refresh_ratio": 1.3, "wild_refresh_ratio": 2,
            "funding": false, "funding_max_bps": 5, "funding_reserve_s": 600,
            "reference": "off", "lead": false, "ofi": false, "shift_half_life_s": 1800, "basis_half_life_s": 2,
            "reference_stale_s": 5},
        "freshness": {"market_degraded_s": 5.0, "market_gone_s": 15.0, "account_degraded_s": 30.0,
            "account_gone_s": 120.0, "head_room_degraded_s": 60.0, "head_room_gone_s": 300.0,
            "sigma_degraded_s": 120.0, "sigma_gone_s": 600.0, "own_stream_degraded_s": 60.0,
            "own_stream_gone_s": 120.0},
        "control": {"observe_book_s": 0.0, "observe_deadline_s": 0.0, "quote_min_s": 0.0, "widen_jump_sigmas": 5, "widen_window_s": 5,
            "widen_term_bps": 5, "widen_sum_bps": 20, "widen_dwell_s": 30, "toxic_jump_sigmas": null,
            "toxic_flow_sigmas": null, "toxic_off_s": 5, "burst_fills": 4, "burst_window_s": 2,
            "burst_off_s": 60, "burst_step_s": 30, "ramp": false, "kill_runaway_ratio": 2, "kill_stale_s": 300,
            "kill_rejections": 10, "kill_rejections_s": 60, "kill_unexplained_s": 30, "on_kill": "flatten",
            "on_exit": "hold",
            "kill_deadline_s": 120, "exit_deadline_s": 60},
        "recovery": {"stuck_s": 30, "chase_s": 60, "passive_s": 300, "passive_ratio_max": 1.5,
            "liquidation_sigma_hours": 3, "ioc_slippage_bps": 5, "ioc_slippage_spreads": 3,
            "ioc_slippage_sigmas": 3, "ioc_horizon_s": 5, "ioc_slippage_max_bps": 50,
            "ioc_limit_frac": 0.1, "ioc_min_usd": 12, "ioc_attempts": 3, "ioc_apart_s": 5,
            "ioc_rounds": 3, "ioc_cooldown_s": 30, "post_only_s": 60, "reject_strikes": 3,
            "reject_backoff_s": 5, "reject_backoff_max_s": 120, "reconcile_s": 10,
            "reconcile_grace_s": 3, "sweep_s": 60, "sweep_grace_s": 5},
        "protection": {"resident_stop": false, "resident_stop_tolerance_frac": 0.1},
        "requests": {"reserve": 500, "plan_days": 3, "burst_frac": 0.1, "price_max_usd": 5e-4, "ask_s": 60,
            "watchdog_weight_per_min": 300}
    });
    serde_json::from_value(json).expect("a legal configuration")
}

fn level(px: i64) -> Level {
    Level {
        px: Px(px),
        sz: Sz(50_000),
    }
}

fn bbo(exch: Time, mid: i64) -> EventBody {
    EventBody::Bbo(Bbo {
        exch,
        bid: Some(level(mid - 5)),
        ask: Some(level(mid + 5)),
    })
}

fn book(exch: Time, mid: i64) -> EventBody {
    let side = |sign: i64| (0..20).map(|i| level(mid + sign * (5 + 10 * i))).collect();
    EventBody::Book(BookSnapshot {
        exch,
        bids: side(-1),
        asks: side(1),
    })
}

/// An engine of a rich account in full quoting, all orders resting.
fn quoting(levels: u32) -> (Engine, Time) {
    let btc = Instrument::new("BTC", 0, 5, 40).expect("a legal instrument");
    let mut engine = Engine::new(config(levels), btc).expect("a legal configuration");
    let report = AccountState {
        exch: START,
        account_value: Usd(10_000_000 * 1_000_000),
        margin_used: Usd::ZERO,
        position: Sz::ZERO,
        position_value: Usd::ZERO,
        other_coins: OtherCoins::NONE,
        liquidation_px: None,
    };
    let candles = (0..60).map(|minute: i64| Candle {
        open: Time(START.0 - (60 - minute) * 60 * SECOND),
        close: Time(START.0 - (59 - minute) * 60 * SECOND),
        close_px: if minute % 2 == 0 {
            100_000.0
        } else {
            100_050.0
        },
    });
    let up = |stream| {
        EventBody::Stream(StreamStatus {
            stream,
            state: StreamState::Up,
        })
    };
    let opening = [
        up(Stream::Market),
        up(Stream::User),
        EventBody::Fees(Fees {
            maker: 0.000_15,
            taker: 0.000_45,
        }),
        EventBody::Candles(candles.collect()),
        EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(200_000_000); 2]),
        }),
        EventBody::RateLimit(RateLimit {
            used: 0,
            cap: 100_000_000,
        }),
        EventBody::Command(Command::Anchor(report)),
        book(START, MID),
        bbo(START, MID),
        bbo(START, MID),
    ];
    let (mut now, mut oid) = (START, 0);
    for body in opening {
        now = now.plus(Dur(1));
        let mut actions = step(&mut engine, now, body);
        while let Some(action) = actions.pop() {
            now = now.plus(Dur(1));
            actions.extend(step(&mut engine, now, accept(&action, &mut oid)));
        }
    }
    assert_eq!(engine.snapshot().orders.len(), 2 * levels as usize);
    (engine, now)
}

fn accept(action: &Action, oid: &mut u64) -> EventBody {
    let items = match &action.body {
        ActionBody::Place(orders) => orders.len(),
        ActionBody::Modify(amends) => amends.len(),
        ActionBody::Cancel(_) => 0,
    };
    let mut rest = || {
        *oid += 1;
        ItemStatus::Resting(*oid)
    };
    let statuses = (0..items).map(|_| rest()).collect();
    EventBody::Reply(Reply {
        action: action.id,
        outcome: ReplyOutcome::Statuses(statuses),
    })
}

fn step(engine: &mut Engine, recv: Time, body: EventBody) -> Vec<Action> {
    let mut actions = Vec::new();
    engine.step(&Event { recv, body }, &mut actions);
    actions
}

fn steps(c: &mut Criterion) {
    for levels in [5_u32, 25] {
        let (engine, now) = quoting(levels);
        let later = now.plus(Dur(50_000_000));
        let event = |body| Event { recv: later, body };
        let trade = Trade {
            exch: later,
            tid: 1,
            side: Side::Bid,
            px: Px(MID + 5),
            sz: Sz(100),
        };
        for (name, event) in [
            ("trade", event(EventBody::Trades(vec![trade]))),
            ("bbo_still", event(bbo(later, MID))),
            ("book_still", event(book(later, MID))),
            ("bbo_requote", event(bbo(later, MID + 300))),
        ] {
            c.bench_function(&format!("step/{levels}x2/{name}"), |b| {
                let mut actions = Vec::with_capacity(4);
                b.iter_batched_ref(
                    || engine.clone(),
                    |engine| {
                        actions.clear();
                        engine.step(black_box(&event), &mut actions);
                        black_box(actions.len())
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn yardstick(c: &mut Criterion) {
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i) * 1e-3).collect();
    c.bench_function("exp_1000", |b| {
        b.iter(|| {
            black_box(&values)
                .iter()
                .map(|x| libm::exp(*x))
                .sum::<f64>()
        });
    });
}

criterion_group!(benches, yardstick, steps);
criterion_main!(benches);
