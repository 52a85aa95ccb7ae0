//! One world from its first block to its judgement.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::action::Action;
use mm_core::budget::Restored;
use mm_core::engine::{ConfigError, Engine};
use mm_core::event::{Command, Event, EventBody};
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, SECOND, Sz, Time, Usd};
use mm_hl::address::Address;

use super::client::{Flight, Line, Query};
use super::killed::Killed;
use super::lines::Wrong;
use super::outcome::Outcome;
use super::terms::{Drawn, Terms};
use super::truth::{Judge, Moment};
use super::way_out::WayOut;
use crate::eventlog::EventLog;
use crate::exchange::{Output, SimConfig, SimError, SimExchange};
use crate::faults::{Act, FaultError, FaultKind, Faults, Stage, Way};
use crate::flow::{Dice, FlowMarket};

/// The account.
pub(super) const USER: Address = Address([0xc4; 20]);
/// The perp.
pub(super) const ASSET: u32 = 0;
/// When worlds begin.
pub(super) const START: Time = Time(1_700_000_000 * SECOND);
/// Time between a session's end and the next one's start, at least.
const PAUSE: Dur = Dur(2 * SECOND);
/// Time in which everything that happened has been heard, reports of the account included.
const HEARD: Dur = Dur(12 * SECOND);
/// A book heard so lately can be priced by.
const BOOK_FRESH: Dur = Dur(2 * SECOND);
/// Longest way of an order to the venue and of its refusal back.
const POST_ONLY_HEARD: Dur = Dur(5 * SECOND);
/// Longest wait for our orders to be gone after the stop.
const STOP_DEADLINE: Dur = Dur(20 * SECOND);

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChaosError {
    /// Not the terms' JSON.
    #[error("terms of chaos: {0}")]
    Terms(#[from] serde_json::Error),
    /// A wrong engine configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rate out of range.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// Refused by the exchange.
    #[error(transparent)]
    Exchange(#[from] SimError),
    /// An action that has no wire form: a bug of the engine.
    #[error(transparent)]
    Encode(#[from] mm_hl::EncodeError),
}

/// A session: the engine and its log.
pub(super) struct Session {
    pub(super) engine: Engine,
    pub(super) log: EventLog,
    /// Its number, from 1.
    pub(super) number: u64,
}

/// One world.
pub struct World {
    pub(super) terms: Terms,
    pub(super) drawn: Drawn,
    pub(super) dice: Dice,
    pub(super) exchange: SimExchange,
    pub(super) instrument: Instrument,
    pub(super) faults: Faults,
    pub(super) stage: Stage,
    pub(super) session: Option<Session>,
    pub(super) line: Line,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) queries: BTreeMap<(Time, u64), Query>,
    pub(super) judge: Judge,
    pub(super) way_out: WayOut,
    /// What is wrong with the lines.
    pub(super) wrong: Wrong,
    /// Faults that met something, of the kinds that may meet nothing.
    pub(super) met: BTreeMap<FaultKind, u64>,
    /// Orders by hand that the last query showed this session.
    pub(super) shown_hands: BTreeSet<u64>,
    /// When the session last heard a book; `None` when the last one had one side alone, which prices nothing.
    book_heard: Option<Time>,
    pub(super) outcome: Outcome,
    pub(super) now: Time,
    /// Whether the session was told to stop.
    stopping: bool,
    /// When an order of ours last rested on each side.
    pub(super) rested: [Option<Time>; 2],
    /// When each side last had no room for an order.
    pub(super) full: [Option<Time>; 2],
    actions: Vec<Action>,
    outputs: Vec<Output>,
    /// When the next session starts.
    start_at: Option<Time>,
    pub(super) ends: Vec<(Time, bool)>,
    paid_in: Usd,
    /// When the first session began.
    pub(super) first_at: Option<Time>,
    /// When the operator kills.
    pub(super) kill_at: Option<Time>,
    pub(super) killed: Option<Killed>,
    /// Loss budgets as last kept.
    pub(super) saved: Option<Restored>,
    /// Whether lines of the log are kept.
    keep: bool,
    logs: Vec<Vec<u8>>,
}

impl World {
    /// The world of a seed, with its account funded and its inherited position held.
    ///
    /// # Errors
    /// [`ChaosError`] where the terms are illegal.
    pub fn new(terms: &Terms, seed: u64, keep: bool) -> Result<Self, ChaosError> {
        let (drawn, dice) = terms.draw(seed);
        let market = FlowMarket::single(seed);
        let mut exchange = SimExchange::new(SimConfig::at(START), Box::new(market))?;
        exchange.deposit(USER, drawn.equity)?;
        let instrument = exchange.instruments()[ASSET as usize].clone();
        let faults = Faults::new(&drawn.plan, START)?;
        let ends = drawn.ends.iter();
        let ends = ends.map(|(at_s, silent)| (START.plus(Dur::from_secs(*at_s)), *silent));
        let mut ends: Vec<(Time, bool)> = ends.collect();
        ends.sort_unstable();
        let mut world = Self {
            stage: Stage::new(USER, ASSET),
            paid_in: drawn.equity,
            first_at: None,
            outcome: Outcome::new(seed, drawn.clone(), START),
            terms: terms.clone(),
            kill_at: drawn
                .killed_by_hand_s
                .map(|at_s| START.plus(Dur::from_secs(at_s))),
            killed: None,
            saved: None,
            drawn,
            dice,
            exchange,
            instrument,
            faults,
            session: None,
            line: Line::default(),
            flights: BTreeMap::new(),
            queries: BTreeMap::new(),
            judge: Judge::default(),
            way_out: WayOut::new(terms),
            wrong: Wrong::default(),
            met: BTreeMap::new(),
            shown_hands: BTreeSet::new(),
            book_heard: None,
            now: START,
            stopping: false,
            rested: [None; 2],
            full: [None; 2],
            actions: Vec::new(),
            outputs: Vec::new(),
            start_at: None,
            ends,
            keep,
            logs: Vec::new(),
        };
        world.prepare();
        Ok(world)
    }

    /// What is known of it before it is lived through.
    pub(super) fn unlived(&self) -> Outcome {
        self.outcome.clone()
    }

    /// Seconds of market before the first session, in which hands trade what it inherits.
    fn prepare(&mut self) {
        for _ in 0..30 {
            self.bare_block(&[]);
        }
        let way = |usd: f64| if usd > 0.0 { Way::Buy } else { Way::Sell };
        let hand = |usd: f64| Act::HandOrder {
            way: way(usd),
            usd: usd.abs(),
            resting_bps: None,
        };
        let mut left = self.drawn.inherited_usd;
        for _ in 0..40 {
            if left.abs() < 12.0 {
                break;
            }
            let part = left.clamp(-40_000.0, 40_000.0);
            left -= part;
            self.bare_block(&[hand(part)]);
            for _ in 0..3 {
                self.bare_block(&[]);
            }
        }
        if self.drawn.given_back_usd > 0.0 {
            let back = -self.drawn.inherited_usd.signum() * self.drawn.given_back_usd;
            self.bare_block(&[hand(back)]);
        }
        self.bare_block(&[]);
        self.start_at = Some(self.now);
    }

    fn bare_block(&mut self, acts: &[Act]) {
        let block = self.exchange.next_block();
        self.stage.play(acts, &mut self.exchange, block);
        self.exchange.advance(block, &mut Vec::new());
        self.now = block;
    }

    /// Lives through it and judges it.
    ///
    /// # Errors
    /// [`ChaosError::Encode`] when an action has no wire form.
    pub fn run(mut self) -> Result<(Outcome, Vec<Vec<u8>>), ChaosError> {
        let calm = START.plus(self.drawn.stormy);
        self.until(calm)?;
        self.faults.end();
        self.end_upsets();
        self.ends.clear();
        self.until(calm.plus(Dur::from_secs(self.terms.calm_s)))?;
        self.judge_the_calm();
        if self.session.is_some() {
            self.step(EventBody::Command(Command::Stop))?;
            let deadline = self.now.plus(STOP_DEADLINE);
            while self.now < deadline && self.own_rests() {
                self.until(self.now.plus(Dur(SECOND)))?;
            }
            if self.own_rests() {
                self.outcome.fail(self.now, "orders rest after the stop");
            }
            self.until(self.now.plus(HEARD))?;
            self.settle_account()?;
            self.judge_the_ledger();
        }
        self.close();
        Ok((self.outcome, self.logs))
    }

    /// The end of a run asks for the last fills, payments and the account: its books close on them.
    fn settle_account(&mut self) -> Result<(), ChaosError> {
        self.step(self.fills_report(usize::MAX))?;
        for paid in self.money_report() {
            self.step(paid)?;
        }
        self.step(EventBody::Account(self.account_report()))
    }

    /// Everything up to `to`, in order of time.
    fn until(&mut self, to: Time) -> Result<(), ChaosError> {
        loop {
            let block = self.exchange.next_block();
            let heard = self.line.next();
            let asked = self.queries.keys().next().map(|(at, _)| *at);
            let wake = self.wake_at();
            let next = [heard, asked, wake]
                .into_iter()
                .flatten()
                .fold(block, Time::min);
            if next > to {
                self.now = self.now.max(to);
                return Ok(());
            }
            self.now = self.now.max(next);
            if block <= next {
                self.block(block)?;
            } else if asked.is_some_and(|at| at <= next) {
                self.answer_query();
            } else if heard.is_some_and(|at| at <= next) {
                self.hear()?;
            } else {
                self.step(EventBody::Timer)?;
            }
        }
    }

    /// The engine's next timer, never at or before now: time moves on.
    fn wake_at(&self) -> Option<Time> {
        let wake = self.session.as_ref()?.engine.wake_at()?;
        let wake = Time(wake.0 - self.wrong.skew.0);
        Some(wake.max(self.now.plus(Dur(1))))
    }

    fn block(&mut self, block: Time) -> Result<(), ChaosError> {
        self.faults.advance(block);
        let mut acts = self.faults.take_acts();
        self.meet_acts(&mut acts, block);
        for act in &acts {
            if let Act::Transfer { usd } = act {
                self.paid_in += Usd::floor(*usd);
            }
        }
        self.stage.play(&acts, &mut self.exchange, block);
        let mut outputs = core::mem::take(&mut self.outputs);
        self.exchange.advance(block, &mut outputs);
        self.now = block;
        self.after_block(&outputs);
        outputs.clear();
        self.outputs = outputs;
        self.watch_killed();
        self.watch_block();
        self.kill_by_hand()?;
        self.sessions(block)
    }

    /// Ends and starts sessions when it is their time.
    fn sessions(&mut self, now: Time) -> Result<(), ChaosError> {
        if self.ends.first().is_some_and(|(at, _)| *at <= now) {
            let (_, silent) = self.ends.remove(0);
            if self.session.is_some() {
                if !silent {
                    self.step(EventBody::Command(Command::Stop))?;
                    let wait = now.plus(Dur(3 * SECOND));
                    self.until(wait)?;
                }
                self.close();
                let pause = Dur::from_secs(self.dice.exponential(3.0));
                let again = self.now.plus(PAUSE).plus(pause);
                // Killed while it stopped: nobody unlocks.
                self.start_at = self.killed.is_none().then_some(again);
            }
        }
        // What is not listed is not traded: no session begins.
        let listed = !self.exchange.is_delisted(ASSET);
        if listed && self.session.is_none() && self.start_at.is_some_and(|at| at <= self.now) {
            self.open()?;
        }
        Ok(())
    }

    /// A session begins as `mm run` begins one: what rests is cancelled first, then the state is read.
    fn open(&mut self) -> Result<(), ChaosError> {
        if self.cancel_everything() {
            return Ok(());
        }
        self.start_at = None;
        self.outcome.sessions += 1;
        let number = self.outcome.sessions;
        let mut config = self.terms.engine_of(&self.drawn)?;
        config.session = number;
        let engine = Engine::new(config.clone(), self.instrument.clone())?;
        let log = if self.keep {
            EventLog::new(number, &config, self.instrument.clone())
        } else {
            EventLog::hash_only()
        };
        self.session = Some(Session {
            engine,
            log,
            number,
        });
        self.line.reopen();
        let skew = self.faults.skew();
        self.wrong.reopened(skew);
        if skew != Dur(0) {
            self.met(FaultKind::ClockSkew);
        }
        self.judge.restarted();
        self.way_out.restarted();
        self.shown_hands.clear();
        self.book_heard = None;
        self.stopping = false;
        let before = self.saved;
        self.first_at.get_or_insert(self.now);
        for body in self.synchronised() {
            self.step(body)?;
        }
        self.judge_restored(before);
        self.beat();
        Ok(())
    }

    /// A session is over, with or without a word.
    fn close(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        session.log.finish();
        self.outcome
            .decision_hashes
            .push(session.log.decision_hash());
        if self.keep {
            self.logs.push(session.log.take());
        }
        for (class, count) in session.engine.snapshot().counts.rejections {
            *self.outcome.rejections.entry(class).or_insert(0) += count;
        }
        self.line.reopen();
        self.queries.clear();
    }

    /// Tells the engine one thing and sends what it wants.
    pub(super) fn step(&mut self, body: EventBody) -> Result<(), ChaosError> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        match &body {
            EventBody::Fills(fills) => {
                for fill in &fills.fills {
                    self.judge.heard(fill.tid);
                }
            }
            EventBody::OpenOrders(open) => {
                let by_hand = open.orders.iter().filter(|order| order.cloid.is_none());
                self.shown_hands = by_hand.map(|order| order.oid).collect();
            }
            EventBody::Book(book) if self.faults.stale().is_none() => {
                let is_whole = !book.bids.is_empty() && !book.asks.is_empty();
                self.book_heard = is_whole.then_some(self.now);
            }
            EventBody::Bbo(bbo) if self.faults.stale().is_none() => {
                let is_whole = bbo.bid.is_some() && bbo.ask.is_some();
                self.book_heard = is_whole.then_some(self.now);
            }
            EventBody::Command(Command::Stop) => self.stopping = true,
            _ => {}
        }
        let event = Event {
            recv: self.wrong.clock(self.now),
            body,
        };
        session.log.event(&event);
        let mut actions = core::mem::take(&mut self.actions);
        session.engine.step(&event, &mut actions);
        if self.keep {
            if let Some(cycle) = session.engine.cycle() {
                session.log.cycle(cycle);
            }
            session.log.refusals(session.engine.refusals());
            session.log.entries(session.engine.entries());
            session.log.alarms(session.engine.alarms());
        }
        for action in &actions {
            session.log.action(action);
        }
        let asks = session.engine.asks().to_vec();
        self.outcome.events += 1;
        self.note_kill();
        self.save_budget(&event.body);
        self.judge_killed(&actions);
        self.judge_actions(&actions);
        for action in actions.drain(..) {
            self.outcome.actions += 1;
            self.send(&action)?;
        }
        self.actions = actions;
        self.judge_step();
        for ask in asks {
            self.ask(Query::Asked(ask));
        }
        Ok(())
    }

    /// The limits of the last cycle, long and short, lots; `None` before the first.
    pub(super) fn bounds(&self) -> Option<[i64; 2]> {
        let limits = self.session.as_ref()?.engine.limits()?;
        Some([limits.long().0, limits.short().0])
    }

    /// USD of a lot.
    pub(super) fn lot_usd(&self) -> f64 {
        let mark = self.exchange.mark(ASSET);
        let mark = mark.expect("Invariant: a world begins with a book");
        (mark * Sz(1)).as_usd()
    }

    pub(super) fn position(&self) -> Sz {
        self.exchange
            .position(USER, ASSET)
            .expect("Invariant: our account is funded")
    }

    fn judge_actions(&mut self, actions: &[Action]) {
        let Some(bounds) = self.bounds() else {
            return;
        };
        let mut fresh = Vec::new();
        for action in actions {
            self.could_of(action, &mut fresh);
        }
        if fresh.is_empty() {
            return;
        }
        let (could, hands) = (self.could(), self.by_hand());
        let moment = Moment {
            now: self.now,
            position: self.position().0,
            could: &could,
            hands: &hands,
            bounds,
            lot_usd: self.lot_usd(),
        };
        self.judge.sent(&moment, &fresh, &mut self.outcome);
        if self.is_reduce_only() && fresh.iter().any(|order| !order.reduce_only) {
            let words = format!("reduce-only, and sent without the flag: {fresh:?}");
            self.outcome.fail(self.now, &words);
        }
    }

    /// Whether the session may rightly believe that the venue takes post-only orders alone.
    pub(super) fn is_post_only(&self) -> bool {
        let believed = Dur::from_secs(self.terms.engine.recovery.post_only_s);
        self.wrong
            .is_post_only(self.now, Dur(believed.0 + POST_ONLY_HEARD.0))
    }

    fn is_reduce_only(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.engine.is_reduce_only())
    }

    fn judge_step(&mut self) {
        let Some(bounds) = self.bounds() else {
            return;
        };
        let (could, hands) = (self.could(), self.by_hand());
        let moment = Moment {
            now: self.now,
            position: self.position().0,
            could: &could,
            hands: &hands,
            bounds,
            lot_usd: self.lot_usd(),
        };
        self.judge.stepped(&moment, &mut self.outcome);
    }

    /// What every block shows: losses, and whether there is a way out.
    fn watch_block(&mut self) {
        let view = self.exchange.account(USER);
        let value = view.expect("Invariant: our account is funded").value;
        let paid = self.drawn.equity.as_usd();
        let loss = (self.paid_in - value).as_usd() / paid;
        self.outcome.worst_loss_frac = self.outcome.worst_loss_frac.max(loss);
        for order in self.exchange.open_orders(USER) {
            if order.cloid.is_some() {
                self.rested[order.side.index()] = Some(self.now);
            }
        }
        let should = self.should_quote();
        for (full, should) in self.full.iter_mut().zip(should) {
            *full = if should { *full } else { Some(self.now) };
        }
        let Some(bounds) = self.bounds() else {
            return;
        };
        // After a kill its policy is judged in place of the way out, and a stop leaves the position.
        let priced = self.book_heard;
        let priced = priced.is_some_and(|at| self.now.since(at) <= BOOK_FRESH);
        let hears = self.line.is_up() && !self.wrong.is_deaf();
        let able = priced && hears && self.killed.is_none() && !self.stopping;
        let (could, hands) = (self.could(), self.by_hand());
        let moment = Moment {
            now: self.now,
            position: self.position().0,
            could: &could,
            hands: &hands,
            bounds,
            lot_usd: self.lot_usd(),
        };
        let (reduce_only, crossable) = (self.is_reduce_only(), !self.is_post_only());
        let known = self.judge.knowable(&moment);
        let under_way = self.under_way();
        self.way_out.watch(
            &moment,
            known,
            under_way,
            [reduce_only, crossable],
            able,
            &mut self.outcome,
        );
    }

    pub(super) fn own_rests(&self) -> bool {
        let mut own = self.exchange.open_orders(USER);
        own.any(|order| order.cloid.is_some())
    }
}
