"""Put a selection in the order in which training samples it, from what is known about each problem.

One file per order, found by its name (`curriculum = "bandit"`). To add one, write a frozen dataclass with `needs` and
`arrange` (`core.ports.Arranger`), its test, and a row in `docs/methods.md`; one that adapts to training also has
`begin`, and its state is a subclass of `online.state.CurriculumState`.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("curriculum")
