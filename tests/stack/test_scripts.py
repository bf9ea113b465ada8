"""start.sh and stop.sh, sourced by bash and by zsh: they never end the shell and leave nothing behind in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import require

ROOT = Path(__file__).parent.parent.parent
SHELLS = ("bash", "zsh")
# What the shell knows before and after; `$_` and the like change by themselves.
LEFT = """
flags=$-
source "$FOLDER/{script}" {arguments}
echo "code $?"
[ "$flags" = "$-" ] && echo "same options"
typeset -f | grep -i streamguard
set | grep -i '^_*streamguard'
echo "still here"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone as far as the scripts can tell: nothing is installed."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("start.sh", "stop.sh"):
        shutil.copy(ROOT / name, folder)
    return folder


def source(shell: str, clone: Path, script: str, arguments: str = "", path: str = "/usr/bin:/bin") -> tuple[str, str]:
    """The output and the errors of sourcing a script from another folder."""
    done = subprocess.run(
        [require(shell), "-c", LEFT.format(script=script, arguments=arguments)],
        env={"FOLDER": str(clone), "PATH": path, "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_fresh_clone_is_told_to_build_in_one_sentence(shell: str, clone: Path) -> None:
    out, err = source(shell, clone, "start.sh")
    assert out == "code 1\nsame options\nstill here\n"
    assert err == "start.sh: nothing is installed yet: source start.sh --build\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("script", ["start.sh", "stop.sh"])
def test_an_unknown_option_is_refused_with_the_usage(shell: str, script: str, clone: Path) -> None:
    out, err = source(shell, clone, script, "--biuld")
    assert out == "code 64\nsame options\nstill here\n"
    assert "unknown option --biuld; usage: source " in err


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("script", ["start.sh", "stop.sh"])
def test_help_is_printed_and_nothing_is_done(shell: str, script: str, clone: Path) -> None:
    out, err = source(shell, clone, script, "--help")
    assert out.startswith("usage: source ")
    assert out.endswith("code 0\nsame options\nstill here\n")
    assert err == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_stopping_where_nothing_is_installed_is_no_error(shell: str, clone: Path) -> None:
    out, _ = source(shell, clone, "stop.sh")
    assert out == "code 0\nsame options\nstill here\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_python_that_is_too_old_is_named(shell: str, clone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    old = folder / "python3"
    old.write_text("#!/bin/sh\ncase $1 in --version) echo Python 3.9.2 ;; *) false ;; esac\n")
    old.chmod(0o755)
    for name in (shell, "dirname", "grep", "cmp", "cp"):
        (folder / name).symlink_to(require(name))
    out, err = source(shell, clone, "start.sh", "--build", path=str(folder))
    assert "code 1\n" in out
    assert "Python 3.11 or newer is needed; there is Python 3.9.2" in err


@pytest.mark.parametrize("shell", SHELLS)
def test_ctrl_c_while_it_builds_leaves_nothing_behind(shell: str, clone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / "python3"  # interrupts the shell that builds when it is to make .venv
    python.write_text("#!/bin/sh\ncase $2 in *runpy*) kill -INT $PPID; sleep 0.1; exit 130 ;; esac\n")
    python.chmod(0o755)
    out, err = source(shell, clone, "start.sh", "--build", path=f"{folder}:/usr/bin:/bin")
    assert out == "code 130\nsame options\nstill here\n"
    assert "start.sh: interrupted; source it again to go on\n" in err


def test_run_instead_of_sourced_start_sh_says_so(clone: Path) -> None:
    done = subprocess.run(["bash", str(clone / "start.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "source it" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("script", "arguments", "called"),
    [
        ("start.sh", "", "up bank"),
        ("start.sh", "--compose --no-produce", "up bank --mode=compose --no-produce"),
        ("stop.sh", "--yes", "down --wipe --yes"),
        ("stop.sh", "--compose --yes", "down --mode=compose --wipe --yes"),
        ("stop.sh", "--compose", "down --mode=compose"),  # nobody to ask: the data stays
    ],
)
def test_with_compose_the_containers_are_meant(
    shell: str, script: str, arguments: str, called: str, clone: Path
) -> None:
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text('PATH="$FOLDER/.venv/bin:$PATH"\n')
    (programs / "streamguard").write_text('#!/bin/sh\nshift 2\necho "called: $*"\n')
    (programs / "streamguard").chmod(0o755)
    out, err = source(shell, clone, script, arguments)
    assert out == f"called: {called}\ncode 0\nsame options\nstill here\n"
    assert err == ""
