//! Law 5 of MODELS.md d.2 and ground rule 6 of part c: what every estimator rests on falls and gets older while nothing
//! is heard, at whatever time it is read, and what is made of it goes back to what was assumed.

use mm_core::book::Touch;
use mm_core::estimators::Evidence;
use mm_core::estimators::funding::Funding;
use mm_core::estimators::history::History;
use mm_core::estimators::intensity::{Fit, OwnIntensity};
use mm_core::estimators::markout::Markouts;
use mm_core::estimators::own_cost::OwnCosts;
use mm_core::estimators::queue::{Stops, TurnOver};
use mm_core::estimators::regime::{Regime, Regimes};
use mm_core::estimators::tape::Tape;
use mm_core::event::{AssetCtx, Candle};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time};

use crate::laws::{ADVERSE_S, BASIS_S, Heard, INTENSITY_S, SHIFT_S, World, market};

/// Volatility usual in that market: its own.
const USUAL: f64 = 0.3e-4;

/// Every estimator there is, of one market.
struct All {
    world: World,
    regimes: Regimes,
    own: OwnIntensity,
    own_costs: OwnCosts,
    markouts: Markouts,
    funding: Funding,
    tape: Tape,
    history: History,
    turn_over: TurnOver,
    stops: Stops,
    last: Option<(Time, Touch)>,
    trades: u64,
}

fn context(rate: f64) -> AssetCtx {
    AssetCtx {
        funding_rate_per_h: rate,
        oracle_px: 100.0,
        premium: Some(1e-4),
        mid_px: Some(100.0),
        mark_px: 100.0,
        open_interest: 1.0,
        day_notional_usd: 1.0,
    }
}

/// A day of minutes before the market.
fn candles() -> Vec<Candle> {
    let minute = |index: i64| {
        let open = Time((index - 1_500) * 60 * SECOND);
        Candle {
            open,
            close: open.plus(Dur(60 * SECOND - 1)),
            close_px: 100.0 + f64::from(u8::from(index % 2 == 0)),
        }
    };
    (0..1_500).map(minute).collect()
}

impl All {
    fn after(heard: &[Heard]) -> Self {
        let mut all = Self {
            world: World::after(&[], 1.0),
            regimes: Regimes::default(),
            own: OwnIntensity::new(INTENSITY_S),
            own_costs: OwnCosts::new(ADVERSE_S),
            markouts: Markouts::default(),
            funding: Funding::default(),
            tape: Tape::default(),
            history: History::default(),
            turn_over: TurnOver::default(),
            stops: Stops::default(),
            last: None,
            trades: 0,
        };
        all.tape.start(Time::ZERO);
        for one in heard {
            all.hear(one);
        }
        let (end, _) = all.last.unwrap();
        all.history.hear(&candles(), end);
        all
    }

    fn hear(&mut self, heard: &Heard) {
        self.world.hear(heard);
        match heard {
            Heard::Touch(at, touch) => self.touch(*at, touch),
            Heard::Taker(trades) => {
                for trade in trades {
                    let mut trade = *trade;
                    trade.tid = self.trades;
                    self.trades += 1;
                    self.tape.observe(&trade);
                    self.stops.on_trade(&trade);
                }
                let (side, px) = (trades[0].side.opposite(), trades[0].px);
                // Each taker meets an order of ours at the touch.
                if let Some((_, touch)) = self.last {
                    let (exch, oid) = (trades[0].exch, self.trades);
                    self.own.filled(side, 0.12, exch, oid);
                    self.own_costs.filled(exch, oid, side, 0.12, touch.mid());
                    self.markouts.on_fill(exch, side, px, Sz(1));
                }
            }
        }
    }

