"""The audit finds what was planted, each kind by itself, and nothing in an honest run."""

from collections.abc import Sequence
from typing import Any

import pytest

from mm.audit.breaches import Breach, find_breaches
from mm.audit.journal import Line, Sent, read_report, read_sends
from mm.hyperliquid.account import STOP_PREFIX

USER, COIN = "0xAbC", "BTC"
MS = 1_000_000
Json = dict[str, Any]
Pair = tuple[int, int]
NONE: tuple[Pair, Pair] = ((0, 0), (0, 0))


def event(recv_ms: int, body: object = "Timer") -> Line:
    return Line("e", {"recv": recv_ms * MS, "body": body})


def reply(recv_ms: int, action: int) -> Line:
    return event(recv_ms, {"Reply": {"action": action, "outcome": {"Statuses": []}}})


def cycle(number: int, long: int, short: int) -> Line:
    record = {
        "cycle": number,
        "recv": number * MS,
        "position": 0,
        "limits": {"lots": [long, short]},
    }
    return Line("c", record)


def place(action: int, number: int, *orders: tuple[str, str, int]) -> Line:
    items = [{"cloid": cloid, "side": side, "sz": sz} for cloid, side, sz in orders]
    return Line("a", {"id": action, "cycle": number, "body": {"Place": items}})


def cancel(action: int, number: int, *cloids: str) -> Line:
    items = [{"cloid": cloid} for cloid in cloids]
    return Line("a", {"id": action, "cycle": number, "body": {"Cancel": items}})


def at(coin: str, position: int, own: tuple[Pair, Pair], hands: tuple[Pair, Pair] = NONE) -> Json:
    """One coin in the exchange's report: of buys and sells what may increase, may only reduce."""
    resting = [[a + b for a, b in zip(*of, strict=True)] for of in zip(own, hands, strict=True)]
    (bids, closing_bids), (asks, closing_asks) = resting
    longest = position + bids + min(closing_bids, max(0, -position))
    shortest = position - asks - min(closing_asks, max(0, position))
    lots = [position, longest, shortest]
    return {"coin": coin, "lots": lots, "resting": resting, "unnamed": hands}


def row(nonce: int, kind: str, exposure: Json) -> Json:
    """An action and what the exchange saw after it, in another coin too."""
    other = at("ETH", 0, ((9**9, 0), (9**9, 0)))
    about = {"kind": "action", "time": nonce, "user": "0xabc", "nonce": nonce, "action": kind}
    return {**about, "exposure": [other, exposure]}


def seen(nonce: int, position: int, longest: int, shortest: int, kind: str = "order") -> Json:
    """Without hands, and without orders that may only reduce."""
    return row(nonce, kind, at(COIN, position, ((longest - position, 0), (position - shortest, 0))))


def before(exposure: Json) -> Json:
    """The figures of right before an action, as the exchange's report has them."""
    return {key: exposure[key] for key in ("lots", "resting", "unnamed")}


def breaches(
    log: Sequence[Line], sends: Sequence[Sent], report: Sequence[Json], wrong: str | None = None
) -> list[Breach]:
    """Where a row does not say what was right before it, that is what the one before it left.

    Before the first one there is what is held, and nothing rests.
    """
    rows, last = [], None
    for row in report:
        if row["kind"] != "action" or row["user"].lower() != USER.lower():
            rows.append(row)
            continue
        *others, own = row["exposure"]
        was = before(at(COIN, own["lots"][0], NONE)) if last is None else before(last)
        rows.append({**row, "exposure": [*others, {"before": was, **own}]})
        last = own
    return find_breaches(log, sends, rows, USER, COIN, lambda _limits: wrong)


def sent(*actions: int) -> list[Sent]:
    """Action n went out with nonce n."""
    return [Sent(action, action, None) for action in actions]


HONEST = [event(1), cycle(1, 100, 100), place(1, 1, ("a", "Bid", 60), ("b", "Ask", 100))]


def test_an_honest_run_has_none() -> None:
    log = [*HONEST, reply(2, 1), cycle(2, 100, 100), place(2, 2, ("c", "Bid", 40))]
    stranger = {**seen(9, 0, 999, -999), "user": "0xother"}
    report = [seen(1, 0, 60, -100), stranger, seen(2, 0, 100, -100), {"kind": "end"}]
    assert breaches(log, sent(1, 2), report) == []


