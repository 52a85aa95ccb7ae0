//! The body of `POST /exchange`: an action with its nonce and signature.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ExchangeAction;
use crate::address::{Address, write_hex};

/// A signed action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What to do.
    pub action: ExchangeAction,
    /// Milliseconds; once per signer.
    pub nonce: u64,
    /// Signature over the action, nonce, vault and expiry.
    pub signature: Signature,
    /// Sub-account or vault to act for.
    #[serde(default)]
    pub vault_address: Option<Address>,
    /// Milliseconds after which the venue must refuse the action.
    #[serde(default)]
    pub expires_after: Option<u64>,
}

/// Why bytes are no envelope. The venue answers HTTP 422, or 400 where it is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("not a signed action: {0}")]
pub struct EnvelopeError(#[from] serde_json::Error);

impl EnvelopeError {
    /// Whether the body was not even JSON.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        !self.0.is_data()
    }
}

impl Envelope {
    /// Reads the body of `POST /exchange`.
    ///
    /// # Errors
    /// [`EnvelopeError`] where the bytes are no JSON or do not fit.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeError> {
        Ok(serde_json::from_slice(body)?)
    }

    /// Writes the body of `POST /exchange`.
    ///
    /// # Errors
    /// [`EnvelopeError`]; no envelope of this crate meets it.
    pub fn to_body(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// A recoverable secp256k1 signature. Text drops nothing and reads short or odd-length hex, as the
/// official SDK writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// First half.
    pub r: Word32,
    /// Second half.
    pub s: Word32,
    /// 27 or 28; 0 and 1 are read as those.
    pub v: u8,
}

/// 32 bytes, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word32(pub [u8; 32]);

impl Word32 {
    /// Reads `0x` and up to 64 hex digits, padding on the left.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?;
        if digits.is_empty() || digits.len() > 64 {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(format!("{digits:0>64}"), &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Word32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Word32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Word32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Word32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is not 0x and at most 64 hex digits"))
        })
    }
}
