"""Why: the limit, the quotes or the mode of a run at a time, answered from its event log.

The log's events are stepped again up to that time and every record on the way is compared with the
journal, so what is shown is what the run itself had: to the lot, for that cycle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mm import quotes_shown, stop_shown
from mm._core import stand_at
from mm.clock import SECOND_NS
from mm.errors import CheckFailed, ConfigError, EventError
from mm.figures import coin_text, decimal_text, iso, plain, usd_text
from mm.replay import LOG, logs, read_run
from mm.state import state_root

Json = dict[str, Any]

LONGEST_S = 1e9
LATEST_NS = 2**63 - 1
MICRO_KEYS = ("account_value", "loss_left", "tier_notional_max")
LOT_KEYS = ("position", "head_room", "own_increasing")
AGEING = ("market", "account", "head_room", "sigma", "own_stream")


@dataclass(frozen=True, slots=True)
class Standing:
    """A run as it stood at a time.

    Attributes:
        log: The event log.
        at_ns: Exchange time of the last event up to the time asked for.
        first_ns: Of the log's first event.
        snapshot: What the engine showed.
        refusals: What the cycle did not send.
        config: What the engine was built from.
        coin: The perp.
        sz_decimals: Of its sizes.
        before_end_s: How long before the end of its log, where that was not asked for; `None`: it
            was, or this is the end.
    """

    log: Path
    at_ns: int
    first_ns: int
    snapshot: Json
    refusals: list[Json]
    config: Json
    coin: str
    sz_decimals: int
    before_end_s: float | None = None


def newest_run() -> Path:
    """The run that began last, of every account.

    Raises:
        ConfigError: There is none.
    """
    root = state_root()
    found = (log for depth in ("*", "*/*") for log in root.glob(f"*/*/runs/{depth}/{LOG}"))
    newest = max(found, key=lambda log: log.stat().st_ctime_ns, default=None)
    if newest is None:
        raise ConfigError(f"{root}: no run yet (--run RUN names one elsewhere)")
    return newest.parent if newest.parent.parent.name == "runs" else newest.parent.parent


def one_log(run: Path, coin: str | None) -> Path:
    """The log of one coin of a run.

    Raises:
        ConfigError: It has several, and none was named; or not that one.
    """
    found = logs(run, coin)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(f"{run} is of several coins: give --coin, one of {names}")
    return found[0]


def stand(run: Path, at: str | None, *, quoting: bool = False) -> Standing:
    """Step a run, live or ended, up to a time.

    Args:
        run: Its directory, or its event log.
        at: Exchange time, ISO 8601 (UTC unless it says otherwise), or seconds from the first
            event; `None`: as far as the log goes.
        quoting: Without a time, as far as it last had quotes out, where it ever had.

    Raises:
        CheckFailed: What was journalled does not come again.
        ConfigError: `at` is no time, or not one of the run's.
        EventError: The log cannot be read.
    """
    log, lines = read_run(run)
    before_end_s = None
    try:
        at_ns = None if at is None else read_time(at, _first_ns(log, lines))
        found = stand_at(lines, at_ns)
        quoted_ns = found["quoted_ns"] if at is None and quoting else None
        if quoted_ns is not None and quoted_ns < found["last_ns"]:
            before_end_s = (found["last_ns"] - quoted_ns) / SECOND_NS
            found = stand_at(lines, quoted_ns)
    except EventError as error:
        raise _trouble(log, str(error)) from error
    except ConfigError as error:
        raise ConfigError(f"{log}: {error}") from error
    if found["last_ns"] is None or (at_ns is not None and at_ns > found["last_ns"]):
        _refuse_outside(at, found)
    instrument = found["instrument"]
    return Standing(
        log=log,
        at_ns=found["last_ns"],
        first_ns=found["first_ns"],
        snapshot=found["snapshot"],
        refusals=found["refusals"],
        config=found["config"],
        coin=instrument["coin"],
        sz_decimals=instrument["sz_decimals"],
        before_end_s=before_end_s,
    )


def _trouble(log: Path, text: str) -> CheckFailed | EventError:
    if " differs: logged " in text:
        return CheckFailed(f"{log}: {text} (another version of mm made this run?)")
    return EventError(f"{log}: {text}")


def _first_ns(log: Path, lines: bytes) -> int:
    found = re.search(rb'^\{"e":\{"recv":(\d+)', lines, re.MULTILINE)
    if found is None:
        raise ConfigError("the run has not heard of anything yet")
    return int(found.group(1))


def _refuse_outside(at: str | None, found: Mapping[str, Any]) -> None:
    if found["last_ns"] is not None and found["more"]:
        # Between two events of the run: the cycle before is what stood.
        return
    if found["last_ns"] is None:
        raise ConfigError(
            f"--at {at}: expected a time of the run, this one is before its first event"
        )
    end_s = (found["last_ns"] - found["first_ns"]) / SECOND_NS
    raise ConfigError(
        f"--at {at}: expected a time of the run, 0 to {end_s:.3f} s or"
        f" {iso(found['first_ns'])} to {iso(found['last_ns'])}"
    )


def read_time(text: str, first_ns: int) -> int:
    """A time of a run, nanoseconds since the Unix epoch.

    Args:
        text: ISO 8601 or seconds from the start.
        first_ns: The start.

    Raises:
        ConfigError: It is neither.
    """
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(seconds) and abs(seconds) < LONGEST_S:
            return first_ns + round(seconds * SECOND_NS)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--at {text}: expected ISO 8601 exchange time (such as {iso(first_ns)}) or seconds"
            " from the run's start"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    since_ns = since // timedelta(microseconds=1) * 1000
    # No log holds a later time, and no earlier one: 64 bits of nanoseconds.
    return min(max(since_ns, -LATEST_NS), LATEST_NS)


def _head(standing: Standing) -> Json:
    return {
        "run": str(standing.log.parent),
        "coin": standing.coin,
        "cycle": standing.snapshot["cycle"],
        "at": iso(standing.at_ns),
        "seconds": round((standing.at_ns - standing.first_ns) / SECOND_NS, 6),
    }


def limits(standing: Standing) -> Json:
    """The one position limit: its terms, what binds, what it was derived from, how old that is."""
    found = standing.snapshot["limits"]
    if found is None:
        return {**_head(standing), "source": None}
    decimals = standing.sz_decimals

    def coin(lots: int) -> str:
        return decimal_text(lots, decimals)

    long, short = found["lots"]
    terms = [
        {
            "term": term["term"],
            "value_usd": usd_text(term["value"]),
            "long": None if term["lots"] is None else coin(term["lots"][0]),
            "short": None if term["lots"] is None else coin(term["lots"][1]),
            "binds": [
                side
                for side, binding in zip(("long", "short"), found["binding"], strict=True)
                if binding == term["term"]
            ],
        }
        for term in found["terms"]
    ]
    return {
        **_head(standing),
        "source": found["source"],
        "stale": found["stale"],
        "long": coin(long),
        "short": coin(short),
        "value_usd": usd_text(found["value"]),
        "binding": dict(zip(("long", "short"), found["binding"], strict=True)),
        "terms": terms,
        "inputs": _inputs(found["inputs"], decimals),
        "ages": _ages(found["inputs"]["ages"], standing.config["freshness"])
        | {"open_interest_cap": _cap_age(standing.snapshot)},
        "previous": _previous(found["previous"], decimals),
        "reduce_only": standing.snapshot["reduce_only"],
        "settings": standing.config["limits"],
    }


def _inputs(inputs: Mapping[str, Any], decimals: int) -> Json:
    """The inputs in USDC and coin; `None`: not known or not applicable."""

    def shown(key: str, value: Any) -> object:  # noqa: ANN401 - JSON
        if value is None:
            return None
        if key in MICRO_KEYS:
            return usd_text(value)
        if key in LOT_KEYS:
            return (
                [coin_text(lots, decimals) for lots in value]
                if isinstance(value, list)
                else coin_text(value, decimals)
            )
        return value

    return {key: shown(key, value) for key, value in inputs.items() if key != "ages"}


def _ages(ages: Mapping[str, int | None], deadlines: Mapping[str, float]) -> Json:
    rows: Json = {}
    for name in AGEING:
        degraded_s, gone_s = deadlines[f"{name}_degraded_s"], deadlines[f"{name}_gone_s"]
        age_ns = ages[name]
        age_s = None if age_ns is None else age_ns / SECOND_NS
        if age_s is None:
            state = "unknown"
        elif age_s > gone_s:
            state = "gone"
        else:
            state = "degraded" if age_s > degraded_s else "fresh"
        rows[name] = {"age_s": age_s, "degraded_s": degraded_s, "gone_s": gone_s, "state": state}
    # The candles behind sigma_24h and sigma_prior: no deadline, a late answer leaves the last one.
    history_ns = ages.get("history")
    rows["history"] = {
        "age_s": None if history_ns is None else history_ns / SECOND_NS,
        "degraded_s": None,
        "gone_s": None,
        "state": "unknown" if history_ns is None else "known",
    }
    return rows


def _cap_age(snapshot: Json) -> Json:
    """The last word on the venue's open-interest cap; "it is not at it" is forgotten in the end."""
    unknown = snapshot["limits"]["inputs"]["at_open_interest_cap"] is None
    return {
        "age_s": snapshot["open_interest_cap_age_s"],
        "degraded_s": None,
        "gone_s": None,
        "state": "unknown" if unknown else "known",
    }


