//! What the models make of the market, and how much of it is used.

use serde::Serialize;

use super::evidence::RestsOn;
use super::shifted::{Shifted, ShiftedShown};
use super::{EdgeShown, Engine, FundingShown, QueueShown};
use crate::action::Tif;
use crate::book::Touch;
use crate::control::ToxicCounts;
use crate::estimators::adverse::{Cost, DEPTHS, DEPTHS_BPS, HORIZONS_S};
use crate::estimators::flow::{FlowShown, HALF_LIVES_S};
use crate::estimators::intensity::{Fit, OwnIntensity};
use crate::estimators::kept::Kept;
use crate::estimators::microprice::MicroPrice;
use crate::estimators::own_cost::{HORIZON, OwnCost, OwnCosts};
use crate::estimators::regime::{Regime, Regimes};
use crate::estimators::sweep::Sweep;
use crate::estimators::volatility::VolatilityShown;
use crate::estimators::watched::Watched;
use crate::estimators::{Evidence, GAP};
use crate::event::{Fill, Trade};
use crate::learned::{
    CostCurve, FairPrice, GammaAt, IntensitySource, Learned, ModelsConfig, Source,
};
use crate::quote::QuotingConfig;
use crate::solved::Conditions;
use crate::units::{Dur, Px, SECOND, Side, Time};

/// Where the cost of a fill is taken: after 5 s the recorded curves are flat. MODELS.md P1.2.
const COST_HORIZON: usize = 1;
/// Memory of the flow that a side is taken off for: 10 s.
const TOXIC_MEMORY: usize = 1;
/// Between two fits.
const REFIT: Dur = Dur(SECOND);
/// Between two counts of the time that our orders rest: each counts for all of it where it then is.
const REST: Dur = Dur(SECOND);

/// What the models make of the market, and what of it is used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelsShown {
    /// What quotes are centred on, USDC.
    pub fair: Option<f64>,
    /// The same against the mid of the book, bps.
    pub fair_from_mid_bps: Option<f64>,
    /// Where that comes from.
    pub fair_price: FairPrice,
    /// Where the intensity that is used comes from: assumed where too few came to where we quote.
    pub intensity: IntensitySource,
    /// Where the adverse selection comes from.
    pub adverse_selection: Source,
    /// Intensity and adverse selection as they are used.
    pub used: Learned,
    /// Exchange time as of which the intensity was fitted; `None`: it was not.
    pub fitted: Option<Time>,
    /// The intensity as measured for our `[bids, asks]`, on distances where it is known best; `None`: too few sweeps.
    pub fits: [Option<Fit>; 2],
    /// What our own orders of `[bids, asks]` saw, used or not.
    pub own: [OwnShown; 2],
    /// Volatility at every half-life and span, used or not.
    pub volatility: VolatilityShown,
    /// How lively the market is against what it usually is.
    pub regime: Regime,
    /// Volatility of two minutes over the usual one of the hour; `None`: not known.
    pub regime_ratio: Option<f64>,
    /// How often takers took a side off, by the sign.
    pub toxic: ToxicCounts,
    /// What holding a position costs.
    pub funding: FundingShown,
    /// What is known of queues; `None`: no model of them is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueShown>,
    /// The flow of takers, from the shortest memory to the longest.
    pub flow: [FlowShown; HALF_LIVES_S.len()],
    /// What moves the fair price from where `fair_price` puts it.
    pub shift: ShiftedShown,
    /// What each estimate rests on now.
    pub rests_on: Vec<RestsOn>,
    /// Distances that costs are told apart by, bps: of `costs`, and of the curves in `used`.
    pub cost_depths_bps: [f64; DEPTHS],
    /// Adverse selection 5 s after a sweep as measured, by the distances of
    /// [`DEPTHS_BPS`](crate::estimators::adverse::DEPTHS_BPS); `None`: too few came.
    pub costs: [[Option<Cost>; DEPTHS]; 2],
    /// What fills of our `[bids, asks]` cost beside that, used or not.
    pub own_costs: [OwnCost; 2],
    /// What that and the maker fee leave at each distance, and who stands back.
    pub edge: [EdgeShown; 2],
}

/// What our own orders of a side saw, as much as is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OwnShown {
    /// Seconds that they rested, added up.
    pub exposure_s: f64,
    /// Takers that met one.
    pub fills: f64,
    /// The tape's intensity at the distances where they rested: what is used of it. `None`: too few came there, or
    /// none rested.
    pub tape: Option<Fit>,
    /// What that makes of the tape's intensity, or of the assumed one where the tape has none.
    pub fit: Fit,
}