def test_a_ladder_at_twice_the_room_is_forbidden_on_both_sides() -> None:
    log = [event(1), cycle(1, 100, 100), place(1, 1, ("a", "Bid", 200), ("b", "Ask", 200))]
    found = breaches(log, sent(1), [seen(1, 0, 200, -200)])
    assert [breach.kind for breach in found] == ["forbidden", "forbidden"]
    assert found[0].cycle == 1
    assert "from 0 to 200 lots, limit 100" in found[0].text


def test_each_action_is_judged_by_the_limit_of_its_own_cycle() -> None:
    log = [*HONEST, event(2), cycle(2, 50, 100), cancel(2, 2, "a"), place(3, 2, ("c", "Bid", 50))]
    report = [seen(1, 0, 60, -100), seen(2, 0, 0, -100, "cancelByCloid"), seen(3, 0, 50, -100)]
    assert breaches(log, sent(1, 2, 3), report) == []
    # The place overtakes the cancel on the way: what it leads to is above its cycle's limit.
    late = [seen(1, 0, 60, -100), seen(3, 0, 110, -100), seen(2, 0, 50, -100, "cancelByCloid")]
    assert [b.kind for b in breaches(log, sent(1, 2, 3), late)] == ["forbidden"]


def gone(position: int = 0) -> Json:
    """Nothing rested right before an action: the venue had cancelled it, or it was filled."""
    return {"before": before(at(COIN, position, NONE))}


def test_what_the_venue_cancelled_or_filled_meanwhile_is_no_baseline() -> None:
    """100 rest and the venue cancels them; the limit falls to 50; 100 are placed again."""
    log = [
        event(1), cycle(1, 100, 100), place(1, 1, ("a", "Bid", 100)), reply(2, 1),
        event(3), cycle(3, 50, 100), place(2, 3, ("b", "Bid", 100)),
    ]  # fmt: skip
    first, again = seen(1, 0, 100, 0), seen(2, 0, 100, 0)
    after_a_cancel = {**again, "exposure": [again["exposure"][1] | gone()]}
    found = breaches(log, sent(1, 2), [first, after_a_cancel])
    assert [(b.kind, b.cycle) for b in found if b.kind == "forbidden"] == [("forbidden", 3)]
    assert "from 0 to 100 lots, limit 50" in found[0].text
    # It rests still: nothing was raised, and what is above the limit is uncovered at most.
    found = breaches(log, sent(1, 2), [first, again])
    assert [b.kind for b in found if b.kind == "forbidden"] == []
    # It was sold into: 60 are held, sold again by somebody, and 45 more are bid for than before.
    filled = seen(2, 20, 65, 20)
    was = {"before": before(at(COIN, 20, NONE))}
    report = [first, {**filled, "exposure": [filled["exposure"][1] | was]}]
    assert "from 20 to 65 lots, limit 50" in breaches(log, sent(1, 2), report)[0].text


def test_a_position_over_the_limit_may_move_toward_zero() -> None:
    log = [event(1), cycle(1, 100, 100), place(1, 1, ("b", "Ask", 150))]
    assert breaches(log, sent(1), [seen(1, 150, 150, 0)]) == []
    assert breaches(log, sent(1), [seen(1, 150, 151, 0)])[0].kind == "forbidden"
    # It was there before: nothing of ours raised it.
    log = [event(1), cycle(1, 100, 100), cancel(1, 1, "z"), place(2, 1, ("b", "Ask", 150))]
    report = [seen(1, 100, 100, 100, "cancelByCloid"), seen(2, 150, 100, 0)]
    assert breaches(log, sent(1, 2), report) == []


def test_exposure_above_a_fallen_limit_needs_a_cancel_on_its_way() -> None:
    fallen = [*HONEST, reply(2, 1), cycle(2, 50, 100)]
    report = [seen(1, 0, 60, -100)]
    assert [b.kind for b in breaches(fallen, sent(1), report)] == ["uncovered"]
    in_the_step = [*fallen, cancel(2, 2, "a")]
    assert breaches(in_the_step, sent(1, 2), report) == []
    in_flight = [
        *HONEST, reply(2, 1), cycle(2, 100, 100), cancel(2, 2, "a"), event(3), cycle(3, 50, 100),
    ]  # fmt: skip
    assert breaches(in_flight, sent(1, 2), report) == []
    too_little = [*HONEST, reply(2, 1), cycle(2, 50, 50), cancel(2, 2, "a")]
    assert [b.text for b in breaches(too_little, sent(1, 2), report)] == [
        "worst short 100 lots, 0 being cancelled, limit 50"
    ]


