"""Signed answers (docs/evidence-format.md §6.1): whether a WebAuthn assertion signs a record's statement."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from . import canonical
from .canonical import Number, Value
from .encoding import b64decode, b64encode

# Longest part of an assertion, in characters.
MOST = 4096
MOST_DEPTH = 8
RSA_BITS = range(2048, 8193)
PARTS = ("credential", "authenticator_data", "client_data", "signature")
STATED = ("meaning", "payload", "policy", "presentation", "verdict")
ORIGIN = re.compile(r"(?:https://([A-Za-z0-9.-]+)|http://(localhost))(?::.*)?", re.DOTALL)


class Unsigned(Exception):
    """The assertion does not sign the statement."""


def need(holds: object, what: str) -> None:
    """Raises Unsigned where something does not hold."""
    if not holds:
        raise Unsigned(what)


def states(record: Value) -> bool:
    """Whether a signed answer names all that it states."""
    return "action" in record and all(name in record["body"] for name in STATED)


def statement(record: Value) -> bytes:
    """What a signed answer states. Raises Unsigned where the record lacks some of it."""
    need(states(record), "it does not name all that it states")
    body = record["body"]
    return canonical.canonical({"action": record["action"], **{name: body[name] for name in STATED}}).encode()


def _text(value: Value, what: str) -> str:
    need(isinstance(value, str) and not isinstance(value, Number), f"{what} is not text")
    return str(value)


def _decoded(value: Value, what: str) -> bytes:
    text = _text(value, what)
    need(len(text) <= MOST, f"{what} is too long")
    try:
        return b64decode(text)
    except ValueError as error:
        raise Unsigned(f"{what}: {error}") from None


def _verify(key: Value, signed: bytes, signature: bytes) -> None:
    def part(name: str) -> bytes:
        return _decoded(key.get(name), name)

    def number(name: str) -> int:
        return int.from_bytes(part(name), "big")

    need(isinstance(key, dict), "the public key does not read")
    try:
        if key.get("kty") == "EC" and key.get("crv") == "P-256":
            need(len(part("x")) == len(part("y")) == 32, "the public key does not read")
            point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
            point.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        elif key.get("kty") == "OKP" and key.get("crv") == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(part("x")).verify(signature, signed)
        elif key.get("kty") == "RSA":
            need(number("n").bit_length() in RSA_BITS, "the public key does not read")
            public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise Unsigned("the public key is of no known kind")
    except (InvalidSignature, ValueError):
        raise Unsigned("the signature does not verify") from None


def check(record: Value, assertion: Any) -> str:
    """Where the assertion was made: scheme, host and port. Raises Unsigned, or Refused where the client data is no strict
    JSON."""
    need(isinstance(assertion, dict) and assertion.keys() == {*PARTS, "public_key"}, "it is not an assertion")
    client, data = (_decoded(assertion[name], name) for name in ("client_data", "authenticator_data"))
    said = canonical.parse(client, MOST, MOST_DEPTH)
    need(isinstance(said, dict) and said.get("type") == "webauthn.get", "it is not of a signature")
    need(said.get("crossOrigin") is not True, "another site asked for it")
    need(said.get("challenge") == b64encode(hashlib.sha256(statement(record)).digest()), "it signs another statement")
    origin = _text(said.get("origin"), "the origin")
    found = ORIGIN.fullmatch(origin)
    need(found, "it was made at no secure origin")
    labels = ((found[1] or found[2]) if found else "").split(".")
    parties = [hashlib.sha256(".".join(labels[at:]).encode()).digest() for at in range(len(labels))]
    need(len(data) >= 37 and data[:32] in parties, "the authenticator's data is not of this site")
    need(data[32] & 5 == 5, "the authenticator did not verify that its user was there")
    signed = data + hashlib.sha256(client).digest()
    _verify(assertion["public_key"], signed, _decoded(assertion["signature"], "signature"))
    return origin
