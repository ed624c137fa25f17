"""Checkpoints and resume states: saved whole or not at all, found again after a kill, averaged at the end.

To keep something more across a kill, add it to `resume.py`.
"""
