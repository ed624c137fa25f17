"""Selectors: which problems of a pool to train on, within a budget, and why each of the others was left out.

To add one: a file NAME.py with a frozen dataclass of that name whose `needs` lists the columns it reads and whose
`select(pool, budget, rng)` returns a `Selection`. `_pool_rows` reads columns and builds the result; the Protocol is
`core.ports.Selector`.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("selector")
