"""A project whose templates refer to secrets that a worker knows, and the search for them in what commands say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from streamguard.commands.connectors import connectors as group
from streamguard.project import find_project
from tests.commands.leaky import CLASS, CONVERTER, Leaky
from tests.stack.sentinels import forms

PASSWORD = "pl@nted:m0ngo/p%41ss?#[w]+'$PATH\\rd\""
WORD = "correct-horse-battery"
KEY = "two words 'quoted' \"twice\""
SECRETS = {
    "${env:SENTINEL_URI}": f"mongodb://someone:{PASSWORD}@db:27017/",
    "${env:SENTINEL_WORD}": WORD,
    "${file:/run/s.properties:key}": KEY,
}
INLINE = "hunter2-inline"
IN_CLEAR = {"in clear": PASSWORD, "a word": WORD, "a text": KEY, "inline": INLINE}
BASE = {
    "connector.class": CLASS,
    "topics": "t",
    "tasks.max": "1",
    "key.converter": CONVERTER,
    "value.converter": CONVERTER,
}
TEMPLATES = {
    "whole": {"connection.uri": "{{ env('SENTINEL_URI') }}"},
    "options": {"connection.uri": "{{ env('SENTINEL_URI') }}?retryWrites=true"},
    "words": {"batch.words": "{{ env('SENTINEL_WORD') }}"},
    "token": {"some.token": "{{ file('/run/s.properties', 'key') }}"},
    "middle": {"some.option": "pre-{{ env('SENTINEL_WORD') }}-post"},
}
LIVE = {
    "foreign": {"connection.uri": "${env:SENTINEL_URI}", "some.option": "x-${env:SENTINEL_WORD}-y"},
    "careless": {"connection.uri": f"mongodb://someone:{INLINE}@db/", "some.password": INLINE},
    "whole": {"connection.uri": f"mongodb://someone:{INLINE}@db/"},
    "words": {"batch.words": INLINE, "pepper": INLINE},
}
"""What is there already: somebody else's, and, under two of our names, a secret where the template has a reference."""


def write_project(root: Path, topic: str = "t") -> None:
    """A pipeline `leaky` whose sinks read `topic`."""
    for folder in ("connectors/leaky", "connectors/values", "ksql", "init"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(find_project(Path(__file__)).connectors / "shared", root / "connectors" / "shared")
    world = f"topics: {{{topic}: {{partitions: 1}}}}\ngenerator: {{world: bank, topic: {topic}}}\n"
    (root / "init" / "leaky.yml").write_text(world)
    (root / "connectors" / "values" / "local.yml").write_text("{}\n")
    for name, changes in TEMPLATES.items():
        config = {**BASE, "topics": topic, **changes}
        (root / "connectors" / "leaky" / f"{name}.json.j2").write_text(json.dumps(config, indent=1))


def write_contexts(path: Path, worker: Leaky, **more: str) -> None:
    """A file with one context, the worker's."""
    context = {"urls": [worker.url], **more}
    path.write_text(json.dumps({"current": "leaky", "contexts": {"leaky": context}}))


def live(topic: str = "t", **more: str) -> dict[str, dict[str, str]]:
    """The configs that the worker has in the beginning; `_` is `.` in the names of keys that `more` has."""
    every = {key.replace("_", "."): value for key, value in more.items()}
    return {name: {**BASE, "topics": topic, **every, **changes, "name": name} for name, changes in LIVE.items()}


def found_in(text: str) -> list[str]:
    """Which secrets a text has in it."""
    content = text.encode(errors="surrogateescape")
    return [what for what, secret in IN_CLEAR.items() if any(form in content for form in forms(secret))]


def written(folder: Path) -> dict[str, list[str]]:
    """Files with secrets in them."""
    found = {str(path): found_in(path.read_text(errors="replace")) for path in folder.rglob("*") if path.is_file()}
    return {path: secrets for path, secrets in found.items() if secrets}


def check_silent(where: str, code: int, out: str, err: str, folder: Path) -> None:
    """A command said no secret, wrote none into a file of `folder`, and ended as commands end."""
    assert found_in(out + err) == [], where
    assert "Traceback" not in err, where + err
    assert "a bug of streamguard" not in err, where + err
    assert code in (0, 1, 2, 3, 4, 5), where + err
    assert written(folder) == {}, where


def commands(command: click.Command = group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below `connectors`, by its words as in ``offsets set``."""
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    for name in command.list_commands(click.Context(command)):
        found = command.get_command(click.Context(command), name)
        assert found is not None
        yield from commands(found, (*words, name))


def command_of(words: str) -> str:
    """Which of the commands some words call."""
    known = [name for name, _ in commands() if f"{words} ".startswith(f"{name} ")]
    assert len(known) == 1, f"{words} calls no command"
    return known[0]


def cases(given: Mapping[str, list[str]], *, few: bool) -> list[tuple[str, list[str]]]:
    """The words of every command, once for each output, with a name for each; `few`: not for those printed alike.

    A format is an output of its own.
    """
    by_name = dict(commands())
    every = [
        (words, more, output)
        for words, more in given.items()
        for output in ("--format" not in words and outputs_of(by_name[command_of(words)])) or ("",)
        if not (few and output in ("yaml", "ndjson"))
    ]
    return [
        (f"{words} {output}".strip(), words.split() + more + (["-o", output] if output else []))
        for words, more, output in every
    ]


def outputs_of(command: click.Command) -> tuple[str, ...]:
    """The outputs that a command knows."""
    choices = [option for option in command.params if "-o" in option.opts or "--output" in option.opts]
    return tuple(getattr(choices[0].type, "choices", ("table",))) if choices else ()
