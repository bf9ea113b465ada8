"""What doctor says of this computer."""

from __future__ import annotations

import shutil
import socket
from collections import namedtuple
from pathlib import Path
from typing import Any

import psutil
import pytest

from streamguard.doctor import machine
from streamguard.doctor.checks import Check
from streamguard.project import Project, find_project
from streamguard.settings import Settings, load
from streamguard.stack.ports import free_ports
from streamguard.stack.stack import Stack

PROJECT = find_project(Path(__file__))
Usage = namedtuple("Usage", "total used free")
Memory = namedtuple("Memory", "available")


def settings_in(folder: Path) -> Settings:
    return load(PROJECT.root, environ={}, data_dir=folder)


def found(checks: Any) -> dict[str, Any]:
    return {check.what: check for check in checks}


def test_credentials_that_others_may_read_fail_and_an_env_file_is_a_warning(tmp_path: Path) -> None:
    project = Project(tmp_path)
    settings = load(tmp_path, environ={}, data_dir=tmp_path / "data")
    assert found(machine.secrets(project, settings)) == {}
    settings.data_dir.mkdir()
    for path in (settings.credentials_file, tmp_path / ".env"):
        path.write_text("A=b\n")
        path.chmod(0o644)
    checks = found(machine.secrets(project, settings))
    assert {name: check.state for name, check in checks.items()} == {"credentials.env": "fail", ".env": "warn"}
    assert checks["credentials.env"].next == f"chmod 600 {settings.credentials_file}"
    settings.credentials_file.chmod(0o600)
    assert found(machine.secrets(project, settings))["credentials.env"].state == "ok"


def test_a_variable_that_is_called_nearly_like_a_setting_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("STREAMGUARD_KAFKA_BOOTSTRP=k:9092\nMY_HOME=/x\nSTREAMGUARD_KAFKA_PORT=9092\n")
    monkeypatch.setenv("MY_AWS_REGIN", "s3cret")
    assert list(machine.written(Project(tmp_path))) == [
        Check("settings", "warn", "MY_AWS_REGIN is no setting", "is MY_AWS_REGION meant?"),
        Check("settings", "warn", "STREAMGUARD_KAFKA_BOOTSTRP is no setting", "is STREAMGUARD_KAFKA_BOOTSTRAP meant?"),
    ]


def test_where_others_look_after_the_machine_only_files_that_are_open_are_told(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={}, data_dir=tmp_path / "data")
    (tmp_path / ".env").write_text("A=b\n")
    (tmp_path / ".env").chmod(0o600)
    assert list(machine.open_secrets(Project(tmp_path), settings)) == []
    (tmp_path / ".env").chmod(0o640)
    assert [check.what for check in machine.open_secrets(Project(tmp_path), settings)] == [".env"]


@pytest.mark.parametrize(("gigabytes", "state"), [(50, "ok"), (2, "warn"), (0.1, "fail")])
def test_a_disk_that_is_nearly_full_is_told(
    gigabytes: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, int(gigabytes * 1e9)))
    checks = found(machine.resources(settings_in(tmp_path / "not" / "yet"), running=False))
    assert checks["disk"].state == state
    assert bool(checks["disk"].next) == (state != "ok")


def test_little_memory_is_a_warning_before_the_start_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(5e8))
    assert found(machine.resources(settings_in(tmp_path), running=False))["memory"].state == "warn"
    assert found(machine.resources(settings_in(tmp_path), running=True))["memory"].state == "ok"


def test_before_the_start_nothing_runs_and_a_port_that_somebody_has_fails(tmp_path: Path) -> None:
    kafka, connect = free_ports(2)
    settings = load(PROJECT.root, environ={}, data_dir=tmp_path, kafka_port=kafka, connect_port=connect)
    stack = Stack(settings, PROJECT)
    checks = found(machine.programs(stack, ["connect"]))
    assert checks["servers"].found == "nothing runs"
    assert (checks["servers"].state, checks["ports"].state) == ("warn", "ok")
    with socket.create_server(("127.0.0.1", connect)):
        checks = found(machine.programs(stack, ["connect"]))
    assert checks[f"port {connect}"].state == "fail"
    assert checks[f"port {connect}"].found.startswith("connect needs it, and ")
    assert "STREAMGUARD_PORT_OFFSET" in checks[f"port {connect}"].next


def test_what_is_installed_is_told(tmp_path: Path) -> None:
    settings = load(PROJECT.root, environ={}, data_dir=tmp_path, cache_dir=tmp_path / "cache")
    checks = found(machine.software(settings, Stack(settings, PROJECT)))
    assert {checks[name].state for name in ("python", "packages", "java")} == {"ok"}
    assert checks["jars"].state == "warn"
    assert "streamguard jars fetch" in checks["jars"].next
