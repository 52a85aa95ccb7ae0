//! JSON into a form, with an error that names the field.

use core::fmt::Write;

use serde::Deserialize;

use super::DecodeError;

/// Reads `text` as `T`. An error says where in `root` it lies: `data.levels[0][1].px`.
///
/// # Errors
/// [`DecodeError::Json`].
pub(super) fn parse<'de, T: Deserialize<'de>>(
    root: &str,
    text: &'de str,
) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|source| DecodeError::Json {
        at: path(root, text, &source),
        source,
    })
}

/// Bytes as text.
///
/// # Errors
/// [`DecodeError::Json`].
pub(super) fn utf8<'a>(root: &str, bytes: &'a [u8]) -> Result<&'a str, DecodeError> {
    use serde::de::Error;
    core::str::from_utf8(bytes).map_err(|error| DecodeError::Json {
        at: root.to_owned(),
        source: serde_json::Error::custom(error),
    })
}

/// What is wrong with an object and not with a value in it.
const OF_THE_WHOLE: [&str; 3] = ["missing field", "duplicate field", "invalid length"];

fn path(root: &str, text: &str, error: &serde_json::Error) -> String {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let end = (before + error.column()).min(text.len());
    // A comma is of what comes next, and that is not what was wrong. A value that was read and refused
    // is told of when its object has been closed.
    let read = &text.as_bytes()[..end];
    let words = error.to_string();
    let of_the_whole = OF_THE_WHOLE.iter().any(|start| words.starts_with(start));
    let read = match read {
        [read @ .., last] if *last == b',' || (*last == b'}' && !of_the_whole) => read,
        read => read,
    };
    let mut at = root.to_owned();
    for step in steps(read) {
        match step {
            Step::Key(Some(key)) => {
                let dot = if at.is_empty() { "" } else { "." };
                at.push_str(dot);
                at.extend(String::from_utf8_lossy(key).escape_default());
            }
            Step::Key(None) => {}
            Step::Place(place) => write!(at, "[{place}]").expect("Invariant: text takes text"),
        }
    }
    at
}

/// One level down into a tree.
enum Step<'a> {
    /// Of an object; `None` before its first key.
    Key(Option<&'a [u8]>),
    /// Of an array.
    Place(usize),
}

/// The way to the last value that begins in a piece of JSON.
fn steps(json: &[u8]) -> Vec<Step<'_>> {
    let mut way = Vec::new();
    let (mut at, mut last) = (0, &json[..0]);
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let len = string_len(&json[at..]);
                last = &json[at..at + len];
                at += len + 1;
            }
            b':' => {
                if let Some(Step::Key(key)) = way.last_mut() {
                    *key = Some(last);
                }
            }
            b',' => {
                if let Some(Step::Place(place)) = way.last_mut() {
                    *place += 1;
                }
            }
            b'{' => way.push(Step::Key(None)),
            b'[' => way.push(Step::Place(0)),
            b'}' | b']' => {
                way.pop();
            }
            _ => {}
        }
    }
    way
}

/// Bytes of a string before its closing quote, or before the end.
fn string_len(json: &[u8]) -> usize {
    let mut escaped = false;
    let closes = |byte: &u8| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    };
    json.iter().position(closes).unwrap_or(json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Row {
        a: Vec<(u8, String)>,
        b: Option<Box<Row>>,
    }

    fn place(text: &str) -> String {
        match parse::<Row>("data", text) {
            Err(DecodeError::Json { at, .. }) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_says_where_it_lies() {
        assert_eq!(place("null"), "data");
        assert_eq!(place(r#"{"a":null}"#), "data.a");
        assert_eq!(
            place("{\"a\":[],\n \"b\":{\"a\":[[1,\"x\"],[2,5]]}}"),
            "data.b.a[1][1]"
        );
        assert_eq!(place(r#"{"a":[[1,"]}\"{"],[-1,"x"]]}"#), "data.a[1][0]");
        assert_eq!(place(r#"{"a":[[1,"x"],[300,"x"]]}"#), "data.a[1][0]");
        assert_eq!(place(r#"{"a":[[true,"x"]]}"#), "data.a[0][0]");
        assert_eq!(place(r#"{"a":[],"b":{}}"#), "data.b");
        assert_eq!(place(r#"{"a":[[1"#), "data.a[0][0]");
    }
}