def _previous(previous: Mapping[str, Any] | None, decimals: int) -> Json | None:
    if previous is None:
        return None
    return {
        "age_s": previous["age"] / SECOND_NS,
        "source": previous["source"],
        "long": coin_text(previous["lots"][0], decimals),
        "short": coin_text(previous["lots"][1], decimals),
    }


def quotes(standing: Standing) -> Json:
    """Quotes from what they were made of to prices and sizes, by side, and what was refused."""
    return {
        **_head(standing),
        "before_end_s": standing.before_end_s,
        **quotes_shown.as_json(
            standing.snapshot, standing.refusals, standing.config, standing.sz_decimals
        ),
    }


def mode(standing: Standing) -> Json:
    """The mode, since when and why; and for each side the one reason why it has no order."""
    snapshot, kill = standing.snapshot, standing.snapshot["kill"]
    since_ns = snapshot["mode_since"]
    return {
        **_head(standing),
        "phase": snapshot["phase"],
        "mode": snapshot["mode"],
        "reason": snapshot["mode_reason"],
        "since": iso(since_ns),
        "for_s": (standing.at_ns - since_ns) / SECOND_NS,
        "time_in_mode_s": snapshot["time_in_mode_s"],
        "reduce_only": snapshot["reduce_only"],
        "sides": {
            side: {"quoted": reason is None, "reason": reason}
            for side, reason in snapshot["suppressed"].items()
        },
        "stop": stop_shown.shown(snapshot["resident"], standing.sz_decimals),
        "kill": None
        if kill is None
        else {
            **kill,
            "at": iso(kill["at"]),
            "equity": usd_text(kill["equity"]),
            "position": coin_text(kill["position"], standing.sz_decimals),
        },
    }


