"""A shell."""

from __future__ import annotations

import click


@click.command()
def shell() -> None:
    """Soon."""
