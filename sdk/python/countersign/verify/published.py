"""Tiles and bundles of a published folder (docs/evidence-format.md §7, §8)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from .envelope import leaf_hash
from .merkle import root_of


class Broken(Exception):
    """A file is not what it must be."""


def need(holds: object, what: str) -> None:
    """Raises Broken where something does not hold."""
    if not holds:
        raise Broken(what)


def tile_path(index: int) -> str:
    """The path of a tile's index, in groups of three digits."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def split_bundle(data: bytes, prefix: int) -> list[bytes]:
    """The entries of a bundle, at most 256, each after its length in `prefix` bytes."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        need(len(entries) < 256, "at most 256 entries")
        start = at + prefix
        at = start + int.from_bytes(data[at:start], "big")
        need(start <= len(data) and at <= len(data), "a whole bundle")
        entries.append(data[start:at])
    return entries


PACKED = bytes.fromhex("1f8b0804 00000000 00ff 0800 4353 0400")
PACKED_NAME = ".gz"
PACKED_BUNDLE = re.compile(r"tile/entries/[x\d/]+\.gz")
MOST_BUNDLE = 256 * (2 + 65535)


def unpack(data: bytes) -> bytes:
    """The bytes of a packed bundle: gzip of which every byte counts (§8)."""
    need(data[:16] == PACKED and len(data) >= 28, "the header of a packed bundle")
    need(zlib.crc32(data[20:]) == int.from_bytes(data[16:20], "little"), "the checksum of what was packed")
    length = int.from_bytes(data[-4:], "little")
    need(length <= MOST_BUNDLE, "a length that a bundle may have")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One byte more would show that the length is wrong.
        bundle = inflate.decompress(data[20:-8], length + 1)
    except zlib.error as error:
        raise Broken(f"a packed bundle: {error}") from error
    need(inflate.eof and not inflate.unused_data, "one whole stream")
    need(len(bundle) == length, "the length of what was packed")
    need(zlib.crc32(bundle) == int.from_bytes(data[-8:-4], "little"), "the checksum of the content")
    return bundle


def read_bundle(folder: Path, name: str) -> bytes:
    """The bytes of one bundle of a published folder; a full one of entries may lie there packed."""
    plain, packed = folder / name, folder / (name + PACKED_NAME)
    found = PACKED_BUNDLE.fullmatch(name + PACKED_NAME) and packed.is_file()
    need(not (found and plain.is_file()), f"one form of {name}, not two")
    return unpack(packed.read_bytes()) if found else plain.read_bytes()


def read_bundles(folder: Path, below: str, size: int, prefix: int) -> list[bytes]:
    """All entries of a published folder below one path."""
    entries: list[bytes] = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        path = Path(below, tile_path(index) + ("" if width == 256 else f".p/{width}"))
        found = split_bundle(read_bundle(folder, path.as_posix()), prefix)
        need(len(found) == width, f"{width} entries in {path.name}")
        entries += found
    return entries


TILE = re.compile(r"tile/(\d+)/([x\d/]+?)(?:\.p/(\d+))?")
BUNDLE = re.compile(r"(tile/entries|vault)/([x\d/]+?)(?:\.p/(\d+))?")


def expected_files(entries: Sequence[bytes], vault: Sequence[bytes]) -> Callable[[str], bytes]:
    """Bytes of a file of the folder by its path, for every path that a log with these entries may have."""
    levels = [[leaf_hash(entry) for entry in entries]]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append([root_of(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])

    def part(items: Sequence[bytes], index: str, width: str | None) -> Sequence[bytes]:
        start = int(re.sub(r"[x/]", "", index)) * 256
        found = items[start : start + int(width or 256)]
        need(len(found) == int(width or 256), "a tile of this log")
        return found

    def content(path: str) -> bytes:
        if (found := TILE.fullmatch(path)) and int(found[1]) < len(levels):
            return b"".join(part(levels[int(found[1])], found[2], found[3]))
        if found := BUNDLE.fullmatch(path):
            items, prefix = (vault, 4) if found[1] == "vault" else (entries, 2)
            return b"".join(len(item).to_bytes(prefix, "big") + item for item in part(items, found[2], found[3]))
        raise Broken(f"{path} does not belong here")

    return content


def is_as_expected(content: Callable[[str], bytes], path: str, data: bytes) -> bool:
    """Whether a file of the folder holds what it must, be it packed or not."""
    if PACKED_BUNDLE.fullmatch(path):
        return unpack(data) == content(path.removesuffix(PACKED_NAME))
    return data == content(path)
