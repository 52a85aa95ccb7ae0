//! Every state, every observation, every timeout; and the stories that people ask for.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::recovery::tests::CONFIG;
use crate::units::SECOND;

/// The defaults with durations of few seconds and few attempts, so that all there is can be visited.
const SMALL: RecoveryConfig = RecoveryConfig {
    stuck_s: 2.0,
    chase_s: 2.0,
    passive_s: 3.0,
    ioc_attempts: 2,
    ioc_apart_s: 1.0,
    ioc_rounds: 2,
    ioc_cooldown_s: 2.0,
    post_only_s: 2.0,
    reject_strikes: 2,
    reconcile_grace_s: 1.0,
    ..CONFIG
};
/// All of a small machine's deadlines in a row, twice, s.
const LONG: i64 = 40;
/// A time at which every explored state is normalised.
const NOW: Time = Time(1_000 * SECOND);
/// Older than this everything is equally old, s.
const OLD: i64 = 4;

fn over(position: i64, cause: Cause, urgent: bool) -> Excess {
    Excess {
        position: Sz(position),
        cause,
        urgent,
    }
}

#[derive(Clone, Copy, Debug)]
enum Told {
    Nothing,
    Refused,
    Accepted,
    PostOnly,
}

/// One input: what is told, seconds that pass, what is seen.
type Input = (Told, i64, Seen);

fn inputs() -> Vec<Input> {
    let mut excesses = vec![None];
    for position in [2, 1, -1] {
        excesses.push(Some(over(position, Cause::Position, false)));
        excesses.push(Some(over(position, Cause::Limit, false)));
        excesses.push(Some(over(position, Cause::Limit, true)));
    }
    let mut inputs = Vec::new();
    for told in [Told::Nothing, Told::Refused, Told::Accepted, Told::PostOnly] {
        for dt in [0, 1] {
            for excess in &excesses {
                for (takeable, confirmed) in [
                    (false, None),
                    (false, Some(NOW.plus(Dur(SECOND)))),
                    (true, None),
                ] {
                    let seen = Seen {
                        excess: *excess,
                        takeable,
                        confirmed,
                    };
                    inputs.push((told, dt, seen));
                }
            }
        }
    }
    inputs
}

/// Tells, lets time pass, and looks; returns what it wished and the time after.
fn apply(machine: &mut RecoveryManager, now: Time, input: &Input) -> (Wish, Time) {
    let (told, dt, seen) = input;
    match told {
        Told::Nothing => {}
        Told::Refused => machine.on_refused(),
        Told::Accepted => machine.on_accepted(),
        Told::PostOnly => machine.on_post_only(now, &SMALL),
    }
    let now = now.plus(Dur(dt * SECOND));
    (machine.update(now, seen, &SMALL), now)
}

/// The same machine as if it were `NOW`, with what is very old equally old.
fn normal(machine: &RecoveryManager, now: Time) -> RecoveryManager {
    let moved = |at: Time| {
        let age = now.since(at).0.min(OLD * SECOND);
        Time(NOW.0 - age)
    };
    let state = match machine.state {
        Recovery::Normal => Recovery::Normal,
        Recovery::Passive { since } => Recovery::Passive {
            since: moved(since),
        },
        Recovery::Stuck { since } => Recovery::Stuck {
            since: moved(since),
        },
        Recovery::Chasing { since } => Recovery::Chasing {
            since: moved(since),
        },
        Recovery::IocRecovery {
            round,
            attempt,
            next_at,
        } => Recovery::IocRecovery {
            round,
            attempt,
            next_at: moved(next_at),
        },
        Recovery::Cooldown { round, until } => Recovery::Cooldown {
            round,
            until: moved(until),
        },
        Recovery::Exhausted { since, retry_at } => Recovery::Exhausted {
            since: moved(since),
            retry_at: moved(retry_at),
        },
    };
    let idle = state == Recovery::Normal;
    RecoveryManager {
        state,
        // Whether it fell is told by the next position alone.
        lowest: if idle { Sz::ZERO } else { machine.lowest },
        fell_at: if idle { NOW } else { moved(machine.fell_at) },
        refused: machine.refused.min(SMALL.reject_strikes),
        post_only_until: machine
            .post_only_until
            .filter(|until| *until > now)
            .map(moved),
    }
}

