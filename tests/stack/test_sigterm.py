"""SIGTERM at any moment under full load: exit 0 in time, no open transaction, nothing lost, nothing twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from streamguard.kafka.exactly_once.phase import Phase, read_phase
from streamguard.services.validator.judgement import judge_by
from streamguard.services.validator.rules import load_blacklist, load_rules
from streamguard.settings import Settings, inherited_environment
from tests.stack.loops import Feeder, lag, open_transactions, wait_until
from tests.stack.prefixed import topics_of
from tests.stack.records import OwnTopics, read
from tests.stack.service import EVALUATIONS, random_port, transaction

ROOT = Path(__file__).parents[2]
TERMS, SOAK_TERMS = 5, 50
RATE = 2_000
LONGEST_LIFE = 0.5
"""Seconds after it began to work within which the service is asked to end."""


@pytest.fixture
def validator(settings: Settings) -> Iterator[Settings]:
    """The settings with a validator of its own that takes 20 ms a call."""
    own = replace(settings, validator_port=random_port())
    own = replace(own, validator_url=f"http://127.0.0.1:{own.validator_port}")
    with start(["streamguard", "service", "validator", "--delay-ms", "20"], own) as process:
        yield own
        process.terminate()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", ["ingestor", "processor"])
def test_sigterm_at_random_moments_loses_and_repeats_nothing(
    service: str, validator: Settings, own: OwnTopics, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    terms = SOAK_TERMS if request.config.getoption("--soak") else TERMS
    seed = random.randrange(1 << 30)
    moments, prefix, longest = random.Random(seed), own.prefix, 0.0
    source, *targets = [own.create(name) for name in topics_of(service, prefix)]
    group, port = f"sg.{prefix}.{service}", random_port()
    settings = replace(validator, phase_dir=str(tmp_path), ingestor_port=port, processor_port=port)
    command = ["tests.stack.prefixed", service, prefix]

    with Feeder(settings, source, transaction, RATE) as feeder:
        for _ in range(terms):
            with start(command, settings) as process:
                wait_until(lambda: (read_phase(str(tmp_path), f"{group}.0") or 0) > Phase.IDLE, "it works")
                time.sleep(moments.random() * LONGEST_LIFE)
                begun = time.monotonic()
                process.terminate()
                _, said = process.communicate(timeout=20)
            longest = max(longest, time.monotonic() - begun)
            assert process.returncode == 0, said
            assert [name for name in targets if open_transactions(settings, name)] == []
        sent = feeder.end()
    with start(command, settings) as process:
        wait_until(lambda: lag(settings, group, source) == 0, "everything is read", 60)
        process.terminate()
        assert process.wait(20) == 0

    print(f"{terms} SIGTERMs of the {service} at moments of seed {seed}, {len(sent)} records: at most {longest:.2f} s")
    assert longest < 5
    check: Callable[..., None] = {"ingestor": check_ingestor, "processor": check_processor}[service]
    check(sent, *([one.value or b"" for one in read(settings, name)] for name in targets))


def check_ingestor(
    sent: Sequence[bytes], dead: Sequence[bytes], fraudulent: Sequence[bytes], unidentified: Sequence[bytes]
) -> None:
    """Each record is in the one topic where its evaluation says."""
    for evaluation, found in {"fraudulent": fraudulent, "unidentified": unidentified, "odd": dead}.items():
        assert Counter(found) == Counter(sent[EVALUATIONS.index(evaluation) :: len(EVALUATIONS)])


def check_processor(
    sent: Sequence[bytes], dead: Sequence[bytes], results: Sequence[bytes], users: Sequence[bytes]
) -> None:
    """There is a result, and two users, for each transaction that the rules call fraudulent."""
    judge = judge_by(load_rules(ROOT / "init" / "bank"), load_blacklist(ROOT / "init" / "bank"))
    verdicts = [judge(json.loads(value)) for value in sent]
    wanted = Counter(verdict.transaction_id for verdict in verdicts if verdict.is_fraudulent_transaction)
    assert 0 < wanted.total() < len(sent)
    assert Counter(json.loads(value)["TRANSACTION_ID"] for value in results) == wanted
    assert (len(users), len(dead)) == (2 * wanted.total(), 0)


def start(command: Sequence[str], settings: Settings) -> subprocess.Popen[str]:
    """Start a module with arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**inherited_environment(), **settings.environment()},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
