//! The demo market: lively, two-sided, toxic, blind to clients.

#![expect(clippy::unwrap_used, reason = "a test")]

mod desk;

use desk::{Desk, START_MS, raw_order, user};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mm_core::instrument::{Instrument, Round};
use mm_core::units::{Dur, Px, Side, Sz, Time};
use mm_hl::wire::{Cancel, CancelOrders, ExchangeAction, Grouping, PlaceOrders, Tif};
use mm_sim::exchange::{Output, ReportLine, SimConfig, WARMUP};
use mm_sim::flow::FlowMarket;
use mm_sim::market::{Best, CrowdOrder, Depth, Market, Played, Resting, Touch};

/// What a passive client met in 1,200 seconds.
#[derive(Debug)]
struct Seen {
    fills: [usize; 2],
    sigma_1s: f64,
    sigma_5s: f64,
    sigma_60s: f64,
    spread_bps: f64,
    /// Tape: taker-signed move of the mid from before the taker to 5 s after, bps, by count and notional.
    markout: [f64; 2],
    /// Client's fills: move of the mid against the client from the fill to 5 s after, bps.
    own_markout: f64,
    own_edge: f64,
    takers_per_s: f64,
    reach_per_min: [f64; 3],
    digest: String,
}

struct Probe {
    time: i64,
    mid: f64,
    spread: f64,
}

/// Runs the market for `seconds` with a client at `bps` from mid, or none, in `asset`.
fn watch_over(market: Box<dyn Market>, asset: u32, seconds: i64, bps: Option<f64>) -> Seen {
    let mut desk = Desk::over(
        SimConfig::at(Time::from_millis(START_MS)),
        market,
        1_000_000,
    );
    desk.block();
    let mut probes: Vec<Probe> = Vec::new();
    let mut trades: BTreeMap<u64, (i64, Side, f64, f64)> = BTreeMap::new();
    let mut own: Vec<(i64, Side, f64)> = Vec::new();
    let perp = desk.exchange.instruments()[asset as usize].clone();
    for block in 0..seconds * 1_000 / 70 {
        let touch = desk.exchange.touch(asset);
        let (bid, ask) = (
            perp.px_f64(touch.bid.unwrap().px),
            perp.px_f64(touch.ask.unwrap().px),
        );
        assert!(bid < ask, "the book crossed");
        let mid = f64::midpoint(bid, ask);
        probes.push(Probe {
            time: desk.exchange.now().as_millis(),
            mid,
            spread: (ask - bid) / mid * 1e4,
        });
        match (bps, block % 14) {
            (Some(_), 0) => cancel_all(&mut desk, asset),
            (Some(bps), 1) => quote(&mut desk, asset, mid, bps),
            _ => {}
        }
        for output in desk.block() {
            match output {
                Output::Trade(trade) if trade.asset == asset => {
                    let px = perp.px_f64(trade.px);
                    let far = (px / mid - 1.0).abs() * 1e4;
                    let usd = px * perp.sz_f64(trade.sz);
                    let entry = trades.entry(trade.tx).or_insert((
                        trade.time.as_millis(),
                        trade.side,
                        0.0,
                        0.0,
                    ));
                    entry.2 = entry.2.max(far);
                    entry.3 += usd;
                }
                Output::Fill(fill) if fill.user == user(1) => {
                    assert!(!fill.taker);
                    own.push((fill.time.as_millis(), fill.side, perp.px_f64(fill.px)));
                }
                _ => {}
            }
        }
        assert_eq!(desk.exchange.total_value(), desk.exchange.total_deposits());
    }
    let digest = desk
        .exchange
        .closing_lines()
        .into_iter()
        .find_map(|line| match line {
            ReportLine::End(end) => Some(end.crowd.digest),
            _ => None,
        });
    summarise(&probes, &trades, &own, digest.unwrap())
}

fn cancel_all(desk: &mut Desk, asset: u32) {
    let open = desk.exchange.open_orders(user(1));
    let cancels: Vec<_> = open
        .map(|order| Cancel {
            asset,
            oid: order.oid,
        })
        .collect();
    if !cancels.is_empty() {
        desk.send(
            1,
            ExchangeAction::Cancel(CancelOrders {
                cancels,
                fast: None,
            }),
        );
    }
}

