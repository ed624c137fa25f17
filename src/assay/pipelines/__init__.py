"""Stages as plain functions over tables; the only room that joins rooms."""
