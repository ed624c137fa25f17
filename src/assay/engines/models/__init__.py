"""Find models by name: which weights a name stands for, where their files lie, how they are installed and loaded.

To add a model to the catalogue, add its entry to `catalog.py`.
"""
