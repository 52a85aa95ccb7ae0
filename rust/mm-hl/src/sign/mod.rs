//! Signing and recovery: canonical msgpack, keccak, EIP-712, secp256k1.
//!
//! An L1 action is hashed as `keccak256(msgpack ‖ nonce ‖ vault ‖ expiry)` and that hash is signed
//! inside a phantom `Agent` message; a user-signed action is an EIP-712 message itself.

mod digest;
mod signer;

use crate::address::Address;
use crate::wire::Envelope;

pub use digest::{canonical_msgpack, connection_id, digest, keccak256};
pub use signer::{Signer, SignerError, recover};

/// Which venue a signature is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The real one.
    Mainnet,
    /// Everything else: testnet and any exchange on loopback.
    Testnet,
}

impl Network {
    /// `source` of the phantom agent.
    const fn source(self) -> &'static [u8] {
        match self {
            Self::Mainnet => b"a",
            Self::Testnet => b"b",
        }
    }

    /// `hyperliquidChain` of user-signed actions.
    #[must_use]
    pub const fn chain(self) -> &'static str {
        match self {
            Self::Mainnet => "Mainnet",
            Self::Testnet => "Testnet",
        }
    }
}

/// Why an action has no digest or a signature no signer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The action could not be written as msgpack.
    #[error("action has no canonical form: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// A user-signed action meant for the other venue.
    #[error("hyperliquidChain was {found:?}, expected {expected:?}")]
    Chain {
        /// In the action.
        found: String,
        /// Of this venue.
        expected: &'static str,
    },
    /// `signatureChainId` is no hex number.
    #[error("signatureChainId was {0:?}, expected 0x and a hex number")]
    ChainId(String),
    /// A user-signed action whose own nonce differs from the envelope's.
    #[error("nonce was {outer} outside and {inner} inside the action, expected the same")]
    Nonce {
        /// Of the envelope.
        outer: u64,
        /// Of the action.
        inner: u64,
    },
    /// Zero, out of range or otherwise no signature of anybody.
    #[error("Unable to recover signer.")]
    Recover,
}

/// The address that signed an envelope. A wrong byte anywhere gives another, random address.
///
/// # Errors
/// [`SignError`] where the signature or the action cannot be of anybody.
pub fn verify(envelope: &Envelope, network: Network) -> Result<Address, SignError> {
    let Envelope {
        action,
        nonce,
        signature,
        vault_address,
        expires_after,
    } = envelope;
    let digest = digest(action, *nonce, *vault_address, *expires_after, network)?;
    recover(&digest, signature)
}
