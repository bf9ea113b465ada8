"""Random numbers that depend on seed, column and position alone.

A generator that is advanced from record to record ties every value to all draws before it. Here the numbers of a
column come in blocks from SHAKE-256 over (seed, column, block): any record can be made without those before it, a new
column leaves the others as they are, and the bytes are the same on every machine and Python version.
"""

from __future__ import annotations

import hashlib
import struct

BLOCK = 1024
"""Records a block: the unit in which numbers are drawn. Part of the contract: another size gives other records."""

RANGE = 1 << 32
"""Every draw is a whole number from 0 up to here, exclusive."""

_UNPACK = struct.Struct(f"<{BLOCK}I").unpack


def draws(seed: int, column: str, block: int) -> tuple[int, ...]:
    """The `BLOCK` draws of a column for the records from ``block * BLOCK`` on."""
    return _UNPACK(hashlib.shake_256(f"{seed}/{column}/{block}".encode()).digest(4 * BLOCK))
