//! Who listens to what, and the frames on their way to each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mm_hl::address::Address;

use super::subscription::Subscription;
use crate::faults::Lines;

/// Channels of one connection.
const CHANNELS_MAX: usize = 1_000;
/// Users of one connection.
const USERS_MAX: usize = 15;
/// Posts of one connection without an answer yet.
const POSTS_MAX: usize = 100;

/// Bytes of one text frame.
pub type FrameBytes = Arc<[u8]>;

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    next: u64,
    connections: BTreeMap<u64, Connection>,
    feeds: BTreeMap<Subscription, Feed>,
    frames: Vec<(u64, FrameBytes)>,
}

#[derive(Debug, Default)]
struct Connection {
    channels: BTreeSet<Subscription>,
    posts: usize,
    /// Nothing passes either way any more.
    deaf: bool,
}

/// A feed somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    listeners: BTreeSet<u64>,
    /// Exchange time of the last timed push, milliseconds.
    pub(crate) pushed_ms: i64,
}

/// Why a subscription was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is there already.
    Already,
    /// Too many channels.
    Channels,
    /// Too many users.
    Users,
}

impl Sockets {
    /// Opens a connection and returns its number.
    pub(crate) fn connect(&mut self) -> u64 {
        self.next += 1;
        self.connections.insert(self.next, Connection::default());
        self.next
    }

    /// Forgets a connection and what it listened to.
    pub(crate) fn disconnect(&mut self, connection: u64) {
        let channels = self
            .connections
            .remove(&connection)
            .map(|gone| gone.channels);
        for channel in channels.into_iter().flatten() {
            self.leave(connection, &channel);
        }
        self.frames.retain(|(to, _)| *to != connection);
    }

    /// Breaks every connection and returns their numbers.
    pub(crate) fn drop_all(&mut self) -> Vec<u64> {
        let gone: Vec<u64> = self.connections.keys().copied().collect();
        for connection in &gone {
            self.disconnect(*connection);
        }
        gone
    }

    /// Enters a subscription at exchange time `ms`.
    pub(crate) fn subscribe(
        &mut self,
        connection: u64,
        channel: &Subscription,
        ms: i64,
    ) -> Result<(), Refused> {
        let Some(open) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        if open.channels.contains(channel) {
            return Err(Refused::Already);
        }
        if open.channels.len() >= CHANNELS_MAX {
            return Err(Refused::Channels);
        }
        let users: BTreeSet<Address> = open
            .channels
            .iter()
            .chain([channel])
            .filter_map(Subscription::user)
            .collect();
        if users.len() > USERS_MAX {
            return Err(Refused::Users);
        }
        open.channels.insert(channel.clone());
        let feed = self.feeds.entry(channel.clone());
        feed.or_insert_with(|| Feed {
            pushed_ms: ms,
            ..Feed::default()
        })
        .listeners
        .insert(connection);
        Ok(())
    }

    /// Ends a subscription; `false` when it was not there.
    pub(crate) fn unsubscribe(&mut self, connection: u64, channel: &Subscription) -> bool {
        let Some(open) = self.connections.get_mut(&connection) else {
            return false;
        };
        let was_there = open.channels.remove(channel);
        self.leave(connection, channel);
        was_there
    }

    fn leave(&mut self, connection: u64, channel: &Subscription) {
        if let Some(feed) = self.feeds.get_mut(channel) {
            feed.listeners.remove(&connection);
            if feed.listeners.is_empty() {
                self.feeds.remove(channel);
            }
        }
    }

    /// Counts a post; `false` when too many wait for their answer.
    pub(crate) fn begin_post(&mut self, connection: u64) -> bool {
        let Some(open) = self.connections.get_mut(&connection) else {
            return false;
        };
        let admitted = open.posts < POSTS_MAX;
        open.posts += usize::from(admitted);
        admitted
    }

    /// Counts the answer to a post.
    pub(crate) fn end_post(&mut self, connection: u64) {
        if let Some(open) = self.connections.get_mut(&connection) {
            open.posts = open.posts.saturating_sub(1);
        }
    }

    /// Queues a frame for one connection.
    pub(crate) fn send(&mut self, connection: u64, frame: Vec<u8>) {
        let open = self.connections.get(&connection);
        if open.is_some_and(|open| !open.deaf) {
            self.frames.push((connection, frame.into()));
        }
    }

