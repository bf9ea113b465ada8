"""Whether queries get on: a failure lasts until a commit, or until the loop has worked for a while without another."""

from __future__ import annotations

from streamguard.engine.runtime.health import ATTEMPTS, PROVEN_SECONDS, STUCK, Health


def test_a_loop_that_has_just_begun_is_well() -> None:
    health = Health()
    assert health.error(0.0) == ""
    health.began(0.0)
    assert health.error(0.1) == ""


def test_a_failure_lasts_while_the_loop_does_not_run_and_while_it_proves_nothing() -> None:
    health = Health()
    health.began(0.0)
    health.failed("KeyError in run")
    assert health.error(1000.0) == "KeyError in run"
    health.began(1000.0)
    assert health.error(1000.5) == "KeyError in run"


def test_a_commit_ends_a_failure() -> None:
    health = Health()
    health.failed("KeyError in run")
    health.began(1.0)
    health.committed()
    assert health.error(1.1) == ""


def test_a_topic_without_new_records_is_not_ill_for_ever() -> None:
    health = Health()
    health.failed("Kafka refused")
    health.began(5.0)
    assert health.error(5.0 + PROVEN_SECONDS + 0.1) == ""


def test_a_loop_that_aborts_every_transaction_is_ill_though_nothing_is_raised() -> None:
    health = Health()
    for number in range(ATTEMPTS):
        assert health.error(float(number)) == ""
        health.began(float(number))
    assert health.error(ATTEMPTS) == STUCK


def test_attempts_far_apart_are_separate_troubles() -> None:
    health = Health()
    for number in range(2 * ATTEMPTS):
        health.began(number * 2 * PROVEN_SECONDS)
        assert health.error(number * 2 * PROVEN_SECONDS) == ""
