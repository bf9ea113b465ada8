"""Where Java's ahead-of-time caches are, and when they are made and used; `start.sh --build` makes real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.project import find_project
from streamguard.settings import Settings, load
from streamguard.stack import ahead
from streamguard.stack.jars import Lock, class_path, read_lock
from streamguard.stack.java import cache_file
from streamguard.stack.places import Places
from streamguard.stack.programs import table

PROJECT = find_project(Path(__file__))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"HOME": str(tmp_path), "STREAMGUARD_JAVA": str(tmp_path / "java")}
    return load(PROJECT.root, environ=environ, data_dir=tmp_path / "data")


@pytest.fixture
def lock() -> Lock:
    return read_lock()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_another_java_or_another_jar_means_another_cache(settings: Settings, lock: Lock, tmp_path: Path) -> None:
    java = write(tmp_path / "java", "25")
    files = [cache_file(settings.cache_dir, str(java), lock, "kafka")]
    write(java, "25.0.1")
    files.append(cache_file(settings.cache_dir, str(java), lock, "kafka"))
    write(Path(class_path(lock, settings.cache_dir / "jars").split(":")[0]), "a jar")
    files.append(cache_file(settings.cache_dir, str(java), lock, "kafka"))
    assert len(set(files)) == 3
    assert cache_file(settings.cache_dir, str(java), lock, "kafka") == files[-1]


def test_a_server_is_started_with_its_cache_once_there_is_one(settings: Settings, lock: Lock) -> None:
    def options(name: str) -> list[str]:
        programs = table(settings, PROJECT, Places(settings.data_dir), lock, "/usr/bin/java")
        return [option for option in programs[name].argv if "AOT" in option]

    assert options("kafka") == options("connect") == []
    cache = write(cache_file(settings.cache_dir, "/usr/bin/java", lock, "kafka"), "classes")
    assert (options("kafka"), options("connect")) == ([f"-XX:AOTCache={cache}"], [])


def test_nothing_is_started_when_the_caches_are_there(settings: Settings, lock: Lock, tmp_path: Path) -> None:
    java = write(tmp_path / "java", "#!/bin/sh\necho 'openjdk version \"25\"' >&2\n")
    java.chmod(0o755)
    for name in ahead.NAMES:
        write(cache_file(settings.cache_dir, str(java), lock, name), "classes")
    assert ahead.make_caches(settings, PROJECT, pytest.fail) is False


def test_an_older_java_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    java = write(tmp_path / "java", "#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    java.chmod(0o755)
    assert ahead.make_caches(settings, PROJECT, pytest.fail) is False
