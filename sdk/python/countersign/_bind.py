"""A function's arguments as a payload, and a payload as its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._errors import NotExecutable
from ._flow import exact

OWN = ("self", "cls")


class Binding:
    """How a function's arguments make a payload: by parameter name, defaults included. `self` and `cls`, and what is named
    in `leave_out`, are not part of it."""

    def __init__(self, function: Callable[..., Any], leave_out: tuple[str, ...] = ()) -> None:
        self.signature = inspect.signature(function)
        kinds = self.signature.parameters.items()
        first = next(iter(self.signature.parameters), None)
        self.left_out = {name for name, _ in kinds if name in leave_out or (name == first and name in OWN)}
        unknown = set(leave_out) - set(self.signature.parameters)
        if unknown:
            raise TypeError(f"leave_out names no parameter: {', '.join(sorted(unknown))}")

    def payload(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dict[str, Any], inspect.BoundArguments]:
        """The payload of a call. Raises TypeError where the call does not fit, or JSON does not hold an argument."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        judged = {name: value for name, value in bound.arguments.items() if name not in self.left_out}
        return exact(judged), bound

    def arguments(self, payload: dict[str, Any], bound: inspect.BoundArguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that an authorized payload makes; what was left out is taken from the call."""
        expected = set(bound.arguments) - self.left_out
        if not isinstance(payload, dict) or set(payload) != expected:
            raise NotExecutable("what was authorized does not fit the function's parameters: it is not executed")
        for name, value in payload.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL and not isinstance(value, list):
                raise NotExecutable(f"{name} must be a list: it is not executed")
            if kind is inspect.Parameter.VAR_KEYWORD and not isinstance(value, dict):
                raise NotExecutable(f"{name} must be an object: it is not executed")
            bound.arguments[name] = tuple(value) if kind is inspect.Parameter.VAR_POSITIONAL else value
        return bound.args, bound.kwargs
