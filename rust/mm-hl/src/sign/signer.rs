//! A secret key that signs, and recovery of who did.

use core::fmt;
use std::sync::LazyLock;

use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, Secp256k1, SecretKey, SignOnly, VerifyOnly};

use super::digest::{digest, keccak256};
use super::{Network, SignError};
use crate::address::Address;
use crate::wire::{Envelope, ExchangeAction, Signature, Word32};

/// What recovery needs; it holds no secret.
static VERIFIER: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// A key and its address. The key is never printed and is wiped when dropped.
///
/// Its curve context is blinded once, when the key is read: blinding again for each signature, as
/// newer versions of the library do, would double what a signature takes.
pub struct Signer {
    context: Secp256k1<SignOnly>,
    secret: SecretKey,
    address: Address,
}

/// A secret that is no key. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret key is not 0x and 64 hex digits of a valid secp256k1 key")]
pub struct SignerError;

impl Signer {
    /// From 64 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// [`SignerError`] where the text is no key.
    pub fn new(secret: &str) -> Result<Self, SignerError> {
        let mut bytes = [0; 32];
        let digits = secret.strip_prefix("0x").unwrap_or(secret);
        let key = hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| SignerError)
            .and_then(|()| SecretKey::from_byte_array(bytes).map_err(|_| SignerError));
        bytes.fill(0);
        let secret = key?;
        let mut context = Secp256k1::signing_only();
        context.seeded_randomize(&keccak256(&[b"blinding", &secret.secret_bytes()]));
        let address = address_of(&PublicKey::from_secret_key(&context, &secret));
        Ok(Self {
            context,
            secret,
            address,
        })
    }

    /// The account or agent this key is.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs 32 bytes with the RFC 6979 nonce: the same bytes give the same signature.
    #[must_use]
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Signature {
        let message = Message::from_digest(*digest);
        let signed = self.context.sign_ecdsa_recoverable(message, &self.secret);
        let (recovery, compact) = signed.serialize_compact();
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&compact[..32]);
        s.copy_from_slice(&compact[32..]);
        Signature {
            r: Word32(r),
            s: Word32(s),
            v: 27 + recovery as u8,
        }
    }

    /// Signs an action for `network`: the body of `POST /exchange`.
    ///
    /// # Errors
    /// [`SignError`] where a user-signed action is for the other venue or carries another nonce.
    pub fn sign(
        &self,
        action: ExchangeAction,
        nonce: u64,
        vault_address: Option<Address>,
        expires_after: Option<u64>,
        network: Network,
    ) -> Result<Envelope, SignError> {
        let digest = digest(&action, nonce, vault_address, expires_after, network)?;
        let signature = self.sign_digest(&digest);
        Ok(Envelope {
            action,
            nonce,
            signature,
            vault_address,
            expires_after,
        })
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.address)
    }
}

/// Who signed a digest.
///
/// # Errors
/// [`SignError::Recover`] where the signature is nobody's.
pub fn recover(digest: &[u8; 32], signature: &Signature) -> Result<Address, SignError> {
    let recovery = match signature.v {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        _ => return Err(SignError::Recover),
    };
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signature.r.0);
    compact[32..].copy_from_slice(&signature.s.0);
    let key = RecoverableSignature::from_compact(&compact, recovery)
        .and_then(|signature| VERIFIER.recover_ecdsa(Message::from_digest(*digest), &signature))
        .map_err(|_| SignError::Recover)?;
    Ok(address_of(&key))
}

/// Last 20 bytes of the keccak of the uncompressed point.
fn address_of(key: &PublicKey) -> Address {
    let hash = keccak256(&[&key.serialize_uncompressed()[1..]]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    Address(address)
}
