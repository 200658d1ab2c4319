"""Strict JSON with exact numbers, and its canonical form (docs/evidence-format.md §2)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

# A JSON value as `parse` gives it: None, bool, str, Number, list or dict.
Value = Any

MOST_BYTES = 1 << 20
MOST_DEPTH = 64
MOST_DIGITS = 1024
MOST_EXPONENT = 9999
MOST_PLAIN_DIGITS = 128


class Refused(Exception):
    """The bytes are not strict JSON; `kind` is the kind of error as the vectors name it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Number(str):
    """The canonical text of a number."""

    def integer(self) -> int | None:
        """The value, where the text is plain digits."""
        return int(self) if self.lstrip("-").isdigit() else None


def _scientific_parts(text: str) -> tuple[str, str, int]:
    """Sign, significant digits and scientific exponent; no digits for zero."""
    sign, rest = ("-", text[1:]) if text.startswith("-") else ("", text)
    mantissa, _, power = rest.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(power or "0") + len(whole) - 1
    digits = whole + fraction
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    return sign, stripped.rstrip("0"), exponent


def _jcs(double: float) -> str:
    """How RFC 8785 (ECMAScript) writes a double."""
    if double == 0:
        return "0"
    sign, digits, exponent = _scientific_parts(str(Decimal(repr(double))))
    count, point = len(digits), exponent + 1
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    return sign + _with_point(digits) + f"e{point - 1:+d}"


def _with_point(digits: str) -> str:
    return digits[0] + ("." + digits[1:] if len(digits) > 1 else "")


def canonical_number(text: str) -> Number:
    """The canonical text of a JSON number. Raises Refused beyond the format's limits."""
    sign, digits, exponent = _scientific_parts(text)
    if not digits:
        return Number("0")
    if len(digits) > MOST_DIGITS:
        raise Refused("too_many_digits")
    if abs(exponent) > MOST_EXPONENT:
        raise Refused("exponent_too_large")
    scientific = sign + _with_point(digits) + f"e{exponent:+d}"
    double = float(scientific)
    if double not in (float("inf"), float("-inf")):
        jcs = _jcs(double)
        if _scientific_parts(jcs) == (sign, digits, exponent):
            return Number(jcs)
    if len(digits) - 1 <= exponent < MOST_PLAIN_DIGITS:
        return Number(sign + digits + "0" * (exponent + 1 - len(digits)))
    return Number(scientific)


TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


def _check_depth(text: str, most: int) -> None:
    depth = 0
    for token in TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > most:
                raise Refused("too_deep")
        elif token[0] in "]}":
            depth -= 1


def _members(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Refused("duplicate_key")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise Refused("syntax")


def _check_surrogates(value: Value) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Refused("lone_surrogate") from None
    elif isinstance(value, list):
        for item in value:
            _check_surrogates(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_surrogates(name)
            _check_surrogates(item)


def parse(data: bytes, most_bytes: int = MOST_BYTES, most_depth: int = MOST_DEPTH) -> Value:
    """Reads strict JSON. Numbers arrive as `Number`. Raises Refused."""
    if len(data) > most_bytes:
        raise Refused("too_large")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("invalid_utf8") from None
    _check_depth(text, most_depth)
    try:
        value = json.loads(
            text, object_pairs_hook=_members, parse_int=canonical_number, parse_float=canonical_number,
            parse_constant=_refuse_constant)
    except ValueError:
        raise Refused("syntax") from None
    _check_surrogates(value)
    return value


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def utf16_order(text: str) -> bytes:
    """Sorts names by their UTF-16 code units."""
    return text.encode("utf-16-be")


def canonical(value: Value) -> str:
    """The canonical text of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    names = sorted(value, key=utf16_order)
    return "{" + ",".join(_string(name) + ":" + canonical(value[name]) for name in names) + "}"
