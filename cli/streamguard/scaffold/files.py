"""The files of a new pipeline: statements, cases, world, connectors, what a stack needs. Checked before they stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.parameters import kinds
from streamguard.connect.templates.pieces import PIECES
from streamguard.connect.templates.scaffold import New, remove, write_files
from streamguard.datagen.world.reading import FOLDER as WORLDS
from streamguard.engine.client.declared import names, read_files
from streamguard.engine.language.tokens import variables_in
from streamguard.engine.testing.case_files import SUFFIX, read_cases
from streamguard.engine.testing.cases import judge
from streamguard.errors import Refused, StreamguardError
from streamguard.project import Project, did_you_mean, shipped
from streamguard.scaffold.answers import Answers, Field
from streamguard.scaffold.samples import Found, find
from streamguard.scaffold.statements import Split, sql, streams
from streamguard.scaffold.world import DRAWN, Sample, world
from streamguard.settings import Settings

PARTITIONS = 4
KINDS = {"mongodb": "mongodb", "s3": "iceberg"}
"""The pieces of templates that sinks are made of."""
ICEBERG = {"STRING": "string", "INT": "int", "BIGINT": "long", "DOUBLE": "double", "BOOLEAN": "boolean"}
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")
_FOREVER = {"retention.ms": -1}
_LETTERS = {"partitions": 1, "config": {**_FOREVER, "max.message.bytes": 16777216}}


@dataclass(frozen=True)
class Made:
    """What was written; of the world's first `drawn` records the rule takes `taken`."""

    files: tuple[Path, ...]
    taken: int
    drawn: int
    found: Found


def check_new(pipeline: str, project: Project) -> None:
    """Raises Refused if there is such a pipeline."""
    if pipeline in project.pipelines():
        raise Refused(f"there is a pipeline {pipeline} already, and it is not written over: take another name")


def create(answers: Answers, project: Project, settings: Settings) -> Made:
    """Write the pipeline; nothing is left of it if something of it does not pass the checks that a user would run.

    Raises:
        Refused: the engine refuses the rule, or a name is taken.
        ProjectError: a file is there already.
    """
    _check_variables(answers)
    split = Split(answers)
    _check_free(answers, project)
    found = find(answers, split, Random(0))  # noqa: S311  no secret: the same rule, the same examples
    sample = world(answers, split, found)
    files = texts(answers, project, split, found, sample)
    write_files(files, project)
    try:
        _check_written(answers, project, settings)
    except BaseException:
        remove(files)
        raise
    return Made(tuple(files), sample.taken, DRAWN, found)


def texts(answers: Answers, project: Project, split: Split, found: Found, sample: Sample) -> dict[Path, str]:
    """Every file and its text, in the order in which one reads them."""
    name = answers.pipeline
    head = f"# What `streamguard produce {name}` writes. `streamguard world schema` says what can stand here.\n\n"
    files = {
        project.init / f"{name}.yml": _pipeline(answers),
        project.init / WORLDS / f"{name}.yml": head + _yaml(sample.document),
        project.ksql / name / "01-split.sql": sql(answers),
        project.ksql / name / f"{name}{SUFFIX}": _cases(answers, split, found),
    }
    for sink in answers.sinks:
        files |= _connector(answers, sink).files(project)
    return files


def _pipeline(answers: Answers) -> str:
    name = answers.pipeline
    topics: dict[str, Any] = {
        topic: {"partitions": PARTITIONS} for topic in (answers.topic, answers.flagged, answers.passed)
    }
    variables = {key: _as_typed(text) for key, text in answers.variables.items()}
    document: dict[str, Any] = {"variables": variables} if variables else {}
    document |= {"topics": topics, "generator": {"world": name, "topic": answers.topic}}
    for sink in answers.sinks:
        topics[f"{answers.sink(sink)}-dead-letter"] = _LETTERS
    if "mongodb" in answers.sinks:
        document["mongodb"] = {"database": answers.stream}
    if "s3" in answers.sinks:
        topics[f"{answers.sink('s3')}-control"] = {"partitions": 1, "config": _FOREVER}
        columns = {each.name.lower(): ICEBERG[each.type] for each in answers.fields}
        table = {**columns, "_partition": "int", "_offset": "long"}
        document["lake"] = {"namespace": answers.stream, "tables": {"flagged": table}}
    return f"# The pipeline {name}: what a fresh stack needs, and `streamguard up {name}` makes.\n\n" + _spaced(
        document
    )


