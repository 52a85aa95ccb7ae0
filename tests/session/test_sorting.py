"""Whose queue a frame goes into where several coins share a connection."""

from mm.inbox import Command, Frame, Inbox, StreamState
from mm.sorting import Inboxes

BOOK = b'{"channel":"l2Book","data":{"coin":"%s","time":1}}'


def two() -> tuple[Inbox, Inbox, Inboxes]:
    btc, gold = Inbox(), Inbox()
    return btc, gold, Inboxes({"BTC": btc, "xyz:GOLD": gold})


def test_a_market_frame_goes_to_the_coin_that_it_names() -> None:
    btc, gold, inboxes = two()
    assert inboxes.about(BOOK % b"BTC") == (btc,)
    assert inboxes.about(BOOK % b"xyz:GOLD") == (gold,)
    trades = b'{"channel": "trades", "data": [{"coin": "BTC", "px": "1"}]}'
    assert inboxes.about(trades) == (btc,)


def test_a_frame_that_names_none_of_them_goes_to_all() -> None:
    btc, gold, inboxes = two()
    for frame in (BOOK % b"SOL", b'{"channel":"error","data":"x"}', b"", b"\xff"):
        assert inboxes.about(frame) == (btc, gold)


def test_the_only_coin_hears_everything() -> None:
    alone = Inbox()
    assert Inboxes({"BTC": alone}).about(BOOK % b"SOL") == (alone,)


def test_books_of_two_coins_do_not_take_each_others_place() -> None:
    btc, gold, inboxes = two()
    for name in (b"BTC", b"xyz:GOLD", b"BTC"):
        frame = BOOK % name
        for inbox in inboxes.about(frame):
            inbox.put_frame("l2Book", Frame(1, 1, frame))
    assert (len(btc), len(gold), btc.conflated, gold.conflated) == (1, 1, 1, 0)


def test_what_concerns_all_is_put_and_taken_back_everywhere() -> None:
    btc, gold, inboxes = two()
    inboxes.put(StreamState(1, "user", up=True))
    gold.put(Command(1, "stop", None))
    assert ((len(btc), len(gold)), len(inboxes)) == ((1, 2), 2)
    inboxes.drop_up("user")
    assert (len(btc), len(gold)) == (0, 1)