def fills(recv_ms: int, *rows: tuple[int, str, str, int, int], snapshot: bool = False) -> Line:
    """Fills, a millisecond old: trade id, cloid, side, lots, position before."""
    told = [
        {"exch": (recv_ms - 1) * MS, "tid": tid, "cloid": cloid, "side": side, "sz": sz}
        | {"start_position": start, "oid": 9}
        for tid, cloid, side, sz, start in rows
    ]
    return event(recv_ms, {"Fills": {"snapshot": snapshot, "fills": told}})


TWO_BIDS = [event(1), cycle(1, 100, 100), place(1, 1, ("a", "Bid", 60), ("c", "Bid", 30))]


@pytest.mark.parametrize("twice", [False, True])
def test_a_partly_filled_order_covers_only_what_is_left_of_it(twice: bool) -> None:
    """50 of 60 fill and the limit falls to 40: with the rest of it the other order has to go."""
    told = [fills(3, (7, "a", "Bid", 50, 0)), fills(3, (7, "a", "Bid", 50, 0), snapshot=True)]
    before = [*TWO_BIDS, reply(2, 1), cycle(2, 100, 100), *told[: 1 + twice], cycle(3, 40, 100)]
    report = [seen(1, 0, 90, 0)]
    assert [b.text for b in breaches([*before, cancel(2, 3, "a")], sent(1, 2), report)] == [
        "worst long 90 lots, 10 being cancelled, limit 40"
    ]
    assert breaches([*before, cancel(2, 3, "a", "c")], sent(1, 2), report) == []


def test_what_has_filled_is_no_excess_that_a_cancel_could_take_back() -> None:
    """All of one order fills, the limit falls to nothing, and what is left is on its way out."""
    told = fills(3, (7, "a", "Bid", 60, 0))
    before = [*TWO_BIDS, reply(2, 1), cycle(2, 100, 100), told, cycle(3, 0, 100)]
    report = [seen(1, 0, 90, 0)]
    assert breaches([*before, cancel(2, 3, "c")], sent(1, 2), report) == []
    assert [b.text for b in breaches(before, sent(1, 2), report)] == [
        "worst long 90 lots, 0 being cancelled, limit 0"
    ]


def test_what_filled_before_an_action_is_part_of_what_was_seen_after_it() -> None:
    """In the block of the action: its start tells which came first."""
    for start, excess in ((0, True), (60, False)):
        held = seen(2, 60, 90, 0) if excess else seen(2, 60, 120, 0)
        told = fills(3, (7, "a", "Bid", 30, start))
        log = [*TWO_BIDS, reply(2, 1), place(2, 1, ("d", "Bid", 30)), reply(2, 2), told]
        log += [cycle(3, 95, 100)]
        found = breaches(log, sent(1, 2), [seen(1, 0, 90, 0), held])
        texts = [breach.text for breach in found if breach.kind == "uncovered"]
        assert texts == ([] if excess else ["worst long 120 lots, 0 being cancelled, limit 95"])


def over(recv_ms: int, cloid: str, status: str, oid: int = 9) -> Line:
    """An order is over, as its update says."""
    update = {"exch": (recv_ms - 1) * MS, "oid": oid, "cloid": cloid, "sz": 0, "status": status}
    return event(recv_ms, {"OrderUpdates": [update]})


