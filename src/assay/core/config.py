"""Read the config: one TOML file that every command takes, checked before anything is written.

Each class is one table; its fields are the table's keys.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from assay.core.config_errors import apply_override, describe_config_error
from assay.core.errors import ConfigError, suggest_names
from assay.core.flow_config import FlowConfig
from assay.core.limit_config import LimitConfig
from assay.core.loop_config import LoopConfig
from assay.core.offline_config import DpoConfig, KtoConfig, SftConfig
from assay.core.parts import (
    allow_imports,
    build_part,
    check_imports,
    is_outside,
    list_parts,
    load_part,
    split_correct_at,
)
from assay.core.policy_config import PartTable, PolicyConfig, StrictTable, SynthesizeConfig
from assay.core.rewards import RewardConfig
from assay.core.setting_names import check_names, present_names
from assay.core.track_config import TrackConfig
from assay.core.types import SamplingConfig


class SourceConfig(PartTable):
    """`[[source]]`: where problems come from."""

    type: str  # a file in sources/; the other keys are its settings


class CleanConfig(StrictTable):
    """`[clean]`: filters in their order; `[clean.settings.NAME]` holds the settings of one filter."""

    filters: tuple[str, ...] = ("empty", "conflicting_labels", "exact", "unparsable", "unverifiable")
    settings: dict[str, dict[str, Any]] = {}


class SplitConfig(StrictTable):
    """`[split]`: problems held out before any score exists."""

    held_out: int = Field(default=0, ge=0)
    seed: int = 0


class OutsideConfig(StrictTable):
    """`[grade.outside."NAME"]`: how a verifier from outside is called; none of it is part of a verdict's version."""

    timeout_s: float | None = Field(default=None, gt=0)  # of one call, of a batch as a whole; None = grade.timeout_s
    env: tuple[str, ...] = ()  # further environment variables that its workers see, by name, besides grade.env
    batch_size: int = Field(default=1, ge=1)  # completions per call


class GradeConfig(StrictTable):
    """`[grade]`: the worker processes that judge, and can be killed."""

    workers: int = Field(default=2, ge=1)
    timeout_s: float = Field(default=5.0, gt=0)  # per case
    allow_code: bool = False  # True: the verifier `code` may run what a model wrote
    mode: Literal["strict", "lenient"] = "strict"  # which reading of a verdict rewards, exports and pass rates use
    settings: dict[str, dict[str, Any]] = {}  # by verifier; they are part of its version
    env: tuple[str, ...] = ()  # further environment variables that workers see, by name, such as a judge's key
    reward_range: tuple[float, float] = (0.0, 1.0)  # that verifiers' rewards lie in; bounds of the mean's interval
    # Standard deviation of the rewards that the verifier gives to one answer, judged again and again; 0 = always equal.
    repeatability: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    outside: dict[str, OutsideConfig] = {}  # by verifier

    @field_validator("reward_range")
    @classmethod
    def _check_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not (math.isfinite(value[0]) and math.isfinite(value[1]) and value[0] < value[1]):
            raise ValueError(f"the range [{value[0]}, {value[1]}] is empty or not finite")
        return value


class ScoreConfig(PartTable):
    """`[score]`: how difficulty is measured."""

    scorer: str = "pass_rate"
    # drawn = attempts of the policy, missing ones are drawn; imported = attempts under the policy's name that
    # `curate import rollouts` brought, nothing is drawn; or the name of another imported policy
    evidence: str = "drawn"
    problems_per_commit: int = Field(default=4, ge=1)  # of them at most are attempted again after a kill
    stop_early: bool = True  # end a run whose first attempts are no evidence: refused, cut, or impossible to judge
    stop_early_attempts: int = Field(default=64, ge=1)  # attempts of a run that are checked
    stop_early_fraction: float = Field(default=0.95, gt=0, le=1)  # share of them without evidence that ends the run
    # corrected: pass rates stand beside those that `curate audit` corrects; after another audit scores are counted anew
    verifier_errors: Literal["ignore", "corrected"] = "ignore"


