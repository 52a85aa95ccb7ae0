"""How it is shown what each estimate rests on: effective number, age, whether that is enough."""

from collections.abc import Iterator
from typing import Any

from mm.figures import iso

Json = dict[str, Any]
Sample = tuple[tuple[str, ...], float]


def as_json(rests_on: list[Json]) -> Json:
    """What each estimate rests on, by its name.

    Args:
        rests_on: As the engine shows it.

    Returns:
        Of each whether it is used as configured, its effective number of observations, when the
        newest of them was and how old that is (s), both None where none came, and whether they
        are enough.
    """
    return {
        one["of"]: {
            "used": one["used"],
            "n": one["n"],
            "as_of": None if one["as_of"] is None else iso(one["as_of"]),
            "age_s": one["age_s"],
            "ready": one["ready"],
        }
        for one in rests_on
    }


def lines(shown: Json) -> list[str]:
    """The same for a person: those that are used first, and in a line those that saw nothing.

    Args:
        shown: What `as_json` gives.
    """
    seen = {name: one for name, one in shown.items() if one["age_s"] is not None}
    used_first = sorted(seen.items(), key=lambda named: not named[1]["used"])
    told = [
        f"  {name:<20} n {one['n']:>9,.1f}  {one['age_s']:>9,.1f} s old  "
        + ("ready" if one["ready"] else "NOT READY")
        + ("" if one["used"] else ", not used")
        for name, one in used_first
    ]
    unseen = [name for name in shown if name not in seen]
    return [
        "estimates rest on",
        *told,
        *([f"  nothing seen yet: {', '.join(unseen)}"] if unseen else []),
    ]


def text(rests_on: list[Json]) -> str:
    """For the first screen: how many of those that are used are ready, and which are not."""
    used = [one for one in rests_on if one["used"]]
    missing = [one["of"] for one in used if not one["ready"]]
    told = f"{len(used) - len(missing)} of {len(used)} in use are ready"
    return f"{told}; not yet: {', '.join(missing)}" if missing else told


def numbers(models: Json) -> Iterator[Sample]:
    """Samples of a metric: effective numbers, by estimate; absent where nothing came."""
    for one in models["rests_on"]:
        if one["as_of"] is not None:
            yield (one["of"],), one["n"]


def ages(models: Json) -> Iterator[Sample]:
    """Since the newest observation, s; absent where none came."""
    for one in models["rests_on"]:
        if one["age_s"] is not None:
            yield (one["of"],), one["age_s"]


def ready(models: Json) -> Iterator[Sample]:
    """1 where they are enough, else 0."""
    for one in models["rests_on"]:
        yield (one["of"],), float(one["ready"])
