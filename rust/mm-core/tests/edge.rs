//! What a fill leaves at each distance, from the frames of a tape to the side that stands back for it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "prices and seconds of an hour"
)]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;
mod tape;

use desk::Desk;
use mm_core::control::Suppressed;
use mm_core::edge::Verdict;
use mm_core::engine::{EdgeShown, EngineConfig};
use mm_core::learned::NoEdge;
use mm_core::units::{Dur, Px, SECOND, Side};
use tape::{Market, book, market, nothing};

/// Buyers who reach 1 bps know of 9 more: wherever enough of them came, a fill of our asks loses.
fn knowing(side: Side, reach: f64) -> f64 {
    if side == Side::Bid && reach >= 1.0 {
        9.0
    } else {
        0.0
    }
}

/// Buyers alone, from 2 bps on, know of 5 more.
fn buyers_know(side: Side, reach: f64) -> f64 {
    if side == Side::Bid && reach >= 2.0 {
        5.0
    } else {
        0.0
    }
}

fn back(config: &mut EngineConfig) {
    config.models.no_edge = NoEdge::StandBack;
}

/// A desk that is told of nothing but the tape: where it stands is no matter of jumps, nor of what rests already.
fn desk(set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut config = desk::config("{}");
    config.control.widen_term_bps = 0.0;
    config.quoting.max_bps_diff = Some(1e-6);
    set(&mut config);
    let mut desk = Desk::with(config, 0);
    desk.open();
    desk.seconds(80);
    desk
}

fn taught(market: &mut Market, seconds: usize, set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut desk = desk(set);
    market.run(&mut desk, seconds);
    desk
}

fn edge(desk: &Desk, side: Side) -> EdgeShown {
    desk.snapshot().models.edge[side.index()].clone()
}

fn why(desk: &Desk, side: Side) -> Option<Suppressed> {
    desk.snapshot().suppressed.of(side)
}

/// Distances of our orders on a side from the mid, nearest first, bps.
fn depths(desk: &Desk, side: Side) -> Vec<f64> {
    let ours = desk.resting.values().filter(|order| order.side == side);
    let away = |px: Px| (1.0 - px.0 as f64 / desk.mid as f64) * side.sign() as f64 * 1e4;
    let mut depths: Vec<f64> = ours.map(|order| away(order.px)).collect();
    depths.sort_by(f64::total_cmp);
    depths
}

/// Where all buyers know, our asks lose wherever they could stand: it is said whatever is configured, and who stands
/// back quotes none of them and says why.
#[test]
fn a_side_that_loses_everywhere_stands_back_and_says_so() {
    let quotes = taught(&mut market(1.5, knowing), 900, |_| {});
    let stands = taught(&mut market(1.5, knowing), 900, back);
    let shown = edge(&quotes, Side::Ask);
    let at_2 = shown
        .depths
        .iter()
        .find(|edge| edge.depth_bps > 1.9)
        .unwrap();
    assert!(
        at_2.net_bps < 2.0 - 1.5 - 8.9 && at_2.verdict == Verdict::Loses && at_2.n > 50.0,
        "{at_2:?}"
    );
    assert!(
        shown.pays_bps.is_none() && shown.loses_bps.unwrap()[1] >= 3.0,
        "{shown:?}"
    );
    assert!(!shown.is_back && shown.back_s < 1e-9);
    assert!(!depths(&quotes, Side::Ask).is_empty() && why(&quotes, Side::Ask).is_none());
    let shown = edge(&stands, Side::Ask);
    assert!(shown.is_back && shown.back_s > 200.0, "{shown:?}");
    assert_eq!(depths(&stands, Side::Ask), [0.0; 0]);
    assert_eq!(why(&stands, Side::Ask), Some(Suppressed::NoEdge));
    assert!(!depths(&stands, Side::Bid).is_empty() && why(&stands, Side::Bid).is_none());
}

