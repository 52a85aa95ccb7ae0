"""Agent keys in files: kept sealed, opened by their passphrase alone, never shown."""

import io
import stat
import sys
from pathlib import Path

import pytest

from mm import log
from mm.cli import run
from mm.config import AccountConfig
from mm.errors import ConfigError
from mm.keys.keystore import Keystore
from mm.keys.sources import secret_for, signer_for

SECRET = "5e" * 32


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_KEYSTORE_PASSPHRASE", "correct horse")


def imported(monkeypatch: pytest.MonkeyPatch, name: str = "maker", secret: str = SECRET) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"0x{secret}\n"))
    run(["keys", "import", name, "--network", "testnet"])


def test_a_kept_key_is_sealed_and_signs_once_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(monkeypatch)
    [kept] = Keystore("testnet").all()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert SECRET not in kept.path.read_text()
    account = AccountConfig(key_source="keystore")
    assert signer_for("maker", account, "testnet").address == kept.address
    run(["keys", "list", "--network", "testnet"])
    said = capsys.readouterr()
    assert kept.address in said.out
    assert SECRET not in said.out + said.err
    with pytest.raises(ConfigError, match="there is none: mm keys new maker"):
        signer_for("maker", account, "mainnet")


def test_what_does_not_open_says_why_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported(monkeypatch)
    store = Keystore("testnet")
    monkeypatch.setenv("MM_KEYSTORE_PASSPHRASE", "wrong")
    with pytest.raises(ConfigError, match="the passphrase does not open it"):
        signer_for("maker", AccountConfig(key_source="keystore"), "testnet")
    monkeypatch.delenv("MM_KEYSTORE_PASSPHRASE")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(ConfigError, match="set MM_KEYSTORE_PASSPHRASE"):
        signer_for("maker", AccountConfig(key_source="keystore"), "testnet")
    [kept] = store.all()
    kept.path.write_text(f'{{"address": "00", "secret": "{SECRET}"}}')
    with pytest.raises(ConfigError, match="not a key file") as caught:
        store.read("maker", "correct horse")
    assert SECRET not in str(caught.value)


def test_a_key_is_neither_replaced_nor_left_behind_by_accident(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported(monkeypatch)
    with pytest.raises(ConfigError, match="there is a key maker already"):
        imported(monkeypatch, secret="11" * 32)
    run(["keys", "forget", "maker", "--network", "testnet", "--yes"])
    assert Keystore("testnet").all() == []
    with pytest.raises(ConfigError, match="there is none"):
        run(["keys", "forget", "maker", "--network", "testnet", "--yes"])


@pytest.mark.parametrize("secret", ["", "0x12", "zz" * 32, "00" * 32, "ff" * 32])
def test_the_environment_has_a_key_or_a_word_about_it(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_AGENT_KEY", secret)
    with pytest.raises(ConfigError, match="MM_AGENT_KEY") as caught:
        secret_for("maker", AccountConfig(), "mainnet")
    assert not secret or secret not in str(caught.value)


def test_a_key_of_the_environment_is_hidden_from_every_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "7a" * 32
    monkeypatch.setenv("MM_AGENT_KEY", f"0x{secret}")
    assert secret_for("maker", AccountConfig(), "mainnet").removeprefix("0x") == secret
    screen = io.StringIO()
    with log.writing("debug", tmp_path / "log", screen):
        import structlog  # noqa: PLC0415

        structlog.get_logger().info("said", text=f"it is {secret}")
    assert secret not in screen.getvalue()
