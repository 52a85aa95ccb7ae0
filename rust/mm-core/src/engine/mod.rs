//! The engine: one event in, actions out. Read aloud, it is the strategy.
//!
//! Event -> what we know (market, account, orders) -> limits -> quote -> ladder -> filter -> diff -> gate -> actions.
//! It cannot know whether it is live, on paper or in a backtest.

mod capacity;
mod closing;
mod control;
mod economy;
mod edge;
mod evidence;
mod funding;
mod grounds;
mod inputs;
mod kept;
mod learn;
mod market;
mod models;
mod others;
mod own;
mod places;
mod plan;
mod priced;
mod ranges;
mod reconcile;
mod recover;
mod replies;
mod resident;
mod shifted;
mod sizes;
mod snapshot;
mod trace;
mod turnover;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::{Entry, Ledger};
use crate::action::{Action, ActionBody, Cloid};
use crate::control::{Alarm, ControlConfig, Mode, ModeReason, Phase, Phases, SuppressedSides};
use crate::event::{Event, Level};
use crate::filter::Refusal;
use crate::gate::Enforcement;
use crate::instrument::Instrument;
use crate::learned::ModelsConfig;
use crate::limits::{FreshnessConfig, LimitConfig, Limits};
use crate::orders::Orders;
use crate::quote::{QuotingConfig, Strategy};
use crate::recovery::RecoveryConfig;
use crate::recovery::ask::Ask;
use crate::requests::RequestsConfig;
use crate::requests::choice::Withheld;
use crate::requests::ledger::{RequestLedger, Supply};
use crate::requests::spending::Spending;
use crate::resident::ProtectionConfig;
use crate::solved::Solved;
use crate::units::{Dur, SECOND, Side, Sz, Time};

use control::Control;
pub use edge::EdgeShown;
use edge::EdgeWatch;
pub use evidence::{RestedOn, RestsOn};
pub use funding::FundingShown;
use grounds::Grounds;
use kept::Kept;
use market::Market;
use models::Models;
pub use models::ModelsShown;
use own::Own;
use places::Queues;
pub use places::{PlaceShown, QueueShown};
pub use priced::{Estimates, PricedFrom, PricingShown, SizeTrace, SizedFrom, ToleranceShown};
pub use recover::Heard;
use recover::Recover;
use resident::Resident;
pub use resident::ResidentShown;
pub use shifted::ShiftedShown;
pub use snapshot::{Counts, RecoveryShown, ShownOrder, Snapshot};
use trace::Pricing;
pub use trace::{LevelTrace, SideTrace, Stands};
use turnover::Turnover;

/// Key, value, legal range, and the range in words.
type Ranged = (&'static str, f64, (f64, f64), &'static str);
/// Legal ranges that several settings share.
const BPS: (f64, f64) = (0.0, 1e3);
const DAY_S: (f64, f64) = (0.0, 86_400.0);
const LATER_S: (f64, f64) = (1e-3, 31_536_000.0);
/// Longest time between two looks at the clock while a session lives.
const HEARTBEAT: Dur = Dur(SECOND);

/// Everything the engine is told once. Defaults live in the Python configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Session id: high half of every cloid.
    pub session: u64,
    /// Cloids of this session used before (a counter block reserved durably).
    pub cloid_start: u64,
    /// Life that every action is given (`expiresAfter`), market seconds: how long one that nobody answered may
    /// still be carried out.
    pub action_life_s: f64,
    /// Limits.
    pub limits: LimitConfig,
    /// Quotes.
    pub quoting: QuotingConfig,
    /// Which models speak.
    pub models: ModelsConfig,
    /// Deadlines of inputs.
    pub freshness: FreshnessConfig,
    /// Opening phases, modes and kill switch.
    pub control: ControlConfig,
    /// Ways out of a position, refusals, checks against the exchange.
    pub recovery: RecoveryConfig,
    /// What requests cost.
    pub requests: RequestsConfig,
    /// What looks after a position when nothing of ours lives any more.
    pub protection: ProtectionConfig,
    /// Whether the books that are heard show our own orders, as a venue's do; those of a recording do not.
    #[serde(default = "as_a_venue", skip_serializing_if = "is_as_a_venue")]
    pub books_show_own: bool,
    /// A planted bug, to prove that those who watch would see it. Never set by a user's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
}

