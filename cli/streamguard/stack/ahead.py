"""Java's ahead-of-time caches: the loaded and linked classes of Kafka and of the Connect worker, each in a file.

With its cache a server starts in 1.5 s instead of 3 to 7. A cache is made once for a Java and its jars, by one start
and stop of the servers in a folder of their own. It is an optimisation and nothing else: without one, or with one that
Java does not take, the servers start as they always did.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from streamguard.project import Project
from streamguard.settings import LOOPBACK, Settings
from streamguard.stack.java import cache_file, java_version
from streamguard.stack.ports import free_ports
from streamguard.stack.programs import Program
from streamguard.stack.stack import Stack

NAMES = ("kafka", "connect")
SINCE = 25  # the first Java that makes such a cache in one go
STOP_SECONDS = 55  # Java writes the cache when it ends


def make_caches(settings: Settings, project: Project, on_begin: Callable[[], None]) -> bool:
    """Make the caches that are missing; whether there were any to make.

    Raises:
        StackError: a server did not start; no cache has been made.
    """
    real = Stack(settings, project)
    wanted = {name: cache_file(settings.cache_dir, real.java, real.lock, name) for name in NAMES}
    if all(file.exists() for file in wanted.values()) or (java_version(real.java) or 0) < SINCE:
        return False
    on_begin()
    next(iter(wanted.values())).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ahead-", dir=settings.cache_dir) as folder:
        made = _run_once(Stack(_apart(settings, Path(folder) / "data"), project), Path(folder))
        for name, file in wanted.items():
            if made[name].exists():
                made[name].replace(file)
    return True


def _apart(settings: Settings, folder: Path) -> Settings:
    """Settings of servers that share nothing with anybody's."""
    kafka, controller, connect = free_ports(3)
    return replace(
        settings,
        data_dir=folder,
        kafka_port=kafka,
        kafka_controller_port=controller,
        kafka_bootstrap=f"{LOOPBACK}:{kafka}",
        kafka_replication=1,
        connect_port=connect,
        connect_url=f"http://{LOOPBACK}:{connect}",
    )


def _run_once(stack: Stack, folder: Path) -> Mapping[str, Path]:
    """Start and stop the servers so that each writes its cache: the files, if all went well."""
    made = {name: folder / f"{name}.aot" for name in NAMES}
    stack.programs = {name: _recorded(stack.programs[name], made[name]) for name in NAMES}
    try:
        stack.start(NAMES)
    finally:
        stack.stop()
    return made


def _recorded(program: Program, file: Path) -> Program:
    java, *options = (option for option in program.argv if not option.startswith(("-XX:AOTCache", "-Xlog:")))
    return replace(program, argv=(java, f"-XX:AOTCacheOutput={file}", *options), stop_seconds=STOP_SECONDS)
