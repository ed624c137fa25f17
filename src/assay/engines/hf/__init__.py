"""Decode with an ordinary transformers checkpoint: continuous batching, the key-value cache, and sampling of tokens.

`engines/transformers.py` uses it. Nothing here is a part; to add a way of sampling tokens, change `token_sampling.py`.
"""
