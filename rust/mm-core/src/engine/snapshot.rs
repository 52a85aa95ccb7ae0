//! What the engine shows: read by status line, metrics, journal and summary. Nothing writes through it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::priced::{PricingShown, SizeTrace};
use super::{Engine, Heard, LevelTrace, ModelsShown, PlaceShown, ResidentShown, SideTrace};
use crate::account::{Ledger, Pnl};
use crate::budget::Restored;
use crate::control::{
    CloseWait, Kill, Mode, ModeReason, Phase, Premium, Stop, SuppressedSides, TimeInMode,
};
use crate::estimators::markout::{BySideAndDepth, Markout};
use crate::estimators::tape::Takers;
use crate::event::{AccountState, OpenOrder, RejectionClass};
use crate::limits::{Limits, SavedLimit};
use crate::recovery::manager::Recovery;
use crate::recovery::reconciler::Reconciliation;
use crate::recovery::rejections::Wait;
use crate::recovery::sweep::Findings;
use crate::requests::choice::Withheld;
use crate::requests::ledger::RequestsShown;
use crate::units::{Side, Sz, Time, Usd};

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Quote cycles since the anchor.
    pub quote_cycles: u64,
    /// Of them in phase `Normal`.
    pub ready_cycles: u64,
    /// Of the ready ones with a live order on both sides.
    pub two_sided_cycles: u64,
    /// Of the ready ones whose limit was `Valid`.
    pub valid_cycles: u64,
    /// Orders the exchange accepted.
    pub placed: u64,
    /// Amends it accepted.
    pub modified: u64,
    /// Cancels it accepted.
    pub cancelled: u64,
    /// Items it refused.
    pub rejected: u64,
    /// The same by class.
    pub rejections: BTreeMap<RejectionClass, u64>,
    /// Items sent: each costs a request of the address budget.
    pub requests: u64,
    /// Actions without an answer.
    pub lost_replies: u64,
    /// Fills of our bids.
    pub fills_buy: u64,
    /// Fills of our asks.
    pub fills_sell: u64,
    /// Notional of our fills.
    pub volume: Usd,
    /// Lots of fills of our quotes.
    pub filled_lots: Sz,
    /// Fills of orders that nothing this program made: placed by hand, or by another program.
    pub stranger_fills: u64,
    /// Fills of orders of an earlier session.
    pub earlier_fills: u64,
    /// Fills that the exchange forced: liquidation, auto-deleveraging, settlement.
    pub forced_fills: u64,
    /// Fills of the stop that rests at the exchange.
    pub stop_fills: u64,
    /// Breaks in the chain of fills that lasted.
    pub discontinuities: u64,
    /// Orders the gate or the filter did not let out.
    pub refused: u64,
    /// Immediate, reduce-only orders sent to get out of a position.
    pub immediate: u64,
}

/// Recovery, refusals and checks, as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecoveryShown {
    /// Where the recovery is.
    #[serde(flatten)]
    pub recovery: Recovery,
    /// Limit in force at our last increase toward the position's side (flat: long), lots; of an inherited
    /// position the first valid one.
    pub limit_at_increase: Option<Sz>,
    /// Sides whose new increasing orders wait because the venue refused, with class and end.
    pub waits: Vec<Wait>,
    /// Ledger against exchange.
    pub reconciliation: Reconciliation,
    /// Corrections of the ledger.
    pub corrections: u64,
    /// When everything was last swept.
    pub swept: Option<Time>,
    /// What the last sweep found.
    pub findings: Findings,
    /// When the exchange was last heard on account, orders and fills.
    pub heard: Heard,
}

/// A resting or pending order, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ShownOrder {
    /// Side.
    pub side: Side,
    /// Price, or the price it is becoming.
    pub px: crate::units::Px,
    /// Size left, or the size it is becoming.
    pub sz: Sz,
    /// Where it stands in its queue; `None`: not known, or no model of queues is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceShown>,
    /// What it stands for, and the terms of its price; `None`: it is no post-only order, or there is no book.
    pub trace: Option<LevelTrace>,
    /// What its size is made of; `None`: it stands for nothing.
    pub size: Option<SizeTrace>,
}

