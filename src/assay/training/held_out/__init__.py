"""Held-out problems while training runs: attempted on a schedule, apart from training's random stream.

`attempts` asks and counts, `callback` decides when.
"""
