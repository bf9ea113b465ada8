"""`streamguard world`: the worlds that `produce` writes, listed, shown and checked."""

from __future__ import annotations

import click

from streamguard.commands import App, completion
from streamguard.commands.output import output_option, show


@click.group()
def world() -> None:
    """List, show and check the worlds that `produce` writes.

    A world is a file of init/worlds: entities, streams, campaigns of fraud and of what only looks like it, faults and
    truth. Commands take its name, or a path.
    """


@world.command("list")
@output_option
@click.pass_obj
def list_worlds(app: App, *, output: str) -> None:
    """List the worlds of the project."""
    from streamguard.datagen.world.reading import find_world, read_world, worlds

    found = [read_world(find_world(app.project, name)) for name in worlds(app.project)]
    rows = [
        {
            "world": one.name,
            "streams": ", ".join(stream.name for stream in one.streams),
            "topics": ", ".join(stream.topic for stream in one.streams),
            "campaigns": len(one.campaigns),
            "trivial": one.trivial,
            "digest": one.digest,
            "about": one.about,
        }
        for one in found
    ]
    show(rows, ["world", "topics", "campaigns", "about"], output)


@world.command("show")
@click.argument("name", shell_complete=completion.worlds)
@click.pass_obj
def show_world(app: App, *, name: str) -> None:
    """Print the resolved plan of a world, with what is to be expected of it.

    The text is the same every time, so that the plans of two versions of a file can be compared.
    """
    from streamguard.datagen.world.explain import explain
    from streamguard.datagen.world.reading import find_world, read_world

    click.echo(explain(read_world(find_world(app.project, name))), nl=False)


@world.command("schema")
def schema() -> None:
    """Print the JSON Schema of world files.

    Editors check and complete by it. In VS Code with the YAML extension, begin a world file with
    `# yaml-language-server: $schema=world.schema.json`.

    \b
    Example:
      streamguard world schema > init/worlds/world.schema.json
    """
    import json

    from streamguard.datagen.world.validating import schema as of_worlds

    click.echo(json.dumps(of_worlds(), indent=2, ensure_ascii=False))
