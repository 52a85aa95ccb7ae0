//! Markets made by a seeded crowd in the same price-time books as the clients: `demo`, lively and labelled as
//! uncalibrated, and `calibrated`, fitted to a recorded market.
//!
//! What a crowd sends is a function of seed and time alone: the same with and without clients, and however
//! time is cut into blocks.

mod calibrated;
mod crowd;
mod demo;
mod dice;
mod path;

use mm_core::instrument::{Instrument, InstrumentError, MarginTier};
use mm_core::units::{Px, Side, Sz, Time, Usd};

pub(crate) use self::dice::Dice;

use serde::Deserialize;

use self::crowd::CoinFlow;
use self::demo::DemoCoin;
use crate::exchange::asset_numbers;
use crate::market::{Best, BookMarket, CrowdOrder, Depth, Market, Played, Resting, Touch};

/// A perp to add to the demo market, or to list instead of its own of the same name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoPerp {
    /// Its name.
    pub coin: String,
    /// Decimals of its size.
    pub sz_decimals: u32,
    /// Largest leverage, one tier.
    pub max_leverage: u32,
    /// Price around which it starts, USDC.
    pub px: f64,
    /// Whether it is in growth mode, as a perp of a builder's dex may be.
    #[serde(default)]
    pub growth: bool,
}

/// A market made by a seeded crowd.
#[derive(Clone, Debug)]
pub struct FlowMarket {
    books: BookMarket,
    seed: u64,
    kind: Kind,
    perps: Vec<DemoCoin>,
    /// Empty before the first block, which is where the crowd's time begins.
    coins: Vec<Flow>,
}

/// Which crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Demo,
    Calibrated,
}

/// The crowd in one coin.
#[derive(Clone, Debug)]
enum Flow {
    Demo(Box<CoinFlow>),
    Calibrated(Box<calibrated::Crowd>),
}

impl Flow {
    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        match self {
            Self::Demo(crowd) => crowd.open_block(block, orders),
            Self::Calibrated(crowd) => crowd.open_block(block, orders),
        }
    }

    fn fair(&self) -> Option<Px> {
        match self {
            Self::Demo(crowd) => crowd.fair(),
            Self::Calibrated(crowd) => crowd.fair(),
        }
    }

    fn jump(&mut self, frac: f64) {
        match self {
            Self::Demo(crowd) => crowd.jump(frac),
            Self::Calibrated(crowd) => crowd.jump(frac),
        }
    }
}

impl FlowMarket {
    /// The demo market of a seed: BTC, ETH and SOL as assets 0, 1 and 2.
    ///
    /// # Panics
    /// Never: the demo's perps are legal.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        Self::demo_with(seed, &[]).expect("Invariant: the demo's perps are legal")
    }

    /// The demo market of a seed with more perps, or with others of the same name.
    ///
    /// # Errors
    /// [`InstrumentError`] where a perp cannot be listed.
    pub fn demo_with(seed: u64, others: &[DemoPerp]) -> Result<Self, InstrumentError> {
        let mut coins = demo::coins();
        for other in others {
            let coin = other.coin()?;
            match coins.iter_mut().find(|listed| listed.coin == coin.coin) {
                Some(listed) => *listed = coin,
                None => coins.push(coin),
            }
        }
        Self::of(Kind::Demo, seed, coins)
    }

    /// The calibrated market of a seed: BTC, ETH, SOL and WLFI as assets 0 to 3.
    ///
    /// # Panics
    /// Never: its perps are legal.
    #[must_use]
    pub fn calibrated(seed: u64) -> Self {
        Self::of(Kind::Calibrated, seed, calibrated::coins())
            .expect("Invariant: the calibrated market's perps are legal")
    }

    /// The calibrated market with these coins alone, where all are fitted. Each is what it is among the others.
    ///
    /// # Panics
    /// Never: its perps are legal.
    #[must_use]
    pub fn calibrated_only(seed: u64, coins: &[String]) -> Option<Self> {
        let mut perps = calibrated::coins();
        perps.retain(|perp| coins.contains(&perp.coin));
        let are_all_known = coins
            .iter()
            .all(|coin| perps.iter().any(|perp| perp.coin == *coin));
        let market =
            || Self::of(Kind::Calibrated, seed, perps).expect("Invariant: perps are legal");
        are_all_known.then(market)
    }

    fn of(kind: Kind, seed: u64, perps: Vec<DemoCoin>) -> Result<Self, InstrumentError> {
        let numbers = asset_numbers(perps.iter().map(|perp| perp.coin.as_str()));
        let listed = numbers.into_iter().zip(&perps);
        let listed = listed.map(|(asset, perp)| perp.instrument(asset));
        Ok(Self {
            books: BookMarket::new(listed.collect::<Result<_, _>>()?),
            seed,
            kind,
            perps,
            coins: Vec::new(),
        })
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
        let listed = (0_u32..).zip(self.books.instruments().iter().cloned());
        let flows = listed
            .zip(&self.perps)
            .map(|(perp, coin)| self.flow(coin, perp, start));
        self.coins = flows.collect();
    }

    fn flow(&self, coin: &DemoCoin, perp: (u32, Instrument), start: Time) -> Flow {
        match self.kind {
            Kind::Demo => {
                let crowd = CoinFlow::new(self.seed, coin, perp, demo::CROWD, start);
                Flow::Demo(Box::new(crowd))
            }
            Kind::Calibrated => {
                let params = calibrated::of_coin(&coin.coin)
                    .expect("Invariant: every coin that this market lists is fitted");
                let crowd = calibrated::Crowd::new(self.seed, coin.px, perp, params, start);
                Flow::Calibrated(Box::new(crowd))
            }
        }
    }
}

impl DemoPerp {
    fn coin(&self) -> Result<DemoCoin, InstrumentError> {
        if !(self.px.is_finite() && self.px > 0.0) {
            let (what, value) = ("px", self.px);
            return Err(InstrumentError::OutOfRange { what, value });
        }
        Ok(DemoCoin {
            coin: self.coin.clone(),
            sz_decimals: self.sz_decimals,
            max_leverage: self.max_leverage,
            second_tier: None,
            px: self.px,
            pace: 1.0,
            growth: self.growth,
        })
    }
}

impl DemoCoin {
    fn instrument(&self, asset: u32) -> Result<Instrument, InstrumentError> {
        let perp = Instrument::new(&*self.coin, asset, self.sz_decimals, self.max_leverage)?
            .with_growth_mode(self.growth);
        let Some((above, leverage)) = self.second_tier else {
            return Ok(perp);
        };
        let tier = |notional_min, max_leverage| MarginTier {
            notional_min,
            max_leverage,
        };
        perp.with_margin_tiers(&[
            tier(Usd::ZERO, self.max_leverage),
            tier(Usd(above * 1_000_000), leverage),
        ])
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
        match self.kind {
            Kind::Demo => demo::LABEL,
            Kind::Calibrated => calibrated::LABEL,
        }
    }
}
