//! Steps a fresh engine over a log's events and compares what it wants with what was logged.

use std::collections::VecDeque;
use std::fmt;

use mm_core::action::Action;
use mm_core::engine::{ConfigError, Engine, EngineConfig};
use mm_core::event::Event;
use mm_core::units::Time;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{DecisionHash, Footer, Header, VERSION, write_line};

/// A log that gave the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Session of the log.
    pub session: u64,
    /// The perp.
    pub coin: String,
    /// Events stepped.
    pub events: u64,
    /// Actions compared.
    pub actions: u64,
    /// Hash over the actions.
    pub decision_hash: String,
    /// Where a log without its closing line was cut off: the number of its last whole line.
    pub cut_after: Option<usize>,
}

/// Why a log did not give the same again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The first line is no header that this program wrote.
    #[error("line 1: not the header of an event log: {0}")]
    Header(String),
    /// Written by another version.
    #[error("line 1: event log of version {found}, this program replays version {VERSION}")]
    Version {
        /// Version of the log.
        found: u32,
    },
    /// The header contradicts itself.
    #[error("line 1: header of session {header}, but its configuration is of session {config}")]
    Session {
        /// Session of the header.
        header: u64,
        /// Session of the configuration in it.
        config: u64,
    },
    /// The engine refused the configuration of the header.
    #[error("line 1: {0}")]
    Config(#[from] ConfigError),
    /// A line that is no record.
    #[error("line {line}: {reason}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The first difference.
    #[error("{difference}")]
    Differs {
        /// Where log and replay part.
        difference: Box<Difference>,
        /// What was stepped until then.
        so_far: Box<Replayed>,
    },
}

/// Where log and replay part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the log's line, from 1.
    pub line: usize,
    /// What differs: an action by its id, a cycle, a list of refusals, entries or alarms, or the
    /// closing line.
    pub what: String,
    /// The log's record; `None` where it has none.
    pub logged: Option<String>,
    /// The replay's record; `None` where it has none.
    pub replayed: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing =
            |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        let (logged, replayed) = (or_nothing(&self.logged), or_nothing(&self.replayed));
        write!(
            f,
            "line {}: {} differs: logged {logged}, replayed {replayed}",
            self.line, self.what
        )
    }
}

/// Replays a log from its events alone.
///
/// Actions, cycles, refusals, ledger entries and alarms must come again byte for byte. Without a closing line the log was cut
/// off: it is read up to its last whole line.
///
/// # Errors
/// [`ReplayError`]; [`ReplayError::Differs`] names the first difference.
pub fn replay(lines: &[u8]) -> Result<Replayed, ReplayError> {
    let mut rest = Lines {
        rest: lines,
        number: 0,
    };
    let header = rest
        .next()
        .ok_or_else(|| ReplayError::Header("the log is empty".to_owned()))?;
    let header = read_header(header)?;
    let (session, coin) = (header.session, header.instrument.coin().to_owned());
    let mut replayer = Replayer::new(header)?;
    let mut ended = false;
    while let Some(line) = rest.next() {
        if ended {
            let reason = "something follows the closing line".to_owned();
            return Err(ReplayError::Line {
                line: rest.number,
                reason,
            });
        }
        ended = match replayer.line(line, rest.number) {
            Ok(ended) => ended,
            Err(Stop::Broken(error)) => return Err(error),
            Err(Stop::Differs(difference)) => {
                let so_far = Box::new(replayer.so_far(session, coin, None));
                return Err(ReplayError::Differs {
                    difference: Box::new(difference),
                    so_far,
                });
            }
        };
    }
    Ok(replayer.so_far(session, coin, (!ended).then_some(rest.number)))
}

/// Why a line ends a replay.
pub(super) enum Stop {
    Broken(ReplayError),
    Differs(Difference),
}

fn broken(line: usize, reason: String) -> Stop {
    Stop::Broken(ReplayError::Line { line, reason })
}

/// Whole lines, counted; what follows the last line end is left.
pub(super) struct Lines<'a> {
    pub(super) rest: &'a [u8],
    pub(super) number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        self.number += 1;
        Some(line)
    }
}

pub(super) fn read_header(line: &[u8]) -> Result<Header<EngineConfig>, ReplayError> {
    #[derive(Deserialize)]
    struct Line<T> {
        h: T,
    }
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let refused = |error: serde_json::Error| ReplayError::Header(error.to_string());
    let Line {
        h: Version { version },
    } = serde_json::from_slice(line).map_err(refused)?;
    if version != VERSION {
        return Err(ReplayError::Version { found: version });
    }
    let Line::<Header<EngineConfig>> { h: header } =
        serde_json::from_slice(line).map_err(refused)?;
    if header.session != header.config.session {
        let (header, config) = (header.session, header.config.session);
        return Err(ReplayError::Session { header, config });
    }
    Ok(header)
}

/// A record that the log must show before its next event.
struct Due {
    what: String,
    line: Vec<u8>,
}

pub(super) struct Replayer {
    pub(super) engine: Engine,
    hash: DecisionHash,
    pub(super) last: Time,
    pub(super) events: u64,
    due: VecDeque<Due>,
}

impl Replayer {
    pub(super) fn new(header: Header<EngineConfig>) -> Result<Self, ReplayError> {
        Ok(Self {
            engine: Engine::new(header.config, header.instrument)?,
            hash: DecisionHash::default(),
            last: Time(i64::MIN),
            events: 0,
            due: VecDeque::new(),
        })
    }

