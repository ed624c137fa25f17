"""Numbers in, numbers out: no file, no model, no global chance."""
