"""Maintenance of a lake: verify and repair (`fsck`, `reentry`), merge files and delete rows (`compaction`).

Each works from one snapshot and may run while others write. A new command goes into a file of its own here, and its
call into `cli/curate/lake.py`.
"""
