//! What is configured of quotes: which model, how many levels, how near; and the model solved for it.

use serde::{Deserialize, Serialize};

use crate::solved::{Conditions, Solved, Wish};

/// Which model makes the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Guéant, Lehalle and Fernandez-Tapia's asymptotic quotes, several levels.
    Ladder,
    /// The same with one level.
    Glft,
    /// Avellaneda and Stoikov's quotes with a horizon that moves along, several levels.
    AvellanedaStoikov,
    /// Configured half-spread, skewed linearly by inventory.
    InventoryAware,
    /// Configured half-spread around fair.
    Symmetric,
}

/// Quoting parameters. Ranges are checked when an engine is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotingConfig {
    /// The model.
    pub strategy: Strategy,
    /// Share of the effective limit shown per side, over all levels, 0..=1.
    pub target_liquidity_frac: f64,
    /// Levels per side, 1..=50.
    pub levels: usize,
    /// Half-spread of each level without inventory, bps, instead of the model's; floor and skew still apply.
    pub depths_bps: Option<Vec<f64>>,
    /// Levels below this notional merge inward, USDC.
    pub min_level_usd: f64,
    /// Edge asked over fee and adverse selection, bps.
    pub min_edge_bps: f64,
    /// Fill arrival rate at zero distance, 1/s (assumed until estimated).
    pub arrival_per_s: f64,
    /// Decay of the fill rate with distance, 1/bps (assumed until estimated).
    pub kappa_per_bps: f64,
    /// Adverse selection per fill, bps (assumed until estimated).
    pub adverse_selection_bps: f64,
    /// Half-spread of the simple strategies and of the opening phase, bps.
    pub half_spread_bps: f64,
    /// Largest half-spread of any level before skew, bps; at least `half_spread_bps` and every depth.
    pub half_spread_max_bps: f64,
    /// Multiplies the reference gamma.
    pub risk_aversion: f64,
    /// Time left of the Avellaneda-Stoikov strategy, which never grows less, s.
    pub horizon_s: f64,
    /// Skew of the inventory-aware strategy at full inventory, bps.
    pub inventory_skew_bps: f64,
    /// Requote tolerance in bps; `None`: derived each cycle.
    pub max_bps_diff: Option<f64>,
    /// Requote tolerance of a size, a fraction.
    pub size_tolerance_frac: f64,
    /// Whether the reducing side's total stays within the position and the target.
    pub sweep_guard: bool,
}

impl QuotingConfig {
    /// The quoting model in these conditions, its gamma found for the `usual` ones, for a limit of `limit_units` levels' sizes. A ladder of one level
    /// spans one decay of the fill rate.
    #[must_use]
    pub fn solve(&self, at: Conditions, usual: Conditions, limit_units: f64) -> Solved {
        let decay_bps = 1.0 / at.kappa;
        let last = self.offsets_bps(at.kappa).last().copied();
        let wish = Wish {
            span_bps: last.map_or(decay_bps, |last| last.max(decay_bps)),
            limit_units,
            risk_aversion: self.risk_aversion,
        };
        if self.strategy == Strategy::AvellanedaStoikov {
            Solved::avellaneda(at, usual, &wish, self.horizon_s)
        } else {
            Solved::glft(at, usual, &wish)
        }
    }

    /// Distances of levels behind the first, bps, starting with 0.
    pub(super) fn offsets_bps(&self, kappa_per_bps: f64) -> Vec<f64> {
        let levels = if self.strategy == Strategy::Glft {
            1
        } else {
            self.levels
        };
        match &self.depths_bps {
            Some(depths) => depths
                .iter()
                .take(levels)
                .map(|depth| depth - depths[0])
                .collect(),
            #[expect(clippy::cast_precision_loss, reason = "at most 50 levels")]
            None => (0..levels).map(|j| j as f64 / kappa_per_bps).collect(),
        }
    }
}
