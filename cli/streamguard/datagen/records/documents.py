"""Reading what a run left behind, as JSON: its manifest, its journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from streamguard.datagen.records.run import Run
from streamguard.datagen.world.reading import world_of
from streamguard.errors import ProjectError

T = TypeVar("T")


def read_document(path: Path, kind: str, form: int, told: Callable[[Mapping[str, Any]], T]) -> T:
    """What `told` makes of the document at `path`, which is a `kind` ("manifest", "journal") of format `form`.

    Raises ProjectError, with the path, if it is none.
    """
    try:
        document = orjson.loads(path.read_bytes())
        if document[kind] != form:
            raise ProjectError(f"it is of format {document[kind]}, and this streamguard reads {form}")
        return told(document)
    except ProjectError as exc:
        raise ProjectError(f"{path}: {exc}") from exc
    except OSError as exc:
        raise ProjectError(f"{path} can not be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ProjectError(f"{path} is no {kind} of `streamguard produce --{kind}`") from exc


def run_of(document: Mapping[str, Any]) -> Run:
    """The run that a document is about: it holds the world itself. Raises ProjectError."""
    return Run.of(document["run"], world_of(document["world"]))