    fn touch(&mut self, at: Time, touch: &Touch) {
        let volatility = &self.world.volatility;
        let (sigma, recent) = (volatility.of_two_minutes(at), volatility.recent_moves());
        self.regimes.observe(at, sigma, recent, Some(USUAL));
        self.own.on_time(at);
        for side in Side::BOTH {
            self.own.rested(side, 0.12, 1.0);
        }
        self.own_costs.on_mid(at, touch.mid(), |_, _| 0.0);
        self.markouts.on_mid(at, touch.mid());
        self.funding.observe(at, &context(1e-5), true);
        for (side, level) in [(Side::Bid, touch.bid), (Side::Ask, touch.ask)] {
            self.turn_over.on_best(side, at, Some((level.px, level.sz)));
        }
        self.last = Some((at, *touch));
    }

    /// Each by its name, with what a minute of silence leaves of it; `None`: not by a half-life.
    fn evidence(&self, now: Time) -> Vec<(&'static str, Evidence, Option<f64>)> {
        let (world, (_, touch)) = (&self.world, self.last.unwrap());
        let sigma = world.volatility.evidence(now);
        let robust = world.volatility.evidence_without_jumps(now);
        let flow = |window| world.watched.flow().evidence(window, now);
        let side = Side::Bid;
        let fit = world.watched.fit_between(side, (0.5, 5.0), now);
        let costs = world.watched.costs(side, 1, now)[0];
        let [own_cost, _] = self.own_costs.shifts(30.0, now);
        let or_none = |known: Option<Evidence>| known.map_or(Evidence::NONE, |known| known);
        vec![
            ("sigma_2min", sigma[0], Some(120.0)),
            ("sigma_10min", sigma[1], Some(600.0)),
            ("sigma_1h", sigma[2], Some(3_600.0)),
            ("sigma_without_jumps", robust, Some(600.0)),
            ("jump", world.jump.evidence(robust, now), Some(600.0)),
            ("regime", self.regimes.evidence(sigma[0]), Some(120.0)),
            ("flow_1s", flow(0), Some(1.0)),
            ("flow_10s", flow(1), Some(10.0)),
            ("flow_60s", flow(2), Some(60.0)),
            (
                "reaches",
                world.watched.reaches(side, now),
                Some(INTENSITY_S),
            ),
            (
                "intensity",
                or_none(fit.map(|fit| fit.evidence())),
                Some(INTENSITY_S),
            ),
            (
                "own_intensity",
                self.own.evidence(side, now),
                Some(INTENSITY_S),
            ),
            (
                "adverse",
                or_none(costs.map(|cost| cost.evidence())),
                Some(ADVERSE_S),
            ),
            (
                "own_cost",
                or_none(own_cost.residual.map(|cost| cost.evidence())),
                Some(ADVERSE_S),
            ),
            (
                "micro_price",
                world.micro.evidence(&touch, 1.0, now),
                Some(7_200.0),
            ),
            ("basis", world.shift.basis_evidence(now), Some(BASIS_S)),
            ("lead", world.shift.lead(now).evidence(), Some(SHIFT_S)),
            (
                "imbalance",
                world.shift.imbalance_evidence(now),
                Some(SHIFT_S),
            ),
            ("ofi", world.shift.flow(now).evidence(), Some(SHIFT_S)),
            ("queue_cancels", self.turn_over.evidence(now), Some(600.0)),
            (
                "queue_stops",
                self.stops.evidence(Side::Bid, now),
                Some(3_600.0),
            ),
            ("funding", self.funding.evidence(now), None),
            ("traded_1h", self.tape.evidence(now), None),
            ("sigma_usual", self.history.evidence(now), None),
            ("markout", self.markouts.evidence(side), None),
        ]
    }
}

/// Half an hour of a market, up to its last touch.
fn heard() -> (Vec<Heard>, Time) {
    let mut heard = market(7);
    let end = Time(1_799 * SECOND);
    heard.retain(|one| one.exch() <= end);
    (heard, end)
}

fn later(end: Time, seconds: i64) -> Time {
    end.plus(Dur(seconds * SECOND))
}

