//! A price of somewhere else that ours may follow: which, and whether it is heard.

use serde::{Deserialize, Serialize};

/// Where the reference price comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// Nowhere.
    #[default]
    Off,
    /// The venue's oracle, from the coin's context.
    Oracle,
    /// The mid of another coin of the venue.
    Coin(String),
}

/// A word that names no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("models.reference was {0:?}, expected off, oracle or coin:NAME")]
pub struct UnknownReference(String);

/// What stands before the name of a coin.
const COIN: &str = "coin:";

impl Reference {
    /// The other coin, where it is one.
    #[must_use]
    pub fn coin(&self) -> Option<&str> {
        match self {
            Self::Coin(name) => Some(name),
            Self::Off | Self::Oracle => None,
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = UnknownReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "oracle" => Ok(Self::Oracle),
            _ => match text.strip_prefix(COIN) {
                Some(name) if !name.is_empty() => Ok(Self::Coin(name.to_owned())),
                _ => Err(UnknownReference(text)),
            },
        }
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::Off => "off".to_owned(),
            Reference::Oracle => "oracle".to_owned(),
            Reference::Coin(name) => format!("{COIN}{name}"),
        }
    }
}
