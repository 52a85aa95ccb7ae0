"""Scenarios run on the virtual loop, each on a stage of its own."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from stage.script import Stage
from stage.virtual import VirtualLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualLoop]] | None:
    """Virtual time, but for those that talk to processes."""
    return None if item.get_closest_marker("wire") else {"virtual": VirtualLoop}


@pytest_asyncio.fixture
async def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose exchange is not open yet."""
    own = Stage(monkeypatch, tmp_path)
    yield own
    await own.close()
