//! The plan of faults at the protocol's edge: what it does to answers, frames and sockets, and what
//! it has strangers and hands do to the exchange. Without a plan nothing here happens.

use std::collections::BTreeMap;

use mm_core::units::{Dur, Time};
use mm_hl::address::Address;
use mm_hl::wire::ExchangeAction;
use serde_json::Value;

use super::action::Origin;
use super::feed;
use super::info::asset;
use super::subscription::Subscription;
use super::{Answer, PaperExchange};
use crate::exchange::{PlantedRefusal, SimExchange};
use crate::faults::{
    ActionFate, FaultError, FaultKind, FaultPlan, Faults, Feed, FrameFate, InfoFate, Of, ReplyFate,
    Stage,
};

/// A plan at work on this exchange.
#[derive(Debug)]
pub(super) struct Injected {
    faults: Faults,
    /// Whose requests and frames are met.
    account: Option<Address>,
    /// `None` without an account.
    stage: Option<Stage>,
    late_replies: Vec<(Time, Waiter, Answer)>,
    late_frames: BTreeMap<Subscription, Vec<(Time, Vec<u8>)>>,
    /// While books are stale, what each feed says.
    stale_books: BTreeMap<Subscription, Vec<u8>>,
    dropped: Vec<u64>,
    hold: Dur,
}

/// Who waits for a reply: the number of a request, and where its answer goes.
pub(super) type Waiter = (u64, Origin);

/// What the door does with an action.
pub(super) enum Door {
    /// It goes on, so much later, with the fate of its answer and a planted refusal.
    Open(Dur, ReplyFate, Option<PlantedRefusal>),
    /// It is lost on the way.
    Lost,
    /// It is answered here.
    Answered(Answer),
}

impl Injected {
    /// A plan whose hands are those of `account`.
    ///
    /// # Errors
    /// [`FaultError`] where the plan has a number out of range or names a perp that is not listed.
    pub(super) fn new(
        plan: &FaultPlan,
        sim: &SimExchange,
        account: Option<Address>,
    ) -> Result<Self, FaultError> {
        let asset = match &plan.coin {
            Some(coin) => asset(sim, coin).ok_or_else(|| FaultError::Coin(coin.clone()))?,
            None => 0,
        };
        Ok(Self {
            faults: Faults::new(plan, sim.now())?,
            account,
            stage: account.map(|account| Stage::new(account, asset)),
            late_replies: Vec::new(),
            late_frames: BTreeMap::new(),
            stale_books: BTreeMap::new(),
            dropped: Vec::new(),
            hold: Dur(0),
        })
    }

    /// Newest fills that a snapshot holds; `None`: as the venue.
    pub(super) const fn snapshot_fills(&self) -> Option<usize> {
        self.faults.snapshot_fills()
    }

    /// What happens from outside before the block at `block`.
    pub(super) fn open_block(&mut self, sim: &mut SimExchange, block: Time) {
        self.faults.advance(block);
        let acts = self.faults.take_acts();
        if let Some(stage) = &mut self.stage {
            stage.play(&acts, sim, block);
        }
    }

    /// The door of `POST /exchange`.
    pub(super) fn door(&mut self, user: Address, action: &ExchangeAction) -> Door {
        if self.account != Some(user) {
            return Door::Open(Dur(0), ReplyFate::Comes, None);
        }
        match self.faults.on_action(of(action)) {
            ActionFate::Arrives(fate) => Door::Open(Dur(0), fate, None),
            ActionFate::ArrivesLate(by, fate) => Door::Open(by, fate, None),
            ActionFate::Refused(text) => {
                Door::Open(Dur(0), ReplyFate::Comes, Some(PlantedRefusal::Batch(text)))
            }
            ActionFate::CancelsFail(text) => {
                Door::Open(Dur(0), ReplyFate::Comes, Some(PlantedRefusal::Items(text)))
            }
            ActionFate::PartlyFails(text, every) => Door::Open(
                Dur(0),
                ReplyFate::Comes,
                Some(PlantedRefusal::Some(text, every)),
            ),
            ActionFate::Vanishes => Door::Lost,
            ActionFate::Status(status) => Door::Answered(Answer::bare(status)),
        }
    }