fn quote(desk: &mut Desk, asset: u32, mid: f64, bps: f64) {
    let perp = desk.exchange.instruments()[asset as usize].clone();
    let orders = Side::BOTH.map(|side| {
        let round = if side == Side::Bid {
            Round::Down
        } else {
            Round::Up
        };
        #[expect(clippy::cast_precision_loss, reason = "plus or minus one")]
        let px = perp
            .quantize_px(mid * (1.0 - side.sign() as f64 * bps * 1e-4), round)
            .unwrap();
        raw_order(
            &perp,
            side,
            px,
            perp.quantize_sz(3_000.0 / mid).unwrap(),
            Tif::Alo,
            false,
        )
    });
    desk.send(
        1,
        ExchangeAction::Order(PlaceOrders {
            orders: orders.to_vec(),
            grouping: Grouping::Na,
            builder: None,
        }),
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn summarise(
    probes: &[Probe],
    trades: &BTreeMap<u64, (i64, Side, f64, f64)>,
    own: &[(i64, Side, f64)],
    digest: String,
) -> Seen {
    let mid_at = |time: i64| {
        let after = probes.partition_point(|probe| probe.time <= time);
        probes[after.saturating_sub(1)].mid
    };
    let (first, last) = (probes[0].time, probes[probes.len() - 1].time);
    let sigma = |seconds: i64| {
        let steps: Vec<f64> = (0..(last - first) / 1_000 / seconds - 1)
            .map(|k| {
                let at = first + k * seconds * 1_000;
                (mid_at(at + seconds * 1_000) / mid_at(at)).ln()
            })
            .collect();
        (steps.iter().map(|x| x * x).sum::<f64>() / steps.len() as f64 / seconds as f64).sqrt()
    };
    let seconds = (last - first) as f64 / 1e3;
    let moved = |time: i64, side: Side| {
        side.sign() as f64 * (mid_at(time + 5_000) / mid_at(time - 70) - 1.0) * 1e4
    };
    let (mut by_count, mut by_usd, mut usd) = (0.0, 0.0, 0.0);
    for (time, side, _, notional) in trades.values() {
        by_count += moved(*time, *side);
        by_usd += moved(*time, *side) * notional;
        usd += notional;
    }
    let reach =
        |bps: f64| trades.values().filter(|trade| trade.2 >= bps).count() as f64 / seconds * 60.0;
    let fills = Side::BOTH.map(|side| own.iter().filter(|fill| fill.1 == side).count());
    let n = own.len().max(1) as f64;
    Seen {
        fills,
        sigma_1s: sigma(1),
        sigma_5s: sigma(5),
        sigma_60s: sigma(60),
        spread_bps: probes.iter().map(|probe| probe.spread).sum::<f64>() / probes.len() as f64,
        markout: [by_count / trades.len() as f64, by_usd / usd],
        own_markout: own
            .iter()
            .map(|(time, side, _)| moved(*time, side.opposite()))
            .sum::<f64>()
            / n,
        own_edge: own
            .iter()
            .map(|(time, side, px)| side.sign() as f64 * (mid_at(*time + 5_000) / px - 1.0) * 1e4)
            .sum::<f64>()
            / n,
        takers_per_s: trades.len() as f64 / seconds,
        reach_per_min: [3.5, 6.0, 10.0].map(reach),
        digest,
    }
}

#[test]
fn a_passive_client_is_filled_on_both_sides_by_takers_who_know_more() {
    for (seed, asset, bps) in [(7, 0, 3.5), (7, 0, 6.0), (8, 1, 5.0), (9, 2, 6.0)] {
        let seen = watch_over(Box::new(FlowMarket::demo(seed)), asset, 1_200, Some(bps));
        println!("{seed} {asset} {bps}: {seen:?}");
        assert!(seen.fills.iter().all(|fills| *fills >= 20), "{seen:?}");
        assert!(seen.own_markout > 0.0, "{seen:?}");
        assert!(
            seen.markout.iter().all(|markout| *markout > 0.0),
            "{seen:?}"
        );
        for sigma in [seen.sigma_1s, seen.sigma_5s, seen.sigma_60s] {
            assert!((4e-5..1.7e-4).contains(&sigma), "{seen:?}");
        }
        assert!((0.5..2.5).contains(&seen.spread_bps), "{seen:?}");
        assert!(
            seen.reach_per_min[0] >= 3.0 && seen.takers_per_s > 1.0,
            "{seen:?}"
        );
        assert!(
            seen.own_edge < bps - 1.0,
            "takers who know more cost the client: {seen:?}"
        );
    }
}

/// A market that writes down what its crowd sends.
struct Tap {
    inner: FlowMarket,
    sent: Arc<Mutex<Vec<CrowdOrder>>>,
}

impl Market for Tap {
    fn instruments(&self) -> &[Instrument] {
        self.inner.instruments()
    }
    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        self.inner.open_block(block, orders);
        self.sent.lock().unwrap().extend_from_slice(orders);
    }
    fn best(&self, asset: u32, side: Side) -> Option<Best> {
        self.inner.best(asset, side)
    }
    fn take(&mut self, asset: u32, side: Side, sz: Sz) {
        self.inner.take(asset, side, sz);
    }
    fn rest(&mut self, asset: u32, order: &Resting) {
        self.inner.rest(asset, order);
    }
    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz) {
        self.inner.shrink(asset, oid, sz);
    }
    fn remove(&mut self, asset: u32, oid: u64) -> Option<Sz> {
        self.inner.remove(asset, oid)
    }
    fn depth(&self, asset: u32, levels: usize) -> Depth {
        self.inner.depth(asset, levels)
    }
    fn touch(&self, asset: u32) -> Touch {
        self.inner.touch(asset)
    }
    fn replay(&mut self, token: u64, played: &mut Vec<Played>) {
        self.inner.replay(token, played);
    }
    fn oracle(&self, asset: u32) -> Option<Px> {
        self.inner.oracle(asset)
    }
    fn label(&self) -> &str {
        self.inner.label()
    }
}

