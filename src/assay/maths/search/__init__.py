"""Tree search over begun answers: selection, expansion, and when a tree is finished."""
