//! How each fact changes what we know. Nothing is decided here.

use super::own::Allowance;
use super::{Bug, Engine, Sent};
use crate::account::{Entry, Posted};
use crate::action::Cloid;
use crate::control::{Alarm, KillReason, ToldFill};
use crate::event::{
    AccountState, Command, EventBody, Fill, Fills, HeadRoom, ItemStatus, Novelty, NoveltyPlace,
    OpenOrder, OrderFate, Rejection, RejectionClass, Reply, ReplyOutcome, Stream, StreamState,
    StreamStatus,
};
use crate::orders::{Look, Owner};
use crate::recovery::ask::Ask;
use crate::units::{Side, Sz};

use super::replies::Batch;

/// New words that are told: whoever sends more of them is told of often enough.
const NOVELTIES_MAX: usize = 64;

impl Engine {
    pub(super) fn learn(&mut self, body: &EventBody) {
        let now = self.now;
        self.recover.on_answer(body, now);
        match body {
            EventBody::Book(snapshot) => {
                let news = self.market.on_book(snapshot, now);
                self.on_touch(news);
            }
            EventBody::Bbo(bbo) => {
                let news = self.market.on_bbo(bbo, now);
                self.on_touch(news);
            }
            EventBody::Trades(trades) => self.market.on_trades(trades, now),
            EventBody::AssetCtx(ctx) => self.on_context(ctx),
            EventBody::Reference(px) => self.on_reference(px),
            EventBody::Candles(candles) => self.market.on_candles(candles, now),
            EventBody::AtOpenInterestCap(is_at) => self.market.on_cap(*is_at, now),
            EventBody::Account(report) => {
                self.own.sign_of_life(now);
                self.on_account(*report);
            }
            EventBody::HeadRoom(room) => self.on_head_room(*room),
            EventBody::Fees(fees) => self.own.fees = Some(*fees),
            EventBody::RateLimit(limit) => self.requests.on_report(*limit, now),
            EventBody::Fills(_) | EventBody::Funding(_) | EventBody::OtherFunding(_)
                if self.own.is_early(body) => {}
            EventBody::Fills(fills) => self.on_fills(fills),
            EventBody::OrderUpdates(updates) => {
                self.own.sign_of_life(now);
                for update in updates {
                    if self.is_of_a_stop(update) {
                        continue;
                    }
                    if self.orders.on_update(update, now) {
                        self.recover.questions.want(Ask::OpenOrders);
                    }
                }
            }
            EventBody::OpenOrders(open) => self.on_look(&open.orders),
            EventBody::OrderStatus(fate) => self.on_fate(fate),
            EventBody::Reply(reply) => self.on_reply(reply),
            EventBody::Funding(funding) => self.own.fund(*funding),
            EventBody::OtherFunding(payment) => {
                if let Some(ledger) = &mut self.own.ledger {
                    ledger.fund_elsewhere(payment);
                }
            }
            EventBody::Spent(spent) => {
                for spending in spent {
                    self.requests.apply(*spending, now);
                }
            }
            EventBody::Transfer(transfer) => {
                self.own.is_early(body);
                self.own.on_transfer(*transfer);
            }
            EventBody::Novelty(novelty) => self.on_novelty(novelty),
            EventBody::Stream(status) => self.on_stream(*status),
            EventBody::Timer => {}
            EventBody::Command(command) => self.on_command(*command),
        }
    }

    fn on_stream(&mut self, status: StreamStatus) {
        self.own.on_stream(status.stream, status.state, self.now);
        match (status.stream, status.state) {
            (Stream::Market, StreamState::Down) => {
                self.market.on_down();
                self.control.jumps.forget();
            }
            (Stream::User, StreamState::Down) => self.recover.on_user_down(),
            (Stream::User, StreamState::Up) => self.recover.on_user_up(),
            (Stream::Market, StreamState::Up) => {}
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Anchor(report) => {
                self.on_anchor(report);
                self.govern_anchor();
            }
            Command::Restore(saved) => self.own.restore(saved, self.now),
            Command::RestoreLimit(saved) => self.restore_limit(&saved),
            Command::Stop => self.on_stop(),
            Command::Kill => self.latch(KillReason::Manual),
            Command::KillElsewhere => self.latch(KillReason::OtherCoin),
            Command::Resident(news) => self.on_stop_news(news),
            Command::Reconcile => self.recover.look_at_everything(),
        }
    }

