"""The same servers in containers: docker compose, called as a person would, with the ports of the settings.

The passwords of the containers are made at the first start and kept in the project's `.env` (mode 0600), which docker
compose reads by itself; `settings` reads them in mode `compose`.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from dotenv import dotenv_values

from streamguard.errors import StackError, StorageError
from streamguard.model import Pipeline
from streamguard.project import Project
from streamguard.settings import (
    CONTAINERS,
    PREFIX,
    Settings,
    env_file,
    inherited_environment,
    variable,
    worker_variables,
    write_env_file,
    write_private,
)

FILE = "docker-compose.yml"
VALUES = "compose"
"""The values of the connectors: the addresses that containers have for each other."""
START_SECONDS = 900
"""How long containers may take to be healthy, once their images are there."""
DOCKER = "https://docs.docker.com/engine/install/"
SECRETS: Mapping[str, Callable[[], str]] = {
    "S3_ACCESS_KEY": lambda: f"SG{secrets.token_hex(9).upper()}",
    "S3_SECRET_KEY": lambda: secrets.token_urlsafe(30),
    "MONGODB_PASSWORD": lambda: secrets.token_urlsafe(24),
    "POSTGRES_PASSWORD": lambda: secrets.token_urlsafe(24),
    "GRAFANA_PASSWORD": lambda: secrets.token_urlsafe(12),
}
"""What `.env` holds for the containers, below `STREAMGUARD_COMPOSE_…`; all of them may stand in a URI as they are."""
CLOUD_FILE = "cloud.env"
"""In the data directory: what the Connect worker gets of the variables `MY_…`."""
_HEADING = "\n# Passwords of the containers, generated at their first start. Keep this file to yourself.\n"


def make_secrets(project: Path) -> list[str]:
    """Add to `.env` what it lacks of the containers' secrets, and let nobody else read it; the names of those added."""
    path = env_file(project)
    there = path.read_text() if path.exists() else ""
    known = dotenv_values(path) if there else {}
    lacking = [name for name in SECRETS if not known.get(CONTAINERS + name)]
    try:
        if lacking:
            lines = [f"{CONTAINERS}{name}={SECRETS[name]()}\n" for name in lacking]
            write_private(
                path, there + ("\n" if there and not there.endswith("\n") else "") + _HEADING + "".join(lines)
            )
        path.chmod(0o600)
    except OSError as exc:
        raise StorageError(f"{path} can not be written: {exc.strerror}") from exc
    return lacking


def profiles(pipeline: Pipeline, *, produce: bool) -> list[str]:
    """The profiles of the compose file that a pipeline needs beside the servers: its services, its generator."""
    wanted = [pipeline.name] if pipeline.services else []
    return wanted + ([f"produce-{pipeline.name}"] if produce and pipeline.generator is not None else [])


def command(project: Project, names: Sequence[str], *arguments: str) -> list[str]:
    """The call of docker compose, with the profiles of these names."""
    chosen = [word for name in names for word in ("--profile", name)]
    return ["docker", "compose", "--project-directory", str(project.root), *chosen, *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """For docker compose: this process's environment, and the ports as the settings have them, offset and all."""
    ports = {
        variable(entry): str(getattr(settings, entry.name))
        for entry in fields(settings)
        if entry.name.endswith("_port")
    }
    return {**inherited_environment(), f"{PREFIX}DATA_DIR": str(settings.data_dir), **ports}


def run(project: Project, settings: Settings, names: Sequence[str], *arguments: str) -> None:
    """Call docker compose, whose output is the user's to see. Raises StackError when it can not, or says no."""
    require(project)
    done = subprocess.run(command(project, names, *arguments), env=environment(settings), check=False)
    if done.returncode != 0:
        raise StackError(
            f"docker compose {arguments[0]} ended with {done.returncode}, see above; "
            f"`docker compose ps --all` and `docker compose logs NAME` in {project.root} say more"
        )


def up(project: Project, settings: Settings, names: Sequence[str]) -> None:
    """Build the images and start the containers; it returns when all of them are healthy."""
    # Docker would make it, as root's, and the local stack could not write beside it then.
    (settings.data_dir / "secrets").mkdir(parents=True, exist_ok=True)
    write_cloud_file(settings)
    run(project, settings, names, "up", "--detach", "--build", "--wait", "--wait-timeout", str(START_SECONDS))


def write_cloud_file(settings: Settings) -> None:
    """What the worker's container gets of the variables `MY_…`, in a file that docker compose reads; none: no file."""
    path = settings.data_dir / CLOUD_FILE
    variables = worker_variables(settings)
    if variables:
        write_env_file(path, variables)
    else:
        path.unlink(missing_ok=True)


def down(project: Project, settings: Settings, *, wipe: bool) -> None:
    """Stop and remove the containers of all profiles; with `wipe` their volumes too."""
    run(project, settings, ["*"], "down", "--remove-orphans", *(["--volumes"] if wipe else []))


def require(project: Project) -> None:
    """Raises StackError, in one sentence, when there is no docker, no compose, or nothing to compose."""
    if not (project.root / FILE).is_file():
        raise StackError(f"there is no {FILE} in {project.root}: containers are started in a clone of the repository")
    if shutil.which("docker") is None:
        raise StackError(
            f"there is no docker on PATH: install it with its compose plugin ({DOCKER}), or run the servers in mode "
            "local, without containers"
        )
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if asked.returncode != 0:
        raise StackError(
            f"docker has no compose plugin: install it ({DOCKER}), or run the servers in mode local, without containers"
        )
