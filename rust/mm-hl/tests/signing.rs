//! The venue's signing vectors: canonical msgpack, connection id and signature, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test")]

use mm_hl::address::Address;
use mm_hl::sign::{Network, SignError, Signer, canonical_msgpack, connection_id, verify};
use mm_hl::wire::{Envelope, ExchangeAction, Signature, Word32};
use serde::Deserialize;

const SECRET: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const ADDRESS: &str = "0x14791697260e4c9a71f18484c9f997b308e59325";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    action: ExchangeAction,
    nonce: u64,
    vault: Option<Address>,
    expires_after: Option<u64>,
    msgpack: Option<String>,
    hash: Option<Word32>,
    mainnet: Option<Signature>,
    testnet: Option<Signature>,
}

fn vectors() -> Vec<Vector> {
    include_str!("data/signing-vectors.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_vector_gives_its_msgpack_hash_and_signature() {
    let signer = Signer::new(SECRET).unwrap();
    assert_eq!(signer.address().to_string(), ADDRESS);
    let mut signatures = 0;
    for vector in vectors() {
        let Vector {
            name,
            action,
            nonce,
            vault,
            expires_after,
            msgpack,
            hash,
            mainnet,
            testnet,
        } = vector;
        if let Some(msgpack) = msgpack {
            assert_eq!(
                hex::encode(canonical_msgpack(&action).unwrap()),
                msgpack,
                "{name}"
            );
        }
        if let Some(hash) = hash {
            let id = connection_id(&action, nonce, vault, expires_after).unwrap();
            assert_eq!(Word32(id), hash, "{name}");
        }
        for (network, expected) in [(Network::Mainnet, mainnet), (Network::Testnet, testnet)] {
            let Some(expected) = expected else { continue };
            let envelope = signer
                .sign(action.clone(), nonce, vault, expires_after, network)
                .unwrap();
            assert_eq!(envelope.signature, expected, "{name} {network:?}");
            assert_eq!(
                verify(&envelope, network).unwrap().to_string(),
                ADDRESS,
                "{name}"
            );
            signatures += 1;
        }
    }
    assert_eq!(signatures, 42);
}

#[test]
fn an_envelope_survives_its_own_json() {
    let signer = Signer::new(SECRET).unwrap();
    for vector in vectors() {
        if vector.testnet.is_none() {
            continue;
        }
        let Ok(envelope) = signer.sign(
            vector.action,
            vector.nonce,
            vector.vault,
            vector.expires_after,
            Network::Testnet,
        ) else {
            panic!("{}", vector.name);
        };
        let body = serde_json::to_vec(&envelope).unwrap();
        assert_eq!(Envelope::parse(&body).unwrap(), envelope, "{}", vector.name);
    }
}

#[test]
fn padding_case_and_key_order_do_not_change_the_signer() {
    let canonical = r#"{"type":"order","orders":[{"a":1,"b":true,"p":"100","s":"0.01","r":false,"t":{"limit":{"tif":"Gtc"}},"c":"0x000000000000000000000000000000ab"}],"grouping":"na"}"#;
    let loose = r#"{"grouping":"na","isFrontend":true,"orders":[{"c":"000000000000000000000000000000AB","t":{"limit":{"tif":"Gtc"}},"r":false,"s":"0.0100","p":"100.00","b":true,"a":1}],"type":"order"}"#;
    let canonical = ExchangeAction::parse(canonical).unwrap();
    let loose = ExchangeAction::parse(loose).unwrap();
    assert_eq!(
        canonical_msgpack(&canonical).unwrap(),
        canonical_msgpack(&loose).unwrap()
    );
}

#[test]
fn a_changed_byte_is_another_signer_or_none() {
    let signer = Signer::new(SECRET).unwrap();
    let action = r#"{"type":"order","orders":[{"a":0,"b":true,"p":"95000","s":"0.001","r":false,"t":{"limit":{"tif":"Alo"}}}],"grouping":"na"}"#;
    let action = ExchangeAction::parse(action).unwrap();
    let envelope = signer.sign(
        action,
        1_700_000_000_000,
        None,
        Some(1_700_000_005_000),
        Network::Mainnet,
    );
    let envelope = envelope.unwrap();
    let body = String::from_utf8(serde_json::to_vec(&envelope).unwrap()).unwrap();
    let mut looked_at = 0;
    for at in 0..body.len() {
        let mut changed = body.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(changed) = Envelope::parse(&changed) else {
            continue;
        };
        if changed == envelope {
            continue;
        }
        looked_at += 1;
        if let Ok(address) = verify(&changed, Network::Mainnet) {
            assert_ne!(address, signer.address(), "byte {at} of {body}");
        }
    }
    assert!(looked_at > 100, "{looked_at}");
    assert_ne!(
        verify(&envelope, Network::Testnet).unwrap(),
        signer.address()
    );
}

#[test]
fn nobody_signed_zeros() {
    let zero = Signature {
        r: Word32([0; 32]),
        s: Word32([0; 32]),
        v: 27,
    };
    let envelope = Envelope {
        action: ExchangeAction::Noop,
        nonce: 1,
        signature: zero,
        vault_address: None,
        expires_after: None,
    };
    assert!(matches!(
        verify(&envelope, Network::Testnet),
        Err(SignError::Recover)
    ));
}

#[test]
fn a_user_signed_action_binds_its_venue_and_nonce() {
    let signer = Signer::new(SECRET).unwrap();
    let send = r#"{"type":"usdSend","signatureChainId":"0x66eee","hyperliquidChain":"Testnet","destination":"0x5e9ee1089755c3435139848e47e6635505d5a13a","amount":"1","time":7}"#;
    let send = ExchangeAction::parse(send).unwrap();
    let sign = |nonce, network| signer.sign(send.clone(), nonce, None, None, network);
    assert!(sign(7, Network::Testnet).is_ok());
    assert!(matches!(
        sign(7, Network::Mainnet),
        Err(SignError::Chain { .. })
    ));
    assert!(matches!(
        sign(8, Network::Testnet),
        Err(SignError::Nonce { .. })
    ));
}

#[test]
fn a_key_is_never_shown() {
    let signer = Signer::new(SECRET).unwrap();
    assert_eq!(format!("{signer:?}"), format!("Signer({ADDRESS})"));
    let error = Signer::new("0x0123secret").unwrap_err().to_string();
    assert!(
        !error.contains("secret\"") && !error.contains("0123"),
        "{error}"
    );
    assert!(Signer::new(&"0".repeat(64)).is_err());
}
