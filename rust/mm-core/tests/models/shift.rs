//! A price that leads by 575 ms, the flow at the touch, and what neither may do: MODELS.md P1.5 and P2.5.

use std::collections::VecDeque;

use mm_core::book::Touch;
use mm_core::estimators::shift::{Gate, Shift, ShiftConfig, SignalShown};
use mm_core::event::Level;
use mm_core::units::{Px, SECOND, Sz, Time};

use crate::random::{Random, mean_sd};

const STEP: i64 = SECOND / 40;
/// 575 ms.
const LAG_STEPS: usize = 23;
const SECONDS: i64 = 2_400;
/// Of both, bps per square root of a second.
const SIGMA_BPS: f64 = 0.6;

fn config() -> ShiftConfig {
    ShiftConfig {
        half_life_s: 1_800.0,
        basis_half_life_s: 2.0,
        n0: 100.0,
        uses_lead: true,
    }
}

fn touch(mid: f64, sizes: [i64; 2]) -> Touch {
    let level = |px: f64, sz| Level {
        px: Px(px.round() as i64),
        sz: Sz(sz),
    };
    Touch {
        bid: level(mid - 100.0, sizes[0]),
        ask: level(mid + 100.0, sizes[1]),
    }
}

/// A leader's path, and a follower that takes it on 575 ms later, with noise of its own; `share` of the
/// leader's moves are taken on. Each is heard about five times a second.
struct Market {
    random: Random,
    leader: f64,
    /// What the follower has not taken on yet.
    coming: VecDeque<f64>,
    follower: f64,
    share: f64,
}

impl Market {
    fn new(seed: u64, share: f64) -> Self {
        Self {
            random: Random::new(seed),
            leader: 0.0,
            coming: VecDeque::from(vec![0.0; LAG_STEPS]),
            follower: 0.0,
            share,
        }
    }

    /// Logs of both, bps, a step later.
    fn step(&mut self) {
        let per_step = SIGMA_BPS / 40.0_f64.sqrt();
        let moved = per_step * self.random.normal();
        self.leader += moved;
        self.coming.push_back(moved);
        let taken = self.coming.pop_front().unwrap();
        let own = per_step * self.random.normal();
        let share = self.share;
        self.follower += share * taken + (1.0 - share * share).sqrt() * own;
    }
}

/// At the end of each second: the mid, and what was expected of the next, bps.
struct Second {
    mid_bps: f64,
    lead_bps: f64,
}

fn mid_of(log_bps: f64) -> f64 {
    5_000_000_000.0 * libm::exp(log_bps * 1e-4)
}

fn run(seed: u64, share: f64) -> (Shift, Vec<Second>, Time) {
    let (mut market, mut shift, mut seconds) =
        (Market::new(seed, share), Shift::new(config()), Vec::new());
    let (mut now, mut shown) = (Time(0), 0.0);
    for step in 0..SECONDS * 40 {
        now = Time(step * STEP);
        market.step();
        if market.random.chance(0.125) {
            shift.on_reference(now, 60_000.0 * libm::exp(market.leader * 1e-4));
        }
        if market.random.chance(0.125) {
            let mid = mid_of(market.follower);
            shown = market.follower;
            shift.on_touch(now, mid, &touch(mid, [5, 5]), mid);
        }
        if step % 40 == 39 {
            seconds.push(Second {
                mid_bps: shown,
                lead_bps: shift.lead(now).shift_bps,
            });
        }
    }
    (shift, seconds, now)
}

/// By how much squared errors of the mid exceed those of the shifted price, a second ahead: mean over its
/// standard error (Diebold and Mariano 1995), and the share of the mid's that is saved.
fn diebold_mariano(seconds: &[Second]) -> (f64, f64) {
    let errors = seconds.windows(2).map(|pair| {
        let came = pair[1].mid_bps - pair[0].mid_bps;
        let missed = came - pair[0].lead_bps;
        (came * came, missed * missed)
    });
    let (plain, gains): (Vec<f64>, Vec<f64>) = errors.map(|(a, b)| (a, a - b)).unzip();
    let ((mean, sd), total) = (mean_sd(&gains), mean_sd(&plain).0);
    (mean / (sd / (gains.len() as f64).sqrt()), mean / total)
}

