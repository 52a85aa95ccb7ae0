//! What a recording says before money is risked: what sweeps that come to a distance cost a maker there, how
//! often they come, and what is left. MODELS.md P1.2b and P1.3, with nothing forgotten.

use mm_core::book::Book;
use mm_core::estimators::adverse::{Cost, DEPTHS, DEPTHS_BPS, HORIZONS_S};
use mm_core::estimators::intensity::Fit;
use mm_core::estimators::watched::Watched;
use mm_core::event::EventBody;
use mm_core::units::Side;
use serde::Serialize;

use crate::exchange::{FEE_TIERS, FeeRates};
use crate::frames::Tape;

/// Long enough to forget nothing of any recording, s.
const NEVER_S: f64 = 1e12;
/// The cost at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CostAt {
    /// After the sweep, s.
    pub horizon_s: i64,
    /// Mean move against a maker, bps.
    pub mean_bps: f64,
    /// Its standard error, bps.
    pub se_bps: f64,
    /// Effective number of moves that do not overlap.
    pub n: f64,
}

/// What one distance is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepthSeen {
    /// From the mid before a sweep, bps.
    pub depth_bps: f64,
    /// Sweeps an hour that came there or further.
    pub sweeps_per_h: f64,
    /// The cost at each horizon at which enough came.
    pub costs: Vec<CostAt>,
}

/// The fitted intensity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FitSeen {
    /// `A`, 1/s.
    pub arrival_per_s: f64,
    /// Standard error of its logarithm.
    pub arrival_log_se: f64,
    /// `k`, 1/bps.
    pub kappa_per_bps: f64,
    /// Its standard error, 1/bps.
    pub kappa_se: f64,
    /// Covariance of the logarithm of `A` with `k`, 1/bps.
    pub covariance: f64,
    /// Distances of the fit, bps.
    pub from_bps: f64,
    /// Their end, bps.
    pub to_bps: f64,
}

impl From<Fit> for FitSeen {
    fn from(fit: Fit) -> Self {
        Self {
            arrival_per_s: fit.arrival(),
            arrival_log_se: fit.var_log_arrival.sqrt(),
            kappa_per_bps: fit.kappa,
            kappa_se: fit.var_kappa.sqrt(),
            covariance: fit.covariance,
            from_bps: fit.range_bps.0,
            to_bps: fit.range_bps.1,
        }
    }
}

/// One side of makers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideSeen {
    /// Of the makers: their bids meet sellers.
    pub side: Side,
    /// Every distance that sweeps came to.
    pub depths: Vec<DepthSeen>,
    /// `None`: too few came.
    pub fit: Option<FitSeen>,
}

/// What a recording says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scouted {
    /// The perp.
    pub coin: String,
    /// Exchange time of the first book and of the last frame, ms.
    pub start_ms: i64,
    /// Its end.
    pub end_ms: i64,
    /// Seconds watched, gaps left out.
    pub watched_s: f64,
    /// Half of the spread, mean over the time watched, bps; `None`: no two touches
    /// without a gap between.
    pub half_spread_bps: Option<f64>,
    /// Sweeps of both sides.
    pub sweeps: u64,
    /// Bids, then asks.
    pub sides: Vec<SideSeen>,
    /// What the venue asks of makers, base first.
    pub fee_tiers: Vec<TierSeen>,
}

/// A fee tier of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TierSeen {
    /// Volume of fourteen days from which it holds, USDC.
    pub volume_usd: i64,
    /// The maker's fee, bps.
    pub maker_bps: f64,
}

fn tiers() -> Vec<TierSeen> {
    let above = FEE_TIERS.iter().map(|tier| (tier.volume_usdc, tier.rates));
    core::iter::once((0, FeeRates::BASE))
        .chain(above)
        .map(|(volume_usd, rates)| TierSeen {
            volume_usd,
            #[expect(clippy::cast_precision_loss, reason = "a fee of 1e-8 of notional")]
            maker_bps: rates.maker.0 as f64 / 1e4,
        })
        .collect()
}

/// Reads a tape from its first book on.
#[must_use]
pub fn scout(tape: &Tape) -> Scouted {
    let mut eyes = Eyes {
        book: Book::default(),
        watched: Watched::new(NEVER_S, NEVER_S),
    };
    for step in &tape.steps()[tape.history()..] {
        eyes.see(&step.event.body);
    }
    Scouted {
        coin: tape.instrument().coin().to_owned(),
        start_ms: tape.start().0 / 1_000_000,
        end_ms: tape.end().0 / 1_000_000,
        watched_s: eyes.watched.watched_s(),
        half_spread_bps: eyes.watched.half_spread_bps(),
        sweeps: eyes.watched.count(),
        sides: Side::BOTH.map(|side| eyes.side(side)).into(),
        fee_tiers: tiers(),
    }
}

/// A book and what it and the tape teach.
struct Eyes {
    book: Book,
    watched: Watched,
}

impl Eyes {
    fn see(&mut self, body: &EventBody) {
        let used = match body {
            EventBody::Book(snapshot) => self.book.apply_snapshot(snapshot),
            EventBody::Bbo(bbo) => self.book.apply_bbo(bbo),
            EventBody::Trades(trades) => {
                for trade in trades {
                    self.watched.on_trade(trade, |_| true);
                }
                false
            }
            _ => false,
        };
        if let Some(touch) = self.book.touch().filter(|_| used) {
            self.watched.on_touch(self.book.exch(), touch, |_| true);
        }
    }

    fn side(&self, side: Side) -> SideSeen {
        let curves: Vec<_> = (0..HORIZONS_S.len())
            .map(|horizon| self.watched.costs(side, horizon, self.book.exch()))
            .collect();
        let depths = DEPTHS_BPS.into_iter().enumerate();
        let depths = depths
            .filter_map(|(index, depth_bps)| {
                let rate = self.watched.counted_rate(side, depth_bps)?;
                let at = |(horizon, curve): (&i64, &[Option<Cost>; DEPTHS])| {
                    curve[index].map(|cost| CostAt {
                        horizon_s: *horizon,
                        mean_bps: cost.mean_bps,
                        se_bps: cost.se_bps,
                        n: cost.n,
                    })
                };
                (rate > 0.0).then(|| DepthSeen {
                    depth_bps,
                    sweeps_per_h: rate * 3600.0,
                    costs: HORIZONS_S.iter().zip(&curves).filter_map(at).collect(),
                })
            })
            .collect();
        SideSeen {
            side,
            depths,
            fit: self.watched.fit(side, self.book.exch()).map(FitSeen::from),
        }
    }
}