    /// What time alone changes.
    pub(super) fn expire(&mut self) {
        self.orders.expire(self.now);
        let breaks = self
            .own
            .ledger
            .as_mut()
            .is_some_and(|ledger| ledger.breaks(self.now));
        self.counts.discontinuities += u64::from(breaks);
    }

    /// The ledger begins; what was told before it is told to it now.
    fn on_anchor(&mut self, report: AccountState) {
        let believed = self.own.position();
        let early = self.own.anchor(report, self.now);
        // The venue knew of the position all along: an allowance that came before is beside all of it.
        let found = self.own.position() - believed;
        if let Some(allowance) = &mut self.own.allowance {
            for side in Side::BOTH {
                allowance.base[side.index()] += side.signed(found);
            }
        }
        self.on_inherited(report.position);
        for body in &early {
            self.learn(body);
        }
    }

    /// A newer top of the book: what is held is worth something else, and a refused price may fit.
    fn on_touch(&mut self, news: bool) {
        if news {
            let others = self.touch_of_others();
            self.market.on_touch(others);
        }
        self.teach_touch();
        self.recover.limiter.on_book();
        if let (Some(touch), Some(ledger)) = (self.market.book.touch(), &mut self.own.ledger) {
            ledger.mark(touch.mid_floor());
        }
        self.govern_mid();
    }

    fn on_head_room(&mut self, room: HeadRoom) {
        let position = self.own.position();
        let base = Side::BOTH.map(|side| {
            let own: Sz = self
                .orders
                .exposures()
                .filter(|pending| pending.side == side && !pending.reduce_only)
                .map(|pending| pending.sz)
                .sum();
            Sz(side.sign() * position.0) + own
        });
        self.own.leverage_set = Some(room.leverage);
        self.own.allowance = room.max_trade_szs.map(|max_trade_szs| Allowance {
            max_trade_szs,
            base,
            recv: self.now,
        });
    }

    /// Fills move the position by trade id alone. A snapshot goes the same way: what it repeats is known,
    /// what is new in it fills a gap, and whether that explains the gap the ledger judges.
    fn on_fills(&mut self, fills: &Fills) {
        self.own.sign_of_life(self.now);
        for fill in &fills.fills {
            if self.is_planted(Bug::Ledger)
                && let Some(ledger) = &mut self.own.ledger
            {
                ledger.forget(fill.tid);
            }
            match self.own.post(fill, self.now) {
                Some(Posted::New) => self.on_new_fill(fill, fills.snapshot),
                Some(Posted::BeforeAnchor) => {
                    // After a correction an order of ours may still wait for it.
                    let owner = match self.orders.owner_of(fill) {
                        Owner::Ours => self.orders.on_fill(fill, self.now),
                        other => other,
                    };
                    self.own.entries.push(Entry::of_fill(fill, owner, None));
                }
                Some(Posted::Known) | None => {}
            }
        }
        for fill in &fills.others {
            let ledger = self.own.ledger.as_mut();
            if ledger.is_some_and(|ledger| ledger.post_elsewhere(fill)) {
                self.count_earned(&fill.coin, fill.notional, fill.exch);
            }
        }
        self.own.judge(self.now);
        if fills.snapshot {
            self.recover.reconciler.on_fills(self.now);
        }
    }

    /// A report checks the ledger, it does not overwrite it.
    fn on_account(&mut self, report: AccountState) {
        let drift = self.own.on_account(report, self.now);
        let ledger = self.own.ledger.as_ref().filter(|_| drift.is_some());
        if let Some(residual) = ledger.and_then(|ledger| ledger.unexplained(&report)) {
            let config = &self.config.recovery;
            self.recover.on_residual(residual, self.now, config);
        }
        self.reconcile(&report, drift);
    }

    /// What a new word may have changed is asked for: the reports and looks judge. It is told once.
    fn on_novelty(&mut self, novelty: &Novelty) {
        if novelty.place != NoveltyPlace::Channel {
            self.recover.doubt();
        }
        let told = &mut self.recover.novelties;
        if told.len() < NOVELTIES_MAX && told.insert(novelty.clone()) {
            let Novelty { place, word } = novelty.clone();
            self.alarms.push(Alarm::UnknownWord { place, word });
        }
    }

