"""Market maker for Hyperliquid perpetuals.

The pieces of a quote cycle, for use from Python; `mm` on the command line runs them all.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm._core import Action as Action
    from mm._core import Engine as Engine
    from mm._core import Instrument as Instrument
    from mm._core import Ladder as Ladder
    from mm._core import Limits as Limits
    from mm._core import Refusal as Refusal
    from mm._core import derive_limits as derive_limits
    from mm._core import reduce_only_filter as reduce_only_filter
    from mm._core import size_ladder as size_ladder
    from mm.errors import ConfigError as ConfigError
    from mm.errors import EventError as EventError
    from mm.errors import MmError as MmError
    from mm.limits import DynamicRiskConfig as DynamicRiskConfig

__all__ = [
    "Action",
    "ConfigError",
    "DynamicRiskConfig",
    "Engine",
    "EventError",
    "Instrument",
    "Ladder",
    "Limits",
    "MmError",
    "Refusal",
    "derive_limits",
    "reduce_only_filter",
    "size_ladder",
]

_NOT_CORE = {
    "ConfigError": "mm.errors",
    "DynamicRiskConfig": "mm.limits",
    "EventError": "mm.errors",
    "MmError": "mm.errors",
}


def __getattr__(name: str) -> object:
    """Import on first use: `mm --help` must not pay for it."""
    if name not in __all__:
        raise AttributeError(f"module 'mm' has no attribute {name!r}")
    value: object = getattr(import_module(_NOT_CORE.get(name, "mm._core")), name)
    globals()[name] = value
    return value