#[test]
fn a_leader_half_a_second_ahead_is_followed() {
    for share in [1.0, 0.5] {
        let (mut scores, mut slopes, mut opened) = (Vec::new(), Vec::new(), 0);
        for seed in 0..20 {
            let (shift, seconds, now) = run(seed, share);
            let lead = shift.lead(now);
            opened += usize::from(lead.gate == Gate::Open);
            slopes.push(lead.slope.unwrap().value);
            scores.push(diebold_mariano(&seconds));
        }
        let z: Vec<f64> = scores.iter().map(|score| score.0).collect();
        let saved: Vec<f64> = scores.iter().map(|score| score.1).collect();
        let least = z.iter().copied().fold(f64::INFINITY, f64::min);
        let ((slope, sd), saved) = (mean_sd(&slopes), mean_sd(&saved).0);
        println!(
            "leader taken on by {share}: slope {slope:.3} (sd {sd:.3}), saves {saved:.3} of the square \
             error at 1 s, z at least {least:.1}, open in {opened} of 20"
        );
        assert_eq!(opened, 20);
        assert!(least > 3.0, "{least}");
    }
}

/// A basis that is watched for ever against a leader that is wholly taken on moves by what is coming alone:
/// one bp of it brings one.
#[test]
fn what_one_bp_of_basis_brings_is_recovered() {
    let (mut within, seeds) = (0, 40);
    for seed in 0..seeds {
        let (mut market, mut shift) = (
            Market::new(seed, 1.0),
            Shift::new(ShiftConfig {
                basis_half_life_s: 600.0,
                ..config()
            }),
        );
        let mut now = Time(0);
        for step in 0..2 * SECONDS * 40 {
            now = Time(step * STEP);
            market.step();
            shift.on_reference(now, libm::exp(market.leader * 1e-4));
            let mid = mid_of(market.follower);
            shift.on_touch(now, mid, &touch(mid, [5, 5]), mid);
        }
        let slope = shift.lead(now).slope.unwrap();
        within += usize::from((slope.value - 1.0).abs() < 2.0 * slope.se);
        assert!((slope.value - 1.0).abs() < 0.1, "{slope:?}");
    }
    println!("slope of the basis within 2 se of 1 in {within} of {seeds}");
}

#[test]
fn a_price_of_its_own_is_not_followed() {
    let seeds = 100;
    let open = (0..seeds).filter(|seed| {
        // The seeds of a follower and of somebody else's leader.
        let (mut market, mut other) = (Market::new(*seed, 0.0), Market::new(seed + 1_000, 0.0));
        let (mut shift, mut now) = (Shift::new(config()), Time(0));
        for step in 0..SECONDS * 40 {
            now = Time(step * STEP);
            market.step();
            other.step();
            if market.random.chance(0.125) {
                shift.on_reference(now, libm::exp(other.leader * 1e-4));
            }
            if market.random.chance(0.125) {
                let mid = mid_of(market.follower);
                shift.on_touch(now, mid, &touch(mid, [5, 5]), mid);
            }
        }
        let lead = shift.lead(now);
        assert!(lead.gate == Gate::Open || lead.shift_bps == 0.0);
        lead.gate == Gate::Open
    });
    let open = open.count();
    println!("an independent reference passes in {open} of {seeds}");
    assert!(open <= 5, "{open}");
}

/// A market whose bid grows half a second before a second in which the mid rises, and the reverse, by `knows` lattice
/// units for the usual growth; beside it the mid goes its own way by `noise`.
struct Pressed {
    seed: u64,
    lots: i64,
    knows: f64,
    noise: f64,
}

