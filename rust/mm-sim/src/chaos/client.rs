//! Our end of the lines: what is sent and what becomes of it, what is asked, what is heard and when.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::action::{Action, ActionBody, Cloid, Tif};
use mm_core::event::{
    EventBody, Rejection, RejectionClass, Reply, ReplyOutcome, Stream, StreamState, StreamStatus,
};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, SECOND, Time};
use mm_hl::exchange_action;
use mm_hl::wire::{Cancel, CancelOrders, ExchangeAction};

use super::truth::Could;
use super::world::{ASSET, ChaosError, USER, World};
use crate::exchange::{PlantedRefusal, Reply as Answered, Request};
use crate::faults::{ActionFate, Of, ReplyFate};
use crate::told;

/// Chance that a query is not answered while faults go on.
const QUERY_FAILS: f64 = 0.03;
/// A session's requests are numbered from here, a million a session.
const SESSION_IDS: u64 = 1_000_000;
/// Requests of startups are numbered from here.
const STARTUP_IDS: u64 = 1 << 60;

/// An action under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) action: Action,
    /// Session that sent it.
    session: u64,
    fate: ReplyFate,
    /// Whether the exchange has carried it out or refused it.
    pub(super) arrived: bool,
    /// When we give up on its answer.
    gives_up: Time,
    /// When we learned what became of it.
    known: Option<Time>,
}

/// Something asked over HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Query {
    /// By the engine.
    Asked(Ask),
    /// By the beat that repeats it.
    Beat(Ask, Dur),
}

/// What waits to be heard.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: BTreeMap<(Time, u64), Heard>,
    count: u64,
    /// Connection: frames of an earlier one are lost.
    connection: u64,
    /// The newest frame's time on this connection: frames keep their order.
    last_frame: Time,
    down: bool,
}

#[derive(Debug)]
enum Heard {
    /// Over the websocket of this connection.
    Frame(u64, EventBody),
    /// By other ways.
    Event(EventBody),
    /// Our answer to an action's fate.
    Reply(u64, ReplyOutcome),
    /// The time has come to look at the account again, and whether the sockets are back.
    Resubscribe,
}

impl Line {
    pub(super) fn next(&self) -> Option<Time> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    pub(super) const fn is_up(&self) -> bool {
        !self.down
    }

    fn put(&mut self, at: Time, heard: Heard) {
        self.count += 1;
        self.waiting.insert((at, self.count), heard);
    }

    /// A frame that leaves now; in order, unless it is `late`.
    pub(super) fn frame(&mut self, at: Time, late: bool, body: EventBody) {
        let at = if late { at } else { at.max(self.last_frame) };
        if !late {
            self.last_frame = at;
        }
        let connection = self.connection;
        self.put(at, Heard::Frame(connection, body));
    }

    /// The sockets break.
    pub(super) fn cut(&mut self) {
        self.connection += 1;
        self.last_frame = Time::ZERO;
        self.down = true;
    }

    /// A session that hears nothing of what an earlier one waited for.
    pub(super) fn reopen(&mut self) {
        self.waiting.clear();
        self.connection += 1;
        self.last_frame = Time::ZERO;
        self.down = false;
    }
}

impl World {
    fn latency(&mut self, [least, mean]: [f64; 2]) -> Dur {
        Dur::from_secs(least + self.dice.exponential(mean).min(2.0))
    }

    pub(super) fn order_latency(&mut self) -> Dur {
        self.latency(self.drawn.order_s)
    }

    pub(super) fn heard_latency(&mut self) -> Dur {
        self.latency(self.drawn.heard_s)
    }

