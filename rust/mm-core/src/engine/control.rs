//! What the guards see and demand, which mode that makes, and what becomes of a position at the end.

use super::Engine;
use super::capacity::Capacity;
use super::closing::Closing;
use crate::action::Tif;
use crate::control::{
    Admitted, Alarm, Allowed, Burst, Demand, Jumps, Kill, KillReason, KillWatch, Losses, Mode,
    ModeReason, Modes, PositionPolicy, Premium, Ramp, Signs, Stop, Suppressed, SuppressedSides,
    Toxic, Watched,
};
use crate::event::Fill;
use crate::filter::{QuoteMode, ReduceOnly, ReduceOnlyReason};
use crate::limits::{LimitSource, Limits};
use crate::recovery::manager::Recovery;
use crate::units::{Dur, Side, Sz, Time, Usd};

/// The guards and what they remember.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) modes: Modes,
    pub(super) burst: Burst,
    pub(super) toxic: Toxic,
    pub(super) ramp: Ramp,
    pub(super) jumps: Jumps,
    pub(super) watch: KillWatch,
    pub(super) kill: Option<Kill>,
    pub(super) stop: Option<Stop>,
    /// Whether the last stop came after another, or after a kill: it means now.
    at_once: bool,
    /// Premia held while the mode is, or would be, WIDEN.
    pub(super) premium: Premium,
    pub(super) capacity: Capacity,
    /// Whether the mode leaves anything to quote and there is a book to price it with.
    pub(super) can_quote: bool,
    pub(super) suppressed: SuppressedSides,
    anchored: Time,
    /// The limit in force at our last increase.
    pub(super) admitted: Admitted,
    pub(super) closing: Closing,
}

impl Control {
    pub(super) fn new(widen_dwell_s: f64) -> Self {
        let unknown = Some(Suppressed::Mode(ModeReason::NotAnchored));
        Self {
            modes: Modes::new(widen_dwell_s),
            burst: Burst::default(),
            toxic: Toxic::default(),
            ramp: Ramp::default(),
            jumps: Jumps::default(),
            watch: KillWatch::default(),
            kill: None,
            stop: None,
            at_once: false,
            premium: Premium::default(),
            capacity: Capacity::default(),
            can_quote: false,
            suppressed: SuppressedSides {
                bid: unknown,
                ask: unknown,
            },
            anchored: Time::ZERO,
            admitted: Admitted::NONE,
            closing: Closing::default(),
        }
    }

    /// Whether trading ends, by a stop or a kill.
    pub(super) const fn is_ending(&self) -> bool {
        self.stop.is_some() || self.kill.is_some()
    }

    /// The policy in force for the position, and why: that of a kill before that of a stop.
    fn policy(&self) -> Option<(PositionPolicy, ModeReason)> {
        let stop = self.stop.map(|stop| (stop.on_exit, ModeReason::Stopping));
        let Some(kill) = self.kill else {
            return stop;
        };
        let ends_now = self.at_once && stop.is_some();
        let policy = if ends_now {
            PositionPolicy::Hold
        } else {
            kill.on_kill
        };
        Some((policy, ModeReason::Killed))
    }
}

impl Engine {
    pub(super) fn govern_anchor(&mut self) {
        self.phases.anchor(self.now);
        self.control.anchored = self.now;
    }

    /// An orderly stop; a second one, or one after a kill, halts at once whatever becomes of the position.
    pub(super) fn on_stop(&mut self) {
        let control = &mut self.control;
        control.at_once = control.stop.is_some() || control.kill.is_some();
        let on_exit = if control.at_once {
            PositionPolicy::Hold
        } else {
            self.config.control.on_exit
        };
        self.control.stop = Some(Stop {
            at: self.now,
            on_exit,
            done: false,
        });
        self.phases.stop(self.now);
    }

    /// Latches the kill switch, once.
    pub(super) fn latch(&mut self, reason: KillReason) {
        if self.control.kill.is_some() {
            return;
        }
        let kill = Kill {
            reason,
            at: self.now,
            equity: self.own.budget.map(|budget| budget.equity()),
            position: self.own.position(),
            on_kill: self.config.control.on_kill,
            done: false,
        };
        self.alarms.push(Alarm::KillLatched {
            reason,
            equity: kill.equity,
            position: kill.position,
        });
        self.control.kill = Some(kill);
        self.phases.stop(self.now);
    }