class EmbedConfig(StrictTable):
    """`[embed]`: texts to unit vectors to clusters."""

    encoder: str = "minilm"
    clusters: Annotated[int, Field(ge=1)] | Literal["auto"] = 8  # auto = by silhouette on a sample
    seed: int = 0
    device: str = "auto"  # cpu, gpu, auto = gpu where FAISS sees one
    precision: Literal["float32", "float16"] = "float32"  # of stored vectors


class SelectConfig(PartTable):
    """`[select]`: which problems are kept."""

    selector: str = "frontier"
    budget: int = Field(default=100, ge=0)
    seed: int = 0
    # corrected: select by the rates corrected for verifier errors; needs `score.verifier_errors = "corrected"`
    rates: Literal["observed", "corrected"] = "observed"


class OrderConfig(PartTable):
    """`[order]`: the order of the selected problems."""

    curriculum: str = "easy_to_hard"
    seed: int = 0
    quotas: dict[str, Annotated[float, Field(ge=0)]] = {}  # of an online curriculum: shares of every step by source


class TeacherConfig(PartTable):
    """`[train.teacher]`: who helps, how often and with what; further keys are the settings of the teacher's engine."""

    engine: str = ""  # "" = no teacher
    model: str = ""  # "" = the policy's own model, frozen
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    fraction: float = Field(default=0.1, ge=0, le=1)  # at the first step, of a group's finished rollouts that need help
    final_fraction: float = Field(default=0.01, ge=0, le=1)  # after `decay_steps` steps
    decay_steps: int = Field(default=16, ge=0)  # steps over which the fraction changes
    stop_step: Annotated[int, Field(ge=0)] | None = 8  # no help from this step on
    # any rollout, wrong ones, or those of groups without a right one
    apply_to: Literal["any", "wrong", "failed"] = "any"
    mask: Literal["whole", "teacher"] = "whole"  # which tokens the objective treats as guided
    student_continues: bool = False  # True: the student continues after the feedback
    gold_fallback: bool = False  # True: a demonstration where a group is still all wrong
    on_unavailable: Literal["stop", "continue"] = "stop"
    max_tokens: int = Field(default=512, ge=1)


class TrainConfig(StrictTable):
    """`[train]`: GRPO on the curriculum in its order. Keys that `[policy]` has too deviate from it, with a warning."""

    objective: str = "grpo"
    # the weights behind a served model: a name in the catalogue, a folder or a hub id; "" = those of policy.model
    model: str = ""
    settings: dict[str, Any] = {}  # of the objective
    steps: int = Field(default=2, ge=1)
    group_size: int = Field(default=8, ge=2)
    problems_per_step: int = Field(default=1, ge=1)  # problems per optimiser step
    learning_rate: float = Field(default=1e-6, gt=0)
    warmup_steps: int = Field(default=0, ge=0)  # steps
    final_lr_fraction: float = Field(default=1.0, ge=0, le=1)  # last rate / highest; 1 = constant
    kl_coef: float = Field(default=0.0, ge=0)  # KL weight
    kl_schedule: Literal["constant", "rising"] = "constant"
    kl_coef_min: float = Field(default=0.0, ge=0)  # lowest value of "rising"
    seed: int = 0
    micro_batch_size: int | None = Field(default=None, ge=1)  # rollouts per forward pass; None = a group
    allow_truncated: bool = False  # True: continue though nearly all rollouts of the first step are cut
    teacher: TeacherConfig = TeacherConfig()
    reward: RewardConfig = RewardConfig()
    weights: Literal["ignore", "loss", "sampling"] = "ignore"  # what a selection's weights do in training
    relift_batch: int = Field(default=0, ge=0)  # a supervised pass once so many problems' whole groups failed; 0 = none
    relift_learning_rate: float = Field(default=1e-6, gt=0)
    demonstrations: tuple[Literal["stored", "gold"], ...] = ("stored", "gold")  # for relift and gold_fallback, in order
    gold_template: str = "{answer}"  # a gold answer as a text; may name the source's kept fields
    eval_every: int = Field(default=0, ge=0)  # steps between attempts at held-out problems; 0 = none
    eval_samples: int = Field(default=4, ge=1)  # attempts per problem
    eval_problems: int = Field(default=200, ge=1)  # at most
    ema_alpha: float = Field(default=0.0, ge=0, le=1)  # alpha of the running average of the last 6 states; 0 = none
    lora_rank: int = Field(default=0, ge=0)  # 0 = all weights are trained
    lora_alpha: float = Field(default=16.0, gt=0)
    vllm: Literal["", "server", "colocate"] = ""
    vllm_url: str = ""
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    save_every: int = Field(default=25, ge=0)  # steps between the states from which a killed run resumes; 0 = none
    # True: the last state stays, and more train.steps go on from it; about 12 bytes per weight
    keep_state: bool = False
    output: str = ""  # folder of the checkpoint; "" = next to the lake's tables
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, gt=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    truncated: Literal["ignore", "wrong"] | None = None


