//! What the models learn from the tape, from frames to the prices that are sent.
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
use mm_core::engine::{EngineConfig, ModelsShown};
use mm_core::event::{
    Bbo, BookSnapshot, Command, EventBody, Fill, FillKind, Fills, Level, Stream, StreamState, Trade,
};
use mm_core::learned::{FairPrice, IntensitySource, Source};
use mm_core::quote::Strategy;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use tape::{Market, book, market, nothing};

fn configured(set: impl Fn(&mut EngineConfig)) -> EngineConfig {
    let mut config = desk::config("{}");
    set(&mut config);
    config
}

/// A desk that watched `market` for forty minutes.
fn taught(market: &mut Market, set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut desk = Desk::with(configured(set), 0);
    desk.open();
    desk.seconds(80);
    market.run(&mut desk, 2_400);
    desk
}

fn models(desk: &Desk) -> ModelsShown {
    desk.snapshot().models
}

/// Distance of the best of our orders on a side from the mid, bps.
fn depth(desk: &Desk, side: Side) -> f64 {
    let ours = desk.resting.values().filter(|order| order.side == side);
    let away = |px: Px| (1.0 - px.0 as f64 / desk.mid as f64) * side.sign() as f64 * 1e4;
    ours.map(|order| away(order.px)).fold(f64::MAX, f64::min)
}

fn by_tape(config: &mut EngineConfig) {
    config.models.intensity = IntensitySource::Tape;
}

fn costs_by_tape(config: &mut EngineConfig) {
    config.models.adverse_selection = Source::Tape;
}

/// Takers that reach far make a flatter intensity, and levels further apart: 1/k.
#[test]
fn a_measured_intensity_spaces_the_levels() {
    // What rests is what is wanted: nothing stays for being near it.
    let exact = |config: &mut EngineConfig| config.quoting.max_bps_diff = Some(1e-6);
    let assumed = taught(&mut market(4.0, nothing), exact);
    let measured = taught(&mut market(4.0, nothing), |config| {
        exact(config);
        by_tape(config);
    });
    let (fits, used) = (models(&measured).fits, models(&measured).used);
    for fit in fits.map(Option::unwrap) {
        assert!((fit.kappa / 0.25 - 1.0).abs() < 0.15, "{fit:?}");
        // A quarter of a taker a second and side comes to 0.5 bps or further.
        let arrival = 0.25 * libm::exp(0.25 * 0.5);
        assert!((fit.arrival() / arrival - 1.0).abs() < 0.15, "{fit:?}");
    }
    assert!(
        used.kappa_per_bps > 0.25 && used.kappa_per_bps < 0.4,
        "{used:?}"
    );
    // What is measured is shown, used or not.
    assert!(models(&assumed).fits[0].is_some());
    assert!((models(&assumed).used.kappa_per_bps - 0.7).abs() < 1e-12);
    let spacing = |desk: &Desk| {
        let mut depths: Vec<i64> = desk
            .resting
            .values()
            .filter(|order| order.side == Side::Bid)
            .map(|order| -order.px.0)
            .collect();
        depths.sort_unstable();
        (depths[1] - depths[0]) as f64 / desk.mid as f64 * 1e4
    };
    assert!(
        (spacing(&assumed) - 1.0 / 0.7).abs() < 0.3,
        "{}",
        spacing(&assumed)
    );
    assert!(
        (spacing(&measured) - 1.0 / used.kappa_per_bps).abs() < 0.3,
        "{}",
        spacing(&measured)
    );
}

/// Two takers in three come no further than 1.5 bps: the levels stand where the others come, and by their slope.
#[test]
fn an_intensity_is_that_of_where_we_quote() {
    let mut tape = market(4.0, nothing);
    tape.near_frac = 2.0 / 3.0;
    let measured = taught(&mut tape, |config| {
        by_tape(config);
        config.models.shrink_n0 = 0.0;
    });
    let shown = models(&measured);
    assert_eq!(shown.intensity, IntensitySource::Tape);
    for (own, all) in shown.own.iter().zip(shown.fits) {
        let (there, all) = (own.tape.unwrap(), all.unwrap());
        println!("where quoted {there:?}, all {all:?}");
        assert!((there.kappa / 0.25 - 1.0).abs() < 0.25, "{there:?}");
        assert!(
            there.range_bps.0 > 1.4 && there.range_bps.1 < 30.0,
            "{there:?}"
        );
        assert!(all.kappa > 1.3 * 0.25 && all.range_bps.0 < 0.6, "{all:?}");
    }
    let quoted = f64::midpoint(
        shown.own[0].tape.unwrap().kappa,
        shown.own[1].tape.unwrap().kappa,
    );
    assert!((shown.used.kappa_per_bps - quoted).abs() < 1e-9);
}