    /// A fill of one of our orders, entered in the ledger.
    pub(super) fn govern_fill(&mut self, fill: &Fill) {
        if fill.side.signed(self.own.position()) > Sz::ZERO {
            let config = &self.config.control;
            let burst = &mut self.control.burst;
            burst.on_fill(fill, self.now, config);
        }
    }

    /// A mid of a fresh book.
    pub(super) fn govern_mid(&mut self) {
        if let Some(mid) = self.market.mid_of_others() {
            let config = &self.config.control;
            self.control.jumps.observe(self.now, mid, config);
            let exch = self.exch_now();
            let signs = Signs {
                jump: self.market.jump.score(exch),
                flow: match config.toxic_flow_sigmas {
                    Some(_) => self.market.models.flow_score(exch),
                    None => 0.0,
                },
            };
            self.control.toxic.observe(self.now, signs, config);
        }
    }

    /// Whether takers threaten a side of ours: nothing that increases may stand on it.
    pub(super) fn is_threatened(&self, side: Side) -> bool {
        self.control.toxic.is_off(side, self.now)
    }

    /// Decides the mode of the cycle and gives the verdict on the position under it.
    pub(super) fn govern(&mut self, limits: &Limits) -> ReduceOnly {
        let over = self.assess(limits);
        self.tell_capacity(limits, &over);
        self.reduce_only = over.mode.is_reduce_only();
        self.watch_kill();
        let health = self.health();
        let mut demands: Vec<Demand> = Vec::with_capacity(8);
        demands.extend(self.phases.update(self.now, health));
        demands.extend(health.demands());
        demands.extend(self.policy_demand());
        let premium = self.guard_demands(limits, &over, &mut demands);
        if let Some(change) = self.control.modes.update(self.now, &demands) {
            self.alarms.push(Alarm::ModeChanged {
                from: change.from,
                to: change.to,
                reason: self.control.modes.reason(),
            });
        }
        self.control.premium = if self.control.modes.is_wide() {
            self.control.premium.or(premium)
        } else {
            Premium::default()
        };
        let mode = self.control.modes.mode();
        self.watch_closing();
        let quotes = mode <= Mode::ReduceOnly || self.control.closing.is_chasing();
        self.control.can_quote = quotes && health.can_price();
        if let Some(budget) = self.own.budget {
            let explained = budget.equity() - budget.unexplained();
            let is_quoting = mode < Mode::ReduceOnly;
            self.control.ramp.update(self.now, is_quoting, explained);
        }
        if mode < Mode::ReduceOnly || over.mode.is_reduce_only() {
            return over;
        }
        ReduceOnly {
            mode: QuoteMode::reducing(self.own.position()),
            reason: Some(ReduceOnlyReason::Control),
            ..over
        }
    }

    /// What limit, account, market and fills demand; returns the premia they ask for.
    fn guard_demands(
        &self,
        limits: &Limits,
        over: &ReduceOnly,
        demands: &mut Vec<Demand>,
    ) -> Premium {
        let config = &self.config.control;
        let most = config.widen_term_bps;
        let mut premium = Premium::default();
        let degraded = limits.source() == LimitSource::Degraded;
        let none = [limits.long(), limits.short()] == [Sz::ZERO; 2];
        let grounds = [
            (self.own.fees.is_none(), ModeReason::FeesUnknown),
            (self.own.allowance.is_none(), ModeReason::HeadRoomUnknown),
            (
                matches!(self.recovery(), Recovery::Exhausted { .. }),
                ModeReason::RecoveryExhausted,
            ),
            (none && !degraded, ModeReason::NoLimit),
            (none && degraded, ModeReason::InputsDegraded),
        ];
        let reducing = grounds.into_iter().filter(|(holds, _)| *holds);
        let reducing = reducing
            .map(|(_, reason)| reason)
            .chain(over.reason.map(mode_reason));
        demands.extend(reducing.map(|reason| Demand::new(Mode::ReduceOnly, reason)));
        match self.control.burst.allowed(self.now, config) {
            Allowed::Whole => {}
            Allowed::Nothing if self.holds_burst() => {
                demands.push(Demand::new(Mode::ReduceOnly, ModeReason::FillBurst));
            }
            Allowed::Nothing | Allowed::Share(_) => {
                premium.burst_bps = most;
                demands.push(Demand::new(Mode::Widen, ModeReason::FillBurst));
            }
        }
        if Side::BOTH.into_iter().any(|side| self.is_threatened(side)) {
            premium.toxic_bps = most;
            demands.push(Demand::new(Mode::Widen, ModeReason::Toxic));
        }
        let jumped = self
            .control
            .jumps
            .excess_bps(self.sigma_for_quotes(), config);
        if let Some(excess) = jumped.filter(|excess| *excess > 0.0) {
            premium.jump_bps = excess.min(most);
            demands.push(Demand::new(Mode::Widen, ModeReason::PriceJump));
        }
        if degraded {
            premium.staleness_bps = most;
            demands.push(Demand::new(Mode::Widen, ModeReason::InputsDegraded));
        }
        premium
    }