#[test]
fn the_crowd_sends_the_same_orders_with_and_without_a_client() {
    let sent = |bps: Option<f64>| {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let market = Tap {
            inner: FlowMarket::demo(7),
            sent: Arc::clone(&sent),
        };
        let seen = watch_over(Box::new(market), 0, 120, bps);
        let sent = sent.lock().unwrap().clone();
        (sent, seen.digest, seen.fills)
    };
    // At half a basis point the client is in everybody's way.
    let (alone, joined) = (sent(None), sent(Some(0.5)));
    assert!(joined.2.iter().sum::<usize>() > 20, "{:?}", joined.2);
    assert!(alone.0.len() > 10_000);
    assert_eq!(alone.0, joined.0);
    assert_eq!(alone.1, joined.1);
    assert_ne!(
        alone.1,
        watch_over(Box::new(FlowMarket::demo(8)), 0, 120, None).digest
    );
}

#[test]
fn an_hour_of_candles_is_there_before_the_first_client() {
    let config = SimConfig {
        warmup: WARMUP,
        ..SimConfig::at(Time::from_millis(START_MS))
    };
    let began = std::time::Instant::now();
    let desk = Desk::over(config, Box::new(FlowMarket::demo(7)), 10_000);
    println!("warm-up took {:?}", began.elapsed());
    for asset in 0..3 {
        let candles = desk.exchange.candles(
            asset,
            Dur::from_millis(60_000),
            Time(0),
            desk.exchange.now(),
        );
        assert!((59..=61).contains(&candles.len()), "{}", candles.len());
        for candle in &candles {
            assert!(candle.trades > 0 && candle.volume > Sz::ZERO && candle.low > Px::ZERO);
            assert!(
                candle.low <= candle.open.min(candle.close)
                    && candle.open.max(candle.close) <= candle.high
            );
        }
    }
    assert!(desk.exchange.users().count() == 4);
}
