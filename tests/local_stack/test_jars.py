"""The lock file and the cache of jars. A server on this machine plays Maven Central."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from streamguard.errors import LockFileError, StackError, StorageError, UnknownName
from streamguard.stack.jars import CLASS_PATH, Jar, Lock, class_path, fetch, missing, only, read_lock, write_lock

CONTENT = {"org.example:one:1.0": b"first" * 1000, "org.example:two:2.0:all": b"second"}
NOWHERE = "http://127.0.0.1:9"


class Central:
    """Serves CONTENT; counts requests; can be told to break off its first answers, or to answer something else."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.files = {f"/{jar.path}": CONTENT[jar.coordinates] for jar in lock().jars}
        self.break_off = 0
        central = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                central.requests.append(self.path)
                content = central.files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if central.break_off > 0:
                    central.break_off -= 1
                    content = (content or b"")[:3]
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def central() -> Iterator[Central]:
    central = Central()
    thread = threading.Thread(target=central.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield central
    central.server.shutdown()
    thread.join()
    central.server.server_close()


def lock() -> Lock:
    jars = [Jar(name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in CONTENT.items()]
    return Lock({CLASS_PATH: (jars[0],), "plugin": tuple(jars)})


def test_the_committed_lock_file_holds_kafka_and_the_three_plugins() -> None:
    committed = read_lock()
    assert committed.plugins == ["iceberg", "jdbc", "mongodb"]
    names = {jar.coordinates for jar in committed.jars}
    assert {"org.apache.kafka:kafka_2.13:4.3.1", "org.mongodb.kafka:mongo-kafka-connect:2.0.1:all"} <= names


def test_no_jar_is_locked_in_two_versions_within_a_group() -> None:
    for jars in read_lock().groups.values():
        artifacts = [jar.coordinates.rsplit(":", jar.coordinates.count(":") - 1)[0] for jar in jars]
        assert len(artifacts) == len(set(artifacts))


def test_plugins_do_not_carry_what_kafka_connect_provides() -> None:
    committed = read_lock()
    for name in committed.plugins:
        provided = ("org.apache.kafka:", "org.slf4j:")
        assert not [jar for jar in committed.groups[name] if jar.coordinates.startswith(provided)]


def test_a_lock_file_survives_being_written_and_read(tmp_path: Path) -> None:
    write_lock(lock(), tmp_path / "lock.json")
    assert read_lock(tmp_path / "lock.json") == lock()


def test_a_jar_lies_where_maven_has_it() -> None:
    assert Jar("org.example:two:2.0:all", "00", 1).path == "org/example/two/2.0/two-2.0-all.jar"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"groups": {"kafka": [{"jar": "a:b:1", "sha256": "zz", "size": 1}]}}',
        '{"groups": {"kafka": [{"jar": "a:b", "sha256": "' + "0" * 64 + '", "size": 1}]}}',
        '{"groups": {"kafka": [{"jar": "a:..:1", "sha256": "' + "0" * 64 + '", "size": 1}]}}',
        '{"groups": {"kafka": [{"jar": "a:b:1", "sha256": "' + "0" * 64 + '"}]}}',
        '{"groups": {"other": []}}',
        "\x00",
    ],
)
def test_a_corrupt_lock_file_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    path.write_text(text)
    with pytest.raises(LockFileError) as raised:
        read_lock(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_lock_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LockFileError, match="can not be read"):
        read_lock(tmp_path / "lock.json")


def test_a_plugin_that_there_is_not_is_a_wrong_name() -> None:
    with pytest.raises(UnknownName, match="there is no plugin nope: there are"):
        only(lock(), ["nope"])


def test_the_cache_is_filled_and_then_left_alone(central: Central, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    total = sum(map(len, CONTENT.values()))
    assert fetch(lock(), tmp_path, central.url, on_bytes=lambda had, wanted: seen.append((had, wanted))) == 2
    assert seen[-1] == (total, total)
    assert missing(lock(), tmp_path) == []
    assert fetch(lock(), tmp_path, NOWHERE) == 0
    assert len(central.requests) == 2


def test_only_what_is_missing_is_downloaded(central: Central, tmp_path: Path) -> None:
    fetch(lock(), tmp_path, central.url)
    first = lock().jars[0]
    (tmp_path / first.path).write_bytes(b"cut")
    assert fetch(lock(), tmp_path, central.url) == 1
    assert (tmp_path / first.path).read_bytes() == CONTENT[first.coordinates]


def test_a_changed_jar_of_the_same_size_is_found_by_verify(central: Central, tmp_path: Path) -> None:
    fetch(lock(), tmp_path, central.url)
    first = lock().jars[0]
    (tmp_path / first.path).write_bytes(b"x" * first.size)
    assert fetch(lock(), tmp_path, central.url) == 0
    assert fetch(lock(), tmp_path, central.url, verify=True) == 1
    assert (tmp_path / first.path).read_bytes() == CONTENT[first.coordinates]


def test_a_jar_with_another_hash_is_refused_and_not_kept(central: Central, tmp_path: Path) -> None:
    first = lock().jars[0]
    central.files[f"/{first.path}"] = b"y" * first.size
    with pytest.raises(LockFileError, match="is not the file that the lock file names"):
        fetch(lock(), tmp_path, central.url)
    assert first in missing(lock(), tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_a_broken_transfer_is_tried_again(central: Central, tmp_path: Path) -> None:
    central.break_off = 1
    assert fetch(lock(), tmp_path, central.url) == 2


def test_a_jar_that_central_does_not_have_is_named(central: Central, tmp_path: Path) -> None:
    first = lock().jars[0]
    del central.files[f"/{first.path}"]
    with pytest.raises(StackError, match=r"one-1\.0\.jar can not be downloaded: 404"):
        fetch(lock(), tmp_path, central.url)


def test_the_class_path_names_files_and_not_folders(tmp_path: Path) -> None:
    assert class_path(lock(), tmp_path) == str(tmp_path / "org/example/one/1.0/one-1.0.jar")


def test_a_cache_that_can_not_be_written_is_a_storage_error(central: Central, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/jars can not be written \(.*\): set STREAMGUARD_CACHE_DIR"):
        fetch(lock(), tmp_path / "file" / "jars", central.url)
