"""Evaluate the policy on held-out problems while it trains, without touching training's random stream.

`attempts` samples, judges and counts; `callback` decides when. To add a measurement, add it to `HeldOutSet.evaluate`.
"""