    /// Sends an action of the session.
    pub(super) fn send(&mut self, action: &Action) -> Result<(), ChaosError> {
        let wire = exchange_action(action, &self.instrument)?;
        if let ActionBody::Place(orders) = &action.body
            && orders.iter().any(|order| order.tif == Tif::Ioc)
        {
            self.way_out.crossed();
        }
        let what = match &action.body {
            ActionBody::Place(_) => Of::Place,
            ActionBody::Modify(_) => Of::Modify,
            ActionBody::Cancel(_) => Of::Cancel,
        };
        let Some(number) = self.session.as_ref().map(|session| session.number) else {
            return Ok(());
        };
        let gives_up = self.now.plus(Dur::from_secs(self.terms.timeout_s));
        let id = number * SESSION_IDS + action.id;
        let flight = Flight {
            action: action.clone(),
            session: number,
            fate: ReplyFate::Comes,
            arrived: false,
            gives_up,
            known: None,
        };
        if self.is_mute() {
            self.note_strays(action, true);
            self.never_arrives(id, flight, gives_up, ReplyOutcome::Lost);
            return Ok(());
        }
        let Some((arrive, refusal)) = self.fate_of(action, what, id, flight) else {
            return Ok(());
        };
        let clock = self.wrong.clock(self.now);
        let expires = clock.plus(Dur::from_secs(self.terms.expires_after_s));
        self.exchange.submit(Request {
            id,
            user: USER,
            signer: USER,
            nonce: START_NONCE + id,
            expires_after: Some(expires.as_millis().unsigned_abs()),
            wall_ms: Some(START_NONCE),
            action: wire,
            arrive,
            refusal,
        });
        Ok(())
    }

    /// When an action arrives and with which refusal, as the plan has it; `None`: never.
    fn fate_of(
        &mut self,
        action: &Action,
        what: Of,
        id: u64,
        mut flight: Flight,
    ) -> Option<(Time, Option<PlantedRefusal>)> {
        let gives_up = flight.gives_up;
        let fate = self.faults.on_action(what);
        self.note_strays(
            action,
            !matches!(fate, ActionFate::Arrives(ReplyFate::Comes)),
        );
        let mut arrive = self.now.plus(self.order_latency());
        let refusal = match fate {
            ActionFate::Arrives(fate) => {
                flight.fate = fate;
                None
            }
            ActionFate::ArrivesLate(by, fate) => {
                arrive = arrive.plus(by);
                flight.fate = fate;
                if arrive >= gives_up {
                    flight.fate = ReplyFate::Lost;
                    flight.known = Some(gives_up);
                    self.line
                        .put(gives_up, Heard::Reply(action.id, ReplyOutcome::Lost));
                }
                None
            }
            ActionFate::Refused(text) => Some(PlantedRefusal::Batch(text)),
            ActionFate::CancelsFail(text) => Some(PlantedRefusal::Items(text)),
            ActionFate::PartlyFails(text, every) => Some(PlantedRefusal::Some(text, every)),
            ActionFate::Vanishes => {
                self.never_arrives(id, flight, gives_up, ReplyOutcome::Lost);
                return None;
            }
            ActionFate::Status(status) => {
                let at = self.now.plus(self.heard_latency());
                self.never_arrives(id, flight, at, of_status(status));
                return None;
            }
        };
        self.flights.insert(id, flight);
        Some((arrive, refusal))
    }

    /// Notes for how long orders that may increase can keep what reduces away: beside one that may still
    /// arrive, or whose fills may still be told, it does not fit the limit.
    fn note_strays(&mut self, action: &Action, lost: bool) {
        let now = self.now;
        match &action.body {
            ActionBody::Place(_) | ActionBody::Modify(_) if !lost => {}
            ActionBody::Place(orders) => {
                for order in orders.iter().filter(|order| !order.reduce_only) {
                    self.way_out.lost(order.side.index(), now);
                }
            }
            ActionBody::Modify(amends) => {
                let orders = amends.iter().map(|amend| amend.order);
                for order in orders.filter(|order| !order.reduce_only) {
                    self.way_out.lost(order.side.index(), now);
                }
            }
            ActionBody::Cancel(cancels) => {
                let open = self.exchange.open_orders(USER);
                let free = open.filter(|order| !order.reduce_only);
                let ending = |cloid| cancels.iter().any(|cancel| cloid == Some(cancel.cloid));
                for order in free.filter(|order| ending(order.cloid)) {
                    self.way_out.cancelled(order.side.index(), now, lost);
                }
            }
        }
    }

