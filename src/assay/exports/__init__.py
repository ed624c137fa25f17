"""Exports: the curriculum in the form that another trainer reads.

To add one: a file NAME.py with a frozen dataclass of that name, whose `rows` turns `ExportRow`s into the rows of a file
and whose `snippet` shows how that trainer reads the file. `hub` also writes a dataset card (`CardExport`).
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("export")
