"""Vault entries: where the values of sealed fields lie, encrypted (docs/evidence-format.md §4)."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import struct
import uuid as uuids
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .canonical import Value, parse

MOST_PLAINTEXT = 16 << 20
MOST_DEPTH = 128

# Key id and wrapped key (neither where it is the action's own), ciphertext.
Section = tuple[str | None, bytes | None, bytes]


class Malformed(Exception):
    """Not a vault entry, or it does not open."""


def _rotate(word: int, by: int) -> int:
    return (word << by & 0xFFFFFFFF) | word >> 32 - by


def _quarter(x: list[int], a: int, b: int, c: int, d: int) -> None:
    x[a] = (x[a] + x[b]) & 0xFFFFFFFF
    x[d] = _rotate(x[d] ^ x[a], 16)
    x[c] = (x[c] + x[d]) & 0xFFFFFFFF
    x[b] = _rotate(x[b] ^ x[c], 12)
    x[a] = (x[a] + x[b]) & 0xFFFFFFFF
    x[d] = _rotate(x[d] ^ x[a], 8)
    x[c] = (x[c] + x[d]) & 0xFFFFFFFF
    x[b] = _rotate(x[b] ^ x[c], 7)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha-03, section 2.2."""
    x = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for column in range(4):
            _quarter(x, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            _quarter(x, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<8I", *x[:4], *x[12:])


def xchacha_open(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """XChaCha20-Poly1305: the nonce first, the tag last. Raises Malformed."""
    nonce, ciphertext = sealed[:24], sealed[24:]
    try:
        cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
        return cipher.decrypt(b"\0\0\0\0" + nonce[16:], ciphertext, associated)
    except (InvalidTag, struct.error, ValueError) as error:
        raise Malformed(f"does not open: {error}") from None


def hkdf(key: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, 32 bytes."""
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def sections(entry: bytes) -> list[Section]:
    """The sections of a vault entry. Raises Malformed."""
    rest = memoryview(entry)

    def take(count: int) -> bytes:
        nonlocal rest
        if len(rest) < count:
            raise Malformed("ends early")
        taken, rest = bytes(rest[:count]), rest[count:]
        return taken

    if take(1) != b"\x01":
        raise Malformed("version")
    found: list[Section] = []
    for _ in range(take(1)[0]):
        kind = take(1)
        if kind not in (b"\0", b"\x01"):
            raise Malformed("kind of key")
        key_id, wrapped = (str(uuids.UUID(bytes=take(16))), take(72)) if kind == b"\x01" else (None, None)
        found.append((key_id, wrapped, take(int.from_bytes(take(4), "big"))))
    if rest:
        raise Malformed("bytes after the last section")
    return found


def _zstd() -> Any:
    """A zstd module: Python's own from 3.14 on, else `zstandard`; None where there is neither."""
    for name in ("compression.zstd", "zstandard"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def unpack(plaintext: bytes) -> bytes | None:
    """The JSON of a section; None where it is compressed and this Python has no zstd."""
    kind, body = plaintext[:1], plaintext[1:]
    if kind == b"\0":
        return body
    if kind != b"\x01":
        raise Malformed("kind of content")
    zstd = _zstd()
    return None if zstd is None else bytes(zstd.decompress(body))


def open_section(index: int, section: Section, origin: str, record: str, keys: Mapping[str, bytes],
                 action_key: bytes | None) -> tuple[bytes | None, Value]:
    """The section's key and its fields; no key where it is not known, no fields where they cannot be unpacked."""
    key_id, wrapped, ciphertext = section
    associated = origin.encode() + b"\0" + uuids.UUID(record).bytes + bytes([index])
    key = action_key
    if key_id is not None:
        wrapping = keys.get(key_id)
        key = xchacha_open(wrapping, wrapped or b"", associated) if wrapping else None
    if key is None:
        return None, None
    data = unpack(xchacha_open(hkdf(key, b"vault/v1"), ciphertext, associated))
    return key, None if data is None else parse(data, MOST_PLAINTEXT, MOST_DEPTH)
