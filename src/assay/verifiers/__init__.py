"""Verifiers: (problem, label, rollout) -> Verdict, judged in worker processes that can be killed.

A verifier is `NAME.py`, or a folder NAME whose `__init__.py` exports its class; `answers/` reads final answers for all
of them, `pool/` runs them, `isolation/` and `jail/` confine what they run. To add one, write the file, its test and its
row in `docs/methods.md`.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("verifier")