/// A planted bug: ladders far beyond their room, with the gate in force or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Each side's ladder is scaled to this many times the room that the limit leaves.
    pub room_factor: f64,
    /// Whether the gate still refuses.
    pub gate: Enforcement,
    /// A bug elsewhere, in place of the ladder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bug: Option<Bug>,
}

/// A bug to plant in a part that is to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bug {
    /// The ledger enters a fill each time it is told of it.
    Ledger,
    /// Recovery never crosses the book.
    Recovery,
    /// The reconciler finds that everything agrees.
    Reconciler,
    /// Every order is replaced once a second, wherever it stands and whatever requests cost: the plain
    /// maker that the economy is measured against.
    Refresh,
    /// One order a side, of what all its levels would have, at the best price there is, whatever that
    /// costs: the maker at the touch that prices are measured against.
    Touch,
    /// Nothing that only reduces is quoted.
    Quotes,
    /// What exceeds a limit that has fallen is cancelled a second late.
    Cut,
}

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number outside its range.
    #[error("{key} was {value}, expected {expected}")]
    OutOfRange {
        /// Configuration key.
        key: &'static str,
        /// Value given.
        value: f64,
        /// Legal range and unit.
        expected: &'static str,
    },
    /// The reference is the coin that is quoted.
    #[error("models.reference was coin:{0}, expected another coin than the one that is quoted")]
    FollowsItself(String),
}

const fn as_a_venue() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde passes")]
const fn is_as_a_venue(shows: &bool) -> bool {
    *shows
}