def test_an_order_that_is_over_by_its_update_needs_no_answer_and_no_cancel() -> None:
    """The answer to what ended it was lost; later the limit falls to nothing."""
    before = [*TWO_BIDS, reply(2, 1)]
    report = [seen(1, 0, 90, 0)]
    ended = [over(4, "a", "Canceled"), over(4, "c", "Canceled")]
    assert breaches([*before, *ended, cycle(9, 0, 0)], sent(1), report) == []
    texts = ["worst long 30 lots, 0 being cancelled, limit 0"]
    found = breaches([*before, ended[0], cycle(9, 0, 0)], sent(1), report)
    assert [breach.text for breach in found] == texts
    # A query's answer says the same, and nothing where it found nothing.
    for answer, left in ((ended[1].value["body"]["OrderUpdates"][0], []), (None, texts)):
        asked = event(5, {"OrderStatus": {"cloid": "c", "found": answer}})
        answered = breaches([*before, ended[0], asked, cycle(9, 0, 0)], sent(1), report)
        assert [breach.text for breach in answered] == left
    # An update of the oid that an amend replaced is not of the order as it is.
    amend = {"oid": 9, "order": {"cloid": "c", "side": "Bid", "sz": 30}}
    modify = Line("a", {"id": 2, "cycle": 1, "body": {"Modify": [amend]}})
    log = [*before, modify, reply(3, 2), *ended, cycle(9, 0, 0)]
    found = breaches(log, sent(1, 2), [*report, seen(2, 0, 90, 0)])
    assert [breach.text for breach in found] == texts


@pytest.mark.parametrize("times", [1, 2])
def test_what_its_update_says_is_filled_counts_once_when_its_fill_is_heard(times: int) -> None:
    before = [*TWO_BIDS, reply(2, 1), *times * [over(4, "a", "Filled")]]
    report = [seen(1, 0, 90, 0)]
    held = [*before, cycle(5, 0, 100), cancel(2, 5, "c")]
    assert breaches(held, sent(1, 2), report) == []
    heard = [*before, fills(4, (7, "a", "Bid", 60, 0)), cycle(5, 59, 100)]
    assert [b.text for b in breaches(heard, sent(1), report)] == [
        "worst long 90 lots, 0 being cancelled, limit 59"
    ]


def failed(recv_ms: int, action: int, *, lost: bool) -> Line:
    statuses = [{"Error": {"class": "Other", "text": "no"}}]
    outcome: object = "Lost" if lost else {"Statuses": statuses}
    return event(recv_ms, {"Reply": {"action": action, "outcome": outcome}})


@pytest.mark.parametrize(("start", "left"), [(0, 0), (-60, 90)])
def test_what_filled_in_the_block_of_an_action_may_be_told_by_an_update_before_its_fill(
    start: int, left: int
) -> None:
    """Both orders fill in the block: after the action if the first fill starts at what it saw."""
    held = seen(2, 0, left if start else 90, 0)
    ends = [over(3, "c", "Filled"), over(3, "a", "Filled")]
    told = fills(3, (7, "a", "Bid", 60, start), (8, "c", "Bid", 30, start + 60))
    log = [*TWO_BIDS, reply(2, 1), place(2, 1, ("a", "Bid", 60), ("c", "Bid", 30)), reply(2, 2)]
    found = breaches([*log, *ends, told, cycle(4, 0, 0)], sent(1, 2), [seen(1, 0, 90, 0), held])
    texts = [breach.text for breach in found if breach.kind == "uncovered"]
    assert texts == ([f"worst long {left} lots, 0 being cancelled, limit 0"] if left else [])


@pytest.mark.parametrize(("swept", "told", "left"), [(90, "ac", 0), (90, "a", 30), (0, "ac", 90)])
def test_what_was_cancelled_in_the_block_of_an_answer_is_gone_if_it_was_after_it(
    swept: int, told: str, left: int
) -> None:
    """A third order is cancelled, and in the same block the run's own sweep cancels the others."""
    log = [*TWO_BIDS, place(2, 1, ("d", "Bid", 10)), reply(2, 1), reply(2, 2)]
    log += [cancel(3, 1, "d"), reply(4, 3), *(over(5, c, "Canceled") for c in ("d", *told))]
    rests = [seen(1, 0, 90, 0), seen(2, 0, 100, 0)]
    same = [{**seen(3, 0, 90, 0, "cancelByCloid"), "time": 4}]
    same += [{**seen(4, 0, 90 - swept, 0, "cancel"), "time": 4}] if swept else []
    sends = [*sent(1, 2, 3), Sent(4, None, "cancel")]
    found = breaches([*log, cycle(9, 0, 0)], sends, [*rests, *same])
    texts = [breach.text for breach in found if breach.kind == "uncovered"]
    assert texts == ([f"worst long {left} lots, 0 being cancelled, limit 0"] if left else [])


