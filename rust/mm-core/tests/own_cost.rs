//! What our own fills cost beside the tape, from fills to the prices that are sent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::cast_precision_loss, reason = "prices")]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use desk::Desk;
use mm_core::estimators::adverse::Cost;
use mm_core::event::{Bbo, EventBody, Level};
use mm_core::learned::Source;
use mm_core::units::{Dur, Px, SECOND, Side, Sz};

/// 4 bps of the mid, lattice units.
const COST: i64 = 400;

/// A desk whose best bid and ask are met in turn, half a minute apart. In the 4 s after a bid was, the mid falls
/// by 1 bp a second, and it comes back 10 s later; nothing follows what our asks sell. Of the tape nothing is
/// heard.
fn met(source: Source, rounds: usize) -> Desk {
    let mut config = desk::config("{}");
    config.models.adverse_selection = source;
    config.models.shrink_n0 = 10.0;
    // What rests is what is wanted.
    config.quoting.max_bps_diff = Some(1e-6);
    let mut desk = Desk::with(config, 0);
    desk.open();
    desk.seconds(80);
    desk.market = false;
    for _ in 0..rounds {
        desk.fill(Side::Bid, 1);
        for _ in 0..4 {
            desk.mid -= COST / 4;
            quiet(&mut desk, 1);
        }
        quiet(&mut desk, 10);
        for _ in 0..4 {
            desk.mid += COST / 4;
            quiet(&mut desk, 1);
        }
        quiet(&mut desk, 12);
        desk.fill(Side::Ask, 1);
        quiet(&mut desk, 30);
    }
    desk
}

/// Seconds of a book at the present mid, and of nobody who trades.
fn quiet(desk: &mut Desk, seconds: usize) {
    for _ in 0..seconds {
        desk.pass(Dur(SECOND));
        let level = |px| {
            Some(Level {
                px: Px(px),
                sz: Sz(50_000),
            })
        };
        desk.tell(EventBody::Bbo(Bbo {
            exch: desk.now,
            bid: level(desk.mid - desk.half),
            ask: level(desk.mid + desk.half),
        }));
    }
}

/// Distance of the best of our orders on a side from the mid, bps.
fn depth(desk: &Desk, side: Side) -> f64 {
    let ours = desk.resting.values().filter(|order| order.side == side);
    let away = |px: Px| (1.0 - px.0 as f64 / desk.mid as f64) * side.sign() as f64 * 1e4;
    ours.map(|order| away(order.px)).fold(f64::MAX, f64::min)
}

/// Forty bids that cost 4 bps against half a bp assumed: our bids stand further out, and our asks, of which the
/// forty say the little that one side says of the other, hardly.
#[test]
fn fills_that_cost_more_than_the_tape_move_their_side() {
    let (tape, own) = (met(Source::Tape, 40), met(Source::Own, 40));
    let [bid, ask] = own.snapshot().models.own_costs;
    let residual = bid.residual.unwrap();
    // The newest is a minute old, which of an hour's memory takes a hundredth.
    let newest = |cost: &Cost| libm::exp2(-own.now.since(cost.as_of).as_secs() / 3600.0);
    let n = residual.n / newest(&residual);
    assert!((residual.mean_bps - 3.5).abs() < 0.05 && (n - 40.0).abs() < 1.0);
    // Bids 40 of 3.5, asks 40 of half a bp less than assumed, both pulled by ten of none, and each by ten of both.
    let (n, other) = (residual.n, ask.residual.unwrap());
    assert!((other.mean_bps + 0.5).abs() < 0.05, "{other:?}");
    let both = n * (3.5 - 0.5) / (2.0 * n + 10.0);
    let shift = (n * 3.5 + 10.0 * both) / (n + 10.0);
    assert!((bid.shift_bps - shift).abs() < 0.01, "{bid:?} {shift}");
    assert!(ask.shift_bps.abs() < 0.4, "{ask:?}");
    let moved = |side| depth(&own, side) - depth(&tape, side);
    println!(
        "bids {:.2} bps further, asks {:.2}",
        moved(Side::Bid),
        moved(Side::Ask)
    );
    assert!(
        (moved(Side::Bid) - bid.shift_bps).abs() < 0.6,
        "{}",
        moved(Side::Bid)
    );
    assert!(
        (moved(Side::Ask) - ask.shift_bps).abs() < 0.6,
        "{}",
        moved(Side::Ask)
    );
    // What is measured is shown, used or not.
    assert_eq!(
        tape.snapshot().models.own_costs,
        own.snapshot().models.own_costs
    );
    let used = own.snapshot().models.used.adverse;
    let trace = own.snapshot().trace;
    let terms = trace
        .iter()
        .find(|t| t.side == Side::Bid)
        .unwrap()
        .terms
        .unwrap();
    let costs = used[Side::Bid.index()].at(terms.half_spread_bps);
    assert!(
        (terms.adverse_selection_bps - costs).abs() < 0.01,
        "{terms:?}"
    );
}

/// One fill says nothing yet, whatever came after it.
#[test]
fn one_fill_moves_nothing() {
    let (tape, own) = (met(Source::Tape, 1), met(Source::Own, 1));
    assert!(own.snapshot().models.own_costs[0].residual.is_none());
    assert!((depth(&own, Side::Bid) - depth(&tape, Side::Bid)).abs() < 1e-9);
}
