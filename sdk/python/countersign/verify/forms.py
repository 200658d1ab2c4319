"""The forms that members of an envelope may have (docs/evidence-format.md §3, §5). A form is a check that raises Malformed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from .canonical import Number, Value
from .encoding import b64decode

MOST_INTEGER = 2**53 - 1

IDENTIFIER = re.compile(r"[\x21-\x7e]{1,128}")
NAME = re.compile(r"[a-z_]{1,64}")
KIND = re.compile(r"[a-z_]{1,64}(\.[a-z_]{1,64})+")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
Form = Callable[[Value], None]


class Malformed(Exception):
    """The text is not an envelope."""


def need(holds: object, what: str) -> None:
    """Raises Malformed where something does not hold."""
    if not holds:
        raise Malformed(what)


def text(value: Value, what: str) -> str:
    """The value, where it is a string: numbers arrive as a kind of string and are none."""
    need(isinstance(value, str) and not isinstance(value, Number), what)
    return str(value)


def ident(value: Value) -> None:
    """1 to 128 characters out of U+0021 to U+007E."""
    need(IDENTIFIER.fullmatch(text(value, "identifier")), "identifier")


def uuid(value: Value) -> None:
    """In lower case with hyphens."""
    need(UUID.fullmatch(text(value, "uuid")), "uuid")


def uuid7(value: Value) -> None:
    """A UUID of version 7."""
    found = UUID.fullmatch(text(value, "UUIDv7"))
    need(found and found[1] == "7", "UUIDv7")


def time(value: Value) -> None:
    """UTC with six fractional digits."""
    need(TIME.fullmatch(text(value, "time")), "time")
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise Malformed("time") from None


def digest(value: Value) -> None:
    """The base64url of a SHA-256."""
    need(len(text(value, "digest")) == 43, "digest")
    try:
        b64decode(value)
    except ValueError:
        raise Malformed("digest") from None


def integer(least: int, most: int) -> Form:
    """A number written as plain digits."""

    def check(value: Value) -> None:
        number = value.integer() if isinstance(value, Number) else None
        need(number is not None and least <= number <= most, "integer")

    return check


uint, u32, signed = integer(0, MOST_INTEGER), integer(0, 2**32 - 1), integer(-MOST_INTEGER, MOST_INTEGER)


def boolean(value: Value) -> None:
    """True or false."""
    need(isinstance(value, bool), "boolean")


def one_of(*names: str) -> Form:
    """One of these names."""
    return lambda value: need(isinstance(value, str) and value in names, "name")


def listed(element: Form, least: int = 0) -> Form:
    """A list of one form."""

    def check(value: Value) -> None:
        need(isinstance(value, list) and len(value) >= least, "list")
        for item in value:
            element(item)

    return check


def members(**forms: Form) -> Form:
    """An object with exactly these members; a trailing underscore marks one that may be absent."""
    required = {name for name in forms if not name.endswith("_")}
    forms = {name.rstrip("_"): form for name, form in forms.items()}

    def check(value: Value) -> None:
        need(isinstance(value, dict), "object")
        need(required <= value.keys() <= forms.keys(), "members")
        for name, item in value.items():
            forms[name](item)

    return check