@pytest.mark.parametrize("lost", [False, True])
def test_an_order_whose_cancel_failed_has_a_second_and_no_other_has(lost: bool) -> None:
    log = [*TWO_BIDS, reply(2, 1), event(3), cycle(3, 60, 100), cancel(2, 3, "c")]
    log += [failed(10, 2, lost=lost)]
    report = [seen(1, 0, 90, 0)]
    soon, late = [cycle(1_100, 60, 100)], [cycle(1_111, 60, 100)]
    assert breaches([*log, *soon], sent(1, 2), report) == []
    texts = ["worst long 90 lots, 0 being cancelled, limit 60"]
    assert [b.text for b in breaches([*log, *late], sent(1, 2), report)] == texts
    texts = ["worst long 90 lots, 30 being cancelled, limit 50"]
    lower = [cycle(1_100, 50, 100)]
    assert [b.text for b in breaches([*log, *lower], sent(1, 2), report)] == texts


@pytest.mark.parametrize("arrives_ms", [4, 20])
def test_what_nobody_answered_tells_of_nothing_that_came_later(arrives_ms: int) -> None:
    """A place is given up at 5 ms and its nonce burnt; at 10, resting or not, the limit falls."""
    log = [event(1), cycle(1, 100, 100), place(1, 1, ("c", "Bid", 60)), failed(5, 1, lost=True)]
    log += [event(10), cycle(10, 50, 100)]
    comes = {**seen(1, 0, 60, 0), "time": arrives_ms}
    # Sent twice: its own answer was lost.
    burnt = [{**seen(1, 0, 60, 0, "noop"), "time": time_ms} for time_ms in (21, 22)]
    texts = ["worst long 60 lots, 0 being cancelled, limit 50"]
    found = breaches(log, sent(1), [comes, *burnt])
    assert [b.text for b in found] == (texts if arrives_ms < 10 else [])


def test_a_cancel_covers_what_an_unanswered_amend_may_have_left_as_it_was() -> None:
    """An order of 30 is amended to 20, and cancelled before anybody knows whether it was."""
    amend = {"oid": 9, "order": {"cloid": "c", "side": "Bid", "sz": 20}}
    modify = Line("a", {"id": 2, "cycle": 1, "body": {"Modify": [amend]}})
    before = [*TWO_BIDS, reply(2, 1), modify, event(3), cycle(3, 60, 100)]
    report = [seen(1, 0, 90, 0)]
    assert breaches([*before, cancel(3, 3, "c")], sent(1, 2, 3), report) == []
    assert [b.text for b in breaches(before, sent(1, 2), report)] == [
        "worst long 90 lots, 10 being cancelled, limit 60"
    ]


def shown(recv_ms: int, *by_hand: tuple[str, int]) -> Line:
    """A query shows these orders without a client id."""
    rows = [{"cloid": None, "side": side, "sz": sz, "reduce_only": False} for side, sz in by_hand]
    return event(recv_ms, {"OpenOrders": {"orders": rows}})


def hand(side: str, sz: int) -> tuple[Pair, Pair]:
    return ((sz, 0), (0, 0)) if side == "Bid" else ((0, 0), (sz, 0))


@pytest.mark.parametrize(("held", "side", "longest"), [(30, "Ask", False), (-30, "Bid", True)])
def test_a_hands_order_keeps_nothing_in_that_only_reduces(
    held: int, side: str, longest: bool
) -> None:
    """Five times the limit by hand: a close of the position is lawful, what may flip is not."""

    def judged(free: int, closing: int, *, told: bool = True) -> list[str]:
        ours = (free, closing)
        own = (ours, (0, 0)) if longest else ((0, 0), ours)
        log = [
            shown(1, *([(side, 500)] if told else [])),
            cycle(1, 100, 100),
            place(1, 1, ("a", side, free + closing)),
        ]
        report = [row(1, "order", at(COIN, held, own, hand(side, 500)))]
        return [breach.kind for breach in breaches(log, sent(1), report)]

    assert judged(0, 30) == []
    assert judged(0, 45) == []  # the venue lets 30 of it happen
    assert judged(10, 0) == ["forbidden"]
    assert judged(10, 30) == ["forbidden"]
    # Nobody had shown it: judged by ours alone.
    assert judged(10, 30, told=False) == []
    assert judged(101, 30, told=False) == ["forbidden"]


