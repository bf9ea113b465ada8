"""`streamguard jars`: the jars of Kafka, Kafka Connect and its plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamguard.commands import App


@click.group()
def jars() -> None:
    """Fetch the jars of Kafka, Kafka Connect and its plugins.

    \b
    Examples:
      streamguard jars fetch              download what the lock file names and the cache lacks
      streamguard jars fetch --verify     and check every hash again
      streamguard jars plugins DIR        copy those of the plugins, for an image
    """


@jars.command()
@click.option("--verify", is_flag=True, help="Check the hash of every jar, also of those that are there.")
@click.pass_obj
def fetch(app: App, verify: bool) -> None:
    """Download what the lock file names and the cache lacks.

    Then Kafka and Kafka Connect are started once, apart from everything, to record what makes later starts quick.

    \b
    Examples:
      streamguard jars fetch
      STREAMGUARD_MAVEN_URL=https://maven.example.com/central streamguard jars fetch
    """
    from streamguard.commands.progress import show_bytes
    from streamguard.errors import StackError
    from streamguard.stack.ahead import make_caches
    from streamguard.stack.jars import fetch, read_lock

    cache = app.settings.cache_dir / "jars"
    with show_bytes("jars") as on_bytes:
        count = fetch(read_lock(), cache, app.settings.maven_url, on_bytes=on_bytes, verify=verify)
    click.echo(f"{count} jars downloaded into {cache}" if count else f"all jars are in {cache}", err=True)
    try:
        make_caches(
            app.settings,
            app.project,
            lambda: click.echo("one start of Kafka and Kafka Connect, to record what makes later ones quick", err=True),
        )
    except StackError as exc:
        click.echo(f"later starts will be slower than they could be: {str(exc).partition(chr(10))[0]}", err=True)


@jars.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("names", nargs=-1)
@click.pass_obj
def plugins(app: App, folder: Path, names: tuple[str, ...]) -> None:
    """Copy plugins of Kafka Connect into FOLDER, all of them or those of NAMES; download what the cache lacks.

    The image of docker-compose.yml is made in this way, so it has the very jars that the local worker has.

    \b
    Examples:
      streamguard jars plugins /usr/share/java mongodb iceberg
    """
    from streamguard.stack.jars import copy_plugins, fetch, only, read_lock

    whole = read_lock()
    wanted, cache = only(whole, names or whole.plugins), app.settings.cache_dir / "jars"
    fetch(wanted, cache, app.settings.maven_url)
    copy_plugins(wanted, cache, folder)
    click.echo(f"{', '.join(wanted.plugins)} in {folder}", err=True)


@jars.command()
def lock() -> None:
    """Resolve jars.yml again and write the lock file (for those who maintain streamguard).

    \b
    Examples:
      streamguard jars lock
    """
    from streamguard.stack.jars import LOCK_FILE, write_lock
    from streamguard.stack.resolve import resolve

    resolved = resolve()
    write_lock(resolved)
    megabytes = sum(jar.size for jar in resolved.jars) / 1e6
    click.echo(f"{len(resolved.jars)} jars, {megabytes:.0f} MB, in {LOCK_FILE}", err=True)
