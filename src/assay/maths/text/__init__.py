"""Texts compared: normal forms, shingles, numbers and quantities, options, golds, languages, keywords."""
