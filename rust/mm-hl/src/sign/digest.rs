//! From an action to the 32 bytes that are signed.

use sha3::{Digest, Keccak256};

use super::{Network, SignError};
use crate::address::Address;
use crate::wire::{ExchangeAction, UserSigned, Word};

const DOMAIN_TYPE: &[u8] =
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const AGENT_TYPE: &[u8] = b"Agent(string source,bytes32 connectionId)";
const L1_CHAIN_ID: u64 = 1337;

/// Keccak-256 over the concatenation of `parts`.
#[must_use]
pub fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The action as the venue serialises it before hashing: msgpack, smallest encodings, maps in
/// canonical field order.
///
/// # Errors
/// [`SignError::Encode`]; no action of this crate meets it.
pub fn canonical_msgpack(action: &ExchangeAction) -> Result<Vec<u8>, SignError> {
    use serde::Serialize;
    let mut bytes = Vec::with_capacity(256);
    action.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
    Ok(bytes)
}

/// `keccak256(msgpack ‖ nonce u64 BE ‖ (00 | 01 ‖ vault) ‖ [00 ‖ expires_after u64 BE])`.
///
/// # Errors
/// As [`canonical_msgpack`].
pub fn connection_id(
    action: &ExchangeAction,
    nonce: u64,
    vault: Option<Address>,
    expires_after: Option<u64>,
) -> Result<[u8; 32], SignError> {
    let mut bytes = canonical_msgpack(action)?;
    bytes.extend(nonce.to_be_bytes());
    bytes.push(u8::from(vault.is_some()));
    if let Some(Address(vault)) = vault {
        bytes.extend(vault);
    }
    if let Some(expires_after) = expires_after {
        bytes.push(0);
        bytes.extend(expires_after.to_be_bytes());
    }
    Ok(keccak256(&[&bytes]))
}

/// The EIP-712 digest that is signed for an action.
///
/// # Errors
/// [`SignError`] where a user-signed action is for the other venue or carries another nonce.
pub fn digest(
    action: &ExchangeAction,
    nonce: u64,
    vault: Option<Address>,
    expires_after: Option<u64>,
    network: Network,
) -> Result<[u8; 32], SignError> {
    match action {
        ExchangeAction::ApproveAgent(action) => user_digest(action, nonce, network),
        ExchangeAction::ApproveBuilderFee(action) => user_digest(action, nonce, network),
        ExchangeAction::UsdSend(action) => user_digest(action, nonce, network),
        ExchangeAction::SpotSend(action) => user_digest(action, nonce, network),
        ExchangeAction::Withdraw3(action) => user_digest(action, nonce, network),
        ExchangeAction::UsdClassTransfer(action) => user_digest(action, nonce, network),
        ExchangeAction::SendAsset(action) => user_digest(action, nonce, network),
        ExchangeAction::UserSetAbstraction(action) => user_digest(action, nonce, network),
        _ => {
            let id = connection_id(action, nonce, vault, expires_after)?;
            let agent = keccak256(&[
                &keccak256(&[AGENT_TYPE]),
                &keccak256(&[network.source()]),
                &id,
            ]);
            Ok(typed_data(&domain(b"Exchange", L1_CHAIN_ID), &agent))
        }
    }
}

fn user_digest<A: UserSigned>(
    action: &A,
    nonce: u64,
    network: Network,
) -> Result<[u8; 32], SignError> {
    if action.hyperliquid_chain() != network.chain() {
        let found = action.hyperliquid_chain().to_owned();
        return Err(SignError::Chain {
            found,
            expected: network.chain(),
        });
    }
    if action.nonce() != nonce {
        return Err(SignError::Nonce {
            outer: nonce,
            inner: action.nonce(),
        });
    }
    let id = action.signature_chain_id();
    let chain_id = id
        .strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| SignError::ChainId(id.to_owned()))?;
    let mut message = keccak256(&[A::TYPE.as_bytes()]).to_vec();
    for word in action.words() {
        message.extend(encode_word(word));
    }
    Ok(typed_data(
        &domain(b"HyperliquidSignTransaction", chain_id),
        &keccak256(&[&message]),
    ))
}

fn encode_word(word: Word<'_>) -> [u8; 32] {
    match word {
        Word::Text(text) => keccak256(&[text.as_bytes()]),
        Word::Uint(value) => uint(value),
        Word::Bool(value) => uint(u64::from(value)),
        Word::Address(Address(address)) => {
            let mut padded = [0; 32];
            padded[12..].copy_from_slice(&address);
            padded
        }
    }
}

fn uint(value: u64) -> [u8; 32] {
    let mut padded = [0; 32];
    padded[24..].copy_from_slice(&value.to_be_bytes());
    padded
}

/// Hash of the domain `{name, version: "1", chainId, verifyingContract: 0}`.
fn domain(name: &[u8], chain_id: u64) -> [u8; 32] {
    let (kind, name, version) = (
        keccak256(&[DOMAIN_TYPE]),
        keccak256(&[name]),
        keccak256(&[b"1"]),
    );
    keccak256(&[&kind, &name, &version, &uint(chain_id), &[0; 32]])
}

fn typed_data(domain: &[u8; 32], message: &[u8; 32]) -> [u8; 32] {
    keccak256(&[&[0x19, 0x01], domain, message])
}
