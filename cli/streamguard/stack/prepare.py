"""What must be there before the servers start: config files, plugins, Kafka's format, MongoDB's user; idempotent."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from streamguard import cloud
from streamguard.errors import StackError
from streamguard.settings import LOOPBACK, Settings, worker_variables
from streamguard.stack import credentials, kafka_config, probes
from streamguard.stack.jars import Lock, plugin_files
from streamguard.stack.java import cache_file
from streamguard.stack.places import Places
from streamguard.stack.ports import free_ports
from streamguard.stack.programs import documents_command, environment, java_environment, kafka_format

LAUNCH = "streamguard.stack.launch"
USER = "streamguard"
TIMEOUT = 60.0  # seconds for a preparation that starts a process
PAUSE = 0.05  # seconds between two looks at it

# Plugins that do not say what they hold. With such a list in every plugin Connect reads the lists only and need not
# load every class of every jar (`plugin.discovery=service_load`).
MANIFESTS: Mapping[str, Mapping[str, str]] = {
    "mongodb": {
        "org.apache.kafka.connect.sink.SinkConnector": "com.mongodb.kafka.connect.MongoSinkConnector",
        "org.apache.kafka.connect.source.SourceConnector": "com.mongodb.kafka.connect.MongoSourceConnector",
    }
}


def write_files(settings: Settings, places: Places, lock: Lock) -> None:
    """The config files of Kafka and Kafka Connect, and the plugin folders."""
    (places.run / "log4j2.xml").write_text(kafka_config.LOG4J2)
    (places.run / "kafka.properties").write_text(kafka_config.properties(kafka_config.broker(settings)))
    worker = kafka_config.worker(settings, places.plugins)
    (places.run / "connect.properties").write_text(kafka_config.properties(worker))
    for folder in ("kafka", "s3", "mongodb", "secrets"):
        (settings.data_dir / folder).mkdir(mode=0o700, exist_ok=True)
    link_plugins(lock, settings.cache_dir / "jars", places.plugins)


def link_plugins(lock: Lock, cache: Path, plugins: Path) -> None:
    """A folder of links for each plugin, and the list of its classes where it brings none."""
    shutil.rmtree(plugins, ignore_errors=True)
    for name in lock.plugins:
        folder = plugins / name
        folder.mkdir(parents=True)
        for jar in plugin_files(lock, cache, name):
            (folder / jar.name).symlink_to(jar)
        if name in MANIFESTS:
            with zipfile.ZipFile(folder / "manifest.jar", "w") as archive:
                for service, implementation in MANIFESTS[name].items():
                    archive.writestr(f"META-INF/services/{service}", implementation + "\n")


def make_credentials(settings: Settings) -> dict[str, str]:
    """The credentials: those of the settings, those made before, or new ones."""
    known = credentials.read(settings.data_dir)
    made = {
        credentials.S3_ACCESS_KEY: settings.s3_access_key
        or known.get(credentials.S3_ACCESS_KEY)
        or f"SG{secrets.token_hex(9).upper()}",
        credentials.S3_SECRET_KEY: settings.s3_secret_key
        or known.get(credentials.S3_SECRET_KEY)
        or secrets.token_urlsafe(30),
        credentials.MONGODB_URI: _mongodb_uri(settings, known.get(credentials.MONGODB_URI, "")),
        credentials.POSTGRES_URI: _postgres_uri(settings, known.get(credentials.POSTGRES_URI, "")),
    }
    own = {credentials.OWN_POSTGRES_URI: settings.postgres_uri} if settings.has_own_postgres else {}
    own |= worker_variables(settings)
    optional = (credentials.OWN_POSTGRES_URI, *cloud.MADE_FROM)
    wanted = {**{name: value for name, value in known.items() if name not in optional}, **made, **own}
    if wanted != known:
        credentials.write(settings.data_dir, wanted)
    return wanted


def _mongodb_uri(settings: Settings, known: str) -> str:
    """With user and password; a local server's follows the port, which may have moved."""
    if settings.mongodb_server == "external":
        return settings.mongodb_uri
    given = urlsplit(settings.mongodb_uri)
    if not given.password:
        given = urlsplit(known)
    password = unquote(given.password) if given.password else secrets.token_urlsafe(24)
    user = unquote(given.username) if given.username else USER
    return f"mongodb://{quote(user, safe='')}:{quote(password, safe='')}@{LOOPBACK}:{settings.mongodb_port}/"


