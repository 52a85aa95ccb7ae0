//! Recorded websocket frames, `<receive ns> <frame JSON>` a line, as a tape that can be replayed.

mod chain;
mod live;
mod reference;

use std::collections::{HashSet, VecDeque};

use mm_core::event::{Event, EventBody, Trade};
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Side, Time, Usd};
use mm_hl::decode::{DecodeError, Decoded, decode_frame};

pub use self::live::LiveFeed;

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A line without a receive time.
    #[error("line {line}: expected `<receive ns> <frame JSON>`, found {found:?}")]
    Stamp {
        /// Number of the line, from 1.
        line: usize,
        /// How it begins.
        found: String,
    },
    /// Receive times go back.
    #[error("line {line}: receive time {recv} ns is {back} ns before the line above")]
    Back {
        /// Number of the line, from 1.
        line: usize,
        /// Its receive time.
        recv: i64,
        /// How far it goes back.
        back: i64,
    },
    /// A frame that is no frame.
    #[error("line {line}: {source}")]
    Frame {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The last line stops in the middle.
    #[error("line {line}: cut off in the middle: {source}")]
    CutOff {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Nothing to make a market on.
    #[error("{lines} lines, but no book or bbo frame of {coin}")]
    NoBook {
        /// The perp asked for.
        coin: String,
        /// Lines read.
        lines: usize,
    },
    /// Nothing to follow.
    #[error("{lines} lines, but no bbo frame of {coin} with both sides")]
    NoBbo {
        /// The coin to follow.
        coin: String,
        /// Lines read.
        lines: usize,
    },
    /// A recording without a mirror image.
    #[error(
        "price {px}: its mirror image is no price of the perp: a shorter recording has a narrower range"
    )]
    NoMirror {
        /// The price.
        px: String,
    },
}

/// How long after its exchange time we receive a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// As it was received when it was recorded.
    Recorded,
    /// This long after.
    Constant(Dur),
}

/// One recorded frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When the simulated exchange has done all of it: the running maximum of exchange time.
    pub exch: Time,
    /// What we learn, and when. Never received before `exch`.
    pub event: Event,
    /// Whether we learn it; the simulated exchange plays it in any case.
    pub heard: bool,
}

/// Everybody who took liquidity. Trades of one taker share time and side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takers {
    /// Taker orders.
    pub count: u64,
    /// Their notional.
    pub volume: Usd,
}

impl Takers {
    /// Counts taker orders and what they traded; `last` is the last of them so far.
    fn count(&mut self, trades: &[Trade], last: &mut Option<(Time, Side)>) {
        for trade in trades {
            let taker = Some((trade.exch, trade.side));
            self.count += u64::from(taker != *last);
            *last = taker;
            self.volume += trade.px * trade.sz;
        }
    }
}

/// A recording of one perp, in file order, each trade once.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    instrument: Instrument,
    steps: Vec<Step>,
    history: usize,
    takers: Takers,
    lines: usize,
    repeated: usize,
    /// What is heard of the coin that this one may follow.
    references: Vec<Event>,
}

impl Tape {
    /// Reads decompressed frames. Frames of other coins are passed over.
    ///
    /// Trades are kept once by tid: what a reconnect repeats is dropped, what it brings from the gap
    /// fills it. Trades from before the first displayed book are history ([`Tape::history`]).
    ///
    /// # Errors
    /// [`FrameError`], with the number of the line.
    pub fn read(instrument: Instrument, frames: &[u8], feed: Feed) -> Result<Self, FrameError> {
        let mut reader = Reader::new(feed);
        let mut rest = frames;
        while !rest.is_empty() {
            let (line, whole) = match memchr_newline(rest) {
                Some(end) => {
                    let line = &rest[..end];
                    rest = &rest[end + 1..];
                    (line, true)
                }
                None => (core::mem::take(&mut rest), false),
            };
            reader.line(&instrument, line, whole)?;
        }
        reader.finish(instrument)
    }

    /// The same market, of which we hear a whole book at most this often, by exchange time: the venue's
    /// own cadence is slower than that of a recording asked for at its fastest. The touch is
    /// heard at every change of it.
    #[must_use]
    pub fn with_books_every(mut self, apart: Dur) -> Self {
        let mut last: Option<Time> = None;
        for step in &mut self.steps {
            if matches!(step.event.body, EventBody::Book(_)) {
                step.heard = last.is_none_or(|last| step.exch.since(last) >= apart);
                if step.heard {
                    last = Some(step.exch);
                }
            }
        }
        self
    }

