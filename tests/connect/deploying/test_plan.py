from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.deploying.plan import Abilities, Change, KeyChange, Write, counts, diff, has_changes
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State
from streamguard.connect.templates.own import OWNER, REFERENCES, Owner, stamped
from streamguard.connect.templates.render import Connector

KEYS = st.sampled_from(["topics", "tasks.max", "connection.uri", "a", "b", "c.d", "transforms"])
CONFIGS = st.dictionaries(KEYS, st.text(max_size=8), max_size=6)
SETS = st.dictionaries(st.sampled_from(["x", "y", "z"]), CONFIGS, max_size=3)
MASKS = st.sampled_from(["***", "********", "•••", "[hidden]"])
OLD = Abilities(patch=False, initial_state=False, stop=False, reset=False)


def one(name: str = "c", state: State = "running", **config: str) -> Connector:
    return Connector(name, {key.replace("__", "."): value for key, value in config.items()}, Path("t"), state)


def several(configs: dict[str, dict[str, str]]) -> list[Connector]:
    return [Connector(name, config, Path("t")) for name, config in configs.items()]


def there(name: str = "c", state: str = "RUNNING", **config: str) -> Deployed:
    status = ConnectorStatus(name, state, "w", "sink", "", ())
    return Deployed(name, {key.replace("__", "."): value for key, value in config.items()}, status)


def deployed(configs: dict[str, dict[str, str]]) -> dict[str, Deployed]:
    return {name: Deployed(name, config, there().status) for name, config in configs.items()}


def change(
    wanted: Connector,
    present: Deployed | None,
    abilities: Abilities | None = None,
    *,
    force_secrets: bool = False,
    take_over: bool = False,
) -> Change:
    found = {present.name: present} if present else {}
    return diff([wanted], found, abilities, force_secrets=force_secrets, take_over=take_over)[0]


def after(change: Change, present: dict[str, str]) -> dict[str, str]:
    """What a worker makes of a change: a merge, None removes."""
    merged = {**present, **change.patch}
    return {key: value for key, value in merged.items() if value is not None}


def test_what_is_created_is_a_line_and_whole_if_that_is_asked_for() -> None:
    (change,) = diff(several({"a": {"topics": "t", "password": "hunter2"}}), {})
    assert str(change) == "+ a: create (POST)"
    assert change.text(whole=True).splitlines()[:1] == ["+ a: create (POST)"]
    assert "    + topics = t" in change.text(whole=True).splitlines()
    assert "hunter2" not in change.text(whole=True)


@given(SETS, SETS)
def test_a_plan_is_empty_after_it_was_applied(
    desired: dict[str, dict[str, str]], old: dict[str, dict[str, str]]
) -> None:
    changes = diff(several(desired), deployed(old))
    new = {**old, **{change.name: after(change, old.get(change.name, {})) for change in changes}}
    assert not has_changes([change for change in diff(several(desired), deployed(new)) if not change.refusal])
    refused = {change.name for change in changes if change.refusal}
    assert {name: new[name] for name in desired if name not in refused} == {
        name: config for name, config in desired.items() if name not in refused
    }


@given(SETS)
def test_quirk_13_order_the_injected_name_and_internal_keys_are_no_difference(
    desired: dict[str, dict[str, str]],
) -> None:
    shown = {
        name: {"__internal.config.version": "3", "name": name, **dict(reversed(config.items()))}
        for name, config in desired.items()
    }
    assert not has_changes(diff(several(desired), deployed(shown)))


@given(SETS, MASKS)
def test_quirk_13_what_a_server_masks_counts_as_equal(desired: dict[str, dict[str, str]], mask: str) -> None:
    shown = {name: dict.fromkeys(config, mask) for name, config in desired.items()}
    assert not has_changes(diff(several(desired), deployed(shown)))


