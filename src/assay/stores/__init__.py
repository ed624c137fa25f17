"""Parquet is the truth, append-only; DuckDB is how people look.

`lake` appends rows and answers SQL; `commits`, `storage`, `sql` and `maintenance` serve it. A new table is a schema in
`tables`, a new view or macro a file `sql/NAME.sql`; `python docs/make_store.py` describes both.
"""