/// Everything shown, as of the last step. Money in micro-USDC, prices in USDC as beliefs, sizes in lots.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Receive time of the last event.
    pub now: Time,
    /// Last quote cycle.
    pub cycle: u64,
    /// Phase.
    pub phase: Phase,
    /// Mode.
    pub mode: Mode,
    /// Why it is not `Normal`.
    pub mode_reason: Option<ModeReason>,
    /// Since when.
    pub mode_since: Time,
    /// Seconds in each mode since the anchor.
    pub time_in_mode_s: TimeInMode,
    /// Why neither side is quoted, where the mode is the cause.
    pub not_quoting: Option<ModeReason>,
    /// Why a side has no order.
    pub suppressed: SuppressedSides,
    /// Premia on the increasing side.
    pub premium: Premium,
    /// The latched kill switch.
    pub kill: Option<Kill>,
    /// The stop that was asked for.
    pub stop: Option<Stop>,
    /// Why a position that is to be closed at once is not being closed; `None`: it is, or need not be.
    pub close_wait: Option<CloseWait>,
    /// Share of the limit that the capital ramp leaves; `None`: there is no ramp.
    pub ramp_share: Option<f64>,
    /// Whether the position is being reduced only.
    pub reduce_only: bool,
    /// The way out of a position that is too big, and the checks behind it.
    pub recovery: RecoveryShown,
    /// Position.
    pub position: Sz,
    /// Largest position held, as a magnitude.
    pub position_max_abs: Sz,
    /// Lots by which it has gone up and down since the session began, added up.
    pub position_moved: Sz,
    /// Position when the session began.
    pub position_start: Option<Sz>,
    /// Exchange's position less ours, at the last report that could be compared.
    pub drift: Option<Sz>,
    /// The limit in force.
    pub limits: Option<Limits>,
    /// What the limit would be by leverage alone, micro-USDC.
    pub leverage_only: Option<Usd>,
    /// Equity last reported.
    pub account_value: Option<Usd>,
    /// Equity at the anchor.
    pub account_value_start: Option<Usd>,
    /// What the next session should take up.
    pub budget: Option<Restored>,
    /// What of the limit the next session should take up.
    pub kept_limit: Option<SavedLimit>,
    /// Profit of the UTC day.
    pub day_pnl: Option<Usd>,
    /// Loss from the peak, a fraction.
    pub drawdown: Option<f64>,
    /// Profit and loss as of the last report.
    pub pnl: Option<Pnl>,
    /// Mid price.
    pub mid: Option<f64>,
    /// Microprice.
    pub microprice: Option<f64>,
    /// Full spread, bps.
    pub spread_bps: Option<f64>,
    /// Volatility used for limits, per square root of a second.
    pub sigma: Option<f64>,
    /// Volatility used for quotes, per square root of a second.
    pub sigma_quotes: Option<f64>,
    /// Decay of the fill rate with distance, 1/bps.
    pub kappa_per_bps: f64,
    /// Our maker fee, bps.
    pub maker_fee_bps: Option<f64>,
    /// What the models make of the market.
    pub models: ModelsShown,
    /// The nearest distance at which a fill earns its maker fee and adverse selection, bps.
    pub break_even_bps: Option<f64>,
    /// Fills an hour expected of the resting orders, by the intensity in use.
    pub expected_fills_per_h: f64,
    /// Age of the market data, s.
    pub market_age_s: Option<f64>,
    /// Age of the account report, s.
    pub account_age_s: Option<f64>,
    /// Age of the last word on the venue's open-interest cap, s.
    pub open_interest_cap_age_s: Option<f64>,
    /// Age of our own stream, s.
    pub own_stream_age_s: Option<f64>,
    /// Initial margin in use, all coins, as last reported.
    pub margin_used: Option<Usd>,
    /// Move of the price against the position that liquidates the account, a fraction.
    pub liquidation_distance_frac: Option<f64>,
    /// The exchange's allowance for a further trade, `[buy, sell]`, as last reported.
    pub head_room: Option<[Sz; 2]>,
    /// Age of that report, s.
    pub head_room_age_s: Option<f64>,
    /// Requests the address has left, at least; negative when overdrawn.
    pub requests_left: Option<i64>,
    /// The request ledger.
    pub requests: RequestsShown,
    /// The stop that rests at the exchange.
    pub resident: ResidentShown,
    /// Changes that were wanted and wait for requests.
    pub withheld: Vec<Withheld>,
    /// What prices and sizes were made from.
    #[serde(flatten)]
    pub pricing: PricingShown,
    /// Terms of what is quoted, by side.
    pub trace: Vec<SideTrace>,
    /// Live orders.
    pub orders: Vec<ShownOrder>,
    /// Orders on the account that this session did not place.
    pub orphans: usize,
    /// Of them those that nothing this program made: never touched.
    pub foreign: Vec<OpenOrder>,
    /// What could still fill, `[bids, asks]`.
    pub pending: [Sz; 2],
    /// Worst case `[lowest, highest]` position.
    pub worst_case: [Sz; 2],
    /// Counts.
    pub counts: Counts,
    /// Takers of the public tape.
    pub market_takers: Takers,
    /// Markouts of our fills.
    pub markouts: Vec<Markout>,
    /// The same by side, by distance and by regime.
    pub markouts_split: BySideAndDepth,
}