class ExportConfig(StrictTable):
    """`[export]`: what leaves for other trainers; `[export.settings.NAME]` holds the settings of one export."""

    columns: tuple[str, ...] = ()  # kept fields that become columns of their own, beside `metadata`
    row_id: str = "id"  # the kept field that holds a row's own id
    licence: str = ""  # of the whole data set, as its card states it; "" = the export's own default
    settings: dict[str, dict[str, Any]] = {}


# the key that names the part, of tables whose other keys may be settings of that part
PART_KEYS = {"policy": "engine", "score": "scorer", "select": "selector", "order": "curriculum"}


class Config(StrictTable):
    """All tables of a config."""

    name: str = "assay"
    seed: int = 0
    lake: str = ".assay/lake"
    # small files in the lake at which a run merges them at its end; 0 = never
    compact_at: int = Field(default=1_000, ge=0)
    source: tuple[SourceConfig, ...] = Field(min_length=1)
    clean: CleanConfig = CleanConfig()
    split: SplitConfig = SplitConfig()
    policy: PolicyConfig = PolicyConfig()
    grade: GradeConfig = GradeConfig()
    score: ScoreConfig = ScoreConfig()
    synthesize: SynthesizeConfig = SynthesizeConfig()
    embed: EmbedConfig = EmbedConfig()
    select: SelectConfig = SelectConfig()
    order: OrderConfig = OrderConfig()
    train: TrainConfig = TrainConfig()
    sft: SftConfig = SftConfig()
    dpo: DpoConfig = DpoConfig()
    kto: KtoConfig = KtoConfig()
    loop: LoopConfig = LoopConfig()
    limit: LimitConfig = LimitConfig()
    flow: FlowConfig = FlowConfig()
    export: ExportConfig = ExportConfig()
    track: TrackConfig = TrackConfig()
    _folder: str = PrivateAttr("")

    @property
    def folder(self) -> str:
        """Return the folder of the config's file, from which relative paths of sources start; "" = none is known."""
        return self._folder

    def in_folder(self, folder: str) -> "Config":
        """Return this config with another folder, from which relative paths of sources start."""
        config = self.model_copy()
        config._folder = folder
        return config

    @classmethod
    def from_python(cls, **tables: Any) -> "Config":
        """Build a config from Python values: what a TOML file holds, with one keyword per table or key.

        Args:
            tables: such as `source=[{"part": "files", "paths": "mine.jsonl", ...}], select={"budget": 50}`.

        Raises:
            ConfigError: as `read_config`.
        """
        return parse_config(tables)

    def with_changes(self, **tables: Any) -> "Config":
        """Return this config with some keys changed; keys that are not named stay as they are.

        Args:
            tables: one keyword per table or key. A mapping changes the keys that it names; of a table whose part
                becomes another one, the old part's settings go.

        Raises:
            ConfigError: as `read_config`.
        """
        tree = self.model_dump(exclude_unset=True)
        for name, value in tables.items():
            before = tree.get(name)
            if isinstance(value, Mapping) and isinstance(before, Mapping):
                part = PART_KEYS.get(name, "")
                if part in value and value[part] != getattr(getattr(self, name), part):
                    before = {key: old for key, old in before.items() if key in type(getattr(self, name)).model_fields}
                value = {**before, **value}
            tree[name] = value
        return parse_config(tree, folder=self._folder)

    @property
    def ignores_truncated(self) -> bool:
        """Return whether training leaves truncated rollouts out of the loss."""
        return (self.train.truncated or self.policy.truncated) == "ignore"

    @property
    def train_sampler(self) -> SamplingConfig:
        """Return the policy's sampling config with training's deviations."""
        changes = {key: getattr(self.train, key) for key in ("max_tokens", "temperature", "top_p")}
        return self.policy.model_copy(
            update={key: value for key, value in changes.items() if value is not None}
        ).sampler


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a TOML file, apply `key=value` overrides and check the result.

    Relative paths of sources start from its folder, which also is the last place where `python:` parts are looked for.

    Raises:
        ConfigError: a missing or broken file, an unknown key or part, a value of the wrong type.
    """
    path = Path(path)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config {str(path)!r}: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {str(path)!r} is not TOML: {error}") from error
    for override in overrides:
        apply_override(tree, override)
    return parse_config(tree, folder=str(path.absolute().parent))


def parse_config(tree: Mapping[str, Any], *, folder: str = "") -> Config:
    """Check the config in a nested mapping, with every part's settings.

    Args:
        tree: tables by name.
        folder: from which relative paths of sources start; "" = the working directory.

    Raises:
        ConfigError: as `read_config`.
    """
    check_names(dict(tree))
    if folder and find_outside_parts(tree):
        allow_imports(folder)
        check_imports(folder, find_outside_parts(tree))
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(describe_config_error(error, Config)) from error
    config._folder = folder
    _check_parts(config)
    return config


def parse_stored_config(tree: Mapping[str, Any]) -> Config:
    """Check a config that a lake holds, which may use names of former versions.

    Args:
        tree: tables by name.

    Raises:
        ConfigError: as `read_config`.
    """
    return parse_config(present_names(tree))


def find_outside_parts(value: Any) -> list[str]:
    """Return the names of parts from outside, such as `python:rewards.py:near`, in a config's tables."""
    if isinstance(value, str):
        return [value] if is_outside(value) else []
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [name for child in children for name in find_outside_parts(child)]


