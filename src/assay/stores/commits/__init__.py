"""Commits: manifest entries that name files, seals over them, snapshots for readers, and leases between processes.

A file that no entry names does not exist for readers. What an entry holds is defined in `manifest.py`.
"""
