//! What is told twice, or to a maker that holds something, teaches the models the same; and what they teach moves
//! a quote. Laws 1, 6 and 8 of MODELS.md d.2; law 7 is in `own_orders.rs`, the others in `tests/models/laws.rs`.

use mm_core::book::Touch;
use mm_core::engine::ModelsShown;
use mm_core::event::{Bbo, EventBody, Fill, FillKind, Fills, Level, Trade};
use mm_core::instrument::Instrument;
use mm_core::learned::{CostCurve, Learned};
use mm_core::quote::{Beliefs, RawLadder, Strategy as Model, build_ladder};
use mm_core::solved::Conditions;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Usd};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{cases, config};

/// A few minutes of a market, each frame told so often; every twentieth second a piece of our best bid fills.
fn story(frames: &[(i64, bool, i64)], times: usize, position: i64, fills: bool) -> Desk {
    let mut desk = Desk::with(config(&[("models.intensity", "own".into())]), position);
    desk.open();
    desk.seconds(80);
    desk.market = false;
    let (mut tapes, mut filled) = (Vec::new(), Vec::new());
    for (second, (moved, buys, reach)) in (0_u64..).zip(frames) {
        desk.mid += moved * 10;
        desk.pass(Dur(SECOND));
        let mut news = vec![
            bbo(&desk),
            EventBody::Trades(vec![trade(&desk, second, *buys, *reach)]),
        ];
        if fills && second % 20 == 0 {
            let fill = fill(&mut desk, second);
            filled.push(fill);
            news.push(told(vec![fill], false));
        }
        for body in news {
            if let EventBody::Trades(trades) = &body {
                tapes.extend_from_slice(trades);
            }
            for _ in 0..times {
                desk.tell(body.clone());
            }
        }
    }
    // As after a reconnection: the tape of the last half-minute, and the fills, once more.
    for _ in 1..times {
        desk.tell(EventBody::Trades(
            tapes[tapes.len().saturating_sub(30)..].to_vec(),
        ));
        desk.tell(told(filled.clone(), true));
    }
    desk.pass(Dur(SECOND));
    desk.tell(bbo(&desk));
    desk
}

fn bbo(desk: &Desk) -> EventBody {
    let level = |px| {
        Some(Level {
            px: Px(px),
            sz: Sz(50_000),
        })
    };
    EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(desk.mid - desk.half),
        ask: level(desk.mid + desk.half),
    })
}

fn trade(desk: &Desk, id: u64, buys: bool, reach: i64) -> Trade {
    let side = if buys { Side::Bid } else { Side::Ask };
    Trade {
        exch: desk.now.plus(Dur(SECOND / 2)),
        tid: (1 << 40) + id,
        side,
        px: Px(desk.mid + side.sign() * (desk.half + 10 * reach)),
        sz: Sz(100),
    }
}

