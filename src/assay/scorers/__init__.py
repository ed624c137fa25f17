"""Score how hard each problem is for one policy, with its uncertainty, from stored and new attempts.

One scorer per file, found by its name (`scorer = "pass_rate"`). To add one, write a frozen dataclass with `joint` and
`score` (`core.ports.Scorer`; optional hooks in `core.hooks.ScorerHooks`), its test, and a row in `docs/methods.md`.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("scorer")
