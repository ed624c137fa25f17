"""`reasoning_gym`: answers to generated problems, scored by the library's scorers or by replacements for unsafe ones.

`verifier` is the part, `answers` finds the answer, `scorers` scores it; `expressions`, `literals` and `algebra` read
text without evaluating it. To replace another of the library's scorers, add a function to `scorers.py`.
"""

from assay.verifiers.reasoning_gym.verifier import ReasoningGym

__all__ = ["ReasoningGym"]
