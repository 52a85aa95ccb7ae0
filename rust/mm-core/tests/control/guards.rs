//! Jumps, bursts and the capital ramp, from events to what is sent.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use mm_core::control::{Mode, ModeReason, Phase, Suppressed, SuppressedSides};
use mm_core::engine::SideTrace;
use mm_core::event::{Command, EventBody};
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Usd};

use crate::desk::{Desk, config};
use crate::{code, long};

/// Best distances of both sides from mid, bps.
fn depths(desk: &Desk) -> [f64; 2] {
    Side::BOTH.map(|side| {
        let of_side = desk.resting.values().filter(|o| o.side == side);
        let px = of_side.map(|o| side.sign() * o.px.0).max().unwrap();
        (Px(side.sign() * px).as_f64() / Px(desk.mid).as_f64() - 1.0).abs() * 1e4
    })
}

#[test]
fn a_jump_widens_the_increasing_side_for_its_dwell() {
    let mut desk = long("{}");
    let calm = depths(&desk);
    desk.mid += 4_000;
    desk.seconds(1);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::PriceJump)));
    let wide = depths(&desk);
    assert!(wide[0] - calm[0] > 4.0, "{calm:?} {wide:?}");
    assert!(wide[1] - calm[1] < 2.0, "{calm:?} {wide:?}");
    let trace = desk.snapshot().trace;
    assert!((premium(&trace[0]) - 5.0).abs() < 1e-9 && premium(&trace[1]).abs() < 1e-9);
    desk.seconds(33);
    assert_eq!(desk.mode().0, Mode::Widen);
    desk.seconds(4);
    assert_eq!(desk.mode(), (Mode::Normal, None));
    assert!(premium(&desk.snapshot().trace[0]).abs() < 1e-9);
}

#[test]
fn degraded_inputs_widen() {
    let mut desk = Desk::quoting("{}");
    desk.account = false;
    desk.seconds(31);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::InputsDegraded)));
    assert!(
        desk.snapshot()
            .trace
            .iter()
            .all(|trace| (premium(trace) - 5.0).abs() < 1e-9)
    );
    desk.account = true;
    desk.seconds(20);
    assert_eq!(desk.mode().0, Mode::Widen);
    desk.seconds(15);
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

fn premium(trace: &SideTrace) -> f64 {
    trace.terms.unwrap().premium_bps
}

/// Each price that rests adds up from its own terms, premium included, to a hundredth of a basis point.
#[test]
fn the_trace_adds_up_to_each_price_that_rests() {
    let mut desk = long("{}");
    assert_eq!(added_up(&desk), quotes(&desk));
    within_bounds(&desk, &desk.snapshot().trace);
    desk.mid += 4_000;
    desk.seconds(1);
    assert_eq!(added_up(&desk), quotes(&desk));
    let trace = desk.snapshot().trace;
    within_bounds(&desk, &trace);
    assert!(trace.iter().all(|side| side.levels.len() > 1), "{trace:?}");
    assert!(trace[0].levels[1].level_bps > 1.0, "{trace:?}");
}

/// Nothing is shown of a side that is not quoted, and where recovery brought the price to the touch
/// the terms say so.
#[test]
fn the_trace_is_of_what_is_quoted() {
    let mut desk = Desk::with(config("{}"), 20_000);
    desk.open();
    let at_touch = |desk: &Desk| {
        let trace = desk.snapshot().trace;
        matches!(&trace[..], [side] if side.side == Side::Ask && side.levels[0].at_touch_bps < -1.0)
    };
    let met = (0..400).any(|_| {
        desk.seconds(1);
        assert_eq!(added_up(&desk), quotes(&desk));
        at_touch(&desk)
    });
    assert!(met, "{:?}", desk.snapshot().trace);
    let trace = desk.snapshot().trace;
    let half_bps = Px(desk.half).as_f64() / Px(desk.mid).as_f64() * 1e4;
    let shown = trace[0].levels[0].half_spread_bps;
    assert!((shown - half_bps).abs() < 0.02, "{shown} of {half_bps}");
}

