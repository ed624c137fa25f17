"""Comparing texts: normal forms, shingles, numbers and quantities, options, gold answers, languages, keywords.

To add a spelling that means the same, extend the form of its subject (`latex`, `quantities`, `instruction_wrappers`).
"""
