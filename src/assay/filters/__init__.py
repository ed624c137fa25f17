"""Filters: drops with reasons, corrected labels, and notes; a problem without a drop is kept.

To add one: a file NAME.py with a frozen dataclass of that name whose `sift(problems, labels, context)` returns drops.
`needs` names the fields of `FilterContext` that it uses; `joint` says whether it compares problems with each other.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("filter")