/// What others than [`Models`] know of what it shows.
struct OfEngine {
    fair: Option<f64>,
    fair_from_mid_bps: Option<f64>,
    volatility: VolatilityShown,
    regimes: Regimes,
    toxic: ToxicCounts,
    funding: FundingShown,
    queue: Option<QueueShown>,
    shift: ShiftedShown,
    rests_on: Vec<RestsOn>,
    edge: [EdgeShown; 2],
}

/// The estimators that prices and sizes rest on.
#[derive(Clone, Debug)]
pub(super) struct Models {
    config: ModelsConfig,
    assumed: Learned,
    watched: Watched,
    micro: MicroPrice,
    /// What moves the fair price from there.
    pub(super) shifted: Shifted,
    learned: Learned,
    /// Of the tape, what is not read each second.
    kept: Kept,
    /// The tape's intensity at the distances where orders of ours rested.
    quoted: [Option<Fit>; 2],
    fitted: Option<Time>,
    /// The cost of a fill of our `[bids, asks]` as the tape measured it, used or not.
    tape_costs: [CostCurve; 2],
    own_costs: OwnCosts,
    own: OwnIntensity,
    /// The last posteriors of `own`, where it speaks.
    own_fits: [Option<Fit>; 2],
    /// Since when the time that our orders rest is not counted yet.
    rested: Option<Time>,
    /// Newest touch: exchange time, and mid in lattice units.
    last: Option<(Time, f64)>,
    /// Until when sweeps of a taker's side may be our own orders that take, receive time.
    own_taking: [Time; 2],
}

/// A side's estimates that prices may rest on: what each rests on.
pub(super) struct OfSide {
    pub(super) intensity: Evidence,
    pub(super) own_intensity: Evidence,
    pub(super) adverse: Evidence,
    pub(super) own_cost: Evidence,
}

impl Models {
    pub(super) fn new(config: &ModelsConfig, quoting: &QuotingConfig) -> Self {
        let assumed = Learned::assumed(quoting);
        Self {
            config: config.clone(),
            watched: Watched::new(config.intensity_half_life_s, config.adverse_half_life_s),
            micro: MicroPrice::default(),
            shifted: Shifted::new(config),
            learned: assumed,
            assumed,
            kept: Kept::default(),
            quoted: [None; 2],
            fitted: None,
            tape_costs: assumed.adverse,
            own_costs: OwnCosts::new(config.adverse_half_life_s),
            own: OwnIntensity::new(config.intensity_half_life_s),
            own_fits: [None; 2],
            rested: None,
            last: None,
            own_taking: [Time::ZERO; 2],
        }
    }

    /// Intensity and adverse selection, as they are used.
    pub(super) const fn learned(&self) -> Learned {
        self.learned
    }

    fn shown(&self, of_engine: OfEngine, now: Time) -> ModelsShown {
        let OfEngine {
            fair,
            fair_from_mid_bps,
            volatility,
            regimes,
            toxic,
            funding,
            queue,
            shift,
            rests_on,
            edge,
        } = of_engine;
        let (costs, own_costs) = self.measured_costs(now);
        ModelsShown {
            fair,
            fair_from_mid_bps,
            volatility,
            regime: regimes.regime(),
            regime_ratio: regimes.ratio(),
            toxic,
            funding,
            queue,
            shift,
            rests_on,
            edge,
            fair_price: self.config.fair_price,
            intensity: self.intensity_source(),
            adverse_selection: self.config.adverse_selection,
            used: self.learned,
            fitted: self.fitted,
            fits: Side::BOTH.map(|side| self.watched.fit(side, now)),
            own: Side::BOTH.map(|side| self.own_shown(side, now)),
            flow: core::array::from_fn(|window| self.watched.flow().shown(window, now)),
            cost_depths_bps: DEPTHS_BPS,
            costs,
            own_costs,
        }
    }

    /// Cost of a fill of our `[bids, asks]` by distance as the tape has it, and what own fills cost beside it.
    pub(super) fn measured_costs(&self, now: Time) -> ([[Option<Cost>; DEPTHS]; 2], [OwnCost; 2]) {
        let costs = Side::BOTH.map(|side| self.watched.costs(side, COST_HORIZON, now));
        (costs, self.own_costs.shifts(self.config.shrink_n0, now))
    }

