from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.commands import App
from streamguard.commands.connectors import options
from streamguard.connect.rest import contexts
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.contexts import Basic, Context, Contexts, Secret, Tls
from streamguard.connect.rest.credentials import open_client
from streamguard.errors import ConnectError, SettingsError, StreamguardError, UnknownName
from streamguard.settings import Settings, load
from tests.connect import certificates as making
from tests.connect.certificates import PASSWORD, Certificates
from tests.connect.conftest import Answer, Script, playing

SECRET = "s3cret-hunter2"
FILE = Path("/etc/sg/contexts.yml")
URL = "https://connect:8083"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return making.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The contexts file of this test."""
    path = tmp_path / "config" / "contexts.yml"
    monkeypatch.setenv("STREAMGUARD_CONTEXTS_FILE", str(path))
    return path


def parsed(entry: Any) -> Context:
    return contexts.parse({"contexts": {"c": entry}}, FILE)["c"]


def test_the_example_of_the_module_is_read() -> None:
    text = (contexts.__doc__ or "").split("\n\n")[1]
    found = contexts.parse(yaml.safe_load(text), FILE)
    assert found.current == "staging"
    assert found["staging"] == Context(
        "staging",
        ("https://connect-1:8083", "https://connect-2:8083"),
        basic=Basic("ops", Secret("CONNECT_PASSWORD")),
        tls=Tls(Path("/etc/sg/ca.pem"), Path("/etc/sg/ops.pem"), Path("/etc/sg/ops.key")),
        kafka_bootstrap="kafka-1:9092",
    )


IN_CLEAR: dict[str, dict[str, Any]] = {
    "password": {"urls": [URL], "auth": {"basic": {"user": "ops", "password": SECRET}}},
    "number as password": {"urls": [URL], "auth": {"basic": {"user": "ops", "password": 5_318_008}}},
    "bearer": {"urls": [URL], "auth": {"bearer": SECRET}},
    "key's password": {"urls": [URL], "tls": {"cert": "a", "key": "b", "key_password": SECRET}},
    "address": {"urls": [f"https://ops:{SECRET}@connect:8083"]},
    "auth": {"urls": [URL], "auth": f"ops:{SECRET}"},
    "whole context": SECRET,  # type: ignore[dict-item]
}


@pytest.mark.parametrize("entry", IN_CLEAR.values(), ids=list(IN_CLEAR))
def test_a_secret_in_clear_is_refused_and_not_told(entry: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(entry)
    assert SECRET not in str(caught.value)
    assert "5318008" not in str(caught.value)
    assert "/etc/sg/contexts.yml: contexts.c" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"urls": []}, "contexts.c.urls is a list of addresses"),
        ({}, "contexts.c.urls is a list of addresses"),
        ({"urls": ["connect:8083"]}, "contexts.c.urls is a list of addresses"),
        ({"urls": [URL], "ulrs": 1}, r"contexts.c has an unknown key ulrs \(did you mean urls\?\)"),
        ({"urls": [URL], "auth": {"basic": {}, "bearer": {}}}, "contexts.c.auth is basic or bearer, not both"),
        ({"urls": [URL], "auth": {"basic": {"password": {"env": "P"}}}}, "basic.user is a name without a colon"),
        ({"urls": [URL], "auth": {"bearer": {"env": "A", "file": "b"}}}, r"bearer is \{env: NAME\} or \{file: PATH\}"),
        ({"urls": [URL], "auth": {"bearer": {}}}, r"bearer is \{env: NAME\} or \{file: PATH\}"),
        ({"urls": [URL], "tls": {"key": "k"}}, "tls.key is of no use without cert"),
        ({"urls": [URL], "kafka_bootstrap": 9092}, "kafka_bootstrap is a text"),
        ({"urls": [URL], "tls": {"ca": "~nobody-here/ca"}}, "in the folder of a user who does not exist"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(entry: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parsed(entry)


@pytest.mark.parametrize("text", [f"contexts: [{SECRET}", f"a: b\n{SECRET}: c: d", f"!{SECRET} x", "\x00", "5", "- 1"])
def test_a_file_that_is_no_yaml_is_told_with_its_line_and_not_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contexts.yml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"contexts\.yml") as caught:
        contexts.load(path)
    assert len(str(caught.value)) < len(str(path)) + 120


def test_no_file_has_no_contexts_and_an_empty_one_neither(tmp_path: Path) -> None:
    path = tmp_path / "contexts.yml"
    assert contexts.load(path) == Contexts(path)
    path.touch()
    assert contexts.load(path) == Contexts(path)


def test_a_context_that_does_not_exist_is_told_with_those_that_do() -> None:
    found = contexts.parse({"contexts": {"staging": {"urls": [URL]}}}, FILE)
    with pytest.raises(UnknownName, match=r"has no context stagign \(did you mean staging\?\)"):
        found["stagign"]
    with pytest.raises(UnknownName):
        contexts.parse({"current": "gone"}, FILE)


words = st.text("abcdefghij-_. äß", min_size=1, max_size=8).map(str.strip).filter(bool)
secrets = st.one_of(words.map(Secret), words.map(lambda name: Secret(file=Path("/run") / name)))
files = st.none() | words.map(lambda name: Path("/etc/sg") / name)
tls = st.builds(Tls, ca=files, cert=words.map(Path("/c").joinpath), key=files, key_password=st.none() | secrets)
who: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.builds(lambda user, secret: {"basic": Basic(user, secret)}, words, secrets),
    secrets.map(lambda secret: {"bearer": secret}),
)
someone = st.builds(
    lambda name, urls, tls, kafka, auth: Context(name, tuple(urls), tls=tls, kafka_bootstrap=kafka, **auth),
    words,
    st.lists(words.map(lambda host: f"https://{host}"), min_size=1, max_size=3),
    st.none() | tls,
    st.just("") | words,
    who,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(someone, max_size=3))
def test_what_is_saved_is_read_again_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, several: list[Context]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round" / "contexts.yml"
    wanted = Contexts(path, several[0].name if several else "", {context.name: context for context in several})
    wanted.save()
    assert contexts.load(path) == wanted


def test_the_file_is_for_its_owner_only_and_a_link_to_it_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.yml", tmp_path / "contexts.yml"
    real.touch(mode=0o644)
    link.symlink_to(real)
    contexts.load(link).with_context(Context("c", (URL,))).save()
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["contexts.yml", "dotfiles.yml"]


def test_removing_the_context_in_use_leaves_none_in_use() -> None:
    found = contexts.parse({"current": "a", "contexts": {"a": {"urls": [URL]}, "b": {"urls": [URL]}}}, FILE)
    assert found.without("a").current == ""
    assert found.without("b").current == "a"


# Which cluster a command means


def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **environ: str) -> Settings:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return load(tmp_path)


@pytest.mark.parametrize(
    ("option", "environ", "chosen"),
    [
        ("a", {"STREAMGUARD_CONNECT_CONTEXT": "b", "STREAMGUARD_CONNECT_URL": "http://x:1"}, "a"),
        (None, {"STREAMGUARD_CONNECT_CONTEXT": "b", "STREAMGUARD_CONNECT_URL": "http://x:1"}, "b"),
        (None, {"STREAMGUARD_CONNECT_URL": "http://x:1"}, None),
        (None, {"STREAMGUARD_CONNECT_URL": "http://127.0.0.1:8083"}, None),
        (None, {}, "c"),
    ],
    ids=["--context", "STREAMGUARD_CONNECT_CONTEXT", "an address", "even the usual address", "the one in use"],
)
def test_the_nearest_choice_of_a_cluster_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch, option: str | None, environ: dict[str, str], chosen: str | None
) -> None:
    Contexts(home, "c", {name: Context(name, (URL,)) for name in "abc"}).save()
    found = contexts.choose(settings_of(home.parent, monkeypatch, **environ), option)
    assert (found.name if found else None) == chosen


def test_an_address_on_the_command_line_has_nobodys_credentials_unless_a_context_is_named(home: Path) -> None:
    Contexts(home, "c", {"c": Context("c", (URL,), bearer=Secret("T"), kafka_bootstrap="k:1")}).save()
    alone, named = App(None), App(None)
    options.enter(alone, "http://x:1", None)
    assert alone.context is None
    options.enter(named, "http://x:1", "c")
    assert named.context is not None
    assert options.client_of(named, "http://x:1").shown_url == "http://x:1"


def test_the_kafka_of_a_context_is_that_of_the_command(home: Path) -> None:
    Contexts(home, "", {"c": Context("c", (URL,), kafka_bootstrap="k:1"), "d": Context("d", (URL,))}).save()
    app = App(None)
    options.enter(app, None, "c")
    assert app.settings.kafka_bootstrap == "k:1"


def test_topics_are_not_looked_for_in_the_kafka_of_another_cluster(home: Path) -> None:
    Contexts(home, "", {"d": Context("d", (URL,))}).save()
    app = App(None)
    options.enter(app, None, "d")
    assert options.topics_of(app) is None


# What is sent


def asking(script: Script, **who: Any) -> ConnectClient:
    script.rest = Answer(body={"version": "4.3.1"})
    return open_client(Context("c", (script.url,), **who))


def test_name_and_password_are_sent_in_utf_8(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_PASSWORD", "pässwörd→")
    asking(script, basic=Basic("ops", Secret("CONNECT_PASSWORD"))).worker()
    sent = script.asked[0].authorization or ""
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "ops:pässwörd→"


def test_a_token_in_a_file_is_read_for_every_request_since_it_is_renewed(script: Script, tmp_path: Path) -> None:
    token = tmp_path / "token"
    client = asking(script, bearer=Secret(file=token))
    for text in ("first", "second\n"):
        token.write_text(text)
        client.worker()
    assert [asked.authorization for asked in script.asked] == ["Bearer first", "Bearer second"]


def test_the_credentials_go_along_to_the_next_worker(
    script: Script, second: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t")
    script.rest, second.rest = Answer(503), Answer(body={"version": "4.3.1"})
    open_client(Context("c", (script.url, second.url), bearer=Secret("TOKEN"))).worker()
    assert second.asked[0].authorization == "Bearer t"


def test_nothing_is_sent_where_a_redirect_points(
    script: Script, second: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t")
    client = asking(script, bearer=Secret("TOKEN"))
    script.answers = [Answer(302, {"message": "elsewhere"})]
    with pytest.raises(ConnectError, match="302"):
        client.worker()
    assert second.asked == []


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (Secret("NO_SUCH_VARIABLE"), "the environment variable NO_SUCH_VARIABLE is not set"),
        (Secret(file=Path("/nonexistent/token")), r"/nonexistent/token can not be read \(No such file or directory\)"),
        (Secret(file=Path("/dev/null")), "/dev/null is empty"),
    ],
)
def test_a_secret_that_is_not_there_is_told_with_its_place(script: Script, secret: Secret, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        asking(script, bearer=secret).worker()
    assert script.asked == []


@pytest.mark.parametrize("token", [f"{SECRET}\nX-Header: 1", f"{SECRET} ", f"ü{SECRET}"])
def test_a_token_that_would_break_the_header_is_refused_and_not_told(
    script: Script, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("TOKEN", token)
    with pytest.raises(SettingsError, match=r"\$TOKEN holds no token") as caught:
        asking(script, bearer=Secret("TOKEN")).worker()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_refused_is_told_to_give_credentials(script: Script, status: int) -> None:
    script.answers = [Answer(status, "User cannot access the resource.")]
    with pytest.raises(ConnectError, match=rf"refuses who asks \({status} .*give credentials by a context"):
        script.client().worker()
    assert len(script.asked) == 1


# TLS


@pytest.fixture
def secured(certificates: Certificates) -> Iterator[Script]:
    """A worker that wants a certificate from who asks."""
    with playing(certificates.server(mutual=True)) as played:
        played.rest = Answer(body={"version": "4.3.1"})
        yield played


def as_ops(certificates: Certificates, url: str, **tls: Any) -> ConnectClient:
    return open_client(Context("c", (url,), tls=Tls(**{"ca": certificates.ca, "cert": certificates.person, **tls})))


def test_both_sides_show_certificates_and_the_worker_is_asked(certificates: Certificates, secured: Script) -> None:
    assert as_ops(certificates, secured.url, key=certificates.person_key).worker().version == "4.3.1"


def test_a_key_that_is_encrypted_is_opened_by_its_password(
    certificates: Certificates, secured: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_PASSWORD", PASSWORD)
    client = as_ops(certificates, secured.url, key=certificates.locked_key, key_password=Secret("KEY_PASSWORD"))
    assert client.worker().version == "4.3.1"


def test_an_encrypted_key_without_password_is_told_and_nobody_is_asked_at_the_terminal(
    certificates: Certificates,
) -> None:
    with pytest.raises(SettingsError, match=r"locked_key\.pem is encrypted: name its password in the context"):
        as_ops(certificates, URL, key=certificates.locked_key)


def test_a_wrong_password_of_a_key_is_told_and_not_shown(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_PASSWORD", SECRET)
    with pytest.raises(SettingsError, match="are no certificate with its key") as caught:
        as_ops(certificates, URL, key=certificates.locked_key, key_password=Secret("KEY_PASSWORD"))
    assert SECRET not in str(caught.value)


def test_a_worker_that_wants_a_certificate_and_gets_none_is_told_so(
    certificates: Certificates, secured: Script
) -> None:
    client = open_client(Context("c", (secured.url,), tls=Tls(ca=certificates.ca)))
    with pytest.raises(ConnectError, match="does not accept our certificate, or misses one: name cert and key"):
        client.worker()


def test_a_worker_whose_authority_nobody_knows_is_not_trusted_and_sent_nothing(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    with playing(certificates.server()) as worker:
        client = open_client(Context("c", (worker.url,), bearer=Secret("TOKEN")))
        with pytest.raises(ConnectError, match=r"its certificate is not trusted .*name its CA in a context"):
            client.worker()
        assert worker.asked == []


def test_a_certificate_of_another_host_is_not_trusted(certificates: Certificates) -> None:
    with playing(certificates.server()) as worker:
        url = worker.url.replace("127.0.0.1", "localhost")
        client = open_client(Context("c", (url,), tls=Tls(ca=certificates.ca)))
        with pytest.raises(ConnectError, match="its certificate is not trusted"):
            client.worker()


def test_https_to_a_worker_without_tls_is_told(script: Script) -> None:
    with pytest.raises(ConnectError, match=r"it speaks no TLS: is it http:// \?"):
        ConnectClient(script.url.replace("http:", "https:")).worker()


def test_a_handshake_that_breaks_off_is_tried_again_at_the_next_worker(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broken, playing(certificates.server()) as worker:
        worker.rest = Answer(body={"version": "4.3.1"})
        broken.settimeout(0)
        gone = f"https://127.0.0.1:{broken.getsockname()[1]}"
        broken.close()
        client = open_client(Context("c", (gone, worker.url), tls=Tls(ca=certificates.ca)))
        assert client.worker().version == "4.3.1"


@pytest.mark.parametrize("missing", ["ca", "cert"])
def test_a_file_that_is_missing_or_no_certificate_is_told(
    certificates: Certificates, tmp_path: Path, missing: str
) -> None:
    for path in (tmp_path / "gone.pem", tmp_path / "empty.pem"):
        with pytest.raises(StreamguardError, match=path.name):
            as_ops(certificates, URL, **{"key": certificates.person_key, missing: path})
        (tmp_path / "empty.pem").touch()
