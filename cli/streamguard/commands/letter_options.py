"""Options that `dead-letters` and `connectors dlq` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from streamguard.commands import completion
from streamguard.commands.output import output_option
from streamguard.kafka.exactly_once.dead_letters import MAX_REPLAYS

F = TypeVar("F", bound=Callable[..., Any])
STAGES = ("HEADER_CONVERTER", "KEY_CONVERTER", "TASK_PUT", "TRANSFORMATION", "VALUE_CONVERTER")
"""Of a sink, as Connect calls them."""
FASTEST = 1_000_000.0

choice_options = (
    click.option(
        "--cause",
        "causes",
        multiple=True,
        metavar="CODE",
        shell_complete=completion.causes,
        help="Only those with this code; again for more.  [default: all]",
    ),
    click.option(
        "--stage",
        "stages",
        multiple=True,
        metavar="STAGE",
        shell_complete=lambda _ctx, _param, begun: [stage for stage in STAGES if stage.startswith(begun)],
        help="Only what a connector refused there; again for more.  [default: all]",
    ),
)


def show_options(function: F) -> F:
    """Those of `show`."""
    return _with(
        function,
        click.argument("place", required=False, metavar="[PARTITION:OFFSET]"),
        *choice_options,
        click.option(
            "-n", "--last", type=click.IntRange(min=1), default=5, show_default=True, help="How many records."
        ),
        click.option(
            "--value", "with_value", is_flag=True, help="Print key, value, headers and trace: maybe personal data."
        ),
        click.option("--raw", is_flag=True, help="Write the value alone, byte for byte, to stdout: of one record."),
        output_option,
    )


def replay_options(function: F) -> F:
    """Those of `replay`."""
    return _with(
        function,
        *choice_options,
        click.option(
            "--to",
            metavar="TOPIC",
            shell_complete=completion.topics,
            help="Where to write them.  [default: where they were]",
        ),
        click.option("--to-source", is_flag=True, help="Where they were, although others read it and get them twice."),
        click.option(
            "--rate",
            type=click.FloatRange(0, FASTEST, min_open=True),
            metavar="N",
            help="At most so many records a second.  [default: no limit]",
        ),
        click.option(
            "--max-replays",
            type=click.IntRange(min=1),
            default=MAX_REPLAYS,
            show_default=True,
            metavar="N",
            help="Leave what came back from so many replays.",
        ),
        click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask."),
        output_option,
    )


def _with(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
