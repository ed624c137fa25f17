"""Charts as SVG (`plots`) and the page of an autopsy (`autopsy`); the page of a config is `viewer.report`.

A page loads nothing. A new chart is a function in `plots` that takes numbers and returns SVG.
"""
