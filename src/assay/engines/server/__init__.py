"""A local engine behind an OpenAI-compatible address: the app, its listener, the batcher, and faults to rehearse with.

Used by the command that serves a model. To add an endpoint, add it to `app.py`.
"""
