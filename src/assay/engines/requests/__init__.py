"""Handle requests and their samples the same way in every engine: prompts as token ids, order, stop strings.

Nothing here is a part: add what a second engine needs as well.
"""