    /// Sides, bid and ask, for which an order is under way whose fate the session cannot know yet.
    pub(super) fn under_way(&self) -> [bool; 2] {
        let mut sides = [false; 2];
        for flight in self.flights.values() {
            let orders: Vec<_> = match &flight.action.body {
                ActionBody::Place(orders) => orders.clone(),
                ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
                ActionBody::Cancel(_) => continue,
            };
            for order in orders {
                sides[order.side.index()] = true;
            }
        }
        sides
    }

    /// An action that the exchange never sees: what we hear of it, and when.
    fn never_arrives(&mut self, id: u64, flight: Flight, at: Time, outcome: ReplyOutcome) {
        self.line.put(at, Heard::Reply(flight.action.id, outcome));
        let flight = Flight {
            arrived: true,
            known: Some(at),
            ..flight
        };
        self.flights.insert(id, flight);
    }

    /// The exchange has answered: when and as what we hear of it.
    pub(super) fn on_answer(&mut self, answered: &Answered) {
        let latency = self.heard_latency();
        let Some(flight) = self.flights.get_mut(&answered.id) else {
            return;
        };
        flight.arrived = true;
        if flight.known.is_some() {
            // Given up before it arrived.
            return;
        }
        let comes = answered.time.plus(latency);
        let outcome = told::outcome(answered.response.clone(), told::items(&flight.action.body));
        let (at, outcome) = match flight.fate {
            ReplyFate::Comes => (comes, outcome),
            ReplyFate::Late(by) => (comes.plus(by), outcome),
            ReplyFate::Lost => (flight.gives_up, ReplyOutcome::Lost),
            ReplyFate::Status(status) => (comes, of_status(status)),
        };
        let (at, outcome) = if at > flight.gives_up {
            (flight.gives_up, ReplyOutcome::Lost)
        } else {
            (at, outcome)
        };
        flight.known = Some(at);
        let current = self.session.as_ref().map(|session| session.number);
        if current == Some(flight.session) {
            let heard = Heard::Reply(flight.action.id, outcome);
            self.line.put(at.max(self.now), heard);
        }
    }

    /// Asks over HTTP.
    pub(super) fn ask(&mut self, query: Query) {
        let there = self.now.plus(self.order_latency());
        self.count_query(there, query);
    }

    fn count_query(&mut self, at: Time, query: Query) {
        self.line.count += 1;
        self.queries.insert((at, self.line.count), query);
    }

    /// The beats that repeat queries, from now on.
    pub(super) fn beat(&mut self) {
        let every = [
            (Ask::Account, 10),
            (Ask::HeadRoom, 30),
            (Ask::OpenOrders, 60),
            (Ask::RateLimit, 60),
        ];
        for (ask, secs) in every {
            let every = Dur(secs * SECOND);
            self.count_query(self.now.plus(every), Query::Beat(ask, every));
        }
    }

    /// A query has reached the exchange, which answers as it is now.
    pub(super) fn answer_query(&mut self) {
        let Some(((at, _), query)) = self.queries.pop_first() else {
            return;
        };
        let ask = match query {
            Query::Asked(ask) => ask,
            Query::Beat(ask, every) => {
                self.count_query(at.plus(every), query);
                ask
            }
        };
        if !self.faults.has_ended() && self.dice.chance(QUERY_FAILS) {
            return;
        }
        let heard = self.now.plus(self.heard_latency());
        for body in self.answer_to(ask) {
            self.line.put(heard, Heard::Event(body));
        }
    }

