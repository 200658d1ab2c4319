"""Checkpoints, tiles, bundles and proofs (§7, §8)."""

import base64
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .envelope import leaf_hash


class Broken(Exception):
    """Something does not hold."""


def need(holds, what):
    if not holds:
        raise Broken(what)


def b64(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "the canonical spelling of base64")
    return data


def read_vkey(text):
    name, key_id, material = text.split("+", 2)
    material = b64(material)
    need(material[0] == 1 and len(material) == 33, "an Ed25519 key")
    computed = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    need(computed.hex() == key_id, "the key's id")
    return name, computed, Ed25519PublicKey.from_public_bytes(material[1:])


def read_trust(text):
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    need(["quorum", "none"] in lines, "a trust file without witnesses")
    return [read_vkey(words[1]) for words in lines if words[0] == "log"]


def open_checkpoint(data, trusted):
    """Origin, size and root of a checkpoint that a trusted key signed."""
    text, _, signatures = data.decode().rpartition("\n\n")
    text += "\n"
    origin, size, root = text.rstrip("\n").split("\n")
    need(size == str(int(size)), "a canonical size")
    signed = False
    for line in signatures.rstrip("\n").split("\n"):
        dash, name, blob = line.split(" ")
        need(dash == "\u2014", "a signature line")
        blob = b64(blob)
        for known, key_id, key in trusted:
            if (known, key_id) == (name, blob[:4]):
                try:
                    key.verify(blob[4:], text.encode())
                except InvalidSignature:
                    raise Broken("a wrong signature by a trusted key") from None
                signed = signed or name == origin
    need(signed, "a signature by a trusted key")
    return origin, int(size), b64(root)


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes):
    """RFC 6962, section 2.1."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))


def check_inclusion(leaf, index, size, root, proof):
    """RFC 9162, section 2.1.3.2."""
    need(index < size, "an index within the tree")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        need(last > 0, "a shorter proof")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0 and found == root, "the root")


def read_proof(data):
    """Index, hashes and checkpoint of a tlog-proof."""
    head, _, checkpoint = data.decode().partition("\n\n")
    header, index, *hashes = head.split("\n")
    need(header == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "the header")
    return int(index[6:]), [b64(line) for line in hashes], checkpoint.encode()


def tile_path(index):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def split_bundle(data, prefix):
    entries = []
    while data:
        length = int.from_bytes(data[:prefix], "big")
        need(len(data) >= prefix + length, "a whole bundle")
        entries.append(data[prefix : prefix + length])
        data = data[prefix + length :]
    return entries


def read_bundles(folder, below, size, prefix):
    """All entries of a published folder below one path."""
    entries = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        path = folder / below / (tile_path(index) + ("" if width == 256 else f".p/{width}"))
        found = split_bundle(path.read_bytes(), prefix)
        need(len(found) == width, f"{width} entries in {path.name}")
        entries += found
    return entries


TILE = re.compile(r"tile/(\d+)/([x\d/]+?)(?:\.p/(\d+))?")
BUNDLE = re.compile(r"(tile/entries|vault)/([x\d/]+?)(?:\.p/(\d+))?")


def expected_files(entries, vault):
    """Bytes of a file of the folder by its path, for every path that a log with these entries may have."""
    levels = [[leaf_hash(entry) for entry in entries]]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append([root_of(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])

    def part(items, index, width):
        start = int(re.sub(r"[x/]", "", index)) * 256
        found = items[start : start + int(width or 256)]
        need(len(found) == int(width or 256), "a tile of this log")
        return found

    def content(path):
        if (found := TILE.fullmatch(path)) and int(found[1]) < len(levels):
            return b"".join(part(levels[int(found[1])], found[2], found[3]))
        if found := BUNDLE.fullmatch(path):
            items, prefix = (vault, 4) if found[1] == "vault" else (entries, 2)
            return b"".join(len(item).to_bytes(prefix, "big") + item for item in part(items, found[2], found[3]))
        raise Broken(f"{path} does not belong here")

    return content