impl Pressed {
    /// Tells of each touch: when, the mid, by how much its bid has grown, and itself. Gives the time of the last.
    fn run(&self, mut tell: impl FnMut(Time, f64, f64, &Touch)) -> Time {
        let mut random = Random::new(self.seed);
        let (mut mid, mut now, mut coming) = (1e8, Time(0), 0.0);
        for second in 0..SECONDS {
            let pressure = random.normal();
            for (part, grown) in [(0, 0.0), (500, pressure)] {
                now = Time(second * SECOND + part * 1_000_000);
                if part == 0 {
                    mid += coming + self.noise * random.normal();
                }
                let size = |signed: f64| {
                    self.lots * (100 + (20.0 * signed).round().clamp(-90.0, 90.0) as i64)
                };
                tell(now, mid, grown, &touch(mid, [size(grown), size(-grown)]));
            }
            coming = self.knows * pressure;
        }
        now
    }
}

/// Sizes in any unit.
fn flow_run(seed: u64, lots: i64, informed: bool) -> SignalShown {
    let mut shift = Shift::new(config());
    let market = Pressed {
        seed,
        lots,
        knows: if informed { 300.0 } else { 0.0 },
        noise: 400.0,
    };
    let now = market.run(|now, mid, _, top| shift.on_touch(now, mid, top, mid));
    shift.flow(now)
}

#[test]
fn flow_at_the_touch_predicts_where_it_does_and_only_there() {
    let informed: Vec<SignalShown> = (0..20).map(|seed| flow_run(seed, 7, true)).collect();
    assert!(informed.iter().all(|shown| shown.gate == Gate::Open));
    let slopes: Vec<f64> = informed.iter().map(|s| s.slope.unwrap().value).collect();
    let idle = (0..100).filter(|seed| flow_run(*seed, 7, false).gate == Gate::Open);
    let idle = idle.count();
    println!(
        "flow that knows: {:.4} bps (sd {:.4}) for its usual size; one that does not passes in {idle} of 100",
        mean_sd(&slopes).0,
        mean_sd(&slopes).1
    );
    assert!(
        slopes.iter().all(|slope| *slope > 0.0) && idle <= 5,
        "{idle}"
    );
    // Law 2.
    let (one, other) = (flow_run(1, 7, true), flow_run(1, 7_000, true));
    assert!((one.shift_bps / other.shift_bps - 1.0).abs() < 1e-9 && one.gate == other.gate);
}

fn fed(shift: &mut Shift, from_s: i64, to_s: i64, seed: u64) -> Time {
    let (mut market, mut now) = (Market::new(seed, 1.0), Time(0));
    for step in from_s * 40..to_s * 40 {
        now = Time(step * STEP);
        market.step();
        shift.on_reference(now, libm::exp(market.leader * 1e-4));
        let mid = mid_of(market.follower);
        shift.on_touch(now, mid, &touch(mid, [5, 5]), mid);
    }
    now
}

/// A minute's silence, a lost stream and a lost reference: what was learned stays, nothing is joined across,
/// and until the average is known again nothing is expected.
#[test]
fn nothing_is_joined_across_a_gap() {
    for cut in ["silence", "stream", "reference"] {
        let mut shift = Shift::new(config());
        let now = fed(&mut shift, 0, 900, 1);
        match cut {
            "stream" => shift.on_gap(),
            "reference" => shift.lose_reference(),
            _ => {}
        }
        let (pause, gate) = match cut {
            "silence" => (60, None),
            _ => (0, Some(Gate::Unheard)),
        };
        assert!(
            gate.is_none_or(|gate| shift.lead(now).gate == gate),
            "{cut}"
        );
        // A jump of both by ten bps over the cut: a pair across it would show.
        let (later, mid) = (
            now.plus(mm_core::units::Dur((pause + 1) * SECOND)),
            mid_of(1_000.0),
        );
        // What is known a second later had nothing been told.
        let before = shift.lead(later).slope.unwrap();
        shift.on_touch(later, mid, &touch(mid, [5, 5]), mid);
        shift.on_reference(later, libm::exp(0.1));
        let after = shift.lead(later);
        assert_eq!(
            after.slope.unwrap().n.to_bits(),
            before.n.to_bits(),
            "{cut}"
        );
        if cut != "silence" {
            assert_eq!(
                (after.gate, after.shift_bps),
                (Gate::Settling, 0.0),
                "{cut}"
            );
        }
    }
}

