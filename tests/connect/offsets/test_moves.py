from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.offsets.moves import (
    Move,
    Partition,
    Remembered,
    Standing,
    Target,
    control_moves,
    export,
    imported,
    loss,
    move,
    parse_target,
    reset_to,
    set_to,
    to_time,
    warnings,
)
from streamguard.connect.offsets.reading import Control
from streamguard.errors import Refused, StreamguardError, TopicError

HALF = Partition("t", 0, committed=50, first=10, end=100)
FRESH = Partition("t", 1, committed=None, first=20, end=30)
LEFT = Partition("old", 0, committed=5, first=0, end=5, is_read=False)
SINK = Standing("c", "connect-c", (HALF, FRESH, LEFT))
CONTROL = Partition("control", 0, committed=7, first=0, end=9)
ICEBERG = replace(SINK, control=Control("connect-c-coord", "control"), control_partitions=(CONTROL,))


def after(moves: list[Move]) -> dict[tuple[str, int], int | None]:
    return {one.partition.place: one.after for one in moves}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("users:3=120", Target("users", 3, "120")),
        ("users=earliest", Target("users", None, "earliest")),
        ("a.b-c_d:0=+1", Target("a.b-c_d", 0, "+1")),
        ("t=-100", Target("t", None, "-100")),
    ],
)
def test_targets_are_written_as_topic_partition_and_offset(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "t", "t=", "t:x=1", "t:1", "=1", "t:1=1.5", "t:-1=1", "t:1=1=1"])
def test_what_is_no_target_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="TOPIC:PARTITION=OFFSET"):
        parse_target(text)


def test_a_topic_alone_means_all_its_partitions_and_what_is_not_named_stays() -> None:
    assert after(set_to(SINK, [parse_target("t=25")])) == {("t", 0): 25, ("t", 1): 25}
    assert after(set_to(SINK, [parse_target("t:1=latest")])) == {("t", 1): 30}
    assert after(set_to(SINK, [parse_target("t=earliest"), parse_target("t:0=60")])) == {("t", 0): 60, ("t", 1): 20}


def test_a_step_goes_from_where_it_is_and_not_beyond_what_there_is() -> None:
    assert after(set_to(SINK, [parse_target("t=+5")])) == {("t", 0): 55, ("t", 1): 25}
    assert after(set_to(SINK, [parse_target("t=-1000")])) == {("t", 0): 10, ("t", 1): 20}
    assert after(set_to(SINK, [parse_target("t=+1000")])) == {("t", 0): 100, ("t", 1): 30}


@pytest.mark.parametrize("where", ["9", "101", "99999"])
def test_an_offset_that_a_worker_would_take_and_kafka_does_not_have_is_refused(where: str) -> None:
    with pytest.raises(Refused, match="has the offsets 10 to 100"):
        set_to(SINK, [parse_target(f"t:0={where}")])


@pytest.mark.parametrize("text", ["nope=1", "t:7=1", "old=1"])
def test_a_topic_or_partition_that_the_sink_does_not_read_is_refused_though_a_worker_takes_it(text: str) -> None:
    with pytest.raises(TopicError, match="c reads no"):
        set_to(SINK, [parse_target(text)])


def test_a_reset_takes_all_partitions_also_those_without_an_offset_and_none_that_is_not_read() -> None:
    assert after(reset_to(SINK, "earliest")) == {("t", 0): 10, ("t", 1): 20}
    assert after(reset_to(SINK, "latest")) == {("t", 0): 100, ("t", 1): 30}
    assert after(reset_to(SINK, "none")) == {("t", 0): None, ("t", 1): None}


def test_going_back_loses_nothing_and_going_on_is_a_loss_that_is_counted() -> None:
    assert loss(SINK, reset_to(SINK, "earliest")) == ""
    assert loss(SINK, reset_to(SINK, "latest")) == "60 records would be skipped"
    assert [(one.skipped, one.repeated) for one in reset_to(SINK, "earliest")] == [(0, 40), (0, 0)]


def test_forgetting_offsets_loses_nothing_unless_the_sink_begins_elsewhere() -> None:
    assert loss(SINK, reset_to(SINK, "none")) == ""
    late = replace(SINK, reset="latest")
    assert loss(late, reset_to(late, "none")) == "60 records would be skipped"
    never = replace(SINK, reset="none")
    assert "its tasks would fail" in loss(never, reset_to(never, "none"))


