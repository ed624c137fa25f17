"""The viewer: a local, read-only page over a lake. Nothing here is imported before `curate view` starts.

`app` answers addresses, `pool` holds the table, and each view has a file (`overview`, `problem`, `costs`, ...). To add
a view, write its file, its line in `answers.py`, and its module in `static/`.
"""
