"""The verifier's own trust file: which logs and witnesses it believes (C2SP tlog-policy)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .note import LOG, WITNESS, Checkpoint, Key, Note, Unbelievable, need

MOST_BYTES = 1 << 20
MOST_LINES = 1024

# Whether a witness, or a group of them, has cosigned: given the witnesses that have.
Seen = Callable[[set[str]], bool]


class TrustError(Unbelievable):
    """The trust file cannot be used."""


@dataclass
class Trust:
    """Keys of logs, and of witnesses by their names in the file; `quorum` names what must have cosigned, if anything."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    members: dict[str, Seen] = field(default_factory=dict)
    quorum: str | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Trust:
        """Reads a trust file. Raises OSError or TrustError."""
        with open(path, "rb") as file:
            return cls.parse(file.read(MOST_BYTES + 1))

    @classmethod
    def parse(cls, data: bytes) -> Trust:
        """Reads a trust file's content. Raises TrustError with the first line that cannot be used."""
        if len(data) > MOST_BYTES:
            raise TrustError("the trust file has more than 1 MiB")
        if data and not data.endswith(b"\n"):
            raise TrustError("the trust file's last line has no newline; it may be cut off")
        reader = _Reader()
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            try:
                reader.line(line)
            except Unbelievable as error:
                raise TrustError(f"trust file, line {number}: {error}") from None
        if not reader.quorums:
            raise TrustError('the trust file has no quorum line; "quorum none" trusts without witnesses')
        return reader.trust

    def require(self, note: Note) -> list[Key]:
        """The trusted log keys that signed a checkpoint. Raises Unbelievable where none did, where any trusted key has a wrong
        signature on it, or where too few witnesses have cosigned."""
        need(self.logs, "the trust file has no log line")
        signers = note.signers([*self.logs, *self.witnesses.values()])
        origin = Checkpoint.read(note.text).origin
        logs = [key for key in signers if key.kind == LOG and key.name == origin]
        need(logs, f"no trusted log key with the name {origin} has signed")
        cosigned = {name for name, key in self.witnesses.items() if key in signers}
        need(self.quorum is None or self.members[self.quorum](cosigned), "too few of the trusted witnesses have cosigned")
        return logs


class _Reader:
    """What has been read so far."""

    def __init__(self) -> None:
        self.trust = Trust()
        self.keys: set[bytes] = set()
        self.taken: set[str] = set()
        self.groups = 0
        self.quorums = 0

    def line(self, line: bytes) -> None:
        need(all((byte >= 0x20 or byte == 0x09) and byte != 0x7F for byte in line), "a control character")
        # The format gives bytes beyond ASCII no meaning; each stays what it is.
        words = [word for word in re.split(r"[ \t]", line.decode("utf-8", "surrogateescape")) if word]
        match words:
            case []:
                pass
            case [first, *_] if first.startswith("#"):
                pass
            case ["log", vkey] | ["log", vkey, _]:
                need(len(self.trust.logs) < MOST_LINES, "too many lines of this kind")
                self.trust.logs.append(self.key(vkey, LOG))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                need(len(self.trust.witnesses) < MOST_LINES, "too many lines of this kind")
                key = self.key(vkey, WITNESS)
                self.define(name, lambda cosigned: name in cosigned)
                self.trust.witnesses[name] = key
            case ["group", name, threshold, *members] if members:
                self.group(name, threshold, members)
            case ["quorum", name]:
                need(not self.quorums, "there is a quorum line already")
                need(name == "none" or name in self.trust.members, f"{name} is not defined before this line")
                self.quorums += 1
                self.trust.quorum = None if name == "none" else name
            case _:
                raise TrustError("a line must be log, witness, group, quorum or #, with the words that these take")

    def key(self, vkey: str, kind: int) -> Key:
        try:
            vkey.encode()
        except UnicodeEncodeError:
            raise TrustError("a key is not UTF-8") from None
        key = Key.read(vkey)
        need(key.kind == kind, "a key of another type is needed here")
        need(key.public not in self.keys, "this public key stands in an earlier line")
        self.keys.add(key.public)
        return key

    def define(self, name: str, seen: Seen) -> None:
        need(name != "none" and name not in self.trust.members, f"the name {name} is taken")
        self.trust.members[name] = seen

    def group(self, name: str, threshold: str, members: list[str]) -> None:
        need(self.groups < MOST_LINES, "too many lines of this kind")
        self.groups += 1
        needed = {"all": len(members), "any": 1}.get(threshold)
        if needed is None:
            need(re.fullmatch(r"[1-9][0-9]{0,3}", threshold), "a group needs all, any or a number of its members")
            needed = int(threshold)
        need(needed <= len(members), "a group needs all, any or a number of its members")
        for member in members:
            need(member in self.trust.members, f"{member} is not defined before this line")
            need(member not in self.taken, f"{member} is a member of a group already")
            self.taken.add(member)
        counted = [self.trust.members[member] for member in members]
        self.define(name, lambda cosigned: sum(seen(cosigned) for seen in counted) >= needed)
