"""`mm kill`."""

from typing import Annotated

import typer

from mm.commands.options import Account, File, Network

Why = Annotated[str, typer.Option(help="Kept in the kill record.")]


def kill(
    network: Network = None,
    account: Account = None,
    config: File = None,
    why: Why = "",
) -> None:
    """Latch the kill switch of the maker that runs; what becomes of the position is `on_kill`.

    It ends with exit 4, and the account does not start again before `mm unlock`. Exit 1: no maker
    runs, or it did not latch.
    """
    from mm.accounts import choose, command_for, running
    from mm.control_socket import NobodyAnswersError, ask_running
    from mm.state import account_dir

    chosen = choose(config, network, account)
    try:
        answer = ask_running(account_dir(*chosen), {"ask": "kill", "why": why})
    except NobodyAnswersError as error:
        others = [command_for("kill", *found) for found in running() if found != chosen]
        if not others:
            raise
        hint = " or ".join(others)
        raise NobodyAnswersError(f"{error}; another account's does: {hint}") from None
    print(f"killed: {answer['words']}")
    print(f"the position: {answer['on_kill']}; then `{command_for('unlock', *chosen)}`")
