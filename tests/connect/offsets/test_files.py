from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.offsets.files import by_name, read
from streamguard.errors import Refused, StreamguardError

GOOD = "{version: 1, kafka_cluster: k, connectors: [{name: c, offsets: [{topic: t, partition: 0, offset: 4}]}]}"


def test_json_and_yaml_are_read(tmp_path: Path) -> None:
    file = tmp_path / "offsets.yml"
    file.write_text(GOOD)
    assert by_name(read(file), "k", other_cluster=False)["c"]["offsets"][0]["offset"] == 4


def test_offsets_of_another_cluster_are_refused_unless_that_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "offsets.yml"
    file.write_text(GOOD)
    with pytest.raises(Refused, match="of the Kafka cluster k, and this is other"):
        by_name(read(file), "other", other_cluster=False)
    assert by_name(read(file), "other", other_cluster=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no connectors"),
        ("[1", "line 1 is neither"),
        ("connectors: 3", "has no connectors"),
        ("{version: 9, connectors: []}", "of version 9"),
        ("{version: 1, connectors: [3]}", "has no name"),
        ("{version: 1, connectors: [{name: c}]}", "has no offsets"),
        ("{version: 1, connectors: [{name: c, offsets: []}, {name: c, offsets: []}]}", "two entries for c"),
        ("\x00", "neither"),
    ],
)
def test_a_file_that_is_none_of_ours_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "offsets.yml"
    file.write_text(text)
    with pytest.raises(StreamguardError, match=says):
        by_name(read(file), "k", other_cluster=False)
