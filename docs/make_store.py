"""Rewrites the tables of docs/store.md from the schemas: `python docs/make_store.py`."""

from pathlib import Path

from assay.stores.schema_docs import rewrite_page

PAGE = Path(__file__).with_name("store.md")

PAGE.write_text(rewrite_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
