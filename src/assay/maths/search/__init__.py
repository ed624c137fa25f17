"""Tree search over partial answers: selection, expansion, and when a search is finished.

To add a rule of selection, extend `tree.child_score` and `core.tree_search.SearchConfig`.
"""
