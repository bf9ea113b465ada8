"""The credentials file: written once, read by the launcher and by python-dotenv alike."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from streamguard.stack import credentials

# What a line can hold, without what dotenv expands on its own.
VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40).filter(
    lambda text: "${" not in text
)


@given(values=st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,20}", fullmatch=True), VALUES, max_size=4))
def test_what_is_written_is_read_by_both_readers(
    values: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("credentials")
    credentials.write(folder, values)
    assert credentials.read(folder) == values
    assert dotenv_values(folder / credentials.FILE) == values


def test_the_file_and_its_folder_are_for_this_user_only(tmp_path: Path) -> None:
    credentials.write(tmp_path / "data", {"NAME": "value"})
    assert stat.S_IMODE((tmp_path / "data" / credentials.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_without_a_file_there_are_no_credentials(tmp_path: Path) -> None:
    assert credentials.read(tmp_path) == {}


def test_a_value_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one line"):
        credentials.write(tmp_path, {"NAME": "a\nb"})
