"""Sealed fields and the disclosures that open them (docs/evidence-format.md §4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from . import encoding
from .canonical import Number, Refused, Value, canonical, parse
from .encoding import b64decode, b64encode

MOST_BYTES = 8 << 20
MOST_DEPTH = 128


class Malformed(Exception):
    """Not a disclosure, or one that does not open what it should."""


def digest_of(text: str) -> str:
    """The digest that names a disclosure."""
    return encoding.digest_of(text.encode())


def seal(key: bytes, label: str, name: str, value: Value) -> tuple[str, list[str]]:
    """Digest and disclosures of a field, the outermost first."""
    salt = b64encode(hmac.new(key, b"salt/v1\0" + label.encode(), hashlib.sha256).digest()[:16])
    below: list[str] = []
    if isinstance(value, dict):
        digests = []
        for member, item in value.items():
            path = label + "/" + member.replace("~", "~0").replace("/", "~1")
            digest, disclosures = seal(key, path, member, item)
            digests.append(digest)
            below += disclosures
        value = {"_sd": sorted(digests)}
    text = b64encode(canonical([salt, name, value]).encode())
    return digest_of(text), [text, *below]


def read_disclosure(text: str) -> tuple[str, Value]:
    """Name and value as sealed. Raises Malformed."""
    try:
        data = b64decode(text)
        value = parse(data, MOST_BYTES, MOST_DEPTH)
    except (ValueError, Refused) as error:
        raise Malformed(f"it is not base64url of strict JSON: {error}") from None
    if canonical(value).encode() != data or not isinstance(value, list) or len(value) != 3:
        raise Malformed("it is not canonical JSON [salt, name, value]")
    salt, name, value = value
    if type(salt) is not str or type(name) is not str:
        raise Malformed("salt and name are strings")
    try:
        enough = len(b64decode(salt)) >= 16
    except ValueError:
        enough = False
    if not enough:
        raise Malformed("the salt is not base64url of at least 16 bytes")
    return name, value


class Disclosures:
    """Disclosures by their digests."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.by_digest = {digest_of(text): text for text in texts}

    def open(self, name: str, digest: str) -> tuple[Value, int] | None:
        """Value of a field and the number of its withheld members; None where the field is withheld. Raises Malformed."""
        if digest not in self.by_digest:
            return None
        found, value = read_disclosure(self.by_digest[digest])
        if found != name:
            raise Malformed(f"the disclosure that opens {name!r} says that it is {found!r}")
        return self._open(value, set(), 0)

    def _open(self, value: Value, seen: set[str], depth: int) -> tuple[Value, int]:
        if not isinstance(value, dict):
            return value, 0
        if list(value) != ["_sd"] or not isinstance(value["_sd"], list):
            raise Malformed("an object's value is {\"_sd\": [digests]}")
        opened: dict[str, Value] = {}
        withheld = 0
        for digest in value["_sd"]:
            if not is_digest(digest):
                raise Malformed("_sd holds digests")
            if digest in seen or depth >= MOST_DEPTH:
                raise Malformed("a digest is named twice, or nested deeper than 128 levels")
            seen.add(digest)
            if digest not in self.by_digest:
                withheld += 1
                continue
            name, item = read_disclosure(self.by_digest[digest])
            item, below = self._open(item, seen, depth + 1)
            withheld += below
            if name in opened:
                raise Malformed(f"two members are named {name!r}")
            opened[name] = item
        return opened, withheld

    def stray(self, sealed: Iterable[str]) -> str | None:
        """The digest of a disclosure that neither a sealed field nor another disclosure names."""
        named = set(sealed)
        for text in self.by_digest.values():
            try:
                _, value = read_disclosure(text)
            except Malformed:
                continue
            if isinstance(value, dict) and isinstance(value.get("_sd"), list):
                named |= {digest for digest in value["_sd"] if is_digest(digest)}
        return next((digest for digest in self.by_digest if digest not in named), None)


def is_digest(value: Value) -> bool:
    """Whether it is written as a digest is."""
    if not isinstance(value, str) or isinstance(value, Number) or len(value) != 43:
        return False
    try:
        b64decode(value)
    except ValueError:
        return False
    return True