    /// What a query of the open orders shows and hides.
    fn on_look(&mut self, open: &[OpenOrder]) {
        let open = self.without_stops(open);
        let Look {
            foreign,
            again,
            gone,
        } = self.orders.on_open_orders(&open, self.now);
        for cloid in gone {
            self.recover.questions.want(Ask::OrderStatus(cloid));
        }
        for order in foreign {
            self.alarms.push(Alarm::ForeignOrder { order });
        }
        if again {
            self.recover.questions.want(Ask::OpenOrders);
        }
    }

    fn on_fate(&mut self, fate: &OrderFate) {
        match fate.found {
            Some(update) => {
                self.orders.on_found(&update, self.now);
            }
            None => self.orders.on_unheard_of(fate.cloid, self.now),
        }
    }

    fn on_new_fill(&mut self, fill: &Fill, is_old: bool) {
        match fill.side {
            Side::Bid => self.counts.fills_buy += 1,
            Side::Ask => self.counts.fills_sell += 1,
        }
        self.counts.volume += fill.px * fill.sz;
        let coin = self.instrument.coin().to_owned();
        self.count_earned(&coin, fill.px * fill.sz, fill.exch);
        let owner = self.orders.on_fill(fill, self.now);
        let entry = Entry::of_fill(fill, owner, self.own.mark());
        self.own.entries.push(entry);
        match owner {
            Owner::Ours | Owner::Past => {
                self.on_quote_filled(fill);
                // A snapshot says what the position is; the market that its fills met is not known.
                if !is_old && !fill.taker {
                    self.market.models.on_own_fill(fill);
                }
                self.govern_fill(fill);
                self.doubt_if_large(fill.side.signed(fill.sz));
            }
            Owner::Earlier => self.counts.earlier_fills += 1,
            Owner::Exchange => {
                self.counts.forced_fills += 1;
                self.alarms.push(Alarm::ForcedFill(ToldFill::new(fill)));
            }
            Owner::Resident => {
                self.counts.stop_fills += 1;
                self.alarms.push(Alarm::StopFilled(ToldFill::new(fill)));
                self.recover.doubt();
            }
            Owner::Stranger => {
                self.counts.stranger_fills += 1;
                self.alarms.push(Alarm::UnknownFill(ToldFill::new(fill)));
                self.recover.doubt();
            }
        }
    }

    /// What a fill says about our quotes; one of somebody else's order says nothing.
    fn on_quote_filled(&mut self, fill: &Fill) {
        self.counts.filled_lots += fill.sz;
        self.count_turnover(fill.sz);
        self.market
            .markouts
            .on_fill(fill.exch, fill.side, fill.px, fill.sz);
    }

    fn on_reply(&mut self, reply: &Reply) {
        let Some(sent) = self.sent.remove(&reply.action) else {
            return;
        };
        let (Sent::Place(items) | Sent::Modify(items) | Sent::Cancel(items)) = &sent;
        self.count_answered(&reply.outcome, items.len());
        let mut batch = Batch::default();
        match &reply.outcome {
            ReplyOutcome::Statuses(statuses) => {
                for (cloid, status) in items.iter().zip(statuses) {
                    if self.is_outrun(&sent, *cloid, reply.action) {
                        self.on_item_outrun(&sent, *cloid, status, &mut batch);
                    } else {
                        self.on_item(&sent, *cloid, status, &mut batch);
                    }
                }
                for cloid in items.iter().skip(statuses.len()) {
                    self.on_item_lost(&sent, *cloid, reply.action);
                }
            }
            ReplyOutcome::Refused(why) => {
                self.counts.reject(why, items.len());
                for cloid in items {
                    if !self.is_outrun(&sent, *cloid, reply.action) {
                        self.on_item_refused(&sent, *cloid, why, &mut batch);
                    }
                }
            }
            ReplyOutcome::Lost => {
                self.counts.lost_replies += 1;
                for cloid in items {
                    self.on_item_lost(&sent, *cloid, reply.action);
                }
            }
        }
        self.on_batch(batch);
    }

    /// Whether the answer to a place or amend comes after a later amend of the same order left: the
    /// streams had told what the earlier one came to, and its answer says nothing of the later.
    fn is_outrun(&self, sent: &Sent, cloid: Cloid, action: u64) -> bool {
        !matches!(sent, Sent::Cancel(_)) && self.orders.has_left_since(cloid, action)
    }

