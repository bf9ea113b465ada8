"""The jars: a lock file says which, with SHA-256 and size; Maven Central has them; the cache keeps them.

What is checked when: a jar's SHA-256 while it is downloaded, before it gets its name in the cache (so a file of that
name has passed); its size at every start, which costs a few milliseconds; all hashes again by ``jars fetch --verify``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.errors import LockFileError, StackError, StorageError, UnknownName

LOCK_FILE = Path(__file__).parent / "jars.lock.json"
CLASS_PATH = "kafka"
CONNECTIONS = 8
CHUNK = 1 << 16
ATTEMPTS = 3
TIMEOUT = (10, 60)  # seconds to connect, and to wait for more bytes

OnBytes = Callable[[int, int], None]
"""Called with the bytes had so far and the bytes wanted in all."""


@dataclass(frozen=True)
class Jar:
    """One file of Maven Central: group:artifact:version[:classifier], its SHA-256 in hex, its size in bytes."""

    coordinates: str
    sha256: str
    size: int

    @property
    def path(self) -> str:
        """Where it is, below a Maven repository and below the cache alike."""
        group, artifact, version, *classifier = self.coordinates.split(":")
        name = "-".join([artifact, version, *classifier])
        return f"{group.replace('.', '/')}/{artifact}/{version}/{name}.jar"


@dataclass(frozen=True)
class Lock:
    """The jars by group: the class path of Kafka and of Kafka Connect, and a group for each plugin."""

    groups: Mapping[str, tuple[Jar, ...]]

    @property
    def jars(self) -> list[Jar]:
        """All of them, each once."""
        return list({jar.coordinates: jar for jars in self.groups.values() for jar in jars}.values())

    @property
    def plugins(self) -> list[str]:
        """The names of the plugins of Kafka Connect."""
        return sorted(name for name in self.groups if name != CLASS_PATH)

    def digest(self, group: str) -> str:
        """Names the contents of a group, in 12 hex digits."""
        text = "\n".join(sorted(jar.sha256 for jar in self.groups[group]))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read the lock file; LockFileError says what is wrong with it."""
    try:
        document = json.loads(path.read_text())
        groups = {name: tuple(_jar(entry) for entry in jars) for name, jars in document["groups"].items()}
    except OSError as exc:
        raise LockFileError(f"{path} can not be read: {exc.strerror}; restore it with git") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        reason = f"line {exc.lineno}: {exc.msg}" if isinstance(exc, json.JSONDecodeError) else f"{exc}"
        raise LockFileError(f"{path} is no lock file ({reason}); restore it with git") from exc
    if CLASS_PATH not in groups:
        raise LockFileError(f"{path} has no group {CLASS_PATH}; restore it with git")
    return Lock(groups)


def write_lock(lock: Lock, path: Path = LOCK_FILE) -> None:
    """Write the lock file, one jar a line, sorted, so that a change of one jar is a change of one line."""
    lines = []
    for name, jars in sorted(lock.groups.items()):
        entries = [
            json.dumps({"jar": jar.coordinates, "sha256": jar.sha256, "size": jar.size})
            for jar in sorted(jars, key=lambda jar: jar.coordinates)
        ]
        lines.append(f'    "{name}": [\n      ' + ",\n      ".join(entries) + "\n    ]")
    path.write_text('{\n  "groups": {\n' + ",\n".join(lines) + "\n  }\n}\n")


def missing(lock: Lock, cache: Path) -> list[Jar]:
    """The jars that are not in the cache with the size that the lock file says."""
    return [jar for jar in lock.jars if _size(cache / jar.path) != jar.size]


