"""The store as a page."""