    fn on_item_outrun(
        &mut self,
        sent: &Sent,
        cloid: Cloid,
        status: &ItemStatus,
        batch: &mut Batch,
    ) {
        match status {
            ItemStatus::Error(why) => {
                self.counts.reject(why, 1);
                self.recover.questions.want(Ask::OrderStatus(cloid));
            }
            _ if matches!(sent, Sent::Modify(_)) => self.counts.modified += 1,
            _ => self.counts.placed += 1,
        }
        if matches!(status, ItemStatus::Resting(_)) {
            batch.accept(self.orders.get(cloid));
        }
    }

    /// Nothing of the action was carried out.
    fn on_item_refused(&mut self, sent: &Sent, cloid: Cloid, why: &Rejection, batch: &mut Batch) {
        match sent {
            Sent::Place(_) => {
                batch.refuse(self.orders.get(cloid), why);
                self.orders.on_place_rejected(cloid);
            }
            Sent::Modify(_) => {
                batch.refuse(self.orders.get(cloid), why);
                self.orders.on_amend_refused(cloid, self.now);
            }
            Sent::Cancel(_) => {
                batch.refuse(None, why);
                if why.class == RejectionClass::Transport {
                    self.orders.on_cancel_lost(cloid, self.now);
                } else {
                    self.orders.on_cancel_refused(cloid, self.now);
                }
            }
        }
    }

    fn on_item_lost(&mut self, sent: &Sent, cloid: Cloid, action: u64) {
        if self.is_outrun(sent, cloid, action) {
            return;
        }
        match sent {
            Sent::Place(_) | Sent::Modify(_) => self.orders.on_lost(cloid, self.now),
            Sent::Cancel(_) => self.orders.on_cancel_lost(cloid, self.now),
        }
        self.recover.questions.want(Ask::OrderStatus(cloid));
    }

    fn on_item(&mut self, sent: &Sent, cloid: Cloid, status: &ItemStatus, batch: &mut Batch) {
        let now = self.now;
        match (sent, status) {
            (Sent::Place(_), ItemStatus::Resting(oid)) => {
                self.counts.placed += 1;
                batch.accept(self.orders.get(cloid));
                self.orders.on_resting(cloid, *oid, now);
            }
            (Sent::Modify(_), ItemStatus::Resting(oid)) => {
                self.counts.modified += 1;
                batch.accept(self.orders.get(cloid));
                self.orders.on_resting(cloid, *oid, now);
            }
            (Sent::Place(_) | Sent::Modify(_), ItemStatus::Filled { oid, sz }) => {
                self.counts.placed += 1;
                batch.accept(self.orders.get(cloid));
                self.orders.on_filled_at_once(cloid, *oid, *sz, now);
            }
            (Sent::Cancel(_), ItemStatus::Success | ItemStatus::Resting(_)) => {
                self.counts.cancelled += 1;
                self.orders.on_cancelled(cloid, now);
            }
            (Sent::Place(_), ItemStatus::Error(why)) => {
                self.counts.reject(why, 1);
                batch.refuse(self.orders.get(cloid), why);
                self.orders.on_place_rejected(cloid);
            }
            (Sent::Modify(_), ItemStatus::Error(why)) => {
                self.counts.reject(why, 1);
                if why.class != RejectionClass::Gone {
                    batch.refuse(self.orders.get(cloid), why);
                }
                if !why.ends_the_amended() {
                    self.orders.on_amend_invalid(cloid, now);
                    self.recover.questions.want(Ask::OrderStatus(cloid));
                } else if self.orders.on_amend_rejected(cloid, now) {
                    self.recover.questions.want(Ask::OrderStatus(cloid));
                }
            }
            (Sent::Cancel(_), ItemStatus::Error(why)) => {
                self.counts.reject(why, 1);
                if why.class == RejectionClass::Gone {
                    if self.orders.on_gone(cloid, now) {
                        self.recover.questions.want(Ask::OrderStatus(cloid));
                    }
                } else {
                    batch.refuse(None, why);
                    self.orders.on_cancel_refused(cloid, now);
                }
            }
            // Statuses that do not belong to what was sent say nothing certain: a query will.
            (Sent::Place(_) | Sent::Modify(_), ItemStatus::Success)
            | (Sent::Cancel(_), ItemStatus::Filled { .. }) => {
                self.orders.on_lost(cloid, now);
                self.recover.questions.want(Ask::OrderStatus(cloid));
            }
        }
    }
}

impl super::Counts {
    fn reject(&mut self, why: &Rejection, items: usize) {
        self.rejected += items as u64;
        *self.rejections.entry(why.class).or_insert(0) += items as u64;
    }
}