def fetch(
    lock: Lock,
    cache: Path,
    url: str,
    *,
    on_bytes: OnBytes | None = None,
    verify: bool = False,
    session: Any = None,
) -> int:
    """Bring the cache in line with the lock file: the number of jars that were downloaded.

    A jar with another hash than the lock file's is never given a name in the cache: LockFileError. No connection is
    made when nothing is missing.
    """
    wanted = [jar for jar in lock.jars if not _is_whole(cache / jar.path, jar)] if verify else missing(lock, cache)
    if not wanted:
        return 0
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(f"{cache} can not be written ({exc.strerror}): set STREAMGUARD_CACHE_DIR") from exc
    total, had = sum(jar.size for jar in wanted), 0
    session = session or _session()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [pool.submit(_download, session, url, jar, cache) for jar in wanted]
        try:
            for job in as_completed(jobs):
                had += job.result()
                if on_bytes:
                    on_bytes(had, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return len(wanted)


def class_path(lock: Lock, cache: Path, group: str = CLASS_PATH) -> str:
    """The class path of a group: the files themselves, in the order of the lock file."""
    return os.pathsep.join(str(cache / jar.path) for jar in lock.groups[group])


def _jar(entry: Mapping[str, Any]) -> Jar:
    jar = Jar(entry["jar"], entry["sha256"], entry["size"])
    if not (isinstance(jar.size, int) and len(bytes.fromhex(jar.sha256)) == 32 and len(jar.coordinates.split(":")) > 2):
        raise ValueError(f"{jar.coordinates} is not a jar with a hash and a size")
    if {"..", ""} & set(jar.path.split("/")):
        raise ValueError(f"{jar.coordinates} is no coordinate")
    return jar


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _is_whole(path: Path, jar: Jar) -> bool:
    if _size(path) != jar.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def _session() -> Any:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    retry = Retry(
        total=3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), respect_retry_after_header=True
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=retry))
    return session


def _download(session: Any, url: str, jar: Jar, cache: Path) -> int:
    """Download one jar, check it, name it: its size in bytes."""
    source = f"{url.rstrip('/')}/{jar.path}"
    target = cache / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        digest = _transfer_patiently(session, source, part)
        if digest != jar.sha256:
            raise LockFileError(
                f"{source} is not the file that the lock file names "
                f"(its SHA-256 begins {digest[:12]}, the lock file's {jar.sha256[:12]}); it was not installed"
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return jar.size


def _transfer_patiently(session: Any, source: str, part: Path) -> str:
    """The SHA-256 of what came. The session tries again to connect; a transfer that broke off is tried again here."""
    import requests

    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _transfer(session, source, part)
        except requests.exceptions.ChunkedEncodingError as exc:
            if attempt == ATTEMPTS:
                raise StackError(f"{source} broke off {ATTEMPTS} times; the next try goes on from there") from exc
        except requests.RequestException as exc:
            raise StackError(f"{source} can not be downloaded: {_cause(exc)}; the next try goes on from there") from exc
    raise AssertionError("unreachable")


def _transfer(session: Any, source: str, part: Path) -> str:
    digest = hashlib.sha256()
    with session.get(source, stream=True, timeout=TIMEOUT) as answer, part.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _cause(exc: BaseException) -> str:
    """The innermost reason: urllib3 wraps it several times."""
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return str(reason).rsplit(": ", 1)[-1] if reason else str(exc).split(" for url", 1)[0]


def only(lock: Lock, groups: Iterable[str]) -> Lock:
    """Some groups of a lock file. Raises UnknownName about one that it does not have."""
    unknown = sorted(set(groups) - lock.groups.keys())
    if unknown:
        raise UnknownName(f"there is no plugin {unknown[0]}: there are {', '.join(lock.plugins)}")
    return Lock({name: lock.groups[name] for name in groups})


def copy_plugins(lock: Lock, cache: Path, folder: Path) -> None:
    """A folder for each plugin of the lock file, with its jars, as the image of a Connect worker takes them."""
    for name in lock.plugins:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for jar in plugin_files(lock, cache, name):
            shutil.copyfile(jar, folder / name / jar.name)


def plugin_files(lock: Lock, cache: Path, group: str) -> Iterable[Path]:
    """The files of a plugin."""
    return (cache / jar.path for jar in lock.groups[group])