def test_what_may_increase_beside_a_hands_order_is_to_be_cancelled_and_what_reduces_is_not() -> (
    None
):
    log = [event(1), cycle(1, 100, 100), place(1, 1, ("a", "Ask", 60)), reply(2, 1)]
    later = [*log, shown(3, ("Ask", 500)), cycle(3, 100, 100)]
    may_flip = at(COIN, 30, ((0, 0), (60, 0)), hand("Ask", 500))
    closes = at(COIN, 30, ((0, 0), (0, 60)), hand("Ask", 500))
    report = [row(1, "order", may_flip)]
    assert [b.kind for b in breaches(later, sent(1), report)] == ["uncovered"]
    assert breaches([*later, cancel(2, 3, "a")], sent(1, 2), report) == []
    assert breaches(log, sent(1), report) == []
    assert breaches(later, sent(1), [row(1, "order", closes)]) == []


def test_what_the_journal_does_not_explain_is_a_breach() -> None:
    report = [seen(1, 0, 60, -100), seen(2, 0, 60, -100)]
    assert [b.kind for b in breaches(HONEST, sent(1), report)] == ["unjoined"]
    no_limit = [event(1), place(1, 1, ("a", "Bid", 60))]
    assert [b.kind for b in breaches(no_limit, sent(1), report[:1])] == ["unjoined"]


def test_an_order_placed_by_hand_is_no_breach_and_one_of_ours_without_a_line_is() -> None:
    log = [Line("h", {"config": {"session": 7}}), *HONEST]
    ours, older, other = (f"0x{session:016x}{1:016x}" for session in (7, 6, 8))
    for cloids, kinds in [([], []), ([other], []), ([ours], ["unjoined"]), ([older], ["unjoined"])]:
        report = [seen(1, 0, 60, -100), {**seen(2, 0, 90, -100), "cloids": cloids}]
        assert [b.kind for b in breaches(log, sent(1), report)] == kinds
    report = [seen(1, 0, 60, -100), seen(2, 0, 90, -100, "updateLeverage")]
    assert [b.kind for b in breaches(log, sent(1), report)] == ["unjoined"]
    # The owner set a leverage on the venue's page: it adds nothing.
    report = [seen(1, 0, 60, -100), seen(2, 0, 60, -100, "updateLeverage")]
    assert breaches(log, sent(1), report) == []


def test_an_answered_action_that_a_whole_report_does_not_know_is_a_breach() -> None:
    log = [*HONEST, reply(2, 1)]
    assert breaches(log, sent(1), []) == []
    assert [b.kind for b in breaches(log, sent(1), [{"kind": "end"}])] == ["unjoined"]
    refused = {"Reply": {"action": 1, "outcome": "Lost"}}
    assert breaches([*HONEST, event(2, refused)], sent(1), [{"kind": "end"}]) == []


def test_the_sessions_own_requests_may_not_add_exposure() -> None:
    own = [Sent(1, None, "updateLeverage"), Sent(2, None, "cancel"), Sent(3, None, "cancel")]
    inherited = seen(1, 7, 9, 0, "updateLeverage")
    (_, as_it_was) = inherited["exposure"]
    inherited["exposure"] = [{"before": before(as_it_was), **as_it_was}]
    harmless = [inherited, seen(2, 7, 7, 0, "cancel")]
    assert breaches([], own, harmless) == []
    raising = [*harmless, seen(3, 0, 5, 0, "order")]
    assert [b.kind for b in breaches([], own, raising)] == ["forbidden"]


def test_the_sessions_own_requests_about_stops_are_about_nothing_else() -> None:
    stop, other = STOP_PREFIX + "00" * 7 + "01", f"0x{7:016x}{1:016x}"
    for kind in ("order", "cancelByCloid"):
        for cloids, found in (([stop], []), ([stop, other], ["forbidden"]), ([], ["forbidden"])):
            one = {**seen(1, 7, 7, 0, kind), "cloids": cloids}
            (_, as_it_was) = one["exposure"]
            one["exposure"] = [{"before": before(as_it_was), **as_it_was}]
            assert [b.kind for b in breaches([], [Sent(1, None, kind)], [one])] == found


