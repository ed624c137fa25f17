"""Verify, merge, mend and delete: `fsck`, `compaction` and the re-entry of lost manifest entries.

Each works from one snapshot and runs beside writers.
"""
