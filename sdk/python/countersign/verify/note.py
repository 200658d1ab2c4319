"""Signed notes, the keys that sign them, and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .encoding import standard_b64decode

MOST_BYTES = 256 * 1024
MOST_SIGNATURES = 64
MOST_NAME = 255
MOST_SIZE = 2**63 - 1
LOG, WITNESS = 0x01, 0x04

# y of the points of small order (RFC 8032's curve): under such a key a signature proves nothing.
P = 2**255 - 19
Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, P - 1, Y8, P - Y8}


class Unbelievable(ValueError):
    """It does not read, or nobody who is trusted vouches for it."""


def need(holds: object, what: str) -> None:
    """Raises Unbelievable where something does not hold."""
    if not holds:
        raise Unbelievable(what)


def decimal(text: str, most: int) -> int:
    """A decimal without sign, space or leading zeros."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text) and int(text) <= most, "a number is not a plain decimal")
    return int(text)


def decoded(text: str, what: str) -> bytes:
    """Standard base64."""
    try:
        return standard_b64decode(text)
    except ValueError:
        raise Unbelievable(f"{what} is not base64") from None


def _is_name(name: str) -> bool:
    return bool(name) and not any(c.isspace() or c == "+" or c < " " for c in name)


def _is_small(point: bytes) -> bool:
    return (int.from_bytes(point, "little") & (2**255 - 1)) % P in SMALL_ORDER


@dataclass(frozen=True)
class Key:
    """A public key under a name (a vkey). `kind` is LOG or WITNESS."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    @classmethod
    def read(cls, vkey: str) -> Key:
        """Reads `name+id+base64(kind ‖ public key)`. Raises Unbelievable."""
        parts = vkey.split("+", 2)
        need(len(parts) == 3 and re.fullmatch(r"[0-9a-fA-F]{8}", parts[1]), "a key is not <name>+<8 hex digits>+<base64>")
        name, key_id = parts[0], bytes.fromhex(parts[1])
        material = decoded(parts[2], "a key")
        need(_is_name(name) and len(name.encode()) <= MOST_NAME, "a key's name has 1 to 255 bytes without spaces")
        need(len(material) == 33 and material[0] in (LOG, WITNESS), "a key is not Ed25519 of type 0x01 or 0x04")
        need(not _is_small(material[1:]), "a public key is not a valid Ed25519 key")
        computed = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        need(computed == key_id, "a key's id does not fit its name and key")
        return cls(name, key_id, material[0], material[1:])

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key signed the text of a note."""
        if self.kind == WITNESS:
            when = int.from_bytes(signature[:8], "big")
            if len(signature) < 8 or not 1 <= when <= MOST_SIZE:
                return False
            text, signature = b"cosignature/v1\ntime %d\n" % when + text, signature[8:]
        # Strict: no points of small order, so that a signature stands for one message under one key.
        if len(signature) != 64 or _is_small(signature[:32]):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Note:
    """Text with signature lines: name, key id, signature. Nothing is believed before `signers`."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]

    @classmethod
    def read(cls, data: bytes) -> Note:
        """Reads a note strictly. Raises Unbelievable."""
        need(len(data) <= MOST_BYTES, "a note has more than 256 KiB")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise Unbelievable("a note is not UTF-8") from None
        need(all(c >= " " or c == "\n" for c in whole), "a note has control characters")
        text, separator, lines = whole.rpartition("\n\n")
        need(separator and lines.endswith("\n"), "a note is text, an empty line and signature lines")
        rows = lines[:-1].split("\n")
        need(len(rows) <= MOST_SIGNATURES, "a note has more than 64 signatures")
        signatures = []
        for row in rows:
            dash, _, rest = row.partition(" ")
            name, separator, encoded = rest.partition(" ")
            need(dash == "\u2014" and separator and _is_name(name), "a signature line is malformed")
            blob = decoded(encoded, "a signature")
            need(len(blob) > 4, "a signature line is malformed")
            signatures.append((name, blob[:4], blob[4:]))
        return cls(text + "\n", signatures)

    def signers(self, known: Sequence[Key]) -> list[Key]:
        """The known keys that signed. Others are ignored; one wrong signature by a known key spoils the note."""
        found: list[Key] = []
        for name, key_id, signature in self.signatures:
            keys = [key for key in known if (key.name, key.key_id) == (name, key_id)]
            need(len(keys) <= 1, f"two known keys share the name {name} and the id")
            for key in keys:
                need(key.signed(self.text.encode(), signature), f"the signature of {name} is wrong")
                found += [key] if key not in found else []
        need(found, "no known key has signed")
        return found


@dataclass(frozen=True)
class Checkpoint:
    """A log's size and root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """Reads the text of a note. Raises Unbelievable."""
        lines = text.removesuffix("\n").split("\n")
        need(text.endswith("\n") and len(lines) >= 3 and all(lines[3:]), "a checkpoint is origin, size and root")
        need(0 < len(lines[0].encode()) <= MOST_NAME, "a checkpoint's origin has 1 to 255 bytes")
        size, root = decimal(lines[1], MOST_SIZE), decoded(lines[2], "a root")
        need(len(root) == 32 and (size > 0 or root == hashlib.sha256(b"").digest()), "it is no root of its size")
        return cls(lines[0], size, root)
