"""Checkpoints and resume states: written whole or not at all, found again after a kill, averaged at the end.

`save` writes a checkpoint, `resume` the states, `ema` the average. To keep something more across a kill, add it to
`resume.py`.
"""
