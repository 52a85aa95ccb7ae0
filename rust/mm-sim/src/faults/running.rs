//! A plan at work: asked for the fate of each request and frame, and for what is due from outside.

use std::collections::{BTreeMap, VecDeque};

use mm_core::units::{Dur, Time};

use super::acts::Act;
use super::kind::FaultKind;
use super::plan::{
    Counted, Fault, FaultError, FaultPlan, Feed, Of, Way, invalid_price, over_budget,
};
use crate::flow::Dice;

/// What becomes of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionFate {
    /// It reaches the exchange, which carries it out; and its answer has a fate of its own.
    Arrives(ReplyFate),
    /// It never reaches the exchange, and no answer comes.
    Vanishes,
    /// This HTTP status at once; the exchange never sees it.
    Status(u16),
    /// It reaches the exchange, which refuses the whole batch with this text.
    Refused(String),
    /// It reaches the exchange, where every cancel in it fails with this text.
    CancelsFail(String),
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFate {
    /// It comes.
    Comes,
    /// It never comes.
    Lost,
    /// It comes later by this.
    Late(Dur),
    /// This HTTP status comes in its place.
    Status(u16),
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoFate {
    /// It is answered.
    Answered,
    /// With this HTTP status.
    Status(u16),
    /// After this time.
    Late(Dur),
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFate {
    /// It comes once.
    Comes,
    /// It comes twice.
    Twice,
    /// It comes at this time, whatever comes before.
    LateAt(Time),
    /// It never comes.
    Never,
}

/// A plan at work.
#[derive(Clone, Debug)]
pub struct Faults {
    script: VecDeque<(Time, Due)>,
    /// Faults of requests and frames that wait for theirs.
    armed: Vec<Fault>,
    acts: Vec<Act>,
    silent: Vec<(Feed, Time)>,
    down_until: Option<Time>,
    snapshot_fills: Option<usize>,
    chances: BTreeMap<FaultKind, f64>,
    /// When each kind that comes from outside is next due, and its mean distance.
    recurring: BTreeMap<FaultKind, (Time, f64)>,
    broke: bool,
    ended: bool,
    dice: Dice,
    counts: BTreeMap<FaultKind, u64>,
}

/// What a script may name.
#[derive(Clone, Debug)]
enum Due {
    Fault(Fault),
    Act(Act),
}

/// Longest delay of an answer or a frame that the rates draw, s.
const LATE_S: f64 = 3.0;
/// Hanging requests, broken sockets and silences that the rates draw last so long on average, s.
const OUTAGE_S: f64 = 6.0;

impl Faults {
    /// A plan that begins at `start`.
    ///
    /// # Errors
    /// [`FaultError`] where the plan has a number out of range.
    pub fn new(plan: &FaultPlan, start: Time) -> Result<Self, FaultError> {
        plan.check()?;
        let after = |seconds: f64| start.plus(Dur::from_secs(seconds));
        let faults = plan.script.iter();
        let faults = faults.map(|on| (after(on.at_s), Due::Fault(on.fault.clone())));
        let acts = plan.acts.iter();
        let acts = acts.map(|on| (after(on.at_s), Due::Act(on.act.clone())));
        let mut script: Vec<(Time, Due)> = faults.chain(acts).collect();
        script.sort_by_key(|(at, _)| *at);
        let mut dice = Dice::new(plan.seed, u64::MAX);
        let mut recurring = BTreeMap::new();
        let mut chances = BTreeMap::new();
        for (kind, rate) in &plan.rates {
            if kind.is_of_actions() || kind.is_of_frames() {
                chances.insert(*kind, *rate);
            } else if *rate > 0.0 {
                let mean_s = 3_600.0 / rate;
                let first = start.plus(Dur::from_secs(dice.exponential(mean_s)));
                recurring.insert(*kind, (first, mean_s));
            }
        }
        Ok(Self {
            script: script.into(),
            armed: Vec::new(),
            acts: Vec::new(),
            silent: Vec::new(),
            down_until: None,
            snapshot_fills: None,
            chances,
            recurring,
            broke: false,
            ended: false,
            dice,
            counts: BTreeMap::new(),
        })
    }

    /// How often each kind happened.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<FaultKind, u64> {
        &self.counts
    }

    /// Comes to `now`: what is due happens or waits for its request or frame.
    pub fn advance(&mut self, now: Time) {
        let first_later = self.script.partition_point(|(at, _)| *at <= now);
        let scripted: Vec<(Time, Due)> = self.script.drain(..first_later).collect();
        for (at, due) in scripted {
            self.begin(due, at);
        }
        let due: Vec<(FaultKind, Time, f64)> = self
            .recurring
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(kind, (at, mean_s))| (*kind, *at, *mean_s))
            .collect();
        for (kind, at, mean_s) in due {
            let next = at.plus(Dur::from_secs(self.dice.exponential(mean_s).max(1e-3)));
            self.recurring.insert(kind, (next, mean_s));
            let due = self.draw(kind);
            self.begin(due, now);
        }
        self.silent.retain(|(_, until)| now < *until);
        self.down_until = self.down_until.filter(|until| now < *until);
    }

    fn begin(&mut self, due: Due, at: Time) {
        match due {
            Due::Act(act) => {
                self.count(act.kind());
                self.acts.push(act);
            }
            Due::Fault(Fault::Disconnect {
                for_s,
                snapshot_fills,
            }) => {
                self.count(FaultKind::Disconnect);
                let until = at.plus(Dur::from_secs(for_s));
                self.down_until = Some(self.down_until.map_or(until, |known| known.max(until)));
                self.snapshot_fills = snapshot_fills;
                self.broke = true;
            }
            Due::Fault(Fault::SilentStream { feed, for_s }) => {
                self.count(FaultKind::SilentStream);
                self.silent.push((feed, at.plus(Dur::from_secs(for_s))));
            }
            Due::Fault(waits) => self.armed.push(waits),
        }
    }

    /// What comes from outside or breaks, of this kind, with its numbers drawn.
    fn draw(&mut self, kind: FaultKind) -> Due {
        let dice = &mut self.dice;
        let way = if dice.chance(0.5) {
            Way::Buy
        } else {
            Way::Sell
        };
        let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let feeds = [Feed::Fills, Feed::Orders, Feed::Account, Feed::Market];
        Due::Act(match kind {
            FaultKind::Disconnect => {
                return Due::Fault(Fault::Disconnect {
                    for_s: dice.exponential(OUTAGE_S),
                    snapshot_fills: None,
                });
            }
            FaultKind::SilentStream => {
                return Due::Fault(Fault::SilentStream {
                    feed: feeds[usize::from(dice.pick(4))],
                    for_s: dice.exponential(OUTAGE_S),
                });
            }
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
        })
    }

    /// Nothing goes wrong from now on.
    pub fn end(&mut self) {
        self.script.clear();
        self.armed.clear();
        self.acts.clear();
        self.silent.clear();
        self.chances.clear();
        self.recurring.clear();
        self.down_until = None;
        self.ended = true;
    }

    /// Whether nothing goes wrong any more.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// What is due from outside since the last call.
    pub fn take_acts(&mut self) -> Vec<Act> {
        core::mem::take(&mut self.acts)
    }

    /// Whether websockets broke since the last call.
    pub fn take_break(&mut self) -> bool {
        core::mem::take(&mut self.broke)
    }

    /// Whether no websocket is accepted now.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.down_until.is_some()
    }

    /// Newest fills that a snapshot holds; `None`: as the venue.
    #[must_use]
    pub const fn snapshot_fills(&self) -> Option<usize> {
        self.snapshot_fills
    }

    /// The fate of an action of this kind.
    pub fn on_action(&mut self, what: Of) -> ActionFate {
        let meets = |of: Of| of == what || of == Of::Any;
        let scripted = self.armed.iter().position(|fault| match fault {
            Fault::LostReply(Counted { of, .. })
            | Fault::NeverArrives(Counted { of, .. })
            | Fault::Http429(Counted { of, .. })
            | Fault::LateReply { of, .. }
            | Fault::RefusedBatch { of, .. }
            | Fault::Http5xx { of, .. }
            | Fault::Hung { of, .. } => meets(*of),
            Fault::FailedCancel { .. } => what == Of::Cancel,
            _ => false,
        });
        let fault = scripted
            .map(|place| self.use_up(place))
            .or_else(|| self.chance_for_action(what));
        let Some(fault) = fault else {
            return ActionFate::Arrives(ReplyFate::Comes);
        };
        self.count(fault.kind());
        match fault {
            Fault::LostReply(_) => ActionFate::Arrives(ReplyFate::Lost),
            Fault::LateReply { by_s: late_s, .. } | Fault::Hung { for_s: late_s, .. } => {
                ActionFate::Arrives(ReplyFate::Late(Dur::from_secs(late_s)))
            }
            Fault::RefusedBatch { text, .. } => ActionFate::Refused(text),
            Fault::FailedCancel { text, .. } => ActionFate::CancelsFail(text),
            Fault::Http429(_) => ActionFate::Status(429),
            Fault::Http5xx { executed: true, .. } => ActionFate::Arrives(ReplyFate::Status(502)),
            Fault::Http5xx { .. } => ActionFate::Status(502),
            _ => ActionFate::Vanishes,
        }
    }

    fn chance_for_action(&mut self, what: Of) -> Option<Fault> {
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
                FaultKind::FailedCancel => Fault::FailedCancel {
                    count: 1,
                    text: over_budget(),
                },
                FaultKind::Http429 => Fault::Http429(any),
                FaultKind::Http5xx => Fault::Http5xx {
                    of: any.of,
                    count: 1,
                    executed: dice.chance(0.5),
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

    /// The fate of a query. Rates do not meet queries, scripts do.
    pub fn on_info(&mut self) -> InfoFate {
        let scripted = self.armed.iter().position(|fault| {
            matches!(
                fault,
                Fault::Http429(Counted { of: Of::Info, .. })
                    | Fault::Http5xx { of: Of::Info, .. }
                    | Fault::Hung { of: Of::Info, .. }
                    | Fault::LateReply { of: Of::Info, .. }
            )
        });
        let Some(place) = scripted else {
            return InfoFate::Answered;
        };
        let fault = self.use_up(place);
        self.count(fault.kind());
        match fault {
            Fault::Http429(_) => InfoFate::Status(429),
            Fault::Hung { for_s: late_s, .. } | Fault::LateReply { by_s: late_s, .. } => {
                InfoFate::Late(Dur::from_secs(late_s))
            }
            _ => InfoFate::Status(502),
        }
    }

    /// The fate of a frame of this feed.
    pub fn on_frame(&mut self, of: Feed, now: Time) -> FrameFate {
        let meets = |feed: Feed| feed == of || (feed == Feed::User && of != Feed::Market);
        if self.silent.iter().any(|(feed, _)| meets(*feed)) {
            return FrameFate::Never;
        }
        let scripted = self.armed.iter().position(|fault| match fault {
            Fault::DuplicateFrame { feed, .. }
            | Fault::ReorderFrame { feed, .. }
            | Fault::DropFrame { feed, .. } => meets(*feed),
            _ => false,
        });
        if let Some(place) = scripted {
            let fault = self.use_up(place);
            self.count(fault.kind());
            return match fault {
                Fault::DuplicateFrame { .. } => FrameFate::Twice,
                Fault::ReorderFrame { by_s, .. } => {
                    FrameFate::LateAt(now.plus(Dur::from_secs(by_s)))
                }
                _ => FrameFate::Never,
            };
        }
        if of == Feed::Market {
            return FrameFate::Comes;
        }
        if self.happens(FaultKind::DuplicateFrame) {
            self.count(FaultKind::DuplicateFrame);
            FrameFate::Twice
        } else if self.happens(FaultKind::ReorderFrame) {
            self.count(FaultKind::ReorderFrame);
            FrameFate::LateAt(now.plus(Dur::from_secs(self.dice.between(0.0, LATE_S))))
        } else if self.happens(FaultKind::DropFrame) {
            self.count(FaultKind::DropFrame);
            FrameFate::Never
        } else {
            FrameFate::Comes
        }
    }

    /// Takes one from an armed fault, which is gone when none is left.
    fn use_up(&mut self, place: usize) -> Fault {
        let fault = self.armed[place].clone();
        let left = match &mut self.armed[place] {
            Fault::LostReply(counted) | Fault::NeverArrives(counted) | Fault::Http429(counted) => {
                &mut counted.count
            }
            Fault::LateReply { count, .. }
            | Fault::RefusedBatch { count, .. }
            | Fault::FailedCancel { count, .. }
            | Fault::Http5xx { count, .. }
            | Fault::Hung { count, .. }
            | Fault::DuplicateFrame { count, .. }
            | Fault::ReorderFrame { count, .. }
            | Fault::DropFrame { count, .. } => count,
            Fault::Disconnect { .. } | Fault::SilentStream { .. } => {
                unreachable!("only faults of requests and frames wait")
            }
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.armed.remove(place);
        }
        fault
    }

    fn happens(&mut self, kind: FaultKind) -> bool {
        self.chances
            .get(&kind)
            .is_some_and(|chance| self.dice.chance(*chance))
    }

    fn count(&mut self, kind: FaultKind) {
        *self.counts.entry(kind).or_insert(0) += 1;
    }
}
