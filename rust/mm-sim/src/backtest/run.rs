//! One pass over a tape: the loop of a session, with the simulated exchange at the other end.

use std::sync::Arc;

use mm_core::action::Action;
use mm_core::engine::Engine;
use mm_core::event::{Command, Event, EventBody};
use mm_core::units::{Dur, SECOND, Time};

use super::course::{Course, Minutes};
use super::outcome::Outcome;
use super::quoted::Quoted;
use super::venue::Venue;
use super::{BacktestConfig, BacktestError, Evidence, Progress, Watch};
use crate::eventlog::EventLog;
use crate::frames::Tape;
use crate::recorded::QueueBound;

/// Longest wait for our orders to be gone after the stop.
const STOP_DEADLINE: Dur = Dur(10 * SECOND);
/// Between two looks whether they are.
const STOP_SLICE: Dur = Dur(SECOND / 10);
/// Frames between two calls of [`Watch::progress`].
const PROGRESS_EVERY: usize = 1_024;

/// What a pass leaves.
pub(super) struct Passed {
    pub(super) outcome: Outcome,
    pub(super) evidence: Evidence,
    pub(super) step_ns: Vec<u64>,
}

/// A pass in progress.
pub(super) struct Pass<'a> {
    engine: Engine,
    venue: Venue,
    tape: Arc<Tape>,
    bound: QueueBound,
    log: EventLog,
    /// Whether the log is handed on and steps are timed: one pass of the three.
    shown: bool,
    actions: Vec<Action>,
    now: Time,
    events: u64,
    step_ns: Vec<u64>,
    quoted: Quoted,
    minutes: Minutes,
    /// When the next look is due; `None`: nobody looks.
    next_look: Option<Time>,
    watch: &'a mut dyn Watch,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        config: &BacktestConfig,
        tape: &Arc<Tape>,
        bound: QueueBound,
        shown: bool,
        watch: &'a mut dyn Watch,
    ) -> Result<Self, BacktestError> {
        let instrument = tape.instrument().clone();
        let engine = Engine::new(config.engine.clone(), instrument.clone())?;
        let log = if shown {
            EventLog::new(config.engine.session, &config.engine, instrument)
        } else {
            EventLog::hash_only()
        };
        Ok(Self {
            engine,
            venue: Venue::new(config, Arc::clone(tape), bound)?,
            tape: Arc::clone(tape),
            bound,
            log,
            shown,
            actions: Vec::new(),
            now: Time::ZERO,
            events: 0,
            step_ns: Vec::new(),
            quoted: Quoted::default(),
            minutes: Minutes::new(tape.start()),
            next_look: None,
            watch,
        })
    }

    /// Plays the tape to its end, then stops in order.
    pub(super) fn run(mut self) -> Result<Passed, BacktestError> {
        let tape = Arc::clone(&self.tape);
        let steps = tape.steps();
        self.now = steps[0].event.recv;
        for body in self.venue.synchronised() {
            self.step(&Event {
                recv: self.now,
                body,
            })?;
        }
        let mut references = tape.references().iter().peekable();
        while references.next_if(|told| told.recv < self.now).is_some() {}
        for (done, step) in steps.iter().enumerate() {
            if step.heard {
                while let Some(told) = references.next_if(|told| told.recv <= step.event.recv) {
                    self.until(told.recv)?;
                    self.step(told)?;
                }
                self.until(step.event.recv)?;
                self.step(&step.event)?;
            }
            if done % PROGRESS_EVERY == 0 {
                self.tell(done)?;
            }
        }
        self.step(&Event {
            recv: self.now,
            body: EventBody::Command(Command::Stop),
        })?;
        let deadline = self.now.plus(STOP_DEADLINE);
        while !(self.venue.open_orders() == 0 && self.venue.is_quiet()) && self.now < deadline {
            // What is due at the end of a slice is stepped by the next one.
            let to = self.now.plus(STOP_SLICE).min(deadline);
            self.until(to)?;
            self.now = self.now.max(to);
        }
        self.tell(steps.len())?;
        self.finish()
    }

    /// Everything that happens before something received at `to`: our own stream first, then timers.
    fn until(&mut self, to: Time) -> Result<(), BacktestError> {
        loop {
            let wake = self.wake_at().map_or(to, |wake| wake.min(to));
            self.venue.run_until(wake);
            if self.venue.next_heard().is_some_and(|heard| heard <= wake) {
                let event = self
                    .venue
                    .hear()
                    .expect("Invariant: it was there a line ago");
                self.step(&event)?;
            } else if wake < to {
                self.step(&Event {
                    recv: wake,
                    body: EventBody::Timer,
                })?;
            } else {
                return Ok(());
            }
        }
    }

    /// The engine's next timer, never at or before now: time moves on.
    fn wake_at(&self) -> Option<Time> {
        self.engine
            .wake_at()
            .map(|wake| wake.max(self.now.plus(Dur(1))))
    }

    /// Shows the engine to who watches, where a look is due before what is received at `recv`. Looks are at
    /// multiples of their distance, so that two passes over a tape are looked at together.
    fn look_before(&mut self, recv: Time) {
        let Some(every) = self.watch.look_every().filter(|_| self.shown) else {
            return;
        };
        if let Some(at) = self.next_look.filter(|at| *at <= recv) {
            self.watch.look(at, &self.engine.snapshot());
        }
        self.next_look = Some(Time((recv.0.div_euclid(every.0) + 1) * every.0));
    }

    fn step(&mut self, event: &Event) -> Result<(), BacktestError> {
        self.look_before(event.recv);
        self.now = event.recv;
        self.events += 1;
        if self.shown {
            self.log.event(event);
            let before = self.watch.now_ns();
            self.engine.step(event, &mut self.actions);
            self.step_ns.push(self.watch.now_ns() - before);
            if let Some(cycle) = self.engine.cycle() {
                self.log.cycle(cycle);
            }
            self.log.refusals(self.engine.refusals());
            self.log.entries(self.engine.entries());
            self.log.alarms(self.engine.alarms());
        } else {
            self.engine.step(event, &mut self.actions);
        }
        self.quoted.look(&self.engine, event.recv);
        self.minutes.look(&self.venue);
        for action in self.actions.drain(..) {
            self.log.action(&action);
            self.venue.send(&action, event.recv)?;
        }
        for ask in self.engine.asks() {
            self.venue.ask(*ask, event.recv);
        }
        if self.log.pending() > super::LOG_CHUNK {
            self.watch.log(&self.log.take());
        }
        Ok(())
    }

    fn tell(&mut self, done: usize) -> Result<(), BacktestError> {
        let progress = Progress {
            bound: self.bound,
            done,
            of: self.tape.steps().len(),
        };
        if self.watch.progress(progress) {
            Ok(())
        } else {
            Err(BacktestError::Interrupted)
        }
    }

    fn finish(mut self) -> Result<Passed, BacktestError> {
        if self.shown {
            self.log.finish();
            self.watch.log(&self.log.take());
        }
        let outcome = Outcome::new(
            &self.engine,
            &self.venue,
            &self.tape,
            self.bound,
            self.events,
            self.log.decision_hash(),
            Course {
                quoted: self.quoted.shown(),
                minutes: self.minutes.ended(&self.venue),
            },
        );
        let evidence = self.venue.evidence()?;
        Ok(Passed {
            outcome,
            evidence,
            step_ns: self.step_ns,
        })
    }
}
