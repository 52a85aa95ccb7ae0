//! The whole loop on a small made-up tape: books balance, runs repeat, logs replay.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::sync::Arc;

use mm_core::engine::EngineConfig;
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, USD, Usd, format_decimal};
use mm_sim::backtest::{
    Backtest, BacktestConfig, BacktestError, Latency, Progress, Watch, backtest,
};
use mm_sim::eventlog::{ReplayError, replay};
use mm_sim::exchange::FeeRates;
use mm_sim::frames::{Feed, Tape};
use mm_sim::recorded::QueueBound;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

fn engine() -> EngineConfig {
    serde_json::from_str(
        r#"{
        "session": 7, "cloid_start": 0, "action_life_s": 10,
        "limits": {"risk_fraction": 0.03, "num_sigmas": 3, "risk_horizon_s": 3600, "sigma_prior": 3e-4,
            "sigma_floor_frac": 0.5, "confidence_n0": 30, "leverage_cap": 5, "initial_margin_frac": 0.8,
            "gap_move_frac": null, "gap_loss_frac": 0.5, "liquidity_frac": 0.05, "position_cap_usd": null,
            "position_cap_coin": null, "equity_share_frac": null, "warmup_max_position_usd": 500, "warmup_max_position_coin": null,
            "limit_use_frac": 0.98, "reduce_only_leave_frac": 0.9, "daily_loss_frac": 0.05,
            "drawdown_frac": 0.08, "limit_rise_frac_per_min": 0.1},
        "quoting": {"strategy": "ladder", "target_liquidity_frac": 0.2, "levels": 3, "depths_bps": [2, 4, 6],
            "min_level_usd": 12, "min_edge_bps": 0.5, "arrival_per_s": 0.1, "kappa_per_bps": 0.7,
            "adverse_selection_bps": 0.5, "half_spread_bps": 3, "half_spread_max_bps": 100.0, "risk_aversion": 1.0,
            "horizon_s": 300, "inventory_skew_bps": 10, "max_bps_diff": null, "size_tolerance_frac": 0.1,
            "sweep_guard": true},
        "models": {"fair_price": "mid", "intensity": "assumed", "intensity_half_life_s": 1200,
            "adverse_selection": "assumed", "adverse_half_life_s": 3600, "shrink_n0": 100,
            "gamma_at": "present", "no_edge": "quote", "queue": false, "regime": false, "lively_size_frac": 0.7, "wild_size_frac": 0.4, "calm_refresh_ratio": 0.7,
            "lively_refresh_ratio": 1.3, "wild_refresh_ratio": 2,
            "funding": false, "funding_max_bps": 5, "funding_reserve_s": 600,
            "reference": "off", "lead": false, "ofi": false, "shift_half_life_s": 1800, "basis_half_life_s": 2,
            "reference_stale_s": 5},
        "freshness": {"market_degraded_s": 2, "market_gone_s": 5, "account_degraded_s": 30,
            "account_gone_s": 120, "head_room_degraded_s": 60, "head_room_gone_s": 300,
            "sigma_degraded_s": 120, "sigma_gone_s": 600, "own_stream_degraded_s": 60, "own_stream_gone_s": 120},
        "control": {"observe_book_s": 1, "observe_deadline_s": 2, "quote_min_s": 1, "widen_jump_sigmas": 5, "widen_window_s": 5,
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
    }"#,
    )
    .unwrap()
}

fn config() -> BacktestConfig {
    BacktestConfig {
        engine: engine(),
        equity: Usd(10_000 * USD),
        traded_before: Usd(0),
        leverage: 20,
        fees: FeeRates::BASE,
        latency: Latency {
            order: Dur::from_millis(100),
            ack: Dur::from_millis(100),
            block: Dur::from_millis(70),
        },
        expires_after: Dur::from_millis(10_000),
        bound: QueueBound::Pessimistic,
        all_bounds: true,
    }
}

