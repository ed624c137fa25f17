"""DuckDB over the committed files: sessions, views, interval tables, and the guard for queries that others wrote.

To add a view, add its SELECT here; `docs/store.md` is generated from it.
"""