/// Takers who come half a bp past the touch, and none to where we quote: what is used there is assumed, and shown
/// to be.
#[test]
fn what_no_taker_came_to_is_assumed() {
    let measured = taught(&mut market(0.2, nothing), by_tape);
    let shown = models(&measured);
    assert!(
        shown.fits.iter().all(|fit| fit.unwrap().kappa > 2.0),
        "{:?}",
        shown.fits
    );
    assert!(
        shown.own.iter().all(|own| own.tape.is_none()),
        "{:?}",
        shown.own
    );
    assert_eq!(shown.intensity, IntensitySource::Assumed);
    assert!((shown.used.kappa_per_bps - 0.7).abs() < 1e-12);
}

/// Buyers who reach 3 bps know of 5 more: our asks stand where that is paid for, our bids do not move.
#[test]
fn measured_costs_move_the_side_that_bears_them() {
    let knowing = |side: Side, reach: f64| {
        if side == Side::Bid && reach >= 3.0 {
            5.0
        } else {
            0.0
        }
    };
    let assumed = taught(&mut market(4.0, knowing), |_| {});
    let measured = taught(&mut market(4.0, knowing), costs_by_tape);
    let [bids, asks] = models(&measured).used.adverse;
    assert!(asks.at(3.0) > 3.5 && asks.at(3.0) < 5.2, "{asks:?}");
    assert!(bids.at(3.0) < 0.6, "{bids:?}");
    let moved = |side| depth(&measured, side) - depth(&assumed, side);
    assert!(moved(Side::Ask) > 3.0, "{}", moved(Side::Ask));
    assert!(moved(Side::Bid).abs() < 0.6, "{}", moved(Side::Bid));
    // What it costs is a term of the price, and the terms add up.
    let trace = measured.snapshot().trace;
    let ask = trace.iter().find(|trace| trace.side == Side::Ask).unwrap();
    let terms = ask.terms.unwrap();
    assert!((terms.adverse_selection_bps - asks.at(terms.half_spread_bps)).abs() < 0.01);
    assert!(
        measured.snapshot().break_even_bps.unwrap()
            > assumed.snapshot().break_even_bps.unwrap() + 3.0
    );
}

/// The same frames again, and a snapshot of trades from before we listened, teach nothing.
#[test]
fn what_is_told_twice_or_from_before_teaches_nothing() {
    let mut desk = taught(&mut market(4.0, nothing), by_tape);
    let before = models(&desk);
    let old = |tid: u64, exch: Time| Trade {
        exch,
        tid,
        side: Side::Bid,
        px: Px(desk.mid + 3_000),
        sz: Sz(1),
    };
    let again = (1..100).map(|tid| old((1 << 40) + tid, desk.now)).collect();
    let backfill = (1..100).map(|tid| old(tid, Time(SECOND))).collect();
    desk.tell(EventBody::Trades(again));
    desk.tell(EventBody::Trades(backfill));
    desk.pass(Dur(SECOND));
    book(&mut desk, [50_000, 50_000]);
    let after = models(&desk);
    let kappa = |shown: &ModelsShown| shown.fits[1].unwrap().kappa;
    assert!((kappa(&after) / kappa(&before) - 1.0).abs() < 1e-9);
}

/// What an order of ours takes is no flow of others: a kill flattens what is held, and the tape shows our sales.
#[test]
fn our_own_takers_are_not_in_it() {
    let sold = |told: bool| {
        let mut tape = market(4.0, nothing);
        let mut desk = taught(&mut tape, by_tape);
        desk.fill(Side::Bid, 300);
        let mut sales = 0;
        for second in 0..60 {
            let before = desk.position;
            if second == 0 {
                desk.tell(EventBody::Command(Command::Kill));
            }
            desk.pass(Dur(SECOND));
            if desk.position < before && told {
                sales += 1;
                tape.take(&mut desk, Side::Ask, 9.0);
            }
            desk.pass(Dur(SECOND));
            book(&mut desk, [50_000, 50_000]);
        }
        (sales, models(&desk).fits[0].unwrap())
    };
    let (sales, fit) = sold(true);
    assert!(sales > 0, "the position was sold");
    let untold = sold(false).1;
    assert!((fit.n - untold.n).abs() < 0.1, "{fit:?} {untold:?}");
}

