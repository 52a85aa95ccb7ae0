//! A plan at work: asked for the fate of each request and frame, and for what is due from outside.

use std::collections::{BTreeMap, VecDeque};

use mm_core::units::{Dur, Time};

use super::acts::Act;
use super::drawn::LATE_S;
use super::kind::FaultKind;
use super::plan::{Counted, Fault, FaultError, FaultPlan, Feed, Lines, Of, no_margin, over_budget};
use crate::flow::Dice;

/// What becomes of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionFate {
    /// It reaches the exchange, which carries it out; and its answer has a fate of its own.
    Arrives(ReplyFate),
    /// It reaches the exchange so much later, which carries it out unless it has expired.
    ArrivesLate(Dur, ReplyFate),
    /// It never reaches the exchange, and no answer comes.
    Vanishes,
    /// This HTTP status at once; the exchange never sees it.
    Status(u16),
    /// It reaches the exchange, which refuses the whole batch with this text.
    Refused(String),
    /// It reaches the exchange, where every cancel in it fails with this text.
    CancelsFail(String),
    /// It reaches the exchange, where its first item and every so many after it fail with this text.
    PartlyFails(String, u32),
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
    skew: Option<(Dur, Time)>,
    half_open: Option<(Lines, Time)>,
    went_half_open: Option<Lines>,
    stale: Option<(bool, Time)>,
    replays: Vec<(Feed, bool)>,
    /// Faults of requests and frames that wait for theirs.
    armed: Vec<Fault>,
    acts: Vec<Act>,
    /// Feeds that say nothing until then, and whether a frame was lost to it.
    silent: Vec<(Feed, Time, bool)>,
    down_until: Option<Time>,
    snapshot_fills: Option<usize>,
    pub(super) chances: BTreeMap<FaultKind, f64>,
    /// When each kind that comes from outside is next due, and its mean distance.
    recurring: BTreeMap<FaultKind, (Time, f64)>,
    broke: bool,
    ended: bool,
    pub(super) dice: Dice,
    counts: BTreeMap<FaultKind, u64>,
}

