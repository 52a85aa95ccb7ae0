//! One quote cycle: limits, quote, ladder, filter, diff, gate.

use super::{CycleRecord, Engine};
use crate::action::{Action, ActionBody, Amend, Cancel, Cloid, NewOrder, Reason, Tif};
use crate::book::Touch;
use crate::diff::{Change, Own, Tolerance, diff_orders, sort_outward};
use crate::filter::{Quote, ReduceOnly, Refusal, RefusalReason, Standing, assess, filter_ladder};
use crate::gate::{Enforcement, Exposure, Gate};
use crate::guard::{Health, NotQuoting, Phase};
use crate::ladder::{LadderLevel, MarginLeft, Sizing, size_ladder};
use crate::limits::{Ages, LimitInputs, LimitSource, Limits, derive_limits};
use crate::orders::{Order, State};
use crate::quote::{Beliefs, RawLadder, Solved, build_ladder, opening_ladder};
use crate::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};

/// Time of full quoting after which our own fill rate is known.
const FILL_RATE_KNOWN: Dur = Dur(600 * SECOND);

/// The changes of one cycle, by kind: each kind is one request.
#[derive(Debug, Default)]
struct Batch {
    amends: Vec<Amend>,
    places: Vec<NewOrder>,
    cancels: Vec<Cancel>,
}

impl Engine {
    pub(super) fn run_cycle(&mut self, actions: &mut Vec<Action>) {
        if self.own.ledger.is_none() {
            return;
        }
        self.cycle += 1;
        let limits = self.derive();
        let verdict = self.assess(&limits);
        self.reduce_only = verdict.mode.is_reduce_only();
        let health = self.health();
        self.not_quoting = self.phases.update(self.now, health);
        let wanted = if self.not_quoting.is_none() {
            let wanted = self.wanted(&limits, &verdict);
            self.planted(wanted, &limits)
        } else {
            self.trace.clear();
            Vec::new()
        };
        let enforcement = self
            .config
            .drill
            .map_or(Enforcement::Enforced, |drill| drill.gate);
        let mut gate = Gate::new(self.own.position(), &limits, self.exposure(), enforcement);
        let mut batch = Batch::default();
        if enforcement == Enforcement::Enforced {
            self.cut_excess(&gate, &mut batch);
        }
        for side in Side::BOTH {
            self.plan_side(side, &wanted, &mut gate, &mut batch);
        }
        let sent_before = actions.len();
        self.send_batch(batch, actions);
        self.count_cycle(&limits);
        self.keep_limits(limits, actions.len() > sent_before);
    }

    /// The one derivation of the cycle. An input that is not a number is a bug of ours, not a market state.
    fn derive(&mut self) -> Limits {
        let inputs = self.limit_inputs();
        let previous = self
            .limits
            .as_ref()
            .map(|(limits, at)| (limits, self.now.since(*at)));
        derive_limits(
            &inputs,
            &self.config.limits,
            &self.config.freshness,
            &self.instrument,
            previous,
        )
        .expect("invariant: events carry only finite numbers")
    }

    fn limit_inputs(&self) -> LimitInputs {
        let config = &self.config.limits;
        let exchange = self
            .own
            .allowance
            .map(|allowance| f64::from(allowance.room.leverage));
        let tier = f64::from(self.instrument.max_leverage());
        let max_leverage = config
            .leverage_cap()
            .min(tier)
            .min(exchange.map_or(tier, |leverage| leverage));
        let sigma = self.market.volatility.for_limits();
        let position = self.own.position();
        let account_value = self.own.account.map(|(report, _)| report.account_value);
        LimitInputs {
            account_value,
            sigma: sigma.map(|sigma| sigma.value),
            sigma_confidence: sigma
                .map_or(0.0, |sigma| sigma.n / (sigma.n + config.confidence_n0())),
            sigma_24h: self.market.seed.sigma_24h,
            sigma_prior: self.market.seed.sigma_prior,
            mid: self
                .market
                .book
                .touch()
                .map(|touch| touch.mid() / self.instrument.px_scale()),
            position,
            horizon_s: self.horizon_s(),
            loss_left: self
                .own
                .budget
                .map(|b| b.left(config.daily_loss_frac(), config.drawdown_frac())),
            head_room: self
                .own
                .allowance
                .map(|allowance| allowance.room.max_trade_szs),
            own_increasing: self.own_increasing(position),
            asset_max_leverage: Some(tier),
            exchange_leverage: exchange,
            traded_notional_1h: self.market.tape.notional_1h(self.market.book.exch()),
            ages: Ages {
                market: self.market.age(self.now),
                account: self.own.account.map(|(_, recv)| self.now.since(recv)),
                head_room: self
                    .own
                    .allowance
                    .map(|allowance| self.now.since(allowance.recv)),
                sigma: sigma.map(|sigma| Dur((self.market.book.exch() - sigma.as_of).0.max(0))),
                own_stream: self.own.stream_age(self.now),
            },
            ..LimitInputs::unknown(max_leverage)
        }
    }

