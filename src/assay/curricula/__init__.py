"""A selection and what is known about it -> the order in which training meets it."""
