"""`mm_ack_seconds` counts the answers that a run's own gateway heard."""

import pytest

from mm.meter import Meter
from mm.metrics import Metrics
from mm.samples import Reading
from stage.script import Stage

pytestmark = pytest.mark.virtual

KINDS = ("order", "batchModify", "cancelByCloid")


def counted(stage: Stage, meter: Meter) -> float:
    text = (
        Metrics({"BTC": lambda: Reading(stage.engine.snapshot(), meter, 0, 5, None)})
        .text()
        .decode()
    )
    lines = (line for line in text.splitlines() if line.startswith("mm_ack_seconds_count"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_each_answer_to_an_action_of_the_session_is_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    meters: list[Meter] = []

    def meter() -> Meter:
        meters.append(Meter())
        return meters[-1]

    monkeypatch.setattr("mm.floor.Meter", meter)
    stage.open()
    # Of the engine's own actions: the stop goes another way.
    await stage.quoting(protection__resident_stop=False)
    (of_run,) = meters
    await stage.wait(1.0)
    before = len(stage.received(*KINDS))
    assert counted(stage, of_run) == len(stage.received(*KINDS)) > 0
    stage.fill("bid", "0.005")
    await stage.wait(5.0)
    assert counted(stage, of_run) == len(stage.received(*KINDS)) > before
    await stage.ends_well()
