"""The queue: state is conflated, news is not, order is kept, the bound holds."""

import pytest

from mm.inbox import BOUND, Command, Frame, Inbox, QueueOverflowError


def frame(text: str, recv_ns: int = 1) -> Frame:
    return Frame(recv_ns, recv_ns, text.encode())


async def drained(inbox: Inbox) -> list[bytes]:
    taken = []
    while len(inbox):
        item = await inbox.take(0)
        assert isinstance(item, Frame)
        taken.append(item.data)
    return taken


async def test_newer_state_takes_the_place_of_the_one_that_waits() -> None:
    inbox = Inbox()
    inbox.put_frame("bbo", frame("bbo 1"))
    inbox.put_frame("trades", frame("trades 1"))
    inbox.put_frame("bbo", frame("bbo 2"))
    inbox.put_frame("l2Book", frame("book 1"))
    inbox.put_frame("trades", frame("trades 2"))
    assert await drained(inbox) == [b"bbo 2", b"trades 1", b"book 1", b"trades 2"]
    assert inbox.conflated == 1


async def test_state_taken_is_not_replaced_any_more() -> None:
    inbox = Inbox()
    inbox.put_frame("bbo", frame("bbo 1"))
    assert await drained(inbox) == [b"bbo 1"]
    inbox.put_frame("bbo", frame("bbo 2"))
    assert await drained(inbox) == [b"bbo 2"]
    assert inbox.conflated == 0


async def test_take_gives_up_after_its_time() -> None:
    inbox = Inbox()
    assert await inbox.take(0.001) is None
    inbox.put(Command(1, "stop", None))
    assert await inbox.take(None) == Command(1, "stop", None)


def test_what_may_not_be_lost_is_bounded() -> None:
    inbox = Inbox()
    for _ in range(BOUND):
        inbox.put(Command(1, "stop", None))
    with pytest.raises(QueueOverflowError, match="lower --speed"):
        inbox.put(Command(1, "stop", None))
    assert len(inbox) == inbox.longest == BOUND