    /// What the estimates of takers to our orders on `side` rest on.
    pub(super) fn side_rests_on(&self, side: Side, now: Time) -> OfSide {
        let nearest = self.watched.costs(side, COST_HORIZON, now)[0];
        let [bids, asks] = self.own_costs.shifts(self.config.shrink_n0, now);
        let residual = [bids, asks][side.index()].residual;
        let of = |cost: Option<Cost>| cost.map_or(Evidence::NONE, |cost| cost.evidence());
        let all = Evidence {
            ready: false,
            ..self.watched.reaches(side, now)
        };
        let there = self.fit_where_quoted(side, now);
        OfSide {
            intensity: there.map_or(all, |fit| fit.evidence()),
            own_intensity: self.own.evidence(side, now),
            adverse: of(nearest),
            own_cost: of(residual),
        }
    }

    /// What the flow of each half-life rests on.
    pub(super) fn flow_rests_on(&self, now: Time) -> [Evidence; HALF_LIVES_S.len()] {
        core::array::from_fn(|window| self.watched.flow().evidence(window, now))
    }

    /// What the micro-price of a touch rests on.
    pub(super) fn micro_rests_on(&self, others: &Touch, tick: f64, now: Time) -> Evidence {
        self.micro.evidence(others, tick, now)
    }

    fn own_shown(&self, side: Side, now: Time) -> OwnShown {
        let (exposure_s, fills) = self.own.seen(side, now);
        OwnShown {
            exposure_s,
            fills,
            tape: self.quoted[side.index()],
            fit: self.own_fit(side, now),
        }
    }

    fn own_fit(&self, side: Side, now: Time) -> Fit {
        let index = side.index();
        let Learned {
            arrival_per_s,
            kappa_per_bps,
            ..
        } = self.assumed;
        let prior = self.quoted[index]
            .unwrap_or_else(|| Fit::assumed(arrival_per_s, kappa_per_bps, self.config.shrink_n0));
        let last = self.own_fits[index].as_ref();
        self.own.fit(side, &prior, last, now)
    }

    /// The touch at `exch` ends a second in which our orders rested: gives the mid that they were at, lattice
    /// units, and the seconds. Nothing is counted across a gap.
    fn rest_due(&mut self, exch: Time) -> Option<(f64, f64)> {
        let (known, mid) = self.last?;
        let since = self.rested.filter(|_| exch.since(known) <= GAP);
        let due = since.is_none_or(|since| exch.since(since) >= REST);
        if !due {
            return None;
        }
        self.rested = Some(exch);
        self.own.on_time(exch);
        Some((mid, exch.since(since?).as_secs()))
    }

    /// `met` is the share of takers at the price who meet the order: the time of those who do not is none.
    fn on_rested(&mut self, side: Side, px: Px, (mid, span_s): (f64, f64), met: f64) {
        self.own.rested(side, away_bps(side, px, mid), span_s * met);
    }

    /// A fill of an order of ours that rested. Without a mid from before it, it was met nowhere.
    pub(super) fn on_own_fill(&mut self, fill: &Fill) {
        if let Some(mid) = self.watched.mid_before(fill.exch) {
            let delta_bps = away_bps(fill.side, fill.px, mid);
            self.own.filled(fill.side, delta_bps, fill.exch, fill.oid);
            let Fill {
                exch, oid, side, ..
            } = *fill;
            self.own_costs.filled(exch, oid, side, delta_bps, mid);
        }
    }

    /// How one-sided takers come in ten seconds.
    pub(super) fn flow_score(&self, exch: Time) -> f64 {
        self.watched.flow().score(TOXIC_MEMORY, exch)
    }

    /// An order of ours takes: what it meets is no flow of others.
    pub(super) fn on_own_take(&mut self, side: Side, until: Time) {
        let known = &mut self.own_taking[side.index()];
        *known = until.max(*known);
    }

    pub(super) fn on_trade(&mut self, trade: &Trade, now: Time) {
        let own_taking = self.own_taking;
        let counts = |sweep: &Sweep| own_taking[sweep.side.index()] < now;
        self.watched.on_trade(trade, counts);
    }

