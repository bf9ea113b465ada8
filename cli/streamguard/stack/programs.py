"""The programs of the stack: how each is started, what it needs, how it is known to be ready.

Everything here is a value made from the settings; nothing is started or written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from streamguard.errors import ProjectError
from streamguard.project import Project
from streamguard.settings import LOOPBACK, Settings, inherited_environment
from streamguard.stack import credentials, postgres, probes
from streamguard.stack.jars import Lock, class_path
from streamguard.stack.java import cache_file
from streamguard.stack.kafka_config import ENVIRONMENT_NAMES
from streamguard.stack.places import Places

GRPC = 10_000  # SeaweedFS adds it to a port for the gRPC side of a server
BUCKET = "streamguard"
SERVERS = ("kafka", "connect", "s3", "mongodb", "ksql")
INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")
WITHOUT_KAFKA = ("validator",)
"""Services that neither read nor write records."""
FENCED = 6


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables of the process and the credentials that they are filled from."""
    ports: tuple[int, ...] = ()
    url: str = ""
    """Where people and clients find it."""
    probe: Callable[[], str] | None = None
    """None: ready as soon as it runs."""
    remark: Callable[[], str] | None = None
    """What there is to say of it although it is ready."""
    needs: tuple[str, ...] = ()
    """Programs that must be ready before this one is started."""
    stop_seconds: int = 10
    """How long it may take to end before it is killed."""
    stop_signal: str = "TERM"
    """What tells it to end."""
    user: tuple[int, int] | None = None
    """User and group id of whom it runs as, if not as who starts it."""

    def plan(self, places: Places) -> dict[str, object]:
        """What the launcher reads."""
        return {
            "argv": list(self.argv),
            "env": {**environment(), **self.env},
            "secrets": dict(self.secrets),
            "user": self.user,
            "credentials": str(places.data_dir),
            "supervisor": str(places.supervisor_pid),
        }


def environment() -> dict[str, str]:
    """What every server gets of this process's environment."""
    inherited = inherited_environment()
    return {name: inherited[name] for name in INHERITED if name in inherited}


def table(settings: Settings, project: Project, places: Places, lock: Lock, java: str) -> dict[str, Program]:
    """All programs by name: the servers, then the services and generators of the project's pipelines."""
    programs = [
        _kafka(settings, places, lock, java),
        _connect(settings, places, lock, java),
        _seaweedfs(settings, places),
        *_mongodb(settings),
        *_postgres(settings),
        *_own(settings, project),
    ]
    return {program.name: program for program in programs}


def _java(java: str, heap: str, name: str, places: Places, cache: Path) -> tuple[str, ...]:
    """Serial collector and C1 only: half the memory and CPU of the defaults, at what one machine carries."""
    ahead = (f"-XX:AOTCache={cache}", "-Xlog:aot*=off", "-Xlog:cds*=off") if cache.exists() else ()
    options = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
    quiet = ("-XX:-HeapDumpOnOutOfMemoryError", f"-XX:ErrorFile={places.logs}/{name}-crash.log")
    system = {
        "java.awt.headless": "true",
        "java.net.preferIPv4Stack": "true",
        "log4j2.configurationFile": str(places.run / "log4j2.xml"),
        "log4j2.disable.jmx": "true",
    }
    defined = (f"-D{key}={value}" for key, value in system.items())
    return (java, f"-Xmx{heap}", *ahead, *options, *quiet, *defined)


def _kafka(settings: Settings, places: Places, lock: Lock, java: str) -> Program:
    return Program(
        name="kafka",
        argv=(
            *_java(java, settings.kafka_heap, "kafka", places, cache_file(settings.cache_dir, java, lock, "kafka")),
            "kafka.Kafka",
            str(places.run / "kafka.properties"),
        ),
        env=java_environment(settings, lock),
        ports=(settings.kafka_port, settings.kafka_controller_port),
        url=settings.kafka_bootstrap,
        probe=partial(probes.kafka, LOOPBACK, settings.kafka_port),
        stop_seconds=20,
    )


def java_environment(settings: Settings, lock: Lock) -> dict[str, str]:
    """The class path; in the environment, because as an argument it fills pages of every `ps`."""
    return {"CLASSPATH": class_path(lock, settings.cache_dir / "jars")}


