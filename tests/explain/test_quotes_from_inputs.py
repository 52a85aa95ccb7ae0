"""What `mm explain quotes` prints, added up again, gives each price and size; and each order is
explained by what the plan paired it with.

The first part reads the command's text alone, of a run of the paper exchange.
"""

import itertools
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from engine_desk import EngineDesk, Json
from maker_process import Maker, runs
from mm import explain
from mm.cli import run as mm
from mm.exits import Exit

LEARNED = """
[quoting]
strategy = "{strategy}"
[models]
fair_price = "micro"
intensity = "tape"
adverse_selection = "tape"
funding = true
shrink_n0 = 20.0
"""
NUMBER = r"[+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?"


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    assert mm(["explain", "quotes", *words]) == Exit.DONE
    return capsys.readouterr().out


def number(pattern: str, text: str) -> float:
    """The number in the place of `#`."""
    found = re.search(re.escape(pattern).replace(r"\#", f"({NUMBER})"), text)
    assert found is not None, f"{pattern} is not in\n{text}"
    return float(found[1].replace(",", ""))


def printed_orders(text: str) -> Iterator[tuple[str, Json]]:
    """Each order as printed: its side; size, price, terms of the price and parts of the size."""
    side = ""
    order: Json = {}
    for line in text.splitlines():
        if found := re.match(r"(bid|ask)  limit", line):
            side = found[1]
        elif found := re.match(r" +([\d.]+) at ([\d.]+)  (\w+)(.*)", line):
            wanted = re.search(r"(?:for|become) ([\d.]+) at ([\d.]+)", found[4])
            order = {"sz": found[1], "px": found[2], "stands": found[3]}
            order["wanted"] = wanted and (wanted[1], wanted[2])
        elif found := re.match(rf" +half-spread ({NUMBER}) = (.*)", line):
            terms = {
                name: float(value) for name, value in re.findall(r"(\w+) ([+-][\d.]+)", found[2])
            }
            order |= {"half": float(found[1]), "terms": terms}
        elif found := re.match(r" +size ([\d.]+) \w+ = ([^(]*)", line):
            parts = {
                name: Decimal(lots) for name, lots in re.findall(r"(\w+) ([+-][\d.]+)", found[2])
            }
            yield side, order | {"parts": parts}


def adds_up(text: str) -> int:
    """Add up every order that is printed; how many there were."""
    fair = number("fair #", text)
    count = 0
    for side, order in printed_orders(text):
        inward = 1 if side == "bid" else -1
        px, terms = float(order["px"]), order["terms"]
        total = sum(terms.values())
        assert abs(total - order["half"]) < 0.01, order
        assert abs(fair * (1 - inward * total / 1e4) / px - 1) * 1e4 < 0.01, (side, order, fair)
        assert sum(order["parts"].values()) == Decimal(order["sz"]), order
        if order["wanted"] is not None:
            sz, wanted_px = order["wanted"]
            without = total - terms.get("kept_bps", 0.0)
            assert abs(fair * (1 - inward * without / 1e4) / float(wanted_px) - 1) * 1e4 < 0.01
            kept = order["parts"].get("kept", Decimal(0))
            assert sum(order["parts"].values()) - kept == Decimal(sz), order
        count += 1
    return count


def from_inputs(text: str) -> None:
    """The terms themselves, from gamma, sigma, A, k, inventory and the curve of costs."""
    if "edge: what half_spread_bps leaves over costs" in text:
        assert "gamma" not in text, "it opens"
        return
    model = re.search(
        rf"(GLFT|Avellaneda-Stoikov) at sigma ({NUMBER}) .* A ({NUMBER})/s k ({NUMBER})/", text
    )
    assert model is not None, text
    sigma, arrival, kappa = (float(model[part]) for part in (2, 3, 4))
    gamma = number("gamma # /(bps x unit)", text)
    shift = number("what a unit held shifts prices by, # bps", text)
    if model[1] == "GLFT":
        power = (1 + gamma / kappa) ** (1 + kappa / gamma)
        assert shift == pytest.approx(
            math.sqrt(sigma**2 * gamma / (2 * arrival * kappa) * power), rel=1e-4
        )
    else:
        assert shift == pytest.approx(gamma * sigma**2 * number("/bps, # s to go", text), rel=1e-4)
    delta = math.log1p(gamma / kappa) / gamma + shift / 2
    assert number("delta # bps", text) == pytest.approx(delta, abs=1e-3)
    edge = max(delta, number("at least min_edge # bps", text))
    units = number("of the limit = # of", text)
    curves = costs(text)
    for side, order in printed_orders(text):
        inward = 1 if side == "bid" else -1
        terms = order["terms"]
        assert terms["edge_bps"] == pytest.approx(edge, abs=1e-3)
        assert terms.get("skew_bps", 0.0) == pytest.approx(inward * units * shift, abs=1e-3)
        at = terms["maker_fee_bps"] + terms["edge_bps"]
        cost = terms["adverse_selection_bps"]
        assert interpolated(curves[side], at + cost) == pytest.approx(cost, abs=0.01), (side, order)