/// A minute in which nothing at all is heard, read without any event: of each estimate so much is left as its
/// half-life says, it is a minute older, and what does not go by a half-life has less a day later.
#[test]
fn what_is_read_late_rests_on_less_and_is_older() {
    let (heard, end) = heard();
    let all = All::after(&heard);
    let now = all.evidence(end);
    let minute = all.evidence(later(end, 60));
    let day = all.evidence(later(end, 86_400));
    for ((&(name, now, half_life), (_, minute, _)), (_, day, _)) in now.iter().zip(minute).zip(day)
    {
        println!(
            "{name}: n {:.1}, {:.1} a minute later, {:.1} a day",
            now.n, minute.n, day.n
        );
        // An hour's volatility is not ready after half an hour.
        assert!(
            now.ready == (name != "sigma_1h") && now.n > 0.0,
            "{name}: {now:?}"
        );
        assert!(minute.n <= now.n && day.n <= minute.n, "{name}");
        if let Some(half_life) = half_life {
            let left = minute.n / now.n / libm::exp2(-60.0 / half_life);
            assert!(
                (left - 1.0).abs() < 1e-6,
                "{name}: {left} of what its half-life leaves"
            );
        }
        if name == "markout" {
            // The account of a run: nothing of it is forgotten, and no price rests on it.
            assert!(day.n.to_bits() == now.n.to_bits() && day.as_of == now.as_of);
        } else {
            assert!(day.n < 0.1 * now.n, "{name}: {day:?}");
        }
        if half_life.is_none() || minute.as_of.is_some() {
            assert_eq!(minute.as_of, now.as_of, "{name}");
            let aged = minute.age_s(later(end, 60)).unwrap() - now.age_s(end).unwrap();
            assert!((aged - 60.0).abs() < 1e-9, "{name}: {aged} s older");
        }
        assert!(day.share(30.0) <= minute.share(30.0) && minute.share(30.0) <= now.share(30.0));
    }
}

/// The book stands still and nobody trades for a minute: what is known of takers is of fewer and a minute older,
/// though the market is watched.
#[test]
fn a_minute_without_takers_is_a_minute_older() {
    let (heard, end) = heard();
    let mut all = All::after(&heard);
    let (_, touch) = all.last.unwrap();
    // The moves after the last takers are waited for.
    for second in 1..=40 {
        all.hear(&Heard::Touch(later(end, second), touch));
    }
    let before = all.evidence(later(end, 40));
    for second in 41..=100 {
        all.hear(&Heard::Touch(later(end, second), touch));
    }
    let after = all.evidence(later(end, 100));
    let of_takers = [
        "flow_1s",
        "flow_10s",
        "flow_60s",
        "reaches",
        "intensity",
        "adverse",
        "own_cost",
        "queue_stops",
    ];
    let mut seen = 0;
    for (&(name, before, half_life), (_, after, _)) in before.iter().zip(after) {
        if of_takers.contains(&name) {
            let left = after.n / before.n / libm::exp2(-60.0 / half_life.unwrap());
            assert!((left - 1.0).abs() < 1e-6, "{name}: {left}");
            let aged =
                after.age_s(later(end, 100)).unwrap() - before.age_s(later(end, 40)).unwrap();
            assert!((aged - 60.0).abs() < 1e-9, "{name}: {aged} s older");
            seen += 1;
        }
    }
    assert_eq!(seen, of_takers.len());
}