/// Two minutes of a wandering book with takers on both sides that reach up to 8 bps.
fn tape() -> Arc<Tape> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut text, mut mid, mut tid) = (String::new(), 420_000_i64, 0);
    let px = |units: i64| format_decimal(units, 2);
    for tick in 0..480_i64 {
        let ms = 1_000_000 + 250 * tick;
        let recv = (ms + 300) * 1_000_000;
        mid += 10 * rng.random_range(-3..=3);
        let side = |sign: i64| {
            let level = |i: i64| {
                format!(
                    r#"{{"px":"{}","sz":"5","n":0}}"#,
                    px(mid + sign * (5 + 10 * i))
                )
            };
            (0..20).map(level).collect::<Vec<_>>().join(",")
        };
        if rng.random_bool(0.4) {
            let (name, sign) = if rng.random_bool(0.5) {
                ("B", 1)
            } else {
                ("A", -1)
            };
            let at = px(mid + sign * (5 + 10 * rng.random_range(0..34)));
            tid += 1;
            writeln!(text, r#"{recv} {{"channel":"trades","data":[{{"coin":"ETH","side":"{name}","px":"{at}","sz":"2","time":{ms},"hash":"0x","tid":{tid},"users":["0x","0x"]}}]}}"#).unwrap();
        }
        let (bids, asks) = (side(-1), side(1));
        writeln!(text, r#"{recv} {{"channel":"l2Book","data":{{"coin":"ETH","time":{ms},"levels":[[{bids}],[{asks}]]}}}}"#).unwrap();
    }
    let eth = Instrument::new("ETH", 0, 4, 25).unwrap();
    Arc::new(Tape::read(eth, text.as_bytes(), Feed::Recorded).unwrap())
}

/// Keeps the log and interrupts after a number of calls.
#[derive(Default)]
struct Keeper {
    log: Vec<u8>,
    calls: usize,
    stop_after: Option<usize>,
}

impl Watch for Keeper {
    fn progress(&mut self, _progress: Progress) -> bool {
        self.calls += 1;
        self.stop_after.is_none_or(|after| self.calls <= after)
    }

    fn log(&mut self, lines: &[u8]) {
        self.log.extend_from_slice(lines);
    }

    fn now_ns(&mut self) -> u64 {
        0
    }
}

fn run() -> (Backtest, Vec<u8>) {
    let mut keeper = Keeper::default();
    let result = backtest(&config(), &tape(), &mut keeper).unwrap();
    (result, keeper.log)
}

#[test]
fn it_trades_both_sides_and_its_books_balance() {
    let (result, _) = run();
    let top = &result.top;
    assert!(top.fills_buy > 0 && top.fills_sell > 0, "{top:?}");
    assert!(top.ready_cycles > 0 && top.two_sided_cycles > 0, "{top:?}");
    assert_eq!(top.pnl_usd.residual, "0");
    assert_eq!(top.open_orders_after_stop, 0);
    let bounds: Vec<QueueBound> = result
        .bounds
        .iter()
        .map(|bound| bound.queue_bound)
        .collect();
    assert_eq!(bounds, QueueBound::ALL);
}

/// How often the engine was told this.
fn told(log: &str, what: &str) -> usize {
    log.matches(&format!("\"{what}\":")).count()
}

#[test]
fn what_the_engine_asks_is_answered() {
    let (_, log) = run();
    let log = String::from_utf8(log).unwrap();
    // One each before the anchor; the rest answers the sweep at its beat of a minute.
    for what in ["OpenOrders", "RateLimit"] {
        assert!((2..=4).contains(&told(&log, what)), "{what}");
    }
    assert_eq!(told(&log, "OrderStatus"), 0);
}

#[test]
fn orders_on_a_slow_way_are_asked_for_and_found() {
    let mut config = config();
    config.latency.order = Dur::from_millis(3_000);
    config.latency.ack = Dur::from_millis(3_000);
    let mut keeper = Keeper::default();
    let result = backtest(&config, &tape(), &mut keeper).unwrap();
    let log = String::from_utf8(keeper.log).unwrap();
    let found = log.matches("\"found\":{\"exch\"").count();
    assert!(found > 10 && found == told(&log, "OrderStatus"), "{found}");
    assert_eq!(result.top.open_orders_after_stop, 0);
}

#[test]
fn it_repeats_and_its_log_gives_the_same_again() {
    let ((one, log), (two, again)) = (run(), run());
    assert_eq!(one.top, two.top);
    assert_eq!(log, again);
    let replayed = replay(&log).unwrap();
    assert_eq!(replayed.decision_hash, one.top.decision_hash);
    assert_eq!(
        (replayed.events, replayed.cut_after),
        (one.top.events, None)
    );
    assert!(replayed.actions > 10);
}

/// The log with `from` replaced by `to` in the last line that starts with `key`.
fn altered(log: &[u8], key: &str, from: &str, to: &str) -> (Vec<u8>, usize) {
    let text = core::str::from_utf8(log).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let found = lines
        .iter()
        .rposition(|line| line.starts_with(key) && line.contains(from))
        .unwrap();
    lines[found] = lines[found].replacen(from, to, 1);
    ((lines.join("\n") + "\n").into_bytes(), found + 1)
}

#[test]
fn one_altered_action_is_named() {
    let (_, log) = run();
    let (bad, line) = altered(&log, "{\"a\":", "\"cycle\":", "\"cycle\":1");
    let ReplayError::Differs { difference, .. } = replay(&bad).unwrap_err() else {
        panic!()
    };
    assert_eq!(difference.line, line);
    assert!(difference.what.starts_with("action "), "{difference}");
    assert!(difference.logged.is_some() && difference.replayed.is_some());
}

#[test]
fn a_missing_or_added_action_is_named() {
    let (_, log) = run();
    let text = String::from_utf8(log).unwrap();
    let at = text
        .lines()
        .position(|line| line.starts_with("{\"a\":"))
        .unwrap();
    let (mut without, mut twice) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        if number != at {
            without.push(line);
        }
        twice.push(line);
        if number == at {
            twice.push(line);
        }
    }
    for (lines, logged) in [(without, false), (twice, true)] {
        let error = replay((lines.join("\n") + "\n").as_bytes()).unwrap_err();
        let ReplayError::Differs { difference, .. } = error else {
            panic!()
        };
        assert!(difference.what.starts_with("action "), "{difference}");
        assert!(difference.logged.is_none() || logged, "{difference}");
    }
}

