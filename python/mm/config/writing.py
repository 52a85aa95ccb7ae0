"""`Config` to TOML: the effective configuration, and the example that explains every key."""

import json
import re
from textwrap import wrap

from mm.config.keys import Section
from mm.config.models import Config
from mm.config.reading import unit_of

WIDTH = 96


def to_toml(config: Config) -> str:
    """The effective configuration, every key with its value; what is absent is a comment."""
    tables = []
    for name in Config.model_fields:
        section: Section = getattr(config, name)
        lines = [f"[{name}]"]
        for key in type(section).model_fields:
            lines.append(_assignment(key, getattr(section, key)))
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def example_toml() -> str:
    """Every key with its default, unit, range and meaning; every line may be left out."""
    parts = ["# Every key of mm with its default. Keep only what you change."]
    for name in Config.model_fields:
        section: Section = getattr(Config(), name)
        lines = [f"# {(type(section).__doc__ or '').splitlines()[0]}", f"[{name}]"]
        for key, field in type(section).model_fields.items():
            says = f"{field.description} ({unit_of(field)}{_range(section, key)})"
            lines += [f"# {line}" for line in wrap(says, WIDTH)]
            lines.append(_assignment(key, getattr(section, key)))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _range(section: Section, key: str) -> str:
    """The bounds of a number, as the example prints them."""
    schema = type(section).model_json_schema()["properties"][key]
    for one in [schema, *schema.get("anyOf", [])]:
        words = {
            "exclusiveMinimum": "above",
            "minimum": "from",
            "exclusiveMaximum": "below",
            "maximum": "to",
        }
        said = [f"{word} {one[bound]}" for bound, word in words.items() if bound in one]
        if said:
            return "; " + " ".join(said)
    return ""


def _assignment(key: str, value: object) -> str:
    return f"# {key} =" if value is None else f"{key} = {_literal(value)}"


def _literal(value: object) -> str:
    """A TOML literal of a word, a number or a list of numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, float):
        # repr is the shortest that reads back the same; TOML wants a digit before the exponent.
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    return str(value)
