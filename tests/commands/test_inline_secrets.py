"""A secret that stands in a template, a value, a file or an option is refused with exit 3 and never repeated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.project import find_project
from tests.commands.leaky import Leaky
from tests.commands.planting import BASE
from tests.commands.test_sentinels import project, worker
from tests.stack.sentinels import forms

pytestmark = pytest.mark.slow

__all__ = ["project", "worker"]  # fixtures

SECRETS = ["hunter2-inline", "s3nt1nel:with/odd%41 ch@rs'\"\\"]
COMMANDS = ["render", "lint", "validate", "plan", "deploy", "deploy --dry-run", "render --format properties"]


def is_told(text: str, secret: str) -> bool:
    return any(form in text.encode(errors="surrogateescape") for form in forms(secret))


def template(project: Path, config: dict[str, str]) -> Path:
    """The one template of the project."""
    folder = project / "connectors" / "leaky"
    for path in folder.iterdir():
        path.unlink()
    path = folder / "inline.json.j2"
    path.write_text(json.dumps({**BASE, **config}, indent=1))
    return path


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("key", ["some.token", "connection.uri", "some.option"])
def test_a_secret_in_a_template_is_refused_by_every_command_that_renders(
    *, key: str, words: str, secret: str, project: Path, worker: Leaky, capsys: pytest.CaptureFixture[str]
) -> None:
    value = {
        "some.token": secret,
        "connection.uri": f"mongodb://me:{secret}@db/",
        "some.option": f"user=me&password={secret}",
    }[key]
    template(project, {key: value})
    assert run(["-vvv", "--project", str(project), "connectors", *words.split()]) == 3
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, secret)
    assert key in told.out + told.err
    assert not any("inline" in name for name in worker.configs)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_among_the_values_or_options_is_refused(
    secret: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, {"some.option": "{{ db_password }}"})
    assert run(["--project", str(project), "connectors", "render", "--set", f"db_password={secret}"]) == 3
    (project / "connectors" / "values" / "local.yml").write_text(json.dumps({"db_password": secret}))
    assert run(["--project", str(project), "connectors", "plan"]) == 3
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, secret)


@pytest.mark.parametrize(
    "text",
    [
        '{"connector.class": "x", "some.token": "SECRET" "a": 1}',
        '{"connector.class": "x", "some.token": "SECRET"',
        '{"connector.class": "x", "connection.uri": "mongodb://me:SECRET@db/", }',
        '{"connector.class": "x", "some.token": "SECRET", "some.token": "b"}',
        '{"connector.class": "x", "some.token": ["SECRET"]}',
        '{"connector.class": "x", "some.token": "SECRET", "a": {{ missing }} }',
        '{"connector.class": "x", "some.token": "SECRET" {{ "SECRET" | nofilter }} }',
        '{"connector.class": "x", {% set token = "SECRET" %} "some.token": {{ 1 / 0 }} }',
    ],
)
def test_a_template_that_does_not_render_is_told_of_without_the_secret_in_it(
    text: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, {}).write_text(text.replace("SECRET", "hunter2-inline"))
    assert run(["-vvv", "--project", str(project), "connectors", "render"]) in (1, 3)
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, "hunter2-inline")
    assert "inline.json.j2" in told.err


@pytest.mark.parametrize(
    "text",
    [
        "db_password: [hunter2-inline",
        "db_password: 'hunter2-inline",
        "db_password: {a: {b: {c: hunter2-inline}}}",
        "DB-PASSWORD: hunter2-inline",
        "db_password: hunter2-inline\ndb_password: hunter2-inline",
    ],
)
def test_values_that_can_not_be_read_are_told_of_without_the_secret_in_them(
    text: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "connectors" / "values" / "local.yml").write_text(text)
    assert run(["-vvv", "--project", str(project), "connectors", "render"]) in (1, 3)
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, "hunter2-inline")
    assert "local.yml" in told.err or "db_password" in told.err


def test_a_context_with_a_secret_in_clear_is_refused_without_repeating_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for auth in ({"basic": {"user": "u", "password": "hunter2-inline"}}, {"bearer": "hunter2-inline"}):
        path = project.parent / "contexts.yml"
        path.write_text(json.dumps({"current": "c", "contexts": {"c": {"urls": ["http://h:1"], "auth": auth}}}))
        assert run(["-vvv", "--project", str(project), "connectors", "list"]) in (1, 3)
    url = {"urls": ["http://me:hunter2-inline@127.0.0.1:1"]}
    path.write_text(json.dumps({"current": "c", "contexts": {"c": url}}))
    assert run(["-vvv", "--project", str(project), "connectors", "list"]) in (1, 3)
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, "hunter2-inline")


def test_a_parameter_that_the_template_calls_sensitive_takes_no_value(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, {}).write_text(json.dumps(BASE)[:-1] + ', {% include "shared/pepper.j2" %}}')
    shared = project / "connectors" / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "pepper.j2").write_text('"some.option": "{{ pepper }}"')
    pepper = {"type": "string", "x-sensitive": True, "description": "What is added to every hash."}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Pepper", "type": "object"}
    (shared / "pepper.schema.yml").write_text(json.dumps({**schema, "properties": {"pepper": pepper}}))
    assert run(["-vvv", "--project", str(project), "connectors", "render", "--set", "pepper=hunter2-inline"]) == 3
    told = capsys.readouterr()
    assert "the parameter pepper is a secret" in told.err
    assert not is_told(told.out + told.err, "hunter2-inline")


def test_what_only_looks_like_a_secret_is_refused_unless_the_template_says_what_it_is(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "q7Rf2KzP9wXb4TnLm8Yc"
    path = template(project, {"some.option": token})
    for words in ("render", "plan", "deploy"):
        assert run(["-vvv", "--project", str(project), "connectors", words]) == 3
        told = capsys.readouterr()
        assert token not in told.out + told.err
    said = "{# lint: ignore looks-like-a-secret: the public id of our client #}"
    path.write_text(json.dumps(BASE)[:-1] + f',\n{said}\n"some.option": "{token}"}}')
    assert run(["--project", str(project), "connectors", "render"]) == 0
    assert run(["--project", str(project), "connectors", "deploy", "--settle", "0"]) == 0


@pytest.mark.parametrize(
    "url", ["jdbc:postgresql://me:SECRET@db:5432/x", "jdbc:postgresql://db/x?user=me&password=SECRET"]
)
def test_new_writes_no_secret_that_it_is_given(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = find_project(Path(__file__)).root
    for folder in ("connectors", "ksql", "init"):
        shutil.copytree(shipped / folder, tmp_path / folder)
    given = {"table": "users", "id_fields": "id", "columns": "id: string"}
    given["postgres_url"] = url.replace("SECRET", "hunter2-inline")
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    command = ["--project", str(tmp_path), "connectors", "new", "postgres", "a-sink", "-p", "bank", "--topics", "users"]
    assert run([*command, *words]) == 3
    told = capsys.readouterr()
    assert not is_told(told.out + told.err, "hunter2-inline")
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(is_told(text, "hunter2-inline") for text in texts)