/// Buyers who come 2 bps far know of 5 more: our asks stand at 7 bps, the nearest distance at which that and the fee
/// are not shown to lose, with their levels behind; our bids stand where they did, and so does everything where
/// nobody knows.
#[test]
fn a_side_that_loses_near_stands_further_out() {
    let (quotes, stands) = (
        taught(&mut market(4.0, buyers_know), 2_400, |_| {}),
        taught(&mut market(4.0, buyers_know), 2_400, back),
    );
    let (near, far) = (depths(&quotes, Side::Ask), depths(&stands, Side::Ask));
    println!("{near:?} -> {far:?}; {:?}", edge(&stands, Side::Ask));
    let nearest = far[0];
    assert!(
        near[0] < 4.5 && (4.9..8.0).contains(&nearest),
        "{near:?} {far:?}"
    );
    let lossy = edge(&stands, Side::Ask).loses_bps.unwrap();
    assert!(nearest > lossy[1] && far.len() > 2, "{far:?} {lossy:?}");
    assert!(!edge(&stands, Side::Ask).is_back && why(&stands, Side::Ask).is_none());
    let bids = [&quotes, &stands].map(|desk| depths(desk, Side::Bid)[0]);
    assert!((bids[0] - bids[1]).abs() < 0.6, "{bids:?}");
    // The terms of the price say what moved it, and add up.
    let trace = stands.snapshot().trace;
    let ask = trace.iter().find(|trace| trace.side == Side::Ask).unwrap();
    let terms = ask.terms.unwrap();
    let sum = terms.maker_fee_bps
        + terms.adverse_selection_bps
        + terms.edge_bps
        + terms.skew_bps
        + terms.cap_bps
        + terms.floor_bps
        + terms.premium_bps;
    assert!(
        terms.floor_bps > 1.0 && (sum - terms.half_spread_bps).abs() < 0.01,
        "{terms:?}"
    );
}

#[test]
fn where_nobody_knows_anything_it_quotes_as_before() {
    let [quotes, stands] = [NoEdge::Quote, NoEdge::StandBack].map(|no_edge| {
        let mut tape = market(4.0, nothing);
        let mut desk = desk(|config| config.models.no_edge = no_edge);
        let mut seen = Vec::new();
        for _ in 0..30 {
            tape.run(&mut desk, 20);
            seen.push(Side::BOTH.map(|side| depths(&desk, side)));
        }
        (seen, edge(&desk, Side::Bid))
    });
    assert_eq!(quotes.0, stands.0);
    let [nearest, farthest] = quotes.1.pays_bps.unwrap();
    assert!(
        (1.5..4.1).contains(&nearest) && farthest >= 7.0,
        "{:?}",
        quotes.1
    );
}

/// What closes a position stays, at its price, however much it loses; what would make it larger stands back.
#[test]
fn the_reducing_side_is_quoted() {
    for held in Side::BOTH {
        let mut tape = market(1.5, knowing);
        let mut quoting = taught(&mut tape, 20, back);
        quoting.fill(held, 300);
        tape.run(&mut quoting, 900);
        assert_eq!(why(&quoting, Side::Bid), None);
        if held == Side::Ask {
            assert_eq!(why(&quoting, Side::Ask), Some(Suppressed::NoEdge));
            continue;
        }
        assert_eq!(why(&quoting, Side::Ask), None);
        let nearest = depths(&quoting, Side::Ask)[0];
        let lossy = edge(&quoting, Side::Ask).loses_bps.unwrap();
        assert!(
            nearest < lossy[1] && !edge(&quoting, Side::Ask).is_back,
            "{nearest} {lossy:?}"
        );
    }
}

/// With a memory of two minutes: a market that knows no more brings our asks back, and so does one in which nobody
/// comes. Neither way flaps.
#[test]
fn it_comes_back_when_the_market_changes_and_when_what_is_known_is_old() {
    for is_silent in [false, true] {
        let short = |config: &mut EngineConfig| {
            back(config);
            config.models.adverse_half_life_s = 120.0;
        };
        let mut knows = market(1.5, knowing);
        let mut desk = taught(&mut knows, 600, short);
        assert_eq!(why(&desk, Side::Ask), Some(Suppressed::NoEdge));
        let mut calm = market(1.5, nothing);
        calm.log_mid = libm::log(desk.mid as f64);
        let (mut back_at, mut turns, mut was) = (None, 0, true);
        for second in 0..1_500 {
            if is_silent {
                desk.pass(Dur(SECOND));
                book(&mut desk, [50_000, 50_000]);
            } else if second % 2 == 0 {
                calm.run(&mut desk, 2);
            }
            let is = edge(&desk, Side::Ask).is_back;
            turns += u32::from(is != was);
            was = is;
            if !is && back_at.is_none() {
                back_at = Some(second);
            }
        }
        println!("silent {is_silent}: back after {back_at:?} s, {turns} turns");
        assert!(!depths(&desk, Side::Ask).is_empty() && why(&desk, Side::Ask).is_none());
        assert!(
            (30..1_800).contains(&back_at.unwrap()) && turns <= 3,
            "{back_at:?} {turns}"
        );
        assert!(edge(&desk, Side::Ask).back_s > 60.0);
    }
}