    /// What the end of trading demands: its policy until the position is gone, then nothing rests.
    fn policy_demand(&self) -> Option<Demand> {
        let (policy, reason) = self.control.policy()?;
        let mode = match policy {
            _ if self.is_flat() => Mode::Halted,
            PositionPolicy::Hold => Mode::Halted,
            PositionPolicy::Work => Mode::ReduceOnly,
            PositionPolicy::Flatten => Mode::Flatten,
        };
        Some(Demand::new(mode, reason))
    }

    fn watch_kill(&mut self) {
        if self.control.kill.is_some() {
            return;
        }
        let exposure = self.exposure();
        let position = self.own.position();
        let age = |age: Option<Dur>| age.map_or(self.now.since(self.control.anchored), |age| age);
        let reported = self.own.account.map(|(_, recv)| self.now.since(recv));
        let watched = Watched {
            losses: self.losses(),
            worst: Side::BOTH.map(|side| exposure.own_worst(position, side)),
            exposed: position != Sz::ZERO || !exposure.is_nothing(),
            ages: [
                age(self.market.age(self.now)),
                age(self.own.stream_age(self.now)),
                age(reported),
            ],
            explained: self.is_explained(),
            mid: self.market.book.touch().map(|touch| touch.mid_floor()),
            admitted: self.control.admitted,
        };
        let config = &self.config.control;
        if let Some(reason) = self.control.watch.observe(self.now, &watched, config) {
            self.latch(reason);
        }
    }

    fn losses(&self) -> Option<Losses> {
        let budget = self.own.budget?;
        let limits = &self.config.limits;
        let lost_today = budget.day_pnl() < Usd::ZERO;
        let below_peak = budget.drawdown() > 0.0;
        Some(Losses {
            day_left: lost_today.then(|| budget.day_left(limits.daily_loss_frac())),
            drawdown_left: below_peak.then(|| budget.drawdown_left(limits.drawdown_frac())),
            unexplained: budget.unexplained(),
        })
    }

    /// Whether the position is what the last burst made.
    fn holds_burst(&self) -> bool {
        let side = self.control.burst.side();
        side.is_some_and(|side| side.signed(self.own.position()) > Sz::ZERO)
    }

    /// Share of its full size that a side may show: less than 1 for one that was swept and would increase.
    pub(super) fn share_of(&self, side: Side) -> f64 {
        let swept = self.control.burst.side() == Some(side);
        if !swept || side.signed(self.own.position()) < Sz::ZERO {
            return 1.0;
        }
        match self.control.burst.allowed(self.now, &self.config.control) {
            Allowed::Whole => 1.0,
            Allowed::Share(share) => share,
            Allowed::Nothing => 0.0,
        }
    }

    /// Share of the limit that the capital ramp leaves; `None`: there is no ramp.
    pub(super) fn ramp_share(&self) -> Option<f64> {
        self.config.control.ramp.then(|| self.control.ramp.share())
    }

    /// Whether the reducing side stands at the touch: recovery has waited long enough, the end of
    /// trading works the position, or nobody knows what fee a distance would have to earn.
    pub(super) fn is_at_touch(&self) -> bool {
        let works = self
            .control
            .policy()
            .is_some_and(|(policy, _)| policy == PositionPolicy::Work);
        let chases = self.control.closing.is_chasing();
        works || chases || self.own.fees.is_none() || self.recovery().is_at_touch()
    }