def _as_typed(text: str) -> Any:
    """A number without quotes, if it comes back as the same text."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return read if isinstance(read, int | float) and str(read) == text else text


def _connector(answers: Answers, sink: str) -> New:
    given: dict[str, Any] = {"topics": [answers.flagged]}
    if sink == "mongodb":
        # No position repeats within a batch, so one bad document need not hold up the rest.
        given |= {"tasks_max": 2, "collection": "flagged", "id_source": "position", "ordered": False}
        about = "What the rule takes, a document of each record: its place in the topic is its _id."
    else:
        given |= {"table": "flagged"}
        about = "What the rule takes, appended to an Iceberg table with its partition and offset."
    return New(KINDS[sink], answers.sink(sink), answers.pipeline, given, about)


def _cases(answers: Answers, split: Split, found: Found) -> str:
    cases = [
        _case(answers, name, row, taken=taken)
        for name, row, taken in (
            ("what the rule takes is flagged", found.taken, True),
            ("what it does not take passes", found.left, False),
        )
        if row is not None
    ]
    without = split.of({})
    if without is not None:
        goes = "flagged" if without else "passed on"
        cases.append(_case(answers, f"a record without any field is {goes}", {}, taken=without))
    if not cases:
        raise Refused(f"the rule {answers.rule!r} can not be worked out for any record that was tried")
    both = found.taken is not None and found.left is not None
    note = "" if both else "# No record was found that goes the other way: add one that does.\n"
    head = f"# Cases of the statements in this folder: `streamguard ksql test ksql/{answers.pipeline}`.\n{note}\n"
    return head + _yaml({"cases": cases})


def _case(answers: Answers, name: str, row: Mapping[str, Any], *, taken: bool) -> dict[str, Any]:
    to, other = (answers.flagged, answers.passed) if taken else (answers.passed, answers.flagged)
    written = {each.written: _as_written(each, row.get(each.name)) for each in answers.fields}
    return {
        "name": name,
        "inputs": [{"topic": answers.topic, "key": "k1", "value": dict(row), "time": 1000}],
        "outputs": [{"topic": to, "key": "k1", "time": 1000, "value": written}],
        "empty": [other],
    }


def _as_written(field: Field, value: Any) -> Any:
    return float(value) if field.type == "DOUBLE" and value is not None else value


def _spaced(document: Mapping[str, Any]) -> str:
    """With an empty line between its parts."""
    return "\n".join(_yaml({key: value}) for key, value in document.items())


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(
        dict(document), Dumper=_Plain, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )


class _Plain(yaml.SafeDumper):
    """Without anchors: what is the same twice is written twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _check_variables(answers: Answers) -> None:
    wanted = {name.lower() for name in variables_in(answers.rule)}
    for name in answers.variables:
        if not _VARIABLE.fullmatch(name):
            raise Refused(f"{name!r} is no name of a variable: a small letter, then small letters, digits and _")
        if name not in wanted:
            raise Refused(
                f"the rule does not use the variable {name}: write ${{{name}}} in it{did_you_mean(name, wanted)}"
            )


def _check_free(answers: Answers, project: Project) -> None:
    """Names that others have: the pipeline, its topics, its streams; and pieces that the sinks need."""
    check_new(answers.pipeline, project)
    for sink in answers.sinks:
        if KINDS[sink] not in kinds(project.connectors):
            source = shipped() / "connectors" / PIECES
            raise Refused(f"{project.connectors / PIECES} has no {KINDS[sink]}-sink.j2: copy what is in {source}")
    topics, declared = _others(project)
    own = (answers.topic, answers.flagged, answers.passed)
    for kind, mine, taken in (("topic", own, topics), ("stream", streams(answers), declared)):
        for name in mine:
            if name in taken:
                raise Refused(f"the {kind} {name} belongs to the pipeline {taken[name]}: take another name")


def _others(project: Project) -> tuple[dict[str, str], dict[str, str]]:
    """The topics and the streams of the project, with the pipelines that they belong to."""
    topics: dict[str, str] = {}
    declared: dict[str, str] = {}
    for name in project.pipelines():
        with suppress(StreamguardError):  # what is wrong with another pipeline is told when that is used
            pipeline = project.pipeline(name)
            topics |= {topic.name: name for topic in pipeline.topics}
            statements = read_files(project.statements(name), pipeline.variables)
            declared |= dict.fromkeys(names(statements), name)
    return topics, declared


def _check_written(answers: Answers, project: Project, settings: Settings) -> None:
    """As `ksql test` and `connectors lint --strict` do. Raises Refused, or what the checks raise."""
    cases = project.ksql / answers.pipeline / f"{answers.pipeline}{SUFFIX}"
    for case in read_cases(cases):
        for line in judge(case):
            raise Refused(f"the pipeline can not be written, its case {case.name!r} fails: {line}")
    pipeline = project.pipeline(answers.pipeline)
    topics = {topic.name: topic.partitions for topic in pipeline.topics}
    for finding in lint(render_pipeline(project, settings, pipeline), Facts(topics=topics)):
        raise Refused(f"the pipeline can not be written, lint has something against it: {finding}")
