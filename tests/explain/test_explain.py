"""`mm explain` shows what the run had at that time, and says clearly when it cannot."""

import json
import os
import re
from pathlib import Path

import pytest
import zstandard

from engine_desk import EngineDesk, Json
from mm import explain
from mm.cli import run as mm
from mm.errors import CheckFailed, ConfigError, EventError
from mm.exits import Exit, exit_of
from mm.figures import iso

MOMENTS_S = (3.5, 4.0, 6.5, 9.0)


def story() -> tuple[EngineDesk, dict[float, Json]]:
    """A desk through fills, a thin head-room and a silent account, and what it showed when."""
    desk = EngineDesk({"limits.position_cap_coin": 0.05}).open()
    seen: dict[float, Json] = {}
    desk.after(0.5)
    seen[desk.now_s] = desk.snapshot()
    desk.now_s += 0.25
    desk.fill(desk.orders("Bid")[-1])
    desk.after(0.25)
    seen[desk.now_s] = desk.snapshot()
    desk.now_s += 0.25
    desk.head_room(buy=0.0, sell=0.05)
    desk.after(2.25)
    seen[desk.now_s] = desk.snapshot()
    desk.now_s += 0.25
    desk.bbo(desk.mid * 1.001)
    desk.after(2.25)
    seen[desk.now_s] = desk.snapshot()
    assert tuple(seen) == MOMENTS_S
    return desk, seen


@pytest.fixture(scope="module")
def told() -> tuple[EngineDesk, dict[float, Json]]:
    return story()


def written(desk: EngineDesk, directory: Path, cut: int = 0) -> Path:
    """The desk's journal as a run's directory; `cut` bytes short of its end."""
    whole = zstandard.ZstdCompressor().compress(desk.journal)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "events.jsonl.zst").write_bytes(whole[: len(whole) - cut])
    return directory