    /// Own increasing orders such that `position + own + allowance` is what it was when the allowance arrived.
    fn own_increasing(&self, position: Sz) -> [Sz; 2] {
        let Some(allowance) = self.own.allowance else {
            return [Sz::ZERO; 2];
        };
        Side::BOTH
            .map(|side| (allowance.base[side.index()] - Sz(side.sign() * position.0)).max(Sz::ZERO))
    }

    /// Time to unwind the previous limit at our own measured fill rate; `None` until that is known.
    fn horizon_s(&self) -> Option<f64> {
        let (limits, _) = self.limits.as_ref()?;
        let quoting = self.now.since(self.normal_since?);
        let lots = self.counts.filled_lots;
        if quoting < FILL_RATE_KNOWN || lots == Sz::ZERO {
            return None;
        }
        let lots_per_s = lots.as_f64() / quoting.as_secs();
        Some((limits.long().max(limits.short()).as_f64() / lots_per_s).max(1.0))
    }

    fn assess(&self, limits: &Limits) -> ReduceOnly {
        let standing = Standing {
            position: self.own.position(),
            mid: self
                .market
                .book
                .touch()
                .map(|touch| touch.mid() / self.instrument.px_scale()),
            was_reduce_only: self.reduce_only,
            other: None,
        };
        assess(
            limits,
            &standing,
            self.config.limits.reduce_only_leave_frac(),
            &self.instrument,
        )
    }

    fn health(&self) -> Health {
        let gone = self.config.freshness.settings().market_gone_s;
        let fresh = self
            .market
            .age(self.now)
            .is_some_and(|age| age <= Dur::from_secs(gone));
        Health {
            book_fresh: fresh && self.market.seen_since_up && self.market.book.touch().is_some(),
            streams_up: self.own.streams_up(),
            sigma_ready: self.market.volatility.for_limits().is_some(),
            explained: self
                .own
                .ledger
                .as_ref()
                .is_some_and(|ledger| !ledger.is_unexplained()),
        }
    }

    /// The orders this cycle wants, sized and filtered, best first on each side.
    fn wanted(&mut self, limits: &Limits, verdict: &ReduceOnly) -> Vec<Quote> {
        let Some(beliefs) = self.beliefs(limits) else {
            return Vec::new();
        };
        let opening = self.phases.phase() == Phase::QuoteMin;
        let raw = if opening {
            opening_ladder(&self.config.quoting, &beliefs, &self.instrument)
        } else {
            build_ladder(&self.config.quoting, &beliefs, &self.instrument)
        };
        let sized = self.size(&raw, &beliefs, limits, verdict, opening);
        self.trace = raw.trace;
        let filtered = filter_ladder(&sized, verdict, self.own.position(), limits);
        self.refusals.extend(filtered.refusals);
        filtered.quotes
    }

