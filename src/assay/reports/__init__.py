"""Charts as SVG (`plots`) and the page of an autopsy (`autopsy`); the page of a config is `viewer.report`."""