@pytest.mark.parametrize("moment_s", MOMENTS_S)
def test_it_shows_what_the_run_had_then(
    moment_s: float, told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    desk, seen = told
    wanted = seen[moment_s]
    standing = explain.stand(written(desk, tmp_path), f"{moment_s}")
    assert standing.snapshot == wanted
    limits, quotes = explain.limits(standing), explain.quotes(standing)
    assert limits["cycle"] == quotes["cycle"] == wanted["cycle"]
    assert [round(float(limits[side]) * 1e5) for side in ("long", "short")] == wanted["limits"][
        "lots"
    ]
    assert list(limits["binding"].values()) == wanted["limits"]["binding"]
    assert {term["term"] for term in limits["terms"]} == {
        term["term"] for term in wanted["limits"]["terms"]
    }
    shown = sum(len(quotes[side]["orders"]) for side in ("bid", "ask"))
    assert shown == len(wanted["orders"])


def test_the_terms_of_each_price_add_up_to_it(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    desk, seen = told
    run = written(desk, tmp_path)
    for moment_s, was in seen.items():
        quotes = explain.quotes(explain.stand(run, f"{moment_s}"))
        for side, outward in (("bid", -1), ("ask", 1)):
            for order in quotes[side]["orders"]:
                half = order["half_spread"]
                assert abs(half["sum_bps"] - half["half_spread_bps"]) < 0.01, (moment_s, side)
                quoted_bps = outward * (float(order["px"]) / was["mid"] - 1) * 1e4
                assert abs(half["sum_bps"] - quoted_bps) < 0.01, (moment_s, order)
    held = explain.quotes(explain.stand(run, "4"))
    terms = [order["half_spread"]["terms"] for order in held["bid"]["orders"]]
    assert len(terms) > 1
    assert all(row["skew_bps"] > 0 for row in terms)
    assert terms[-1]["level_bps"] > terms[0]["level_bps"] == 0


def test_funding_is_a_term_of_each_price_and_is_said(tmp_path: Path) -> None:
    """Longs pay 1 bp an hour: both sides stand lower, and the terms still add up."""
    desk = EngineDesk({"models.funding": True}).open()
    desk.context("0.0001", "0.001")
    desk.after(2.0)
    shown = explain.quotes(explain.stand(written(desk, tmp_path), None))
    shift = shown["models"]["funding"]["shift_bps"]
    held_s = shown["models"]["funding"]["holding_s"]
    assert shift == pytest.approx(-1.0 * held_s / 3600.0)
    assert shift < -0.5
    for side, outward in (("bid", -1), ("ask", 1)):
        for order in shown[side]["orders"]:
            half = order["half_spread"]
            assert half["terms"]["funding_bps"] == pytest.approx(outward * shift)
            assert abs(half["sum_bps"] - half["half_spread_bps"]) < 0.01
    text = "\n".join(explain.text_of_quotes(shown))
    assert "funding +1 bps/h (toward +0.625)" in text
    assert f"shifts prices {shift:+.3g} bps" in text
    assert "funding_bps" in text


def test_funding_that_nobody_told_is_not_known(tmp_path: Path) -> None:
    desk = EngineDesk({"models.funding": True}).open()
    shown = explain.quotes(explain.stand(written(desk, tmp_path), None))
    assert shown["models"]["funding"]["rate"] is None
    assert "funding: not known" in "\n".join(explain.text_of_quotes(shown))


def test_an_order_is_shown_with_its_place_in_the_queue(tmp_path: Path) -> None:
    """Five coins of others are beside each of ours, where nobody knew before."""
    desk = EngineDesk({"models.queue": True}).open()
    for step in range(35):
        desk.bbo()
        desk.after(1.0)
        for side in "BA":
            desk.trade(0.01 + step * 1e-5, side)
    before = explain.quotes(explain.stand(written(desk, tmp_path), None))
    assert all(order["place"] is None for order in before["bid"]["orders"])
    desk.book()
    desk.after(1.0)
    shown = explain.quotes(explain.stand(written(desk, tmp_path), None))
    place = shown["bid"]["orders"][0]["place"]
    assert place.keys() == {"ahead", "at_least", "at_most", "level", "chance"}
    assert (place["at_least"], place["at_most"]) == ("0", "5")
    assert (place["ahead"], place["level"]) == ("2.5", "5")
    assert 0.5 < place["chance"] < 1
    text = "\n".join(explain.text_of_quotes(shown))
    assert "behind 2.5 (0 to 5) of 5" in text
    assert "queues: cancels" in text
    plain = EngineDesk().open()
    plain.book()
    told = explain.quotes(explain.stand(written(plain, tmp_path), None))
    assert all(order["place"] is None for order in told["bid"]["orders"])


def test_what_recovery_brought_to_the_touch_says_so_and_the_other_side_has_no_terms(
    tmp_path: Path,
) -> None:
    """Over the cap from the start: worked at the touch, 0.1 bp from the mid."""
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.06).open()
    assert "bid" not in str(desk.snapshot()["trace"]).lower()
    desk.after(40.0)
    shown = explain.quotes(explain.stand(written(desk, tmp_path), None))
    (order,) = shown["ask"]["orders"]
    half = order["half_spread"]
    assert abs(half["terms"]["at_touch_bps"]) > 1
    assert half["half_spread_bps"] == pytest.approx(0.1, abs=0.01)
    assert half["sum_bps"] == pytest.approx(0.1, abs=0.01)
    assert "at_touch_bps" in "\n".join(explain.text_of_quotes(shown))
    scraped = desk.scraped()
    assert scraped['mm_half_spread_bps{side="ask"}'] == pytest.approx(0.1, abs=0.01)
    assert 'mm_half_spread_bps{side="bid"}' not in scraped


def test_after_a_kill_it_says_killed_and_why(tmp_path: Path) -> None:
    """Also once the run has been told to stop: that is how a kill ends."""
    desk = EngineDesk().open()
    desk.kill()
    desk.command("stop")
    shown = explain.mode(explain.stand(written(desk, tmp_path), None))
    assert (shown["mode"], shown["reason"]) == ("halted", "killed")
    assert "mode      halted: killed (manual), since" in "\n".join(explain.text_of_mode(shown))


def test_the_stop_at_the_exchange_is_told(tmp_path: Path) -> None:
    desk = EngineDesk({"protection.resident_stop": True}, position=0.06).open()
    shown = explain.mode(explain.stand(written(desk, tmp_path), None))
    assert shown["stop"]["state"] == "missing"
    assert "stop      MISSING: wanted at " in "\n".join(explain.text_of_mode(shown))
    desk.info("frontendOpenOrders", [desk.stop_listed("95000.0", "0.06")])
    shown = explain.mode(explain.stand(written(desk, tmp_path), None))
    assert "stop      sells 0.06 BTC when mark reaches 95000" in "\n".join(
        explain.text_of_mode(shown)
    )


def test_a_side_without_orders_says_why(tmp_path: Path) -> None:
    """Over the cap at the start: each bid is refused, with the limit of its side."""
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.06).open()
    standing = explain.stand(written(desk, tmp_path), None)
    bids, limits = explain.quotes(standing)["bid"], explain.limits(standing)
    assert limits["reduce_only"]
    assert limits["binding"]["long"] == "position_cap"
    assert bids["orders"] == []
    assert {refusal["limit"] for refusal in bids["refusals"]} == {limits["long"]}
    assert {refusal["reason"] for refusal in bids["refusals"]} == {"OverValueLimit"}