    /// The perp.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The frames, in file order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many steps at the start are older than the first displayed book: we learn of them, but
    /// the simulated exchange does not play them.
    #[must_use]
    pub const fn history(&self) -> usize {
        self.history
    }

    /// Takers after the history.
    #[must_use]
    pub const fn takers(&self) -> Takers {
        self.takers
    }

    /// Lines read.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.lines
    }

    /// Trades dropped because their tid was there before.
    #[must_use]
    pub const fn repeated(&self) -> usize {
        self.repeated
    }

    /// Exchange time of the first displayed book.
    ///
    /// # Panics
    /// Never: a tape has a displayed book.
    #[must_use]
    pub fn start(&self) -> Time {
        self.steps[self.history].exch
    }

    /// Exchange time of the last frame.
    #[must_use]
    pub fn end(&self) -> Time {
        self.steps[self.steps.len() - 1].exch
    }
}

/// Position of the first line end.
fn memchr_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

/// State while reading.
#[derive(Clone, Debug)]
struct Reader {
    feed: Feed,
    lines: usize,
    recv: Time,
    exch: Option<Time>,
    steps: Vec<Step>,
    history: usize,
    seen: Tids,
    repeated: usize,
    takers: Takers,
    taker: Option<(Time, Side)>,
}

impl Reader {
    fn new(feed: Feed) -> Self {
        Self {
            feed,
            lines: 0,
            recv: Time(0),
            exch: None,
            steps: Vec::new(),
            history: 0,
            seen: Tids::default(),
            repeated: 0,
            takers: Takers::default(),
            taker: None,
        }
    }

    fn line(
        &mut self,
        instrument: &Instrument,
        line: &[u8],
        whole: bool,
    ) -> Result<(), FrameError> {
        self.lines += 1;
        let (recv, json) = split(line).ok_or_else(|| FrameError::Stamp {
            line: self.lines,
            found: String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned(),
        })?;
        if recv < self.recv {
            let back = self.recv.since(recv).0;
            return Err(FrameError::Back {
                line: self.lines,
                recv: recv.0,
                back,
            });
        }
        self.frame(instrument, recv, json).map_err(|source| {
            let line = self.lines;
            if whole {
                FrameError::Frame { line, source }
            } else {
                FrameError::CutOff { line, source }
            }
        })
    }

    fn frame(
        &mut self,
        instrument: &Instrument,
        recv: Time,
        json: &[u8],
    ) -> Result<(), DecodeError> {
        self.recv = recv;
        if let Decoded::Events(bodies) = decode_frame(instrument, json)? {
            for body in bodies {
                self.body(recv, body);
            }
        }
        Ok(())
    }

    fn body(&mut self, recv: Time, mut body: EventBody) {
        let newest = match &mut body {
            EventBody::Book(book) => book.exch,
            EventBody::Bbo(bbo) => bbo.exch,
            EventBody::Trades(trades) => {
                let before = trades.len();
                trades.retain(|trade| self.seen.insert(trade.tid));
                self.repeated += before - trades.len();
                let Some(newest) = trades.iter().map(|trade| trade.exch).max() else {
                    return;
                };
                if self.exch.is_some() {
                    self.takers.count(trades, &mut self.taker);
                }
                newest
            }
            EventBody::AssetCtx(_) => self.exch.unwrap_or(Time(0)),
            _ => return,
        };
        let displays = matches!(body, EventBody::Book(_) | EventBody::Bbo(_));
        if self.exch.is_none() && displays {
            self.history = self.steps.len();
            self.exch = Some(newest);
        }
        let exch = self.exch.map_or(newest, |exch| exch.max(newest));
        if self.exch.is_some() {
            self.exch = Some(exch);
        }
        self.steps.push(Step {
            exch,
            event: Event { recv, body },
            heard: true,
        });
    }

    fn finish(mut self, instrument: Instrument) -> Result<Tape, FrameError> {
        let Some(_) = self.exch else {
            let coin = instrument.coin().to_owned();
            return Err(FrameError::NoBook {
                coin,
                lines: self.lines,
            });
        };
        let start = self.steps[self.history].exch;
        let mut last = Time(0);
        for step in &mut self.steps {
            step.exch = step.exch.max(start);
            let recv = match self.feed {
                Feed::Recorded => step.event.recv,
                Feed::Constant(after) => step.exch.plus(after),
            };
            last = last.max(recv).max(step.exch);
            step.event.recv = last;
        }
        Ok(Tape {
            instrument,
            steps: self.steps,
            history: self.history,
            takers: self.takers,
            lines: self.lines,
            repeated: self.repeated,
            references: Vec::new(),
        })
    }
}

