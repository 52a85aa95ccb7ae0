//! Every field of every message that is read, spoilt in every way: what comes out is a refusal that
//! names the field, the event that stands without it, or the same event as before. Never a number
//! that the venue did not print.

#![expect(clippy::unwrap_used, reason = "a test")]

mod samples;

use mm_core::action::{Action, ActionBody, Cancel, Cloid, Reason};
use mm_core::event::ReplyOutcome;
use mm_hl::decode::decode_reply;
use samples::Field::{Absent, AbsentWord, Needed, NullOnly, Nullable, Opaque, OptionalWord, Word};
use samples::{ACCOUNT, CLOID, FILL, Field, Sample, UPDATE, coin, market, money, others, own};
use serde_json::{Value, json};

/// Fields of `meta` that a refusal names by what they mean.
const SAID: [(&str, &str); 4] = [
    ("universe", "is not listed"),
    ("name", "is not listed"),
    ("isDelisted", "is delisted"),
    ("marginTiers", "margin tiers"),
];

/// What stands in the place of a field.
const SPOILT: [&str; 15] = [
    "null",
    "true",
    "{}",
    "[]",
    "0.5",
    "-1e999",
    "\"\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "\"-1e999\"",
    "\"1e5\"",
    "\"99999999999999999999999999\"",
    "99999999999999999999999999",
    "-1e30",
];

/// The path of every field and element, deepest last, as JSON pointers.
fn paths(tree: &Value) -> Vec<String> {
    let below = |key: String, child: &Value| {
        let deeper = paths(child);
        std::iter::once(String::new())
            .chain(deeper)
            .map(move |path| format!("/{key}{path}"))
            .collect::<Vec<_>>()
    };
    match tree {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, child)| below(key.clone(), child))
            .collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(place, child)| below(place.to_string(), child))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The message with `text` at a place; without the place where there is none.
fn spoilt(message: &Value, path: &str, text: Option<&str>) -> String {
    const PLACE: &str = "the place";
    let mut message = message.clone();
    if let Some(text) = text {
        *message.pointer_mut(path).unwrap() = PLACE.into();
        return message.to_string().replace(&format!("\"{PLACE}\""), text);
    }
    let (parent, key) = path.rsplit_once('/').unwrap();
    match message.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        leaf => panic!("{leaf} has nothing below"),
    }
    message.to_string()
}

/// What a path is to its sample; the longest end of the path that is named decides.
fn field(sample: &Sample, path: &str) -> Option<Field> {
    let named = sample
        .fields
        .iter()
        .filter(|(end, _)| path.ends_with(&format!("/{end}")));
    named
        .max_by_key(|(end, _)| end.len())
        .map(|(_, field)| *field)
}

/// The name that a refusal must say: the last part of the path that is no place in a list.
fn name_of(path: &str) -> &str {
    let mut parts = path.rsplit('/');
    let part = parts.find(|part| part.parse::<usize>().is_err());
    part.filter(|part| !part.is_empty()).unwrap_or("body")
}

fn judge(sample: &Sample, path: &str, text: Option<&str>, before: &str) -> Option<String> {
    let was = sample.message.pointer(path).unwrap();
    let found = (sample.read)(spoilt(&sample.message, path, text).as_bytes());
    // An element is what its list is.
    let of = path.trim_end_matches(|end: char| end == '/' || end.is_ascii_digit());
    let kind = match of {
        "" => Some(Needed),
        of => field(sample, path).or_else(|| field(sample, of)),
    };
    let is_row = of != path && was.is_object() && field(sample, path).is_none();
    let is_text = text.is_some_and(|text| text.starts_with('"'));
    let is_gone = text.is_none_or(|text| text == "null");
    // A list may have fewer rows, an object be without what it need not have, a switch be on.
    let is_legal = match was {
        Value::Array(_) => text == Some("[]"),
        Value::Object(fields) => {
            let needed = |key: &String| field(sample, &format!("{path}/{key}")) == Some(Needed);
            (text == Some("{}") && !fields.keys().any(needed)) || (is_row && text.is_none())
        }
        Value::Bool(_) => text == Some("true"),
        Value::Number(number) if number.is_f64() => text == Some("0.5"),
        _ => false,
    };
    let may_stand = match kind {
        None => return (found.as_deref() != Ok(before)).then(|| format!("is read: {found:?}")),
        Some(Needed) => is_legal,
        Some(Opaque) => text.is_some(),
        Some(Absent) => is_legal || text.is_none(),
        Some(Nullable) => is_legal || is_gone,
        Some(NullOnly) => is_legal || text == Some("null"),
        Some(Word) => is_text,
        Some(AbsentWord) => is_text || text.is_none(),
        Some(OptionalWord) => is_text || is_gone,
    };
    match found {
        Ok(_) if may_stand => None,
        Ok(event) => Some(format!("was read: {event}")),
        Err(words) => {
            let words = words.to_lowercase();
            let name = name_of(path);
            let alias = SAID
                .iter()
                .any(|(of, said)| *of == name && words.contains(said));
            let named = alias || words.contains(&name.to_lowercase());
            (!named).then(|| format!("does not name it: {words}"))
        }
    }
}

#[test]
fn a_spoilt_field_is_refused_by_name_or_is_absent() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for sample in [market(), own(), money(), others()].into_iter().flatten() {
        let whole = sample.message.to_string();
        let before = (sample.read)(whole.as_bytes());
        let before = before.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let all = paths(&sample.message);
        for (end, _) in sample.fields {
            let known = all.iter().any(|path| path.ends_with(&format!("/{end}")));
            let shared = [FILL, ACCOUNT, UPDATE].contains(&sample.fields);
            assert!(known || shared, "{} has no {end}", sample.name);
        }
        for path in &all {
            for text in SPOILT.iter().map(|text| Some(*text)).chain([None]) {
                tried += 1;
                if let Some(why) = judge(&sample, path, text, &before) {
                    wrong.push(format!("{} {path} = {text:?} {why}", sample.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 5_000, "{tried}");
}

/// A reply that is spoilt answers nothing: what became of the action is unknown, never an order id or
/// a size that was not printed.
#[test]
fn a_spoilt_reply_is_lost() {
    let cancel = Cancel {
        cloid: Cloid::new(1, 1),
        reason: Reason::Stop,
    };
    let action = Action {
        id: 1,
        cycle: 1,
        body: ActionBody::Cancel(vec![cancel; 3]),
    };
    let message = json!({"status": "ok", "response": {"type": "order", "data": {"statuses": [
        {"resting": {"oid": 91, "cloid": CLOID}},
        {"filled": {"totalSz": "2.25", "avgPx": "41.5", "oid": 92}},
        "success",
    ]}}});
    let read = |text: &str| decode_reply(&action, &coin(), 200, text.as_bytes());
    let before = read(&message.to_string());
    assert!(matches!(before, ReplyOutcome::Statuses(_)));
    let unread = ["/response/type", "/cloid", "/avgPx"];
    for path in paths(&message) {
        for text in SPOILT.iter().map(|text| Some(*text)).chain([None]) {
            let outcome = read(&spoilt(&message, &path, text));
            if unread.iter().any(|end| path.ends_with(end)) {
                assert_eq!(outcome, before, "{path} {text:?}");
            } else {
                assert_eq!(outcome, ReplyOutcome::Lost, "{path} {text:?}");
            }
        }
    }
}
