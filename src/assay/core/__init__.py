"""Nouns, ports, parts and the plan; imports nothing of ours."""
