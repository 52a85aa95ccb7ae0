"""The control socket: one line in, one line out, the owner alone, whatever the client does."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from mm import control_socket
from mm.control_socket import FILE, ControlSocket, NobodyAnswersError, ask_running
from mm.errors import StateError, VenueError
from mm.exits import exit_of

Json = dict[str, Any]


async def echo(request: Json) -> Json:
    return {"heard": request}


async def refuse(_request: Json) -> Json:
    raise VenueError("not now")


async def asked(directory: Path, request: Json) -> Json:
    return await asyncio.to_thread(ask_running, directory, request)


async def raw(directory: Path, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(directory / FILE))
    writer.write(sent)
    said = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return said


async def test_a_request_is_answered_and_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    control = ControlSocket(tmp_path)
    control.on("echo", echo)
    control.on("no", refuse)
    async with control:
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        assert await asked(tmp_path, {"ask": "echo", "n": 1}) == {"heard": {"ask": "echo", "n": 1}}
        with pytest.raises(StateError, match="not now"):
            await asked(tmp_path, {"ask": "no"})
        with pytest.raises(StateError, match="ask was 'lunch', expected one of echo, no"):
            await asked(tmp_path, {"ask": "lunch"})
    assert not (tmp_path / FILE).exists()
    with pytest.raises(NobodyAnswersError) as nobody:
        await asked(tmp_path, {"ask": "echo"})
    assert exit_of(nobody.value) == 1


async def test_nonsense_and_silence_hurt_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "REQUEST_S", 0.2)
    control = ControlSocket(tmp_path)
    control.on("echo", echo)
    async with control:
        silent = await asyncio.open_unix_connection(str(tmp_path / FILE))
        for nonsense in (b"{\n", b"[1]\n", b'"echo"\n', b"\xff\xfe\n", b"x" * 200_000 + b"\n"):
            assert b'{"error": ' in await raw(tmp_path, nonsense)
        assert await asked(tmp_path, {"ask": "echo"}) == {"heard": {"ask": "echo"}}
        assert await silent[0].read() == b"", "given up on"
        silent[1].close()


async def test_an_answer_may_take_longer_than_a_request_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "REQUEST_S", 0.1)
    monkeypatch.setattr(control_socket, "ANSWER_S", 0.5)

    async def think(request: Json) -> Json:
        await asyncio.sleep(request["for_s"])
        return {}

    control = ControlSocket(tmp_path)
    control.on("think", think)
    async with control:
        assert await asked(tmp_path, {"ask": "think", "for_s": 0.2}) == {}
        with pytest.raises(StateError, match=r"no answer to think within 0\.5 s"):
            await asked(tmp_path, {"ask": "think", "for_s": 60})


async def test_one_that_does_not_answer_is_told_from_none(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / FILE))
        hung.listen()
        with pytest.raises(NobodyAnswersError, match=r"did not answer within 0\.1 s"):
            await asyncio.to_thread(ask_running, tmp_path, {"ask": "echo"}, 0.1)
    # Left behind, as by kill -9: nobody listens any more, and the next one takes its place.
    with pytest.raises(NobodyAnswersError, match="no maker runs"):
        await asked(tmp_path, {"ask": "echo"})
    control = ControlSocket(tmp_path)
    control.on("echo", echo)
    async with control:
        assert await asked(tmp_path, {"ask": "echo"})


async def test_a_state_directory_may_have_a_long_name(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    control = ControlSocket(deep)
    control.on("echo", echo)
    async with control:
        assert await asked(deep, {"ask": "echo"}) == {"heard": {"ask": "echo"}}
    assert list(deep.iterdir()) == []
