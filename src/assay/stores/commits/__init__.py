"""Commits: manifest entries that name files, seals over them, snapshots for readers, and leases between processes.

A file that no entry names does not exist for readers. To add to what an entry holds, change `manifest.py`.
"""