def costs(text: str) -> dict[str, list[tuple[float, float]]]:
    """By side: distance and the cost that is used there."""
    rows = re.findall(rf"^ +([\d.]+)  .*-> ({NUMBER}) .*-> ({NUMBER})$", text, re.MULTILINE)
    assert len(rows) > 10, text
    return {
        side: [(float(row[0]), float(row[1 + index])) for row in rows]
        for index, side in enumerate(("bid", "ask"))
    }


def interpolated(curve: list[tuple[float, float]], depth: float) -> float:
    for (near, low), (far, high) in itertools.pairwise(curve):
        if near <= depth <= far:
            return low + (high - low) * (depth - near) / (far - near)
    return curve[-1][1]


@pytest.mark.parametrize("strategy", ["ladder", "avellaneda_stoikov"])
def test_a_run_of_the_paper_exchange_is_explained_from_inputs_to_prices(
    strategy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "learned.toml"
    config.write_text(LEARNED.format(strategy=strategy))
    settings = ["--config", str(config), "--seed", "7", "--speed", "30", "--metrics-port", "0"]
    Maker(*settings, "--duration", "240").ends(0)
    run = str(runs()[-1])
    # Its log ends with the stop: what it had when it last quoted is shown, and said so.
    last = asked(capsys, "--run", run)
    assert number("its last quotes, # s before its log ends", last) > 0
    assert adds_up(last) > 0
    from_inputs(last)
    stands, before_s = set(), number("(# s)", last)
    for earlier_s in range(2, 182, 20):
        text = asked(capsys, "--run", run, "--at", f"{before_s - earlier_s}")
        assert "its last quotes" not in text
        assert adds_up(text) > 0, text
        from_inputs(text)
        stands |= {order["stands"] for _, order in printed_orders(text)}
    assert "kept" in stands, stands


# ---- what each order stands for ------------------------------------------------------------------


def quotes_of(desk: EngineDesk, directory: Path, at: str | None = None) -> Json:
    whole = zstandard.ZstdCompressor().compress(desk.journal)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "events.jsonl.zst").write_bytes(whole)
    shown = explain.quotes(explain.stand(directory, at, quoting=True))
    adds_up("\n".join(explain.text_of_quotes(shown)))
    return shown


def test_an_order_is_explained_by_what_the_plan_paired_it_with(tmp_path: Path) -> None:
    """Levels 1.4 bps apart, a tolerance of 5, a market that rose by 3: every bid stays for its own
    level, although another's price is nearer."""
    desk = EngineDesk({"quoting.max_bps_diff": 5.0}).open()
    before = [row["px"] for row in quotes_of(desk, tmp_path)["bid"]["orders"]]
    desk.bbo(desk.mid * 1.0003)
    shown = quotes_of(desk, tmp_path)["bid"]
    assert [row["px"] for row in shown["orders"]] == before
    assert len(before) == 5
    for row in shown["orders"]:
        assert row["stands"] == "kept"
        assert float(row["wanted"]["px"]) - float(row["px"]) == pytest.approx(30, abs=1.01)
        assert row["half_spread"]["terms"]["kept_bps"] == pytest.approx(3.0, abs=0.1)
    wanted = {row["wanted"]["px"] for row in shown["orders"]}
    assert len(wanted) == 5, "each stands for another"
    assert shown["tolerance"]["bps"] == pytest.approx(5.0, abs=0.02)


def test_what_became_of_an_order_is_told(tmp_path: Path) -> None:
    desk = EngineDesk().open()
    desk.accepts = False
    desk.bbo(desk.mid * 1.001)
    rows = quotes_of(desk, tmp_path)["bid"]["orders"]
    assert {row["stands"] for row in rows} == {"moved"}
    assert all(row["half_spread"]["terms"]["kept_bps"] == 0 for row in rows)
    desk.bbo(desk.mid * 1.001)
    rows = quotes_of(desk, tmp_path)["bid"]["orders"]
    assert {row["stands"] for row in rows} == {"unanswered"}
    assert all(row["half_spread"]["terms"]["kept_bps"] > 5 for row in rows)
    filled = EngineDesk().open()
    filled.accepts = False
    filled.now_s += 0.25
    filled.fill(filled.orders("Bid")[-1])
    rows = quotes_of(filled, tmp_path / "filled")["bid"]["orders"]
    assert {"new", "kept"} <= {row["stands"] for row in rows}