    /// Holds an answer back until `due`.
    pub(super) fn delay(&mut self, due: Time, waiter: Waiter, answer: Answer) {
        self.late_replies.push((due, waiter, answer));
    }

    /// Answers whose time has come by `now`.
    fn due_replies(&mut self, now: Time) -> Vec<(Waiter, Answer)> {
        let (due, later) = core::mem::take(&mut self.late_replies)
            .into_iter()
            .partition(|(at, _, _)| *at <= now);
        self.late_replies = later;
        let due: Vec<(Time, Waiter, Answer)> = due;
        due.into_iter()
            .map(|(_, waiter, answer)| (waiter, answer))
            .collect()
    }

    /// What becomes of the frames that a feed is about to send.
    pub(super) fn on_frames(
        &mut self,
        channel: &Subscription,
        now: Time,
        frames: &mut Vec<Vec<u8>>,
    ) {
        let is_about_other = channel
            .user()
            .is_some_and(|user| self.account != Some(user));
        let Some(feed) = feed_of(channel).filter(|_| !is_about_other) else {
            return;
        };
        for frame in core::mem::take(frames) {
            let frame = self.frozen(channel, now, frame);
            match self.faults.on_frame(feed, now) {
                FrameFate::Comes => frames.push(frame),
                FrameFate::Twice => {
                    frames.push(frame.clone());
                    frames.push(frame);
                }
                FrameFate::LateAt(at) => {
                    let late = self.late_frames.entry(channel.clone()).or_default();
                    late.push((at, frame));
                }
                FrameFate::Never => {}
            }
        }
        if let Some(late) = self.late_frames.get_mut(channel) {
            late.retain_mut(|(at, frame)| {
                let waits = *at > now;
                if !waits {
                    frames.push(core::mem::take(frame));
                }
                waits
            });
        }
    }

    /// The frame itself, or while books are stale the first one since they are.
    fn frozen(&mut self, channel: &Subscription, now: Time, frame: Vec<u8>) -> Vec<u8> {
        let Some(restamped) = self.faults.stale() else {
            self.stale_books.clear();
            return frame;
        };
        if !matches!(
            channel,
            Subscription::L2Book { .. } | Subscription::Bbo { .. }
        ) {
            return frame;
        }
        let known = self.stale_books.entry(channel.clone()).or_insert(frame);
        if restamped {
            edited(known, |data| data["time"] = now.as_millis().into())
        } else {
            known.clone()
        }
    }

    /// Notes connections that broke, and forgets what was late on them.
    pub(super) fn cut(&mut self, connections: impl IntoIterator<Item = u64>) {
        self.dropped.extend(connections);
        self.late_frames.clear();
    }
}

impl PaperExchange {
    /// How often each kind of planted fault happened.
    #[must_use]
    pub const fn fault_counts(&self) -> &BTreeMap<FaultKind, u64> {
        self.injected.faults.counts()
    }

    /// What a planted fault makes of the next `POST /info`: an answer in place of the exchange's, or a
    /// time to hold that one back.
    pub fn info_fate(&mut self) -> Option<Answer> {
        self.injected.hold = Dur(0);
        match self.injected.faults.on_info() {
            InfoFate::Answered => None,
            InfoFate::Status(status) => Some(Answer::bare(status)),
            InfoFate::Late(hold) => {
                self.injected.hold = hold;
                None
            }
        }
    }

    /// How long, in exchange time, the carrier is to hold back the answer to the last `POST /info`.
    #[must_use]
    pub const fn info_hold(&self) -> Dur {
        self.injected.hold
    }

    /// Whether websockets are accepted now.
    #[must_use]
    pub const fn accepts_sockets(&self) -> bool {
        !self.injected.faults.is_down()
    }

    /// Whether anything passes on a connection; not on one that is half-open. The carrier leaves such
    /// a one alone: to its client it is open.
    pub fn passes(&mut self, connection: u64) -> bool {
        !self.is_lost(connection, None)
    }

    /// Connections that broke since the last call: the carrier cuts them without a close frame.
    pub fn take_dropped(&mut self) -> Vec<u64> {
        core::mem::take(&mut self.injected.dropped)
    }