def test_the_journal_alone_tells_why_a_side_has_no_order(tmp_path: Path) -> None:
    """Of every cycle: the newest record up to it names the mode and each side's reason."""
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.06).open()
    desk.after(2.0)
    desk.after(12.0, quiet=["market"])
    run = written(desk, tmp_path / "run")
    records = [row["c"] for row in map(json.loads, desk.journal.splitlines()) if "c" in row]
    codes = set()
    for record, following in zip(records, [*records[1:], None], strict=True):
        # Right before the next record, or at the end, it is still what stands.
        at = None if following is None else iso(following["recv"] - 1_000)
        if following is not None and following["recv"] - 1_000 < record["recv"]:
            continue
        shown = explain.mode(explain.stand(run, at))
        reasons = {side: row["reason"] for side, row in shown["sides"].items()}
        assert (record["suppressed"], record["mode"]) == (reasons, shown["mode"]), at
        assert record["mode_reason"] == shown["reason"]
        codes |= set(reasons.values())
    assert len(codes - {None}) > 1, codes
    false = desk.journal.replace(
        b'"suppressed":{"bid":"over_value', b'"suppressed":{"bid":"under_value'
    )
    assert false != desk.journal
    desk.journal = false
    with pytest.raises(CheckFailed, match="under_value"):
        explain.stand(written(desk, tmp_path / "false"), None)


