"""Guess from a data file's rows which settings of a source read them.

`fields` names the fields of question, answer and options. To have a usual name recognised, add it to the tuples at the
top of `fields.py`.
"""
