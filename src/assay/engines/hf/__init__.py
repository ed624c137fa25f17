"""Decoding with an ordinary transformers checkpoint: continuous batching, the key-value cache, and drawing tokens.

Used by `engines/transformers.py`. Nothing here is a part.
"""