def test_sides_that_differ_are_explained_apart(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    limits = explain.limits(explain.stand(written(told[0], tmp_path), "6.5"))
    assert limits["binding"] == {"long": "head_room", "short": "position_cap"}
    assert limits["long"] != limits["short"]


def test_an_iso_time_is_the_same_as_its_seconds(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    run = written(told[0], tmp_path)
    by_seconds = explain.limits(explain.stand(run, "6.5"))
    for text in (by_seconds["at"], by_seconds["at"].removesuffix("Z")):
        assert explain.limits(explain.stand(run, text)) == by_seconds


def test_between_two_events_the_one_before_stands(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    run = written(told[0], tmp_path)
    assert explain.stand(run, "6.7").snapshot == explain.stand(run, "6.5").snapshot


@pytest.mark.parametrize(
    "at",
    [
        *("-1", "1000", "2001-01-01", "2040-01-01T00:00:00Z"),
        # Beyond what 64 bits of nanoseconds hold.
        *("2300-01-01", "1600-01-01", "0001-01-01", "9999-12-31"),
    ],
)
def test_a_time_outside_the_run_is_refused_with_its_range(
    at: str, told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--at {at}: expected a time of the run")):
        explain.stand(written(told[0], tmp_path), at)


@pytest.mark.parametrize("at", ["soon", "nan", "inf", "12:00", ""])
def test_what_is_no_time_is_refused_with_an_example(
    at: str, told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--at {at}: expected ISO 8601")):
        explain.stand(written(told[0], tmp_path), at)


def test_a_log_that_breaks_off_is_read_as_far_as_it_goes(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    """As that of a run that is still going, or was killed."""
    standing = explain.stand(written(told[0], tmp_path, cut=40), None)
    assert 0 < standing.snapshot["cycle"] <= told[0].snapshot()["cycle"]
    assert explain.limits(standing)["source"] == "valid"


def test_a_journal_that_was_changed_is_not_explained(
    told: tuple[EngineDesk, dict[float, Json]], tmp_path: Path
) -> None:
    forged = EngineDesk()
    forged.journal = told[0].journal.replace(b'"lots":[5000,5000]', b'"lots":[5001,5000]', 1)
    assert forged.journal != told[0].journal
    with pytest.raises(CheckFailed, match=r"cycle \d+ differs: logged") as refused:
        explain.stand(written(forged, tmp_path), None)
    assert exit_of(refused.value) == Exit.DIFFERENCE


def test_what_is_no_run_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(b"{}\n"))
    with pytest.raises(EventError, match="not the header of an event log"):
        explain.stand(tmp_path, None)
    with pytest.raises(EventError, match="No such file"):
        explain.stand(tmp_path / "nothing", None)


def test_without_a_run_it_is_the_newest(
    told: tuple[EngineDesk, dict[float, Json]], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Path(os.environ["MM_STATE_DIR"]) / "paper" / "default" / "runs"
    with pytest.raises(ConfigError, match="no run yet"):
        mm(["explain", "limits"])
    written(EngineDesk().open(), runs / "one")
    written(told[0], runs / "two")
    assert mm(["explain", "limits", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["run"] == str(runs / "two")


def test_the_mode_has_a_reason_for_each_side_without_an_order(tmp_path: Path) -> None:
    """Over the cap, then killed: what, since when, and why, as the run had it."""
    desk = EngineDesk({"limits.position_cap_coin": 0.05}, position=0.06).open()
    over = explain.mode(explain.stand(written(desk, tmp_path), None))
    assert (over["mode"], over["reason"]) == ("reduce_only", "over_value_limit")
    assert not over["sides"]["bid"]["quoted"]
    assert over["sides"]["bid"]["reason"] == "over_value_limit"
    assert over["sides"]["ask"] == {"quoted": True, "reason": None}
    assert over["kill"] is None
    assert over["for_s"] > 0

    desk.now_s += 0.25
    at_s = desk.now_s
    desk.kill()
    desk.after(1.0)
    killed = explain.mode(explain.stand(written(desk, tmp_path), None))
    assert killed["kill"]["reason"] == "manual"
    assert killed["kill"]["at"] == killed["since"]
    assert killed["for_s"] == pytest.approx(desk.now_s - at_s)
    assert {side["reason"] for side in killed["sides"].values()} == {"killed"}
    before = explain.mode(explain.stand(tmp_path, f"{at_s - 0.1}"))
    assert before["mode"] == "reduce_only"
    text = "\n".join(explain.text_of_mode(killed))
    for word in ("killed", "manual", killed["mode"], killed["since"], "no order"):
        assert word in text


@pytest.mark.parametrize("question", ["limits", "quotes"])
def test_the_text_has_every_part_of_the_object(
    question: str,
    told: tuple[EngineDesk, dict[float, Json]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["explain", question, "--run", str(written(told[0], tmp_path)), "--at", "6.5"]
    mm([*words, "--json"])
    shown = json.loads(capsys.readouterr().out)
    mm(words)
    text = capsys.readouterr().out
    assert f"cycle {shown['cycle']} " in text
    if question == "limits":
        parts = [term["term"] for term in shown["terms"]] + list(shown["inputs"])
        parts += [*shown["ages"], shown["long"], shown["short"]]
    else:
        rows = [row for side in ("bid", "ask") for row in shown[side]["refusals"]]
        parts = [row["reason"] for row in rows]
        parts += [order["px"] for side in ("bid", "ask") for order in shown[side]["orders"]]
        terms = shown["bid"]["orders"][0]["half_spread"]["terms"]
        parts += [name for name, value in terms.items() if value]
        assert shown["models"]["own"]["bid"]["rested_s"] > 0
        parts += ["our bids: ", "our asks: 0 fills in", "takers of 60 s: buy"]
        parts += ["sigma of 2 min, 10 min, 1 h:", "on a grid of 5 s", "jumps", "regime usual"]
        parts += ["shift of fair +0 bps", "ofi (not used): "]
    assert [part for part in parts if part not in text] == []


def test_what_moves_the_fair_price_is_told_with_why(tmp_path: Path) -> None:
    """A lead that predicts, and one that is not heard any more."""
    desk = EngineDesk({"models.reference": "oracle", "models.lead": True}).open()
    desk.follow(150)
    desk.context(oracle=desk.mid + 30)
    desk.after(0.1)
    shown = explain.quotes(explain.stand(written(desk, tmp_path), None))
    shift = shown["models"]["shift"]
    assert shift["lead"]["gate"] == "open"
    assert shift["shift_bps"] > 1
    assert shown["models"]["fair"] == pytest.approx(desk.mid + 1), "the ask, a dollar from the mid"
    text = "\n".join(explain.text_of_quotes(shown))
    for part in ("reference oracle 100,", "lead (used): predicts; now +", "bps in 1 s, R2 +0."):
        assert part in text
    desk.after(6.0)
    late = explain.quotes(explain.stand(written(desk, tmp_path / "later"), None))
    assert late["models"]["shift"]["lead"]["gate"] == "stale"
    assert late["models"]["fair"] == pytest.approx(desk.mid)
    assert "the reference is too old" in "\n".join(explain.text_of_quotes(late))