impl EngineConfig {
    /// Checks every range that the parts do not check themselves.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        let ranges = self
            .quoting_ranges()
            .into_iter()
            .chain(self.models_ranges())
            .chain(self.control_ranges())
            .chain(self.recovery_ranges())
            .chain(self.requests_ranges())
            .chain([(
                "action_life_s",
                self.action_life_s,
                (1e-3, 1e6),
                "above 0, at most 1e6 s",
            )])
            .chain(self.protection_ranges())
            .chain(self.drill_range());
        for (key, value, (low, high), expected) in ranges {
            if !(low <= value && value <= high) {
                return Err(ConfigError::OutOfRange {
                    key,
                    value,
                    expected,
                });
            }
        }
        self.check_depths()
    }

    fn drill_range(&self) -> Option<Ranged> {
        let factor = self.drill?.room_factor;
        Some(("drill.room_factor", factor, (1.0, 1e3), "1 to 1000"))
    }

    #[rustfmt::skip] // a table
    fn quoting_ranges(&self) -> [Ranged; 14] {
        let q = &self.quoting;
        #[expect(clippy::cast_precision_loss, reason = "a count of levels")]
        let levels = q.levels as f64;
        let diff_bps = q.max_bps_diff.unwrap_or(f64::MIN_POSITIVE);
        [
            ("quoting.levels", levels, (1.0, 50.0), "1 to 50"),
            ("quoting.target_liquidity_frac", q.target_liquidity_frac, (1e-6, 1.0), "above 0, at most 1"),
            ("quoting.min_level_usd", q.min_level_usd, (10.0, 1e9), "at least 10 USDC"),
            ("quoting.min_edge_bps", q.min_edge_bps, BPS, "0 to 1000 bps"),
            ("quoting.arrival_per_s", q.arrival_per_s, (1e-9, 1e6), "above 0, per second"),
            ("quoting.kappa_per_bps", q.kappa_per_bps, (1e-6, 1e3), "above 0, per bps"),
            ("quoting.adverse_selection_bps", q.adverse_selection_bps, BPS, "0 to 1000 bps"),
            ("quoting.half_spread_bps", q.half_spread_bps, BPS, "0 to 1000 bps"),
            ("quoting.half_spread_max_bps", q.half_spread_max_bps, (1.0, 1e3), "1 to 1000 bps"),
            ("quoting.risk_aversion", q.risk_aversion, (1e-6, 1e6), "above 0"),
            ("quoting.horizon_s", q.horizon_s, (1.0, 86_400.0), "1 to 86400 s"),
            ("quoting.inventory_skew_bps", q.inventory_skew_bps, BPS, "0 to 1000 bps"),
            ("quoting.max_bps_diff", diff_bps, BPS, "0 to 1000 bps"),
            ("quoting.size_tolerance_frac", q.size_tolerance_frac, (0.0, 1.0), "0 to 1"),
        ]
    }

    #[rustfmt::skip] // a table
    fn control_ranges(&self) -> [Ranged; 22] {
        let c = &self.control;
        let (jump, flow) = (c.toxic_jump_sigmas.unwrap_or(2.0), c.toxic_flow_sigmas.unwrap_or(2.0));
        [
            ("control.observe_book_s", c.observe_book_s, DAY_S, "0 to 86400 s"),
            ("control.observe_deadline_s", c.observe_deadline_s, DAY_S, "0 to 86400 s"),
            ("control.quote_min_s", c.quote_min_s, DAY_S, "0 to 86400 s"),
            ("control.widen_jump_sigmas", c.widen_jump_sigmas, (1.0, 1e3), "1 to 1000"),
            ("control.widen_window_s", c.widen_window_s, (1e-3, 60.0), "above 0, at most 60 s"),
            ("control.widen_term_bps", c.widen_term_bps, (0.0, 5.0), "0 to 5 bps"),
            ("control.widen_sum_bps", c.widen_sum_bps, (0.0, 20.0), "0 to 20 bps"),
            ("control.widen_dwell_s", c.widen_dwell_s, DAY_S, "0 to 86400 s"),
            ("control.toxic_jump_sigmas", jump, (2.0, 1e3), "2 to 1000"),
            ("control.toxic_flow_sigmas", flow, (2.0, 1e3), "2 to 1000"),
            ("control.toxic_off_s", c.toxic_off_s, (0.1, 3600.0), "0.1 to 3600 s"),
            ("control.burst_fills", f64::from(c.burst_fills), (2.0, 1e3), "2 to 1000"),
            ("control.burst_window_s", c.burst_window_s, (1e-3, 60.0), "above 0, at most 60 s"),
            ("control.burst_off_s", c.burst_off_s, DAY_S, "0 to 86400 s"),
            ("control.burst_step_s", c.burst_step_s, DAY_S, "0 to 86400 s"),
            ("control.kill_runaway_ratio", c.kill_runaway_ratio, (1.0, 1e3), "1 to 1000"),
            ("control.kill_stale_s", c.kill_stale_s, LATER_S, "above 0, at most a year, s"),
            ("control.kill_rejections", f64::from(c.kill_rejections), (2.0, 1e4), "2 to 10000"),
            ("control.kill_rejections_s", c.kill_rejections_s, LATER_S, "above 0, at most a year, s"),
            ("control.kill_unexplained_s", c.kill_unexplained_s, LATER_S, "above 0, at most a year, s"),
            ("control.kill_deadline_s", c.kill_deadline_s, LATER_S, "above 0, at most a year, s"),
            ("control.exit_deadline_s", c.exit_deadline_s, LATER_S, "above 0, at most a year, s"),
        ]
    }

    fn check_depths(&self) -> Result<(), ConfigError> {
        let Some(depths) = &self.quoting.depths_bps else {
            return Ok(());
        };
        let rising = depths.windows(2).all(|pair| pair[0] < pair[1]);
        let sane = depths.iter().all(|depth| (0.0..=1e4).contains(depth));
        if !depths.is_empty() && rising && sane {
            return Ok(());
        }
        Err(ConfigError::OutOfRange {
            key: "quoting.depths_bps",
            value: depths.first().map_or(f64::NAN, |first| *first),
            expected: "rising distances from 0 to 10000 bps",
        })
    }
}

