"""The steps from sources to a checkpoint, one per file, in the order of `STAGES`; also imports of rollouts and regrading.

To add a step, write a file NAME.py with a class Name that derives from `pipelines.context.stage.Stage`, and one line in
`STAGES`: commands, `curate status`, dry runs, reports, flows and the Python API follow the list. Listing imports no stage.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from assay.core.errors import ConfigError

if TYPE_CHECKING:
    from assay.pipelines.context.stage import Stage


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One line of the list: a stage's name, what its command's help says, and where its class is."""

    name: str  # of its command and of its lines in the ledger
    purpose: str  # one sentence
    place: str = ""  # MODULE:CLASS; "" = the file of its name in this folder

    def load(self) -> type["Stage"]:
        """The stage's class.

        Raises:
            ConfigError: the class calls itself otherwise.
        """
        module, _, name = (self.place or f"{__name__}.{self.name}:{self.name.capitalize()}").partition(":")
        stage = cast("type[Stage]", getattr(import_module(module), name))
        if stage.name != self.name:
            raise ConfigError(f"the stage {self.name!r} calls itself {stage.name!r} in {module}")
        return stage


STAGES = (
    StageEntry("ingest", "Read the plan's sources into problems and labels; malformed rows become drops."),
    StageEntry("clean", "Drop empty, duplicate, contradictory and unverifiable problems, each with its reason."),
    StageEntry("split", "Hold problems out for evaluation, before any score exists."),
    StageEntry("score", "Let the policy attempt each training problem, and measure how hard it is."),
    StageEntry("embed", "Turn problems into unit vectors, and vectors into clusters."),
    StageEntry("select", "Choose the subset to train on."),
    StageEntry("arrange", "Put the selection into its order.", f"{__name__}.order:Order"),
)
TRAIN = StageEntry("train", "Train the policy on the curriculum in its order.")  # after them, by `train run`


def stage_entries(upto: str = "") -> tuple[StageEntry, ...]:
    """The stages in their order up to and with one of them; "" = all, and "train" has training at its end.

    Raises:
        ConfigError: no stage is called so.
    """
    names = stage_names()
    if upto == TRAIN.name:
        return (*STAGES, TRAIN)
    if upto and upto not in names:
        raise ConfigError(f"no stage is called {upto!r}; known: {', '.join((*names, TRAIN.name))}")
    return STAGES[: names.index(upto) + 1] if upto else STAGES


def stage_names() -> tuple[str, ...]:
    """The names of the stages of curation in their order."""
    return tuple(entry.name for entry in STAGES)


def stage_sentence() -> str:
    """The stages in words.

    >>> stage_sentence()
    'Ingest, clean, split, score, embed, select and arrange'
    """
    *names, last = stage_names()
    return f"{', '.join(names)} and {last}".capitalize()


def load_stage(name: str) -> type["Stage"]:
    """The class of a stage by its name.

    Raises:
        ConfigError: no stage is called so.
    """
    return stage_entries(name)[-1].load()
