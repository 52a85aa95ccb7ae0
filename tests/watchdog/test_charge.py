"""What a run charges its watchdog with: each key of the configuration, turned alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mm.config import load
from mm.protection import Protection
from mm.watchdog.charge import read_charge
from mm.watchdog.directory import WatchdogDir

TURNS = {
    "process.watchdog_silence_s": ("silence_s", 10.0, 25.0),
    "process.watchdog_drift_s": ("drift_s", 60.0, 90.0),
    "recovery.chase_s": ("recovery", '"chase_s": 60.0', '"chase_s": 7.0'),
}


async def charged(monkeypatch: pytest.MonkeyPatch, path: Path, **settings: Any) -> Any:  # noqa: ANN401 - a charge, by name of its fields
    """What a run of this configuration writes before it starts its watchdog."""

    async def key(*_args: object) -> Any:  # noqa: ANN401 - a key, by name of its fields
        """How one is made is another test's."""
        return SimpleNamespace(signer=SimpleNamespace(address="0x" + "22" * 20))

    monkeypatch.setattr("mm.protection.ready_key", key)
    state: Any = SimpleNamespace(path=path)
    WatchdogDir(path).make()
    config = load(None, {"process.speed": 1.0, **settings})
    desk = SimpleNamespace(account=None, gateway=None, coin="BTC", run_dir=path, config=config)
    floor: Any = SimpleNamespace(
        shared=SimpleNamespace(session_id=1),
        clock=SimpleNamespace(now_ns=lambda: 0),
        lead=desk,
        desks=(desk,),
    )
    venue: Any = SimpleNamespace(
        base_url="http://venue", instance="a", vault=None, paper=object(), user="0x" + "11" * 20
    )
    protection = Protection(config, state, path)
    await protection._charge(floor, venue)
    return read_charge(WatchdogDir(path).path)


@pytest.mark.parametrize("key", TURNS)
async def test_what_the_watchdog_waits_for_is_what_the_configuration_says(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    field, usual, other = TURNS[key]
    value = 7.0 if field == "recovery" else other
    before = await charged(monkeypatch, tmp_path)
    after = await charged(monkeypatch, tmp_path, **{key: value})
    if field == "recovery":
        assert usual in before.coins[0].recovery
        assert other in after.coins[0].recovery
        return
    assert (getattr(before, field), getattr(after, field)) == (usual, other)