/// What follows when only time passes: seconds until the first attempt and the first alarm.
fn by_time_alone(mut machine: RecoveryManager, excess: Excess, takeable: bool) -> [Option<i64>; 2] {
    let seen = Seen {
        excess: Some(excess),
        takeable,
        confirmed: None,
    };
    let (mut attempt, mut alarm) = (None, None);
    for second in 0..LONG {
        let wish = machine.update(NOW.plus(Dur(second * SECOND)), &seen, &SMALL);
        if wish.attempt {
            attempt = attempt.or(Some(second));
        }
        if wish.exhausted {
            alarm = alarm.or(Some(second));
        }
    }
    [attempt, alarm]
}

fn check_step(
    before: &RecoveryManager,
    after: &RecoveryManager,
    wish: Wish,
    input: &Input,
    now: Time,
) {
    let seen = input.2;
    let case = || format!("{before:?} {input:?} -> {after:?} {wish:?}");
    if seen.excess.is_none() {
        assert_eq!(after.state, Recovery::Normal, "{}", case());
        assert_eq!(wish, Wish::default(), "{}", case());
    } else {
        assert_ne!(after.state, Recovery::Normal, "{}", case());
    }
    if wish.attempt {
        assert!(
            seen.takeable && after.post_only_until.is_none(),
            "{}",
            case()
        );
        assert!(
            matches!(after.state, Recovery::IocRecovery { .. }),
            "{}",
            case()
        );
    }
    let was = matches!(before.state, Recovery::Exhausted { .. });
    let is = matches!(after.state, Recovery::Exhausted { .. });
    assert!(!wish.exhausted || is, "{}", case());
    assert!(was || !is || wish.exhausted, "no alarm: {}", case());
    // The same look again at the same time changes nothing and sends nothing twice.
    let mut again = *after;
    let second = again.update(now, &seen, &SMALL);
    assert!(!second.attempt && !second.exhausted, "{}", case());
    assert_eq!(again.state, after.state, "{}", case());
    if let Some(at) = after.wake_at(now, &SMALL) {
        assert!(at > now, "{}", case());
    }
}

#[test]
fn every_state_every_event_every_timeout() {
    let inputs = inputs();
    let mut seen: BTreeMap<String, RecoveryManager> = BTreeMap::new();
    let mut open = VecDeque::from([RecoveryManager::default()]);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(machine) = open.pop_front() {
        let key = format!("{machine:?}");
        if seen.insert(key, machine).is_some() {
            continue;
        }
        let name = serde_json::to_value(machine.state).unwrap()["state"].to_string();
        *kinds.entry(name).or_insert(0) += 1;
        for input in &inputs {
            let mut next = machine;
            let (wish, now) = apply(&mut next, NOW, input);
            check_step(&machine, &next, wish, input, now);
            open.push_back(normal(&next, now));
        }
        assert!(seen.len() < 60_000, "the abstraction is not finite");
    }
    assert_eq!(kinds.len(), STATES, "unreached states: {kinds:?}");
    // A way out of each by time alone: an attempt where the book can take one, else the alarm.
    for machine in seen.values() {
        for cause in [Cause::Position, Cause::Limit] {
            let position = if machine.lowest == Sz::ZERO {
                1
            } else {
                machine.lowest.0
            };
            let excess = over(position, cause, false);
            let [attempt, _] = by_time_alone(*machine, excess, true);
            assert!(attempt.is_some(), "no attempt from {machine:?}");
            let [none, alarm] = by_time_alone(*machine, excess, false);
            let there = matches!(machine.state, Recovery::Exhausted { .. });
            assert!(
                none.is_none() && (alarm.is_some() || there),
                "no alarm from {machine:?}"
            );
        }
    }
}

