"""The section `[protection]`: what the exchange does for a position when nobody of ours lives."""

from mm.config.keys import SHARE, WORD, Section, key


class ProtectionConfig(Section):
    """What looks after a position when nothing of ours lives any more.

    A stop order rests at the exchange while a position is held. It only reduces, and is set off
    where the position, and what our own quotes may still make of it, has lost the loss budget.
    """

    resident_stop: bool = key(
        True, WORD, "true: a reduce-only stop rests at the exchange while a position is held"
    )
    resident_stop_tolerance_frac: float = key(
        0.10,
        SHARE,
        "of its distance by which the stop lies nearer than it must, and of its size that a"
        " position may have grown beyond it, before it is moved",
        ge=0,
        le=0.5,
    )
