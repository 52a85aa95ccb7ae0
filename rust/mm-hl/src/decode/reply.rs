//! Replies of `POST /exchange` and the venue's words for a refusal.

use std::borrow::Cow;

use mm_core::action::{Action, ActionBody};
use mm_core::event::{ItemStatus, Rejection, RejectionClass, ReplyOutcome};
use mm_core::instrument::Instrument;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads the answer to an action.
///
/// * 429: the venue did not look at it; other 4xx: it could not read it. Either way nothing was done.
/// * 5xx, and a 200 whose body does not answer this action: [`ReplyOutcome::Lost`], since a gateway
///   may have failed after the venue acted.
/// * One error for several items is a static refusal of the whole batch, never the first item's.
#[must_use]
pub fn decode_reply(
    action: &Action,
    instrument: &Instrument,
    status: u16,
    body: &[u8],
) -> ReplyOutcome {
    match status {
        200..=299 => answer(action, instrument, body).unwrap_or(ReplyOutcome::Lost),
        429 => ReplyOutcome::Refused(transport(status, body, RejectionClass::Transport)),
        400..=499 => ReplyOutcome::Refused(transport(status, body, RejectionClass::Unknown)),
        _ => ReplyOutcome::Lost,
    }
}

fn transport(status: u16, body: &[u8], class: RejectionClass) -> Rejection {
    let body = String::from_utf8_lossy(body);
    Rejection {
        class,
        text: format!("HTTP {status}: {body}"),
    }
}

/// `None` where the body does not answer the action.
fn answer(action: &Action, instrument: &Instrument, body: &[u8]) -> Option<ReplyOutcome> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        response: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Response {
        data: Statuses,
    }
    #[derive(Deserialize)]
    struct Statuses {
        statuses: Vec<WireStatus>,
    }
    let Answer { status, response } = serde_json::from_slice(body).ok()?;
    if status == "err" {
        return serde_json::from_str(response.get())
            .ok()
            .map(rejection)
            .map(ReplyOutcome::Refused);
    }
    if status != "ok" {
        return None;
    }
    let Response {
        data: Statuses { mut statuses },
    } = serde_json::from_str(response.get()).ok()?;
    let items = items(action);
    if statuses.len() == items {
        let statuses = statuses.into_iter().map(|status| item(instrument, status));
        return statuses.collect::<Option<_>>().map(ReplyOutcome::Statuses);
    }
    match statuses.pop() {
        Some(WireStatus::Error(text)) if statuses.is_empty() => {
            Some(ReplyOutcome::Refused(rejection(text)))
        }
        _ => None,
    }
}