def _postgres_uri(settings: Settings, known: str) -> str:
    """The local server's, with user and password; it follows the port, which may have moved."""
    person, at, _ = known.rpartition("@")
    person = person if at else f"postgresql://{USER}:{quote(secrets.token_urlsafe(24), safe='')}"
    return f"{person}@{LOOPBACK}:{settings.postgres_port}/"


def format_kafka(settings: Settings, places: Places, lock: Lock, java: str) -> None:
    """Give Kafka's data directory its cluster id, once."""
    if (settings.data_dir / "kafka" / "meta.properties").exists():
        return
    cluster_id = secrets.token_urlsafe(16)
    while cluster_id.startswith("-"):  # the tool would take it for an option
        cluster_id = secrets.token_urlsafe(16)
    cache = cache_file(settings.cache_dir, java, lock, "kafka")
    command = [*kafka_format(places, java, cache), "--cluster-id", cluster_id]
    with _unsupervised("kafka", command, places, java_environment(settings, lock)) as process:
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            code = -1
    if code != 0:
        raise StackError(f"Kafka's data directory could not be prepared; see {places.log('kafka')}")


# No more than sinks, queries and a look with Compass need. With `root` SecantusDB answers the MongoDB sink's question
# for its rights, but leaves the rights out of the answer, and the sink then refuses to start.
ROLES = ("readWriteAnyDatabase", "clusterMonitor")


def make_mongodb_user(settings: Settings, places: Places, uri: str) -> None:
    """Start the server without authentication on a port that nobody knows, make the user, stop it. Once."""
    parts = urlsplit(uri)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    marker = settings.data_dir / "mongodb.user"
    if settings.mongodb_server == "external" or (marker.exists() and marker.read_text() == user):
        return
    [port] = free_ports(1)
    command = documents_command(settings, port, auth=False)
    if shutil.which(command[0]) is None:
        missing = Path(command[0]).name
        raise StackError(f"there is no {missing} on PATH: install it, or set STREAMGUARD_MONGODB_SERVER to another")
    with _unsupervised("mongodb", command, places) as process:
        try:
            _wait(process, f"mongodb://{LOOPBACK}:{port}/", places)
            _create_user(port, user, password)
        finally:
            process.terminate()
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
    marker.write_text(user)


def _unsupervised(
    name: str, argv: Sequence[str], places: Places, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process that ends with this one, and logs where the server `name` will."""
    plan = places.plans / f"{name}-preparation.json"
    plan.write_text(
        json.dumps(
            {
                "argv": list(argv),
                "env": {**environment(), **(env or {})},
                "secrets": {},
                "credentials": str(places.data_dir),
                "parent": os.getpid(),
            }
        )
    )
    with places.log(name).open("ab") as log:
        command = [sys.executable, "-P", "-m", LAUNCH, str(plan)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=places.run)


def _wait(process: subprocess.Popen[bytes], uri: str, places: Places) -> None:
    deadline = time.monotonic() + TIMEOUT
    while (seen := probes.mongodb(uri)) != "":
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackError(f"MongoDB's user could not be made ({seen}); see {places.log('mongodb')}")
        time.sleep(PAUSE)


def _create_user(port: int, user: str, password: str) -> None:
    import pymongo
    from pymongo.errors import PyMongoError

    client: pymongo.MongoClient[dict[str, object]]
    try:
        with pymongo.MongoClient(LOOPBACK, port, serverSelectionTimeoutMS=5000) as client:
            users = client.admin.command("usersInfo", user).get("users", [])
            command = "updateUser" if users else "createUser"
            client.admin.command(command, user, pwd=password, roles=list(ROLES))
    except PyMongoError:  # its text could hold the password
        raise StackError("MongoDB's user could not be made: the server refused it") from None
