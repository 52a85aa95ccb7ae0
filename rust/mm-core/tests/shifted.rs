//! Signals of the next second, from what is heard to the prices that are sent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "prices and seconds of an hour"
)]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use std::collections::VecDeque;

use desk::Desk;
use mm_core::engine::{EngineConfig, ShiftedShown};
use mm_core::estimators::shift::Gate;
use mm_core::event::{AssetCtx, Bbo, Command, EventBody, Level, ReferencePx, Stream, StreamState};
use mm_core::quote::Strategy;
use mm_core::reference::Reference;
use mm_core::units::{Dur, Px, SECOND, Side, Sz};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEP: Dur = Dur(SECOND / 8);
/// Half a second and a bit: the follower's delay.
const LAG: usize = 5;
const MID: i64 = 1_000_005;

fn configured(change: impl FnOnce(&mut EngineConfig)) -> EngineConfig {
    let mut config = desk::config("{}");
    config.quoting.strategy = Strategy::Symmetric;
    config.quoting.half_spread_bps = 5.0;
    config.quoting.max_bps_diff = Some(1e-6);
    config.requests.burst_frac = 1.0;
    change(&mut config);
    config
}

fn shift(desk: &Desk) -> ShiftedShown {
    desk.snapshot().models.shift
}

/// How far the fair price is above the mid, lattice units.
fn lean(desk: &Desk) -> f64 {
    desk.snapshot().models.fair.unwrap() * 10.0 - desk.mid as f64
}

/// Twice the middle of our best quotes.
fn centre(desk: &Desk) -> i64 {
    let best = |side: Side| {
        let own = desk.resting.values().filter(|order| order.side == side);
        own.map(|order| side.sign() * order.px.0).max().unwrap() * side.sign()
    };
    best(Side::Bid) + best(Side::Ask)
}

fn bbo(desk: &mut Desk, lots: [i64; 2]) {
    let level = |px, sz| {
        Some(Level {
            px: Px(px),
            sz: Sz(sz),
        })
    };
    let (bid, ask) = (desk.mid - desk.half, desk.mid + desk.half);
    desk.tell(EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(bid, lots[0]),
        ask: level(ask, lots[1]),
    }));
}

/// A reference, as it is heard.
type Heard = fn(&Desk, f64) -> EventBody;

fn coin(desk: &Desk, px: f64) -> EventBody {
    EventBody::Reference(ReferencePx { exch: desk.now, px })
}

fn oracle(_: &Desk, px: f64) -> EventBody {
    EventBody::AssetCtx(AssetCtx {
        mark_px: 100_000.0,
        oracle_px: px,
        mid_px: None,
        funding_rate_per_h: 0.0,
        open_interest: 1e4,
        day_notional_usd: 1e9,
        premium: None,
    })
}

struct Follower {
    random: ChaCha8Rng,
    leader_bps: f64,
    coming: VecDeque<f64>,
    own_bps: f64,
}

impl Follower {
    fn open(config: EngineConfig) -> (Self, Desk) {
        let mut desk = Desk::with(config, 0);
        desk.half = 105;
        desk.open();
        desk.seconds(100);
        desk.market = false;
        let follower = Self {
            random: ChaCha8Rng::seed_from_u64(5),
            leader_bps: 0.0,
            coming: VecDeque::from(vec![0.0; LAG]),
            own_bps: 0.0,
        };
        (follower, desk)
    }

    fn price(&self) -> f64 {
        4_000.0 * libm::exp(self.leader_bps * 1e-4)
    }

    /// Some time of a leader and of our coin, which takes its moves on later and pulls back to the middle.
    fn run(&mut self, desk: &mut Desk, seconds: usize, heard: Heard) {
        for _ in 0..seconds * 8 {
            let unit: f64 = self.random.random();
            self.step(desk, unit - 0.5 - 0.01 * self.leader_bps, heard);
        }
    }

    /// Both stand still until ours is where the leader is, and the average of the basis too.
    fn rest(&mut self, desk: &mut Desk, heard: Heard) {
        for _ in 0..20 * 8 {
            self.step(desk, 0.0, heard);
        }
    }

