"""What a script printed, in few words."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

LETTERS = 160
"""Longest account of what one script saw."""

_REFUSED = ("err ", "error ")


def words_of(output: str) -> list[str]:
    """What the exchange answered, in few words; every other line as it stands."""
    return [word for line in output.splitlines() for word in _of_line(line)]


def saw(words: list[str], patterns: tuple[str, ...]) -> str:
    """Its answers, each with how often; without any, the lines that a pattern waits for."""
    pattern = re.compile("|".join(patterns))
    answers = [word for word in words if _is_answer(word)]
    counts = Counter(answers or [word for word in words if pattern.search(word)])
    shown = (_shortened(word) for word in counts)
    text = ", ".join(
        word if n == 1 else f"{word} x{n}" for word, n in zip(shown, counts.values(), strict=True)
    )
    return _shortened(text, LETTERS)


def missing(words: list[str], patterns: tuple[str, ...]) -> str | None:
    """The first pattern that does not follow those before it; None: all do."""
    left = iter(words)
    for pattern in patterns:
        if not any(re.search(pattern, word) for word in left):
            return pattern
    return None


def refusals(words: list[str], patterns: tuple[str, ...]) -> list[str]:
    """What the exchange refused, but for what a pattern waits for."""
    refused = [word for word in words if word.startswith(_REFUSED)]
    return [word for word in refused if not any(re.search(pattern, word) for pattern in patterns)]


_ANSWERS = (*_REFUSED, "done", "resting", "filled", "status ", "cancel ", "order ")


def _is_answer(word: str) -> bool:
    return word.startswith(_ANSWERS) or word.endswith((" frame", " done"))


def _shortened(text: str, letters: int = 60) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _of_line(line: str) -> Iterator[str]:
    said = _literal(line)
    answers = list(_of_reply(said)) if isinstance(said, dict) else []
    yield from answers or [line.strip()]


def _literal(line: str) -> object:
    """The Python literal that a line ends with, if it does."""
    start = line.find("{")
    if start < 0 or "[" in line[:start]:
        return None
    try:
        return ast.literal_eval(line[start:])
    except (ValueError, SyntaxError):
        return None


def _of_reply(said: dict[str, Any]) -> Iterator[str]:  # Any: JSON
    match said:
        case {"channel": channel}:
            yield f"{channel} frame"
        case {"status": "err", "response": text}:
            yield f"err {text}"
        case {"status": "ok", "response": {"data": {"statuses": statuses}, "type": kind}}:
            yield from (_of_status(kind, status) for status in statuses)
        case {"status": "ok", "response": {"type": kind}}:
            yield "done" if kind == "default" else f"{kind} done"
        case {"status": "order", "order": {"status": status}}:
            yield f"status {status}"
        case {"status": status}:
            yield f"status {status}"


def _of_status(kind: str, status: str | dict[str, Any]) -> str:  # Any: JSON
    match status:
        case {"resting": _}:
            return "resting"
        case {"filled": {"totalSz": sz, "avgPx": px}}:
            return f"filled {sz} @ {px}"
        case {"error": text}:
            return f"error {text}"
        case _:
            return f"{kind} {status}"
