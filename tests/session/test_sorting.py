"""Whose queue a frame goes into where several coins share a connection."""

from mm.hyperliquid.streams import market_subscriptions
from mm.inbox import REFERENCE, Command, Frame, Inbox, StreamState
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


def test_the_price_of_a_coin_that_is_followed_goes_to_who_follows_it() -> None:
    """Beside the coin's own queue, in a place of its own: no price takes that of another coin."""
    btc, eth = Inbox(), Inbox()
    inboxes = Inboxes({"BTC": btc, "ETH": eth}, {"ETH": "BTC"})
    top = b'{"channel":"bbo","data":{"coin":"%s","time":1}}'
    assert inboxes.about(top % b"BTC") == (btc,)
    assert inboxes.followers("bbo", top % b"BTC") == (eth,)
    assert inboxes.followers("bbo", top % b"ETH") == ()
    assert inboxes.followers("l2Book", BOOK % b"BTC") == ()
    alone = Inboxes({"ETH": eth}, {"ETH": "BTC"})
    assert alone.about(top % b"BTC") == ()
    assert alone.about(BOOK % b"ETH") == (eth,)
    assert alone.about(b'{"channel":"error","data":"x"}') == (eth,)
    assert alone.followers("bbo", top % b"BTC") == (eth,)
    eth.put_frame("bbo", Frame(1, 1, top % b"ETH"))
    eth.put_frame(REFERENCE, Frame(2, 2, top % b"BTC"))
    eth.put_frame(REFERENCE, Frame(3, 3, top % b"BTC"))
    assert (len(eth), eth.conflated) == (2, 1)


def test_of_a_coin_that_is_followed_only_the_touch_is_asked_for() -> None:
    asked = market_subscriptions("ETH", "SOL", followed=["BTC", "ETH", "BTC"])
    told = [(one["type"], one["coin"]) for one in asked]
    assert told.count(("bbo", "BTC")) == 1
    assert [kind for kind, coin in told if coin == "BTC"] == ["bbo"]
    assert len(told) == 9