/// A line that breaks joins nothing across it: whenever it does after a buyer the price is a percent higher on
/// its return, and after a seller a percent lower.
#[test]
fn no_cost_is_taken_across_a_break() {
    let mut desk = Desk::with(configured(costs_by_tape), 0);
    desk.open();
    desk.seconds(80);
    let mut tape = market(4.0, nothing);
    for round in 0..200 {
        let side = [Side::Bid, Side::Ask][round % 2];
        tape.run(&mut desk, 8);
        tape.take(&mut desk, side, 3.0);
        desk.stream(Stream::Market, StreamState::Down);
        desk.stream(Stream::Market, StreamState::Up);
        tape.log_mid += side.sign() as f64 * 0.01;
    }
    tape.run(&mut desk, 8);
    let [bids, asks] = models(&desk).used.adverse;
    assert!(
        bids.at(2.0) < 3.0 && asks.at(2.0) < 3.0,
        "{bids:?} {asks:?}"
    );
}

/// A break of the line: what a fill before it came to is told as far as it is known, and not across.
#[test]
fn no_markout_is_taken_across_a_break() {
    let counted = |breaks: bool| {
        let mut desk = Desk::with(configured(|_| {}), 0);
        desk.open();
        desk.seconds(80);
        desk.fill(Side::Bid, 5);
        desk.seconds(3);
        if breaks {
            desk.stream(Stream::Market, StreamState::Down);
            desk.stream(Stream::Market, StreamState::Up);
        }
        desk.seconds(70);
        desk.snapshot()
            .markouts
            .iter()
            .map(|at| at.n)
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(false), [1; 6]);
    assert_eq!(counted(true), [1, 1, 0, 0, 0, 0]);
}

/// More size on the bid: the weighted price is above the mid, and both sides stand higher. Our own orders
/// in the book are none of it.
#[test]
fn the_weighted_price_leans_and_our_own_size_does_not() {
    let weighted = |config: &mut EngineConfig| config.models.fair_price = FairPrice::Weighted;
    let quoted = |set: &dyn Fn(&mut EngineConfig), lots: [i64; 2], stays_bps: f64| {
        let mut desk = Desk::with(
            configured(|config| {
                set(config);
                config.quoting.strategy = Strategy::Symmetric;
                config.quoting.half_spread_bps = 5.0;
                config.quoting.max_bps_diff = Some(stays_bps);
                config.requests.burst_frac = 1.0;
            }),
            0,
        );
        desk.half = 105;
        desk.open();
        desk.seconds(100);
        desk.market = false;
        for _ in 0..20 {
            desk.pass(Dur(SECOND));
            book(&mut desk, lots);
        }
        desk
    };
    let fair = |desk: &Desk| models(desk).fair.unwrap() * 10.0 - desk.mid as f64;
    let mid = quoted(&|_| {}, [90_000, 10_000], 1e-6);
    let leaning = quoted(&weighted, [90_000, 10_000], 1e-6);
    assert!(fair(&mid).abs() < 1e-6);
    assert!((fair(&leaning) - 84.0).abs() < 1e-6, "{}", fair(&leaning));
    assert!(depth(&leaning, Side::Bid) < depth(&mid, Side::Bid));
    assert!(depth(&leaning, Side::Ask) > depth(&mid, Side::Ask));
    let other = quoted(&weighted, [10_000, 90_000], 1e-6);
    assert!((fair(&other) + 84.0).abs() < 1e-6);
    // A touch that holds an order of ours: its lots are none of the others' size.
    let mut desk = quoted(&weighted, [50_000, 50_000], 50.0);
    let bids = desk
        .resting
        .values()
        .filter(|order| order.side == Side::Bid);
    let best = *bids.max_by_key(|order| order.px).unwrap();
    let level = |px, sz| {
        Some(Level {
            px: Px(px),
            sz: Sz(sz),
        })
    };
    // The ask is a step inside the place of our best one.
    desk.tell(EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(best.px.0, 10_000 + best.sz.0),
        ask: level(2 * desk.mid - best.px.0 - 10, 10_000),
    }));
    desk.mid -= 5;
    assert!(fair(&desk).abs() < 1e-6, "{}", fair(&desk));
}

