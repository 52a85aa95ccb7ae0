"""Requests to stop: the first wins, a signal hurries what else is waited for, or cuts it short."""

import asyncio
import os
import signal

import pytest

from mm.ending import StopRequest


async def deliver(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(0.01)


async def test_a_signal_asks_and_the_first_reason_stands() -> None:
    ask = StopRequest()
    with ask.on_signals():
        await deliver(signal.SIGTERM)
        ask.ask("duration")
    assert ask.reason == "sigterm"
    assert not ask.hurried


async def test_a_signal_during_a_stop_hurries_it_and_only_a_second_one_cuts_it_short() -> None:
    ask = StopRequest()
    with ask.on_signals():
        ask.ask("killed: manual")
        await deliver(signal.SIGINT)
        assert ask.hurried
        with pytest.raises(asyncio.CancelledError):
            await deliver(signal.SIGINT)
    assert ask.reason == "killed: manual"
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