/// Seconds at which it entered each state, and those of its attempts.
fn story(seconds: i64, seen: impl Fn(i64) -> Seen) -> (Vec<(i64, String)>, Vec<i64>) {
    let mut machine = RecoveryManager::default();
    let (mut entered, mut attempts) = (Vec::new(), Vec::new());
    let mut last = String::from("normal");
    for second in 0..seconds {
        let wish = machine.update(Time(second * SECOND), &seen(second), &CONFIG);
        if wish.attempt {
            attempts.push(second);
        }
        let state = serde_json::to_value(machine.state()).unwrap()["state"]
            .as_str()
            .unwrap()
            .to_owned();
        if state != last {
            entered.push((second, state.clone()));
            last = state;
        }
    }
    (entered, attempts)
}

fn takeable(excess: Excess) -> Seen {
    Seen {
        excess: Some(excess),
        takeable: true,
        confirmed: None,
    }
}

#[test]
fn the_deadlines_of_the_table() {
    let (entered, attempts) = story(260, |_| takeable(over(9, Cause::Position, false)));
    let entered: Vec<(i64, &str)> = entered.iter().map(|(at, s)| (*at, s.as_str())).collect();
    assert_eq!(
        entered[..8],
        [
            (0, "passive"),
            (30, "stuck"),
            (33, "chasing"),
            (93, "ioc_recovery"),
            (108, "cooldown"),
            (138, "ioc_recovery"),
            (153, "cooldown"),
            (183, "ioc_recovery"),
        ]
    );
    assert_eq!(entered[8..10], [(198, "cooldown"), (228, "exhausted")]);
    assert_eq!(
        attempts,
        [93, 98, 103, 138, 143, 148, 183, 188, 193, 258],
        "after the alarm the book can still take one"
    );
}

#[test]
fn an_excess_that_a_falling_limit_made_is_worked_passively_first() {
    let (entered, _) = story(400, |_| takeable(over(9, Cause::Limit, false)));
    assert_eq!(entered[1], (300, String::from("stuck")));
    let (entered, _) = story(400, |second| takeable(over(9, Cause::Limit, second >= 100)));
    assert_eq!(entered[1], (100, String::from("stuck")));
}

#[test]
fn a_falling_position_is_not_stuck_and_any_fill_begins_the_rounds_anew() {
    let (entered, _) = story(200, |second| {
        takeable(over(1_000 - second / 20, Cause::Position, false))
    });
    assert_eq!(entered.len(), 1, "{entered:?}");
    // One lot falls at the last attempt of each round: no round is ever spent.
    let (entered, attempts) = story(400, |second| {
        takeable(over(
            1_000 - (second - 90).max(0) / 9,
            Cause::Position,
            false,
        ))
    });
    assert_eq!(entered.last().unwrap().1, "ioc_recovery", "{entered:?}");
    assert!(attempts.len() > 50);
}

#[test]
fn three_refusals_make_it_stuck_at_once_and_post_only_keeps_it_chasing() {
    let mut machine = RecoveryManager::default();
    let seen = takeable(over(9, Cause::Limit, false));
    machine.update(Time(0), &seen, &CONFIG);
    for _ in 0..3 {
        machine.on_refused();
    }
    assert!(machine.update(Time(SECOND), &seen, &CONFIG).look);
    assert!(matches!(machine.state(), Recovery::Stuck { .. }));
    let at = |second: i64| Time(second * SECOND);
    machine.update(at(4), &seen, &CONFIG);
    assert!(machine.update(at(64), &seen, &CONFIG).attempt);
    machine.on_post_only(at(64), &CONFIG);
    for second in 65..124 {
        assert!(!machine.update(at(second), &seen, &CONFIG).attempt);
        assert!(matches!(machine.state(), Recovery::Chasing { .. }));
        assert!(machine.state().is_at_touch());
    }
    assert!(machine.update(at(124), &seen, &CONFIG).attempt);
}

/// A machine after a second for each of these, over by `position`, able to take.
fn after(machine: &mut RecoveryManager, from: i64, to: i64, position: i64) -> Vec<Wish> {
    let seen = Seen {
        excess: Some(over(position, Cause::Position, false)),
        takeable: true,
        confirmed: None,
    };
    let at = |second: i64| Time(second * SECOND);
    let look = |second| machine.update(at(second), &seen, &SMALL);
    (from..=to).map(look).collect()
}

