//! What a fill leaves at each distance as the engine knows it, and which sides stand back for it.

use serde::Serialize;

use super::Engine;
use crate::edge::{Edge, Edges, Losses, Verdict, edges};
use crate::learned::NoEdge;
use crate::units::{Dur, Side, Time};

/// The edge of our `[bids, asks]`, where a loss is shown, and which of them stand back.
#[derive(Clone, Debug, Default)]
pub(super) struct EdgeWatch {
    edges: [Edges; 2],
    losses: [Losses; 2],
    is_back: [bool; 2],
    /// How long each stood back, and until when that is counted.
    back: [Dur; 2],
    counted: Option<Time>,
}

/// What a fill leaves on one side, as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeShown {
    /// At every distance where anything is known.
    pub depths: Vec<Edge>,
    /// The nearest and the farthest distance that pay beyond chance, bps; `None`: none does.
    pub pays_bps: Option<[f64; 2]>,
    /// The nearest and the farthest that lose beyond chance, bps.
    pub loses_bps: Option<[f64; 2]>,
    /// Effective number of moves that the nearest rests on: all that were seen; 0 below two.
    pub n: f64,
    /// Whether the side stands back because of it.
    pub is_back: bool,
    /// For how long it has, s, since the session began.
    pub back_s: f64,
}

impl EdgeWatch {
    /// Whether a side stands back.
    pub(super) const fn is_back(&self, side: Side) -> bool {
        self.is_back[side.index()]
    }

    /// It is `now`, and sides stood back until then as they did.
    fn pass(&mut self, now: Time) {
        if let Some(since) = self.counted.replace(now) {
            for (back, is_back) in self.back.iter_mut().zip(self.is_back) {
                back.0 += if is_back { now.since(since).0 } else { 0 };
            }
        }
    }

    fn shown(&self, side: Side) -> EdgeShown {
        let index = side.index();
        let depths: Vec<Edge> = self.edges[index].iter().flatten().copied().collect();
        let ends = |verdict: Verdict| {
            let mut those = depths.iter().filter(|edge| edge.verdict == verdict);
            let nearest = those.next()?.depth_bps;
            Some([
                nearest,
                those.next_back().map_or(nearest, |edge| edge.depth_bps),
            ])
        };
        EdgeShown {
            pays_bps: ends(Verdict::Pays),
            loses_bps: ends(Verdict::Loses),
            n: depths.first().map_or(0.0, |edge| edge.n),
            is_back: self.is_back[index],
            back_s: self.back[index].as_secs(),
            depths,
        }
    }
}

impl Engine {
    /// Adverse selection was measured anew: so is the edge. Without our fee there is none to be known.
    pub(super) fn judge_edge(&mut self) {
        let Some(fee_bps) = self.maker_fee_bps() else {
            return;
        };
        let (costs, own) = self.market.models.measured_costs(self.market.book.exch());
        let watch = &mut self.edge;
        watch.edges = core::array::from_fn(|side| edges(&costs[side], &own[side], fee_bps));
        for (losses, edges) in watch.losses.iter_mut().zip(&watch.edges) {
            losses.judge(edges);
        }
    }

    /// Where a loss is shown that our `[bids, asks]` stand back from; nowhere unless configured.
    pub(super) fn known_losses(&self) -> [Losses; 2] {
        match self.config.models.no_edge {
            NoEdge::Quote => [Losses::default(); 2],
            NoEdge::StandBack => self.edge.losses,
        }
    }

    /// A cycle begins: nothing stands back until prices are made.
    pub(super) fn pass_edge(&mut self) {
        self.edge.pass(self.now);
        self.edge.is_back = [false; 2];
    }

    /// Its prices are made.
    pub(super) fn note_back(&mut self, is_back: [bool; 2]) {
        self.edge.is_back = is_back;
    }

    pub(super) fn shown_edge(&self) -> [EdgeShown; 2] {
        Side::BOTH.map(|side| self.edge.shown(side))
    }
}
