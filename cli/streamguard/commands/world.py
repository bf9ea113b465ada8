"""`streamguard world`: the worlds that `produce` writes, listed, shown and checked."""

from __future__ import annotations

from pathlib import Path

import click

from streamguard.commands import App, completion
from streamguard.commands.output import output_option, show


@click.group()
def world() -> None:
    """List, show and check the worlds that `produce` writes.

    A world is a file of init/worlds: entities, streams, campaigns of fraud and of what only looks like it, faults and
    truth. Commands take its name, or a path.

    \b
    Examples:
      streamguard world list
      streamguard world show card             what becomes of the file, and what to expect
      streamguard world check card            whether the records are as it declares
    """


@world.command("list")
@output_option
@click.pass_obj
def list_worlds(app: App, *, output: str) -> None:
    """List the worlds of the project.

    \b
    Examples:
      streamguard world list
      streamguard world list --output json
    """
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

    \b
    Examples:
      streamguard world show card
      streamguard world show ./my-world.yml
    """
    from streamguard.datagen.explaining.explain import explain
    from streamguard.datagen.world.reading import find_world, read_world

    click.echo(explain(read_world(find_world(app.project, name))), nl=False)


@world.command("schema")
def schema() -> None:
    """Print the JSON Schema of world files.

    Editors check and complete by it. In VS Code with the YAML extension, begin a world file with
    `# yaml-language-server: $schema=world.schema.json`.

    \b
    Examples:
      streamguard world schema > init/worlds/world.schema.json
    """
    import json

    from streamguard.datagen.world.validating import schema as of_worlds

    click.echo(json.dumps(of_worlds(), indent=2, ensure_ascii=False))


@world.command("check")
@click.argument("name", shell_complete=completion.worlds)
@click.option("--records", type=click.IntRange(10_000), default=1_000_000, show_default=True, help="Records to draw.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sample.")
@click.option("--failures", is_flag=True, help="List only what failed.")
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw pictures of the sample into this folder.",
)
@output_option
@click.pass_obj
def check_world(
    app: App, *, name: str, records: int, seed: int, failures: bool, plots: Path | None, output: str
) -> int:
    """Draw a sample of a world and test it against what the world declares.

    The records are spread over four weeks. Tests with a p-value fail together with a probability of 0.001 where all is
    as declared (Holm's correction); the others have limits. Ends with 1 if one fails.

    \b
    S1  parameters        S2  independence    S3  times           S4  amounts
    S5  activity          S6  popularity      S7  attributes      S8  campaigns
    S9  integrity         S10 faults          S11 components      S12 leaks

    \b
    Examples:
      streamguard world check card
      streamguard world check card --records 200000 --plots plots
    """
    from streamguard.datagen.check.run import check
    from streamguard.datagen.world.reading import find_world, read_world

    found = check(read_world(find_world(app.project, name)), records, seed, app.settings.cache_dir, _say)
    listed = [one for one in found.findings if not (failures and one.passed)]
    show([one.row() for one in listed], COLUMNS, output)
    failed = sum(not one.passed for one in found.findings)
    if plots is not None:
        from streamguard.datagen.check.plots import draw_plots

        _say(f"{len(draw_plots(found, plots))} pictures in {plots}")
    _say(f"{failed} of {len(found.findings)} failed" if failed else f"all {len(found.findings)} hold")
    return 0 if found.passed else 1


COLUMNS = ("test", "subject", "measure", "observed", "expected", "p", "verdict", "detail")


def _say(text: str) -> None:
    click.echo(text, err=True)