impl Engine {
    /// Everything shown, as of the last step.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (market, scale) = (&self.market, self.instrument.px_scale());
        let (touch, ledger) = (market.book.touch(), self.own.ledger.as_ref());
        let (report, exposure) = (self.reported(), self.exposure());
        let worst = |side| exposure.worst(self.own.position(), side);
        let age = |dur: Option<crate::units::Dur>| dur.map(crate::units::Dur::as_secs);
        Snapshot {
            now: self.now,
            cycle: self.cycle,
            phase: self.phases.phase(),
            mode: self.control.modes.mode(),
            mode_reason: self.control.modes.reason(),
            mode_since: self.control.modes.since(),
            time_in_mode_s: self.control.modes.time_in_mode(),
            not_quoting: self.not_quoting(),
            suppressed: self.control.suppressed,
            premium: self.control.premium,
            kill: self.control.kill,
            stop: self.control.stop,
            close_wait: self.control.closing.wait,
            ramp_share: self.ramp_share(),
            reduce_only: self.reduce_only,
            recovery: self.shown_recovery(),
            position: self.own.position(),
            position_max_abs: self.own.position_max_abs,
            position_moved: ledger.map_or(Sz::ZERO, Ledger::moved),
            position_start: ledger.map(|ledger| ledger.anchor().position),
            drift: self.own.drift,
            limits: self.limits().cloned(),
            leverage_only: self.leverage_only(),
            account_value: report.map(|report| report.account_value),
            account_value_start: ledger.map(|ledger| ledger.anchor().account_value),
            budget: self.own.to_save(),
            kept_limit: self.kept_limit(),
            day_pnl: self.own.budget.map(|budget| budget.day_pnl()),
            drawdown: self.own.budget.map(|budget| budget.drawdown()),
            pnl: self.pnl(),
            mid: touch.map(|touch| touch.mid() / scale),
            microprice: touch.map(|touch| touch.microprice() / scale),
            spread_bps: touch.map(|touch| touch.spread_bps()),
            sigma: self.limit_inputs().sigma,
            sigma_quotes: self.sigma_for_quotes(),
            kappa_per_bps: self.market.models.learned().kappa_per_bps,
            maker_fee_bps: self.maker_fee_bps(),
            models: self.shown_models(),
            break_even_bps: self.break_even_bps(),
            expected_fills_per_h: self.expected_fills_per_h(),
            market_age_s: age(self.market.age(self.now)),
            account_age_s: age(self.own.account.map(|(_, recv)| self.now.since(recv))),
            open_interest_cap_age_s: age(self.market.cap_age(self.now)),
            own_stream_age_s: age(self.own.stream_age(self.now)),
            margin_used: report.map(|report| report.margin_used),
            liquidation_distance_frac: self.liquidation_distance(),
            head_room: self.own.allowance.map(|known| known.max_trade_szs),
            head_room_age_s: age(self.own.allowance.map(|known| self.now.since(known.recv))),
            requests_left: self.requests.left(),
            requests: self.requests.shown(),
            resident: self.resident(),
            withheld: self.withheld.clone(),
            pricing: self.shown_pricing(),
            trace: self.trace(),
            orders: self.shown_orders(),
            orphans: self.orders.orphans().count(),
            foreign: self.orders.foreign().copied().collect(),
            pending: Side::BOTH.map(|side| exposure.lots(side)),
            worst_case: [-worst(Side::Ask), worst(Side::Bid)],
            counts: self.counts.clone(),
            market_takers: market.tape.takers(),
            markouts: market.markouts.table().to_vec(),
            markouts_split: market.markouts.by_side_and_depth(),
        }
    }

    /// The account as last heard.
    fn reported(&self) -> Option<&AccountState> {
        self.own.account.as_ref().map(|(report, _)| report)
    }

    fn pnl(&self) -> Option<Pnl> {
        Some(self.own.ledger.as_ref()?.pnl(self.reported()?))
    }

    fn shown_recovery(&self) -> RecoveryShown {
        let recover = &self.recover;
        RecoveryShown {
            recovery: self.recovery(),
            limit_at_increase: self.limit_at_increase(self.own.position()),
            waits: recover.limiter.waits(self.now).collect(),
            reconciliation: recover.reconciler.state(),
            corrections: recover.corrections,
            swept: recover.swept,
            findings: recover.findings.clone(),
            heard: recover.heard(),
        }
    }

    fn expected_fills_per_h(&self) -> f64 {
        let Some(touch) = self.market.book.touch() else {
            return 0.0;
        };
        let learned = self.market.models.learned();
        let rate = |order: &ShownOrder| {
            let depth_bps = (order.px.as_f64() / touch.mid() - 1.0).abs() * 1e4;
            learned.fill_rate_per_s(depth_bps)
        };
        self.shown_orders().iter().map(rate).sum::<f64>() * 3600.0
    }
}