    /// A newer top of the book, as all see it and without our own orders; `tick` in lattice units. Returns whether
    /// what is measured was fitted anew.
    pub(super) fn on_touch(
        &mut self,
        exch: Time,
        touch: Touch,
        others: &Touch,
        tick: f64,
        now: Time,
    ) -> bool {
        let own_taking = self.own_taking;
        let counts = |sweep: &Sweep| own_taking[sweep.side.index()] < now;
        // Before the tape learns of the takers that end here: ours are among them.
        let tape = self.tape_costs;
        let tape_bps = |side: Side, depth_bps| tape[side.index()].at(depth_bps);
        self.own_costs.on_mid(exch, others.mid(), tape_bps);
        self.watched.on_touch(exch, *others, counts);
        self.micro.observe(exch, others, tick);
        let base = self.base(&touch, others, tick, exch);
        self.shifted.on_touch(exch, others, base, now);
        self.last = Some((exch, others.mid()));
        let is_due = self.fitted.is_none_or(|fitted| exch.since(fitted) >= REFIT);
        if is_due {
            self.fitted = Some(exch);
            self.refit(exch);
        }
        is_due
    }

    /// The stream broke.
    pub(super) fn on_gap(&mut self) {
        self.watched.on_gap();
        self.own_costs.forget_waiting();
        self.micro.forget_last();
        self.shifted.on_gap();
        self.rested = None;
    }

    fn refit(&mut self, exch: Time) {
        let (watched, own) = (&self.watched, &self.own);
        self.quoted = Side::BOTH.map(|side| {
            let rested = || own.rested_range(side);
            self.kept.fit_between(watched, side, exch, rested)
        });
        let n0 = self.config.shrink_n0;
        let mut learned = self.assumed;
        match (self.config.intensity, self.quoted) {
            (IntensitySource::Tape, [Some(bids), Some(asks)]) => {
                learned = learned.with_intensity([bids, asks], n0);
            }
            (IntensitySource::Own, _) => {
                let fits = Side::BOTH.map(|side| self.own_fit(side, exch));
                self.own_fits = fits.map(Some);
                learned = learned.with_intensity(fits, n0);
            }
            _ => {}
        }
        for side in Side::BOTH {
            if let Some(curve) = self.kept.costs(&self.watched, side, COST_HORIZON, exch) {
                let assumed_bps = self.assumed.adverse_bps(side, 0.0);
                self.tape_costs[side.index()] = CostCurve::measured(&curve, assumed_bps, n0);
            }
        }
        if let Some(shifts_bps) = self.cost_shifts_bps(exch) {
            let shifted = |side: Side| {
                let side = side.index();
                self.tape_costs[side].shifted(shifts_bps[side])
            };
            learned.adverse = Side::BOTH.map(shifted);
        }
        self.learned = learned;
    }

    /// The tape's intensity at the distances where orders of ours rested.
    fn fit_where_quoted(&self, side: Side, now: Time) -> Option<Fit> {
        let quoted = self.own.rested_range(side)?;
        self.watched.fit_between(side, quoted, now)
    }

    /// Where the intensity comes from as it is used: from the tape only where it is known where we quote.
    fn intensity_source(&self) -> IntensitySource {
        match (self.config.intensity, self.quoted) {
            (IntensitySource::Tape, [Some(_), Some(_)]) => IntensitySource::Tape,
            (IntensitySource::Tape, _) => IntensitySource::Assumed,
            (configured, _) => configured,
        }
    }

    /// What the tape's curves are shifted by before they are used; `None`: they are not.
    fn cost_shifts_bps(&self, exch: Time) -> Option<[f64; 2]> {
        match self.config.adverse_selection {
            Source::Assumed => None,
            Source::Tape => Some([0.0; 2]),
            Source::Own => {
                let shifts = self.own_costs.shifts(self.config.shrink_n0, exch);
                Some(shifts.map(|one| one.shift_bps))
            }
        }
    }

    /// The fair price at `now` before it is shifted, from the top of the book and the same without our own orders;
    /// `tick` and the price in lattice units; never outside the top.
    pub(super) fn base(&self, touch: &Touch, others: &Touch, tick: f64, now: Time) -> f64 {
        let fair = match self.config.fair_price {
            FairPrice::Mid => others.mid(),
            FairPrice::Weighted => others.microprice(),
            FairPrice::Micro => return self.micro_px(touch, others, tick, now),
        };
        fair.clamp(touch.bid.px.as_f64(), touch.ask.px.as_f64())
    }

