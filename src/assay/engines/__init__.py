"""Let a policy attempt problems: requests in, rollouts out.

To add an engine: one file NAME.py, or a folder NAME that defines its class, that matches `core.ports.Engine`.
`models` finds weights by name, `requests` holds what engines share, `server` puts a local engine behind an address.
"""
