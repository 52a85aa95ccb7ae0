//! The demo market: a seeded crowd in the same price-time books as the clients.
//!
//! Lively and labelled as uncalibrated. What the crowd sends is a function of seed and time alone:
//! the same with and without clients, and however time is cut into blocks.

mod crowd;
mod demo;
mod dice;
mod path;

use mm_core::instrument::{Instrument, MarginTier};
use mm_core::units::{Px, Side, Sz, Time, Usd};

pub(crate) use self::dice::Dice;

use self::crowd::CoinFlow;
use crate::market::{Best, BookMarket, CrowdOrder, Depth, Market, Played, Resting, Touch};

/// A market made by a seeded crowd.
#[derive(Clone, Debug)]
pub struct FlowMarket {
    books: BookMarket,
    seed: u64,
    /// Empty before the first block, which is where the crowd's time begins.
    coins: Vec<CoinFlow>,
}

impl FlowMarket {
    /// The demo market of a seed: BTC, ETH and SOL as assets 0, 1 and 2.
    ///
    /// # Panics
    /// Never: the demo's perps are legal.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        let perps = (0_u32..).zip(demo::COINS).map(|(asset, coin)| {
            let (above, leverage) = coin.second_tier;
            let tier = |notional_min, max_leverage| MarginTier {
                notional_min,
                max_leverage,
            };
            Instrument::new(coin.coin, asset, coin.sz_decimals, coin.max_leverage)
                .and_then(|perp| {
                    perp.with_margin_tiers(&[
                        tier(Usd::ZERO, coin.max_leverage),
                        tier(Usd(above * 1_000_000), leverage),
                    ])
                })
                .expect("Invariant: the demo's perps are legal")
        });
        Self {
            books: BookMarket::new(perps.collect()),
            seed,
            coins: Vec::new(),
        }
    }

    /// The first perp of the demo market alone.
    ///
    /// # Panics
    /// Never: the demo's perps are legal.
    #[must_use]
    pub fn single(seed: u64) -> Self {
        let mut market = Self::demo(seed);
        let first = market.books.instruments()[0].clone();
        market.books = BookMarket::new(vec![first]);
        market
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    fn begin(&mut self, start: Time) {
        let coins = self.books.instruments().iter().zip(&demo::COINS);
        let flows = coins
            .map(|(perp, coin)| CoinFlow::new(self.seed, coin, perp.clone(), demo::CROWD, start));
        self.coins = flows.collect();
    }
}

impl Market for FlowMarket {
    fn instruments(&self) -> &[Instrument] {
        self.books.instruments()
    }

    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        if self.coins.is_empty() {
            self.begin(block);
        }
        for coin in &mut self.coins {
            coin.open_block(block, orders);
        }
    }

    fn best(&self, asset: u32, side: Side) -> Option<Best> {
        self.books.best(asset, side)
    }

    fn take(&mut self, asset: u32, side: Side, sz: Sz) {
        self.books.take(asset, side, sz);
    }

    fn rest(&mut self, asset: u32, order: &Resting) {
        self.books.rest(asset, order);
    }

    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz) {
        self.books.shrink(asset, oid, sz);
    }

    fn remove(&mut self, asset: u32, oid: u64) -> Option<Sz> {
        self.books.remove(asset, oid)
    }

    fn depth(&self, asset: u32, levels: usize) -> Depth {
        self.books.depth(asset, levels)
    }

    fn touch(&self, asset: u32) -> Touch {
        self.books.touch(asset)
    }

    fn replay(&mut self, token: u64, played: &mut Vec<Played>) {
        self.books.replay(token, played);
    }

    fn oracle(&self, asset: u32) -> Option<Px> {
        self.coins.get(asset as usize)?.fair()
    }

    fn jump(&mut self, asset: u32, frac: f64) -> bool {
        let coin = self.coins.get_mut(asset as usize);
        coin.map(|coin| coin.jump(frac)).is_some()
    }

    fn label(&self) -> &'static str {
        demo::LABEL
    }
}
