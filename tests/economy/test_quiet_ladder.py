"""What moves no order: the grid under a moving price.

Sizes go by the model's distances. Those of the grid change with each step of the price: by a tenth
of a size and more, which would cost a request a level.
"""

from engine_desk import EngineDesk

TOUCHES = ((1000.0, 1000.1), (1000.0, 1000.2), (1000.1, 1000.2), (1000.0, 1000.1), (999.9, 1000.1))
"""Half a price step of the mid apart, 0.5 bps."""


def test_a_price_that_moves_on_a_coarse_grid_changes_no_size() -> None:
    desk = EngineDesk({"quoting.max_bps_diff": 4.0}, mid=1000.0).open()
    desk.after(10.0)
    sent = []
    for second in range(20):
        for bid, ask in TOUCHES:
            desk.now_s += 0.2
            levels = [{"px": f"{px:g}", "sz": "5", "n": 3} for px in (bid, ask)]
            said = {"coin": "BTC", "time": round((1_700_000_000 + desk.now_s) * 1000)}
            sent += desk.frame("bbo", said | {"bbo": levels})
        desk.alive()
        if second < 3:  # the book became narrower
            sent = []
    assert desk.lots("Bid") > 0
    assert desk.lots("Ask") > 0
    assert sent == []
