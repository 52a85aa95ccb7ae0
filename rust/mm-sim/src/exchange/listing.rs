//! Which clearinghouse a perp belongs to, and the number the venue gives it (HYPERLIQUID.md 1.1).
//!
//! Inside of the exchange a perp is its place in the market's list; clients name it by its number.
//! The main dex counts from 0, builders' dexes from 110,000, 120,000 and so on.

use std::collections::BTreeMap;

/// Number of the first perp of the dex before the first builder's, and distance of two dexes.
const BUILDERS: u32 = 100_000;
const DEX: u32 = 10_000;
/// Letters of a builder's dex.
const NAME: core::ops::RangeInclusive<usize> = 2..=4;

/// The dex of a perp by its name: empty for the main one.
#[must_use]
pub fn dex_name(coin: &str) -> &str {
    coin.split_once(':').map_or("", |(dex, _)| dex)
}

/// The venue's number of each perp, in the order given. Dexes count in the order of their first perp.
#[must_use]
pub fn asset_numbers<'a>(coins: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
    Listing::new(coins).numbers
}

/// Whether a name may be that of a builder's dex.
fn is_dex_name(name: &str) -> bool {
    NAME.contains(&name.len()) && name.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// Perps by place, with their dexes and numbers.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    /// Names of the dexes; the main one is empty and first.
    dexes: Vec<String>,
    /// Dex of each perp.
    of: Vec<usize>,
    numbers: Vec<u32>,
    places: BTreeMap<u32, u32>,
}

impl Listing {
    pub(super) fn new<'a>(coins: impl IntoIterator<Item = &'a str>) -> Self {
        let mut listing = Self {
            dexes: vec![String::new()],
            of: Vec::new(),
            numbers: Vec::new(),
            places: BTreeMap::new(),
        };
        for (place, coin) in (0_u32..).zip(coins) {
            listing.add(place, dex_name(coin));
        }
        listing
    }

    fn add(&mut self, place: u32, name: &str) {
        let known = self.dexes.iter().position(|dex| dex == name);
        let dex = known.unwrap_or_else(|| {
            self.dexes.push(name.to_owned());
            self.dexes.len() - 1
        });
        let before = self.of.iter().filter(|of| **of == dex).count();
        let small = |count| u32::try_from(count).expect("Invariant: fewer perps than numbers");
        let base = if dex == 0 {
            0
        } else {
            BUILDERS + DEX * small(dex)
        };
        let number = base + small(before);
        self.of.push(dex);
        self.numbers.push(number);
        self.places.insert(number, place);
    }

    /// The first dex whose name no builder could have.
    pub(super) fn misnamed(&self) -> Option<&str> {
        let builders = self.dexes.iter().skip(1);
        builders.map(String::as_str).find(|name| !is_dex_name(name))
    }

    pub(super) fn dexes(&self) -> &[String] {
        &self.dexes
    }

    pub(super) fn dex(&self, name: &str) -> Option<usize> {
        self.dexes.iter().position(|dex| dex == name)
    }

    pub(super) fn dex_of(&self, place: u32) -> usize {
        self.of[place as usize]
    }

    pub(super) fn number(&self, place: u32) -> u32 {
        self.numbers[place as usize]
    }

    pub(super) fn place(&self, number: u32) -> Option<u32> {
        self.places.get(&number).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_dexes_count_from_one_hundred_and_ten_thousand() {
        let coins = ["BTC", "xyz:TSLA", "ETH", "abcd:BTC", "xyz:NVDA"];
        assert_eq!(asset_numbers(coins), [0, 110_000, 1, 120_000, 110_001]);
        let listing = Listing::new(coins);
        assert_eq!(listing.dexes(), ["", "xyz", "abcd"]);
        assert_eq!(listing.place(110_001), Some(4));
        assert_eq!(listing.place(110_002), None);
        assert_eq!(listing.misnamed(), None);
    }

    #[test]
    fn a_dex_has_two_to_four_small_letters() {
        for name in ["x", "abcde", "Xyz", "a1b", "a-b"] {
            let coin = format!("{name}:A");
            assert_eq!(Listing::new([coin.as_str()]).misnamed(), Some(name));
        }
    }
}
