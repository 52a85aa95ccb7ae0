use mm_core::units::{Dur, Time};

use super::*;

const START: Time = Time::from_millis(1_700_000_000_000);

fn running(json: &str) -> Faults {
    let plan: FaultPlan = serde_json::from_str(json).unwrap();
    Faults::new(&plan, START).unwrap()
}

fn after(seconds: i64) -> Time {
    START.plus(Dur::from_millis(seconds * 1_000))
}

const COMES: ActionFate = ActionFate::Arrives(ReplyFate::Comes);

#[test]
fn a_script_meets_the_requests_it_names_and_no_more_of_them() {
    let mut faults = running(
        r#"{"script": [{"at_s": 10, "fault": {"lost_reply": {"of": "place", "count": 2}}},
            {"at_s": 10, "fault": {"failed_cancel": {"text": "no"}}}]}"#,
    );
    faults.advance(after(9));
    assert_eq!(faults.on_action(Of::Place), COMES);
    faults.advance(after(10));
    assert_eq!(faults.on_action(Of::Modify), COMES);
    let lost = ActionFate::Arrives(ReplyFate::Lost);
    assert_eq!(faults.on_action(Of::Place), lost);
    assert_eq!(
        faults.on_action(Of::Cancel),
        ActionFate::CancelsFail("no".to_owned())
    );
    assert_eq!(faults.on_action(Of::Place), lost);
    assert_eq!(faults.on_action(Of::Place), COMES);
    assert_eq!(faults.on_action(Of::Cancel), COMES);
    assert_eq!(faults.counts()[&FaultKind::LostReply], 2);
    assert_eq!(faults.counts()[&FaultKind::FailedCancel], 1);
}

#[test]
fn every_fault_of_requests_has_its_fate() {
    let fates = [
        (r#"{"never_arrives": {}}"#, ActionFate::Vanishes),
        (
            r#"{"late_arrival": {"by_s": 9}}"#,
            ActionFate::ArrivesLate(Dur::from_millis(9_000), ReplyFate::Comes),
        ),
        (
            r#"{"late_arrival": {"by_s": 9, "lost": true}}"#,
            ActionFate::ArrivesLate(Dur::from_millis(9_000), ReplyFate::Lost),
        ),
        (r#"{"http429": {}}"#, ActionFate::Status(429)),
        (r#"{"http5xx": {}}"#, ActionFate::Status(502)),
        (
            r#"{"http5xx": {"executed": true}}"#,
            ActionFate::Arrives(ReplyFate::Status(502)),
        ),
        (
            r#"{"hung": {"for_s": 2}}"#,
            ActionFate::Arrives(ReplyFate::Late(Dur::from_millis(2_000))),
        ),
        (
            r#"{"late_reply": {"by_s": 1}}"#,
            ActionFate::Arrives(ReplyFate::Late(Dur::from_millis(1_000))),
        ),
        (
            r#"{"refused_batch": {}}"#,
            ActionFate::Refused("Order has invalid price.".to_owned()),
        ),
    ];
    for (fault, fate) in fates {
        let mut faults = running(&format!(
            r#"{{"script": [{{"at_s": 0, "fault": {fault}}}]}}"#
        ));
        faults.advance(START);
        assert_eq!(faults.on_info(), InfoFate::Answered, "{fault}");
        assert_eq!(faults.on_action(Of::Modify), fate, "{fault}");
        assert_eq!(faults.on_action(Of::Modify), COMES, "{fault}");
    }
}

#[test]
fn queries_meet_only_what_names_them() {
    let mut faults = running(
        r#"{"script": [{"at_s": 0, "fault": {"hung": {"of": "info", "for_s": 3}}},
            {"at_s": 0, "fault": {"http429": {"of": "info"}}}]}"#,
    );
    faults.advance(START);
    assert_eq!(faults.on_action(Of::Place), COMES);
    assert_eq!(faults.on_info(), InfoFate::Late(Dur::from_millis(3_000)));
    assert_eq!(faults.on_info(), InfoFate::Status(429));
    assert_eq!(faults.on_info(), InfoFate::Answered);
}

#[test]
fn frames_and_silences_keep_to_their_feed() {
    let mut faults = running(
        r#"{"script": [{"at_s": 0, "fault": {"duplicate_frame": {"feed": "fills"}}},
            {"at_s": 0, "fault": {"reorder_frame": {"feed": "orders", "by_s": 2}}},
            {"at_s": 0, "fault": {"drop_frame": {}}},
            {"at_s": 5, "fault": {"silent_stream": {"feed": "market", "for_s": 3}}}]}"#,
    );
    faults.advance(START);
    assert_eq!(faults.on_frame(Feed::Market, START), FrameFate::Comes);
    assert_eq!(faults.on_frame(Feed::Fills, START), FrameFate::Twice);
    assert_eq!(
        faults.on_frame(Feed::Orders, START),
        FrameFate::LateAt(after(2))
    );
    assert_eq!(faults.on_frame(Feed::Account, START), FrameFate::Never);
    assert_eq!(faults.on_frame(Feed::Account, START), FrameFate::Comes);
    faults.advance(after(5));
    assert_eq!(faults.on_frame(Feed::Market, after(5)), FrameFate::Never);
    assert_eq!(faults.on_frame(Feed::Fills, after(5)), FrameFate::Comes);
    faults.advance(after(8));
    assert_eq!(faults.on_frame(Feed::Market, after(8)), FrameFate::Comes);
}

