"""Read problems with labels, and a drop for each row that holds none.

To add a source: one file NAME.py with a frozen dataclass of that name that matches `core.ports.Source`. A source of
rows inherits `_rows.Fields`, which turns a row into a problem and its label.
"""