/// Inside a wide touch our own orders are the best prices, one side at a time: a mid of all orders would
/// go up and down with them.
#[test]
fn our_own_orders_inside_a_wide_touch_move_no_belief() {
    for fair_price in [FairPrice::Mid, FairPrice::Weighted, FairPrice::Micro] {
        let mut desk = Desk::with(
            configured(|config| {
                config.models.fair_price = fair_price;
                config.quoting.strategy = Strategy::Symmetric;
                config.quoting.half_spread_bps = 5.0;
                config.quoting.max_bps_diff = Some(50.0);
            }),
            0,
        );
        desk.half = 1_050;
        desk.open();
        desk.seconds(100);
        desk.market = false;
        for second in 0..900 {
            desk.pass(Dur(SECOND));
            let shown = Side::BOTH[second / 7 % 2];
            let [bids, asks] = Side::BOTH.map(|side| levels(&desk, side, side == shown));
            let exch = desk.now;
            desk.tell(EventBody::Book(BookSnapshot { exch, bids, asks }));
            let fair = models(&desk).fair.unwrap() * 10.0 - desk.mid as f64;
            assert!(fair.abs() < 1e-6, "{fair_price:?} {second}: {fair}");
        }
        assert!(depth(&desk, Side::Ask) < 6.0, "ours are inside");
        let sigma = models(&desk).volatility.half_lives[0];
        assert!(sigma.unwrap() < 1e-5, "{sigma:?}, of the opening");
    }
}

/// A side of the book, with ours in it or without.
fn levels(desk: &Desk, side: Side, with_ours: bool) -> Vec<Level> {
    let others = Level {
        px: Px(desk.mid - side.sign() * desk.half),
        sz: Sz(50_000),
    };
    let ours = desk.resting.values().filter(|order| order.side == side);
    let ours = ours.map(|order| Level {
        px: order.px,
        sz: order.sz,
    });
    let mut levels: Vec<Level> = ours.filter(|_| with_ours).chain([others]).collect();
    levels.sort_by_key(|level| -side.sign() * level.px.0);
    levels
}

/// Where the mid went up from a touch that leans before, the micro-price is up now.
#[test]
fn the_micro_price_learns_what_a_leaning_touch_means() {
    let desk = |up: i64, apart_s: i64| {
        let micro = |config: &mut EngineConfig| config.models.fair_price = FairPrice::Micro;
        let mut desk = Desk::with(configured(micro), 0);
        desk.open();
        desk.seconds(80);
        desk.market = false;
        for round in 0..600_i64 {
            desk.mid = 1_000_005;
            desk.pass(Dur(SECOND));
            book(&mut desk, [90_000 + round % 2, 10_000]);
            desk.mid += 10 * up;
            desk.pass(Dur(apart_s * SECOND));
            book(&mut desk, [50_000, 50_000 + round % 2]);
        }
        desk.mid = 1_000_005;
        desk.pass(Dur(SECOND));
        book(&mut desk, [90_000, 10_000]);
        desk
    };
    let leans = |desk: &Desk| models(desk).fair.unwrap() * 10.0 - desk.mid as f64;
    let taught = |up: i64, apart_s: i64| leans(&desk(up, apart_s));
    // A touch of one step: no further than the ask, or the bid, whatever was learned.
    let (up, down) = (taught(1, 1), taught(-1, 1));
    assert!((up - 5.0).abs() < 0.5, "{up}");
    assert!((down + 5.0).abs() < 0.5, "{down}");
    // Twenty seconds of silence between: what came after it followed nothing.
    let silent = taught(-1, 20);
    assert!(silent > 0.0, "{silent}");
    // What a fill is worth is told from both.
    let mut desk = desk(1, 1);
    desk.now = desk.now.plus(Dur(SECOND));
    desk.fill(Side::Bid, 1);
    for _ in 0..2 {
        desk.pass(Dur(SECOND));
        book(&mut desk, [50_000, 50_000]);
    }
    let filled = desk.snapshot().markouts[0];
    let lean = filled.micro_half_spread_bps.unwrap() - filled.half_spread_bps.unwrap();
    assert!((lean - 0.05).abs() < 0.005, "half a step: {lean}");
}

/// The same span at full inventory; what a shorter horizon changes is the edge without any.
#[test]
fn avellaneda_s_horizon_moves_the_half_spread() {
    let at = |horizon_s: f64| {
        let mut desk = Desk::with(
            configured(|config| {
                config.quoting.strategy = Strategy::AvellanedaStoikov;
                config.quoting.horizon_s = horizon_s;
            }),
            0,
        );
        desk.open();
        desk.seconds(100);
        desk
    };
    let (long, short) = (at(3_600.0), at(1.0));
    assert!(depth(&long, Side::Bid) > depth(&short, Side::Bid) + 0.2);
    assert_eq!(long.resting.len(), 10);
}

fn by_own(config: &mut EngineConfig) {
    config.models.intensity = IntensitySource::Own;
}

