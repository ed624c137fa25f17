"""Find the final answer in a completion and read what it says, for every verifier; turn a grade into a verdict.

`extraction` finds the answer, `meaning` and `numbers` read it, `verdicts` decides the outcome; `docs/grading.md` holds
the rules. To add a marker in another language, add it to `markers.py`.
"""
