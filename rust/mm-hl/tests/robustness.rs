//! Whatever the bytes, a parser answers or refuses: it never panics.

mod mutations;
#[allow(dead_code, reason = "shared between tests")]
mod samples;

use mm_core::action::{Action, ActionBody, Cancel, Cloid, Reason};
use mm_core::instrument::Instrument;
use mm_core::units::Time;
use mm_hl::decode::{
    InfoKind, archive_line, classify, decode_frame, decode_info, decode_meta, decode_reply,
};
use mm_hl::sign::{Network, verify};
use mm_hl::wire::{Envelope, ExchangeAction};
use mutations::{mutate, mutation};
use proptest::prelude::*;
use samples::{BODIES, FRAMES, REPLIES};

const ENVELOPE: &str = r#"{"action":{"type":"order","orders":[{"a":0,"b":true,"p":"95000","s":"0.001","r":false,"t":{"limit":{"tif":"Alo"}},"c":"0x00000000000000000000000000000001"},{"a":0,"b":true,"p":"1","s":"1","r":true,"t":{"trigger":{"isMarket":true,"triggerPx":"103","tpsl":"sl"}}}],"grouping":"na","builder":{"b":"0x14791697260e4c9a71f18484c9f997b308e59325","f":10}},"nonce":1700000000000,"signature":{"r":"0xe67beeaf645cca40d30b662b24b6b2447211cb9260836d11accd1814d54272b3","s":"0x4c36327332435c69501388d8d511685c025d0cb346339d27f1d88b852cdec550","v":27},"vaultAddress":null,"expiresAfter":1700000005000}"#;
const AGENT: &str = r#"{"action":{"type":"approveAgent","signatureChainId":"0x66eee","hyperliquidChain":"Testnet","agentAddress":"0x0d1d9635d0640821d15e323ac8adadfa9c111414","nonce":5},"nonce":5,"signature":{"r":"0x1","s":"0x2","v":28}}"#;
const META: &str =
    r#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56}]}"#;
const ARCHIVED: &str =
    r#"{"time":"2026-04-01T00:00:12.669126791","ver_num":1,"raw":{"channel":"pong"}}"#;

/// Every message this crate reads.
fn messages() -> Vec<&'static str> {
    let bodies = BODIES.iter().map(|(_, body)| *body);
    let rest = [ENVELOPE, AGENT, META, ARCHIVED];
    FRAMES
        .iter()
        .copied()
        .chain(bodies)
        .chain(REPLIES.iter().copied())
        .chain(rest)
        .collect()
}

/// Every parser on the same bytes.
fn parse_with_everything(bytes: &[u8]) {
    for sz_decimals in [0, 5] {
        let Ok(coin) = Instrument::new("BTC", 0, sz_decimals, 40) else {
            return;
        };
        let _ = decode_frame(&coin, bytes);
        for (kind, _) in BODIES {
            if let Ok(kind) = kind.parse::<InfoKind>() {
                let _ = decode_info(kind, &coin, bytes, Time(0));
            }
        }
        let cancel = Cancel {
            cloid: Cloid::new(1, 1),
            reason: Reason::Stop,
        };
        for count in [0, 1, 4] {
            let action = Action {
                id: 1,
                cycle: 1,
                body: ActionBody::Cancel(vec![cancel; count]),
            };
            let _ = decode_reply(&action, &coin, 200, bytes);
        }
    }
    let _ = decode_meta(bytes, "BTC", u32::MAX);
    let _ = archive_line(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = classify(&text);
    let _ = text.parse::<InfoKind>();
    let _ = ExchangeAction::parse(&text);
    if let Ok(envelope) = Envelope::parse(bytes) {
        let _ = verify(&envelope, Network::Testnet);
        let _ = envelope.to_body();
    }
}

proptest! {
    #[test]
    fn prop_arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_with_everything(&bytes);
    }

    #[test]
    fn prop_mutated_messages_never_panic(
        message in prop::sample::select(messages()),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut bytes = message.as_bytes().to_vec();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        parse_with_everything(&bytes);
    }

    #[test]
    fn prop_a_truncated_message_is_never_read(
        message in prop::sample::select(FRAMES),
        keep in 0.0..1.0_f64,
    ) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        #[expect(clippy::cast_precision_loss, reason = "an index")]
        let len = (message.len() as f64 * keep) as usize;
        let coin = Instrument::new("BTC", 0, 5, 40);
        prop_assert!(coin.is_ok_and(|coin| decode_frame(&coin, &message.as_bytes()[..len]).is_err()));
    }
}
