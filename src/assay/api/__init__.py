"""assay from Python: pools of problems, the stages as functions, and what they leave as tables.

`problems` describes a pool; `score`, `select` and `order` go on from it or from one another's results, or from a
config. Each does what the lake does not hold yet, earlier stages included. `stages` holds the functions, `results` what
they return, `charts` their plots.
"""

from typing import Any

from assay.api.problems import Problems, problems
from assay.api.reporting import NullReporter, ProgressReporter
from assay.api.results import Clusters, ProblemRows, Scores, StageRows, Training
from assay.api.results import CurriculumRows as Curriculum
from assay.api.results import SelectionRows as Selection
from assay.api.stages import clean, embed, ingest, order, run_added_stage, score, select, split, train
from assay.core.config import Config, read_config
from assay.pipelines.analysis.grade import grade
from assay.pipelines.stages import stage_names
from assay.stores.lake import Lake

__all__ = [
    "Clusters",
    "Config",
    "Curriculum",
    "Lake",
    "NullReporter",
    "ProblemRows",
    "Problems",
    "ProgressReporter",
    "Scores",
    "Selection",
    "StageRows",
    "Training",
    "clean",
    "embed",
    "grade",
    "ingest",
    "order",
    "problems",
    "read_config",
    "score",
    "select",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    """The function of a stage that was added to the list `pipelines.stages.STAGES`."""
    if name not in stage_names():
        raise AttributeError(f"module 'assay.api' has no attribute {name!r}")
    return run_added_stage(name)
