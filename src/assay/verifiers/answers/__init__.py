"""Where an answer stands in a completion and what it says, as every verifier reads it; how a grade becomes a verdict.

`docs/grading.md` holds the order of the rules. To add a marker of another language, add it to `markers.py`.
"""
