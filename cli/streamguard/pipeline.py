"""The parts composed: `up`, and `status` with what Connect says.

The servers that a pipeline needs start in parallel, and each step of the seeding as soon as what it needs is ready.

kafka ──► topics ──────────────┬─► services, generator: when all the others are done
  ├─────► ksql ─► statements   │
  └─────► connect ─────────────┴─┬─► connectors
s3 ─────► tables ────────────────┤
mongodb ─────────────────────────┘
postgres ► migrations
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace

from streamguard import cloud
from streamguard.connect.deploying import apply as connectors
from streamguard.connect.deploying.report import trouble
from streamguard.connect.deploying.variables import names_of
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.render import Connector
from streamguard.connect.templates.values import DEFAULT
from streamguard.engine.client.applying import Applied, apply_files, check_files
from streamguard.engine.client.http import client_at
from streamguard.engine.functions import user
from streamguard.errors import ConnectError, SettingsError, StackError, TopicError
from streamguard.kafka import topics
from streamguard.model import Pipeline
from streamguard.postgres.connect import database_uri, require_extra
from streamguard.postgres.migrate import migrate
from streamguard.project import Project
from streamguard.services import files
from streamguard.settings import Settings, load
from streamguard.stack.lake import seed_lake
from streamguard.stack.probes import TIMEOUT as PROBE_SECONDS
from streamguard.stack.stack import Row, Stack
from streamguard.stack.starting import GivenUp, OnProgress, Progress

WATCH = "connect-watch"
PAUSE = 0.1
STALE_SECONDS = 20.0
"""For so long a worker that was started may show what became of its tasks in its life before; it starts them anew."""


@dataclass
class Report:
    """What `up` did: seconds of each server and step, and the connectors as they were left."""

    seconds: dict[str, float] = field(default_factory=dict)
    connectors: list[connectors.Result] = field(default_factory=list)


def check(project: Project, settings: Settings, pipeline: Pipeline, values: str = DEFAULT) -> list[Connector]:
    """What can be wrong with a pipeline without any server: packages, files of services, statements, connectors."""
    if pipeline.postgres_database is not None:
        require_extra()
    files.check(project, pipeline)
    check_files(project.statements(pipeline.name), pipeline.variables)
    rendered = render_pipeline(project, settings, pipeline, values)
    _require_variables(settings, rendered)
    return rendered


def _require_variables(settings: Settings, rendered: Sequence[Connector]) -> None:
    """Raise SettingsError for what a worker that is started here could not be given, all of it at once."""
    lacking = cloud.lacking(settings.mine, {name for connector in rendered for name in names_of(connector)})
    if lacking:
        raise SettingsError(
            f"the sinks need what is not set: {', '.join(lacking)}: write into .env what .env.example says of them, or "
            "export them"
        )


def up(stack: Stack, pipeline: Pipeline, *, produce: bool, on_progress: OnProgress, values: str = DEFAULT) -> Report:
    """Start the servers and `pipeline` on them, its connectors with these values; doing it again changes nothing.

    A start that fails, or is interrupted, stops what it started.
    """
    if stack.settings.mode != "local":
        raise StackError(
            "`up` runs servers on this machine, and STREAMGUARD_MODE is external: on yours use `topics apply`, "
            "`lake apply`, `ksql apply`, `connectors deploy`, and start each `service` where it shall run"
        )
    rendered = check(stack.project, stack.settings, pipeline, values)
    return _Up(stack, pipeline, servers_of(pipeline, rendered), on_progress, values).run(produce=produce)


def servers_of(pipeline: Pipeline, rendered: Sequence[Connector]) -> set[str]:
    """The servers that a pipeline needs: what its connectors write to, and what its file names."""
    plugins = " ".join(connector.config.get("connector.class", "") for connector in rendered).lower()
    needed = {
        "kafka": True,
        "ksql": True,
        "connect": bool(rendered),
        "s3": pipeline.lake is not None or "iceberg" in plugins or "s3" in plugins,
        "mongodb": pipeline.mongodb_database is not None or "mongo" in plugins,
        "postgres": pipeline.postgres_database is not None,
    }
    return {name for name, is_needed in needed.items() if is_needed}


def status(stack: Stack) -> list[Row]:
    """The programs of the stack; Connect's row says which connectors do not run. It takes 3 seconds at most."""
    with ThreadPoolExecutor(1) as pool:
        ill = pool.submit(_connector_trouble, stack.settings.connect_url)
        rows = stack.status()
        return [
            replace(row, detail=ill.result()) if row.name == "connect" and row.state == "ready" else row for row in rows
        ]


def _connector_trouble(url: str) -> str:
    """Nothing, too, when Connect does not answer at once: whether it does is the stack's to say."""
    try:
        return trouble(ConnectClient(url, deadline=0, read_timeout=PROBE_SECONDS).connectors())
    except ConnectError:
        return ""


