"""DuckDB over the committed files: sessions, views, interval tables, and the guard for queries that others wrote.

To add a view or a macro, write `NAME.sql` here (`definitions` says how) and run `python docs/make_store.py`.
"""
