"""Whatever a config holds, lint says what it thinks of it, and never fails."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.connect.lint.definitions import definitions, shipped
from streamguard.connect.lint.rule import KINDS, Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.rest.answers import Plugin
from streamguard.connect.templates.render import Connector
from tests.connect.lint.test_rules import BASES, LISTED

KEYS = sorted(
    {key for case in LISTED for side in ("bad", "good") for key in case[side]}
    | {key for base in BASES.values() for key in base}
    | {"transforms..type", "transforms.", ".", "topics.regex", "predicates.p.type", "transforms.a.predicate"}
)
VALUES = [
    "",
    " ",
    ",",
    "http://[",
    "(",
    "[a",
    "${",
    "${env:X}",
    "9" * 40,
    "-1",
    "true",
    "a.b,c.d",
    "s3://",
    "{{",
    "*",
    "a" * 99,
]
TEXT = st.one_of(
    st.sampled_from(VALUES), st.sampled_from(["TimeBasedPartitioner", "RecordField", "all", "data"]), st.text()
)
FACTS = [
    Facts(),
    Facts(topics={"a": 1, "b": 3}),
    Facts(definitions(shipped().keys, [Plugin(name, "sink", "x") for name in KINDS], "8.1.0-ccs"), {}),
]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([*KINDS, "MongoSink", "", "x"]),
    config=st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text()), TEXT, max_size=25),
    known=st.integers(0, len(FACTS) - 1),
)
def test_lint_has_an_opinion_of_any_config(kind: str, config: dict[str, str], known: int) -> None:
    connector = Connector("c", {**config, "connector.class": kind}, Path("c.json.j2"))
    for finding in lint([connector, connector], FACTS[known]):
        assert finding.text
        assert finding.file == Path("c.json.j2")