    /// The micro-price of a touch, lattice units.
    fn micro_px(&self, touch: &Touch, others: &Touch, tick: f64, now: Time) -> f64 {
        let micro = self.micro.fair(others, tick, now);
        micro.clamp(touch.bid.px.as_f64(), touch.ask.px.as_f64())
    }
}

impl Engine {
    /// By how much the fair price is above the mid of the book, bps.
    fn fair_from_mid_bps(&self) -> Option<f64> {
        Some((self.fair_px()? / self.market.book.touch()?.mid() - 1.0) * 1e4)
    }

    /// The nearest distance at which a fill earns its costs on either side, bps.
    pub(super) fn break_even_bps(&self) -> Option<f64> {
        let (fee, learned) = (self.maker_fee_bps()?, self.market.models.learned());
        let costs = learned.adverse.map(|curve| fee + curve.covered(fee));
        Some(costs[0].max(costs[1]))
    }

    pub(super) fn shown_models(&self) -> ModelsShown {
        let fair = self.fair_px().map(|px| px / self.instrument.px_scale());
        let of_engine = OfEngine {
            fair,
            fair_from_mid_bps: self.fair_from_mid_bps(),
            volatility: self.market.volatility.shown(self.exch_now()),
            regimes: self.market.regimes,
            toxic: self.control.toxic.counts(),
            funding: self.shown_funding(),
            queue: self.shown_queue(),
            shift: self.shown_shift(),
            rests_on: self.rests_on(),
            edge: self.shown_edge(),
        };
        self.market.models.shown(of_engine, self.exch_now())
    }

    /// What gamma is found for: the market as it usually is, where that is configured and known, or as it is.
    pub(super) fn gamma_conditions(&self, at: &Conditions) -> Conditions {
        match (self.config.models.gamma_at, self.market.seed.sigma_usual) {
            (GammaAt::Usual, Some(sigma)) => Conditions {
                sigma_bps: sigma * 1e4,
                arrival: self.config.quoting.arrival_per_s,
                kappa: at.kappa,
            },
            _ => *at,
        }
    }

    /// What sizes are multiplied by in the present regime.
    pub(super) fn regime_size(&self) -> f64 {
        let models = &self.config.models;
        match self.market.regimes.regime() {
            _ if !models.regime => 1.0,
            Regime::Calm | Regime::Usual => 1.0,
            Regime::Lively => models.lively_size_frac,
            Regime::Wild => models.wild_size_frac,
        }
    }

    /// How much closer a quote follows what is wanted in the present regime.
    pub(super) fn regime_refresh(&self) -> f64 {
        let models = &self.config.models;
        match self.market.regimes.regime() {
            _ if !models.regime => 1.0,
            Regime::Calm => models.calm_refresh_ratio,
            Regime::Usual => 1.0,
            Regime::Lively => models.lively_refresh_ratio,
            Regime::Wild => models.wild_refresh_ratio,
        }
    }

    /// Tells the models of a newer touch.
    pub(super) fn teach_touch(&mut self) {
        let Some((touch, others)) = self.market.touches() else {
            return;
        };
        let (exch, tick) = (self.market.book.exch(), self.tick_at(&touch));
        let micro = self.market.models.micro_px(&touch, &others, tick, exch);
        self.market.markouts.on_micro(exch, micro);
        if let Some(rested) = self.market.models.rest_due(exch) {
            let makers = self.orders.iter();
            let makers = makers.filter(|(_, o)| o.order.tif == Tif::Alo && o.is_displayed());
            let makers = makers.map(|(cloid, o)| {
                let met = self.share_met(*cloid, o.order.side, o.order.px, rested.0);
                (o.order.side, o.order.px, met)
            });
            for (side, px, met) in makers.collect::<Vec<_>>() {
                self.market.models.on_rested(side, px, rested, met);
            }
        }
        let models = &mut self.market.models;
        if models.on_touch(exch, touch, &others, tick, self.now) {
            self.judge_edge();
        }
    }

    pub(super) fn tick_at(&self, touch: &Touch) -> f64 {
        self.instrument.px_step(touch.ask.px).as_f64()
    }
}

/// How far outward of a mid a price of ours is, bps; both in lattice units.
#[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
fn away_bps(side: Side, px: Px, mid: f64) -> f64 {
    (1.0 - px.as_f64() / mid) * side.sign() as f64 * 1e4
}

const _: () = assert!(HORIZONS_S[COST_HORIZON] * SECOND == HORIZON.0);