def text_of_mode(shown: Json) -> list[str]:
    """`mode` for a person."""
    why = "" if shown["reason"] is None else f": {shown['reason']}"
    if shown["kill"] is not None and shown["reason"] == "killed":
        why += f" ({shown['kill']['reason']})"
    lines = [
        _title(shown),
        f"mode      {shown['mode']}{why}, since {shown['since']} ({shown['for_s']:.3f} s)",
        f"phase     {shown['phase']}" + (", reduce-only" if shown["reduce_only"] else ""),
    ]
    for side, row in shown["sides"].items():
        lines.append(f"{side:<10}" + ("quoted" if row["quoted"] else f"no order: {row['reason']}"))
    spent = shown["time_in_mode_s"].items()
    lines.append(f"stop      {stop_shown.text(shown['stop'], shown['coin'])}")
    lines.append("spent     " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent))
    kill = shown["kill"]
    if kill is not None:
        state = "done" if kill["done"] else "under way"
        lines.append(
            f"killed    {kill['reason']} at {kill['at']}, equity {plain(kill['equity'])} USD,"
            f" position {kill['position']} {shown['coin']}; {kill['on_kill']} {state}"
        )
    return lines


def text_of_limits(shown: Json) -> list[str]:
    """`limits` for a person."""
    if shown["source"] is None:
        return [_title(shown), "no limit has been derived yet"]
    coin = shown["coin"]
    value = "unknown" if shown["value_usd"] is None else f"{shown['value_usd']} USD"
    lines = [
        _title(shown),
        f"limit     long {shown['long']}  short {shown['short']} {coin}  worth {value}",
        f"source    {shown['source']}"
        + ("" if shown["stale"] is None else f": {shown['stale']} is late"),
        f"binding   long {shown['binding']['long']}, short {shown['binding']['short']}",
        f"position  {shown['inputs']['position']} {coin}"
        + (", reduce-only" if shown["reduce_only"] else ""),
        "",
        f"{'term':<18}{'USD':>18}{'long':>14}{'short':>14}",
    ]
    lines += [
        f"{term['term']:<18}{term['value_usd'] or '-':>18}{term['long'] or '-':>14}"
        f"{term['short'] or '-':>14}"
        + ("  <- binds " + ", ".join(term["binds"]))
        * bool(term["binds"])
        for term in shown["terms"]
    ]
    lines += ["", f"{'input':<22}value"]
    lines += [f"{key:<22}{plain(value)}" for key, value in shown["inputs"].items()]
    lines += ["", f"{'age':<14}{'s':>12}{'degraded':>10}{'gone':>8}"]
    lines += [
        f"{name:<14}{'-' if row['age_s'] is None else format(row['age_s'], '.3f'):>12}"
        f"{plain(row['degraded_s']):>10}{plain(row['gone_s']):>8}  {row['state']}"
        for name, row in shown["ages"].items()
    ]
    if shown["previous"] is not None:
        before = shown["previous"]
        lines += [
            "",
            f"before    long {before['long']}  short {before['short']}, {before['source']},"
            f" {before['age_s']:.3f} s earlier",
        ]
    return lines


def text_of_quotes(shown: Json) -> list[str]:
    """`quotes` for a person."""
    before_s = shown["before_end_s"]
    last = [] if before_s is None else [f"its last quotes, {before_s:.3f} s before its log ends"]
    return [_title(shown), *last, *quotes_shown.lines(shown)]


def _title(shown: Json) -> str:
    return f"{shown['coin']}, cycle {shown['cycle']} at {shown['at']} ({shown['seconds']:.3f} s)"
