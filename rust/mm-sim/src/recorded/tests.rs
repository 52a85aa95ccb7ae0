//! The recorded market against small tapes, and its law against random ones.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::frames::Feed;

const OWNER: Owner = Owner::Client(0);

/// A tape from frames given as (channel, exchange ms, rest of the data).
fn tape(frames: &[String]) -> Arc<Tape> {
    let mut text = String::new();
    for (recv, frame) in (10_000..).zip(frames) {
        writeln!(text, "{recv} {frame}").unwrap();
    }
    let coin = Instrument::new("T", 0, 0, 3).unwrap();
    Arc::new(Tape::read(coin, text.as_bytes(), Feed::Recorded).unwrap())
}

fn px(units: i64) -> String {
    mm_core::units::format_decimal(units, 6)
}

fn side(levels: &[(i64, i64)]) -> String {
    let level = |(at, sz): &(i64, i64)| format!(r#"{{"px":"{}","sz":"{sz}","n":0}}"#, px(*at));
    levels.iter().map(level).collect::<Vec<_>>().join(",")
}

fn book(ms: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> String {
    let (bids, asks) = (side(bids), side(asks));
    format!(
        r#"{{"channel":"l2Book","data":{{"coin":"T","time":{ms},"levels":[[{bids}],[{asks}]]}}}}"#
    )
}

fn bbo(ms: i64, bid: (i64, i64), ask: (i64, i64)) -> String {
    let (bid, ask) = (side(&[bid]), side(&[ask]));
    format!(r#"{{"channel":"bbo","data":{{"coin":"T","time":{ms},"bbo":[{bid},{ask}]}}}}"#)
}

fn sell(ms: i64, tid: u64, at: i64, sz: i64) -> String {
    let at = px(at);
    format!(
        r#"{{"channel":"trades","data":[{{"coin":"T","side":"A","px":"{at}","sz":"{sz}","time":{ms},"hash":"0x0","tid":{tid},"users":["0x0","0x0"]}}]}}"#
    )
}

/// Plays a market block by block and answers hits as the exchange does.
struct Player {
    market: RecordedMarket,
    fills: Vec<(i64, u64, i64)>,
    prints: usize,
}

impl Player {
    fn new(frames: &[String], bound: QueueBound) -> Self {
        let market = RecordedMarket::new(tape(frames), bound, Dur(0));
        Self {
            market,
            fills: Vec::new(),
            prints: 0,
        }
    }

    fn run(&mut self, to_ms: i64) {
        let mut orders = Vec::new();
        self.market
            .open_block(Time::from_millis(to_ms), &mut orders);
        for order in orders {
            let CrowdBody::Replay { token } = order.body else {
                unreachable!()
            };
            let mut played = Vec::new();
            self.market.replay(token, &mut played);
            for happening in played {
                match happening {
                    Played::Print { .. } => self.prints += 1,
                    Played::Hit { oid, sz, .. } => {
                        let left = self.market.remove_part(oid, sz);
                        self.fills.push((order.at.as_millis(), oid, sz.0));
                        assert!(left >= Sz::ZERO);
                    }
                }
            }
        }
    }

    fn bid(&mut self, oid: u64, at: i64, sz: i64) {
        let order = Resting {
            oid,
            owner: OWNER,
            side: Side::Bid,
            px: Px(at),
            sz: Sz(sz),
        };
        self.market.rest(0, &order);
    }
}

impl RecordedMarket {
    /// What the exchange does after a hit.
    fn remove_part(&mut self, oid: u64, sz: Sz) -> Sz {
        let left = self.orders[self.find(oid).unwrap()].order.sz - sz;
        self.shrink(0, oid, left);
        left
    }
}

fn opening() -> String {
    book(
        1_000,
        &[(990, 10), (980, 20), (960, 5)],
        &[(1_010, 7), (1_020, 9)],
    )
}

#[test]
fn a_trade_at_the_price_fills_after_the_queue_ahead() {
    let frames = [opening(), sell(2_000, 1, 990, 8), sell(3_000, 2, 990, 5)];
    let mut player = Player::new(&frames, QueueBound::Pessimistic);
    player.run(1_500);
    player.bid(1, 990, 4);
    player.run(2_500);
    assert!(player.fills.is_empty());
    player.run(3_500);
    assert_eq!(player.fills, [(3_000, 1, 3)]);
    assert_eq!(player.prints, 2);
}

#[test]
fn a_trade_through_fills_at_most_with_what_was_traded_beyond() {
    for bound in QueueBound::ALL {
        let frames = [opening(), sell(2_000, 1, 970, 3)];
        let mut player = Player::new(&frames, bound);
        player.run(1_500);
        player.bid(1, 990, 2);
        player.bid(2, 980, 9);
        player.bid(3, 960, 9);
        player.run(2_500);
        assert_eq!(player.fills, [(2_000, 1, 2), (2_000, 2, 3)], "{bound:?}");
    }
}

#[test]
fn beyond_the_recorded_levels_only_a_trade_through_fills() {
    let frames = [opening(), sell(2_000, 1, 950, 50), sell(3_000, 2, 949, 1)];
    let mut player = Player::new(&frames, QueueBound::Optimistic);
    player.run(1_500);
    player.bid(1, 950, 2);
    player.run(2_500);
    assert!(player.fills.is_empty());
    player.run(3_500);
    assert_eq!(player.fills, [(3_000, 1, 1)]);
}

#[test]
fn a_displayed_price_that_crosses_ours_fills_nothing_but_a_taker_then_does() {
    let frames = [
        opening(),
        bbo(2_000, (970, 5), (980, 3)),
        sell(3_000, 1, 970, 1),
    ];
    let mut player = Player::new(&frames, QueueBound::Pessimistic);
    player.run(1_500);
    player.bid(1, 990, 2);
    player.run(2_500);
    assert!(player.fills.is_empty());
    player.run(3_500);
    assert_eq!(player.fills, [(3_000, 1, 1)]);
}

#[test]
fn an_older_display_does_not_replace_a_newer_one() {
    let frames = [
        opening(),
        bbo(2_000, (985, 5), (1_000, 3)),
        book(1_900, &[(990, 1)], &[(991, 1)]),
    ];
    let mut player = Player::new(&frames, QueueBound::Pessimistic);
    player.run(2_500);
    let touch = player.market.touch(0);
    assert_eq!(
        (touch.bid.unwrap().px, touch.ask.unwrap().px),
        (Px(985), Px(1_000))
    );
    assert_eq!(touch.mid(), Some(Px(992)));
}

#[test]
fn a_trade_of_the_past_plays_at_the_running_maximum_and_history_not_at_all() {
    let frames = [
        sell(100, 7, 900, 1),
        opening(),
        bbo(3_000, (990, 9), (1_010, 7)),
        sell(2_000, 8, 970, 1),
    ];
    let mut player = Player::new(&frames, QueueBound::Pessimistic);
    player.run(1_500);
    assert_eq!(player.prints, 0);
    player.bid(1, 980, 1);
    player.run(2_999);
    assert!(player.fills.is_empty());
    player.run(3_000);
    assert_eq!(player.fills, [(3_000, 1, 1)]);
}

#[test]
fn taking_meets_the_displayed_sizes_until_the_next_frame() {
    let mut player = Player::new(
        &[opening(), bbo(2_000, (990, 9), (1_010, 7))],
        QueueBound::Pessimistic,
    );
    player.run(1_500);
    let market = &mut player.market;
    let best = market.best(0, Side::Ask).unwrap();
    assert_eq!((best.px, best.sz, best.oid), (Px(1_010), Sz(7), None));
    market.take(0, Side::Ask, Sz(7));
    assert_eq!(market.best(0, Side::Ask).unwrap().px, Px(1_020));
    player.run(2_500);
    assert_eq!(player.market.best(0, Side::Ask).unwrap().px, Px(1_010));
}

#[test]
fn our_own_better_order_is_the_best_of_its_side() {
    let mut player = Player::new(&[opening()], QueueBound::Pessimistic);
    player.run(1_500);
    player.bid(1, 990, 2);
    assert_eq!(player.market.best(0, Side::Bid).unwrap().oid, None);
    player.bid(2, 995, 2);
    player.bid(3, 995, 2);
    assert_eq!(player.market.best(0, Side::Bid).unwrap().oid, Some(2));
    assert_eq!(player.market.touch(0).bid.unwrap().px, Px(990));
    player.market.take(0, Side::Bid, Sz(2));
    assert_eq!(player.market.best(0, Side::Bid).unwrap().oid, Some(3));
    assert_eq!(player.market.remove(0, 3), Some(Sz(2)));
    assert_eq!(player.market.remove(0, 3), None);
}

proptest! {
    #[test]
    fn prop_every_trade_through_a_resting_price_fills_it(
        happenings in prop::collection::vec((0_u8..3, 950_i64..1_000, 1_i64..30), 1..60),
        price in 940_i64..1_000, bound in 0_usize..3,
    ) {
        let mut frames = vec![opening()];
        for (at, (kind, level, sz)) in (0..).zip(&happenings) {
            let ms = 2_000 + 10 * at;
            frames.push(match kind {
                0 => sell(ms, at.unsigned_abs(), *level, *sz),
                1 => bbo(ms, (*level, *sz), (level + 60, 5)),
                _ => book(ms, &[(*level, *sz), (level - 20, 5)], &[(level + 60, 5)]),
            });
        }
        let mut player = Player::new(&frames, QueueBound::ALL[bound]);
        player.run(1_500);
        player.bid(1, price, 1_000_000);
        for (at, (kind, level, sz)) in (0..).zip(&happenings) {
            let before = player.fills.len();
            player.run(2_000 + 10 * at);
            let filled: i64 = player.fills[before..].iter().map(|(_, _, sz)| sz).sum();
            if *kind == 0 && *level < price {
                prop_assert_eq!(filled, *sz);
            } else if *kind == 0 {
                prop_assert!(filled == 0 || *level == price);
            }
        }
    }
}

/// A market that mirrors, fed with frames and opened block by block, one a millisecond.
struct Mirrored {
    market: RecordedMarket,
    block: i64,
    prints: Vec<u64>,
    hits: Vec<(u64, i64)>,
}

impl Mirrored {
    fn new() -> Self {
        let coin = Instrument::new("T", 0, 0, 3).unwrap();
        Self {
            market: RecordedMarket::mirror(coin, QueueBound::Pessimistic),
            block: 1_000,
            prints: Vec::new(),
            hits: Vec::new(),
        }
    }

    fn hears(&mut self, frames: &[String]) {
        for frame in frames {
            let now = Time::from_millis(self.block);
            self.market.hear(now, frame.as_bytes()).unwrap();
        }
        self.block += 1;
        let mut orders = Vec::new();
        self.market
            .open_block(Time::from_millis(self.block), &mut orders);
        for order in orders {
            let CrowdBody::Replay { token } = order.body else {
                panic!("a feed only replays");
            };
            let mut played = Vec::new();
            self.market.replay(token, &mut played);
            for what in played {
                match what {
                    Played::Print { tid, .. } => self.prints.push(tid),
                    Played::Hit { oid, sz, .. } => {
                        self.hits.push((oid, sz.0));
                        self.market.remove(ASSET, oid);
                    }
                }
            }
        }
    }

    fn bid(&self) -> Option<Px> {
        self.market.touch(ASSET).bid.map(|level| level.px)
    }
}

#[test]
fn a_mirror_shows_what_its_feed_tells_and_plays_each_trade_once() {
    let mut mirrored = Mirrored::new();
    // The subscription begins with trades of the past: they are no news.
    mirrored.hears(&[sell(5, 1, 100, 4)]);
    assert_eq!((mirrored.bid(), mirrored.prints.len()), (None, 0));
    mirrored.hears(&[book(7, &[(100, 5)], &[(110, 5)])]);
    assert_eq!(mirrored.bid(), Some(Px(100)));
    let order = Resting {
        oid: 9,
        owner: OWNER,
        side: Side::Bid,
        px: Px(105),
        sz: Sz(3),
    };
    mirrored.market.rest(ASSET, &order);
    // Venue times lag our blocks as they like: what is heard happens now, in the order heard.
    mirrored.hears(&[
        sell(5, 1, 100, 4),
        sell(8, 2, 100, 2),
        bbo(9, (101, 1), (109, 1)),
    ]);
    assert_eq!(mirrored.prints, [2]);
    assert_eq!(
        mirrored.hits.iter().map(|hit| hit.0).collect::<Vec<_>>(),
        [9]
    );
    assert_eq!(mirrored.bid(), Some(Px(101)));
}

#[test]
fn a_mirror_whose_feed_is_lost_shows_nothing_until_it_is_back() {
    let mut mirrored = Mirrored::new();
    mirrored.hears(&[book(7, &[(100, 5)], &[(110, 5)])]);
    mirrored.market.feed_lost();
    mirrored.hears(&[]);
    assert_eq!(mirrored.bid(), None);
    mirrored.hears(&[sell(9, 4, 100, 1), book(8, &[(99, 5)], &[(110, 5)])]);
    assert_eq!(
        (mirrored.bid(), mirrored.prints.clone()),
        (Some(Px(99)), vec![4])
    );
    assert!(mirrored.market.hear(Time(0), b"{}").is_err());
}

#[test]
fn a_feed_keeps_only_what_was_not_played() {
    let mut mirrored = Mirrored::new();
    mirrored.hears(&[book(7, &[(100, 5)], &[(110, 5)])]);
    for ms in 8..2_000 {
        mirrored.hears(&[bbo(ms, (100, ms), (110, 1))]);
    }
    let Source::Feed(feed) = &mirrored.market.source else {
        panic!("a mirror has a feed");
    };
    assert!(feed.kept() <= 2, "{} steps are kept", feed.kept());
}