/// Trade ids that were there before.
#[derive(Clone, Debug, Default)]
struct Tids {
    held: HashSet<u64>,
    /// In the order they came; kept only where the oldest are to be forgotten.
    order: VecDeque<u64>,
    most: Option<usize>,
}

impl Tids {
    fn insert(&mut self, tid: u64) -> bool {
        let new = self.held.insert(tid);
        if let (true, Some(most)) = (new, self.most) {
            self.order.push_back(tid);
            if self.order.len() > most
                && let Some(oldest) = self.order.pop_front()
            {
                self.held.remove(&oldest);
            }
        }
        new
    }
}

/// Receive time and frame of a line.
fn split(line: &[u8]) -> Option<(Time, &[u8])> {
    let space = line.iter().position(|&byte| byte == b' ')?;
    let stamp = core::str::from_utf8(&line[..space]).ok()?;
    let plain = stamp.bytes().all(|byte| byte.is_ascii_digit());
    let recv = stamp.parse().ok().filter(|_| plain)?;
    Some((Time(recv), &line[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::event::EventBody;
    use mm_core::units::SECOND;

    const BOOK: &str = r#"{"channel":"bbo","data":{"coin":"T","time":2,"bbo":[{"px":"1","sz":"1","n":0},{"px":"2","sz":"1","n":0}]}}"#;

    fn trades(rows: &[(i64, u64, &str, &str)]) -> String {
        let rows: Vec<String> = rows
            .iter()
            .map(|(ms, tid, side, px)| {
                format!(
                    r#"{{"coin":"T","side":"{side}","px":"{px}","sz":"2","time":{ms},"hash":"0x","tid":{tid},"users":["0x","0x"]}}"#
                )
            })
            .collect();
        format!(r#"{{"channel":"trades","data":[{}]}}"#, rows.join(","))
    }

    fn read(text: &str) -> Result<Tape, FrameError> {
        let coin = Instrument::new("T", 0, 0, 3).unwrap();
        Tape::read(coin, text.as_bytes(), Feed::Recorded)
    }

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_line_is_named() {
        assert!(
            refusal(&format!("5 {BOOK}\n{BOOK}\n")).starts_with("line 2: expected `<receive ns>")
        );
        assert!(refusal(&format!("5 {BOOK}\n4 {BOOK}\n")).contains("1 ns before the line above"));
        assert!(
            refusal(&format!("5 {BOOK}\n6 {{}}\n"))
                .starts_with("line 2: frame: not of the expected form")
        );
        let half = &BOOK[..40];
        assert!(
            refusal(&format!("5 {BOOK}\n6 {half}")).starts_with("line 2: cut off in the middle")
        );
        assert!(
            refusal("5 {\"channel\":\"pong\"}\n")
                .contains("1 lines, but no book or bbo frame of T")
        );
        assert!(refusal("").contains("0 lines"));
        assert!(read(&format!("5 {BOOK}")).is_ok());
    }

    /// Twenty seconds from 1 and 2 to 3 and 4, with a trade of each side on the way.
    const RISE: [&str; 4] = [
        r#"{"channel":"bbo","data":{"coin":"T","time":2,"bbo":[{"px":"1","sz":"7","n":0},{"px":"2","sz":"1","n":0}]}}"#,
        r#"{"channel":"trades","data":[{"coin":"T","side":"B","px":"2","sz":"2","time":9000,"hash":"0x","tid":8,"users":["0x","0x"]}]}"#,
        r#"{"channel":"l2Book","data":{"coin":"T","time":10000,"levels":[[{"px":"3","sz":"5","n":1},{"px":"2","sz":"6","n":1}],[{"px":"4","sz":"9","n":1}]]}}"#,
        r#"{"channel":"bbo","data":{"coin":"T","time":20002,"bbo":[{"px":"3","sz":"5","n":0},{"px":"4","sz":"9","n":0}]}}"#,
    ];

    #[test]
    fn a_chain_goes_back_as_it_came_and_has_no_jump() {
        let lines: Vec<String> = (0..)
            .zip(RISE)
            .map(|(n, line)| format!("{} {line}", 30_000_000_000_u64 + n))
            .collect();
        let tape = read(&lines.join("\n")).unwrap();
        let chain = tape.chained(Dur(60 * SECOND)).unwrap();
        assert_eq!(chain.steps()[..4], tape.steps()[..]);
        let [up, back, again] =
            [0, 4, 8].map(|from| &chain.steps()[from..(from + 4).min(chain.steps().len())]);
        let touch = |step: &Step| match &step.event.body {
            EventBody::Bbo(bbo) => (bbo.bid.unwrap(), bbo.ask.unwrap()),
            EventBody::Book(book) => (book.bids[0], book.asks[0]),
            _ => panic!("{step:?}"),
        };
        let px = |step| (touch(step).0.px, touch(step).1.px);
        assert_eq!(px(&back[0]), px(&up[3]), "it begins where it ended");
        assert_eq!(px(&back[3]), px(&up[0]), "and ends where it began");
        assert_eq!(
            (touch(&back[0]).0.sz, touch(&back[0]).1.sz),
            (touch(&up[0]).1.sz, touch(&up[0]).0.sz)
        );
        let EventBody::Book(book) = &back[2].event.body else {
            panic!("{:?}", back[2]);
        };
        assert_eq!(
            (book.bids.len(), book.asks.len()),
            (1, 2),
            "sides change places"
        );
        assert!(book.asks[0].px < book.asks[1].px);
        let trade = |step: &Step| match &step.event.body {
            EventBody::Trades(trades) => trades[0],
            _ => panic!("{step:?}"),
        };
        let (first, second) = (trade(&up[1]), trade(&back[1]));
        assert_eq!((first.side, second.side), (Side::Bid, Side::Ask));
        assert_ne!(first.tid, second.tid);
        assert_eq!(
            second.exch.since(first.exch),
            Dur(21 * SECOND),
            "a second between the pieces"
        );
        assert_eq!(px(&again[0]), px(&up[0]));
        assert_eq!(chain.takers().count, 3);
        assert!(chain.end().since(chain.start()) <= Dur(60 * SECOND));
        let recv: Vec<Time> = chain.steps().iter().map(|step| step.event.recv).collect();
        assert!(recv.is_sorted());
        assert_eq!(tape.chained(Dur(5 * SECOND)).unwrap().steps().len(), 1);
    }

    #[test]
    fn trades_come_once_and_takers_are_counted_after_the_history() {
        let text = [
            format!("5000000 {}", trades(&[(1, 1, "A", "1"), (1, 2, "A", "1")])),
            format!("5000001 {BOOK}"),
            format!(
                "5000002 {}",
                trades(&[(1, 2, "A", "1"), (3, 3, "B", "2"), (3, 4, "B", "3")])
            ),
            format!("5000003 {}", trades(&[(3, 4, "B", "3")])),
            format!("5000004 {}", trades(&[(3, 5, "B", "3"), (3, 6, "A", "1")])),
        ];
        let tape = read(&text.join("\n")).unwrap();
        assert_eq!((tape.lines(), tape.repeated(), tape.history()), (5, 2, 1));
        assert_eq!(
            tape.takers(),
            Takers {
                count: 2,
                volume: Usd(4_000_000 + 6_000_000 + 6_000_000 + 2_000_000)
            }
        );
        assert_eq!(
            (tape.start(), tape.end()),
            (Time::from_millis(2), Time::from_millis(3))
        );
        let kept: Vec<usize> = tape
            .steps()
            .iter()
            .filter_map(|step| match &step.event.body {
                EventBody::Trades(trades) => Some(trades.len()),
                _ => None,
            })
            .collect();
        assert_eq!(kept, [2, 2, 2]);
    }

    #[test]
    fn time_runs_at_its_maximum_and_nothing_is_received_before_it_happened() {
        let late = BOOK.replace("\"time\":2", "\"time\":9");
        let text = format!("1 {late}\n2 {BOOK}\n3000000 {BOOK}\n");
        let coin = Instrument::new("T", 0, 0, 3).unwrap();
        let tape = read(&text).unwrap();
        let times = |tape: &Tape| -> Vec<(i64, i64)> {
            tape.steps()
                .iter()
                .map(|step| (step.exch.0, step.event.recv.0))
                .collect()
        };
        assert_eq!(times(&tape), [(9_000_000, 9_000_000); 3]);
        let feed = Feed::Constant(Dur(7));
        let tape = Tape::read(coin, text.as_bytes(), feed).unwrap();
        assert_eq!(times(&tape), [(9_000_000, 9_000_007); 3]);
    }
}
