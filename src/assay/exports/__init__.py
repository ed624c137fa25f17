"""A selection in the form that another trainer reads."""