    fn answer_to(&self, ask: Ask) -> Vec<EventBody> {
        let one = match ask {
            Ask::Account => EventBody::Account(self.account_report()),
            Ask::HeadRoom => self.head_room_report(),
            Ask::RateLimit => self.rate_limit_report(),
            Ask::OpenOrders => self.open_orders_report(),
            Ask::Fills => self.fills_report(usize::MAX),
            Ask::Candles => EventBody::Candles(self.candles()),
            Ask::OpenInterestCap => EventBody::AtOpenInterestCap(self.exchange.is_at_oi_cap(ASSET)),
            Ask::Money => return self.money_report(),
            Ask::OrderStatus(cloid) => {
                EventBody::OrderStatus(told::fate(&self.exchange, USER, cloid))
            }
        };
        vec![one]
    }

    pub(super) fn open_orders_report(&self) -> EventBody {
        EventBody::OpenOrders(told::open_orders(&self.exchange, USER))
    }

    /// The newest fills, as a snapshot.
    pub(super) fn fills_report(&self, newest: usize) -> EventBody {
        EventBody::Fills(told::past_fills(&self.exchange, USER, newest))
    }

    /// The next thing is heard.
    pub(super) fn hear(&mut self) -> Result<(), ChaosError> {
        let Some((_, heard)) = self.line.waiting.pop_first() else {
            return Ok(());
        };
        match heard {
            Heard::Frame(connection, _) if connection != self.line.connection => Ok(()),
            Heard::Event(body) | Heard::Frame(_, body) => self.step(body),
            Heard::Resubscribe => {
                self.resubscribe();
                Ok(())
            }
            Heard::Reply(action, outcome) => {
                let lost = outcome == ReplyOutcome::Lost;
                self.step(EventBody::Reply(Reply { action, outcome }))?;
                if lost {
                    self.ask(Query::Asked(Ask::Fills));
                    self.ask(Query::Asked(Ask::OpenOrders));
                }
                Ok(())
            }
        }
    }

    /// The sockets broke.
    pub(super) fn lose_line(&mut self) {
        self.line.cut();
        for stream in [Stream::Market, Stream::User] {
            let down = StreamStatus {
                stream,
                state: StreamState::Down,
            };
            self.line
                .put(self.now, Heard::Event(EventBody::Stream(down)));
        }
        let again = self.now.plus(Dur(SECOND / 2));
        self.line.put(again, Heard::Resubscribe);
    }

    /// The sockets are tried again; then snapshots fill the gap, and the streams are up.
    fn resubscribe(&mut self) {
        if self.faults.is_down() {
            let again = self.now.plus(Dur(SECOND / 2));
            self.line.put(again, Heard::Resubscribe);
            return;
        }
        self.line.down = false;
        self.line_opened();
        let newest = self.faults.snapshot_fills().unwrap_or(usize::MAX);
        let mut gap = vec![self.fills_report(newest)];
        gap.extend(self.money_report());
        gap.push(self.open_orders_report());
        gap.push(EventBody::Account(self.account_report()));
        gap.push(self.head_room_report());
        gap.push(self.book_report());
        for stream in [Stream::Market, Stream::User] {
            gap.push(EventBody::Stream(StreamStatus {
                stream,
                state: StreamState::Up,
            }));
        }
        gap.retain(|body| !self.is_unheard(body));
        let at = self.now.plus(self.heard_latency());
        for body in gap {
            self.line.frame(at, false, body);
        }
    }

