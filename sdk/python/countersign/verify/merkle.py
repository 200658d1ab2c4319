"""Merkle trees: roots and inclusion (RFC 6962 §2.1, RFC 9162 §2.1.3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


class NotIncluded(Exception):
    """The proof does not lead from the leaf to the root."""


def need(holds: object, what: str) -> None:
    """Raises NotIncluded where something does not hold."""
    if not holds:
        raise NotIncluded(what)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))


def check_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raises NotIncluded unless the leaf hash is at `index` of the tree of `size` leaves with this root."""
    need(index < size, "its index is not within the tree")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        need(last > 0, "the proof is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0, "the proof is too short")
    need(found == root, "the proof does not lead to the root")
