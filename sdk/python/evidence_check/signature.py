"""Signed answers (docs/evidence-format.md §6.1): whether a WebAuthn assertion signs a record's statement."""

import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from . import canonical
from .sealing import b64decode, b64encode

STATED = ("meaning", "payload", "policy", "presentation", "verdict")
ORIGIN = re.compile(r"(?:https://([A-Za-z0-9.-]+)|http://(localhost))(?::[^/]*)?")


class Unsigned(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Unsigned(what)


def statement(record):
    body = record["body"]
    need(all(name in body for name in STATED), "it names all that it states")
    return canonical.canonical({"action": record["action"], **{name: body[name] for name in STATED}}).encode()


def _verify(key, signed, signature):
    def number(name):
        return int.from_bytes(b64decode(key[name]), "big")

    try:
        if key["kty"] == "EC" and key["crv"] == "P-256":
            point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
            point.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        elif key["kty"] == "OKP" and key["crv"] == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(b64decode(key["x"])).verify(signature, signed)
        elif key["kty"] == "RSA":
            public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise Unsigned("key")
    except (InvalidSignature, ValueError) as error:
        raise Unsigned("signature") from error


def check(record, assertion):
    """Raises Unsigned, or Refused where the client data is no strict JSON; returns the origin."""
    client, data = b64decode(assertion["client_data"]), b64decode(assertion["authenticator_data"])
    said = canonical.parse(client)
    need(isinstance(said, dict) and said.get("type") == "webauthn.get", "type")
    need(said.get("crossOrigin") is not True, "another site asked")
    need(said.get("challenge") == b64encode(hashlib.sha256(statement(record)).digest()), "challenge")
    found = ORIGIN.fullmatch(said.get("origin", ""))
    need(found, "origin")
    labels = (found[1] or found[2]).split(".")
    parties = [hashlib.sha256(".".join(labels[at:]).encode()).digest() for at in range(len(labels))]
    need(len(data) >= 37 and data[:32] in parties, "relying party")
    need(data[32] & 5 == 5, "the user was there and verified")
    _verify(assertion["public_key"], data + hashlib.sha256(client).digest(), b64decode(assertion["signature"]))
    return said["origin"]
