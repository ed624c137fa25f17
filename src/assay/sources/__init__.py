"""Anything that holds problems -> problems with labels, and a drop for each row that holds none."""