/// Law 4: the mirrored market is expected the other way.
#[test]
fn a_mirrored_market_is_mirrored() {
    let mut found = Vec::new();
    for sign in [1.0, -1.0] {
        let (mut market, mut shift, mut now) = (Market::new(3, 0.8), Shift::new(config()), Time(0));
        for step in 0..1_200 * 40 {
            now = Time(step * STEP);
            market.step();
            shift.on_reference(now, libm::exp(sign * market.leader * 1e-4));
            let mid = mid_of(sign * market.follower);
            let mut sizes = [9, 4 + step % 3];
            if sign < 0.0 {
                sizes.swap(0, 1);
            }
            // In a mirror a price that rounds up rounds down.
            let mut top = touch(1e8, sizes);
            let moved = (sign * market.follower * 1e4).round() as i64;
            for level in [&mut top.bid, &mut top.ask] {
                level.px = Px(level.px.0 + moved);
            }
            shift.on_touch(now, mid, &top, mid);
        }
        found.push((shift.lead(now), shift.flow(now)));
    }
    let ((lead, flow), (lead_m, flow_m)) = (found[0], found[1]);
    for (one, other) in [(lead, lead_m), (flow, flow_m)] {
        assert!(
            (one.shift_bps + other.shift_bps).abs() < 1e-6,
            "{one:?} {other:?}"
        );
        assert!((one.slope.unwrap().value / other.slope.unwrap().value - 1.0).abs() < 1e-4);
    }
}

const PLAIN: Pressed = Pressed {
    seed: 4,
    lots: 7,
    knows: 300.0,
    noise: 40.0,
};

/// The flow's slope, and whether it predicts, where the fair price knows a share of what the flow at the touch says of
/// the next second.
fn flow_beside_a_fair_price(seed: u64, known: f64) -> SignalShown {
    let mut shift = Shift::new(config());
    let market = Pressed { seed, ..PLAIN };
    let now = market.run(|now, mid, grown, top| {
        shift.on_touch(now, mid, top, mid + known * market.knows * grown);
    });
    shift.flow(now)
}

/// No signal enters twice: what the fair price expects already is not for the flow to explain.
#[test]
fn the_flow_explains_what_the_fair_price_leaves() {
    for seed in 0..5 {
        let [alone, half, beside] =
            [0.0, 0.5, 1.0].map(|known| flow_beside_a_fair_price(seed, known));
        let slope = |shown: SignalShown| shown.slope.unwrap();
        let whole = slope(alone).value;
        assert_eq!(alone.gate, Gate::Open);
        assert!(
            (slope(half).value / whole - 0.5).abs() < 0.15,
            "{half:?} {whole}"
        );
        assert!(
            slope(beside).value.abs() < 0.15 * whole,
            "{beside:?} {whole}"
        );
    }
}

/// No signal enters twice: a flow that says the same as a reference that leads is left what that leaves.
#[test]
fn the_flow_explains_what_the_lead_leaves() {
    let slope = |uses_lead: bool| {
        let mut shift = Shift::new(ShiftConfig {
            uses_lead,
            // Slow: the basis is all that the next second brings.
            basis_half_life_s: 600.0,
            ..config()
        });
        let now = PLAIN.run(|now, mid, grown, top| {
            // The reference is there already where the flow says that the mid will be.
            shift.on_reference(now, mid + PLAIN.knows * grown);
            shift.on_touch(now, mid, top, mid);
        });
        assert_eq!(shift.lead(now).gate, Gate::Open);
        shift.flow(now).slope.unwrap().value
    };
    let (alone, beside) = (slope(false), slope(true));
    println!("flow beside a lead that says the same: {beside:.4} of {alone:.4} bps");
    assert!(
        alone > 0.0 && beside.abs() < 0.4 * alone,
        "{beside} {alone}"
    );
}