def test_a_time_takes_the_first_record_that_is_as_young_and_the_end_where_there_is_none() -> None:
    assert after(to_time(SINK, {("t", 0): 30, ("t", 1): None})) == {("t", 0): 30, ("t", 1): 30}


def test_an_iceberg_sinks_second_group_is_kept_or_goes_to_the_end_or_the_beginning() -> None:
    assert control_moves(ICEBERG, "keep") == []
    assert after(control_moves(ICEBERG, "end")) == {("control", 0): 9}
    assert after(control_moves(ICEBERG, "earliest")) == {("control", 0): 0}
    assert control_moves(SINK, "end") == []


def test_passing_over_files_that_are_not_in_the_table_is_a_loss_unless_everything_is_read_again() -> None:
    end = control_moves(ICEBERG, "end")
    assert loss(ICEBERG, [*reset_to(ICEBERG, "earliest"), *end]) == ""
    assert loss(ICEBERG, [*reset_to(ICEBERG, "none"), *end]) == ""
    told = loss(ICEBERG, [*set_to(ICEBERG, [parse_target("t:0=10")]), *end])
    assert told == "up to 2 data files that are not in the table yet would never be put there"


def test_what_is_wrong_with_where_a_sink_stands_is_told() -> None:
    assert warnings(ICEBERG) == []
    gone = replace(HALF, committed=3)
    anew = replace(FRESH, committed=31)
    missing = Partition("gone", 0, None, known=False)
    told = warnings(replace(SINK, partitions=(gone, anew, missing)))
    assert "7 records were deleted by retention" in told[0]
    assert "ends at 30, before the sink's 31" in told[1]
    assert "gone, partition 0 does not exist in Kafka" in told[2]


def test_a_control_topic_that_was_made_anew_is_told_because_the_table_ignores_its_events() -> None:
    (told,) = warnings(replace(ICEBERG, control_partitions=(replace(CONTROL, committed=500),)))
    assert "the table ignores its events until they pass" in told


def test_a_control_topic_that_was_made_anew_is_told_by_what_the_table_remembers_since_the_group_forgets() -> None:
    """Kafka deletes the offsets of groups with a topic."""
    forgotten = replace(ICEBERG, control_partitions=(replace(CONTROL, committed=2),))
    beyond, within = (Remembered("shop.orders", "control", 0, offset) for offset in (CONTROL.end + 1, CONTROL.end))
    (told,) = warnings(replace(forgotten, remembered=(beyond,)))
    assert f"before the {CONTROL.end + 1} that shop.orders remembers" in told
    assert "iceberg.control.topic to a name that was never used" in told
    assert warnings(replace(forgotten, remembered=(within, Remembered("shop.orders", "other", 0, 99_999)))) == []


def test_an_export_is_imported_to_where_it_was() -> None:
    document = export(ICEBERG)
    elsewhere = replace(
        ICEBERG,
        partitions=(replace(HALF, committed=90), FRESH, LEFT),
        control_partitions=(replace(CONTROL, committed=9),),
    )
    moves = imported(elsewhere, document)
    assert after(moves) == {("t", 0): 50, ("old", 0): 5, ("control", 0): 7}
    assert loss(elsewhere, moves) == ""


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"offsets": [{"topic": "t"}]},
        {"offsets": [{"topic": "t", "partition": 0, "offset": -1}]},
        {"offsets": [{"topic": "t", "partition": "0", "offset": 1}]},
        {"offsets": [{"topic": "t", "partition": 0, "offset": True}]},
        {"offsets": 3},
        {"offsets": [{"topic": "t", "partition": 3, "offset": 1}]},
    ],
)
def test_a_file_that_is_none_of_ours_is_one_sentence(entry: dict[str, object]) -> None:
    with pytest.raises(StreamguardError):
        imported(SINK, entry)


@given(st.integers(0, 50), st.integers(0, 50), st.none() | st.integers(0, 150), st.integers(-10, 150))
def test_a_move_is_within_what_there_is_and_accounts_for_every_offset_between(
    first: int, length: int, committed: int | None, wanted: int
) -> None:
    partition = Partition("t", 0, committed, first, first + length)
    try:
        found = move(partition, wanted)
    except Refused:
        assert not first <= wanted <= first + length
        return
    assert first <= wanted <= first + length
    assert not (found.skipped and found.repeated)
    if committed is not None:
        assert partition.at + found.skipped - found.repeated == wanted
