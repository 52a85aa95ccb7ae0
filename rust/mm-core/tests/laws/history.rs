//! What history says of the volatility is heard again as time goes on.

use mm_core::event::{Candle, Event, EventBody};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, SECOND, Time};

use crate::config;
use crate::desk::Desk;

const HOUR: i64 = 3_600;

/// Candles of so many seconds, `count` of them up to now, that move `sigma` up or down each.
fn candles(now: Time, length_s: i64, count: i64, sigma: f64) -> EventBody {
    #[expect(clippy::cast_precision_loss, reason = "some thousand seconds")]
    let step = sigma * (length_s as f64).sqrt();
    let rows = (0..count).map(|index| {
        let open = Time(now.0 - (count - index) * length_s * SECOND);
        Candle {
            open,
            close: Time(open.0 + length_s * SECOND - 1_000_000),
            close_px: if index % 2 == 0 {
                100_000.0
            } else {
                100_000.0 * (1.0 + step)
            },
        }
    });
    EventBody::Candles(rows.collect())
}

fn near(value: Option<f64>, wanted: f64) -> bool {
    value.is_some_and(|value| (value / wanted - 1.0).abs() < 0.07)
}

/// How often candles were asked for in so many seconds, each told first by a twin.
fn asked(desk: &mut Desk, seconds: usize) -> usize {
    let mut times = 0;
    for _ in 0..seconds {
        let mut twin = desk.engine.clone();
        let event = Event {
            recv: desk.now.plus(Dur(SECOND)),
            body: EventBody::Timer,
        };
        twin.step(&event, &mut Vec::new());
        times += usize::from(twin.asks().contains(&Ask::Candles));
        desk.seconds(1);
    }
    times
}

#[test]
fn an_hour_old_history_is_asked_for_until_it_comes_and_moves_the_floor() {
    let mut desk = Desk::with(config(&[]), 0);
    desk.open();
    // The desk told an hour of minutes: neither floor nor prior.
    desk.tell(candles(desk.now, 60, 60, 1e-4));
    assert_eq!(asked(&mut desk, 3_590), 0);
    let inputs = desk.engine.limits().unwrap().inputs().clone();
    assert_eq!((inputs.sigma_24h, inputs.sigma_prior), (None, None));
    // Once the hour is full, and once a minute while nobody answers.
    assert_eq!(asked(&mut desk, 15), 1);
    assert_eq!(asked(&mut desk, 120), 2);
    let quoted = desk.engine.limits().unwrap().long();
    desk.tell(candles(desk.now, 60, 24 * 60, 9e-4));
    desk.tell(candles(desk.now, 900, 30 * 24 * 4, 2e-4));
    let limits = desk.engine.limits().unwrap();
    let inputs = limits.inputs();
    assert!(near(inputs.sigma_24h, 9e-4), "{:?}", inputs.sigma_24h);
    // Hours 24 to 720 are what an hour usually has: the wild day is one of thirty.
    assert!(
        inputs.sigma_prior.unwrap() < 3e-4,
        "{:?}",
        inputs.sigma_prior
    );
    assert_eq!(inputs.ages.history, Some(Dur(0)));
    assert!(limits.long() < quoted, "the floor is the day's half");
    assert_eq!(asked(&mut desk, 600), 0);
    let age = desk.engine.limits().unwrap().inputs().ages.history;
    assert_eq!(age, Some(Dur(600 * SECOND)));
}

#[test]
fn a_day_later_the_floor_is_the_last_days() {
    let mut desk = Desk::with(config(&[]), 0);
    desk.open();
    desk.tell(candles(desk.now, 60, 24 * 60, 1e-4));
    desk.tell(candles(desk.now, 900, 30 * 24 * 4, 1e-4));
    desk.seconds(20);
    let floor = |desk: &Desk| desk.engine.limits().unwrap().inputs().sigma_24h;
    assert!(near(floor(&desk), 1e-4));
    // Every hour of a wild day brings its own minutes.
    for _ in 0..26 {
        desk.now = desk.now.plus(Dur(HOUR * SECOND));
        desk.quote_market();
        desk.tell(candles(desk.now, 60, 61, 8e-4));
    }
    desk.seconds(5);
    assert!(near(floor(&desk), 8e-4), "{:?}", floor(&desk));
    // The running estimate took the past once: a still market has none of the wild day.
    let sigma = desk.engine.limits().unwrap().inputs().sigma;
    assert!(sigma.is_none_or(|sigma| sigma < 4e-4), "{sigma:?}");
}

#[test]
fn who_was_told_no_history_asks_for_none() {
    let mut desk = Desk::with(config(&[]), 0);
    desk.head_room();
    desk.anchor();
    assert_eq!(asked(&mut desk, 4_000), 0);
}