def kafka_format(places: Places, java: str, cache: Path) -> tuple[str, ...]:
    """The command that prepares Kafka's empty data directory."""
    tool = (*_java(java, "128m", "kafka-format", places, cache), "kafka.tools.StorageTool", "format", "--standalone")
    return (*tool, "--ignore-formatted", "-c", str(places.run / "kafka.properties"))


def _connect(settings: Settings, places: Places, lock: Lock, java: str) -> Program:
    return Program(
        name="connect",
        argv=(
            *_java(
                java, settings.connect_heap, "connect", places, cache_file(settings.cache_dir, java, lock, "connect")
            ),
            "org.apache.kafka.connect.cli.ConnectDistributed",
            str(places.run / "connect.properties"),
        ),
        env=java_environment(settings, lock),
        secrets={name: name for name in ENVIRONMENT_NAMES},
        ports=(settings.connect_port,),
        url=settings.connect_url,
        probe=partial(probes.connect_worker, settings.connect_url),
        stop_seconds=15,
    )


def _seaweedfs(settings: Settings, places: Places) -> Program:
    main = {
        "s3.port": settings.s3_port,
        "master.port": settings.s3_master_port,
        "volume.port": settings.s3_volume_port,
        "filer.port": settings.s3_filer_port,
        "admin.port": settings.s3_admin_port,
    }
    grpc = {f"{flag}.grpc": port + GRPC for flag, port in main.items()}
    other = {"s3.port.iceberg": settings.s3_catalog_port, "s3.port.lance": settings.s3_lance_port}
    flags = {
        "dir": settings.data_dir / "s3",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        **main,
        **grpc,
        **other,
        "bucket": BUCKET,
        "tableBucket": settings.s3_warehouse.removeprefix("s3://").strip("/"),
        "filer.localSocket": places.sockets / "filer.sock",
        "s3.localSocket": places.sockets / "s3.sock",
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
        "volume.preStopSeconds": 0,  # nobody else writes to its volumes: no need to wait for that to end
    }
    return Program(
        name="s3",
        argv=(_script("weed"), "mini", *(f"-{flag}={value}" for flag, value in flags.items())),
        secrets={
            "AWS_ACCESS_KEY_ID": credentials.S3_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": credentials.S3_SECRET_KEY,
        },
        ports=(*main.values(), *grpc.values(), *other.values()),
        url=settings.s3_endpoint,
        probe=partial(_seaweedfs_ready, settings),
    )


def _seaweedfs_ready(settings: Settings) -> str:
    known, region = credentials.read(settings.data_dir), settings.s3_region
    return probes.s3(settings.s3_endpoint, region, known) or probes.catalog(
        settings.s3_catalog, settings.s3_warehouse, region, known
    )


def _mongodb(settings: Settings) -> list[Program]:
    if settings.mongodb_server == "external":
        return []
    return [
        Program(
            name="mongodb",
            argv=documents_command(settings, settings.mongodb_port, auth=True),
            ports=(settings.mongodb_port,),
            url=f"mongodb://{LOOPBACK}:{settings.mongodb_port}/",
            probe=partial(_mongodb_ready, settings),
        )
    ]


def documents_command(settings: Settings, port: int, *, auth: bool) -> tuple[str, ...]:
    """SecantusDB (durable only with --sync-on-commit) or mongod (durable by its journal)."""
    folder = str(settings.data_dir / "mongodb")
    if settings.mongodb_server == "secantusdb":
        command = (*_secantusd(), "--host", LOOPBACK, "--port", str(port), "--storage-path", folder)
        return (*command, "--standalone", "--sync-on-commit", *(("--auth",) if auth else ()))
    command = (_script("mongod"), "--bind_ip", LOOPBACK, "--port", str(port), "--dbpath", folder)
    return (*command, "--nounixsocket", *(("--auth",) if auth else ()))


def _secantusd() -> tuple[str, ...]:
    """Ours, if the wheel is installed beside us; else whatever there is on PATH."""
    ours = (sys.executable, "-P", "-m", "streamguard.stack.secantusd")
    return ours if find_spec("secantus") is not None else (_script("secantusd-py"),)


