from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.plan import Change, KeyChange, diff, has_changes

KEYS = st.sampled_from(["topics", "tasks.max", "connection.uri", "a", "b", "c.d", "transforms"])
CONFIGS = st.dictionaries(KEYS, st.text(max_size=8), max_size=6)
SETS = st.dictionaries(st.sampled_from(["x", "y", "z"]), CONFIGS, max_size=3)
MASKS = st.sampled_from(["***", "********", "•••", "[hidden]"])


def after(change: Change, deployed: dict[str, str]) -> dict[str, str]:
    """What a worker makes of a change: a merge, None removes."""
    merged = {**deployed, **change.patch}
    return {key: value for key, value in merged.items() if value is not None}


@given(SETS, SETS)
def test_a_plan_is_empty_after_it_was_applied(
    desired: dict[str, dict[str, str]], old: dict[str, dict[str, str]]
) -> None:
    new = {**old, **{change.name: after(change, old.get(change.name, {})) for change in diff(desired, old)}}
    assert not has_changes(diff(desired, new))
    assert {name: new[name] for name in desired} == desired


@given(SETS)
def test_order_the_injected_name_and_internal_keys_are_no_difference(desired: dict[str, dict[str, str]]) -> None:
    deployed = {
        name: {"__internal.config.version": "3", "name": name, **dict(reversed(config.items()))}
        for name, config in desired.items()
    }
    assert not has_changes(diff(desired, deployed))


@given(SETS, MASKS)
def test_what_a_server_masks_counts_as_equal(desired: dict[str, dict[str, str]], mask: str) -> None:
    deployed = {name: dict.fromkeys(config, mask) for name, config in desired.items()}
    assert not has_changes(diff(desired, deployed))


def test_a_mask_is_never_part_of_a_patch() -> None:
    desired = {"c": {"connection.uri": "${env:URI}", "topics": "new"}}
    deployed = {"c": {"connection.uri": "•••", "topics": "old"}}
    assert diff(desired, deployed)[0].patch == {"topics": "new"}


def test_connectors_that_nobody_names_are_left_alone() -> None:
    assert diff({}, {"foreign": {"a": "1"}}) == []


def test_a_key_that_is_gone_is_removed_and_a_number_equals_its_text() -> None:
    (change,) = diff({"c": {"a": "1"}}, {"c": {"a": "1", "b": "2"}})
    assert change == Change("c", "update", (KeyChange("b", "2", None),))
    assert change.patch == {"b": None}


def test_a_plan_reads_as_lines_with_secrets_masked() -> None:
    desired = {"c": {"topics": "t", "connection.uri": "${env:URI}", "new": "1"}}
    deployed = {"c": {"topics": "s", "connection.uri": "mongodb://u:hunter2@h/", "s3.secret-access-key": "abc"}}
    assert str(diff(desired, deployed)[0]).splitlines() == [
        "~ c: update",
        "    ~ connection.uri = ******** -> ${env:URI}",
        "    + new = 1",
        "    - s3.secret-access-key = ********",
        "    ~ topics = s -> t",
    ]