def test_an_order_that_waits_for_requests_says_for_what(tmp_path: Path) -> None:
    desk = EngineDesk().open()
    desk.budget(used=9_700, cap=10_000)
    desk.bbo(desk.mid * 1.002)
    desk.after(1.0)
    shown = quotes_of(desk, tmp_path)["bid"]
    waiting = [row for row in shown["orders"] if row["stands"] == "withheld"]
    assert waiting
    moves = {(row["px"], row["sz"]) for row in shown["withheld"] if row["amends"]}
    assert {(row["wanted"]["px"], row["wanted"]["sz"]) for row in waiting} == moves


def test_a_size_says_what_merged_into_it_and_where_it_comes_from(tmp_path: Path) -> None:
    """Levels of $600 at least: the outer ones are too small and join the next inward."""
    shown = quotes_of(EngineDesk({"quoting.min_level_usd": 600.0}).open(), tmp_path)
    sizes = [row["size"] for row in shown["bid"]["orders"]]
    assert any(float(size["merged"]) > 0 for size in sizes), sizes
    merged = [row for row in shown["bid"]["refusals"] if row["reason"] == "Merged"]
    assert merged
    sized, limit = shown["sized_from"], float(shown["bid"]["limit"])
    assert float(sized["target"]) == pytest.approx(sized["target_frac"] * limit, abs=1e-5)
    parts = [Decimal(size[part]) for size in sizes for part in ("by_weight", "merged", "cut")]
    assert sum(parts) == Decimal(shown["bid"]["total"])
    plain = quotes_of(EngineDesk().open(), tmp_path)
    assert all(row["size"]["merged"] == "0" for row in plain["bid"]["orders"])


def test_inventory_is_told_in_units_and_as_a_share_of_the_limit(tmp_path: Path) -> None:
    desk = EngineDesk().open()
    desk.fill(desk.orders("Bid")[-1])
    desk.after(0.5)
    shown = quotes_of(desk, tmp_path)
    found, limit = shown["priced_from"], float(shown["bid"]["limit"])
    assert found["inventory_frac"] == pytest.approx(desk.position / limit)
    assert found["unit"] == pytest.approx(limit / 25)
    assert found["inventory_units"] == pytest.approx(desk.position / found["unit"])
    assert found["model"]["wish"]["risk_aversion"] == 1.0
    averse = EngineDesk({"quoting.risk_aversion": 3.0}).open()
    other = quotes_of(averse, tmp_path / "averse")["priced_from"]["model"]
    assert other["gamma"] == pytest.approx(3 * found["model"]["gamma"], rel=0.2)


def test_a_strategy_without_a_model_has_no_gamma(tmp_path: Path) -> None:
    desk = EngineDesk({"quoting.strategy": "symmetric"}).open()
    shown = quotes_of(desk, tmp_path)
    assert shown["priced_from"]["edge_from"] == "half_spread"
    text = "\n".join(explain.text_of_quotes(shown))
    assert "gamma" not in text
    assert "edge: what half_spread_bps leaves over costs" in text


def test_the_journal_has_the_estimates_of_each_cycle() -> None:
    desk = EngineDesk().open()
    lines = [line for line in desk.journal.splitlines() if line.startswith(b'{"c":')]
    snapshot = desk.snapshot()
    known = json.loads(lines[-1])["c"]["estimates"]
    assert known["fair"] == pytest.approx(snapshot["models"]["fair"])
    assert known["gamma"] == pytest.approx(snapshot["priced_from"]["solved"]["gamma"], rel=0.01)
    assert known["sigma_bps"] == pytest.approx(snapshot["sigma_quotes"] * 1e4, rel=0.01)
    assert (known["arrival_per_s"], known["kappa_per_bps"]) == (pytest.approx(0.1), 0.7)


def test_after_a_stop_the_last_quotes_are_shown_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = EngineDesk().open()
    wanted = desk.snapshot()
    stopped_s = desk.now_s
    desk.now_s += 0.25
    desk.command("stop")
    desk.after(5.0)
    shown = quotes_of(desk, tmp_path)
    assert shown["before_end_s"] == pytest.approx(desk.now_s - stopped_s)
    assert [row["px"] for row in shown["bid"]["orders"]] == [
        f"{row['px'] / 10:g}"
        for row in sorted(wanted["orders"], key=lambda row: -row["px"])
        if row["side"] == "Bid"
    ]
    said = asked(capsys, "--run", str(tmp_path))
    assert f"its last quotes, {desk.now_s - stopped_s:.3f} s before its log ends" in said
    end = explain.quotes(explain.stand(tmp_path, None))
    assert (end["before_end_s"], end["bid"]["orders"]) == (None, [])
