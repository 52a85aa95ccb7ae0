"""What every test has: state of its own, quick laws by default, recordings where they are."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

from stage.script import Stage
from stage.virtual import VirtualLoop

settings.register_profile("ci", deadline=None, max_examples=60)
settings.register_profile(
    "deep", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("MM_LAWS", "ci"))

# Whoever runs the tests may ignore the hang-up (nohup does), and a child inherits that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _state_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test reads or writes the state of whoever runs it."""
    monkeypatch.setenv("MM_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """No test logs into what another one has closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recordings and vectors; a test that needs them is skipped where they are absent.

    They are `MM_SHARED_DATA`, else `../shared/data` beside the checkout. In CI they must be there.
    """
    default = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("MM_SHARED_DATA", default))
    if path.is_dir():
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"no recordings at {path}: CI needs them")
    pytest.skip(f"no recordings at {path} (MM_SHARED_DATA names another place)")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Scenarios run in virtual time, but for those that talk to processes."""
    scripted = item.get_closest_marker("virtual") is not None or (
        item.path.parent.name == "scenarios" and not item.get_closest_marker("wire")
    )
    return {"virtual": VirtualLoop} if scripted else {"real": asyncio.new_event_loop}


@pytest_asyncio.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A stage whose exchange is not open yet."""
    own = Stage(monkeypatch)
    yield own
    await own.close()