    pub(super) fn so_far(&self, session: u64, coin: String, cut_after: Option<usize>) -> Replayed {
        Replayed {
            session,
            coin,
            events: self.events,
            actions: self.hash.actions(),
            decision_hash: self.hash.hex(),
            cut_after,
        }
    }

    /// The time of the last event, where quotes were out after it.
    pub(super) fn quoted(&self) -> Option<Time> {
        self.engine.is_quoting().then_some(self.last)
    }

    /// Takes a line of the log. `true`: it was the closing one.
    pub(super) fn line(&mut self, line: &[u8], number: usize) -> Result<bool, Stop> {
        match line.get(..5) {
            Some(b"{\"e\":") => {
                self.nothing_due(number)?;
                self.step(&record(line, number)?, number)?;
            }
            Some(b"{\"c\":" | b"{\"r\":" | b"{\"l\":" | b"{\"w\":" | b"{\"a\":") => {
                self.compare(line, number)?;
            }
            Some(b"{\"z\":") => {
                self.nothing_due(number)?;
                self.close(line, number)?;
                return Ok(true);
            }
            _ => {
                let shown = shown(&line[..line.len().min(40)]);
                let reason = format!("expected a record e, c, r, l, w, a or z, found {shown:?}");
                return Err(broken(number, reason));
            }
        }
        Ok(false)
    }

    fn step(&mut self, event: &Event, number: usize) -> Result<(), Stop> {
        if event.recv < self.last {
            let reason = format!("time goes back from {} to {} ns", self.last, event.recv);
            return Err(broken(number, reason));
        }
        self.last = event.recv;
        self.events += 1;
        let mut actions: Vec<Action> = Vec::new();
        self.engine.step(event, &mut actions);
        let due = |key: &str, what: String, write: &dyn Fn(&mut Vec<u8>, &str)| {
            let mut line = Vec::new();
            write(&mut line, key);
            Due { what, line }
        };
        if let Some(cycle) = self.engine.cycle() {
            let what = format!("cycle {}", cycle.cycle);
            self.due
                .push_back(due("c", what, &|line, key| write_line(line, key, cycle)));
        }
        let refusals = self.engine.refusals();
        if !refusals.is_empty() {
            let what = format!("the refusals at {} ns", event.recv);
            self.due
                .push_back(due("r", what, &|line, key| write_line(line, key, refusals)));
        }
        let entries = self.engine.entries();
        if !entries.is_empty() {
            let what = format!("the ledger entries at {} ns", event.recv);
            self.due
                .push_back(due("l", what, &|line, key| write_line(line, key, entries)));
        }
        let alarms = self.engine.alarms();
        if !alarms.is_empty() {
            let what = format!("the alarms at {} ns", event.recv);
            self.due
                .push_back(due("w", what, &|line, key| write_line(line, key, alarms)));
        }
        for action in &actions {
            let line = self.hash.action(action).to_vec();
            self.due.push_back(Due {
                what: format!("action {}", action.id),
                line,
            });
        }
        Ok(())
    }

    /// A logged record against the one that is due.
    fn compare(&mut self, line: &[u8], number: usize) -> Result<(), Stop> {
        let Some(due) = self.due.pop_front() else {
            return Err(differs(number, logged_name(line), Some(line), None));
        };
        let replayed = due.line.strip_suffix(b"\n").unwrap_or(&due.line);
        if replayed == line {
            return Ok(());
        }
        let what = if replayed.get(..5) == line.get(..5) {
            due.what
        } else {
            logged_name(line)
        };
        Err(differs(number, what, Some(line), Some(replayed)))
    }

    fn nothing_due(&mut self, number: usize) -> Result<(), Stop> {
        let Some(due) = self.due.pop_front() else {
            return Ok(());
        };
        let replayed = due.line.strip_suffix(b"\n").unwrap_or(&due.line);
        Err(differs(number, due.what, None, Some(replayed)))
    }

    fn close(&self, line: &[u8], number: usize) -> Result<(), Stop> {
        let logged: Footer = record(line, number)?;
        let replayed = Footer {
            events: self.events,
            actions: self.hash.actions(),
            decision_hash: self.hash.hex(),
        };
        if logged == replayed {
            return Ok(());
        }
        let mut footer = Vec::new();
        write_line(&mut footer, "z", &replayed);
        Err(differs(
            number,
            "the closing line".to_owned(),
            Some(line),
            Some(footer.trim_ascii_end()),
        ))
    }
}

/// The value of a record.
pub(super) fn record<T: DeserializeOwned>(line: &[u8], number: usize) -> Result<T, Stop> {
    let value = line
        .get(5..line.len().saturating_sub(1))
        .unwrap_or_default();
    serde_json::from_slice(value).map_err(|error| broken(number, error.to_string()))
}

/// What a logged record calls itself.
fn logged_name(line: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Named {
        id: Option<u64>,
        cycle: Option<u64>,
    }
    let named = record::<Named>(line, 0).ok();
    match (line.get(2), named) {
        (Some(b'a'), Some(Named { id: Some(id), .. })) => format!("action {id}"),
        (
            Some(b'c'),
            Some(Named {
                cycle: Some(cycle), ..
            }),
        ) => format!("cycle {cycle}"),
        (Some(b'r'), _) => "a list of refusals".to_owned(),
        (Some(b'l'), _) => "a list of ledger entries".to_owned(),
        (Some(b'w'), _) => "a list of alarms".to_owned(),
        _ => "a record".to_owned(),
    }
}

fn differs(line: usize, what: String, logged: Option<&[u8]>, replayed: Option<&[u8]>) -> Stop {
    Stop::Differs(Difference {
        line,
        what,
        logged: logged.map(shown),
        replayed: replayed.map(shown),
    })
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
