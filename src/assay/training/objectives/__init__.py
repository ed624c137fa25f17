"""What a training step minimizes: one file per objective, found by its name (`objective = "grpo"`).

To add one, write a frozen dataclass with `arguments`, `per_token` and `mean` (`trainer.loss.Objective`), its test, and
a row in `docs/methods.md`.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("objective")
