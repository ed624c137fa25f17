"""Sets of unit vectors: seeding, coverage, facility location, cluster weights."""