/// What is made of them meanwhile: wider errors, a shut gate, no jump, no regime, no flow, less of the micro-price.
#[test]
fn what_is_read_late_is_nearer_to_what_was_assumed() {
    let (heard, end) = heard();
    let all = All::after(&heard);
    let (world, (_, touch)) = (&all.world, all.last.unwrap());
    let (minute, hours) = (later(end, 60), later(end, 4 * 3_600));
    // Intensity, own and of the tape.
    let fit = |now| world.watched.fit_between(Side::Bid, (0.5, 5.0), now);
    let (early, late) = (fit(end).unwrap(), fit(minute).unwrap());
    assert!((late.kappa - early.kappa).abs() < 1e-12 && late.var_kappa > early.var_kappa);
    assert_eq!(fit(hours), None);
    let own = |now| {
        all.own
            .fit(Side::Bid, &Fit::assumed(0.1, 0.7, 30.0), None, now)
    };
    assert!(own(minute).var_log_arrival > own(end).var_log_arrival);
    let far = |now| (own(now).log_arrival - libm::log(0.1)).abs();
    assert!(
        far(later(end, 86_400)) < 0.01 * far(end),
        "{} {}",
        far(hours),
        far(end)
    );
    // Signals of the next second.
    let slope = |now| world.shift.lead(now).slope.unwrap();
    let (early, late) = (slope(end), slope(minute));
    assert!(late.se > early.se && late.r2_least > early.r2_least);
    let widens = late.se / early.se / libm::exp2(30.0 / SHIFT_S);
    assert!((widens - 1.0).abs() < 1e-9, "{widens}");
    assert!(early.is_ready() && !slope(hours).is_ready() && !slope(hours).is_open());
    // Volatility: the quotes' goes over to the hour's, of which more is left.
    let quoted = |now| world.volatility.for_quotes(30.0, now).unwrap();
    assert!(quoted(minute).n < quoted(end).n);
    assert!(
        world.volatility.for_limits(minute).unwrap().n
            < world.volatility.for_limits(end).unwrap().n
    );
    assert!(world.volatility.of_two_minutes(minute).is_some());
    assert_eq!(world.volatility.of_two_minutes(hours), None);
    // Flow and jump.
    assert!(world.watched.flow().score(0, minute).abs() < 1e-6);
    assert!(world.jump.score(minute).to_bits() == 0.0_f64.to_bits());
    assert!(
        !world
            .jump
            .evidence(world.volatility.evidence_without_jumps(minute), minute)
            .ready
    );
    // The micro-price is nearer to the size-weighted mid.
    let leans = |now| (world.micro.fair(&touch, 1.0, now) - touch.microprice()).abs();
    assert!(leans(hours) < 0.95 * leans(end) || leans(end) < 1e-9);
    assert_eq!(all.stops.mean_lots(Side::Bid, later(end, 86_400)), None);
    assert_eq!(all.funding.at(later(end, 61)), None);
}

/// A silence that ends: fewer returns say what volatility is until new ones come, and its regime is not known.
#[test]
fn after_a_silence_less_is_known_until_it_is_learned_anew() {
    let (heard, end) = heard();
    let mut all = All::after(&heard);
    let (_, touch) = all.last.unwrap();
    let before = all.world.volatility.evidence(end);
    assert!(all.regimes.ratio().is_some());
    all.hear(&Heard::Touch(later(end, 1_200), touch));
    let n = |all: &All, second| all.world.volatility.evidence(later(end, second));
    let back = n(&all, 1_200);
    for (half_life, (back, before)) in [120.0, 600.0, 3_600.0]
        .into_iter()
        .zip(back.iter().zip(before))
    {
        let left = back.n / before.n / libm::exp2(-1_200.0 / half_life);
        assert!(
            (left - 1.0).abs() < 1e-6 && back.ready == before.ready,
            "{half_life}: {left}"
        );
    }
    assert_eq!(
        (all.regimes.ratio(), all.regimes.regime()),
        (None, Regime::Usual)
    );
    for second in 1..=600 {
        let mid = 1_000_000 + if second % 2 == 0 { 30 } else { 0 };
        let moved = Touch {
            bid: mm_core::event::Level {
                px: Px(mid - 12),
                ..touch.bid
            },
            ask: mm_core::event::Level {
                px: Px(mid + 12),
                ..touch.ask
            },
        };
        all.hear(&Heard::Touch(later(end, 1_200 + second), moved));
        if second == 10 {
            // Two returns on the grid came, and bring none of the old ones back. Not so the hour's: it was watched for
            // less than its half-life, so twice what its returns weigh is no bound yet.
            for (now, back) in n(&all, 1_210).iter().zip(back).take(2) {
                assert!(now.n < 1.1 * back.n + 4.0, "{now:?} after {back:?}");
            }
        }
    }
    let again = n(&all, 1_800);
    assert!(again[0].n > 60.0 && again[1].n > 150.0, "{again:?}");
    assert!(all.regimes.ratio().is_some());
}
