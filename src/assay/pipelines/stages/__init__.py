"""The stages from sources to a checkpoint, one per file, in the order of `STAGES`; and imports and regrading.

To add a stage, write a file NAME.py with a class Name that derives from `pipelines.context.stage.Stage`, and one line
in `STAGES`: commands, `curate status`, dry runs, reports, flows and the Python API follow it. Listing imports no stage.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from assay.core.errors import ConfigError

if TYPE_CHECKING:
    from assay.pipelines.context.stage import Stage


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One line of the list of stages.

    Attributes:
        name: of its command and of its lines in the ledger.
        purpose: one sentence, for the help of its command.
        place: of its class, as MODULE:CLASS; "" = the class of its name in the file of its name in this folder.
    """

    name: str
    purpose: str
    place: str = ""

    def load(self) -> type["Stage"]:
        """Import the stage's class.

        Raises:
            ConfigError: the class has another `name`.
        """
        module, _, name = (self.place or f"{__name__}.{self.name}:{self.name.capitalize()}").partition(":")
        stage = cast("type[Stage]", getattr(import_module(module), name))
        if stage.name != self.name:
            raise ConfigError(f"the stage {self.name!r} calls itself {stage.name!r} in {module}")
        return stage


STAGES = (
    StageEntry("ingest", "Read the config's sources into problems and labels; malformed rows become drops."),
    StageEntry("clean", "Drop empty, duplicate, contradictory and unverifiable problems, each with its reason."),
    StageEntry("split", "Hold problems out for evaluation, before scoring."),
    StageEntry(
        "score",
        "Let the policy attempt each training problem, and measure how hard it is.",
        f"{__name__}.score:ScoreStage",  # `Score` is a type of core
    ),
    StageEntry("embed", "Turn problems into unit vectors, and vectors into clusters."),
    StageEntry("select", "Choose the subset to train on."),
    StageEntry("order", "Put the selection into the order in which training sees it."),
)
# After `score` and beside the others, by `curate synthesize`; nothing of the curriculum depends on it.
SYNTHESIZE = StageEntry("synthesize", "Turn stored attempts into training sets, preferences, labels and new problems.")
TRAIN = StageEntry("train", "Train the policy on the curriculum in its order.")  # after them, by `train run`
SFT = StageEntry("sft", "Train the policy to give the answers that synthesis stored.")  # by `train sft`
DPO = StageEntry("dpo", "Train the policy to prefer the better of two stored answers.")  # by `train dpo`
KTO = StageEntry("kto", "Train the policy on stored answers that are right or wrong, without pairs.")  # by `train kto`
TRAININGS = (TRAIN, SFT, DPO, KTO)
KINDS = {"grpo": TRAIN, "sft": SFT, "dpo": DPO, "kto": KTO}  # of a loop's rounds


def stage_entries(upto: str = "") -> tuple[StageEntry, ...]:
    """Return the stages in their order up to and with one of them.

    Args:
        upto: a stage's name; "" = all stages of curation, "train", "sft", "dpo" or "kto" = these and that training,
            "synthesize" = those up to scoring and synthesis.

    Raises:
        ConfigError: there is no stage of this name.
    """
    names = stage_names()
    if training := next((entry for entry in TRAININGS if entry.name == upto), None):
        return (*STAGES, training)
    if upto == SYNTHESIZE.name:
        return (*STAGES[: names.index("score") + 1], SYNTHESIZE)
    if upto and upto not in names:
        raise ConfigError(f"no stage is called {upto!r}; known: {', '.join((*names, *(e.name for e in TRAININGS)))}")
    return STAGES[: names.index(upto) + 1] if upto else STAGES


def stage_names() -> tuple[str, ...]:
    """Return the names of the stages of curation in their order."""
    return tuple(entry.name for entry in STAGES)


def pool_stages() -> tuple[str, ...]:
    """The names of the stages before scoring, which need no policy: all workers and rounds share their results."""
    names = stage_names()
    return names[: names.index("score")]


def stage_sentence() -> str:
    """Return the stages of curation as a list in words.

    >>> stage_sentence()
    'Ingest, clean, split, score, embed, select and order'
    """
    *names, last = stage_names()
    return f"{', '.join(names)} and {last}".capitalize()


def load_stage(name: str) -> type["Stage"]:
    """Import the class of a stage by its name.

    Raises:
        ConfigError: there is no stage of this name.
    """
    return stage_entries(name)[-1].load()