/// One in five seconds a taker meets our best order on either side, or none does: nobody else trades.
fn served(fills: bool, set: impl Fn(&mut EngineConfig)) -> Desk {
    let mut desk = Desk::with(configured(set), 0);
    desk.open();
    desk.seconds(80);
    for second in 0..600 {
        desk.seconds(1);
        if fills && second % 5 == 0 {
            desk.fill([Side::Bid, Side::Ask][second / 5 % 2], 1);
        }
    }
    desk
}

/// Orders that nobody meets lower `A`, and `1/A` is part of the edge; those that are met keep it up. What we
/// saw is shown, used or not.
#[test]
fn our_own_fills_move_the_intensity() {
    let (met, alone) = (served(true, by_own), served(false, by_own));
    let [bids, asks] = models(&met).own;
    assert!(
        (bids.fills - asks.fills).abs() < 2.0 && bids.fills > 30.0,
        "{bids:?}"
    );
    assert!(
        bids.exposure_s > 2_000.0,
        "five orders for ten minutes: {bids:?}"
    );
    assert_eq!(models(&alone).own[0].fills.to_bits(), 0);
    let (used_met, used_alone) = (models(&met).used, models(&alone).used);
    let rate =
        |desk: &Desk, used: mm_core::learned::Learned| used.fill_rate_per_s(depth(desk, Side::Bid));
    assert!(
        rate(&met, used_met) > 5.0 * rate(&alone, used_alone),
        "{used_met:?} {used_alone:?}"
    );
    let assumed = served(false, |_| {});
    assert!((models(&assumed).used.arrival_per_s - 0.1).abs() < 1e-12);
    assert!(models(&assumed).own[0].exposure_s > 2_000.0);
    // Levels stand 1/k apart, and orders that nobody meets further in make k no smaller.
    let last = |desk: &Desk| {
        let ours = desk.resting.values().filter(|o| o.side == Side::Bid);
        let away = ours.map(|o| (1.0 - o.px.0 as f64 / desk.mid as f64) * 1e4);
        away.fold(0.0, f64::max)
    };
    println!("{} {} {}", last(&met), last(&alone), last(&assumed));
    println!("{used_met:?} {used_alone:?}");
    assert!((last(&met) - last(&assumed)).abs() > 0.2, "{}", last(&met));
}

/// Fills of a snapshot are of a market that nobody watched, and immediate orders are not met: neither counts.
#[test]
fn old_fills_teach_nothing() {
    let mut desk = served(true, by_own);
    let before = models(&desk).own[0].fills;
    let best = desk
        .resting
        .iter()
        .find(|(_, order)| order.side == Side::Bid);
    let (oid, order) = best.map(|(oid, order)| (*oid, *order)).unwrap();
    let told = |desk: &mut Desk, tid: u64, snapshot: bool| {
        let fill = Fill {
            exch: desk.now,
            tid,
            oid,
            cloid: Some(order.cloid),
            side: Side::Bid,
            px: order.px,
            sz: Sz(1),
            start_position: desk.position,
            fee: Usd::ZERO,
            taker: false,
            kind: FillKind::Trade,
        };
        desk.position += Sz(1);
        desk.cash -= order.px.0;
        desk.tell(EventBody::Fills(Fills {
            snapshot,
            fills: vec![fill],
            others: Vec::new(),
        }));
    };
    told(&mut desk, 1 << 50, true);
    assert!((models(&desk).own[0].fills - before).abs() < 1e-12);
    told(&mut desk, (1 << 50) + 1, false);
    assert!((models(&desk).own[0].fills - before - 1.0).abs() < 1e-9);
}

/// Buyers come more than before: rate, money, imbalance and score of the short memory say so.
#[test]
fn the_flow_of_takers_is_shown_by_side() {
    let mut tape = market(1.0, nothing);
    let mut desk = taught(&mut tape, |_| {});
    let even = models(&desk).flow;
    assert!(
        (even[2].imbalance.unwrap()).abs() < 0.2 && even[1].score.abs() < 1.5,
        "{even:?}"
    );
    let [buys, sells] = even[2].per_s.unwrap();
    assert!(
        (buys - 0.25).abs() < 0.03 && (sells - 0.25).abs() < 0.03,
        "{even:?}"
    );
    for _ in 0..20 {
        desk.pass(Dur(SECOND / 2));
        book(&mut desk, [50_000, 50_000]);
        tape.take(&mut desk, Side::Bid, 1.0);
    }
    desk.pass(Dur(SECOND));
    book(&mut desk, [50_000, 50_000]);
    let [quick, middle, slow] = models(&desk).flow;
    assert!(
        quick.imbalance.unwrap() > 0.99 && middle.score > 3.0,
        "{middle:?}"
    );
    assert!(quick.usd_per_s.unwrap()[0] > slow.usd_per_s.unwrap()[0]);
}