def test_what_the_watchdog_did_is_judged_by_what_it_may_do() -> None:
    guard = [
        *sent(1),
        Sent(3, None, "cancel", watchdog=True),
        Sent(4, None, "order", watchdog=True),
    ]
    log = [*HONEST, reply(2, 1), event(6), cycle(6, 0, 0)]
    taken_over = [seen(1, 0, 60, -100), seen(3, 30, 30, 30, "cancel"), seen(4, 30, 30, 0)]
    assert breaches(log, guard, taken_over) == []
    [unjoined, *_] = breaches(log, sent(1), taken_over)
    assert unjoined.kind == "unjoined"
    unset = [Sent(5, None, "scheduleCancel", watchdog=True)]
    assert breaches(log, guard + unset, [*taken_over, seen(5, 30, 30, 0, "scheduleCancel")]) == []
    grown = [*taken_over[:2], seen(4, 30, 60, 30)]
    assert (
        breaches(log, guard, grown)[0].text
        == "the watchdog's order took the worst case to (60, -30) lots"
    )
    other = [*taken_over[:2], seen(4, 30, 30, 0, "updateLeverage")]
    assert [breach.kind for breach in breaches(log, guard, other)] == ["forbidden"]


def test_actions_of_an_earlier_session_on_the_same_exchange_are_not_ours_to_explain() -> None:
    report = [seen(1, 0, 60, -100), seen(5, 0, 0, 0, "cancel")]
    assert breaches([], [Sent(5, None, "cancel")], report) == []
    # One that ends before it sends anything has nothing to explain, but for what bears its name.
    begun = [Line("h", {"config": {"session": 7}}), event(6)]
    older, own = (
        {**seen(nonce, 0, 60, -100), "cloids": [f"0x{session:016x}{1:016x}"]}
        for nonce, session in ((1, 6), (6, 7))
    )
    assert breaches(begun, [], [older]) == []
    assert [b.text for b in breaches(begun, [], [older, own])] == [
        "order with nonce 6 is not in the journal"
    ]


def test_what_an_earlier_session_signed_and_comes_late_counts_once_we_trade() -> None:
    head = Line("h", {"config": {"session": 7}})
    log = [head, event(6), cycle(6, 100, 100), place(6, 6, ("a", "Bid", 60))]
    sends = [Sent(5, None, "cancel"), Sent(6, 6, None)]
    earlier, other = (f"0x{session:016x}{1:016x}" for session in (6, 8))
    begin, trade = seen(5, 0, 0, 0, "cancel"), seen(6, 0, 60, 0)

    def late(longest: int, cloid: str) -> Json:
        return {**seen(2, 0, longest, 0), "cloids": [cloid]}

    # Before we trade it is waited for, and cancelled; a harmless one changes nothing.
    assert breaches(log, sends, [begin, late(40, earlier), trade]) == []
    assert breaches(log, sends, [begin, trade, late(60, earlier)]) == []
    found = breaches(log, sends, [begin, trade, late(100, earlier)])
    assert [(b.kind, b.text) for b in found] == [
        ("unjoined", "order with nonce 2 is not in the journal")
    ]
    assert breaches(log, sends, [begin, trade, late(100, other)]) == [], "somebody else's"


def test_a_limit_that_the_reference_does_not_find_is_a_breach() -> None:
    found = breaches(HONEST, sent(1), [seen(1, 0, 60, -100)], wrong="long was 100, expected 90")
    assert [(b.kind, b.text) for b in found] == [("misderived", "long was 100, expected 90")]


def test_a_report_cut_short_by_a_kill_is_read_up_to_its_last_whole_line() -> None:
    assert read_report(b'{"kind":"end"}\n{"kind":"act') == [{"kind": "end"}]
    with pytest.raises(ValueError, match="Unterminated"):
        read_report(b'{"kind":"act\n{"kind":"end"}\n')
    lines = b'{"action":1,"cycle":2,"nonce":7}\n{"own":"noop","nonce":8}\n'
    assert read_sends(lines) == [Sent(7, 1, None), Sent(8, None, "noop")]