def test_quirk_13_a_mask_is_never_part_of_a_write() -> None:
    wanted, present = one(connection__uri="${env:URI}", topics="new"), there(connection__uri="•••", topics="old")
    assert change(wanted, present).writes == (Write("patch", "c", {"topics": "new"}),)
    assert change(wanted, present, OLD).writes == (Write("put", "c", dict(wanted.config)),)


@pytest.mark.parametrize("abilities", [Abilities(), OLD], ids=["PATCH", "PUT"])
def test_a_mask_that_a_template_holds_is_never_sent(abilities: Abilities) -> None:
    exported = one(connection__uri="•••", topics="new")
    refused = change(exported, None, abilities)
    assert refused.writes == ()
    assert "connection.uri is the mask of a server" in refused.refusal
    update = change(exported, there(connection__uri="•••", topics="old"), abilities)
    assert not any("•••" in str(write.config) for write in update.writes)


def test_stars_in_a_key_that_is_no_secret_are_a_value() -> None:
    assert not change(one(transforms__mask__replacement="***"), None).refusal


def test_a_masked_reference_that_was_replaced_is_seen_by_the_digest_and_written() -> None:
    before, now = (stamped(one(connection__uri=f"${{env:{name}}}", topics="t"), Owner("o", "p")) for name in "AB")
    present = Deployed("c", {**before.config, "connection.uri": "•••"}, there().status)
    assert change(before, present).action == "unchanged"
    assert change(now, present).patch == {"connection.uri": "${env:B}", REFERENCES: now.config[REFERENCES]}


def test_force_secrets_writes_what_is_masked() -> None:
    wanted, present = one(connection__uri="${env:URI}"), there(connection__uri="[hidden]")
    assert change(wanted, present, force_secrets=True).patch == {"connection.uri": "${env:URI}"}


def test_connectors_that_nobody_names_are_left_alone() -> None:
    assert diff([], {"foreign": there("foreign")}) == []


def test_quirk_7_an_identical_config_has_no_write_at_all() -> None:
    same = change(one(a="1"), there(a="1", name="c"))
    assert (same.action, same.writes) == ("unchanged", ())


def test_a_key_that_is_gone_is_removed_and_a_number_equals_its_text() -> None:
    numbers: dict[str, str] = {"a": 1, "t": True, "b": "2"}  # type: ignore[dict-item]
    found = change(one(a="1", t="true"), Deployed("c", numbers, there().status))
    assert (found.action, found.keys) == ("update", (KeyChange("b", "2", None),))
    assert found.patch == {"b": None}


def test_a_plan_reads_as_lines_with_secrets_masked() -> None:
    wanted = one(topics="t", connection__uri="${env:URI}", new="1")
    present = there(topics="s", **{"connection__uri": "mongodb://u:hunter2@h/", "s3.secret-access-key": "abc"})
    assert str(change(wanted, present)).splitlines() == [
        "~ c: update (PATCH config)",
        "    ~ connection.uri = ******** -> ${env:URI}",
        "    + new = 1",
        "    - s3.secret-access-key = ********",
        "    ~ topics = s -> t",
    ]


@pytest.mark.parametrize(
    ("before", "wanted", "writes"),
    [
        ("RUNNING", "running", ["PATCH config"]),
        ("FAILED", "running", ["PATCH config"]),
        ("RUNNING", "paused", ["PUT pause", "PATCH config"]),
        ("RUNNING", "stopped", ["PUT stop", "PATCH config"]),
        ("PAUSED", "stopped", ["PUT stop", "PATCH config"]),
        ("STOPPED", "paused", ["PATCH config", "PUT pause"]),
        ("STOPPED", "running", ["PATCH config", "PUT resume"]),
        ("PAUSED", "running", ["PATCH config", "PUT resume"]),
        ("UNASSIGNED", "paused", ["PUT pause", "PATCH config"]),
        ("UNASSIGNED", "running", ["PATCH config"]),
        ("PAUSED", "paused", ["PATCH config"]),
    ],
)
def test_a_new_config_never_runs_in_a_state_that_was_not_meant_for_it(
    before: str, wanted: State, writes: list[str]
) -> None:
    found = change(one(state=wanted, a="2"), there(state=before, a="1"))
    assert [str(write) for write in found.writes] == writes