/// What a cycle decided on: written to the journal beside its actions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CycleRecord {
    /// Number of the cycle.
    pub cycle: u64,
    /// When.
    pub recv: Time,
    /// Position, signed lots.
    pub position: Sz,
    /// Phase.
    pub phase: Phase,
    /// Mode.
    pub mode: Mode,
    /// Why it is not `Normal`.
    pub mode_reason: Option<ModeReason>,
    /// For each side without an order, why.
    pub suppressed: SuppressedSides,
    /// The one limit of the cycle, with every term and input.
    pub limits: Limits,
    /// What prices rest on.
    pub estimates: Estimates,
    /// Terms of the quoted prices.
    pub trace: Vec<SideTrace>,
}

/// What a cycle stood for besides its limit.
type Stance = (Phase, Mode, Option<ModeReason>, SuppressedSides);

/// What the engine sent and has not been answered: the cloids, in the order sent.
#[derive(Clone, Debug)]
enum Sent {
    Place(Vec<Cloid>),
    Modify(Vec<Cloid>),
    Cancel(Vec<Cloid>),
}

/// The one owner of all state.
#[derive(Clone, Debug)]
pub struct Engine {
    config: EngineConfig,
    instrument: Instrument,
    now: Time,
    market: Market,
    own: Own,
    orders: Orders,
    phases: Phases,
    control: Control,
    limits: Option<(Limits, Time)>,
    grounds: Grounds,
    reduce_only: bool,
    /// Our own fill rate, since full quoting began.
    turnover: Option<Turnover>,
    kept: Kept,
    cycle: u64,
    next_action: u64,
    sent: BTreeMap<u64, Sent>,
    counts: Counts,
    pricing: Pricing,
    /// What a fill leaves at each distance.
    edge: EdgeWatch,
    /// The quoting model at the volatility it was last needed at.
    solved: Option<Solved>,
    record: Option<CycleRecord>,
    /// Of the newest record ever made.
    journalled: Option<Stance>,
    refusals: Vec<Refusal>,
    recover: Recover,
    asks: Vec<Ask>,
    alarms: Vec<Alarm>,
    requests: RequestLedger,
    /// What the last step did to it.
    spent: Vec<Spending>,
    /// Changes that the last cycle wanted and that wait for requests.
    withheld: Vec<Withheld>,
    /// With the bug planted, since when an excess waits to be cancelled.
    excess_since: Option<Time>,
    /// Supply of requests last told of.
    told_supply: Option<Supply>,
    /// The stop that rests at the exchange.
    resident: Resident,
}

impl Engine {
    /// A session before its first event.
    ///
    /// # Errors
    /// [`ConfigError`] when a number is outside its range.
    pub fn new(config: EngineConfig, instrument: Instrument) -> Result<Self, ConfigError> {
        config.check()?;
        if config.models.reference.coin() == Some(instrument.coin()) {
            return Err(ConfigError::FollowsItself(instrument.coin().to_owned()));
        }
        let widen_dwell_s = config.control.widen_dwell_s;
        Ok(Self {
            orders: Orders::new(
                config.session,
                config.cloid_start,
                Dur::from_secs(config.action_life_s),
            ),
            phases: Phases::new(config.control),
            requests: RequestLedger::new(config.requests),
            spent: Vec::new(),
            withheld: Vec::new(),
            excess_since: None,
            told_supply: None,
            resident: Resident::default(),
            market: Market::new(
                Models::new(&config.models, &config.quoting),
                config
                    .models
                    .queue
                    .then(|| Queues::new(config.books_show_own)),
            ),
            config,
            instrument,
            now: Time::ZERO,
            own: Own::default(),
            control: Control::new(widen_dwell_s),
            limits: None,
            grounds: Grounds::default(),
            reduce_only: false,
            turnover: None,
            kept: Kept::default(),
            cycle: 0,
            next_action: 0,
            sent: BTreeMap::new(),
            counts: Counts::default(),
            pricing: Pricing::default(),
            edge: EdgeWatch::default(),
            solved: None,
            record: None,
            journalled: None,
            refusals: Vec::new(),
            recover: Recover::default(),
            asks: Vec::new(),
            alarms: Vec::new(),
        })
    }