/// What a script may name.
#[derive(Clone, Debug)]
pub(super) enum Due {
    Fault(Fault),
    Act(Act),
}

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
            skew: None,
            half_open: None,
            went_half_open: None,
            stale: None,
            replays: Vec::new(),
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
        self.silent.retain(|(_, until, _)| now < *until);
        self.down_until = self.down_until.filter(|until| now < *until);
        self.half_open = self.half_open.filter(|(_, until)| now < *until);
        self.stale = self.stale.filter(|(_, until)| now < *until);
        self.skew = self.skew.filter(|(_, until)| now < *until);
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
                let until = at.plus(Dur::from_secs(for_s));
                self.silent.push((feed, until, false));
            }
            Due::Fault(Fault::HalfOpen { lines, for_s }) => {
                self.count(FaultKind::HalfOpen);
                self.went_half_open = Some(lines);
                self.half_open = Some((lines, at.plus(Dur::from_secs(for_s))));
            }
            Due::Fault(Fault::StaleBook { for_s, restamped }) => {
                self.count(FaultKind::StaleBook);
                self.stale = Some((restamped, at.plus(Dur::from_secs(for_s))));
            }
            Due::Fault(Fault::ClockSkew { by_s, for_s }) => {
                self.count(FaultKind::ClockSkew);
                self.skew = Some((Dur::from_secs(by_s), at.plus(Dur::from_secs(for_s))));
            }
            Due::Fault(Fault::SnapshotReplay { feed, as_news }) => {
                self.count(FaultKind::SnapshotReplay);
                self.replays.push((feed, as_news));
            }
            Due::Fault(waits) => self.armed.push(waits),
        }
    }

    /// Nothing goes wrong from now on.
    pub fn end(&mut self) {
        self.script.clear();
        self.armed.clear();
        self.acts.clear();
        self.silent.clear();
        self.chances.clear();
        self.recurring.clear();
        self.replays.clear();
        self.skew = None;
        self.half_open = None;
        self.stale = None;
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

    /// Which websockets went half-open since the last call.
    pub fn take_half_open(&mut self) -> Option<Lines> {
        self.went_half_open.take()
    }

    /// Which websockets are half-open from the moment they open.
    #[must_use]
    pub fn half_open(&self) -> Option<Lines> {
        self.half_open.map(|(lines, _)| lines)
    }

    /// Whether books are stale now, and then whether they bear the time of now.
    #[must_use]
    pub fn stale(&self) -> Option<bool> {
        self.stale.map(|(restamped, _)| restamped)
    }

    /// How far the clock that is announced is ahead of the exchange's.
    #[must_use]
    pub fn skew(&self) -> Dur {
        self.skew.map_or(Dur(0), |(by, _)| by)
    }

    /// Feeds whose first frames come again since the last call, and whether they say what they are.
    pub fn take_replays(&mut self) -> Vec<(Feed, bool)> {
        core::mem::take(&mut self.replays)
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
            | Fault::LateArrival { of, .. }
            | Fault::LateReply { of, .. }
            | Fault::RefusedBatch { of, .. }
            | Fault::PartialBatch { of, .. }
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
            Fault::LateArrival { by_s, lost, .. } => {
                let answer = if lost {
                    ReplyFate::Lost
                } else {
                    ReplyFate::Comes
                };
                ActionFate::ArrivesLate(Dur::from_secs(by_s), answer)
            }
            Fault::LateReply { by_s: late_s, .. } | Fault::Hung { for_s: late_s, .. } => {
                ActionFate::Arrives(ReplyFate::Late(Dur::from_secs(late_s)))
            }
            Fault::RefusedBatch { text, .. } => ActionFate::Refused(text),
            Fault::PartialBatch { every, text, .. } => {
                let usual = if what == Of::Cancel {
                    over_budget
                } else {
                    no_margin
                };
                ActionFate::PartlyFails(text.unwrap_or_else(usual), every)
            }
            Fault::FailedCancel { text, .. } => ActionFate::CancelsFail(text),
            Fault::Http429(_) => ActionFate::Status(429),
            Fault::Http5xx {
                executed: true,
                status,
                ..
            } => ActionFate::Arrives(ReplyFate::Status(status)),
            Fault::Http5xx { status, .. } => ActionFate::Status(status),
            _ => ActionFate::Vanishes,
        }
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
            Fault::Http5xx { status, .. } => InfoFate::Status(status),
            _ => unreachable!("what meets queries is named above"),
        }
    }

    /// The fate of a frame of this feed.
    pub fn on_frame(&mut self, of: Feed, now: Time) -> FrameFate {
        let meets = |feed: Feed| feed == of || (feed == Feed::User && of != Feed::Market);
        if let Some(place) = self.silent.iter().position(|(feed, ..)| meets(*feed)) {
            let (_, _, met) = &mut self.silent[place];
            if !core::mem::replace(met, true) {
                self.count(FaultKind::SilentStream);
            }
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
            Fault::LateArrival { count, .. }
            | Fault::LateReply { count, .. }
            | Fault::RefusedBatch { count, .. }
            | Fault::PartialBatch { count, .. }
            | Fault::FailedCancel { count, .. }
            | Fault::Http5xx { count, .. }
            | Fault::Hung { count, .. }
            | Fault::DuplicateFrame { count, .. }
            | Fault::ReorderFrame { count, .. }
            | Fault::DropFrame { count, .. } => count,
            Fault::Disconnect { .. }
            | Fault::SilentStream { .. }
            | Fault::HalfOpen { .. }
            | Fault::StaleBook { .. }
            | Fault::ClockSkew { .. }
            | Fault::SnapshotReplay { .. } => {
                unreachable!("only faults of requests and frames wait")
            }
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.armed.remove(place);
        }
        fault
    }

    pub(super) fn happens(&mut self, kind: FaultKind) -> bool {
        self.chances
            .get(&kind)
            .is_some_and(|chance| self.dice.chance(*chance))
    }

    fn count(&mut self, kind: FaultKind) {
        *self.counts.entry(kind).or_insert(0) += 1;
    }
}
