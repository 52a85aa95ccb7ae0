//! The market's own participants, as the exchange sees them: their orders and their books.

use mm_core::units::{Px, Side, Sz, Usd};
use mm_hl::address::Address;

use crate::market::{CrowdBody, CrowdOrder};

/// Everything the crowd has here.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    /// By asset number.
    pub(super) coins: Vec<CrowdCoin>,
    /// Orders sent.
    pub(super) orders: u64,
    /// Digest of the orders sent.
    pub(super) digest: u64,
}

/// The crowd in one coin.
#[derive(Clone, Debug, Default)]
pub(super) struct CrowdCoin {
    /// Oid of the last order of each key; 0 before the first.
    pub(super) oids: Vec<u64>,
    /// By participant.
    pub(super) ledger: Vec<Ledger>,
    /// Of who takes over what liquidation could not sell.
    pub(super) backstop: Ledger,
}

/// Cash and position of a participant, who pays no fees.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ledger {
    pub(super) cash: Usd,
    pub(super) szi: Sz,
}

impl Crowd {
    pub(super) fn new(coins: usize) -> Self {
        Self {
            coins: vec![CrowdCoin::default(); coins],
            orders: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Counts an order into the digest (FNV-1a over its fields).
    pub(super) fn count(&mut self, order: &CrowdOrder) {
        self.orders += 1;
        let (word, key, side, px, sz) = match order.body {
            CrowdBody::Quote { key, side, px, sz } => (0, u64::from(key), side.index(), px.0, sz.0),
            CrowdBody::Pull { key } => (1, u64::from(key), 0, 0, 0),
            CrowdBody::Take { side, px, sz } => (2, 0, side.index(), px.0, sz.0),
            CrowdBody::Replay { token } => (3, token, 0, 0, 0),
        };
        let fields = [
            bits(order.at.0),
            u64::from(order.asset) << 16 | u64::from(order.participant),
            word,
            key,
            side as u64,
            bits(px),
            bits(sz),
        ];
        for field in fields {
            self.digest = (self.digest ^ field).wrapping_mul(0x0100_0000_01b3);
            self.digest ^= self.digest >> 29;
        }
    }
}

const fn bits(value: i64) -> u64 {
    u64::from_le_bytes(value.to_le_bytes())
}

impl CrowdCoin {
    /// The oid slot of a key.
    pub(super) fn oid_mut(&mut self, key: u32) -> &mut u64 {
        let key = key as usize;
        if self.oids.len() <= key {
            self.oids.resize(key + 1, 0);
        }
        &mut self.oids[key]
    }

    /// Books a trade of a participant.
    pub(super) fn trade(&mut self, participant: u16, side: Side, px: Px, sz: Sz) {
        let participant = usize::from(participant);
        if self.ledger.len() <= participant {
            self.ledger.resize(participant + 1, Ledger::default());
        }
        self.ledger[participant].trade(side, px, sz);
    }

    /// Everybody's.
    pub(super) fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        self.ledger.iter().chain([&self.backstop])
    }
}

impl Ledger {
    /// Books a trade.
    pub(super) fn trade(&mut self, side: Side, px: Px, sz: Sz) {
        self.cash += -(px * side.signed(sz));
        self.szi += side.signed(sz);
    }
}

/// The address under which a participant appears in public trades.
pub(super) const fn address(participant: u16) -> Address {
    let [high, low] = participant.to_be_bytes();
    let mut bytes = [0xcd; 20];
    bytes[18] = high;
    bytes[19] = low;
    Address(bytes)
}
