"""Requests to stop: the first wins, a signal hurries what else is waited for, or cuts it short."""

import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs

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


async def test_after_the_second_signal_further_ones_change_nothing_and_are_told_once() -> None:
    ask = StopRequest()
    task = asyncio.current_task()
    assert task is not None
    with ask.on_signals(), capture_logs() as logged:
        await deliver(signal.SIGHUP)
        with pytest.raises(asyncio.CancelledError):
            await deliver(signal.SIGTERM)
        task.uncancel()
        await deliver(signal.SIGINT)
    assert (ask.reason, ask.hurried) == ("sighup", False)
    assert logged == [
        {
            "event": "second_signal",
            "log_level": "error",
            "signal": "SIGTERM",
            "hint": "stopping at once",
        }
    ]


async def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ask = StopRequest()
        with ask.on_signals():
            await deliver(signal.SIGHUP)
            assert not ask.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_signals_are_the_systems_again_afterwards() -> None:
    ask = StopRequest()
    with ask.on_signals():
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_whoever_waits_for_a_stop_hears_the_first_reason() -> None:
    ask = StopRequest()
    assert (ask.asked, ask.reason) == (False, "")
    waiting = asyncio.ensure_future(ask.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    ask.ask("duration")
    ask.ask("later")
    assert ask.asked
    assert await waiting == await ask.wait() == "duration"