/// What is left over in a price is no more than the grid and the tolerance explain: less than one price
/// step of rounding, nothing brought to the touch, and no further from what is wanted than an order may
/// be and stay. A term that were wrong, or missing, would have to be found in one of these.
fn within_bounds(desk: &Desk, trace: &[SideTrace]) {
    let shown = desk.snapshot();
    let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
    let step = btc.px_step(Px(desk.mid));
    let step_bps = step.as_f64() / Px(desk.mid).as_f64() * 1e4;
    let noise_bps = shown.sigma_quotes.unwrap_or(0.0) * 1e4;
    assert!(step_bps < 0.2, "a step hides nothing: {step_bps}");
    for side in trace {
        let half_bps = side.terms.unwrap().half_spread_bps;
        let kept_max_bps = step_bps.max(0.25 * half_bps).max(2.0 * noise_bps) + step_bps;
        for level in &side.levels {
            // Rounding is outward.
            assert!(level.grid_bps > -1e-6, "{level:?}");
            assert!(level.grid_bps < step_bps + 1e-6, "{step_bps} {level:?}");
            assert!(level.at_touch_bps == 0.0, "{level:?}");
            assert!(
                level.kept_bps.abs() <= kept_max_bps,
                "{kept_max_bps} {level:?}"
            );
        }
    }
}

/// Prices by the sum of their terms, per side from the inside out.
fn added_up(desk: &Desk) -> Vec<(Side, i64)> {
    let mut prices = Vec::new();
    for side in desk.snapshot().trace {
        let outward = if side.side == Side::Bid { -1.0 } else { 1.0 };
        let common = side.terms.map_or(0.0, |terms| {
            terms.maker_fee_bps
                + terms.adverse_selection_bps
                + terms.edge_bps
                + terms.cap_bps
                + terms.floor_bps
                + terms.premium_bps
                + outward * (terms.skew_bps + terms.funding_bps)
        });
        for level in &side.levels {
            let own = level.level_bps + level.at_touch_bps + level.grid_bps + level.kept_bps;
            let sum = common + own;
            assert!((sum - level.half_spread_bps).abs() < 0.01, "{level:?}");
            let fair = Px(desk.mid).as_f64();
            let px = Usd::floor((fair * (1.0 + outward * sum / 1e4) + 0.5) * 1e-6).0;
            assert!((px - level.px.0).abs() <= 1, "{px} {level:?}");
            prices.push((side.side, level.px.0));
        }
    }
    prices
}

/// What rests, bids first, from the inside out.
fn quotes(desk: &Desk) -> Vec<(Side, i64)> {
    let mut shown: Vec<(Side, i64)> = desk
        .snapshot()
        .orders
        .iter()
        .map(|order| (order.side, order.px.0))
        .collect();
    shown.sort_by_key(|(side, px)| (side.index(), -side.sign() * px));
    shown
}

#[test]
fn a_burst_takes_the_increasing_side_off_and_brings_it_back_in_two_steps() {
    let mut desk = Desk::quoting("{}");
    for place in 0..4 {
        desk.fill_at(Side::Bid, place, 30);
    }
    assert_eq!(desk.mode(), (Mode::ReduceOnly, Some(ModeReason::FillBurst)));
    assert_eq!(code(&desk, Side::Bid), Some("fill_burst"));
    assert_eq!(desk.lots(Side::Ask), desk.position);
    desk.seconds(59);
    assert_eq!(desk.lots(Side::Bid), Sz::ZERO);
    desk.seconds(1);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::FillBurst)));
    let quarter = desk.lots(Side::Bid);
    desk.seconds(30);
    let half = desk.lots(Side::Bid);
    desk.seconds(30);
    let whole = desk.lots(Side::Bid);
    let near = |lots: Sz, share: f64| (lots.as_f64() / whole.as_f64() - share).abs() < 0.06;
    assert!(
        near(quarter, 0.25) && near(half, 0.5),
        "{quarter} {half} {whole}"
    );
    desk.seconds(30);
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

#[test]
fn a_burst_leaves_the_other_side_of_a_flat_book_alone() {
    let mut desk = Desk::quoting("{}");
    let whole = desk.lots(Side::Ask);
    for place in 0..4 {
        desk.fill_at(Side::Bid, place, 30);
    }
    for _ in 0..20 {
        desk.fill(Side::Ask, desk.position.0.min(30));
    }
    assert_eq!(desk.position, Sz::ZERO);
    desk.seconds(2);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::FillBurst)));
    assert_eq!(code(&desk, Side::Bid), Some("fill_burst"));
    assert_eq!(code(&desk, Side::Ask), None);
    assert_eq!(desk.lots(Side::Bid), Sz::ZERO);
    assert!(
        desk.lots(Side::Ask).0 * 2 >= whole.0,
        "{}",
        desk.lots(Side::Ask)
    );
    desk.seconds(60);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
}