def _mongodb_ready(settings: Settings) -> str:
    return probes.mongodb(credentials.read(settings.data_dir).get(credentials.MONGODB_URI, settings.mongodb_uri))


def _postgres(settings: Settings) -> list[Program]:
    """The local server, unless the settings name one of the user's own."""
    if settings.has_own_postgres:
        return []
    user = postgres.system_user(settings)
    return [
        Program(
            name="postgres",
            argv=postgres.command(settings),
            ports=(settings.postgres_port,),
            url=f"postgresql://{LOOPBACK}:{settings.postgres_port}/",
            probe=partial(_postgres_ready, settings),
            stop_signal="INT",  # without waiting for its clients
            stop_seconds=20,
            user=None if user is None else (user.uid, user.gid),
        )
    ]


def _postgres_ready(settings: Settings) -> str:
    return probes.postgres(credentials.read(settings.data_dir).get(credentials.POSTGRES_URI, settings.postgres_uri))


def _own(settings: Settings, project: Project) -> list[Program]:
    """The programs that are `python -m streamguard …`."""
    ksql = Program(
        name="ksql",
        argv=_python(project, "ksql", "server"),
        env=settings.environment(),
        ports=(settings.ksql_port,),
        url=settings.ksql_url,
        probe=partial(probes.ksql, settings.ksql_url),
        needs=("kafka",),
    )
    watch = Program(
        name="connect-watch",
        argv=_python(project, "connectors", "heal", "--metrics-port", str(settings.heal_port)),
        env=settings.environment(),
        ports=(settings.heal_port,),
        url=f"http://{LOOPBACK}:{settings.heal_port}",
        probe=partial(probes.service, f"http://{LOOPBACK}:{settings.heal_port}"),
        needs=("connect",),
    )
    pipelines = [
        program
        for number, name in enumerate(sorted(project.pipelines()))
        for program in _pipeline(settings, project, name, settings.generator_port + number)
    ]
    return [ksql, watch, *pipelines]


def _pipeline(settings: Settings, project: Project, name: str, port: int) -> list[Program]:
    """The services and the generator of a pipeline, if it has them; a pipeline that can not be read has none.

    `port` is where the generator answers: two pipelines may be up at the same time.
    """
    try:
        pipeline = project.pipeline(name)
    except ProjectError:
        return []
    programs = [_service(settings, project, service, name) for service in pipeline.services]
    if pipeline.generator is not None:
        url = f"http://{LOOPBACK}:{port}"
        generator = Program(
            name=f"produce-{name}",
            argv=_python(project, "produce", name, "--metrics-port", str(port)),
            env=settings.environment(),
            ports=(port,),
            url=url,
            probe=partial(probes.service, url),
            needs=("kafka",),
        )
        programs.append(generator)
    return programs


def _service(settings: Settings, project: Project, service: str, pipeline: str) -> Program:
    port_setting = f"{service}_port"
    known = {entry.name for entry in fields(settings)}
    port = getattr(settings, port_setting) if port_setting in known else None
    url = f"http://{LOOPBACK}:{port}" if port else ""
    return Program(
        name=service,
        argv=_python(project, "service", service, pipeline),
        env=settings.environment(),
        secrets={credentials.POSTGRES_URI: credentials.OWN_POSTGRES_URI} if settings.has_own_postgres else {},
        ports=(port,) if port else (),
        url=url,
        probe=partial(probes.service, url) if port else None,
        remark=partial(probes.refused, url) if port else None,
        needs=() if service in WITHOUT_KAFKA else ("kafka",),
    )


def _python(project: Project, *arguments: str) -> tuple[str, ...]:
    """`-P`: a folder named streamguard in the working directory is not imported instead."""
    return (sys.executable, "-P", "-m", "streamguard", "--project", str(project.root), *arguments)


def _script(name: str) -> str:
    """A program that came with a wheel lies beside Python; else it is looked for on PATH."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return str(beside)
    for folder in inherited_environment().get("PATH", os.defpath).split(os.pathsep):
        if (Path(folder) / name).exists():
            return str(Path(folder) / name)
    return name
