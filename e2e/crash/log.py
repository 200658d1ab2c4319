"""A published log read from its files (C2SP tlog-tiles): leaves and the roots of all prefixes, with hashlib alone."""

import base64
import gzip
import hashlib
import os


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def checkpoint(note):
    """Origin, size and root of a checkpoint's text."""
    origin, size, root = note.decode().split("\n")[:3]
    return origin, int(size), base64.b64decode(root)


def tile_path(index, width):
    """`tile/entries/x001/234`, with `.p/<width>` where it is partial."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(parts))
    return os.path.join("tile/entries", path if width == 256 else f"{path}.p/{width}")


def entries(folder, size):
    """The first `size` entries."""
    found = []
    while len(found) < size:
        index = len(found) // 256
        width = min(256, size - index * 256)
        path = os.path.join(folder, tile_path(index, width))
        packed = os.path.exists(path + ".gz")
        with gzip.open(path + ".gz") if packed else open(path, "rb") as file:
            bundle = file.read()
        at = 0
        for _ in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            found.append(bundle[at + 2 : at + 2 + length])
            at += 2 + length
        assert at == len(bundle), "an entry bundle has bytes left over"
    return found


def roots(leaves, sizes):
    """Roots of the prefixes of these sizes."""
    wanted, found, edge = set(sizes), {}, []
    for count, leaf in enumerate(leaves, 1):
        edge.append((1, leaf_hash(leaf)))
        while len(edge) > 1 and edge[-1][0] == edge[-2][0]:
            (width, right), (_, left) = edge.pop(), edge.pop()
            edge.append((2 * width, node_hash(left, right)))
        if count in wanted:
            root = edge[-1][1]
            for _, left in reversed(edge[:-1]):
                root = node_hash(left, root)
            found[count] = root
    return found