    /// Lets nothing pass any more on the connections of these lines.
    pub(crate) fn deafen(&mut self, lines: Lines) {
        let met: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, open)| meets(lines, open.channels.iter()))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in met {
            self.deafen_one(connection);
        }
    }

    /// The same for one connection whose client has just named a channel, or none.
    pub(crate) fn meet(&mut self, connection: u64, channel: Option<&Subscription>, lines: Lines) {
        let Some(open) = self.connections.get(&connection) else {
            return;
        };
        if meets(lines, open.channels.iter().chain(channel)) {
            self.deafen_one(connection);
        }
    }

    /// Whether nothing passes on a connection.
    pub(crate) fn is_deaf(&self, connection: u64) -> bool {
        let open = self.connections.get(&connection);
        open.is_some_and(|open| open.deaf)
    }

    fn deafen_one(&mut self, connection: u64) {
        let Some(open) = self.connections.get_mut(&connection) else {
            return;
        };
        open.deaf = true;
        for channel in core::mem::take(&mut open.channels) {
            self.leave(connection, &channel);
        }
        self.frames.retain(|(to, _)| *to != connection);
    }

    /// Visits every feed in the order of [`Subscription`] and queues what `make` returns for its
    /// listeners.
    pub(crate) fn visit(
        &mut self,
        mut make: impl FnMut(&Subscription, &mut Feed, &mut Vec<Vec<u8>>),
    ) {
        let mut frames = Vec::new();
        for (channel, feed) in &mut self.feeds {
            make(channel, feed, &mut frames);
            for frame in frames.drain(..) {
                let frame = FrameBytes::from(frame);
                let to_all = feed
                    .listeners
                    .iter()
                    .map(|&listener| (listener, Arc::clone(&frame)));
                self.frames.extend(to_all);
            }
        }
    }

    /// The frames queued since the last call, in order.
    pub(crate) fn take(&mut self) -> Vec<(u64, FrameBytes)> {
        core::mem::take(&mut self.frames)
    }
}

/// Whether a connection with these channels is one of these lines.
fn meets<'a>(lines: Lines, channels: impl Iterator<Item = &'a Subscription>) -> bool {
    let (mut any, mut user) = (false, false);
    for channel in channels {
        any = true;
        user |= channel.user().is_some();
    }
    match lines {
        Lines::All => true,
        Lines::Market => any && !user,
        Lines::User => user,
        Lines::Orders => !any,
    }
}

impl Feed {
    /// Whether `period_ms` have passed since the last timed push; then this is the next one.
    pub(crate) fn due(&mut self, ms: i64, period_ms: i64) -> bool {
        let due = ms - self.pushed_ms >= period_ms;
        if due {
            self.pushed_ms = ms;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbo(coin: &str) -> Subscription {
        Subscription::Bbo {
            coin: coin.to_owned(),
        }
    }

    #[test]
    fn each_listener_gets_each_frame_once() {
        let mut sockets = Sockets::default();
        let (first, second) = (sockets.connect(), sockets.connect());
        assert_eq!(sockets.subscribe(first, &bbo("BTC"), 0), Ok(()));
        assert_eq!(sockets.subscribe(second, &bbo("BTC"), 0), Ok(()));
        assert_eq!(
            sockets.subscribe(first, &bbo("BTC"), 0),
            Err(Refused::Already)
        );
        sockets.visit(|_, _, frames| frames.push(b"x".to_vec()));
        let to: Vec<_> = sockets.take().iter().map(|(to, _)| *to).collect();
        assert_eq!(to, [first, second]);
        sockets.disconnect(first);
        assert!(sockets.unsubscribe(second, &bbo("BTC")));
        assert!(!sockets.unsubscribe(second, &bbo("BTC")));
        sockets.visit(|_, _, _| panic!("nobody listens"));
    }

    #[test]
    fn users_and_posts_are_capped() {
        let mut sockets = Sockets::default();
        let only = sockets.connect();
        for user in 0..15 {
            let user = Address([user; 20]);
            assert_eq!(
                sockets.subscribe(only, &Subscription::UserEvents { user }, 0),
                Ok(())
            );
        }
        let channel = Subscription::UserEvents {
            user: Address([99; 20]),
        };
        assert_eq!(sockets.subscribe(only, &channel, 0), Err(Refused::Users));
        assert!((0..100).all(|_| sockets.begin_post(only)));
        assert!(!sockets.begin_post(only));
        sockets.end_post(only);
        assert!(sockets.begin_post(only));
    }
}
