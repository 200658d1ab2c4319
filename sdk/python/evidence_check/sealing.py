"""Disclosures, vault entries and the keys behind them (§4)."""

import base64
import hashlib
import hmac
import re
import struct
import uuid as uuids

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .canonical import canonical, parse

MOST_DISCLOSURE = 8 << 20
BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Malformed(Exception):
    """Not a disclosure, not a vault entry, or it does not open."""


def b64encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64decode(text):
    if not BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64encode(data) != text:
        raise ValueError("not the canonical spelling")
    return data


def digest_of(text):
    return b64encode(hashlib.sha256(text.encode("ascii")).digest())


def seal(key, label, name, value):
    """Digest and disclosures of a field, the outermost first."""
    salt = b64encode(hmac.new(key, b"salt/v1\0" + label.encode(), hashlib.sha256).digest()[:16])
    below = []
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


def read_disclosure(text):
    """Name and value as sealed."""
    try:
        data = b64decode(text)
        value = parse(data, MOST_DISCLOSURE, 128)
    except Exception as error:
        raise Malformed(str(error)) from None
    if canonical(value).encode() != data or not isinstance(value, list) or len(value) != 3:
        raise Malformed("form")
    salt, name, value = value
    if type(salt) is not str or type(name) is not str:
        raise Malformed("salt and name")
    try:
        if len(b64decode(salt)) < 16:
            raise Malformed("salt")
    except ValueError:
        raise Malformed("salt") from None
    return name, value


def open_field(name, digest, disclosures):
    """Value and number of withheld members; `None` where the field is withheld."""
    by_digest = {digest_of(text): text for text in disclosures}
    if digest not in by_digest:
        return None
    found, value = read_disclosure(by_digest[digest])
    if found != name:
        raise Malformed("name")
    return _open_value(value, by_digest, {digest}, 0)


def _open_value(value, by_digest, seen, depth):
    if not isinstance(value, dict):
        return value, 0
    if list(value) != ["_sd"] or depth >= 128:
        raise Malformed("_sd")
    opened, withheld = {}, 0
    for digest in value["_sd"]:
        if digest in seen:
            raise Malformed("a digest twice")
        seen.add(digest)
        if digest not in by_digest:
            withheld += 1
            continue
        name, item = read_disclosure(by_digest[digest])
        if name in opened:
            raise Malformed("a member twice")
        opened[name], below = _open_value(item, by_digest, seen, depth + 1)
        withheld += below
    return opened, withheld


def _rotate(word, by):
    return (word << by & 0xFFFFFFFF) | word >> 32 - by


def _quarter(x, a, b, c, d):
    x[a] = (x[a] + x[b]) & 0xFFFFFFFF
    x[d] = _rotate(x[d] ^ x[a], 16)
    x[c] = (x[c] + x[d]) & 0xFFFFFFFF
    x[b] = _rotate(x[b] ^ x[c], 12)
    x[a] = (x[a] + x[b]) & 0xFFFFFFFF
    x[d] = _rotate(x[d] ^ x[a], 8)
    x[c] = (x[c] + x[d]) & 0xFFFFFFFF
    x[b] = _rotate(x[b] ^ x[c], 7)


def hchacha20(key, nonce):
    """draft-irtf-cfrg-xchacha-03, section 2.2."""
    x = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for column in range(4):
            _quarter(x, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            _quarter(x, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<8I", *x[:4], *x[12:])


def xchacha_open(key, sealed, associated):
    nonce, ciphertext = sealed[:24], sealed[24:]
    try:
        cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
        return cipher.decrypt(b"\0\0\0\0" + nonce[16:], ciphertext, associated)
    except (InvalidTag, struct.error, ValueError) as error:
        raise Malformed(f"does not open: {error}") from None


def hkdf(key, info):
    """HKDF-SHA256 (RFC 5869) without salt, 32 bytes."""
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def sections(entry):
    """The sections of a vault entry: (key id or None, wrapped key or None, ciphertext)."""
    rest = memoryview(entry)

    def take(count):
        nonlocal rest
        if len(rest) < count:
            raise Malformed("ends early")
        taken, rest = bytes(rest[:count]), rest[count:]
        return taken

    if take(1) != b"\x01":
        raise Malformed("version")
    found = []
    for _ in range(take(1)[0]):
        kind = take(1)
        if kind not in (b"\0", b"\x01"):
            raise Malformed("kind of key")
        wrapped = (str(uuids.UUID(bytes=take(16))), take(72)) if kind == b"\x01" else (None, None)
        found.append((*wrapped, take(int.from_bytes(take(4), "big"))))
    if rest:
        raise Malformed("bytes after the last section")
    return found


def unpack(plaintext):
    """The JSON of a section; `None` where it is compressed and this Python has no zstd."""
    kind, body = plaintext[:1], plaintext[1:]
    if kind == b"\0":
        return body
    if kind != b"\x01":
        raise Malformed("kind of content")
    try:
        from compression import zstd
    except ImportError:
        try:
            import zstandard as zstd
        except ImportError:
            return None
    return zstd.decompress(body)


def open_section(index, section, origin, record, keys, action_key):
    """The section's key and its fields; no key where it is not known, no fields where they cannot be unpacked."""
    key_id, wrapped, ciphertext = section
    associated = origin.encode() + b"\0" + uuids.UUID(record).bytes + bytes([index])
    key = action_key
    if key_id is not None:
        wrapping = keys.get(key_id)
        key = xchacha_open(wrapping, wrapped, associated) if wrapping else None
    if key is None:
        return None, None
    data = unpack(xchacha_open(hkdf(key, b"vault/v1"), ciphertext, associated))
    return key, None if data is None else parse(data, 16 << 20, 128)
