"""The command line: read options, call one function, print. Nothing outside `commands/` imports from here.

This file is imported by every call, `--help` among them, so it imports click and little else: each command's module
is imported when the command is called, and the texts of the listing stand in `COMMANDS`.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard import __version__
from streamguard.errors import StreamguardError

if TYPE_CHECKING:
    from streamguard.connect.rest.contexts import Context
    from streamguard.model import Pipeline
    from streamguard.project import Project
    from streamguard.settings import Settings

USAGE = 64
STORAGE = 74
INTERRUPTED = 130
OF_ALL = ("-v", "--verbose", "--project", "--version")
"""Options of the command line itself."""

COMMANDS = {
    "up": "Start the local servers and a pipeline on them.",
    "new": "Write the files of a new pipeline.",
    "down": "Stop the local servers.",
    "status": "Show the local servers.",
    "doctor": "Check what a pipeline needs of machine and servers.",
    "logs": "Show the log of a local server.",
    "topics": "List, create, describe and read topics.",
    "dead-letters": "List, show and replay records that were refused.",
    "produce": "Write generated records to a pipeline's topic.",
    "world": "List, show and check the worlds that produce writes.",
    "ksql": "Apply ksql statements and run the embedded ksql server.",
    "connectors": "Render, deploy and watch connectors.",
    "lake": "Make the tables of the sinks in S3.",
    "query": "Query the sinks.",
    "verify": "Check that a run is everywhere once where it should be.",
    "rights": "Print what each service must be allowed in Kafka.",
    "alerts": "Follow alerts and decisions, test the channels of the notifier.",
    "rules": "Check the rules of the decider, and try them.",
    "service": "Run one of the services.",
    "jars": "Fetch the jars that the local servers need.",
}


class App:
    """What every command needs, read when first asked for: the project and the settings."""

    def __init__(self, project: Path | None, *, verbosity: int = 0) -> None:
        self._project = project
        self.verbosity = verbosity
        self.context: Context | None = None  # of a command of `connectors`

    @property
    def verbose(self) -> bool:
        return self.verbosity > 0

    @cached_property
    def project(self) -> Project:
        from streamguard.project import find_project

        return find_project(Path.cwd(), self._project)

    @property
    def has_no_project(self) -> bool:
        """Is it the copy that streamguard carries along, since nobody named one and no folder upward is one?"""
        here = Path.cwd().resolve()
        return self._project is None and self.project.root not in (here, *here.parents)

    @cached_property
    def settings(self) -> Settings:
        return self.settings_with()

    def settings_with(self, **options: Any) -> Settings:
        """The settings with options of the command line on top."""
        from streamguard.settings import load

        return load(self.project.root, **options)

    def pipeline(self, name: str) -> Pipeline:
        return self.project.pipeline(name)


class _ReaderGone(Exception):
    """Whoever reads our output wants no more of it, as `head` does; click takes a BrokenPipeError for a failure."""


class LazyGroup(click.Group):
    """A group whose commands live in `streamguard.commands.NAME`, imported when called."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise _ReaderGone from exc

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"streamguard.commands.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from streamguard.project import did_you_mean

            ctx.fail(f"no command {args[0]}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds connectors/, ksql/ and init/.  [default: the nearest one upward]",
)
@click.option("-v", "--verbose", count=True, help="Say more on stderr; -vv and -vvv still more.")
@click.version_option(__version__, prog_name="streamguard")
@click.pass_context
def cli(ctx: click.Context, project: Path | None, verbose: int) -> None:
    """Fraud data from Kafka into S3 and MongoDB, with three folders of text.

    \b
    Examples:
      streamguard up bank                     start everything on this machine
      streamguard connectors deploy           bring the sinks in line with connectors/
      streamguard query fraud-report          join transactions with their people
    """
    ctx.obj = App(project, verbosity=verbose)
    ctx.color = _colour()


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the one place where an error becomes an exit code."""
    try:
        result = cli.main(list(arguments), prog_name="streamguard", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as exc:
        _show(exc)
        return USAGE if isinstance(exc, click.UsageError) else exc.exit_code
    except StreamguardError as exc:
        from streamguard.commands.output import nearby

        said = nearby(_redacted(str(exc)))
        click.echo(f"{click.style('Error:', fg='red')} {said}", err=True, color=_colour())
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except (BrokenPipeError, _ReaderGone):
        _drop_output()
        return 0
    except OSError as exc:
        if exc.errno == errno.ENOSPC and exc.filename is None:
            _drop_output()
        click.echo(f"Error: {_redacted(_about_file(exc))}", err=True)
        return STORAGE if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else 1
    except Exception as exc:  # noqa: BLE001  a bug; whoever reports it needs the place, and no secret
        from streamguard.commands import verbose

        click.echo(verbose.about_bug(exc, verbose=any(word.startswith("-v") for word in arguments)), err=True)
        return 1
    return result if isinstance(result, int) else 0


def _colour() -> bool | None:
    """As https://no-color.org says; None: colours on terminals."""
    from streamguard.settings import environment_variable

    return False if environment_variable("NO_COLOR") else None


def _show(exc: click.ClickException) -> None:
    """As click does, without what a wrong option may quote."""
    told = io.StringIO()
    exc.show(told)
    if isinstance(exc, click.NoSuchOption) and exc.option_name in OF_ALL:
        told.write(f"{exc.option_name} goes before the command: streamguard {exc.option_name} …\n")
    click.echo(_redacted(told.getvalue()), err=True, nl=False)


def _redacted(text: str) -> str:
    """Whatever an error quotes, a secret is not in it; imported here, since most calls end well."""
    from streamguard.connect.secrecy.secrets import redact

    return redact(text)


def _drop_output() -> None:
    """What is still to be written goes nowhere: otherwise the flush at the end of the process fails again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _about_file(exc: OSError) -> str:
    where = exc.filename or ("the output can not be written" if exc.errno == errno.ENOSPC else "")
    return f"{where}: {exc.strerror or exc}" if where else str(exc.strerror or exc)
