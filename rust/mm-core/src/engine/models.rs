//! What the models make of the market, and how much of it is used.

use serde::Serialize;

use super::Engine;
use crate::book::{Book, Touch};
use crate::estimators::adverse::{Cost, DEPTHS, HORIZONS_S};
use crate::estimators::intensity::Fit;
use crate::estimators::microprice::MicroPrice;
use crate::estimators::sweep::Sweep;
use crate::estimators::watched::Watched;
use crate::event::{Level, Trade};
use crate::learned::{CostCurve, FairPrice, Learned, ModelsConfig, Source};
use crate::quote::QuotingConfig;
use crate::units::{Dur, SECOND, Side, Sz, Time};

/// Where the cost of a fill is taken: after 5 s the recorded curves are flat. MODELS.md P1.2.
const COST_HORIZON: usize = 1;
/// Between two fits.
const REFIT: Dur = Dur(SECOND);

/// What the models make of the market, and what of it is used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelsShown {
    /// What quotes are centred on, USDC.
    pub fair: Option<f64>,
    /// Where that comes from.
    pub fair_price: FairPrice,
    /// Where the intensity comes from.
    pub intensity: Source,
    /// Where the adverse selection comes from.
    pub adverse_selection: Source,
    /// Intensity and adverse selection as they are used.
    pub used: Learned,
    /// The intensity as measured for our `[bids, asks]`, used or not; `None`: too few sweeps.
    pub fits: [Option<Fit>; 2],
    /// Adverse selection 5 s after a sweep as measured, by the distances of
    /// [`DEPTHS_BPS`](crate::estimators::adverse::DEPTHS_BPS); `None`: too few came.
    pub costs: [[Option<Cost>; DEPTHS]; 2],
}

/// The estimators that prices and sizes rest on.
#[derive(Clone, Debug)]
pub(super) struct Models {
    config: ModelsConfig,
    assumed: Learned,
    watched: Watched,
    micro: MicroPrice,
    learned: Learned,
    fits: [Option<Fit>; 2],
    fitted: Option<Time>,
    /// Until when sweeps of a taker's side may be our own orders that take, receive time.
    own_taking: [Time; 2],
}

impl Models {
    pub(super) fn new(config: &ModelsConfig, quoting: &QuotingConfig) -> Self {
        let assumed = Learned::assumed(quoting);
        Self {
            config: config.clone(),
            watched: Watched::new(config.intensity_half_life_s, config.adverse_half_life_s),
            micro: MicroPrice::default(),
            learned: assumed,
            assumed,
            fits: [None; 2],
            fitted: None,
            own_taking: [Time::ZERO; 2],
        }
    }

    /// Intensity and adverse selection, as they are used.
    pub(super) const fn learned(&self) -> Learned {
        self.learned
    }

    fn shown(&self, fair: Option<f64>, now: Time) -> ModelsShown {
        ModelsShown {
            fair,
            fair_price: self.config.fair_price,
            intensity: self.config.intensity,
            adverse_selection: self.config.adverse_selection,
            used: self.learned,
            fits: self.fits,
            costs: Side::BOTH.map(|side| self.watched.costs(side, COST_HORIZON, now)),
        }
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

    /// A newer top of the book, as all see it and without our own orders; `tick` in lattice units.
    pub(super) fn on_touch(
        &mut self,
        exch: Time,
        touch: Touch,
        others: &Touch,
        tick: f64,
        now: Time,
    ) {
        let own_taking = self.own_taking;
        let counts = |sweep: &Sweep| own_taking[sweep.side.index()] < now;
        if self.watched.on_touch(exch, touch, counts) {
            self.micro.forget_last();
        }
        self.micro.observe(others, tick);
        if self.fitted.is_none_or(|fitted| exch.since(fitted) >= REFIT) {
            self.fitted = Some(exch);
            self.refit(exch);
        }
    }

    /// The stream broke.
    pub(super) fn on_gap(&mut self) {
        self.watched.on_gap();
        self.micro.forget_last();
    }

    fn refit(&mut self, exch: Time) {
        self.fits = Side::BOTH.map(|side| self.watched.fit(side));
        let n0 = self.config.shrink_n0;
        let mut learned = self.assumed;
        if let ([Some(bids), Some(asks)], Source::Tape) = (self.fits, self.config.intensity) {
            learned = learned.with_intensity([bids, asks], n0);
        }
        if self.config.adverse_selection == Source::Tape {
            let prior_bps = self.assumed.adverse_bps(Side::Bid, 0.0);
            learned.adverse = Side::BOTH.map(|side| {
                let curve = self.watched.costs(side, COST_HORIZON, exch);
                CostCurve::measured(&curve, prior_bps, n0)
            });
        }
        self.learned = learned;
    }

    fn fair(&self, touch: &Touch, others: &Touch, tick: f64) -> f64 {
        let fair = match self.config.fair_price {
            FairPrice::Mid => return touch.mid(),
            FairPrice::Weighted => others.microprice(),
            FairPrice::Micro => self.micro.fair(others, tick),
        };
        fair.clamp(touch.bid.px.as_f64(), touch.ask.px.as_f64())
    }
}

impl Engine {
    /// Our estimate of the price, lattice units; `None` without both sides of a book.
    pub(super) fn fair_px(&self) -> Option<f64> {
        let touch = self.market.book.touch()?;
        let others = self.others_touch().unwrap_or(touch);
        Some(
            self.market
                .models
                .fair(&touch, &others, self.tick_at(&touch)),
        )
    }

    /// The nearest distance at which a fill earns its costs on either side, bps.
    pub(super) fn break_even_bps(&self) -> Option<f64> {
        let (fee, learned) = (self.maker_fee_bps()?, self.market.models.learned());
        let costs = learned.adverse.map(|curve| fee + curve.covered(fee));
        Some(costs[0].max(costs[1]))
    }

    pub(super) fn shown_models(&self) -> ModelsShown {
        let fair = self.fair_px().map(|px| px / self.instrument.px_scale());
        self.market.models.shown(fair, self.market.book.exch())
    }

    /// Tells the models of a newer touch.
    pub(super) fn teach_touch(&mut self) {
        let Some(touch) = self.market.book.touch() else {
            return;
        };
        let others = self.others_touch().unwrap_or(touch);
        let (exch, tick) = (self.market.book.exch(), self.tick_at(&touch));
        let models = &mut self.market.models;
        models.on_touch(exch, touch, &others, tick, self.now);
    }

    fn tick_at(&self, touch: &Touch) -> f64 {
        self.instrument.px_step(touch.ask.px).as_f64()
    }

    /// The top of the book without our own orders, as far as it is displayed; `None` where nothing is left.
    fn others_touch(&self) -> Option<Touch> {
        let [bid, ask] = Side::BOTH.map(|side| self.others_best(&self.market.book, side));
        Some(Touch {
            bid: bid?,
            ask: ask?,
        })
    }

    fn others_best(&self, book: &Book, side: Side) -> Option<Level> {
        book.levels(side).iter().find_map(|level| {
            let own: Sz = self
                .orders
                .iter()
                .filter(|(_, order)| order.order.side == side && order.order.px == level.px)
                .filter(|(_, order)| order.is_displayed())
                .map(|(_, order)| order.remaining())
                .sum();
            let sz = level.sz - own;
            (sz > Sz::ZERO).then_some(Level { sz, ..*level })
        })
    }
}

const _: () = assert!(HORIZONS_S[COST_HORIZON] == 5);