#[test]
fn fills_of_the_reducing_side_are_no_burst() {
    let mut desk = long("{}");
    for _ in 0..4 {
        desk.fill(Side::Ask, 12);
    }
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

/// The one that brings the position to zero does not count, the next does.
#[test]
fn the_fill_that_closes_a_position_is_no_burst() {
    let mut desk = Desk::new(r#"{"burst_fills": 2}"#, -12);
    desk.open();
    desk.seconds(80);
    desk.fill_at(Side::Bid, 0, 12);
    desk.fill_at(Side::Bid, 1, 1);
    assert_eq!(desk.position, Sz(1));
    assert_eq!(desk.mode(), (Mode::Normal, None));
    desk.fill_at(Side::Bid, 2, 1);
    assert_eq!(desk.mode().1, Some(ModeReason::FillBurst));
}

/// An hour in which only the position was reduced is none of quoting.
#[test]
fn the_ramp_stands_still_while_the_position_is_only_reduced() {
    let mut desk = Desk::quoting(r#"{"ramp": true}"#);
    desk.margin_used = Some(Usd(10_000_000_000));
    desk.seconds(2);
    assert_eq!(desk.mode(), (Mode::ReduceOnly, Some(ModeReason::Margin)));
    for _ in 0..200 {
        desk.pass(Dur(20 * SECOND));
    }
    assert_eq!(desk.snapshot().kept_limit.unwrap().ramp_hours, 0);
}

/// A payment that nobody told of is no loss of the hour.
#[test]
fn the_ramp_counts_what_is_explained() {
    let mut desk = Desk::quoting(r#"{"ramp": true}"#);
    desk.cash -= 1_000_000;
    desk.seconds(3_700);
    assert_eq!(desk.snapshot().kept_limit.unwrap().ramp_hours, 1);
}

#[test]
fn the_ramp_opens_the_one_limit_in_quarters() {
    let limit = |desk: &Desk| desk.engine.limits().unwrap().long().0;
    let mut whole = Desk::quoting("{}");
    let mut desk = Desk::quoting(r#"{"ramp": true}"#);
    let near = |desk: &Desk, whole: &Desk, share: f64| {
        let part = Sz(limit(desk)).as_f64() / Sz(limit(whole)).as_f64();
        assert!((part - share).abs() < 0.01, "{part} for {share}");
    };
    near(&desk, &whole, 0.25);
    assert_eq!(desk.engine.limits().unwrap().binding().as_str(), "ramp");
    whole.seconds(3_500);
    desk.seconds(3_500);
    near(&desk, &whole, 0.25);
    whole.seconds(700);
    desk.seconds(700);
    near(&desk, &whole, 0.5);
    assert_eq!(desk.snapshot().kept_limit.unwrap().ramp_hours, 1);
}

/// Whatever changes about a mode, or about a side without an order, is journalled with the cycle that
/// changed it: the newest record says of every cycle what the snapshot says.
#[test]
fn the_newest_record_says_why_a_side_has_no_order_in_every_cycle() {
    type Told = (Phase, Mode, Option<ModeReason>, SuppressedSides);
    // A cap that binds all along: no other limit of a cycle writes a record.
    let mut with_cap = serde_json::to_value(config("{}")).unwrap();
    with_cap["limits"]["position_cap_coin"] = 0.003.into();
    let mut desk = Desk::with(serde_json::from_value(with_cap).unwrap(), 0);
    let silent: Rc<RefCell<(Option<Told>, BTreeSet<&str>)>> = Rc::default();
    let kept = Rc::clone(&silent);
    desk.witness = Some(Box::new(move |engine, _| {
        let (newest, codes) = &mut *kept.borrow_mut();
        if let Some(record) = engine.cycle() {
            let (mode, reason) = (record.mode, record.mode_reason);
            *newest = Some((record.phase, mode, reason, record.suppressed));
        }
        let shown = engine.snapshot();
        if let Some(newest) = newest {
            let told = (shown.phase, shown.mode, shown.mode_reason, shown.suppressed);
            assert_eq!(*newest, told);
            codes.extend(
                Side::BOTH
                    .into_iter()
                    .filter_map(|side| newest.3.of(side).map(Suppressed::as_str)),
            );
        }
    }));
    desk.open();
    desk.seconds(80);
    for _ in 0..4 {
        desk.fill(Side::Bid, 10);
    }
    desk.seconds(20);
    desk.user = false;
    desk.seconds(130);
    desk.user = true;
    desk.mid += 4_000;
    desk.seconds(60);
    desk.market = false;
    desk.seconds(30);
    // Nothing rests and nothing can be priced: the kill is heard of, and nothing is sent.
    desk.tell(EventBody::Command(Command::Kill));
    desk.seconds(10);
    let codes = &silent.borrow().1;
    assert!(codes.contains("fill_burst"), "{codes:?}");
    assert!(codes.len() > 1, "{codes:?}");
}
