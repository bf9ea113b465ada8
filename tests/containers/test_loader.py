"""compose-spec's own loader, the one in docker compose, takes docker-compose.yml; BuildKit's parser the Dockerfile."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.cloud import env_file, worker_variables
from streamguard.stack.compose import CLOUD_FILE
from tests.accounts import MINE
from tests.containers.composition import ISOLATED, PASSWORDS, ROOT, joining, load, loader, services, stages

pytestmark = pytest.mark.timeout(400)  # what is built first is downloaded, too


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loader(tmp_path_factory.mktemp("loader"))


def test_the_loader_takes_the_file_with_all_its_profiles(program: Path) -> None:
    project, said = load(program, PASSWORDS)
    assert said == ""
    assert sorted(project["services"]) == sorted(services())
    assert project["name"] == "streamguard"


def test_without_passwords_it_says_who_makes_them(program: Path) -> None:
    project, said = load(program, {})
    assert project == {}
    assert "is made by streamguard up --mode compose" in said


def test_a_dollar_of_a_pattern_and_of_a_health_check_reaches_the_container(program: Path) -> None:
    connect = load(program, PASSWORDS)[0]["services"]["connect"]
    assert connect["environment"]["CONNECT_CONFIG_PROVIDERS_ENV_PARAM_ALLOWLIST_PATTERN"].endswith("_KEY)$")
    assert "[[ $line == " in connect["healthcheck"]["test"][-1]


def test_the_worker_gets_the_accounts_of_the_cloud_as_they_were_written_and_starts_without_them(
    program: Path, tmp_path: Path
) -> None:
    environ = {**PASSWORDS, "STREAMGUARD_DATA_DIR": str(tmp_path)}
    made = worker_variables(MINE)
    assert not made.keys() & load(program, environ)[0]["services"]["connect"]["environment"].keys()
    (tmp_path / CLOUD_FILE).write_text(env_file(made))
    found = load(program, environ)[0]["services"]["connect"]["environment"]
    assert {name: found.get(name) for name in made} == made


def test_ports_follow_the_settings(program: Path) -> None:
    project, _ = load(program, {**PASSWORDS, "STREAMGUARD_KAFKA_PORT": "19092"})
    kafka = project["services"]["kafka"]
    assert [port["published"] for port in kafka["ports"]] == ["19092"]
    assert kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith("OUTER://127.0.0.1:19092")


def test_the_loader_takes_a_kafka_by_itself_and_who_joins_it(program: Path, tmp_path: Path) -> None:
    project, said = load(program, {"STREAMGUARD_KAFKA_PORT": "19092"}, ISOLATED)
    assert (project["name"], list(project["services"]), said) == ("streamguard-kafka", ["broker"], "")
    [port] = project["services"]["broker"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "19092", 19092)
    network = {"name": "kafka-network", "external": True}
    assert network.items() <= project["networks"]["kafka-network"].items()
    (tmp_path / "docker-compose.yml").write_text(joining())
    other, said = load(program, {}, tmp_path / "docker-compose.yml")
    assert (network.items() <= other["networks"]["default"].items(), said) == (True, "")


def test_the_dockerfile_has_the_stages_that_are_built_from_pinned_images(program: Path) -> None:
    found = stages(program, ROOT / "init" / "images" / "Dockerfile")
    targets = {service["build"]["target"] for service in services().values() if "build" in service}
    assert targets <= found.keys()
    assert all(base in found or base.rpartition(":")[2].count(".") >= 2 for base in found.values())