class _Up:
    """`run` once."""

    def __init__(
        self, stack: Stack, pipeline: Pipeline, needed: set[str], on_progress: OnProgress, values: str
    ) -> None:
        self.stack = stack
        self.values = values
        self.needed = needed
        self.project = stack.project
        self.pipeline = pipeline
        self.report = Report()
        self._on_progress = on_progress
        self._done: dict[str, threading.Event] = {}
        self._given_up = threading.Event()
        self._started: set[str] = set()
        self._before = self._running()

    def run(self, *, produce: bool) -> Report:
        ours = ("ksql",) if self.stack.settings.has_own_postgres else ("ksql", "postgres")
        servers = [name for name in (*self.stack.servers, *ours) if name in self.needed]
        steps = self._steps()
        self._done = {name: threading.Event() for name in (*servers, *steps)}
        with ThreadPoolExecutor(len(steps) + 1) as pool:
            try:
                starting = pool.submit(self._start, servers)
                self._wait(starting, [pool.submit(self._step, name, *step) for name, step in steps.items()])
                self._start(self._last(produce=produce))
            except BaseException:
                self._given_up.set()
                self._undo()  # before the pool is waited for: what a job waits for is gone then
                raise
        return self.report

    def _steps(self) -> dict[str, tuple[Callable[[], None], tuple[str, ...]]]:
        """What to do, after what; of that, what is not started here is the user's own, or not needed."""
        steps: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
            "topics": (self._topics, ("kafka",)),
            "statements": (self._statements, ("ksql", "topics")),
        }
        if "s3" in self.needed:
            steps["tables"] = (self._tables, ("s3",))
        if "connect" in self.needed:
            steps["connectors"] = (self._connectors, ("connect", "topics", "tables", "mongodb"))
        if "postgres" in self.needed:
            steps["migrations"] = (self._migrations, ("postgres",))
        return steps

    def _last(self, *, produce: bool) -> list[str]:
        """What starts when everything else is done, at the same time: services read their topics from the beginning, so
        nobody has to wait for them with the first record."""
        watch = [WATCH] if "connect" in self.needed else []
        generator = [f"produce-{self.pipeline.name}"] if produce and self.pipeline.generator is not None else []
        return [*self.pipeline.services, *watch, *generator]

    def _running(self) -> set[str]:
        return {row.name for row in self.stack.status() if row.pid is not None}

    def _undo(self) -> None:
        if not self._before:
            self.stack.stop(self._on_progress)
            return
        for name in self._running() - self._before:
            with suppress(StackError):
                self.stack.supervisor.stop_program(name)

    def _wait(self, servers: Future[None], steps: Sequence[Future[None]]) -> None:
        ended, _ = wait((servers, *steps), return_when=FIRST_EXCEPTION)
        if not any(job.exception() for job in ended):
            return
        self._given_up.set()
        wait((servers,))
        # The servers come first: a start of theirs that fails stops what ran, and with it every step.
        errors = (job.exception() for job in (servers, *(step for step in steps if step in ended)))
        raise next(error for error in errors if error is not None and not isinstance(error, GivenUp))

    def _start(self, names: Sequence[str]) -> None:
        self.report.seconds |= self.stack.start(names, self._server_progress, cancel=self._given_up)

    def _server_progress(self, progress: Progress) -> None:
        if progress.state == "starting":
            self._started.add(progress.name)
        if progress.state == "ready" and progress.name in self._done:
            self._done[progress.name].set()
        self._on_progress(progress)

    def _step(self, name: str, work: Callable[[], None], needs: Sequence[str]) -> None:
        for other in (known for known in needs if known in self._done):
            while not self._done[other].wait(PAUSE):
                if self._given_up.is_set():
                    raise GivenUp(f"{name} waited for {other}")
        start = time.monotonic()
        self._on_progress(Progress(name, "starting", 0.0))
        try:
            work()
        except BaseException as exc:
            self._on_progress(Progress(name, "failed", time.monotonic() - start, str(exc).partition("\n")[0]))
            raise
        self.report.seconds[name] = time.monotonic() - start
        self._on_progress(Progress(name, "ready", self.report.seconds[name]))
        self._done[name].set()

    def _sleep(self, seconds: float) -> None:
        if self._given_up.wait(seconds):
            raise GivenUp("another step failed")

    def _topics(self) -> None:
        settings = self.stack.settings
        existing = topics.existing_topics(settings)
        results = topics.apply(settings, topics.plan(self.pipeline.topics, existing))
        failed = [change for change in results if change.failed]
        if failed:
            raise TopicError(f"topic {failed[0].topic.name}: {failed[0].result}")

    def _tables(self) -> None:
        if self.pipeline.lake is not None:
            seed_lake(self._with_credentials(), self.pipeline.lake)

    def _migrations(self) -> None:
        migrate(database_uri(self._with_credentials(), self.pipeline))

    def _statements(self) -> None:
        apply_statements(self.project, self.stack.settings, self.pipeline)

    def _connectors(self) -> None:
        settings = self.stack.settings
        existing = {name: topic.partitions for name, topic in topics.existing_topics(settings).items()}
        rendered = render_pipeline(self.project, settings, self.pipeline, self.values)
        client = ConnectClient(settings.connect_url, sleep=self._sleep)
        doubt = STALE_SECONDS if "connect" in self._started else 0.0
        self.report.connectors = connectors.deploy(
            client, rendered, topics=existing, doubt=doubt, report=self._connector_progress
        )
        connectors.raise_for(self.report.connectors)

    def _connector_progress(self, progress: connectors.Progress) -> None:
        self._on_progress(Progress("connectors", "starting", 0.0, f"{progress.name}: {progress.step}"))

    def _with_credentials(self) -> Settings:
        """The settings, read again: the start has made the credentials by now."""
        mine = self.stack.settings
        own = {"postgres_uri": mine.postgres_uri} if mine.has_own_postgres else {}
        return load(self.project.root, environ=mine.environment(), data_dir=mine.data_dir, **own)


def apply_statements(project: Project, settings: Settings, pipeline: Pipeline) -> list[Applied]:
    """Bring the ksql server in line with the pipeline's statements; what would have to be made anew is refused."""
    if settings.ksql_functions:
        user.load(settings.ksql_functions, project.root)
    client, files = client_at(settings), project.statements(pipeline.name)
    return list(apply_files(client, files, pipeline.variables))
