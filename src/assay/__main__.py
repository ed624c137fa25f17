"""`python -m assay`, for people who keep their PATH tidy."""

from assay.cli import assay

assay()
