"""Parquet is the truth, append-only; DuckDB is how people look."""
