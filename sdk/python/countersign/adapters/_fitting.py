"""What a tool makes of its arguments before it runs: defaults, coercion, other names for the same. The gate must judge that."""

from __future__ import annotations

from typing import Any

from ._core import Fit


def by_model(model: Any, variadic: tuple[str, ...] = ()) -> Fit:
    """As a tool does that validates its arguments with a pydantic model: by the names of its fields, or by their aliases where
    only these are taken. `variadic` fields are arguments only where they were given."""
    config = model.model_config
    by_alias = not (config.get("populate_by_name") or config.get("validate_by_name"))

    def fit(arguments: dict[str, Any]) -> dict[str, Any]:
        validated = model.model_validate(arguments)
        absent = set(variadic) - validated.model_fields_set
        fitted: dict[str, Any] = validated.model_dump(mode="json", by_alias=by_alias, exclude=absent)
        return fitted

    return fit
