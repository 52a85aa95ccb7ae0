"""docs/live.md, word for word: each of its commands, on its own configuration.

A paper exchange stands in the testnet's place; nothing else is changed. A command that this page
gains and that is not run here fails the test.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hyperliquid.exchange import Exchange

from maker_process import state_dir
from paper_process import Served, serving
from watched import ask, ended

pytestmark = [pytest.mark.wire, pytest.mark.timeout(280)]

PAGE = Path(__file__).parents[2] / "docs/live.md"
IN_THE_TESTNETS_PLACE = """
import sys
from mm.hyperliquid import networks
networks.BASE_URLS["testnet"] = {url!r}
from mm.cli import main
main()
"""
DOCTOR_S = 5.0
PATIENCE_S = 75.0
HELD = 0.0004
# A page for people waits until a market was seen; a test does not have to.
AT_ONCE = "observe_book_s = 0.5\nobserve_deadline_s = 1.0\n"
Ended = tuple[int, str]


def commands() -> set[str]:
    """Every command line of the page."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^    (mm .*)$", text, re.MULTILINE)
    inline = re.findall(r"`(mm [^`]+)`", text)
    return {" ".join(line.partition("#")[0].split()) for line in [*blocks, *inline]}


class Shell:
    """An operator's shell, in which the testnet is a paper exchange."""

    def __init__(self, served: Served, home: Path) -> None:
        self.url = served.url
        self.wallet = served.wallets[0]
        self.account = self.wallet.address.lower()
        self.home = home
        self.ran: set[str] = set()

    def open(self, line: str) -> subprocess.Popen[str]:
        """Start a command of the page."""
        self.ran.add(line)
        words = shlex.split(line.replace("0x...", self.account))[1:]
        code = IN_THE_TESTNETS_PLACE.format(url=self.url)
        return subprocess.Popen(
            [sys.executable, "-c", code, *words],
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, line: str, typed: str = "") -> Ended:
        """A command to its end: exit code and what it said."""
        process = self.open(line)
        said, _ = process.communicate(typed, timeout=PATIENCE_S)
        return process.returncode, said

    @property
    def state(self) -> Path:
        """Of the account."""
        return state_dir().parents[1] / "testnet" / self.account

    def newest_run(self) -> Path:
        """Directory of the run that began last."""
        return max((self.state / "runs").iterdir(), key=lambda run: run.stat().st_ctime_ns)

    def has_quoted(self) -> bool:
        return bool(self.resting())

    def resting(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = ask(
            {"type": "frontendOpenOrders", "user": self.account}, self.url
        )
        return rows

    def position(self) -> float:
        state = ask({"type": "clearinghouseState", "user": self.account}, self.url)
        return sum(float(row["position"]["szi"]) for row in state["assetPositions"])

    def buys(self, sz: float) -> None:
        """The owner trades by hand."""
        touch = ask({"type": "l2Book", "coin": "BTC"}, self.url)["levels"][1][0]["px"]
        trade = Exchange(self.wallet, self.url)
        trade.order("BTC", True, sz, round(float(touch) * 1.02), {"limit": {"tif": "Ioc"}})

    def bids_far_away(self) -> None:
        touch = ask({"type": "l2Book", "coin": "BTC"}, self.url)["levels"][0][0]["px"]
        px = round(float(touch) * 0.7)
        Exchange(self.wallet, self.url).order("BTC", True, 0.001, px, {"limit": {"tif": "Gtc"}})


def until(
    happened: Callable[[], object], what: str, maker: subprocess.Popen[str] | None = None
) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert maker is None or maker.poll() is None, maker.communicate()[0][-3000:]
        assert time.monotonic() < deadline, f"it did not happen in time: {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("MM_KEYSTORE_PASSPHRASE", "correct horse")
    with serving(tmp_path, "--speed", "1", "--seed", "7", accounts=1) as served:
        own = Shell(served, tmp_path)
        block = re.search(r"^    \[process\]\n(?:(?:    .*)?\n)+", PAGE.read_text(), re.MULTILINE)
        assert block is not None, "the page has no configuration"
        text = re.sub(r"^    ", "", block[0], flags=re.MULTILINE).replace("0x...", own.account)
        text = text.replace("[control]\n", f"[control]\n{AT_ONCE}")
        # Other tests may serve metrics beside this one.
        text = text.replace("[process]\n", f"[process]\nmetrics_port = {free_port()}\n")
        (tmp_path / "mm.toml").write_text(text)
        yield own


def test_every_command_of_the_page(shell: Shell) -> None:
    begun: list[subprocess.Popen[str]] = []
    try:
        keys_and_configuration(shell)
        rehearsed_and_run(shell, begun)
        the_plug_is_pulled(shell, begun)
        killed_and_unlocked(shell, begun)
        by_hand(shell)
    finally:
        for maker in begun:
            if maker.poll() is None:
                maker.kill()
                maker.wait()
    missing = {
        line
        for line in commands() - shell.ran
        # A word of a sentence, of a command that was run with its options.
        if " --" in line or not any(ran.startswith(f"{line} ") for ran in shell.ran)
    }
    assert missing == set()


def keys_and_configuration(shell: Shell) -> None:
    for name in ("maker", "watchdog"):
        code, said = shell.run(f"mm keys new {name} --network testnet")
        assert (code, f"kept key {name}" in said) == (0, True), said
        typed = f"y\n{shell.wallet.key.hex()}\n"
        code, said = shell.run(f"mm keys approve {name} --network testnet", typed)
        assert (code, f"approved by {shell.account}" in said) == (0, True), said
        assert shell.wallet.key.hex().removeprefix("0x") not in said
    code, said = shell.run("mm keys check maker --network testnet --account 0x...")
    assert (code, "agent 'maker', valid until" in said) == (0, True), said
    code, said = shell.run("mm config check mm.toml")
    assert code == 0, said
    before, begun_s = os.times(), time.monotonic()
    code, said = shell.run("mm doctor --config mm.toml")
    after, took_s = os.times(), time.monotonic() - begun_s
    assert (code, "fail" in said) == (0, False), said
    own_s = sum(after[2:4]) - sum(before[2:4])
    assert own_s < DOCTOR_S
    # Others may have this machine as well.
    assert took_s < DOCTOR_S or os.getloadavg()[0] > len(os.sched_getaffinity(0)), took_s


def rehearsed_and_run(shell: Shell, begun: list[subprocess.Popen[str]]) -> None:
    rehearsal = shell.open("mm run --config mm.toml --dry-run")
    begun.append(rehearsal)
    mirror = state_dir() / "runs"
    until(lambda: list(mirror.glob("*/sent.jsonl")), "a run on paper", rehearsal)
    until(lambda: '"action"' in next(mirror.glob("*/sent.jsonl")).read_text(), "quotes", rehearsal)
    assert shell.resting() == []
    rehearsal.send_signal(signal.SIGINT)
    said = rehearsal.communicate(timeout=PATIENCE_S)[0]
    assert (rehearsal.returncode, "0 left open" in said) == (0, True), said[-2000:]

    shell.buys(HELD)
    maker = shell.open("mm run --config mm.toml")
    begun.append(maker)
    until(shell.has_quoted, "quotes", maker)
    code, said = shell.run("mm status --network testnet --account 0x...")
    assert (code, f"testnet/{shell.account}: running" in said) == (0, True), said
    code, said = shell.run("mm status --config mm.toml")
    assert (code, "Position" in said, "Stop" in said) == (0, True, True), said
    for line, shown in (("mm explain quotes", "bid"), ("mm explain limits", "position_cap_usd")):
        code, said = shell.run(line)
        assert (code, shown in said) == (0, True), said
    # Two hands never sign side by side.
    for line in ("mm cancel-all --config mm.toml", "mm flatten --config mm.toml"):
        code, said = shell.run(line, "y\n")
        assert (code, "held by another mm" in said) == (2, True), said
    maker.send_signal(signal.SIGINT)
    said = maker.communicate(timeout=PATIENCE_S)[0]
    assert maker.returncode == 0, said[-3000:]
    assert "0 left open" in said
    assert shell.account in said, "the first screen says whose money it is"
    assert (shell.resting(), shell.position()) == ([], 0)


def the_plug_is_pulled(shell: Shell, begun: list[subprocess.Popen[str]]) -> None:
    shell.buys(HELD)
    maker = shell.open("mm run --config mm.toml")
    begun.append(maker)
    until(shell.has_quoted, "quotes", maker)
    watchdog = json.loads((shell.state / "watchdog/status.json").read_text())
    assert watchdog["doing"] == "watching"
    os.kill(maker.pid, signal.SIGKILL)
    maker.communicate()
    until(lambda: shell.position() == 0 and shell.resting() == [], "a watchdog that closes")
    until(lambda: ended(watchdog["pid"]), "its end")
    assert "watchdog_takes_over" in (shell.newest_run() / "watchdog.log").read_text()
    code, said = shell.run("mm status --network testnet --account 0x...")
    assert (code, "no maker runs" in said) == (1, True), said


def killed_and_unlocked(shell: Shell, begun: list[subprocess.Popen[str]]) -> None:
    maker = shell.open("mm run --config mm.toml")
    begun.append(maker)
    until(shell.has_quoted, "quotes", maker)
    code, said = shell.run("mm kill")
    whose = f"mm kill --network testnet --account {shell.account}"
    assert (code, whose in said) == (1, True), "the paper account has no maker; another has"
    code, said = shell.run("mm kill --config mm.toml")
    assert (code, "killed: " in said) == (0, True), said
    said = maker.communicate(timeout=PATIENCE_S)[0]
    assert maker.returncode == 4, said[-2000:]
    assert (shell.resting(), shell.position()) == ([], 0)
    code, said = shell.run("mm run --config mm.toml")
    assert (code, "mm unlock" in said) == (4, True), said
    code, said = shell.run("mm unlock --config mm.toml")
    assert (code, "acknowledged by" in said) == (0, True), said
    again = shell.open("mm run --config mm.toml")
    begun.append(again)
    until(shell.has_quoted, "quotes", again)
    again.send_signal(signal.SIGINT)
    said = again.communicate(timeout=PATIENCE_S)[0]
    assert again.returncode == 0, said[-2000:]


def by_hand(shell: Shell) -> None:
    shell.bids_far_away()
    code, said = shell.run("mm cancel-all --config mm.toml", "n\n")
    assert (code != 0, len(shell.resting())) == (True, 1), said
    for line in ("mm cancel-all --config mm.toml", "mm cancel-all --config mm.toml --stop-too"):
        code, said = shell.run(line, "y\n")
        assert (code, "nothing rests for BTC" in said) == (0, True), said
    shell.buys(HELD)
    code, said = shell.run("mm flatten --config mm.toml", "y\n")
    assert (code, "verified: nothing rests and nothing is held" in said) == (0, True), said
    assert (shell.resting(), shell.position()) == ([], 0)