    /// In a drill, the same ladder at a multiple of its room; otherwise as it is.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a drill's multiple of a size below 2^53"
    )]
    fn planted(&self, mut wanted: Vec<Quote>, limits: &Limits) -> Vec<Quote> {
        let Some(drill) = self.config.drill else {
            return wanted;
        };
        for side in Side::BOTH {
            let room = limits.of(side) - side.signed(self.own.position());
            let total: Sz = wanted.iter().filter(|q| q.side == side).map(|q| q.sz).sum();
            for quote in wanted.iter_mut().filter(|quote| quote.side == side) {
                let share = quote.sz.as_f64() / total.as_f64();
                quote.sz =
                    Sz(libm::ceil(share * drill.room_factor * room.as_f64()) as i64).max(quote.sz);
            }
        }
        wanted
    }

    fn beliefs(&mut self, limits: &Limits) -> Option<Beliefs> {
        let touch = self.market.book.touch()?;
        let position = self.own.position();
        let bound = limits.for_position(position);
        let inventory = if position == Sz::ZERO {
            0.0
        } else if bound == Sz::ZERO {
            Sz(position.0.signum()).as_f64()
        } else {
            (position.as_f64() / bound.as_f64()).clamp(-1.0, 1.0)
        };
        Some(Beliefs {
            touch,
            fair_px: touch.mid(),
            solved: self.solve(),
            maker_fee_bps: self.maker_fee_bps()?,
            inventory,
        })
    }

    /// The quoting model at the present volatility, solved anew only when that has moved.
    fn solve(&mut self) -> Option<Solved> {
        let sigma_bps = self.sigma_for_quotes()? * 1e4;
        if !self.solved.is_some_and(|solved| solved.is_for(sigma_bps)) {
            self.solved = Some(Solved::new(
                &self.config.quoting,
                sigma_bps,
                self.limit_units(),
            ));
        }
        self.solved
    }

    pub(super) fn maker_fee_bps(&self) -> Option<f64> {
        self.own.fees.map(|fees| fees.maker * 1e4)
    }

    pub(super) fn sigma_for_quotes(&self) -> Option<f64> {
        self.market
            .volatility
            .for_quotes(self.config.limits.confidence_n0())
            .map(|sigma| sigma.value)
    }

    /// What leverage alone would allow.
    pub(super) fn leverage_only(&self) -> Option<Usd> {
        let inputs = self.limit_inputs();
        let allowed = inputs.account_value?.as_usd() * inputs.max_leverage;
        Some(usd(allowed))
    }

    /// Gives each level a size inside the room of its side; in the opening phase the smallest there is.
    fn size(
        &mut self,
        raw: &RawLadder,
        beliefs: &Beliefs,
        limits: &Limits,
        verdict: &ReduceOnly,
        opening: bool,
    ) -> Vec<Quote> {
        let quoting = &self.config.quoting;
        let min_level = usd(quoting.min_level_usd);
        let target = if opening {
            Sz(min_level.0.div_euclid(beliefs.touch.bid.px.0.max(1)) + 1)
        } else {
            share(
                limits.long().max(limits.short()),
                quoting.target_liquidity_frac,
            )
        };
        let costs_bps = quoting.break_even_bps(beliefs.maker_fee_bps);
        let levels = Side::BOTH.map(|side| -> Vec<LadderLevel> {
            raw.levels
                .iter()
                .filter(|level| level.side == side)
                .filter_map(|level| {
                    let rate = quoting.fill_rate_per_s(level.depth_bps);
                    LadderLevel::new(level.px, rate, level.depth_bps - costs_bps).ok()
                })
                .collect()
        });
        let sizing = Sizing {
            position: self.own.position(),
            verdict: *verdict,
            unreplaced: self.unreplaced(),
            target,
            min_level,
            limit_use_frac: self.config.limits.limit_use_frac(),
            margin_left: self.margin_left(&beliefs.touch),
        };
        let ladder = size_ladder(limits, [&levels[0], &levels[1]], &sizing, &self.instrument);
        self.refusals.extend(ladder.refusals);
        ladder.quotes
    }

    /// Margin for increasing orders: the usable share of equity less what the position holds.
    fn margin_left(&self, touch: &Touch) -> Option<MarginLeft> {
        let (report, _) = self.own.account?;
        let leverage = f64::from(self.own.allowance?.room.leverage);
        let usable = report.account_value.as_usd() * self.config.limits.initial_margin_frac();
        let held = (touch.mid_floor() * self.own.position().abs()).as_usd() / leverage;
        Some(MarginLeft {
            free: usd((usable - held).max(0.0)),
            leverage,
        })
    }

    /// Everything that could still fill.
    pub(super) fn exposure(&self) -> Exposure {
        let mut exposure = Exposure::default();
        for pending in self.orders.exposures() {
            exposure.add(pending.side, pending.sz, pending.reduce_only);
        }
        exposure
    }

    /// What the plan cannot replace: orphans, dying orders, orders of unknown fate.
    fn unreplaced(&self) -> [Sz; 2] {
        let mut lots = [Sz::ZERO; 2];
        for pending in self.orders.exposures() {
            if pending.unreplaced && !pending.reduce_only {
                lots[pending.side.index()] += pending.sz;
            }
        }
        lots
    }

    /// Cancels what exceeds a limit that has fallen, outermost first: in the step that lowered it.
    fn cut_excess(&mut self, gate: &Gate, batch: &mut Batch) {
        for side in Side::BOTH {
            let mut excess = gate.excess(side) - self.dying(side);
            if excess <= Sz::ZERO {
                continue;
            }
            let mut own: Vec<(Px, Cloid, Sz)> = self
                .orders
                .iter()
                .filter(|(_, o)| o.order.side == side && !o.order.reduce_only && o.is_quote())
                .filter(|(_, o)| o.may_retry(self.now))
                .map(|(cloid, o)| (o.target().0, *cloid, o.exposure()))
                .collect();
            own.sort_by_key(|(px, cloid, _)| (side.sign() * px.0, *cloid));
            for (_, cloid, sz) in own {
                if excess <= Sz::ZERO {
                    break;
                }
                excess -= sz;
                self.cancel(cloid, Reason::OverLimit, batch);
            }
        }
    }

    /// Lots of a side whose cancel is already on its way.
    fn dying(&self, side: Side) -> Sz {
        self.orders
            .iter()
            .filter(|(_, o)| o.order.side == side && !o.order.reduce_only && !o.is_quote())
            .filter(|(_, o)| o.cancelling || matches!(o.state, State::Settling { .. }))
            .map(|(_, o)| o.exposure())
            .sum()
    }

    fn plan_side(&mut self, side: Side, wanted: &[Quote], gate: &mut Gate, batch: &mut Batch) {
        let wanted: Vec<Quote> = wanted
            .iter()
            .filter(|quote| quote.side == side)
            .copied()
            .collect();
        let mut own: Vec<Own> = self
            .orders
            .iter()
            .filter(|(_, order)| order.order.side == side && order.is_quote())
            .map(|(cloid, order)| own_of(*cloid, order, self.now))
            .collect();
        sort_outward(side, &mut own);
        self.cancel_unknown(side, batch);
        let tolerance = self.tolerance();
        for change in diff_orders(side, &wanted, &own, &tolerance) {
            match change {
                Change::Cancel(cloid) => {
                    let reason = if self.not_quoting.is_some() {
                        self.why_pulled()
                    } else {
                        Reason::LevelGone
                    };
                    self.cancel(cloid, reason, batch);
                }
                Change::Place(quote) => self.place(quote, gate, batch),
                Change::Amend(cloid, quote) => self.amend(cloid, quote, gate, batch),
            }
        }
    }

    fn why_pulled(&self) -> Reason {
        if self.not_quoting == Some(NotQuoting::Stopping) {
            Reason::Stop
        } else {
            Reason::NotQuoting
        }
    }

    /// An order of unknown fate is cancelled by cloid: that ends it whether or not it was placed.
    fn cancel_unknown(&mut self, side: Side, batch: &mut Batch) {
        let unknown: Vec<Cloid> = self
            .orders
            .iter()
            .filter(|(_, o)| o.order.side == side && o.state == State::Unknown)
            .filter(|(_, o)| !o.cancelling && o.may_retry(self.now))
            .map(|(cloid, _)| *cloid)
            .collect();
        for cloid in unknown {
            self.cancel(cloid, Reason::Expired, batch);
        }
    }

    fn place(&mut self, quote: Quote, gate: &mut Gate, batch: &mut Batch) {
        if self.crosses_own(&quote) {
            self.refuse(&quote, RefusalReason::OwnCross);
        } else if self.now < self.place_after[quote.side.index()] {
            self.refuse(&quote, RefusalReason::Backoff);
        } else if gate.admit(quote.side, quote.sz, quote.reduce_only) {
            let order = new_order(self.orders.next_cloid(), &quote, Reason::NewLevel);
            self.orders.placed(order, self.now);
            batch.places.push(order);
        } else {
            self.refuse(&quote, RefusalReason::WorstCase);
        }
    }

    fn amend(&mut self, cloid: Cloid, quote: Quote, gate: &mut Gate, batch: &mut Batch) {
        let Some(oid) = self.orders.amendable(cloid) else {
            return;
        };
        if self.crosses_own(&quote) {
            self.refuse(&quote, RefusalReason::OwnCross);
            return;
        }
        if gate.admit(quote.side, quote.sz, quote.reduce_only) {
            let order = new_order(cloid, &quote, Reason::Requote);
            self.orders.amending(order, self.now);
            batch.amends.push(Amend { oid, order });
        } else {
            // Never leave the old, wrong quote resting: cancel now, place after its success.
            self.refuse(&quote, RefusalReason::WorstCase);
            self.cancel(cloid, Reason::AmendTooLarge, batch);
        }
    }

    fn cancel(&mut self, cloid: Cloid, reason: Reason, batch: &mut Batch) {
        self.orders.cancelling(cloid, self.now);
        batch.cancels.push(Cancel { cloid, reason });
    }

    fn refuse(&mut self, quote: &Quote, reason: RefusalReason) {
        self.counts.refused += 1;
        let limit = self
            .limits
            .as_ref()
            .map_or(Sz::ZERO, |(limits, _)| limits.of(quote.side));
        self.refusals.push(Refusal {
            side: quote.side,
            px: quote.px,
            sz: quote.sz,
            reason,
            limit,
        });
    }

    /// Post-only orders are refused against our own resting ones: wait until those have moved.
    fn crosses_own(&self, quote: &Quote) -> bool {
        self.orders.iter().any(|(_, own)| {
            let (becoming, _) = own.target();
            let reached = |px| quote.side.at_or_better(quote.px, px);
            own.order.side != quote.side && (reached(own.order.px) || reached(becoming))
        })
    }

    /// max(one price step, a quarter of the first half-spread, twice the fair price's one-second noise).
    fn tolerance(&self) -> Tolerance {
        let Some(touch) = self.market.book.touch() else {
            return Tolerance {
                px: Px(1),
                sz_frac: self.config.quoting.size_tolerance_frac,
            };
        };
        let half = self
            .trace
            .first()
            .map_or(0.0, |trace| trace.half_spread_bps);
        let noise = self.sigma_for_quotes().map_or(0.0, |sigma| sigma * 1e4);
        let bps = self
            .config
            .quoting
            .max_bps_diff
            .map_or((0.25 * half).max(2.0 * noise), |bps| bps);
        #[expect(clippy::cast_possible_truncation, reason = "bps of a price below 2^53")]
        let px = Px(libm::floor(touch.mid() * bps / 1e4) as i64);
        Tolerance {
            px: px.max(self.instrument.px_step(touch.ask.px)),
            sz_frac: self.config.quoting.size_tolerance_frac,
        }
    }

    /// Amends, then places, then cancels: bids and asks together in each.
    fn send_batch(&mut self, batch: Batch, actions: &mut Vec<Action>) {
        if !batch.amends.is_empty() {
            self.send(ActionBody::Modify(batch.amends), actions);
        }
        if !batch.places.is_empty() {
            self.send(ActionBody::Place(batch.places), actions);
        }
        if !batch.cancels.is_empty() {
            self.send(ActionBody::Cancel(batch.cancels), actions);
        }
    }

    fn count_cycle(&mut self, limits: &Limits) {
        self.counts.quote_cycles += 1;
        if self.phases.phase() != Phase::Normal {
            return;
        }
        self.normal_since.get_or_insert(self.now);
        self.counts.ready_cycles += 1;
        if limits.source() == LimitSource::Valid {
            self.counts.valid_cycles += 1;
        }
        let live = |side| {
            self.orders
                .iter()
                .any(|(_, order)| order.order.side == side && order.is_quote())
        };
        if live(Side::Bid) && live(Side::Ask) {
            self.counts.two_sided_cycles += 1;
        }
    }

    fn keep_limits(&mut self, limits: Limits, acted: bool) {
        let moved = self
            .limits
            .as_ref()
            .is_none_or(|(old, _)| (old.long(), old.short()) != (limits.long(), limits.short()));
        if acted || moved {
            self.record = Some(CycleRecord {
                cycle: self.cycle,
                recv: self.now,
                position: self.own.position(),
                phase: self.phases.phase(),
                limits: limits.clone(),
                trace: self.trace.clone(),
            });
        }
        self.limits = Some((limits, self.now));
    }
}

fn own_of(cloid: Cloid, order: &Order, now: Time) -> Own {
    let (px, sz) = order.target();
    Own {
        cloid,
        px,
        sz,
        reduce_only: order.order.reduce_only,
        settled: order.is_settled(now),
    }
}

const fn new_order(cloid: Cloid, quote: &Quote, reason: Reason) -> NewOrder {
    NewOrder {
        cloid,
        side: quote.side,
        px: quote.px,
        sz: quote.sz,
        tif: Tif::Alo,
        reduce_only: quote.reduce_only,
        reason,
    }
}

/// USDC as micro-USDC, toward zero.
#[expect(clippy::cast_possible_truncation, reason = "far below 2^53 micro-USDC")]
fn usd(amount: f64) -> Usd {
    Usd(libm::floor(amount * 1e6) as i64)
}

/// A share of a size in lots, toward zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a share of an i64 below 2^53"
)]
fn share(sz: Sz, frac: f64) -> Sz {
    Sz(libm::floor(sz.as_f64() * frac) as i64)
}
