"""Attempts of a policy: stored rollouts first, new ones only for what is missing; shards for workers; tree searches.

To give scorers another kind of evidence, add a method to `EvidenceProvider` in `core/ports.py` and build it here.
"""
