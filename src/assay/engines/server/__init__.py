"""Put a local engine behind an OpenAI-compatible address: app, listener, batcher, and faults to rehearse with.

`curate serve-model` starts it. To add an endpoint, add it to `app.py`.
"""
