"""The edge of the command line: streams that are closed or whose reader has gone, and a Ctrl-C at any time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INTERRUPTED_IMPORT = """
import sys
from streamguard.__main__ import main

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt

sys.modules.pop("signal", None)
sys.meta_path.insert(0, CtrlC())
main()
"""
COMMAND = [sys.executable, "-m", "streamguard"]


def in_shell(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `"$@"` is the command."""
    command = ["bash", "-c", script, "_", *COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    done = in_shell(f'"$@" {closed}', "query")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_who_has_enough_is_no_error() -> None:
    done = in_shell('"$@" | head -c 1; echo "${PIPESTATUS[0]}"', "connectors", "render")
    assert (done.stdout, done.stderr) == ("[0\n", "")


def test_an_output_on_a_full_disk_is_74() -> None:
    done = in_shell('"$@" > /dev/full', "query")
    assert (done.returncode, done.stderr) == (74, "Error: the output can not be written: No space left on device\n")


@pytest.mark.parametrize(
    "module", ["signal", "streamguard.commands", "streamguard.commands.query", "streamguard.query"]
)
def test_ctrl_c_while_something_is_imported_is_no_traceback(module: str) -> None:
    script = INTERRUPTED_IMPORT.format(module=module)
    done = subprocess.run([sys.executable, "-c", script, "query"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (130, "", False)


def run(arguments: Sequence[str], folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGUARD_")}
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env={**inherited, **environ}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("KAFKA_PORT", "0", "STREAMGUARD_KAFKA_PORT is 0: a port is between 1 and 65535"),
        ("KAFKA_PORT", "70000", "STREAMGUARD_KAFKA_PORT is 70000: a port is between 1 and 65535"),
        ("KAFKA_PORT", "nine", "STREAMGUARD_KAFKA_PORT is 'nine': it takes a whole number"),
        ("PORT_OFFSET", "60000", "STREAMGUARD_KAFKA_PORT and STREAMGUARD_PORT_OFFSET make 69092: a port is between"),
        ("MODE", "cloud", "STREAMGUARD_MODE is 'cloud': it takes local or compose or external"),
        ("LOG_FORMAT", "xml", "STREAMGUARD_LOG_FORMAT is 'xml': it takes auto or console or json"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    code, error = run(["status"], tmp_path, {f"STREAMGUARD_{name}": value})
    assert (code, error.startswith(f"Error: {says}")) == (1, True), error


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    for folder in ("connectors", "ksql", "init"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    assert run(["status"], tmp_path, {}) == (1, "Error: .env can not be read: it is not UTF-8 text\n")


def test_a_folder_that_is_no_project_is_named(tmp_path: Path) -> None:
    code, error = run(["--project", "nowhere", "status"], tmp_path, {})
    assert (code, error.startswith("Error: there is no folder nowhere: --project takes the one with")) == (1, True)
    code, error = run(["--project", ".", "status"], tmp_path, {})
    assert (code, error) == (1, "Error: . is no project: it has no folder connectors and no ksql and no init\n")


@pytest.mark.parametrize("no_color", ["", "1"])
def test_errors_are_in_colour_on_a_terminal_unless_no_color_is_set(no_color: str) -> None:
    terminal, end = pty.openpty()
    environ = {**os.environ, "NO_COLOR": no_color}
    subprocess.run([*COMMAND, "query", "nothing"], env=environ, stderr=end, stdin=end, check=False, timeout=30)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    os.close(end)
    assert ("\x1b[" in said) == (not no_color)
    assert "Error:" in said


def test_an_option_of_the_command_line_behind_a_command_is_told_its_place() -> None:
    done = in_shell('"$@"', "connectors", "render", "-v")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (64, "-v goes before the command: streamguard -v …")
