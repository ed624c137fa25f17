"""Write the JSON schema of configs and docs/settings.md: `python docs/make_settings.py`."""

from pathlib import Path

from assay.core.config_schema import read_meanings, schema_text, settings_tables

ROOT = Path(__file__).resolve().parents[1]
INTRODUCTION = """# Settings

Every table and key of a config, with its default and meaning. `python docs/make_settings.py` generates this page from the dataclasses and
the comments in `configs/reference.toml`, and a test checks that both agree. Settings of parts (a selector, an engine, or a scorer, such as `n`
attempts per problem) go into the table that names the part; [methods.md](methods.md) lists them.

With `#:schema PATH` in the first line of a config, an editor completes and checks keys; `curate schema --out PATH` writes the schema file.
If a config uses an old name, the error gives the new one, and `curate upgrade CONFIG` rewrites the config.

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
