"""Columns of several blocks as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamguard.datagen.columns.stream import Columns


def joined(blocks: Sequence[Columns]) -> Columns:
    """Consecutive blocks as one."""
    return Columns(
        first=blocks[0].first,
        size=sum(block.size for block in blocks),
        values={name: np.concatenate([block.values[name] for block in blocks]) for name in blocks[0].values},
        instants=np.concatenate([block.instants for block in blocks]),
        campaign=np.concatenate([block.campaign for block in blocks]),
        instance=np.concatenate([block.instance for block in blocks]),
        step=np.concatenate([block.step for block in blocks]),
        fraud=np.concatenate([block.fraud for block in blocks]),
    )
