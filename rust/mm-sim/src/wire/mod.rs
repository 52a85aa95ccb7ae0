//! The paper exchange: [`SimExchange`] behind Hyperliquid's JSON, bytes in and bytes out.
//!
//! No socket and no clock here: whoever carries the bytes says what time it is, hands in bodies and
//! frames, runs the blocks and takes out what is to be sent.

mod account;
mod action;
mod agents;
mod book;
mod candles;
mod clock;
mod config;
mod context;
mod dexes;
mod faults;
mod feed;
mod info;
mod listing;
mod markets;
mod not_here;
mod number;
mod orders;
mod request;
mod sockets;
mod spot;
mod subscription;
mod talk;
#[cfg(test)]
mod tests;
mod vaults;

use std::collections::BTreeMap;

use mm_core::units::Time;
use mm_hl::decode::DecodeError;

pub use action::Submitted;
pub use config::{Cadence, FundedAccount, FundedVault, PaperConfig, PaperError};
pub use markets::{MarketChoice, OpenMarket, PerpListing};
pub use sockets::FrameBytes;
pub use talk::Verdict;

use crate::exchange::{Output, ReportLine, SimExchange};
use action::Waiting;
use agents::Agents;
use clock::ClockJson;
use faults::Injected;
use feed::Block;
use sockets::Sockets;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body: JSON, or text for 400 and 422.
    pub body: Vec<u8>,
}

/// Hyperliquid's protocol over a simulated exchange.
pub struct PaperExchange {
    sim: SimExchange,
    market_end: Option<Time>,
    cadence: Cadence,
    entry_ms: i64,
    clock: ClockJson,
    agents: Agents,
    sockets: Sockets,
    /// Actions accepted so far; the newest one's number.
    requests: u64,
    waiting: BTreeMap<u64, Waiting>,
    injected: Injected,
    replies: Vec<(u64, Answer)>,
    outputs: Vec<Output>,
}

impl PaperExchange {
    /// Opens the exchange on a market, with its accounts funded and its first block run, so that a
    /// market that has a price shows it.
    ///
    /// # Errors
    /// [`PaperError`] where a setting is illegal.
    pub fn new(config: PaperConfig, market: OpenMarket) -> Result<Self, PaperError> {
        let mut sim = SimExchange::new(config.sim(), market.market)?;
        for (coin, rule) in &config.margin_rules {
            if !sim.set_margin_rule(coin, *rule) {
                return Err(PaperError::Coin(coin.clone()));
            }
        }
        for (coin, usdc) in &config.oi_caps {
            let cap = config::positive_usd(usdc).ok_or_else(|| PaperError::Range {
                key: "oi_caps",
                value: format!("{coin}={usdc}"),
                expected: "a positive amount of USDC with at most six decimals",
            })?;
            if !sim.set_oi_cap(coin, cap) {
                return Err(PaperError::Coin(coin.clone()));
            }
        }
        for account in &config.accounts {
            sim.deposit(account.address, account.deposit()?)?;
            for (dex, usd) in account.deposits_on() {
                sim.deposit_on(account.address, dex, usd?)?;
            }
        }
        for vault in &config.vaults {
            let usd = vault.account.deposit()?;
            sim.open_vault(vault.account.address, vault.leader, usd)?;
        }
        let first_block = sim.next_block();
        sim.advance(first_block, &mut Vec::new());
        let first_account = config.accounts.first().map(|account| account.address);
        let injected = Injected::new(&config.faults, &sim, first_account)?;
        let clock = ClockJson::new(config.instance, sim.now(), config.speed);
        Ok(Self {
            sim,
            market_end: market.end,
            cadence: config.cadence,
            entry_ms: config.entry_ms,
            clock,
            agents: Agents::default(),
            sockets: Sockets::default(),
            requests: 0,
            waiting: BTreeMap::new(),
            injected,
            replies: Vec::new(),
            outputs: Vec::new(),
        })
    }

    /// The exchange behind the protocol.
    #[must_use]
    pub const fn sim(&self) -> &SimExchange {
        &self.sim
    }

    /// Time of the last block.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.sim.now()
    }

    /// When a recorded market ends; `None` for one without an end.
    #[must_use]
    pub const fn market_end(&self) -> Option<Time> {
        self.market_end
    }

    /// Takes a frame of the live feed that the market mirrors; it happens in the next block.
    ///
    /// # Errors
    /// [`DecodeError`] where it cannot be read; nothing of it happens.
    pub fn hear(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        self.sim.hear(frame)
    }

    /// The live feed is lost: the mirrored book is empty until it is back.
    pub fn feed_lost(&mut self) {
        self.sim.feed_lost();
    }

    /// Sets the clocks: exchange time now, wall time now, and exchange seconds carried out per wall
    /// second since the start. Exchange time never goes back.
    pub fn set_clock(&mut self, now: Time, wall: Time, speed_achieved: f64) {
        self.clock.set(now.0, wall.0, speed_achieved);
    }

    /// Runs whole blocks up to `to`, at most `blocks_max` of them, and returns the last one's time.
    pub fn advance(&mut self, to: Time, blocks_max: usize) -> Time {
        for _ in 0..blocks_max {
            let block = self.sim.next_block();
            if block > to {
                break;
            }
            self.injected.open_block(&mut self.sim, block);
            self.break_sockets();
            self.deafen_sockets();
            let mut outputs = core::mem::take(&mut self.outputs);
            self.sim.advance(block, &mut outputs);
            for output in &outputs {
                if let Output::Reply(reply) = output {
                    self.deliver(reply);
                }
            }
            self.deliver_late();
            let now = self.sim.now();
            let injected = &mut self.injected;
            let block = Block {
                sim: &self.sim,
                outputs: &outputs,
                cadence: self.cadence,
            };
            self.sockets.visit(|channel, feed, frames| {
                block.frames(channel, feed, frames);
                injected.on_frames(channel, now, frames);
            });
            self.replay_snapshots();
            outputs.clear();
            self.outputs = outputs;
        }
        self.sim.now()
    }

    /// The replies since the last call: request number and answer.
    pub fn take_replies(&mut self) -> Vec<(u64, Answer)> {
        core::mem::take(&mut self.replies)
    }

    /// Opens a websocket connection and returns its number.
    pub fn connect(&mut self) -> u64 {
        self.sockets.connect()
    }

    /// Forgets a websocket connection.
    pub fn disconnect(&mut self, connection: u64) {
        self.sockets.disconnect(connection);
    }

    /// The frames to send since the last call: connection and bytes, in order.
    pub fn take_frames(&mut self) -> Vec<(u64, FrameBytes)> {
        self.sockets.take()
    }

    /// The exchange's own report since the last call, as JSON lines: every action received.
    pub fn take_report(&mut self) -> Vec<u8> {
        let lines = self.sim.take_action_lines();
        json_lines(lines.into_iter().map(ReportLine::Action))
    }

    /// The report's end, as JSON lines: orders left, totals.
    pub fn finish_report(&mut self) -> Vec<u8> {
        let mut bytes = self.take_report();
        bytes.extend(json_lines(self.sim.closing_lines()));
        bytes
    }
}

fn json_lines(lines: impl IntoIterator<Item = ReportLine>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend(book::json(&line));
        bytes.push(b'\n');
    }
    bytes
}
