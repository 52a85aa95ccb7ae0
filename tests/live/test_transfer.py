"""`mm transfer`: USDC between one owner's balances, a paper exchange in the testnet's place."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange

from paper_process import Served, serving
from watched import ask

pytestmark = [pytest.mark.wire]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("transfer")
    with serving(directory, "--speed", "1", "--perp", "dexa:GOLD=2,10,50", accounts=1) as served:
        yield served


def transfer(
    served: Served, *words: str, secret: str | None = None, yes: bool = True
) -> subprocess.CompletedProcess[str]:
    """The command, its secret piped in."""
    key = served.wallets[0].key.hex() if secret is None else secret
    options = ["--network", "testnet", "--base-url", served.url, *(["--yes"] if yes else [])]
    return subprocess.run(
        [sys.executable, "-m", "mm", "transfer", *words, *options],
        input=f"{key}\n" + ("" if yes else "n\n"),
        capture_output=True,
        text=True,
        check=False,
    )


def perp(served: Served, who: str, dex: str = "") -> float:
    state = ask({"type": "clearinghouseState", "user": who, "dex": dex}, served.url)
    return float(state["marginSummary"]["accountValue"])


def spot(served: Served, who: str) -> float:
    rows = ask({"type": "spotClearinghouseState", "user": who}, served.url)["balances"]
    return sum(float(row["total"]) for row in rows if row["coin"] == "USDC")


def test_money_goes_there_and_back_and_is_verified(served: Served) -> None:
    owner = served.wallets[0].address.lower()
    sub = Exchange(served.wallets[0], served.url).create_sub_account("second")["response"]["data"]
    places: dict[str, Callable[[], float]] = {
        "spot": lambda: spot(served, owner),
        f"sub:{sub}": lambda: perp(served, sub),
        "dex:dexa": lambda: perp(served, owner, "dexa"),
    }
    for place, held in places.items():
        before, there = perp(served, owner), held()
        done = transfer(served, "125.5", "--from", "perp", "--to", place)
        assert done.returncode == 0, done.stderr
        assert "moved; verified: " in done.stdout
        assert "9874.5 can leave perp, 125.5 " in done.stdout
        assert perp(served, owner) == pytest.approx(before - 125.5)
        assert held() == pytest.approx(there + 125.5)
        back = transfer(served, "125.5", "--from", place, "--to", "perp")
        assert back.returncode == 0, back.stderr
        assert perp(served, owner) == pytest.approx(before)


def test_nothing_moves_without_a_yes_and_no_key_is_shown(served: Served) -> None:
    owner = served.wallets[0].address.lower()
    before = perp(served, owner)
    done = transfer(served, "10", "--from", "perp", "--to", "spot", yes=False)
    assert done.returncode != 0
    assert "10 USDC of " in done.stdout
    assert perp(served, owner) == before
    assert served.wallets[0].key.hex().removeprefix("0x") not in done.stdout + done.stderr


def test_the_venue_s_refusal_is_told_in_its_words(served: Served) -> None:
    done = transfer(served, "1000000", "--from", "perp", "--to", "spot")
    assert done.returncode != 0
    assert "Insufficient" in done.stderr
    assert "Traceback" not in done.stderr
    nobody = transfer(
        served, "1", "--from", "perp", "--to", "spot", secret=Account.create().key.hex()
    )
    assert nobody.returncode != 0
    assert "Traceback" not in nobody.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0", "--from", "perp", "--to", "spot"), "above 0"),
        (("-5", "--from", "perp", "--to", "spot"), "-5"),
        (("nan", "--from", "perp", "--to", "spot"), "'nan'"),
        (("1.0000001", "--from", "perp", "--to", "spot"), "6 decimals"),
        (("1e400", "--from", "perp", "--to", "spot"), "1e400"),
        (("1e13", "--from", "perp", "--to", "spot"), "1e13"),
        (("1", "--from", "perp", "--to", "perp"), "--to perp"),
        (("1", "--from", "spot", "--to", "sub:0x" + "a" * 40), "two transfers"),
        (("1", "--from", "bank", "--to", "perp"), "--from 'bank'"),
        (("1", "--from", "perp", "--to", "sub:0x12"), "--to 'sub:0x12'"),
        (("1", "--from", "perp", "--to", "dex:"), "--to 'dex:'"),
    ],
)
def test_what_cannot_be_is_named_before_a_key_is_asked_for(
    served: Served, words: tuple[str, ...], said: str
) -> None:
    done = transfer(served, *words, secret="")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
