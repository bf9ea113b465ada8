"""The credentials of the local servers, and what of the user's accounts the worker's launcher finds there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streamguard import cloud
from streamguard.project import find_project
from streamguard.settings import load
from streamguard.stack import credentials, prepare
from streamguard.stack.jars import read_lock
from streamguard.stack.places import Places
from streamguard.stack.programs import table
from tests.accounts import MINE

PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def test_the_accounts_come_and_go_with_the_settings_and_what_was_generated_stays(tmp_path: Path) -> None:
    first = prepare.make_credentials(load(tmp_path, environ=MINE))
    assert first.items() >= cloud.worker_variables(MINE).items()
    assert credentials.read(tmp_path / ".streamguard") == first
    second = prepare.make_credentials(load(tmp_path, environ={}))
    assert second == {name: value for name, value in first.items() if name not in cloud.MADE_FROM}


@pytest.mark.parametrize("given", [MINE, {}], ids=["accounts", "none"])
def test_the_launcher_gives_the_worker_the_made_variables_and_no_other_of_the_accounts(
    tmp_path: Path, given: dict[str, str]
) -> None:
    settings = load(tmp_path, environ=given)
    prepare.make_credentials(settings)
    places = Places(settings.data_dir)
    programs = table(settings, find_project(Path(__file__)), places, read_lock(), "java")
    plan = {**programs["connect"].plan(places), "argv": [sys.executable, "-c", PRINT]}
    wrapper = (
        "import json, os, sys; from pathlib import Path; from streamguard.stack import launch;"
        "plan = Path(sys.argv[1]); document = json.loads(plan.read_text());"
        "plan.write_text(json.dumps({**document, 'parent': os.getppid()})); launch.main(plan)"
    )
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    done = subprocess.run([sys.executable, "-c", wrapper, str(file)], capture_output=True, text=True, check=True)
    worker = json.loads(done.stdout)
    assert {name: worker.get(name) for name in cloud.MADE_FROM} == {
        name: cloud.worker_variables(given).get(name) for name in cloud.MADE_FROM
    }
    assert not set(worker) & set(MINE)
    assert "STREAMGUARD_MONGODB_URI" in worker
    others = [program for name, program in programs.items() if name != "connect"]
    assert not [program.name for program in others if set(cloud.MADE_FROM) & set(program.secrets.values())]
