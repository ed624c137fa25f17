"""Sources: problems with labels from files, datasets and generators, and a drop for each row that holds none.

To add one: a file NAME.py with a frozen dataclass of that name that matches `core.ports.Source`. A source of table rows
inherits `_rows.Fields`, which turns a row into a problem and its label.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("source")