fn items(action: &Action) -> usize {
    match &action.body {
        ActionBody::Place(orders) => orders.len(),
        ActionBody::Modify(amends) => amends.len(),
        ActionBody::Cancel(cancels) => cancels.len(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireStatus {
    Success,
    WaitingForFill,
    WaitingForTrigger,
    Resting {
        oid: u64,
    },
    #[serde(rename_all = "camelCase")]
    Filled {
        oid: u64,
        total_sz: String,
    },
    Error(String),
}

/// `None` for a status that none of our items can have.
fn item(instrument: &Instrument, status: WireStatus) -> Option<ItemStatus> {
    match status {
        WireStatus::Success => Some(ItemStatus::Success),
        WireStatus::Resting { oid } => Some(ItemStatus::Resting(oid)),
        WireStatus::Filled { oid, total_sz } => {
            let sz = instrument.parse_sz(&total_sz).ok().filter(|sz| sz.0 > 0)?;
            Some(ItemStatus::Filled { oid, sz })
        }
        WireStatus::Error(text) => Some(ItemStatus::Error(rejection(text))),
        WireStatus::WaitingForFill | WireStatus::WaitingForTrigger => None,
    }
}

fn rejection(text: String) -> Rejection {
    Rejection {
        class: classify(&text),
        text,
    }
}

/// The class of a refusal. First match of the table; a text nobody knew is `Unknown`.
#[must_use]
pub fn classify(text: &str) -> RejectionClass {
    TEXTS
        .iter()
        .find(|(part, _)| text.contains(part))
        .map_or(RejectionClass::Unknown, |(_, class)| *class)
}

/// Parts of the venue's texts (HYPERLIQUID facts 3.1 to 3.5). Texts may be wrapped
/// (`Error placing new order during modify: ..`, `L1 error: ..`) and end with ` asset=N`.
const TEXTS: &[(&str, RejectionClass)] = {
    use RejectionClass as Class;
    &[
        (
            "Post only order would have immediately matched",
            Class::PostOnly,
        ),
        ("Order could not immediately match", Class::NoMatch),
        ("No liquidity available for market order", Class::NoMatch),
        ("Insufficient margin", Class::Margin),
        ("exceed margin tier limit", Class::Margin),
        ("insufficient spot balance", Class::Margin),
        ("does not have sufficient margin", Class::Margin),
        (
            "Reduce only order would increase position",
            Class::ReduceOnly,
        ),
        ("Order must have minimum value of", Class::MinNotional),
        ("open interest", Class::OpenInterest),
        ("Price must be divisible by tick size", Class::Price),
        ("Order has invalid price", Class::Price),
        ("away from the reference price", Class::Price),
        ("Order price too far from oracle", Class::Price),
        ("Invalid TP/SL price", Class::Price),
        ("Order has invalid size", Class::Size),
        (
            "Order was never placed, already canceled, or filled",
            Class::Gone,
        ),
        ("Cannot modify canceled or filled order", Class::Gone),
        ("Too many cumulative requests sent", Class::Budget),
        ("Too many open orders", Class::Cap),
        ("over weight limit", Class::Cap),
        ("Insufficient delegatable balance", Class::Cap),
        ("Invalid nonce", Class::Nonce),
        ("Action already expired", Class::Expired),
        ("Unable to recover signer", Class::Auth),
        ("does not exist", Class::Auth),
        ("Must deposit before performing actions", Class::Auth),
        ("Vault not registered", Class::Auth),
        ("Builder fee has not been approved", Class::Auth),
        (
            "Only post-only orders allowed immediately after a network upgrade",
            Class::PostOnlyPeriod,
        ),
    ]
};

#[cfg(test)]
mod tests {
    use mm_core::action::{Cancel, Cloid, Reason};
    use mm_core::units::Sz;

    use super::*;

    fn cancels(count: u64) -> Action {
        let cancel = |id| Cancel {
            cloid: Cloid::new(1, id),
            reason: Reason::Stop,
        };
        Action {
            id: 1,
            cycle: 1,
            body: ActionBody::Cancel((0..count).map(cancel).collect()),
        }
    }

    fn reply(items: u64, status: u16, body: &str) -> ReplyOutcome {
        let eth = Instrument::new("ETH", 1, 4, 25).unwrap();
        decode_reply(&cancels(items), &eth, status, body.as_bytes())
    }

    fn ok(statuses: &str) -> String {
        format!(
            r#"{{"status":"ok","response":{{"type":"order","data":{{"statuses":[{statuses}]}}}}}}"#
        )
    }

    #[test]
    fn one_error_for_several_items_refuses_them_all() {
        let body = ok(r#"{"error":"Order has invalid price."}"#);
        let ReplyOutcome::Refused(refused) = reply(3, 200, &body) else {
            panic!()
        };
        assert_eq!(refused.class, RejectionClass::Price);
        let ReplyOutcome::Statuses(statuses) = reply(1, 200, &body) else {
            panic!()
        };
        assert_eq!(statuses.len(), 1);
    }

    #[test]
    fn statuses_are_read_in_order() {
        let body = ok(
            r#""success",{"resting":{"oid":7,"cloid":"0x01"}},{"filled":{"totalSz":"0.02","avgPx":"1891.4","oid":8}},{"error":"Order could not immediately match against any resting orders. asset=1"}"#,
        );
        let ReplyOutcome::Statuses(statuses) = reply(4, 200, &body) else {
            panic!()
        };
        assert_eq!(
            statuses[..3],
            [
                ItemStatus::Success,
                ItemStatus::Resting(7),
                ItemStatus::Filled {
                    oid: 8,
                    sz: Sz(200)
                },
            ]
        );
        assert!(
            matches!(&statuses[3], ItemStatus::Error(error) if error.class == RejectionClass::NoMatch)
        );
    }

    #[test]
    fn an_answer_that_does_not_fit_is_lost() {
        for body in [
            "",
            "null",
            "<html>",
            &ok(r#"{"resting":{"oid":7}}"#),
            &ok(r#""waitingForFill","success""#),
            r#"{"status":"ok","response":{"type":"default"}}"#,
        ] {
            assert_eq!(reply(2, 200, body), ReplyOutcome::Lost, "{body}");
        }
        assert_eq!(reply(1, 502, "bad gateway"), ReplyOutcome::Lost);
    }

    #[test]
    fn http_refusals_did_nothing() {
        let ReplyOutcome::Refused(refused) = reply(2, 429, "null") else {
            panic!()
        };
        assert_eq!(refused.class, RejectionClass::Transport);
        let ReplyOutcome::Refused(refused) = reply(2, 422, "Failed to deserialize") else {
            panic!()
        };
        assert_eq!(refused.class, RejectionClass::Unknown);
    }

    #[test]
    fn a_cap_of_the_venue_is_no_empty_budget() {
        for text in [
            "Too many open orders.",
            "Signed action over weight limit of 200.",
        ] {
            let body = format!(r#"{{"status":"err","response":"{text}"}}"#);
            let ReplyOutcome::Refused(refused) = reply(2, 200, &body) else {
                panic!()
            };
            assert_eq!(refused.class, RejectionClass::Cap, "{text}");
        }
    }

    #[test]
    fn a_whole_refusal_keeps_its_text() {
        let text = "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46. Place taker orders to free up 1 request per USDC traded.";
        let body = format!(r#"{{"status":"err","response":"{text}"}}"#);
        let expected = Rejection {
            class: RejectionClass::Budget,
            text: text.to_owned(),
        };
        assert_eq!(reply(2, 200, &body), ReplyOutcome::Refused(expected));
    }
}
