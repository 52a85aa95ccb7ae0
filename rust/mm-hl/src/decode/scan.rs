//! The book frame as the venue prints it, read in one pass without a JSON parser.
//!
//! A shortcut only: anything but the exact form (other key order, white space, another coin, a bad
//! value) gives `None`, and the general parser decides and words the error. The book is by far the
//! largest frame; this reads it about five times faster.

use mm_core::event::{BookSnapshot, Level};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time};

use super::market::DEPTH;
use super::value::{LOTS_MAX, MILLIS_MAX};

/// Digits that fit an `i64` without looking.
const SAFE_DIGITS: usize = 18;

/// The book of `instrument`'s coin in the venue's exact form.
pub(super) fn book(instrument: &Instrument, frame: &[u8]) -> Option<BookSnapshot> {
    let mut scan = Scan(frame);
    scan.expect(br#"{"channel":"l2Book","data":{"coin":""#)?;
    scan.expect(instrument.coin().as_bytes())?;
    scan.expect(br#"","time":"#)?;
    let ms = scan.integer().filter(|ms| *ms <= MILLIS_MAX)?;
    let exch = Time(ms.checked_mul(1_000_000)?);
    scan.expect(br#","levels":[["#)?;
    let bids = scan.levels(instrument, Side::Bid)?;
    scan.expect(b",[")?;
    let asks = scan.levels(instrument, Side::Ask)?;
    scan.expect(b"]")?;
    let whole = matches!(scan.0, br"}}" | br#","fast":true}}"#);
    whole.then_some(BookSnapshot { exch, bids, asks })
}

/// What is left to read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// One side after its opening bracket, sorted from the best.
    fn levels(&mut self, instrument: &Instrument, side: Side) -> Option<Vec<Level>> {
        if self.expect(b"]").is_some() {
            return Some(Vec::new());
        }
        let mut levels = Vec::<Level>::with_capacity(DEPTH);
        loop {
            let level = self.level(instrument)?;
            if levels.len() == DEPTH
                || levels
                    .last()
                    .is_some_and(|at| side.at_or_better(level.px, at.px))
            {
                return None;
            }
            levels.push(level);
            match self.byte()? {
                b',' => {}
                b']' => return Some(levels),
                _ => return None,
            }
        }
    }

    fn level(&mut self, instrument: &Instrument) -> Option<Level> {
        self.expect(br#"{"px":""#)?;
        let px = Px(self.decimal(instrument.px_decimals())?);
        self.expect(br#","sz":""#)?;
        let sz = Sz(self.decimal(instrument.sz_decimals())?);
        self.expect(br#","n":"#)?;
        self.integer()?;
        self.expect(b"}")?;
        (px.0 > 0 && (1..=LOTS_MAX).contains(&sz.0) && px.0.checked_mul(sz.0).is_some())
            .then_some(Level { px, sz })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A run of digits, without a leading zero before others.
    fn integer(&mut self) -> Option<i64> {
        let len = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(len);
        let padded = len > 1 && digits[0] == b'0';
        if len == 0 || len > SAFE_DIGITS || padded {
            return None;
        }
        self.0 = rest;
        Some(
            digits
                .iter()
                .fold(0, |value, byte| value * 10 + i64::from(byte - b'0')),
        )
    }

    /// An unsigned decimal up to and with its closing quote, scaled by `10^decimals`.
    fn decimal(&mut self, decimals: u32) -> Option<i64> {
        let (mut value, mut digits, mut fraction) = (0_i64, 0_usize, None::<u32>);
        for (at, &byte) in self.0.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    match &mut fraction {
                        Some(seen) if *seen == decimals => {
                            if byte != b'0' {
                                return None;
                            }
                            continue;
                        }
                        Some(seen) => *seen += 1,
                        None => {}
                    }
                    value = value * 10 + i64::from(byte - b'0');
                    if digits > SAFE_DIGITS - 6 {
                        return None;
                    }
                }
                b'.' if fraction.is_none() && digits > 0 => fraction = Some(0),
                b'"' if digits > 0 => {
                    self.0 = &self.0[at + 1..];
                    return Some(value * 10_i64.pow(decimals - fraction.unwrap_or(0)));
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::decode::frame::general;
    use crate::decode::{Decoded, decode_frame};

    /// A book as the venue prints it, from decreasing bids and increasing asks.
    fn print(
        instrument: &Instrument,
        bids: &[(i64, i64)],
        asks: &[(i64, i64)],
        fast: bool,
    ) -> String {
        let side = |levels: &[(i64, i64)]| {
            let mut text = String::new();
            for (at, (px, sz)) in levels.iter().enumerate() {
                let (px, sz) = (instrument.format_px(Px(*px)), instrument.format_sz(Sz(*sz)));
                let dot = |text: &str| if text.contains('.') { "" } else { ".0" };
                let comma = if at == 0 { "" } else { "," };
                write!(
                    text,
                    r#"{comma}{{"px":"{px}{}","sz":"{sz}{}","n":{at}}}"#,
                    dot(&px),
                    dot(&sz)
                )
                .unwrap();
            }
            text
        };
        let tail = if fast { r#","fast":true"# } else { "" };
        format!(
            r#"{{"channel":"l2Book","data":{{"coin":"BTC","time":1700000000070,"levels":[[{}],[{}]]{tail}}}}}"#,
            side(bids),
            side(asks)
        )
    }

    fn levels() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::btree_map(1..100_000_000_i64, 1..1_000_000_i64, 0..=20)
            .prop_map(|levels| levels.into_iter().collect())
    }

    proptest! {
        #[test]
        fn prop_every_printed_book_takes_the_shortcut(
            mut bids in levels(), asks in levels(), fast in any::<bool>(), sz_decimals in 0..=5_u32,
        ) {
            let coin = Instrument::new("BTC", 0, sz_decimals, 40).unwrap();
            bids.reverse();
            let text = print(&coin, &bids, &asks, fast);
            let found = book(&coin, text.as_bytes());
            let side = |levels: &[(i64, i64)]| -> Vec<Level> {
                levels.iter().map(|&(px, sz)| Level { px: Px(px), sz: Sz(sz) }).collect()
            };
            let found = found.unwrap();
            prop_assert_eq!(&found.bids, &side(&bids));
            prop_assert_eq!(&found.asks, &side(&asks));
            let slow = general(&coin, text.as_bytes()).unwrap();
            prop_assert_eq!(slow, decode_frame(&coin, text.as_bytes()).unwrap());
        }

        #[test]
        fn prop_the_shortcut_never_says_more_than_the_parser(
            mut bids in levels(), asks in levels(), at in any::<prop::sample::Index>(),
            put in prop::collection::vec(prop::sample::select(br#"0123456789."{}[],:-eE nfx"#.to_vec()), 0..3),
            cut in 0..3_usize,
        ) {
            let coin = Instrument::new("BTC", 0, 3, 40).unwrap();
            bids.reverse();
            let mut text = print(&coin, &bids, &asks, false).into_bytes();
            let at = at.index(text.len());
            text.splice(at..(at + cut).min(text.len()), put);
            if let Some(book) = book(&coin, &text) {
                let Decoded::Events(events) = general(&coin, &text).unwrap() else { panic!() };
                prop_assert_eq!(&events[..], [mm_core::event::EventBody::Book(book)]);
            }
        }
    }
}
