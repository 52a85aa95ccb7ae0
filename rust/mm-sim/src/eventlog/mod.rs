//! The event log: what the engine was told and what it wanted, one JSON object a line.
//!
//! | key | value |
//! |---|---|
//! | `h` | [`Header`]: once, first |
//! | `e` | [`Event`]: before it is stepped |
//! | `c` | the quote cycle's record: limits with their terms and inputs |
//! | `r` | the refusals of the step |
//! | `l` | the ledger entries of the step |
//! | `w` | the alarms of the step |
//! | `a` | [`Action`]: after the step, before it is sent |
//! | `z` | [`Footer`]: once, last, when the session ended in order |
//!
//! `h` and `e` alone reproduce every `a`, byte for byte. The decision hash is Keccak-256 over the `a`
//! lines, line ends included.

mod replay;
mod stand;

use mm_core::action::Action;
use mm_core::event::Event;
use mm_core::instrument::Instrument;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};

pub use self::replay::{Difference, ReplayError, Replayed, replay};
pub use self::stand::{Stand, stand_at};

/// Version of the log's format. A reader refuses any other.
pub const VERSION: u32 = 2;

/// First line of a log: everything the engine was built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<C> {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Session id: the high half of every cloid.
    pub session: u64,
    /// The engine's configuration.
    pub config: C,
    /// The perp.
    pub instrument: Instrument,
}

/// Last line of a log that ended in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// `e` lines.
    pub events: u64,
    /// `a` lines.
    pub actions: u64,
    /// Keccak-256 of the `a` lines, `0x` and 64 hex digits.
    pub decision_hash: String,
}

/// Running Keccak-256 over `a` lines.
#[derive(Clone, Debug, Default)]
pub struct DecisionHash {
    state: Keccak256,
    line: Vec<u8>,
    actions: u64,
}

impl DecisionHash {
    /// Adds an action and returns its line, line end included.
    ///
    /// # Panics
    /// Never: an action is always representable as JSON.
    pub fn action(&mut self, action: &Action) -> &[u8] {
        self.line.clear();
        write_line(&mut self.line, "a", action);
        self.state.update(&self.line);
        self.actions += 1;
        &self.line
    }

    /// Actions added so far.
    #[must_use]
    pub const fn actions(&self) -> u64 {
        self.actions
    }

    /// The hash over what was added so far, `0x` and 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        use core::fmt::Write as _;
        let digest = self.state.clone().finalize();
        let mut text = String::from("0x");
        for byte in digest {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Writer of a log into memory; [`EventLog::take`] hands over what is there.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    /// Lines go nowhere; actions are hashed all the same.
    hash_only: bool,
    buffer: Vec<u8>,
    hash: DecisionHash,
    events: u64,
}

impl EventLog {
    /// Starts a log with its header.
    #[must_use]
    pub fn new<C: Serialize>(session: u64, config: C, instrument: Instrument) -> Self {
        let mut log = Self::default();
        write_line(
            &mut log.buffer,
            "h",
            &Header {
                version: VERSION,
                session,
                config,
                instrument,
            },
        );
        log
    }

    /// A log that keeps nothing but the hash of its actions.
    #[must_use]
    pub fn hash_only() -> Self {
        Self {
            hash_only: true,
            ..Self::default()
        }
    }

    /// Records an event, before it is stepped.
    pub fn event(&mut self, event: &Event) {
        self.write("e", event);
        self.events += 1;
    }

    /// Records a quote cycle.
    pub fn cycle<T: Serialize>(&mut self, cycle: &T) {
        self.write("c", cycle);
    }

    /// Records the refusals of a step; an empty list leaves no line.
    pub fn refusals<T: Serialize>(&mut self, refusals: &[T]) {
        if !refusals.is_empty() {
            self.write("r", refusals);
        }
    }

    /// Records what a step entered into the ledger; nothing leaves no line.
    pub fn entries<T: Serialize>(&mut self, entries: &[T]) {
        if !entries.is_empty() {
            self.write("l", entries);
        }
    }

    /// Records the alarms of a step; an empty list leaves no line.
    pub fn alarms<T: Serialize>(&mut self, alarms: &[T]) {
        if !alarms.is_empty() {
            self.write("w", alarms);
        }
    }

    /// Records an action, before it is sent.
    pub fn action(&mut self, action: &Action) {
        let line = self.hash.action(action);
        if !self.hash_only {
            self.buffer.extend_from_slice(line);
        }
    }

    /// Ends the log. Nothing may follow.
    pub fn finish(&mut self) {
        let footer = Footer {
            events: self.events,
            actions: self.hash.actions(),
            decision_hash: self.hash.hex(),
        };
        self.write("z", &footer);
    }

    fn write<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        if !self.hash_only {
            write_line(&mut self.buffer, key, value);
        }
    }

    /// Bytes waiting to be taken.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Hands over the lines written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffer)
    }

    /// Hash over the actions so far.
    #[must_use]
    pub fn decision_hash(&self) -> String {
        self.hash.hex()
    }
}

/// Appends `{"key":value}` and a line end.
fn write_line<T: Serialize + ?Sized>(buffer: &mut Vec<u8>, key: &str, value: &T) {
    buffer.extend_from_slice(b"{\"");
    buffer.extend_from_slice(key.as_bytes());
    buffer.extend_from_slice(b"\":");
    serde_json::to_writer(&mut *buffer, value)
        .expect("log records have string keys and write to memory, so they serialise");
    buffer.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::action::{ActionBody, Cancel, Cloid, Reason};
    use mm_core::event::EventBody;
    use mm_core::units::Time;

    fn cancel(id: u64) -> Action {
        let cancel = Cancel {
            cloid: Cloid::new(7, id),
            reason: Reason::Stop,
        };
        Action {
            id,
            cycle: 1,
            body: ActionBody::Cancel(vec![cancel]),
        }
    }

    #[test]
    fn lines_are_one_object_each_and_the_hash_covers_the_actions_alone() {
        let coin = Instrument::new("ETH", 1, 4, 25).unwrap();
        let mut log = EventLog::new(7, serde_json::json!({"levels": 5}), coin);
        let mut bare = DecisionHash::default();
        log.event(&Event {
            recv: Time(5),
            body: EventBody::Timer,
        });
        log.refusals::<u8>(&[]);
        log.refusals(&[1]);
        log.alarms::<u8>(&[]);
        log.alarms(&[1]);
        log.action(&cancel(1));
        log.finish();
        bare.action(&cancel(1));
        assert_eq!(log.decision_hash(), bare.hex());
        let text = String::from_utf8(log.take()).unwrap();
        let keys: Vec<&str> = text.lines().map(|line| &line[..5]).collect();
        assert_eq!(
            keys,
            [
                "{\"h\":", "{\"e\":", "{\"r\":", "{\"w\":", "{\"a\":", "{\"z\":"
            ]
        );
        assert!(text.ends_with(&format!("\"decision_hash\":\"{}\"}}}}\n", bare.hex())));
        assert_eq!(log.pending(), 0);
    }

    #[test]
    fn the_hash_of_nothing_is_that_of_the_empty_string() {
        let hex = DecisionHash::default().hex();
        assert_eq!(
            hex,
            "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
    }
}
