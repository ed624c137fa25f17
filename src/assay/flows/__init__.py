"""Run the pipelines as Prefect flows; the only room that imports Prefect and Ray.

`curate`, `train`, `refresh` and `rounds` are the flows. To add one, write a module with a `__getattr__` of
`entrypoints.define_flow`.
"""
