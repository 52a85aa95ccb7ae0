//! The engine as it stood at a time of its log: what `mm explain` answers from.

use mm_core::engine::Engine;
use mm_core::units::Time;
use serde::Deserialize;

use super::replay::{Lines, ReplayError, Replayer, Stop, read_header, record};

/// An engine stepped up to a time, every record before it compared with the log.
#[derive(Debug)]
pub struct Stand {
    /// As it stood.
    pub engine: Engine,
    /// Receive time of the log's first event; `None` without one.
    pub first: Option<Time>,
    /// Receive time of the last event stepped; `None` without one.
    pub last: Option<Time>,
    /// Receive time of the last event, up to then, with which the engine had quotes out; `None`: there was none.
    pub quoted: Option<Time>,
    /// Events stepped.
    pub events: u64,
    /// Whether the log goes on after it.
    pub more: bool,
}

/// Steps a log's events up to and including `at`; `None`: all of them. The log may be cut off.
///
/// # Errors
/// [`ReplayError`]; [`ReplayError::Differs`] when a record before that time does not come again, so
/// that what the engine shows is not what was journalled.
pub fn stand_at(lines: &[u8], at: Option<Time>) -> Result<Stand, ReplayError> {
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
    let (mut first, mut quoted, mut more) = (None, None, false);
    while let Some(line) = rest.next() {
        let number = rest.number;
        let stepped = recv(line, number).and_then(|recv| {
            if at.zip(recv).is_some_and(|(at, recv)| recv > at) {
                return Ok(true);
            }
            first = first.or(recv);
            // Of events at one time the last counts: that is what a look at that time shows.
            if recv.is_some_and(|recv| recv > replayer.last) {
                quoted = replayer.quoted().or(quoted);
            }
            replayer.line(line, number).map(|_| false)
        });
        match stepped {
            Ok(true) => {
                more = true;
                break;
            }
            Ok(false) => {}
            Err(Stop::Broken(error)) => return Err(error),
            Err(Stop::Differs(difference)) => {
                return Err(ReplayError::Differs {
                    difference: Box::new(difference),
                    so_far: Box::new(replayer.so_far(session, coin, None)),
                });
            }
        }
    }
    Ok(Stand {
        first,
        quoted: replayer.quoted().or(quoted),
        last: first.map(|_| replayer.last),
        events: replayer.events,
        more,
        engine: replayer.engine,
    })
}

/// Receive time of an event; `None` for any other record.
fn recv(line: &[u8], number: usize) -> Result<Option<Time>, Stop> {
    #[derive(Deserialize)]
    struct Stamped {
        recv: Time,
    }
    if !line.starts_with(b"{\"e\":") {
        return Ok(None);
    }
    record::<Stamped>(line, number).map(|event| Some(event.recv))
}
