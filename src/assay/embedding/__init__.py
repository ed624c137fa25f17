"""Texts -> unit vectors -> clusters."""
