"""Where settings, data and caches are looked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from streamguard import settings as module
from streamguard.errors import SettingsError, StorageError
from streamguard.settings import load, write_env_file


def test_a_project_keeps_its_data_in_its_own_folder(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"HOME": "/home/ann"}).data_dir == tmp_path / ".streamguard"


def test_the_copies_of_a_wheel_keep_data_and_env_file_below_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "shipped")
    home = tmp_path / "data" / "streamguard"
    home.mkdir(parents=True)
    (home / ".env").write_text("STREAMGUARD_KAFKA_PORT=9192\n")
    found = load(tmp_path / "shipped", environ={"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": "/home/ann"})
    assert found.data_dir == home
    assert found.kafka_port == 9192
    assert load(tmp_path / "shipped", environ={"HOME": "/home/ann"}).data_dir == Path(
        "/home/ann/.local/share/streamguard"
    )


def test_options_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMGUARD_KAFKA_PORT=1\nSTREAMGUARD_KSQL_PORT=2\nSTREAMGUARD_S3_PORT=3\n")
    environ = {"STREAMGUARD_KSQL_PORT": "22", "STREAMGUARD_S3_PORT": "33"}
    found = load(tmp_path, environ=environ, s3_port=333)
    assert (found.kafka_port, found.ksql_port, found.s3_port) == (1, 22, 333)


def test_an_offset_moves_every_port_but_those_that_an_option_names(tmp_path: Path) -> None:
    found = load(tmp_path, environ={"STREAMGUARD_PORT_OFFSET": "100", "STREAMGUARD_KSQL_PORT": "8000"}, s3_port=8333)
    assert (found.kafka_port, found.ksql_port, found.s3_port) == (9192, 8100, 8333)


def test_an_offset_too_large_is_told_with_the_port_that_it_makes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="STREAMGUARD_PORT_OFFSET make 69092: a port is between 1 and 65535"):
        load(tmp_path, environ={"STREAMGUARD_PORT_OFFSET": "60000"})


@pytest.mark.parametrize("name", ["DATA_DIR", "CACHE_DIR"])
def test_a_folder_of_a_user_who_does_not_exist_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"STREAMGUARD_{name} is '~nobody-here/x': there is no such user"):
        load(tmp_path, environ={f"STREAMGUARD_{name}": "~nobody-here/x", "HOME": "/home/ann"})


def test_a_file_of_secrets_is_written_where_a_link_leads_and_for_us_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "there", tmp_path / "link"
    link.symlink_to(target)
    write_env_file(link, {"A": "b"})
    assert link.is_symlink()
    assert target.read_text() == "A=b\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_pipe_or_a_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match=r"pipe can not be written: it is no regular file"):
        write_env_file(pipe, {"A": "b"})
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_of_secrets_that_can_not_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left"):
        write_env_file(tmp_path / "worker.env", {"A": "b"})
    assert list(tmp_path.iterdir()) == []
