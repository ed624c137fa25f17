"""The tables `[policy]` and `[synthesize]` of the config, of which the second may hold another policy, and what tables
are made of."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from assay.core.identity import canonical_json
from assay.core.types import SamplingConfig


class StrictTable(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartTable(BaseModel):
    """A table that names a part; keys that are not the table's own are the part's settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class FewShotTurn(StrictTable):
    """One solved example, shown to the model as two chat turns."""

    user: str
    assistant: str


class PolicyConfig(PartTable):
    """`[policy]`: the model and its sampling settings; scoring, training and export all read this one table."""

    model: str = "smollm2-135m-instruct"
    engine: str = "llamacpp"
    revision: str = ""  # of a hub model
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    system: str = ""
    template: str = "{prompt}"
    shots: tuple[FewShotTurn, ...] = ()
    chat_template_args: dict[str, Any] = {}
    # how attempts count that the token cap cut: ignore = neither right nor wrong, and not trained on; wrong = failures
    truncated: Literal["ignore", "wrong"] = "ignore"

    @model_serializer(mode="wrap")
    def _leave_out_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep apart in dumps whether `truncated` was given, since keys of stages hash it only then."""
        tree: dict[str, Any] = handler(self)
        if "truncated" not in self.model_fields_set:
            tree.pop("truncated", None)
        return tree

    @field_validator("template")
    @classmethod
    def _check_template(cls, value: str) -> str:
        if "{prompt}" not in value:
            raise ValueError("the template must contain {prompt}")
        return value

    @property
    def sampler(self) -> SamplingConfig:
        """Return how the policy is sampled, as one hashable value."""
        return SamplingConfig(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
            stop=self.stop,
            system=self.system,
            template=self.template,
            shots=tuple((shot.user, shot.assistant) for shot in self.shots),
            chat_template_args=canonical_json(self.chat_template_args),
        )


class SynthesizeConfig(StrictTable):
    """`[synthesize]`: what stored attempts are turned into; `[synthesize.settings.NAME]` holds a method's settings."""

    methods: tuple[str, ...] = ()  # of `curate synthesize` where it names none, in their order
    settings: dict[str, dict[str, Any]] = {}
    policy: str = ""  # name or revision whose stored attempts are read; "" = the config's policy
    # a method that expects to draw more than so many times the stored attempts is refused, unless [limit] is set
    max_growth: float = Field(default=10.0, gt=0)
    teacher: PolicyConfig | None = None  # who rewrites and translates, with the keys of [policy]; None = the policy

    @model_serializer(mode="wrap")
    def _leave_out_no_teacher(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a teacher that is not set, since keys of rounds hashed this table before there was one."""
        tree: dict[str, Any] = handler(self)
        return tree if self.teacher is not None else {k: value for k, value in tree.items() if k != "teacher"}
