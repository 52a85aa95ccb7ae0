"""Waiting for what no event announces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(happened: Callable[[], bool], look_s: float = 0.02) -> None:
    """Look every `look_s` wall seconds until it has happened. Bound it with `asyncio.timeout`."""
    while not happened():  # noqa: ASYNC110 - what is looked at has no event to wait for
        await asyncio.sleep(look_s)
