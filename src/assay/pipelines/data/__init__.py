"""Rows of the lake as the stages read them: problems and labels, the pool's columns, embeddings, demonstrations.

To read something new from the lake, add a function here that returns only the ids and columns that its caller needs.
"""
