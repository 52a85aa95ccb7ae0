"""`Config` to TOML: the effective configuration, and the example that explains every key."""

import json
import re
from textwrap import wrap

from mm.config.coins import OF_A_COIN
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
            # The first of several is no setting of its own.
            if (name, key) != ("process", "coin") or config.process.coins is None:
                lines.append(_assignment(key, getattr(section, key)))
        tables.append("\n".join(lines))
    for coin, sections in differing(config).items():
        for name, keys in sections.items():
            lines = [f'[coin."{coin}".{name}]']
            lines += [_assignment(key, value) for key, value in keys.items()]
            tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def differing(config: Config) -> dict[str, dict[str, dict[str, object]]]:
    """What holds for one coin alone: coin, section, key, value."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for one in config.each():
        for name in OF_A_COIN:
            whole, own = getattr(config, name), getattr(one, name)
            keys = {
                key: getattr(own, key)
                for key in type(own).model_fields
                if getattr(own, key) != getattr(whole, key)
            }
            if keys:
                found.setdefault(one.process.coin, {})[name] = keys
    return found


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
