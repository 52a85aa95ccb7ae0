//! Ways to spoil a message: bytes flipped, cut and copied, values replaced.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Flip(usize, u8),
    Cut(usize, usize),
    Copy(usize, usize, usize),
    Put(usize, &'static str),
}

const TOKENS: &[&str] = &[
    "null",
    "-1",
    "0",
    "\"\"",
    "\"-0.1\"",
    "18446744073709551615",
    "-9223372036854775808",
    "1e999",
    "\"9223372036854775807\"",
    "\"0.0000000000000001\"",
    "[]",
    "{}",
    "true",
    "\"NaN\"",
    "\\u0000",
    "\"",
    ",",
    "[[[[[[[[",
    "9999999999999999999999",
];

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>();
    prop_oneof![
        (at, any::<u8>()).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (at, 0..40_usize).prop_map(|(at, len)| Mutation::Cut(at, len)),
        (at, 0..60_usize, at).prop_map(|(from, len, to)| Mutation::Copy(from, len, to)),
        (at, prop::sample::select(TOKENS)).prop_map(|(at, token)| Mutation::Put(at, token)),
    ]
}

pub(crate) fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let place = |at: usize, bytes: &[u8]| at % (bytes.len() + 1);
    match *mutation {
        Mutation::Flip(at, bits) => {
            let at = place(at, bytes);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Mutation::Cut(at, len) => {
            let at = place(at, bytes);
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        Mutation::Copy(from, len, to) => {
            let from = place(from, bytes);
            let part = bytes[from..(from + len).min(bytes.len())].to_vec();
            let to = place(to, bytes);
            bytes.splice(to..to, part);
        }
        Mutation::Put(at, token) => {
            // In place of a whole value, so that the message often stays well-formed.
            let start = place(at, bytes);
            let Some(colon) = bytes[start..].iter().position(|&byte| byte == b':') else {
                return;
            };
            let start = start + colon + 1;
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']');
            let len = bytes[start..].iter().position(ends).unwrap_or(0);
            bytes.splice(start..start + len, token.bytes());
        }
    }
}