    /// Learns one fact and appends what it wants done. The only mutation.
    ///
    /// # Panics
    /// When event time goes back: the caller clamps it.
    pub fn step(&mut self, event: &Event, actions: &mut Vec<Action>) {
        assert!(
            event.recv >= self.now,
            "invariant: event time never goes back"
        );
        self.now = event.recv;
        self.record = None;
        self.refusals.clear();
        self.asks.clear();
        self.own.entries.clear();
        self.alarms.clear();
        self.spent.clear();
        self.requests.tend(self.now);
        self.count_quoted();
        self.learn(&event.body);
        self.follow_places(&event.body);
        self.expire();
        self.watch_ledger();
        self.run_cycle(actions);
        self.watch_supply();
        self.watch_resident();
        self.ask();
        self.count_asked();
    }

    /// The next time it wants to be told of by a `Timer`, if nothing comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Time> {
        if self.now == Time::ZERO {
            return None;
        }
        let heartbeat = self.now.plus(HEARTBEAT);
        let ledger = self.own.ledger.as_ref().and_then(Ledger::deadline);
        let times = [
            self.phases.wake_at(self.now),
            self.control.toxic.wake_at(self.now),
            ledger.filter(|at| *at > self.now),
            self.recover.wake_at(self.now, &self.config.recovery),
            self.orders.wake_at(self.now),
        ];
        Some(times.into_iter().flatten().fold(heartbeat, Time::min))
    }

    /// What the last step decided, when it sent actions or moved the limit.
    #[must_use]
    pub const fn cycle(&self) -> Option<&CycleRecord> {
        self.record.as_ref()
    }

    /// Orders that the last step wanted and did not send, with the reason.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// What the last step wants asked of the exchange.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }

    /// What the last step did to the request budget of the address.
    #[must_use]
    pub fn spent(&self) -> &[Spending] {
        &self.spent
    }

    /// What the last step entered into the ledger.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.own.entries
    }

    /// What the last step wants an operator to hear.
    #[must_use]
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// What it was told once.
    #[must_use]
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The instrument quoted.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// Levels of one side of the book as known, best first.
    #[must_use]
    pub fn book_levels(&self, side: Side) -> &[Level] {
        self.market.book.levels(side)
    }

    /// The limit in force.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref().map(|(limits, _)| limits)
    }

    /// Whether the position allows only what reduces it.
    #[must_use]
    pub const fn is_reduce_only(&self) -> bool {
        self.reduce_only
    }

    /// Whether this bug is planted.
    fn is_planted(&self, bug: Bug) -> bool {
        self.config
            .drill
            .is_some_and(|drill| drill.bug == Some(bug))
    }

    fn send(&mut self, body: ActionBody, actions: &mut Vec<Action>) {
        self.next_action += 1;
        let (id, cycle) = (self.next_action, self.cycle);
        let sent = match &body {
            ActionBody::Place(orders) => Sent::Place(orders.iter().map(|o| o.cloid).collect()),
            ActionBody::Modify(amends) => {
                Sent::Modify(amends.iter().map(|a| a.order.cloid).collect())
            }
            ActionBody::Cancel(cancels) => Sent::Cancel(cancels.iter().map(|c| c.cloid).collect()),
        };
        if let Sent::Place(items) | Sent::Modify(items) = &sent {
            for cloid in items {
                self.orders.left_in(*cloid, id);
            }
        }
        self.count_sent(&sent);
        self.sent.insert(id, sent);
        actions.push(Action { id, cycle, body });
    }

    /// Size of one level in the limit's terms, for inventory measured in units.
    #[expect(clippy::cast_precision_loss, reason = "a count of levels")]
    fn limit_units(&self) -> f64 {
        let levels = if self.config.quoting.strategy == Strategy::Glft {
            1
        } else {
            self.config.quoting.levels
        };
        levels as f64 / self.config.quoting.target_liquidity_frac
    }
}
