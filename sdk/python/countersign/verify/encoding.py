"""How the format writes bytes as text: base64url without padding (RFC 4648 §5), and digests in it."""

from __future__ import annotations

import base64
import hashlib
import re

BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def b64encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64decode(text: str) -> bytes:
    """Reads the canonical spelling alone. Raises ValueError for any other."""
    if not BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64encode(data) != text:
        raise ValueError("not the canonical spelling of base64url")
    return data


def standard_b64decode(text: str) -> bytes:
    """Reads base64 with padding, as C2SP's formats write it, in its canonical spelling. Raises ValueError for any other."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the canonical spelling of base64")
    return data


def digest_of(data: bytes) -> str:
    """SHA-256 as the format writes digests."""
    return b64encode(hashlib.sha256(data).digest())
