"""Ownership: which connectors of a cluster are ours, so that a prune deletes those and never anybody else's.

Every config that is deployed carries two keys of our own. No plugin knows them, and none minds:

* `streamguard.owner`: `<connect_owner>/<pipeline>`, from the setting and the pipeline of the template.
* `streamguard.references`: a digest of the references (`${env:…}`) of the config, and of the addresses and the like
  that its secret keys hold. A server that masks secrets shows `***` for the old reference and for the new one; by the
  digest a plan still sees that one was replaced by the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from streamguard.connect.secrecy.sensitive import REFERENCE, is_sensitive, literal_secret
from streamguard.connect.templates.render import Connector
from streamguard.errors import Refused, TemplateError, UnknownName
from streamguard.project import listed

OWNER = "streamguard.owner"
REFERENCES = "streamguard.references"
FEW = 3
"""So many deletions need no leave, whatever their share is."""
TOLD = 5
"""So many names an error repeats."""


@dataclass(frozen=True)
class Owner:
    """Who deployed a connector: the setting `connect_owner`, and the pipeline."""

    name: str
    pipeline: str

    def __str__(self) -> str:
        return f"{self.name}/{self.pipeline}"


@dataclass(frozen=True)
class Prune:
    """What a prune may delete: connectors of `owner` and `pipelines` whose template is gone.

    `templates` are the names that have one, also one that does not render. `allowed`: how many deletions the user has
    allowed; None: the guard decides.
    """

    owner: str
    pipelines: frozenset[str]
    templates: frozenset[str]
    allowed: int | None = None
    reset_offsets: bool = False

    @property
    def owners(self) -> list[Owner]:
        return [Owner(self.owner, pipeline) for pipeline in sorted(self.pipelines)]


def owner_of(config: Mapping[str, str]) -> Owner | None:
    """Whose a deployed connector is; None: it does not say, so it is nobody's of ours."""
    name, slash, pipeline = config.get(OWNER, "").rpartition("/")
    return Owner(name, pipeline) if slash and name and pipeline else None


def stamped(connector: Connector, owner: Owner) -> Connector:
    """The connector with the keys of ownership in its config."""
    for key in (OWNER, REFERENCES):
        if key in connector.config:
            raise TemplateError(f"{connector.template}: {key} is written by streamguard: leave it out")
    config = {**connector.config, OWNER: str(owner)}
    digest = digest_of(connector.config)
    if digest:
        config[REFERENCES] = digest
    return replace(connector, config=dict(sorted(config.items())))


def digest_of(config: Mapping[str, str]) -> str:
    """A digest of what a server may mask and what is no secret; empty if there is nothing of the kind."""
    found = [
        f"{key}={value}"
        for key, value in sorted(config.items())
        if (REFERENCE.search(value) or is_sensitive(key)) and not literal_secret(key, value)
    ]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if found else ""


def owned(deployed: Mapping[str, Mapping[str, str]], prune: Prune) -> dict[str, Owner]:
    """The connectors of a cluster that lie within a prune's reach, by name."""
    found = {name: owner_of(config) for name, config in sorted(deployed.items())}
    return {
        name: owner
        for name, owner in found.items()
        if owner and owner.name == prune.owner and owner.pipeline in prune.pipelines
    }


def goners(deployed: Mapping[str, Mapping[str, str]], prune: Prune) -> list[str]:
    """What a prune deletes. Raises `Refused` if that is most of what there is, and nobody said so."""
    mine = owned(deployed, prune)
    if not mine and not prune.templates:
        raise UnknownName(f"neither a template nor a connector is of {listed(sorted(map(str, prune.owners)), TOLD)}")
    gone = [name for name in mine if name not in prune.templates]
    _guard(gone, mine, prune.allowed)
    return gone


def strays(deployed: Mapping[str, Mapping[str, str]], owner: str, pipelines: Collection[str]) -> dict[str, list[str]]:
    """Connectors of ours whose whole pipeline the project does not have, by pipeline: no prune deletes them unasked."""
    found: dict[str, list[str]] = {}
    for name, config in sorted(deployed.items()):
        whose = owner_of(config)
        if whose and whose.name == owner and whose.pipeline not in pipelines:
            found.setdefault(whose.pipeline, []).append(name)
    return found


def _guard(gone: Sequence[str], mine: Collection[str], allowed: int | None) -> None:
    if allowed is not None and len(gone) > allowed:
        raise Refused(f"{len(gone)} connectors would be deleted, and {allowed} are allowed: {listed(gone, TOLD)}")
    if allowed is None and len(gone) > FEW and 2 * len(gone) > len(mine):
        raise Refused(
            f"{len(gone)} of the {len(mine)} connectors of this owner would be deleted ({listed(gone, TOLD)}): are "
            f"these the right project, --values and cluster? If so, say --allow-deletes {len(gone)}"
        )
