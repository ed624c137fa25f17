"""The same pipelines as Prefect flows; the only room that imports Prefect."""
