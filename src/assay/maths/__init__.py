"""Numbers in, numbers out: no file, no model, no global chance.

`beta` (pass rates and their doubt), `allocation` (who is attempted next), `rl`, `geometry`, `text`, `search`. To add a
result, write a function with shapes, source and an example that runs; what one caller needs alone lies beside it.
"""