@pytest.mark.parametrize(
    ("before", "wanted", "action", "writes"),
    [
        ("RUNNING", "paused", "pause", ["PUT pause"]),
        ("STOPPED", "running", "resume", ["PUT resume"]),
        ("PAUSED", "stopped", "stop", ["PUT stop"]),
        ("PAUSED", "paused", "unchanged", []),
        ("STOPPED", "stopped", "unchanged", []),
        ("FAILED", "running", "unchanged", []),
    ],
)
def test_a_state_that_differs_is_a_change_of_its_own(
    before: str, wanted: State, action: str, writes: list[str]
) -> None:
    found = change(one(state=wanted), there(state=before))
    assert (found.action, [str(write) for write in found.writes]) == (action, writes)


def test_what_is_created_as_stopped_is_created_in_that_state_by_one_request() -> None:
    found = change(one(state="stopped", topics="t"), None)
    assert found.writes == (Write("create", "c", {"topics": "t"}, "stopped"),)
    assert str(found) == "+ c: create as stopped (POST)"
    assert found.row()["writes"] == [
        {"method": "POST", "path": "/connectors", "initial_state": "STOPPED", "keys": ["topics"]}
    ]


def test_a_worker_that_can_not_create_a_connector_as_stopped_is_not_asked_to() -> None:
    found = change(one(state="stopped"), None, Abilities.of("3.6.2"))
    assert (found.writes, "Kafka 3.7 can" in found.refusal) == ((), True)


@pytest.mark.parametrize(
    ("version", "abilities"),
    [
        ("4.3.1", Abilities()),
        ("3.7.1", Abilities(patch=False)),
        ("3.6.0", Abilities(patch=False, initial_state=False)),
        ("2.8.0", OLD),
        ("7.9.0-ccs", Abilities()),
        ("7.6.1-ce", Abilities(patch=False, initial_state=False)),
        ("8.0.0-ccs", Abilities()),
        ("4.4.0-SNAPSHOT", Abilities()),
        ("", Abilities()),
    ],
)
def test_what_a_worker_can_do_is_known_from_its_version(version: str, abilities: Abilities) -> None:
    assert Abilities.of(version) == abilities


def test_a_deletion_with_its_offsets_stops_the_connector_first() -> None:
    present = {"c": there()}
    (plain,), (reset,) = (diff([], present, delete=["c"], reset_offsets=on) for on in (False, True))
    assert [str(write) for write in plain.writes] == ["DELETE"]
    assert [str(write) for write in reset.writes] == ["PUT stop", "DELETE offsets", "DELETE"]
    assert str(reset) == "- c: delete (PUT stop, DELETE offsets, DELETE)"


def test_a_connector_of_another_owner_is_not_written_unless_it_is_taken_over() -> None:
    wanted = stamped(one(topics="new"), Owner("us", "bank"))
    theirs = there(topics="old", **{OWNER: "them/bank"})
    refused = change(wanted, theirs)
    assert (refused.writes, str(refused)) == (
        (),
        "! c: refused: it belongs to them/bank and not to us/bank: --take-over changes it all the same",
    )
    assert change(wanted, theirs, take_over=True).patch == {"topics": "new", OWNER: "us/bank"}
    assert not change(wanted, there(topics="old", **{OWNER: "us/card"})).refusal
    assert not change(wanted, there(topics="old")).refusal


def test_changes_are_counted_in_words() -> None:
    changes = diff([one("a"), one("b"), one("c", a="1")], {"b": there("b"), "c": there("c")})
    assert counts(changes) == "1 to create, 1 to update, 1 unchanged"
