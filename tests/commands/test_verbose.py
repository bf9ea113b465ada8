"""What is said of bugs, and with -v: no secret, whatever broke."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from streamguard import commands
from streamguard.commands import run, verbose
from streamguard.connect.secrecy.secrets import MASK, forget, learn
from streamguard.errors import StreamguardError
from streamguard.kafka import logs
from streamguard.settings import inherited_environment, load

SECRET = "s3cr3t-v4lue"


@pytest.fixture(autouse=True)
def knowing() -> Iterator[None]:
    """A process that knows a secret."""
    learn([SECRET])
    yield
    forget()


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `breaks` that raises what is put in here."""
    raised: list[BaseException] = []

    @click.command()
    def breaks() -> None:
        raise raised[0]

    monkeypatch.setattr(commands.LazyGroup, "get_command", lambda *_arguments: breaks)
    monkeypatch.setitem(commands.COMMANDS, "breaks", "")
    return raised


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (ValueError(f"bad: {SECRET}"), 1),
        (KeyError(SECRET), 1),
        (StreamguardError(f"{SECRET} is wrong"), 1),
        (OSError(5, "broken", f"/data/{SECRET}"), 1),
        (click.UsageError(f"no such thing: {SECRET}"), 64),
        (click.ClickException(SECRET), 1),
        (ExceptionGroup(f"all of {SECRET}", [ValueError(SECRET)]), 1),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("words", [["breaks"], ["-vvv", "breaks"]], ids=["plain", "-vvv"])
def test_no_error_and_no_traceback_shows_a_secret(
    breaking: list[BaseException], capsys: pytest.CaptureFixture[str], words: list[str], exc: BaseException, code: int
) -> None:
    breaking.append(exc)
    assert run(words) == code
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert MASK in told.err


def test_a_bug_is_one_sentence_with_its_place_and_the_rest_with_v(
    breaking: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    breaking.append(TypeError("no text"))
    assert run(["breaks"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: a bug of streamguard: TypeError: no text in ")
    assert told.count("\n") == 1
    assert run(["-v", "breaks"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_what_a_thread_and_what_the_end_of_the_process_say_passes_the_filter() -> None:
    program = f"""
    import threading
    from streamguard.commands import verbose
    from streamguard.connect.secrecy.secrets import learn
    learn([{SECRET!r}])
    verbose.guard_process()
    class Late:
        def __del__(self):
            raise ValueError({SECRET!r})
    def work():
        raise ValueError({SECRET!r})
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    late = Late()
    del late
    raise ValueError({SECRET!r})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr.count("Error: a bug of streamguard: ValueError: ********") == 3


@pytest.mark.parametrize("verbosity", [0, 1, 2, 3])
def test_events_of_libraries_and_of_ours_pass_the_filter(verbosity: int, capsys: pytest.CaptureFixture[str]) -> None:
    verbose.listen(verbosity)
    logging.getLogger("streamguard.connect.rest.transport").log(verbose.BODIES, "sent %s", SECRET)
    logging.getLogger("streamguard.connect.rest.transport").debug("asked %s", SECRET)
    logging.getLogger("urllib3").debug("library %s", SECRET)
    logging.getLogger("urllib3").error("trouble %s", SECRET)
    told = capsys.readouterr().err
    assert SECRET not in told
    heard = [word for word in ("trouble", "asked", "sent", "library") if word in told]
    assert heard == ["trouble", "asked", "sent", "library"][: verbosity + 1]


def test_what_a_service_logs_passes_the_filter_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.StreamHandler(sys.stderr)]
    verbose.guard_log()
    logging.getLogger("streamguard.x").error("about %s", SECRET)
    assert capsys.readouterr().err == f"about {MASK}\n"


def test_a_structured_log_has_the_traceback_without_the_secret(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(load(Path("/nonexistent"), environ={"STREAMGUARD_LOG_FORMAT": "json"}))
    verbose.guard_log()
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("streamguard.x").exception("it broke", extra={"cause": f"about {SECRET}"})
    event = json.loads(capsys.readouterr().err)
    assert event["exception"].endswith(f"ValueError: {MASK}")
    assert event["cause"] == f"about {MASK}"


def test_ctrl_c_in_the_middle_of_a_request_ends_with_130_and_without_a_traceback() -> None:
    with _silent_server() as port:
        url = f"http://someone:{SECRET}@127.0.0.1:{port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "streamguard", "-vvv", "connectors", "list", "--url", url],
            env={**inherited_environment(), "STREAMGUARD_MODE": "external"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        line = process.stderr.readline()  # the connection is open
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert SECRET not in line + out + err
    assert "Traceback" not in err
    assert err.endswith("Interrupted.\n")


class _silent_server:  # noqa: N801  used as a function
    """A server that takes connections and never answers."""

    def __enter__(self) -> int:
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return int(self._socket.getsockname()[1])

    def _accept(self) -> None:
        try:
            while True:
                self._open.append(self._socket.accept()[0])
        except OSError:
            return

    def __exit__(self, *_exc: object) -> None:
        import socket

        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._open:
            connection.close()