#[test]
fn an_accepted_reducing_order_ends_the_count_of_refusals() {
    let mut machine = RecoveryManager::default();
    after(&mut machine, 0, 0, 5);
    machine.on_refused();
    machine.on_accepted();
    machine.on_refused();
    after(&mut machine, 1, 1, 5);
    assert!(matches!(machine.state(), Recovery::Passive { .. }));
    machine.on_refused();
    after(&mut machine, 1, 1, 5);
    assert!(matches!(machine.state(), Recovery::Stuck { .. }));
}

/// Stuck after 2 s, chasing after 3, immediate orders after 5: unless post-only holds until 10.
#[test]
fn post_only_holds_immediate_orders_back_until_it_ends() {
    let config = RecoveryConfig {
        post_only_s: 7.0,
        ..SMALL
    };
    let mut machine = RecoveryManager::default();
    after(&mut machine, 0, 3, 5);
    assert!(matches!(machine.state(), Recovery::Chasing { .. }));
    machine.on_post_only(Time(3 * SECOND), &config);
    let held = after(&mut machine, 4, 9, 5);
    assert!(held.iter().all(|wish| !wish.attempt));
    assert!(matches!(machine.state(), Recovery::Chasing { .. }));
    assert!(after(&mut machine, 10, 10, 5)[0].attempt);
}

#[test]
fn it_asks_to_be_woken_for_what_comes_next() {
    let mut machine = RecoveryManager::default();
    let at = |second: i64| Some(Time(second * SECOND));
    let wake = |machine: &RecoveryManager, second| machine.wake_at(Time(second * SECOND), &SMALL);
    assert_eq!(wake(&machine, 0), None);
    after(&mut machine, 0, 0, 5);
    assert_eq!(wake(&machine, 0), at(2));
    assert_eq!(wake(&machine, 2), at(3), "patience");
    after(&mut machine, 2, 2, 5);
    assert_eq!(wake(&machine, 2), at(3), "the look's grace");
    after(&mut machine, 3, 3, 5);
    assert_eq!(wake(&machine, 3), at(5), "the chase");
    after(&mut machine, 5, 5, 5);
    assert_eq!(wake(&machine, 5), at(6), "the next attempt");
    after(&mut machine, 6, 7, 5);
    assert_eq!(wake(&machine, 7), at(9), "the cooldown");
}

/// Two rounds of two attempts and their cooldowns are spent unless the last cooldown saw a fill.
#[test]
fn a_fill_while_it_cools_down_begins_the_rounds_anew() {
    for (left, spent) in [(5, true), (4, false)] {
        let mut machine = RecoveryManager::default();
        after(&mut machine, 0, 12, 5);
        let Recovery::Cooldown { round: 2, until } = machine.state() else {
            panic!("{:?}", machine.state());
        };
        let until = until.0 / SECOND;
        let wishes = after(&mut machine, 12, until, left);
        assert_eq!(wishes.iter().any(|wish| wish.exhausted), spent);
        let exhausted = matches!(machine.state(), Recovery::Exhausted { .. });
        assert_eq!(exhausted, spent, "{:?}", machine.state());
    }
}

/// Over again on the same side, or on the other without a pause between: an episode begins.
#[test]
fn each_excess_is_an_episode_of_its_own() {
    let mut machine = RecoveryManager::default();
    let begun = |machine: &RecoveryManager, second: i64| {
        let since = Time(second * SECOND);
        assert_eq!(machine.state(), Recovery::Passive { since });
    };
    after(&mut machine, 0, 0, 5);
    begun(&machine, 0);
    let inside = Seen {
        excess: None,
        takeable: true,
        confirmed: None,
    };
    machine.update(Time(SECOND), &inside, &SMALL);
    assert_eq!(machine.state(), Recovery::Normal);
    after(&mut machine, 20, 20, 5);
    begun(&machine, 20);
    after(&mut machine, 21, 24, 5);
    assert!(matches!(machine.state(), Recovery::Chasing { .. }));
    after(&mut machine, 25, 25, -5);
    begun(&machine, 25);
}
