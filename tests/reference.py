"""The slow oracle, as tests import it. The program ships it: the breach checker needs it too."""

from mm.audit.reference import (
    Cap,
    Json,
    Record,
    ReferenceLimit,
    derive,
    disagreement,
    floor,
    same_lots,
)

__all__ = [
    "Cap",
    "Json",
    "Record",
    "ReferenceLimit",
    "derive",
    "disagreement",
    "floor",
    "same_lots",
]
