"""Envelopes: the canonical JSON of a record's clear part (docs/evidence-format.md §3)."""

from __future__ import annotations

import hashlib

from .canonical import Number, Value, canonical, parse
from .forms import KIND, NAME, digest, ident, members, need, one_of, signed, text, time, u32, uuid7
from .records import BODIES

MOST_BYTES = 16 * 1024
MOST_DEPTH = 16
ACTORS = ("agent", "policy", "reviewer", "gateway", "operator", "system")


def _sealed(value: Value) -> None:
    need(isinstance(value, dict), "sealed")
    for name, item in value.items():
        need(NAME.fullmatch(name), "field name")
        digest(item)


def _clear(value: Value) -> None:
    """What holds for the body of any type."""
    if isinstance(value, dict):
        for name, item in value.items():
            need(NAME.fullmatch(name), "member name")
            _clear(item)
    elif isinstance(value, list):
        for item in value:
            _clear(item)
    elif isinstance(value, Number):
        signed(value)
    elif not isinstance(value, bool):
        ident(value)


ENVELOPE = members(
    v=lambda value: need(isinstance(value, Number) and value == "1", "v"),
    id=uuid7, type=lambda value: need(KIND.fullmatch(text(value, "type")) and len(value) <= 64, "type"),
    time=time, workspace=ident, environment=ident, action_=uuid7, step_=u32, prev_=digest,
    actor=members(type=one_of(*ACTORS), id=ident), body=lambda value: need(isinstance(value, dict), "body"),
    sealed=_sealed, vault_=digest,
)


def read(data: bytes) -> Value:
    """Reads an envelope strictly: there is one text for one envelope. Raises Malformed or Refused."""
    value = parse(data, MOST_BYTES, MOST_DEPTH)
    need(canonical(value).encode() == data, "canonical form")
    ENVELOPE(value)
    step = value["step"].integer() if "step" in value else None
    need(("action" in value) == (step is not None), "action and step")
    need(("prev" in value) == bool(step), "prev")
    _clear(value["body"])
    if value["type"] in BODIES:
        BODIES[value["type"]](value["body"])
    return value


def leaf_hash(data: bytes) -> bytes:
    """The Merkle leaf (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\0" + data).digest()
