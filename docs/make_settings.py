"""Write the JSON schema of configs and docs/settings.md: `python docs/make_settings.py`."""

from pathlib import Path

from assay.core.config_schema import read_meanings, schema_text, settings_tables

ROOT = Path(__file__).resolve().parents[1]
INTRODUCTION = """# Settings

Every table and key of a config with its default, written by `python docs/make_settings.py` from the dataclasses and the comments of
`configs/reference.toml`, which is written by hand because it is the source of these meanings; a test holds its keys and defaults to the
dataclasses. Settings of parts (a selector, a scorer, an engine) stand in the table that names the part, and in [methods.md](methods.md).

An editor completes and checks keys with `#:schema PATH` in the first line of a config; `curate schema --out PATH` writes the file. An old name
is answered with the new one, and `curate upgrade CONFIG` rewrites a config.

"""


def pages() -> dict[Path, str]:
    """Return the generated files and their text."""
    meanings = read_meanings((ROOT / "configs" / "reference.toml").read_text(encoding="utf-8"))
    return {
        ROOT / "src" / "assay" / "data" / "config.schema.json": schema_text(meanings),
        ROOT / "docs" / "settings.md": INTRODUCTION + settings_tables(meanings),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
