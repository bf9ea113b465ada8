"""Docker compose as it is called; a program on PATH plays docker, so that what it is told is seen."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from streamguard import cloud, containers
from streamguard.commands import run
from streamguard.errors import StackError
from streamguard.project import Project, find_project
from streamguard.settings import CONTAINERS, Settings, load
from streamguard.stack import compose
from tests.accounts import MINE

DOCKER = """#!/bin/sh
[ "$*" = "compose version" ] && exit {version}
echo "$*" >> {folder}/calls
env | grep -E '^STREAMGUARD_(KAFKA_PORT|DATA_DIR|COMPOSE_.*)=' >> {folder}/environment
exit {code}
"""


class Docker:
    """A program `docker`, alone on PATH, that writes down how it is called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def install(self, *, code: int = 0, version: int = 0) -> None:
        program = self.folder / "docker"
        program.write_text(DOCKER.format(folder=self.folder, code=code, version=version))
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    (tmp_path / "bin").mkdir()
    return Docker(tmp_path / "bin", monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The repository's folders, with an `.env` of its own."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("connectors", "ksql", "init", compose.FILE):
        (clone / name).symlink_to(find_project(Path(__file__)).root / name)
    return Project(clone)


def settings_of(project: Project, **environ: str) -> Settings:
    return load(project.root, environ=environ, mode="compose")


def test_passwords_are_made_once_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("STREAMGUARD_KAFKA_PORT=9192")
    file.chmod(0o644)
    assert compose.make_secrets(tmp_path) == list(compose.SECRETS)
    first = file.read_text()
    assert first.startswith("STREAMGUARD_KAFKA_PORT=9192\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert compose.make_secrets(tmp_path) == []
    assert file.read_text() == first


def test_a_password_that_is_lacking_is_added_and_the_others_stay(tmp_path: Path) -> None:
    compose.make_secrets(tmp_path)
    file = tmp_path / ".env"
    kept = [line for line in file.read_text().splitlines() if "GRAFANA" not in line]
    file.write_text("\n".join(kept))
    assert compose.make_secrets(tmp_path) == ["GRAFANA_PASSWORD"]
    assert file.read_text().splitlines()[: len(kept)] == kept


def test_settings_find_the_containers_and_their_passwords(tmp_path: Path) -> None:
    compose.make_secrets(tmp_path)
    lines = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if "=" in line)
    found = load(tmp_path, environ={"STREAMGUARD_PORT_OFFSET": "100"}, mode="compose")
    password = lines[CONTAINERS + "MONGODB_PASSWORD"]
    assert found.mongodb_uri == f"mongodb://streamguard:{password}@127.0.0.1:27117/"
    assert found.postgres_uri == f"postgresql://streamguard:{lines[CONTAINERS + 'POSTGRES_PASSWORD']}@127.0.0.1:5532/"
    assert found.s3_access_key == lines[CONTAINERS + "S3_ACCESS_KEY"]
    assert password not in repr(found)


def test_the_passwords_of_containers_are_not_those_of_the_local_servers(tmp_path: Path) -> None:
    compose.make_secrets(tmp_path)
    data = tmp_path / ".streamguard"
    data.mkdir()
    (data / "credentials.env").write_text("STREAMGUARD_S3_ACCESS_KEY='local'\n")
    assert load(tmp_path, environ={}).s3_access_key == "local"
    assert load(tmp_path, environ={}, mode="compose").s3_access_key.startswith("SG")


@pytest.mark.usefixtures("docker")
def test_a_missing_docker_is_told_in_one_sentence(project: Project) -> None:
    with pytest.raises(StackError, match=r"^there is no docker on PATH: install it [^\n]* without containers$"):
        compose.require(project)


def test_a_docker_without_compose_is_told_in_one_sentence(project: Project, docker: Docker) -> None:
    docker.install(version=1)
    with pytest.raises(StackError, match=r"^docker has no compose plugin: install it [^\n]* without containers$"):
        compose.require(project)


@pytest.mark.usefixtures("docker")
def test_outside_a_clone_there_is_nothing_to_compose(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"there is no docker-compose\.yml in .*: containers are started in a clone"):
        compose.require(Project(tmp_path))


def test_containers_are_started_before_anything_is_applied_to_them(
    project: Project, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.install()
    seeded: list[Settings] = []

    def seed(_project: Project, settings: Settings, *_rest: object) -> list[object]:
        assert docker.calls, "docker was not called yet"
        seeded.append(settings)
        return []

    monkeypatch.setattr(containers, "seed", seed)
    containers.up(
        project,
        settings_of(project, STREAMGUARD_PORT_OFFSET="100"),
        project.pipeline("bank"),
        produce=True,
        tell=lambda _: None,
    )
    assert docker.calls == [
        f"compose --project-directory {project.root} --profile bank --profile produce-bank "
        "up --detach --build --wait --wait-timeout 900"
    ]
    assert docker.environment["STREAMGUARD_KAFKA_PORT"] == "9192"
    assert not [name for name in docker.environment if name.startswith(CONTAINERS)], "docker reads them from .env"
    assert "@127.0.0.1:" in seeded[0].mongodb_uri


def test_what_is_wrong_without_a_server_is_told_before_docker_is_called(project: Project, docker: Docker) -> None:
    docker.install()
    (project.root / "ksql").unlink()
    (project.root / "ksql" / "bank").mkdir(parents=True)
    (project.root / "ksql" / "bank" / "01-wrong.sql").write_text("CREATE NONSENSE;")
    with pytest.raises(Exception, match=r"01-wrong\.sql"):
        containers.up(project, settings_of(project), project.pipeline("bank"), produce=False, tell=lambda _: None)
    assert docker.calls == []


def test_a_start_that_fails_says_where_to_look(project: Project, docker: Docker) -> None:
    docker.install(code=17)
    with pytest.raises(StackError, match="docker compose up ended with 17, see above; `docker compose ps --all`"):
        compose.up(project, settings_of(project), ["bank"])


def test_without_a_generator_its_profile_is_left_out(project: Project) -> None:
    bank = project.pipeline("bank")
    assert compose.profiles(bank, produce=True) == ["bank", "produce-bank"]
    assert compose.profiles(bank, produce=False) == ["bank"]


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["down", "--mode", "compose"], "down --remove-orphans"),
        (["down", "--mode", "compose", "--wipe", "--yes"], "down --remove-orphans --volumes"),
    ],
)
def test_down_stops_containers_of_all_profiles(
    project: Project, docker: Docker, arguments: list[str], called: str
) -> None:
    docker.install()
    assert run(["--project", str(project.root), *arguments]) == 0
    assert docker.calls == [f"compose --project-directory {project.root} --profile * {called}"]


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["status"], "ps --all"),
        (["status", "--output", "json"], "ps --all --format json"),
        (["logs", "kafka", "-n", "5"], "logs --no-log-prefix --tail 5 kafka"),
    ],
)
def test_in_mode_compose_docker_is_asked_for_states_and_logs(
    project: Project, docker: Docker, monkeypatch: pytest.MonkeyPatch, arguments: list[str], called: str
) -> None:
    docker.install()
    monkeypatch.setenv("STREAMGUARD_MODE", "compose")
    assert run(["--project", str(project.root), *arguments]) == 0
    assert docker.calls[0].endswith(f"--profile * {called}")


def test_in_mode_compose_connectors_are_rendered_with_the_addresses_of_containers(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--project", str(project.root), "connectors", "render", "users-s3-sink"]
    assert run(arguments) == 0
    assert "http://127.0.0.1:8333" in capsys.readouterr().out
    monkeypatch.setenv("STREAMGUARD_MODE", "compose")
    assert run(arguments) == 0
    assert "http://s3:8333" in capsys.readouterr().out
    assert run([*arguments, "--values", "local"]) == 0
    assert "http://127.0.0.1:8333" in capsys.readouterr().out


def test_the_worker_gets_the_accounts_by_a_file_for_this_user_only_and_none_without_accounts(
    project: Project, docker: Docker, tmp_path: Path
) -> None:
    docker.install()
    data = tmp_path / "data"
    data.mkdir()
    compose.up(project, load(project.root, environ=MINE, data_dir=data), [])
    file = data / compose.CLOUD_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == cloud.worker_variables(MINE)
    compose.up(project, load(project.root, environ={}, data_dir=data), [])
    assert not file.exists()