    /// Cancels what rests before a session starts; whether there was anything.
    pub(super) fn cancel_everything(&mut self) -> bool {
        let waits = self.flights.values().any(|flight| !flight.arrived);
        let cancels: Vec<Cancel> = self
            .exchange
            .open_orders(USER)
            .map(|order| Cancel {
                asset: ASSET,
                oid: order.oid,
            })
            .collect();
        if cancels.is_empty() {
            return waits;
        }
        self.line.count += 1;
        let id = STARTUP_IDS + self.line.count;
        // Above those of the session before, below those of the next.
        let before = self.outcome.sessions * SESSION_IDS + SESSION_IDS / 2;
        let nonce = START_NONCE + before + self.line.count;
        self.exchange.submit(Request {
            id,
            user: USER,
            signer: USER,
            nonce,
            expires_after: None,
            wall_ms: Some(START_NONCE),
            action: ExchangeAction::Cancel(CancelOrders {
                cancels,
                fast: None,
            }),
            arrive: self.now,
            refusal: None,
        });
        true
    }

    /// What an action on its way could fill, if it is carried out. An amend of an order that is over
    /// cannot be.
    pub(super) fn could_of(&self, action: &Action, could: &mut Vec<Could>) {
        let rests = |oid: u64| {
            self.exchange
                .open_orders(USER)
                .any(|order| order.oid == oid)
        };
        let orders: Vec<_> = match &action.body {
            ActionBody::Place(orders) => orders.clone(),
            ActionBody::Modify(amends) => amends
                .iter()
                .filter(|amend| rests(amend.oid))
                .map(|amend| amend.order)
                .collect(),
            ActionBody::Cancel(_) => return,
        };
        could.extend(orders.iter().map(|order| Could {
            side: order.side.index(),
            lots: order.sz.0,
            reduce_only: order.reduce_only,
            ending: self.is_ending(order.cloid),
        }));
    }

    /// What rests by other hands and was shown to the session.
    pub(super) fn by_hand(&self) -> Vec<Could> {
        let shown = |oid: &u64| self.shown_hands.contains(oid);
        let resting = self.exchange.open_orders(USER);
        let known = resting.filter(|order| order.cloid.is_none() && shown(&order.oid));
        let could = known.map(|order| Could {
            side: order.side.index(),
            lots: order.sz.0,
            reduce_only: order.reduce_only,
            ending: false,
        });
        could.collect()
    }

    /// Forgets what is over, and notes which cancels are on their way or have failed.
    fn note_cancels(&mut self) {
        let now = self.now;
        let (mut under_way, mut over) = (BTreeSet::new(), Vec::new());
        for flight in self.flights.values() {
            let ActionBody::Cancel(cancels) = &flight.action.body else {
                continue;
            };
            let cloids = cancels.iter().map(|cancel| cancel.cloid);
            match flight.known {
                Some(at) if at < now => over.extend(cloids.map(|cloid| (cloid, at))),
                _ => under_way.extend(cloids),
            }
        }
        self.judge.cancels(under_way, over, now);
        self.flights
            .retain(|_, flight| !flight.arrived || flight.known.is_none_or(|at| at >= now));
    }

    /// Whether the end of an order is under way, or could not be brought about a moment ago.
    fn is_ending(&self, cloid: Cloid) -> bool {
        self.judge.is_ending(cloid)
    }

    /// Everything of ours that could fill: what rests at the exchange and what is on its way there.
    pub(super) fn could(&mut self) -> Vec<Could> {
        self.note_cancels();
        let mut could = Vec::new();
        for flight in self.flights.values().filter(|flight| !flight.arrived) {
            self.could_of(&flight.action, &mut could);
        }
        let own = self.exchange.open_orders(USER);
        could.extend(own.filter_map(|order| {
            let cloid = order.cloid?;
            Some(Could {
                side: order.side.index(),
                lots: order.sz.0,
                reduce_only: order.reduce_only,
                ending: self.is_ending(cloid),
            })
        }));
        could
    }
}

/// First nonce.
pub(super) const START_NONCE: u64 = 1_700_000_000_000;

/// What an HTTP status says of an action.
fn of_status(status: u16) -> ReplyOutcome {
    if status == 429 {
        ReplyOutcome::Refused(Rejection {
            class: RejectionClass::Transport,
            text: "HTTP 429".to_owned(),
        })
    } else {
        ReplyOutcome::Lost
    }
}
