"""Backends that let a policy attempt problems: requests in, rollouts out."""