    fn step(&mut self, desk: &mut Desk, moved_bps: f64, heard: Heard) {
        self.leader_bps += moved_bps;
        self.coming.push_back(moved_bps);
        self.own_bps += self.coming.pop_front().unwrap();
        desk.pass(STEP);
        let told = heard(desk, self.price());
        desk.tell(told);
        desk.mid = MID + libm::round(self.own_bps * 10.0) as i64 * 10;
        bbo(desk, [50_000, 50_000]);
    }
}

/// The leader jumps by six bps: our quotes' middle is there before our mid is, and no further than the touch.
/// Without the setting nothing moves, whatever is measured.
#[test]
fn quotes_follow_what_leads_where_they_are_told_to() {
    let sources: [(Reference, Heard); 2] = [
        (Reference::Coin("ETH".to_owned()), coin),
        (Reference::Oracle, oracle),
    ];
    for (reference, heard) in sources {
        for (lead, up) in [(true, 1.0), (true, -1.0), (false, 1.0)] {
            let (mut follower, mut desk) = Follower::open(configured(|config| {
                config.models.reference = reference.clone();
                config.models.lead = lead;
            }));
            follower.run(&mut desk, 180, heard);
            follower.rest(&mut desk, heard);
            let (before, open) = (centre(&desk), shift(&desk));
            assert_eq!(open.lead.gate, Gate::Open, "{reference:?} {open:?}");
            let jumped = heard(&desk, follower.price() * libm::exp(up * 6e-4));
            desk.tell(jumped);
            desk.pass(Dur(SECOND / 100));
            let (moved, now) = ((centre(&desk) - before) as f64 / 2.0, shift(&desk));
            println!(
                "{reference:?}, used {lead}: {up:+} gives {:+.2} bps, centre {moved:+}",
                now.shift_bps
            );
            if lead {
                assert!(
                    up * moved > 50.0 && up * lean(&desk) > 50.0,
                    "{moved} {now:?}"
                );
                assert!(lean(&desk).abs() <= 105.0 + 1e-9, "within the touch");
            } else {
                assert!(up * now.lead.shift_bps > 1.0, "it is measured: {now:?}");
                assert!(moved.abs() < 1e-9 && lean(&desk).abs() < 1e-9, "{moved}");
                assert!(now.shift_bps.abs() < 1e-12 && !now.lead_used);
            }
        }
    }
}

/// A reference that is not heard moves nothing, and says why; when it is back its average begins anew.
#[test]
fn a_reference_that_is_stale_or_lost_moves_nothing() {
    let (mut follower, mut desk) = Follower::open(configured(|config| {
        config.models.reference = Reference::Coin("ETH".to_owned());
        config.models.lead = true;
    }));
    assert_eq!(shift(&desk).lead.gate, Gate::Unheard);
    follower.run(&mut desk, 180, coin);
    assert_eq!(shift(&desk).lead.gate, Gate::Open);
    let learned = shift(&desk).lead.slope.unwrap().n;
    for second in 1..=7 {
        desk.pass(Dur(SECOND));
        bbo(&mut desk, [50_000, 50_000]);
        let shown = shift(&desk);
        assert_eq!(
            shown.lead.gate == Gate::Stale || shown.lead.gate == Gate::Unheard,
            second > 5
        );
        if second > 5 {
            assert!(lean(&desk).abs() < 1e-9 && shown.reference_age_s.unwrap() > 5.0);
        }
    }
    let told = coin(&desk, follower.price() * 1.01);
    desk.tell(told);
    assert_eq!(
        shift(&desk).lead.gate,
        Gate::Settling,
        "a percent of silence is no move"
    );
    follower.run(&mut desk, 20, coin);
    assert_eq!(shift(&desk).lead.gate, Gate::Open);
    assert!(
        shift(&desk).lead.slope.unwrap().n > 0.9 * learned,
        "what was learned stays"
    );
    desk.stream(Stream::Market, StreamState::Down);
    desk.stream(Stream::Market, StreamState::Up);
    bbo(&mut desk, [50_000, 50_000]);
    let shown = shift(&desk);
    assert_eq!((shown.lead.gate, shown.reference_px), (Gate::Unheard, None));
    assert!(lean(&desk).abs() < 1e-9);
}

