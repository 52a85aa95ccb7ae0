//! Everything the engine can want, each with its reason.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{Px, Side, Sz};

/// Our order id: session in the high 64 bits, counter in the low ones. Made by the engine alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cloid(pub u128);

/// High half of the cloids of stops: "resident".
const RESIDENT: u64 = 0x7265_7369_6465_6e74;
/// Bits of a stop's number within its session; session ids are milliseconds, below 2^44.
const STOP_BITS: u32 = 20;

impl Cloid {
    /// The `counter`-th order of a session.
    #[must_use]
    pub const fn new(session: u64, counter: u64) -> Self {
        Self((session as u128) << 64 | counter as u128)
    }

    /// The `counter`-th stop that a session lets rest at the exchange. The high half is the same for all of
    /// them and names no session, so that whoever cleans up after a session leaves its stop alone.
    #[must_use]
    pub const fn resident(session: u64, counter: u64) -> Self {
        Self::new(RESIDENT, session << STOP_BITS | counter)
    }

    /// Whether it is of a stop of this program, whichever session placed it.
    #[must_use]
    pub const fn is_resident(self) -> bool {
        self.session() == RESIDENT
    }

    /// Session that made it.
    #[must_use]
    pub const fn session(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Parses the wire form, `0x` and 32 hex digits of either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?;
        let hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return None;
        }
        u128::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for Cloid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:032x}", self.0)
    }
}

impl Serialize for Cloid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cloid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("cloid was {text:?}, expected 0x and 32 hex digits"))
        })
    }
}

/// One request to the exchange. Its items succeed or fail one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Number of the action in this session, from 1; replies name it.
    pub id: u64,
    /// Quote cycle whose limits admitted it.
    pub cycle: u64,
    /// What to do.
    pub body: ActionBody,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionBody {
    /// New orders; never ALO and IOC together.
    Place(Vec<NewOrder>),
    /// Replace resting orders; each keeps its cloid and gets a new oid.
    Modify(Vec<Amend>),
    /// Cancel by cloid.
    Cancel(Vec<Cancel>),
}

/// An order to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Our id.
    pub cloid: Cloid,
    /// Side.
    pub side: Side,
    /// Limit price, legal.
    pub px: Px,
    /// Size, positive.
    pub sz: Sz,
    /// Time in force.
    pub tif: Tif,
    /// Whether the venue must refuse to let it increase the position.
    pub reduce_only: bool,
    /// Why.
    pub reason: Reason,
}

/// A resting order and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amend {
    /// Its current oid.
    pub oid: u64,
    /// The order it becomes, under the same cloid.
    pub order: NewOrder,
}

/// A cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Our id.
    pub cloid: Cloid,
    /// Why.
    pub reason: Reason,
}

/// Time in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tif {
    /// Post only: refused if it would match.
    Alo,
    /// Match now, cancel the rest.
    Ioc,
    /// Rest until cancelled.
    Gtc,
}

/// Why an action was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The ladder wants a level that does not rest.
    NewLevel,
    /// The level moved or changed size beyond tolerance.
    Requote,
    /// The ladder no longer wants the level.
    LevelGone,
    /// An amend would not have fitted the worst case: cancel now, place after.
    AmendTooLarge,
    /// It is out of place, and the exchange refuses its side: nothing wrong is left resting.
    Backoff,
    /// The limit fell below what rests.
    OverLimit,
    /// The market data is not fit to quote on.
    NotQuoting,
    /// A query showed an order of ours that we did not know to rest.
    Adopted,
    /// An earlier session of this program left it behind.
    EarlierSession,
    /// The order is past its time.
    Expired,
    /// The session stops.
    Stop,
    /// Reduce-only recovery.
    Recovery,
    /// Close the position.
    Flatten,
}
