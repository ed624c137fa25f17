"""The JSON schema of configs, for editors, and the tables of settings in the docs.

Keys, types and defaults are those of the dataclasses. A key's meaning is its comment in `configs/reference.toml`, whose
keys and defaults tests hold to the same dataclasses, else the comment beside its field.
"""

import inspect
import io
import json
import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from assay.core.config import Config
from assay.core.parts import list_parts, load_part
from assay.core.setting_names import BY_NAME, KINDS, PART_KEYS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
INDENT = 4  # of a field
KEY = re.compile(r"    ([a-z]\w*): ")
TABLE_KINDS = {**{table: kind for kind, table in KINDS.items() if table not in BY_NAME}, "policy": "engine"}


def config_schema(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON schema of a config: tables, keys with types, defaults and meanings, and the settings of parts.

    Args:
        meanings: of keys by dotted name, as `read_meanings` returns them.
    """
    schema = Config.model_json_schema()
    for path, model in _tables(Config, ""):
        _describe(schema["$defs"][model.__name__] if path else schema, model, path, meanings)
    definitions = {table: schema["$defs"][_model_of(table).__name__] for table in TABLE_KINDS}
    for table, kind in TABLE_KINDS.items():
        definitions[table]["allOf"] = [_settings_of(table, kind, part, meanings) for part in list_parts(kind)]
    return {"$schema": DRAFT, **schema}


def schema_text(meanings: Mapping[str, str]) -> str:
    """Return the schema as the text of a file; `meanings` as of `config_schema`."""
    return json.dumps(config_schema(meanings), indent=1, sort_keys=True, default=str) + "\n"


def read_meanings(reference: str) -> dict[str, str]:
    """Return the comment of each key of a reference config by its dotted name; of two tables of one name, the first.

    Args:
        reference: the text of a TOML file with one comment behind each key.
    """
    table, meanings = "", dict[str, str]()
    for line in reference.splitlines():
        if header := re.match(r"\[+([a-z_.]+?)\.?(?:\"[^\"]+\")?\]+", line):
            table = header[1]
        elif comment := re.match(r"(?:# )?([a-z]\w*) = (?:'[^']*'|\"[^\"]*\"|[^#\"']|\"[^\"]*\")*?# (.+)", line):
            meanings.setdefault(f"{table}.{comment[1]}".strip("."), comment[2])
    return meanings


def settings_tables(meanings: Mapping[str, str]) -> str:
    """Return a Markdown section per table of a config: key, default, meaning; `meanings` as of `config_schema`."""
    sections = []
    for path, model in _tables(Config, ""):
        comments = field_comments(model)
        rows = [
            f"| `{name}` | {_default(field)} | {_cell(meanings.get(f'{path}.{name}'.strip('.')) or comments.get(name, ''))} |"
            for name, field in model.model_fields.items()
            if name not in _inner(model)
        ]
        if rows:
            head = f"## {f'`[{path}]`' if path else 'Top of the file'}\n\n| key | default | meaning |\n|---|---|---|\n"
            sections.append(head + "\n".join(rows) + "\n")
    return "\n".join(sections)


def field_comments(owner: type) -> dict[str, str]:
    """Return the comment of each field of a class, above or beside it, with those of its base classes."""
    comments: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        if base.__module__.startswith("assay."):
            comments |= _own_comments(base)
    return comments


def _own_comments(owner: type) -> dict[str, str]:
    comments: dict[str, str] = {}
    above: list[str] = []
    field = ""
    for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(owner)).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            above.append(token.string.lstrip("# "))
        elif token.type == tokenize.COMMENT and field:
            comments[field] = token.string.lstrip("# ")
        elif token.type == tokenize.NAME and token.start[1] == INDENT and (key := KEY.match(token.line)):
            field = key[1]
            if above:
                comments[field] = " ".join(above)
            above = []
    return comments


def _inner(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the tables in a table, by key."""
    tables = {}
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                tables[name] = kind
    return tables


def _tables(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, inner in _inner(model).items():
        yield from _tables(inner, f"{path}.{name}".strip("."))


def _model_of(table: str) -> type[BaseModel]:
    return _inner(Config)[table]


def _describe(definition: dict[str, Any], model: type[BaseModel], path: str, meanings: Mapping[str, str]) -> None:
    comments = field_comments(model)
    for name, table in definition.get("properties", {}).items():
        if meaning := meanings.get(f"{path}.{name}".strip(".")) or comments.get(name):
            table["description"] = meaning


def _settings_of(table: str, kind: str, part: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    """Return the rule that a table which names this part may hold its settings."""
    owner, (name, default) = load_part(kind, part), PART_KEYS[table]
    comments, properties = field_comments(owner), TypeAdapter(owner).json_schema().get("properties", {})
    setting_schemas = {
        setting: {**_plain(value), "description": comments.get(setting) or meanings.get(f"{table}.{setting}", "")}
        for setting, value in properties.items()
    }
    required_keys = [] if part == default else [name]
    return {
        "if": {"properties": {name: {"const": part}}, "required": required_keys},
        "then": {"properties": setting_schemas},
    }


def _plain(value: Any) -> dict[str, Any]:
    """Return a property without references to definitions, which lie in another schema."""
    return {} if "$ref" in json.dumps(value, default=str) else dict(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given"
    if field.default is None:
        return "left out"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value, default=str)}`"
