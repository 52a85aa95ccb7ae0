//! What a fill at a distance leaves, and whether chance explains it. MODELS.md P1.2b.
//!
//! `net = depth - maker fee - cost`, the cost the tape's adverse selection at that distance and side and what our own
//! fills cost beside it. Its interval is `net +- t se`, `t` of Student's distribution at the cost's own number of
//! moves less one, and holds for all distances of both sides at once with 95 % (Bonferroni), as those of `mm scout`
//! do. It is looked at every second: it is of what is known now, not of the first time that it leaves zero out.

use serde::Serialize;

use crate::estimators::adverse::{Cost, DEPTHS, DEPTHS_BPS};
use crate::estimators::own_cost::OwnCost;

/// Standard normal quantile of `1 - 0.05 / (2 x 2 x DEPTHS)`: all distances of both sides at once.
const TOGETHER: f64 = 3.162_817_965_621_300_7;
/// Of `1 - 0.05 / 2`: one distance by itself.
const ALONE: f64 = 1.959_963_984_540_053_6;
/// Moves apart below which a mean has no interval worth a verdict.
const MOVES_MIN: f64 = 10.0;
/// A distance that was judged stays so down to this many.
const MOVES_KEPT: f64 = 5.0;

/// What the interval of a net edge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It lies above nothing.
    Pays,
    /// It lies below.
    Loses,
    /// It holds nothing, or too few moves are known.
    CannotTell,
}

/// What is known of the edge at one distance, bps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// The distance from the mid before a sweep.
    pub depth_bps: f64,
    /// It, less maker fee and cost.
    pub net_bps: f64,
    /// Standard error of that.
    pub se_bps: f64,
    /// Half of the interval that holds for all distances at once; `None`: too few moves for one.
    pub half_width_bps: Option<f64>,
    /// Effective number of moves that it rests on.
    pub n: f64,
    /// What the interval says.
    pub verdict: Verdict,
}

impl Edge {
    fn of(depth_bps: f64, cost: &Cost, own: &OwnCost, fee_bps: f64) -> Self {
        Self {
            depth_bps,
            net_bps: depth_bps - fee_bps - cost.mean_bps - own.shift_bps,
            se_bps: libm::sqrt(cost.se_bps * cost.se_bps + own.shift_se_bps * own.shift_se_bps),
            half_width_bps: None,
            n: cost.n,
            verdict: Verdict::CannotTell,
        }
        .judged()
    }

    fn judged(mut self) -> Self {
        let is_enough = self.n >= MOVES_MIN;
        self.half_width_bps = is_enough.then(|| student(TOGETHER, self.n - 1.0) * self.se_bps);
        self.verdict = match self.half_width_bps {
            Some(half) if self.net_bps > half => Verdict::Pays,
            Some(half) if self.net_bps < -half => Verdict::Loses,
            _ => Verdict::CannotTell,
        };
        self
    }

    /// The most that a distance further out can leave: a cost does not fall with distance.
    fn at_most(self, depth_bps: f64) -> Self {
        let net_bps = self.net_bps + depth_bps - self.depth_bps;
        Self {
            depth_bps,
            net_bps,
            ..self
        }
        .judged()
    }

    /// Whether a loss is shown still, having been shown before: by this distance alone.
    fn still_loses(&self) -> bool {
        self.net_bps + student(ALONE, self.n - 1.0) * self.se_bps < 0.0
    }
}

/// The edges of one side, by the distances of [`DEPTHS_BPS`]; `None`: fewer than two moves are known.
pub type Edges = [Option<Edge>; DEPTHS];

/// The edge of one side at each distance, by its cost there, what our own fills cost beside that, and the maker fee.
#[must_use]
pub fn edges(costs: &[Option<Cost>; DEPTHS], own: &OwnCost, fee_bps: f64) -> Edges {
    core::array::from_fn(|index| {
        let cost = costs[index].as_ref()?;
        Some(Edge::of(DEPTHS_BPS[index], cost, own, fee_bps))
    })
}

