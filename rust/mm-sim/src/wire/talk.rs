//! What a client says over its websocket, and what it hears at once.

use serde::Serialize;
use serde_json::{Value, json};

use super::action::{Origin, Submitted};
use super::book::{Aggregation, frame, json as json_bytes};
use super::sockets::Refused;
use super::subscription::{ClientFrame, PostKind, PostRequest, Subscription};
use super::{Answer, PaperExchange};
use super::{feed, not_here, spot};

/// What becomes of a connection after a frame from its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// The venue cuts it without a close frame.
    Drop,
}

impl PaperExchange {
    /// Takes a text frame of a client.
    pub fn message(&mut self, connection: u64, text: &str) -> Verdict {
        let said = serde_json::from_str(text);
        let channel = match &said {
            Ok(ClientFrame::Subscribe { subscription }) => Some(subscription),
            _ => None,
        };
        if self.is_lost(connection, channel) {
            return Verdict::Keep;
        }
        match said {
            Ok(ClientFrame::Ping) => self
                .sockets
                .send(connection, br#"{"channel":"pong"}"#.to_vec()),
            Ok(ClientFrame::Subscribe { subscription }) => {
                return self.subscribe(connection, &subscription);
            }
            Ok(ClientFrame::Unsubscribe { subscription }) => {
                self.unsubscribe(connection, &subscription);
            }
            Ok(ClientFrame::Post { id, request }) => self.post(connection, id, &request),
            Err(_) => {
                let unknown = || format!("Error parsing JSON into valid websocket request: {text}");
                let said = not_here::feed(text).unwrap_or_else(unknown);
                self.complain(connection, &said);
            }
        }
        Verdict::Keep
    }

    fn subscribe(&mut self, connection: u64, channel: &Subscription) -> Verdict {
        if channel
            .coin()
            .is_some_and(|coin| !self.serves(channel, coin))
        {
            return Verdict::Drop;
        }
        if let Subscription::L2Book {
            n_sig_figs,
            mantissa,
            ..
        } = channel
        {
            if Aggregation::new(*n_sig_figs, *mantissa).is_err() {
                return Verdict::Drop;
            }
        }
        if self.sim.dex(channel.dex()).is_none() {
            self.complain(
                connection,
                &format!("Invalid subscription {}", name(channel)),
            );
            return Verdict::Keep;
        }
        match self
            .sockets
            .subscribe(connection, channel, self.sim.now().as_millis())
        {
            Ok(()) => {
                self.acknowledge(connection, "subscribe", channel);
                let first = match channel {
                    Subscription::PaperClock => {
                        Some(frame("paperClock", self.clock.skewed(self.clock_skew())))
                    }
                    _ => feed::first(&self.sim, channel, self.injected.snapshot_fills()),
                };
                if let Some(first) = first {
                    self.sockets.send(connection, first);
                }
            }
            Err(Refused::Already) => {
                self.complain(
                    connection,
                    &format!("Already subscribed: {}", name(channel)),
                );
            }
            Err(Refused::Channels) => {
                self.complain(connection, "Cannot subscribe to more than 1000 channels.");
            }
            Err(Refused::Users) => {
                self.complain(connection, "Cannot track more than 15 total users.");
            }
        }
        Verdict::Keep
    }

    /// Whether a feed about a coin has anything to say: of a spot pair, what there is of its market.
    fn serves(&self, channel: &Subscription, coin: &str) -> bool {
        let is_market = !matches!(channel, Subscription::ActiveAssetData { .. });
        self.asset(coin).is_some() || (is_market && spot::is_listed(coin))
    }

    fn unsubscribe(&mut self, connection: u64, channel: &Subscription) {
        if self.sockets.unsubscribe(connection, channel) {
            self.acknowledge(connection, "unsubscribe", channel);
        } else {
            self.complain(
                connection,
                &format!("Already unsubscribed: {}", name(channel)),
            );
        }
    }

    fn acknowledge(&mut self, connection: u64, method: &str, channel: &Subscription) {
        let data = Acknowledged {
            method,
            subscription: channel,
        };
        self.sockets
            .send(connection, frame("subscriptionResponse", data));
    }

    fn complain(&mut self, connection: u64, text: &str) {
        self.sockets.send(connection, frame("error", text));
    }

    fn post(&mut self, connection: u64, id: u64, request: &PostRequest) {
        if !self.sockets.begin_post(connection) {
            self.complain(
                connection,
                &format!("too many pending post requests id={id}"),
            );
            return;
        }
        let body = request.payload.to_string();
        let (kind, answer) = match request.kind {
            PostKind::Info => ("info", self.info(body.as_bytes())),
            PostKind::Action => {
                match self.submit_from(body.as_bytes(), Origin::Post { connection, id }) {
                    Submitted::Queued(_) => return,
                    Submitted::Answered(answer) => ("action", answer),
                }
            }
        };
        self.answer_post_with(connection, id, kind, request, &answer);
    }

    fn answer_post_with(
        &mut self,
        connection: u64,
        id: u64,
        kind: &str,
        request: &PostRequest,
        answer: &Answer,
    ) {
        let body = || serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
        match (answer.status, kind) {
            (200, "info") => {
                let payload = json!({"type": request.payload["type"], "data": body()});
                self.answer_post(connection, id, kind, &payload);
            }
            (200, _) => self.answer_post(connection, id, kind, &body()),
            _ => {
                let text = String::from_utf8_lossy(&answer.body);
                self.answer_post(connection, id, "error", &text);
            }
        }
    }

    pub(super) fn answer_post<T: Serialize>(
        &mut self,
        connection: u64,
        id: u64,
        kind: &str,
        payload: &T,
    ) {
        self.sockets.end_post(connection);
        let data = json!({"id": id, "response": {"type": kind, "payload": payload}});
        self.sockets.send(connection, frame("post", data));
    }

    /// Pushes the clock to those who asked for it.
    pub fn announce_clock(&mut self) {
        let clock = &self.clock.skewed(self.clock_skew());
        self.sockets.visit(|channel, _, frames| {
            if *channel == Subscription::PaperClock {
                frames.push(frame("paperClock", clock));
            }
        });
    }
}

/// Data of a `subscriptionResponse` frame.
#[derive(Serialize)]
struct Acknowledged<'a> {
    method: &'a str,
    subscription: &'a Subscription,
}

/// A subscription in the venue's error texts.
fn name(channel: &Subscription) -> String {
    String::from_utf8_lossy(&json_bytes(channel)).into_owned()
}