def _check_parts(config: Config) -> None:
    for source in config.source:
        build_part("source", source.type, source.settings, other_keys=SourceConfig.model_fields)
    for name in config.clean.filters:
        build_part("filter", name, config.clean.settings.get(name))
    for name in config.clean.settings:
        if name not in config.clean.filters:
            raise ConfigError(
                f"clean.settings.{name}: not among clean.filters; {suggest_names(name, config.clean.filters)}"
            )
    build_part("scorer", config.score.scorer, config.score.settings, other_keys=ScoreConfig.model_fields)
    build_part("selector", config.select.selector, config.select.settings, other_keys=SelectConfig.model_fields)
    build_part("curriculum", config.order.curriculum, config.order.settings, other_keys=OrderConfig.model_fields)
    for name in dict.fromkeys((*config.synthesize.methods, *config.synthesize.settings)):
        build_part("method", name, config.synthesize.settings.get(name))
    build_part("objective", config.train.objective, config.train.settings)
    if config.train.teacher.engine:
        build_part(
            "engine", config.train.teacher.engine, teacher_settings(config), other_keys=TeacherConfig.model_fields
        )
    for name, settings in config.export.settings.items():
        build_part("training_set" if name in list_parts("training_set") else "export", name, settings)
    _check_verifiers(config)


def teacher_settings(config: Config) -> dict[str, Any]:
    """Return the settings of the teacher's engine: the policy's own model where no other is named."""
    teacher = config.train.teacher
    model = {} if teacher.engine in ("scripted", "replay") else {"model": teacher.model or config.policy.model}
    return model | teacher.settings


def _check_verifiers(config: Config) -> None:
    for name, settings in config.grade.settings.items():
        build_part("verifier", name, split_correct_at(name, settings)[0])
    for name in config.grade.outside:
        if not is_outside(name):
            raise ConfigError(f"grade.outside.{name}: {name!r} is not an outside verifier such as verl:FILE:FUNCTION")
    for source in config.source:
        name = str(source.settings.get("verifier", "math"))
        if (
            not config.grade.allow_code
            and not is_outside(name)
            and getattr(load_part("verifier", name), "dangerous", False)
        ):
            raise ConfigError(
                f"verifier {name!r} runs programs that a model wrote; set `grade.allow_code = true` to allow it"
            )