    /// Whether nothing of ours rests or is on its way, and what the policy wanted of the position is done.
    fn is_wound_up(&self, policy: PositionPolicy) -> bool {
        let gone = self.is_flat() || policy == PositionPolicy::Hold;
        gone && self.orders.is_clear()
    }

    /// Whether nothing is held: neither by the ledger nor, as far as it was heard, at the exchange. A
    /// kill for a position that the fills do not explain must not believe the fills alone.
    pub(super) fn is_flat(&self) -> bool {
        let (position, drift) = (self.own.position(), self.own.drift);
        position == Sz::ZERO && drift.is_none_or(|drift| drift == Sz::ZERO)
    }

    /// After the plan: what is finished, and why a side has no order.
    pub(super) fn account_for_sides(&mut self, verdict: &ReduceOnly) {
        if let Some((policy, _)) = self.control.policy() {
            let done = self.is_wound_up(policy);
            if let Some(stop) = &mut self.control.stop {
                stop.done = done;
            }
            if let Some(kill) = &mut self.control.kill
                && core::mem::replace(&mut kill.done, done) != done
                && done
            {
                self.alarms.push(Alarm::KillDone {
                    reason: kill.reason,
                    position: self.own.position(),
                });
            }
        }
        let [bid, ask] = Side::BOTH.map(|side| self.why_suppressed(side, verdict));
        self.control.suppressed = SuppressedSides { bid, ask };
    }

    /// Why neither side is quoted, where the mode is the cause: the bid's reason, or the ask's.
    pub(super) const fn not_quoting(&self) -> Option<ModeReason> {
        match (self.control.suppressed.bid, self.control.suppressed.ask) {
            (Some(Suppressed::Mode(reason)), Some(_))
            | (Some(_), Some(Suppressed::Mode(reason))) => Some(reason),
            _ => None,
        }
    }

    fn why_suppressed(&self, side: Side, verdict: &ReduceOnly) -> Option<Suppressed> {
        let of_side = || self.orders.iter().filter(|(_, o)| o.order.side == side);
        let by_mode = self.control.modes.reason().map(Suppressed::Mode);
        let mode = self.control.modes.mode();
        let quoted = of_side().any(|(_, o)| o.is_quote() && o.order.tif == Tif::Alo);
        let silent = mode > Mode::ReduceOnly && !self.control.closing.is_chasing();
        let forbidden = silent || !verdict.mode.permits(side);
        if quoted && !forbidden {
            return None;
        }
        if forbidden {
            return by_mode;
        }
        if self.share_of(side) <= 0.0 {
            return Some(Suppressed::Mode(ModeReason::FillBurst));
        }
        if self.is_threatened(side) {
            return Some(Suppressed::Mode(ModeReason::Toxic));
        }
        if !self.control.can_quote {
            let ill = self.health().demands().next().map(|demand| demand.reason);
            return ill.map(Suppressed::Mode).or(by_mode);
        }
        if self.edge.is_back(side) {
            return Some(Suppressed::NoEdge);
        }
        if self.withheld.iter().any(|withheld| withheld.side == side) {
            return Some(Suppressed::Requests);
        }
        let refused = self.refusals.iter().rfind(|refusal| refusal.side == side);
        if let Some(refusal) = refused {
            return Some(Suppressed::Refused(refusal.reason));
        }
        Some(if of_side().next().is_some() {
            Suppressed::Unanswered
        } else {
            Suppressed::NoPrice
        })
    }
}

/// Why a limit's verdict demands reducing only.
const fn mode_reason(reason: ReduceOnlyReason) -> ModeReason {
    match reason {
        ReduceOnlyReason::OverValueLimit => ModeReason::OverValueLimit,
        ReduceOnlyReason::OverPositionLimit => ModeReason::OverPositionLimit,
        ReduceOnlyReason::Margin => ModeReason::Margin,
        ReduceOnlyReason::LiquidationDistance => ModeReason::LiquidationDistance,
        // Never of an assessment: the mode itself is what this reason stands for.
        ReduceOnlyReason::Control => ModeReason::Stopping,
    }
}
