"""Texts as unit vectors (`encode`, `tfidf`, `hidden`, `stored`), and their clusters and neighbours.

To add an encoder: one file with a class that matches `core.ports.Encoder`, and its name in `encode.load_encoder`.
"""