#[test]
fn sockets_break_once_and_stay_away_for_a_while() {
    let mut faults = running(
        r#"{"script": [{"at_s": 1, "fault": {"disconnect": {"for_s": 4, "snapshot_fills": 3}}}]}"#,
    );
    faults.advance(START);
    assert!(!faults.take_break() && !faults.is_down());
    faults.advance(after(1));
    assert!(faults.take_break() && faults.is_down());
    assert!(!faults.take_break());
    faults.advance(after(5));
    assert!(!faults.is_down());
    assert_eq!(faults.snapshot_fills(), Some(3));
}

#[test]
fn rates_bring_every_kind_and_the_same_seed_the_same_faults() {
    let recur = || FaultKind::ALL.into_iter().filter(|kind| kind.recurs());
    let rates: Vec<String> = recur()
        .map(|kind| {
            let rate = if kind.is_of_actions() || kind.is_of_frames() {
                0.1
            } else {
                60.0
            };
            format!(r#""{kind}": {rate}"#)
        })
        .collect();
    let plan = format!(r#"{{"seed": 3, "rates": {{{}}}}}"#, rates.join(","));
    let hear = || {
        let mut faults = running(&plan);
        let mut heard = Vec::new();
        for second in 0..1_000 {
            faults.advance(after(second));
            heard.push(format!("{:?}", faults.take_acts()));
            heard.push(format!("{:?}", faults.on_action(Of::Cancel)));
            heard.push(format!("{:?}", faults.on_frame(Feed::Fills, after(second))));
        }
        (heard, faults.counts().clone())
    };
    let (first, again) = (hear(), hear());
    assert_eq!(first, again);
    for kind in recur() {
        assert!(first.1.contains_key(&kind), "{kind} never came");
    }
}

#[test]
fn what_is_wrong_in_a_plan_is_named() {
    let refused = |json: &str| {
        let plan: FaultPlan = serde_json::from_str(json).unwrap();
        Faults::new(&plan, START).unwrap_err().to_string()
    };
    assert_eq!(
        refused(r#"{"rates": {"lost_reply": 1.5}}"#),
        "faults: rates.lost_reply was 1.5, expected a chance, 0 to 1"
    );
    assert_eq!(
        refused(r#"{"acts": [{"at_s": 0, "act": {"price_jump": {"frac": -0.95}}}]}"#),
        "faults: acts[0].frac was -0.95, expected a fraction, -0.9 to 9"
    );
    let unknown = serde_json::from_str::<FaultPlan>(r#"{"rates": {"lost_replies": 0.5}}"#);
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("unknown variant `lost_replies`")
    );
}