/// The oracle is none of a run that follows a coin, nor the reverse, and none at all where none is configured.
#[test]
fn only_the_configured_reference_is_heard() {
    for (reference, heard) in [
        (Reference::Off, coin as Heard),
        (Reference::Off, oracle),
        (Reference::Oracle, coin),
        (Reference::Coin("ETH".to_owned()), oracle),
    ] {
        let (mut follower, mut desk) = Follower::open(configured(|config| {
            config.models.reference = reference.clone();
        }));
        desk.stream(Stream::Market, StreamState::Down);
        desk.stream(Stream::Market, StreamState::Up);
        follower.run(&mut desk, 5, heard);
        let shown = shift(&desk);
        assert_eq!(shown.reference_px, None, "{reference:?}");
        let wanted = if reference == Reference::Off {
            Gate::Off
        } else {
            Gate::Unheard
        };
        assert_eq!(shown.lead.gate, wanted);
    }
}

/// What grows before the mid rises: the bid of others. An order of ours that joins it is no flow.
#[test]
fn quotes_lean_with_the_flow_at_the_touch() {
    let taught = |ofi: bool| {
        let (mut follower, mut desk) = Follower::open(configured(|config| config.models.ofi = ofi));
        for _ in 0..400 {
            let up = follower.random.random::<f64>() < 0.5;
            desk.pass(Dur(SECOND * 3 / 5));
            let grown = if up {
                [500_000, 50_000]
            } else {
                [50_000, 500_000]
            };
            bbo(&mut desk, grown);
            desk.pass(Dur(SECOND * 2 / 5));
            desk.mid += if up { 40 } else { -40 };
            bbo(&mut desk, [50_000, 50_000]);
        }
        // Calm again.
        for _ in 0..10 {
            desk.pass(Dur(SECOND / 2));
            bbo(&mut desk, [50_000, 50_000]);
        }
        desk
    };
    for ofi in [true, false] {
        let mut desk = taught(ofi);
        let before = centre(&desk);
        bbo(&mut desk, [500_000, 50_000]);
        desk.pass(Dur(SECOND / 100));
        let (moved, shown) = ((centre(&desk) - before) as f64 / 2.0, shift(&desk));
        assert_eq!(shown.ofi.gate, Gate::Open, "{shown:?}");
        assert!(shown.ofi.shift_bps > 0.1, "{shown:?}");
        assert_eq!(moved > 5.0, ofi, "{moved} {shown:?}");
        // It fades where nothing more comes.
        desk.pass(Dur(4 * SECOND));
        assert!(shift(&desk).ofi.shift_bps < 0.02 * shown.ofi.shift_bps);
    }
}

/// Law 7: orders of ours that join the touch, and leave it again, are no flow.
#[test]
fn our_own_size_is_no_flow() {
    let (mut follower, mut desk) = Follower::open(configured(|config| {
        config.models.ofi = true;
        config.quoting.max_bps_diff = Some(50.0);
    }));
    for _ in 0..120 {
        desk.pass(Dur(SECOND));
        let lots = 40_000 + (follower.random.random::<f64>() * 20_000.0) as i64;
        bbo(&mut desk, [lots, 50_000]);
    }
    let own = desk
        .resting
        .values()
        .filter(|order| order.side == Side::Bid);
    let best = *own.max_by_key(|order| order.px).unwrap();
    desk.half = desk.mid - best.px.0;
    for _ in 0..20 {
        desk.pass(Dur(SECOND));
        bbo(&mut desk, [50_000 + best.sz.0; 2]);
    }
    assert!(
        desk.resting.values().any(|order| order.px == best.px),
        "it stays"
    );
    let value = |desk: &Desk| shift(desk).ofi.value.unwrap();
    assert!(value(&desk).abs() < 1e-3, "{}", value(&desk));
    desk.tell(EventBody::Command(Command::Kill));
    assert!(
        !desk.resting.values().any(|order| order.px == best.px),
        "it is gone"
    );
    bbo(&mut desk, [50_000, 50_000]);
    assert!(value(&desk).abs() < 1e-3, "{}", value(&desk));
    bbo(&mut desk, [50_000 - best.sz.0, 50_000]);
    assert!(value(&desk) < -1e-3, "that of others is: {}", value(&desk));
}