    /// Breaks every connection when the plan says so.
    pub(super) fn break_sockets(&mut self) {
        if self.injected.faults.take_break() {
            self.injected.cut(self.sockets.drop_all());
        }
    }

    /// Lets connections go half-open when the plan says so.
    pub(super) fn deafen_sockets(&mut self) {
        if let Some(lines) = self.injected.faults.take_half_open() {
            self.sockets.deafen(lines);
        }
    }

    /// Whether what a client says on this connection is lost. One that is opened while others are
    /// half-open is met by what it first says.
    pub(super) fn is_lost(&mut self, connection: u64, channel: Option<&Subscription>) -> bool {
        if let Some(lines) = self.injected.faults.half_open() {
            self.sockets.meet(connection, channel, lines);
        }
        self.sockets.is_deaf(connection)
    }

    /// How far the clock that is announced is ahead of the exchange's.
    pub(super) fn clock_skew(&self) -> Dur {
        self.injected.faults.skew()
    }

    /// Sends first frames again when the plan says so.
    pub(super) fn replay_snapshots(&mut self) {
        for (feed, as_news) in self.injected.faults.take_replays() {
            let meets = |channel: &Subscription| {
                let of = feed_of(channel);
                let about_us = channel.user().is_none() || channel.user() == self.injected.account;
                about_us
                    && of.is_some_and(|of| of == feed || (feed == Feed::User && of != Feed::Market))
            };
            let (sim, fills_max) = (&self.sim, self.injected.snapshot_fills());
            self.sockets.visit(|channel, _, frames| {
                let first = Some(channel).filter(|channel| meets(channel));
                let first = first.and_then(|channel| feed::first(sim, channel, fills_max));
                frames.extend(first.map(|frame| {
                    if as_news {
                        edited(&frame, without_snapshot_word)
                    } else {
                        frame
                    }
                }));
            });
        }
    }

    /// Adds the answers that were held back until now.
    pub(super) fn deliver_late(&mut self) {
        let due = self.injected.due_replies(self.sim.now());
        for (waiter, answer) in due {
            self.answer_waiter(waiter, answer);
        }
    }
}

/// A frame with its data changed.
fn edited(frame: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut frame: Value = serde_json::from_slice(frame).expect("Invariant: our own JSON");
    change(&mut frame["data"]);
    let channel = frame["channel"].as_str().unwrap_or_default().to_owned();
    super::book::frame(&channel, &frame["data"])
}

fn without_snapshot_word(data: &mut Value) {
    if let Some(data) = data.as_object_mut() {
        data.remove("isSnapshot");
    }
}

impl Answer {
    /// A status whose body says nothing.
    pub(super) const fn bare(status: u16) -> Self {
        Self {
            status,
            body: Vec::new(),
        }
    }
}

/// An action in the words of a plan.
const fn of(action: &ExchangeAction) -> Of {
    match action {
        ExchangeAction::Order(_) => Of::Place,
        ExchangeAction::Modify(_) | ExchangeAction::BatchModify(_) => Of::Modify,
        ExchangeAction::Cancel(_) | ExchangeAction::CancelByCloid(_) => Of::Cancel,
        _ => Of::Other,
    }
}

/// A feed in the words of a plan; `None` for the clock, which is no feed of the venue's.
const fn feed_of(channel: &Subscription) -> Option<Feed> {
    use Subscription as On;
    Some(match channel {
        On::OrderUpdates { .. } | On::OpenOrders { .. } => Feed::Orders,
        On::UserFills { .. } | On::UserEvents { .. } => Feed::Fills,
        On::UserFundings { .. } | On::UserNonFundingLedgerUpdates { .. } => Feed::Money,
        On::ClearinghouseState { .. }
        | On::ActiveAssetData { .. }
        | On::WebData2 { .. }
        | On::WebData3 { .. }
        | On::Notification { .. } => Feed::Account,
        On::Trades { .. }
        | On::Bbo { .. }
        | On::L2Book { .. }
        | On::AllMids { .. }
        | On::ActiveAssetCtx { .. }
        | On::Candle { .. } => Feed::Market,
        On::PaperClock => return None,
    })
}