#[test]
fn a_header_that_does_not_fit_is_refused_and_says_why() {
    let (_, log) = run();
    let refusal = |from: &str, to: &str| {
        replay(&altered(&log, "{\"h\":", from, to).0)
            .unwrap_err()
            .to_string()
    };
    assert!(
        refusal("\"version\":2", "\"version\":9")
            .contains("version 9, this program replays version 2")
    );
    assert!(
        refusal("\"session\":7", "\"session\":8")
            .contains("session 8, but its configuration is of session 7")
    );
    assert!(refusal("\"levels\":3", "\"level\":3").contains("level"));
    assert!(replay(b"").unwrap_err().to_string().contains("empty"));
    assert!(
        replay(b"{}\n")
            .unwrap_err()
            .to_string()
            .starts_with("line 1: not the header")
    );
}

#[test]
fn a_log_cut_off_is_read_to_its_last_whole_line() {
    let (_, log) = run();
    let cut = replay(&log[..log.len() / 2]).unwrap();
    assert!(cut.cut_after.is_some_and(|line| line > 10));
    assert!(cut.events > 0);
}

#[test]
fn a_footer_of_other_actions_differs() {
    let (_, log) = run();
    let (bad, _) = altered(
        &log,
        "{\"z\":",
        "\"decision_hash\":\"0x",
        "\"decision_hash\":\"0xf",
    );
    assert!(
        replay(&bad)
            .unwrap_err()
            .to_string()
            .contains("the closing line differs")
    );
}

#[test]
fn it_can_be_interrupted() {
    let mut keeper = Keeper {
        stop_after: Some(2),
        ..Keeper::default()
    };
    let error = backtest(&config(), &tape(), &mut keeper).unwrap_err();
    assert!(matches!(error, BacktestError::Interrupted));
}

#[test]
fn without_latency_time_still_moves_on() {
    let mut config = config();
    config.latency = Latency {
        order: Dur(0),
        ack: Dur(0),
        block: Dur::from_millis(70),
    };
    let result = backtest(&config, &tape(), &mut ()).unwrap();
    assert_eq!(result.top.pnl_usd.residual, "0");
}

/// The course of each pass ends where the pass does; a pass alone is the same as one among three.
#[test]
fn the_course_of_a_pass_ends_where_it_does() {
    let all = backtest(&config(), &tape(), &mut ()).unwrap();
    assert_eq!(all.bounds.len(), 3);
    for bound in &all.bounds {
        let minutes = &bound.course.minutes;
        let end = minutes.last().unwrap();
        assert_eq!(minutes.len(), 3, "two minutes of market, and the end");
        assert_eq!(end.pnl_usd, bound.pnl_usd.total);
        assert_eq!(end.volume_usd, bound.volume_usd);
        assert!(bound.course.quoted.looks > 0);
        let requests: Vec<i64> = minutes.iter().map(|minute| minute.requests).collect();
        assert!(requests.is_sorted() && requests[0] > 0, "{requests:?}");
    }
    assert_eq!(
        all.top.course.minutes.last().unwrap().requests,
        all.top.requests
    );
    let config = BacktestConfig {
        all_bounds: false,
        ..config()
    };
    let alone = backtest(&config, &tape(), &mut ()).unwrap();
    assert_eq!(alone.top, all.top);
    assert_eq!(alone.bounds.len(), 1);
}

/// What the address has traded before is in the budget that the engine is told of.
#[test]
fn what_was_traded_before_may_be_spent() {
    let config = BacktestConfig {
        traded_before: Usd(1_000_000 * USD),
        all_bounds: false,
        ..config()
    };
    let mut keeper = Keeper::default();
    backtest(&config, &tape(), &mut keeper).unwrap();
    let log = String::from_utf8(keeper.log).unwrap();
    let told = log.lines().find(|line| line.contains("RateLimit")).unwrap();
    assert!(told.contains("1010000"), "{told}");
}
