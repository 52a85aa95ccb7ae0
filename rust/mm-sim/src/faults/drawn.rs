//! What the rates of a plan bring: kinds by chance, with their numbers drawn.

use super::acts::Act;
use super::kind::FaultKind;
use super::plan::{Counted, Fault, Feed, Lines, Of, Way, invalid_price, over_budget};
use super::running::{Due, Faults};
use crate::flow::Dice;

/// Longest delay of an answer or a frame that the rates draw, s.
pub(super) const LATE_S: f64 = 3.0;
/// Longest time by which the rates have an action arrive late, s: just under the 10 s
/// for which one lives unless the configuration says else.
const ARRIVAL_S: f64 = 9.5;
/// Hanging requests, broken sockets and silences that the rates draw last so long on average, s.
const OUTAGE_S: f64 = 6.0;
/// Farthest that the rates put the announced clock off, s.
const SKEW_S: f64 = 5.0;

impl Faults {
    pub(super) fn chance_for_action(&mut self, what: Of) -> Option<Fault> {
        let any = Counted::default();
        for kind in FaultKind::ALL {
            let applies =
                kind.is_of_actions() && (kind != FaultKind::FailedCancel || what == Of::Cancel);
            if !applies || !self.happens(kind) {
                continue;
            }
            let dice = &mut self.dice;
            return Some(match kind {
                FaultKind::LostReply => Fault::LostReply(any),
                FaultKind::NeverArrives => Fault::NeverArrives(any),
                FaultKind::LateArrival => Fault::LateArrival {
                    of: any.of,
                    count: 1,
                    by_s: dice.between(0.5, ARRIVAL_S),
                    lost: dice.chance(0.5),
                },
                FaultKind::LateReply => Fault::LateReply {
                    of: any.of,
                    count: 1,
                    by_s: dice.between(0.0, LATE_S),
                },
                FaultKind::RefusedBatch => Fault::RefusedBatch {
                    of: any.of,
                    count: 1,
                    text: invalid_price(),
                },
                FaultKind::PartialBatch => Fault::PartialBatch {
                    of: any.of,
                    count: 1,
                    every: 1 + u32::from(dice.pick(3)),
                    text: None,
                },
                FaultKind::FailedCancel => Fault::FailedCancel {
                    count: 1,
                    text: over_budget(),
                },
                FaultKind::Http429 => Fault::Http429(any),
                FaultKind::Http5xx => Fault::Http5xx {
                    of: any.of,
                    count: 1,
                    executed: dice.chance(0.5),
                    status: 502,
                },
                _ => Fault::Hung {
                    of: any.of,
                    count: 1,
                    for_s: dice.exponential(OUTAGE_S),
                },
            });
        }
        None
    }

    /// What comes from outside or breaks, of this kind, with its numbers drawn.
    pub(super) fn draw(&mut self, kind: FaultKind) -> Due {
        let dice = &mut self.dice;
        let way = if dice.chance(0.5) {
            Way::Buy
        } else {
            Way::Sell
        };
        let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
        match draw_fault(kind, sign, dice) {
            Some(fault) => Due::Fault(fault),
            None => Due::Act(draw_act(kind, way, sign, dice)),
        }
    }
}

/// What breaks, of this kind; `None` for a kind that comes from outside.
fn draw_fault(kind: FaultKind, sign: f64, dice: &mut Dice) -> Option<Fault> {
    let feeds = [Feed::Fills, Feed::Orders, Feed::Account, Feed::Market];
    Some(match kind {
        FaultKind::Disconnect => Fault::Disconnect {
            for_s: dice.exponential(OUTAGE_S),
            snapshot_fills: None,
        },
        FaultKind::SilentStream => Fault::SilentStream {
            feed: feeds[usize::from(dice.pick(4))],
            for_s: dice.exponential(OUTAGE_S),
        },
        FaultKind::HalfOpen => {
            let lines = [Lines::All, Lines::Market, Lines::User, Lines::Orders];
            Fault::HalfOpen {
                lines: lines[usize::from(dice.pick(4))],
                for_s: dice.exponential(OUTAGE_S),
            }
        }
        FaultKind::StaleBook => Fault::StaleBook {
            for_s: dice.exponential(OUTAGE_S),
            restamped: dice.chance(0.5),
        },
        FaultKind::ClockSkew => Fault::ClockSkew {
            by_s: sign * dice.between(0.5, SKEW_S),
            for_s: dice.exponential(OUTAGE_S),
        },
        FaultKind::SnapshotReplay => Fault::SnapshotReplay {
            feed: feeds[usize::from(dice.pick(3))],
            as_news: dice.chance(0.5),
        },
        _ => return None,
    })
}

/// What comes from outside, of this kind.
fn draw_act(kind: FaultKind, way: Way, sign: f64, dice: &mut Dice) -> Act {
    match kind {
        FaultKind::OracleJump => Act::OracleJump {
            frac: sign * dice.between(0.002, 0.05),
            for_s: dice.exponential(OUTAGE_S),
        },
        FaultKind::FundingSpike => Act::FundingSpike {
            rate_per_h: sign * dice.between(0.000_1, 0.01),
            for_s: dice.exponential(OUTAGE_S),
        },
        FaultKind::PostOnly => Act::PostOnly {
            for_s: dice.exponential(OUTAGE_S),
        },
        FaultKind::Burst => Act::Burst {
            way,
            usd: dice.between(50.0, 500.0),
            orders: 4 + u32::from(dice.pick(5)),
            within_s: 1.5,
        },
        FaultKind::HandOrder => Act::HandOrder {
            way,
            usd: dice.between(20.0, 200.0),
            resting_bps: dice.chance(0.5).then(|| dice.between(1.0, 50.0)),
        },
        FaultKind::PriceJump => Act::PriceJump {
            frac: sign * dice.between(0.002, 0.02),
        },
        FaultKind::Transfer => Act::Transfer {
            usd: sign * dice.between(10.0, 500.0),
        },
        FaultKind::Funding => Act::Funding {
            usd: sign * dice.between(0.01, 2.0),
        },
        FaultKind::Leverage => Act::Leverage {
            leverage: 1 + u32::from(dice.pick(20)),
        },
        // The kinds of requests and frames do not recur: what is left is the sweep.
        _ => Act::Sweep {
            way,
            usd: dice.pareto(2_000.0, 1.2).min(500_000.0),
        },
    }
}