/// Quantile of Student's distribution, of `freedom` degrees, at the probability of the standard normal one `z`: its
/// expansion in `1 / freedom` (Abramowitz and Stegun 26.7.5); from four degrees on within one percent at 3.2.
fn student(z: f64, freedom: f64) -> f64 {
    let (square, by) = (z * z, 1.0 / freedom);
    let terms = [
        (square + 1.0) / 4.0,
        ((5.0 * square + 16.0) * square + 3.0) / 96.0,
        (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0,
        ((((79.0 * square + 776.0) * square + 1482.0) * square - 1920.0) * square - 945.0)
            / 92_160.0,
    ];
    z * terms.iter().rev().fold(0.0, |sum, term| (sum + term) * by) + z
}

/// What was made of a distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
enum Shown {
    /// Too few moves are known there, or have grown too old.
    #[default]
    Unknown,
    /// No loss is shown.
    Clear,
    /// One is.
    Loss,
}

/// Where a loss is shown, on one side.
///
/// ```text
/// Unknown -n >= 10-> Clear <-the interval of this distance alone holds nothing- Loss   (any) -n < 5-> Unknown
///                      \------the interval that holds for all lies below 0------->
/// Unknown -the same of what it can be at most, by the farthest known distance-> Loss
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Losses([Shown; DEPTHS]);

impl Losses {
    /// Judges anew. Where nothing is known a loss is shown that the cost of the farthest known distance shows.
    pub fn judge(&mut self, edges: &Edges) {
        let mut nearer: Option<Edge> = None;
        for ((shown, edge), depth_bps) in self.0.iter_mut().zip(edges).zip(DEPTHS_BPS) {
            let least = match shown {
                Shown::Unknown => MOVES_MIN,
                Shown::Clear | Shown::Loss => MOVES_KEPT,
            };
            let known = edge.filter(|edge| edge.n >= least);
            nearer = known.or(nearer);
            let most = known.or(nearer.map(|nearer| nearer.at_most(depth_bps)));
            let is_loss = most.is_some_and(|most| {
                most.verdict == Verdict::Loses || (*shown == Shown::Loss && most.still_loses())
            });
            *shown = match known {
                _ if is_loss => Shown::Loss,
                Some(_) => Shown::Clear,
                None => Shown::Unknown,
            };
        }
    }

    /// Whether a loss is shown at a distance: at the nearest of those told apart that is not beyond it.
    #[must_use]
    pub fn is_at(&self, depth_bps: f64) -> bool {
        self.0[floor(depth_bps)] == Shown::Loss
    }

    /// The nearest distance from `depth_bps` on where none is shown, of those where anything is known; where it is
    /// itself none of these, itself. `None`: everywhere further out as far as anything is known a loss is shown.
    #[must_use]
    pub fn clear_from(&self, depth_bps: f64) -> Option<f64> {
        if !self.is_at(depth_bps) {
            return Some(depth_bps);
        }
        let beyond = self.0.iter().zip(DEPTHS_BPS).skip(floor(depth_bps) + 1);
        let mut clear = beyond.filter(|(shown, _)| **shown == Shown::Clear);
        clear.next().map(|(_, depth_bps)| depth_bps)
    }
}

/// The farthest of the distances told apart that is not beyond `depth_bps`.
fn floor(depth_bps: f64) -> usize {
    let beyond = DEPTHS_BPS.iter().position(|depth| *depth > depth_bps);
    beyond.map_or(DEPTHS - 1, |beyond| beyond.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Time;

    const NOTHING: OwnCost = OwnCost {
        residual: None,
        shift_bps: 0.0,
        shift_se_bps: 0.0,
    };

    fn cost(mean_bps: f64, se_bps: f64, n: f64) -> Cost {
        Cost {
            mean_bps,
            se_bps,
            n,
            as_of: Time::ZERO,
        }
    }

    /// By `mm.student.quantile(0.99921875, n)` and `(0.975, n)`.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (z, freedom, wanted) in [
            (ALONE, 4.0, 2.776_445),
            (ALONE, 9.0, 2.262_157),
            (ALONE, 30.0, 2.042_272),
            (ALONE, 1e9, ALONE),
            (TOGETHER, 1e9, TOGETHER),
        ] {
            let found = student(z, freedom);
            assert!((found / wanted - 1.0).abs() < 1e-3, "{found} {wanted}");
        }
    }

    /// At 5 bps a fee of 1.5 and a cost of 2 leave 1.5, our own fills take 0.5 of it; 4 times 0.3 is more than that.
    #[test]
    fn an_edge_by_hand() {
        let mut costs = [None; DEPTHS];
        costs[7] = Some(cost(2.0, 0.1, 1e6));
        costs[8] = Some(cost(6.0, 0.1, 1e6));
        costs[9] = Some(cost(6.0, 0.1, 9.0));
        let alone = edges(&costs, &NOTHING, 1.5);
        let at = |edges: &Edges, index: usize| edges[index].unwrap();
        assert!((at(&alone, 7).net_bps - 1.5).abs() < 1e-12);
        assert_eq!(at(&alone, 7).verdict, Verdict::Pays);
        assert_eq!(at(&alone, 8).verdict, Verdict::Loses);
        assert!((at(&alone, 8).half_width_bps.unwrap() - 0.316_28).abs() < 1e-4);
        assert_eq!(at(&alone, 9).verdict, Verdict::CannotTell, "nine moves");
        assert_eq!(at(&alone, 9).half_width_bps, None);
        let own = OwnCost {
            shift_bps: 0.5,
            shift_se_bps: 0.4,
            ..NOTHING
        };
        let beside = edges(&costs, &own, 1.5);
        assert!((at(&beside, 7).net_bps - 1.0).abs() < 1e-12);
        assert_eq!(at(&beside, 7).verdict, Verdict::CannotTell);
    }

    /// Every distance costs so much, so surely.
    fn market(mean_bps: f64, se_bps: f64, n: f64, known: usize) -> Edges {
        let mut costs = [None; DEPTHS];
        for each in costs.iter_mut().take(known) {
            *each = Some(cost(mean_bps, se_bps, n));
        }
        edges(&costs, &NOTHING, 1.5)
    }

    /// What costs 5 bps loses with the fee as far as 5; 7 is the nearest that does not.
    #[test]
    fn the_nearest_distance_without_a_loss_is_found() {
        let mut losses = Losses::default();
        assert_eq!(losses.clear_from(3.0), Some(3.0), "nothing is known");
        losses.judge(&market(5.0, 0.1, 100.0, 10));
        assert!(losses.is_at(0.0) && losses.is_at(6.9) && !losses.is_at(7.0));
        assert_eq!(losses.clear_from(-1.0), Some(7.0));
        assert_eq!(losses.clear_from(6.0), Some(7.0));
        assert_eq!(losses.clear_from(8.25), Some(8.25));
        losses.judge(&market(20.0, 0.1, 100.0, 10));
        // 10 bps are the last known; at 14 and 20 no fewer than 20 bps are lost, at 30 nothing is shown.
        assert_eq!(losses.clear_from(3.0), None);
        assert_eq!(losses.clear_from(29.9), None);
        assert_eq!(losses.clear_from(30.0), Some(30.0));
    }

    /// A loss of 2 bps: shown at an error of 0.5, still one at 0.8 (1.96 x 0.8 = 1.57), none any more at 1.1; and none
    /// again at 0.8. Below ten moves nothing becomes known, from five on what is stays so.
    #[test]
    fn a_loss_that_is_shown_goes_when_it_is_in_doubt_and_not_before() {
        let mut losses = Losses::default();
        // Of 5 bps, whose cost 5.5 leaves -2.
        let mut judged = |se_bps: f64, n: f64| {
            losses.judge(&market(5.5, se_bps, n, 12));
            losses.is_at(5.0)
        };
        assert!(!judged(0.8, 1e4) && judged(0.5, 1e4) && judged(0.8, 1e4));
        assert!(!judged(1.1, 1e4) && !judged(0.8, 1e4) && judged(0.5, 1e4));
        assert!(judged(0.5, 5.5) && !judged(0.5, 4.5) && !judged(0.5, 9.5));
        assert!(judged(0.3, 10.5));
    }
}
