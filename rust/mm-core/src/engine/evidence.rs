//! What each estimate rests on now, in one list: for the journal, metrics, `explain` and the screen. MODELS.md c, 6.

use serde::Serialize;

use super::Engine;
use super::models::OfSide;
use crate::estimators::Evidence;
use crate::learned::{FairPrice, IntensitySource, NoEdge, Source};
use crate::units::Side;

/// What one estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RestsOn {
    /// Which estimate, with its memory or our side.
    pub of: &'static str,
    /// Whether prices, sizes or the limit go by it as configured.
    pub used: bool,
    /// Effective number of observations, their newest, and whether they are enough.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// How old the newest is, s; `None`: none came.
    pub age_s: Option<f64>,
}

/// The same as journalled, of an estimate that is used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RestedOn {
    /// Which estimate.
    pub of: &'static str,
    /// Effective number of observations, to a hundredth.
    pub n: f64,
    /// Age of the newest, s, to a millisecond.
    pub age_s: Option<f64>,
    /// Whether they were enough.
    pub ready: bool,
}

impl From<RestsOn> for RestedOn {
    fn from(one: RestsOn) -> Self {
        Self {
            of: one.of,
            n: libm::round(one.evidence.n * 1e2) / 1e2,
            age_s: one.age_s.map(|age_s| libm::round(age_s * 1e3) / 1e3),
            ready: one.evidence.ready,
        }
    }
}

type Named = (&'static str, Evidence, bool);

impl Engine {
    /// What every estimate rests on.
    pub(super) fn rests_on(&self) -> Vec<RestsOn> {
        let now = self.exch_now();
        let mut all: Vec<Named> = Vec::with_capacity(32);
        all.extend(self.market_rests_on());
        all.extend(self.signals_rest_on());
        all.extend(self.takers_rest_on());
        all.extend(self.places_rest_on());
        let with_age = |(of, evidence, used): Named| RestsOn {
            of,
            used,
            evidence,
            age_s: evidence.age_s(now),
        };
        all.into_iter().map(with_age).collect()
    }

    /// The same of those that are used, for the journal.
    pub(super) fn rested_on(&self) -> Vec<RestedOn> {
        let used = self.rests_on().into_iter().filter(|one| one.used);
        used.map(RestedOn::from).collect()
    }

    /// Volatility and what is made of it, the fair price, funding.
    fn market_rests_on(&self) -> Vec<Named> {
        let (market, now) = (&self.market, self.exch_now());
        let (models, control) = (&self.config.models, &self.config.control);
        let [two_minutes, ten_minutes, hour] = market.volatility.evidence(now);
        let robust = market.volatility.evidence_without_jumps(now);
        let micro = market.touches().map_or(Evidence::NONE, |(touch, others)| {
            let tick = self.tick_at(&touch);
            market.models.micro_rests_on(&others, tick, now)
        });
        let by_jumps = control.toxic_jump_sigmas.is_some();
        vec![
            ("sigma_2min", two_minutes, true),
            ("sigma_10min", ten_minutes, true),
            ("sigma_1h", hour, true),
            ("sigma_without_jumps", robust, by_jumps),
            ("sigma_usual", market.history.evidence(self.now), true),
            ("jump", market.jump.evidence(robust, now), by_jumps),
            (
                "regime",
                market.regimes.evidence(two_minutes),
                models.regime,
            ),
            ("micro_price", micro, models.fair_price == FairPrice::Micro),
            ("funding", market.funding.evidence(now), models.funding),
            ("traded_1h", market.tape.evidence(now), true),
        ]
    }

    /// Takers, and what they and our own fills cost.
    fn takers_rest_on(&self) -> Vec<Named> {
        let (market, now) = (&self.market, self.exch_now());
        let models = &self.config.models;
        let [one_s, ten_s, sixty_s] = market.models.flow_rests_on(now);
        let by_flow = self.config.control.toxic_flow_sigmas.is_some();
        let by_tape = models.intensity != IntensitySource::Assumed;
        let by_own = models.intensity == IntensitySource::Own;
        let by_edge = models.no_edge == NoEdge::StandBack;
        let by_cost = models.adverse_selection != Source::Assumed || by_edge;
        let by_own_cost = models.adverse_selection == Source::Own || by_edge;
        let [bids, asks] = Side::BOTH.map(|side| market.models.side_rests_on(side, now));
        let mut all = vec![
            ("flow_1s", one_s, false),
            ("flow_10s", ten_s, by_flow),
            ("flow_60s", sixty_s, false),
        ];
        let named = |[intensity, own_intensity, adverse, own_cost, markout]: [&'static str; 5],
                     of: OfSide,
                     side: Side| {
            [
                (intensity, of.intensity, by_tape),
                (own_intensity, of.own_intensity, by_own),
                (adverse, of.adverse, by_cost),
                (own_cost, of.own_cost, by_own_cost),
                (markout, market.markouts.evidence(side), false),
            ]
        };
        all.extend(named(OF_BIDS, bids, Side::Bid));
        all.extend(named(OF_ASKS, asks, Side::Ask));
        all
    }

    /// Queues, where they are asked for.
    fn places_rest_on(&self) -> Vec<Named> {
        self.queues_rest_on()
            .map_or(Vec::new(), |(cancels, [bids, asks])| {
                vec![
                    ("queue_cancels", cancels, true),
                    ("queue_stops_bid", bids, true),
                    ("queue_stops_ask", asks, true),
                ]
            })
    }
}

/// Names of a side's estimates, in the order of [`OfSide`], and of its markouts.
const OF_BIDS: [&str; 5] = [
    "intensity_bid",
    "own_intensity_bid",
    "adverse_bid",
    "own_cost_bid",
    "markout_bid",
];
const OF_ASKS: [&str; 5] = [
    "intensity_ask",
    "own_intensity_ask",
    "adverse_ask",
    "own_cost_ask",
    "markout_ask",
];
