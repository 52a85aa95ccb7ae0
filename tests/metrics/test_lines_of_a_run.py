"""What is the account's, as a scrape of a run shows it: lines that broke, and the date."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from mm.config import Config
from stage.house import Perp
from stage.script import Stage

pytestmark = pytest.mark.virtual

Page = Callable[[], bytes]


def rows(page: Page) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in page().decode().splitlines() if line[0] != "#")


def reconnects(page: Page, coin: str = "BTC") -> float:
    return float(rows(page)[f'mm_reconnects_total{{coin="{coin}"}}'])


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """What the run serves at its port, in virtual time without one."""
    served: list[Page] = []

    @asynccontextmanager
    async def serving(_config: Config, page: Page) -> AsyncIterator[None]:
        served.append(page)
        yield

    monkeypatch.setattr("mm.run.serving", serving)
    return served


async def test_each_line_that_comes_back_is_counted(stage: Stage, pages: list[Page]) -> None:
    stage.open()
    await stage.quoting()
    [page] = pages
    assert reconnects(page) == 0
    for lost, counted in ((("market",), 1), (("user",), 2), (("market", "user"), 4)):
        stage.net.cut(*lost)
        await stage.wait(0.1)
        await stage.until(lambda: len(stage.net.of()) == 2)
        await stage.wait(5.0)
        assert reconnects(page) == counted, lost
    await stage.ends_well()


async def test_the_lines_of_several_coins_are_counted_once(stage: Stage, pages: list[Page]) -> None:
    perps = (Perp(), Perp("ETH", 4, 25))
    stage.open(perps=perps)
    stage.house.book("3000", coin="ETH", sz="0.01")
    stage.begin(process__coins=["BTC", "ETH"])
    await stage.until(lambda: pages and len(stage.net.of()) == 2)
    await stage.wait(5.0)
    stage.net.cut("market")
    await stage.wait(5.0)
    assert (reconnects(pages[0]), reconnects(pages[0], "ETH")) == (1, 0)
    await stage.stop()


async def test_how_the_date_of_the_account_stands_is_told_once(
    stage: Stage, pages: list[Page]
) -> None:
    perps = (Perp(), Perp("ETH", 4, 25))
    stage.open(perps=perps, dead_man="open")
    stage.house.book("3000", coin="ETH", sz="0.01")
    stage.begin(process__coins=["BTC", "ETH"])
    await stage.until(lambda: pages and len(stage.net.of()) == 2)
    await stage.wait(30.0)
    found = {row: value for row, value in rows(pages[0]).items() if "scheduled_cancel" in row}
    assert found == {
        f'mm_scheduled_cancel{{coin="BTC",state="{state}"}}': str(float(state == "stands"))
        for state in ("stands", "taken_back", "refused", "lapsed")
    }
    await stage.stop()
