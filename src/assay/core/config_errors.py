"""Say what is wrong with a config: the key, where it stands, and the names that it may have meant."""

from typing import Any

from pydantic import BaseModel, ValidationError

from assay.core.errors import suggest_names
from assay.core.parts import describe_error


def describe_config_error(error: ValidationError, config: type[BaseModel]) -> str:
    """Return what is wrong with a config in one line, with the nearest names.

    Args:
        error: of validating it.
        config: the model of all its tables.
    """
    errors = error.errors()
    unknown_keys = [item for item in errors if item["type"] == "extra_forbidden"]
    first = (unknown_keys or errors)[0]  # a misspelt key is also reported as missing under its right name
    if first["type"] == "extra_forbidden":
        *path, key = [str(step) for step in first["loc"]]
        complaint = f"[{'.'.join(path)}] has no key" if path else "unknown table or key"
        return f"{complaint} {key!r}; {suggest_names(key, _list_keys(config, path))}"
    if first["type"] == "missing":
        return f"the plan lacks {'.'.join(str(step) for step in first['loc'])!r}"
    if (first["type"], first["loc"]) == ("too_short", ("source",)):
        return "the plan lacks 'source': there is nothing to read"
    return describe_error(error)


def _list_keys(config: type[BaseModel], path: list[str]) -> list[str]:
    model: Any = config
    for step in path:
        if step.isdigit():
            continue
        annotation = model.model_fields[step].annotation
        types = [item for item in (annotation, *getattr(annotation, "__args__", ())) if isinstance(item, type)]
        model = types[0] if types else None
        if model is None or not issubclass(model, BaseModel):
            return []
    return list(model.model_fields)