fn fill(desk: &mut Desk, id: u64) -> Fill {
    let bids = desk
        .resting
        .iter()
        .filter(|(_, order)| order.side == Side::Bid);
    let (oid, order) = bids.max_by_key(|(_, order)| order.px).unwrap();
    let fill = Fill {
        exch: desk.now,
        tid: (1 << 41) + id,
        oid: *oid,
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
    desk.cash -= fill.px.0;
    fill
}

fn told(fills: Vec<Fill>, snapshot: bool) -> EventBody {
    EventBody::Fills(Fills {
        snapshot,
        fills,
        others: Vec::new(),
    })
}

fn models(desk: &Desk) -> ModelsShown {
    desk.snapshot().models
}

fn frames() -> impl Strategy<Value = Vec<(i64, bool, i64)>> {
    prop::collection::vec((-3_i64..=3, any::<bool>(), 0_i64..60), 60..240)
}

proptest! {
    #![proptest_config(cases(6))]

    /// Law 1: the same frames twice, and what a reconnection brings again.
    #[test]
    fn prop_what_is_told_twice_teaches_once(frames in frames()) {
        let (once, twice) = (story(&frames, 1, 0, true), story(&frames, 2, 0, true));
        prop_assert_eq!(models(&once), models(&twice));
        prop_assert_eq!(once.snapshot().markouts, twice.snapshot().markouts);
        prop_assert_eq!(once.position, twice.position);
    }

    /// Law 8: flat, long or short, the market is the same; only where our own orders rested differs.
    #[test]
    fn prop_the_market_is_what_it_is_whatever_we_hold(frames in frames(), position in -2_000_i64..2_000) {
        let (flat, held) = (story(&frames, 1, 0, false), story(&frames, 1, position, false));
        let (flat, mut held) = (models(&flat), models(&held));
        held.own = flat.own;
        held.used = flat.used;
        // So does what is known of takers there.
        for (held, flat) in held.rests_on.iter_mut().zip(&flat.rests_on) {
            prop_assert_eq!(held.of, flat.of);
            if held.of.contains("intensity") {
                *held = *flat;
            }
        }
        prop_assert_eq!(flat, held);
    }
}

/// Half again as much of each.
#[derive(Clone, Copy)]
struct Market {
    sigma_bps: f64,
    arrival: f64,
    kappa: f64,
    adverse_bps: f64,
    inventory: f64,
}

const USUAL: Market = Market {
    sigma_bps: 0.6,
    arrival: 0.1,
    kappa: 0.7,
    adverse_bps: 0.8,
    inventory: 0.4,
};

fn conditions(market: Market) -> Conditions {
    Conditions {
        sigma_bps: market.sigma_bps,
        arrival: market.arrival,
        kappa: market.kappa,
    }
}

fn quoted(market: Market, risk_aversion: f64, usual: bool) -> RawLadder {
    let mut quoting = config(&[]).quoting;
    quoting.strategy = Model::Ladder;
    quoting.risk_aversion = risk_aversion;
    let at = conditions(market);
    let level = |px| Level {
        px: Px(px),
        sz: Sz(100_000),
    };
    let beliefs = Beliefs {
        touch: Touch {
            bid: level(1_000_000),
            ask: level(1_000_010),
        },
        fair_px: 1_000_005.0,
        solved: Some(quoting.solve(at, if usual { conditions(USUAL) } else { at }, 25.0)),
        maker_fee_bps: 1.5,
        learned: Learned {
            arrival_per_s: market.arrival,
            kappa_per_bps: market.kappa,
            adverse: [CostCurve::flat(market.adverse_bps); 2],
        },
        losses: Default::default(),
        inventory: market.inventory,
        premium_bps: 0.0,
        funding_bps: 0.0,
    };
    build_ladder(
        &quoting,
        &beliefs,
        &Instrument::new("BTC", 0, 5, 40).unwrap(),
    )
}

/// Distance of the first bid and of the last, bps, and how far the skew takes them down.
fn fields(ladder: &RawLadder) -> [f64; 3] {
    let bids: Vec<f64> = ladder
        .levels
        .iter()
        .filter(|level| level.side == Side::Bid)
        .map(|level| level.depth_bps)
        .collect();
    [bids[0], bids[bids.len() - 1], -ladder.trace[0].skew_bps]
}

/// Law 6: half again as much of each moves a price by more than a tick, 0.1 bps here, the way it should. First
/// bid, last bid, and how far the skew takes both down: up, down, or as it was.
#[test]
fn what_is_measured_moves_a_quote() {
    let usual = fields(&quoted(USUAL, 1.0, true));
    for (name, market, aversion, signs) in [
        (
            "sigma",
            Market {
                sigma_bps: 0.9,
                ..USUAL
            },
            1.0,
            [1, 1, 1],
        ),
        (
            "A",
            Market {
                arrival: 0.15,
                ..USUAL
            },
            1.0,
            [-1, -1, -1],
        ),
        (
            "k",
            Market {
                kappa: 1.05,
                ..USUAL
            },
            1.0,
            [-1, -1, -1],
        ),
        ("aversion", USUAL, 1.5, [1, 1, 1]),
        (
            "cost",
            Market {
                adverse_bps: 1.2,
                ..USUAL
            },
            1.0,
            [1, 1, 0],
        ),
        (
            "inventory",
            Market {
                inventory: 0.6,
                ..USUAL
            },
            1.0,
            [1, 1, 1],
        ),
    ] {
        let raised = fields(&quoted(market, aversion, true));
        println!("{name}: {usual:?} -> {raised:?}");
        for ((before, now), sign) in usual.into_iter().zip(raised).zip(signs) {
            let moved = now - before;
            let as_wanted = if sign == 0 {
                moved.abs() < 1e-9
            } else {
                moved * f64::from(sign) > 0.1
            };
            assert!(as_wanted, "{name}: {usual:?} -> {raised:?}");
        }
    }
}

/// With its gamma found for the present market, neither sigma nor `A` moves a price of this ladder.
#[test]
fn a_gamma_of_the_present_market_takes_volatility_out_of_the_price() {
    let present = fields(&quoted(USUAL, 1.0, false));
    let wilder = Market {
        sigma_bps: 0.9,
        arrival: 0.15,
        ..USUAL
    };
    let same = fields(&quoted(wilder, 1.0, false));
    assert!(
        present
            .into_iter()
            .zip(same)
            .all(|(one, two)| (one - two).abs() < 0.05)
    );
}
