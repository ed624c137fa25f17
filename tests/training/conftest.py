"""A random Llama of 8,000 weights with a character tokenizer and a chat template: GRPO steps in fractions of a second."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import EngineError
from assay.core.types import Curriculum, GradingCase, Label, Phase, Policy, Problem, Rollout, SamplingConfig, Verdict

CHARACTERS = "0123456789+=?. abcdefghijklmnopqrstuvwxyz:"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] + ': ' + m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


@pytest.fixture(scope="session", autouse=True)
def small_scale() -> Iterator[None]:
    """Use one thread (several slow a tiny model down tenfold), and keep imports out of garbage collection (0.3 s per run)."""
    import gc

    import torch

    import assay.training.trainer.trainer  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder, made here."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    folder = tmp_path_factory.mktemp("tiny")
    words = ["<pad>", "<s>", "</s>", "<unk>", *CHARACTERS]
    letters = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    letters.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    set_seed(0)
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


@dataclass
class Parity:
    """Judges by the parity of a text's length, so that a random model earns rewards of both kinds."""

    errors: int = 0  # number of cases, the first of each call, that are verifier errors
    reward: float | None = None  # None: 1 for an even length, else 0
    seen: list[GradingCase] = field(default_factory=list)

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        self.seen += cases
        return [self._verdict(case, place) for place, case in enumerate(cases)]

    def _verdict(self, case: GradingCase, place: int) -> Verdict:
        outcome = "verifier_error" if place < self.errors else "wrong" if len(case.rollout.text) % 2 else "correct"
        return Verdict.of(case, verifier="parity", version="1", outcome=outcome, reward=self.reward)

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [True for _ in labels]

    def version(self, verifier: str) -> str:
        return "1"


@dataclass
class RecordingSink:
    """A sink that remembers what it gets, in order."""

    writes: list[tuple[list[Rollout], list[Verdict]]] = field(default_factory=list)
    logs: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    superseded: set[str] = field(default_factory=set)

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        self.writes.append((list(rollouts), list(verdicts)))

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        self.logs.append((step, dict(values)))

    def flush(self) -> None: ...

    def stored(self, policies: Sequence[str]) -> set[str]:
        return {rollout.policy for rollout in self.rollouts} & set(policies)

    def supersede(self, policies: Sequence[str]) -> None:
        self.superseded |= set(policies)

    @property
    def counted(self) -> list[Rollout]:
        return [rollout for rollout in self.rollouts if rollout.policy not in self.superseded]

    @property
    def rollouts(self) -> list[Rollout]:
        return [rollout for rollouts, _ in self.writes for rollout in rollouts]


@dataclass
class RecordingReporter:
    """A reporter that remembers its lines."""

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None: ...

    def track(self, title: str, total: int) -> Any:
        raise NotImplementedError


NO_SETTINGS = (
    "online",
    "on_saved",
    "held_out",
    "stop",
    "teacher",
    "demonstrations",
    "run",
)  # arguments of `train` that are no settings
PROBLEMS = {name: Problem.of(f"{name}+{name}=?") for name in ("1", "2", "3", "4")}


@pytest.fixture
def room(tiny: Path, tmp_path: Path) -> SimpleNamespace:
    """Four problems, a tiny policy, and `room.train(**changes)`, which trains on a.b.c... of `order`."""
    from assay.training.grpo import train
    from assay.training.trainer.settings import TrainingSettings

    room = SimpleNamespace(
        judge=Parity(), sink=RecordingSink(), reporter=RecordingReporter(), output=tmp_path / "out", tiny=tiny
    )
    room.ids = {name: problem.id for name, problem in PROBLEMS.items()}
    room.problems = {problem.id: problem for problem in PROBLEMS.values()}
    room.labels = {id_: Label.of(id_, "2", verifier="parity") for id_ in room.problems}
    room.base = Policy("tiny", "0" * 16)
    room.sampler = SamplingConfig(max_tokens=8)
    room.settings = TrainingSettings(steps=2, group_size=4, learning_rate=1e-2, allow_truncated=True)

    def train_room(
        order: str = "1234",
        *,
        checkpoint: Path = tiny,
        sampler: SamplingConfig | None = None,
        output: Path = room.output,
        phase_weights: tuple[float, ...] = (),
        **changes: Any,
    ) -> Any:
        return train(
            Curriculum((Phase(tuple(room.ids[name] for name in order), weights=phase_weights),)),
            room.problems,
            room.labels,
            checkpoint=checkpoint,
            base=room.base,
            sampler=sampler or room.sampler,
            judge=room.judge,
            sink=room.sink,
            settings=replace(
                room.settings, **{name: value for name, value in changes.items() if name not in NO_SETTINGS}
            ),
            output=output,
            reporter=room.reporter,
            **{name: value for name, value in changes.items() if name in NO_SETTINGS},
        )

    room.train = train_room
    return room


@pytest.fixture
def edited(tiny: Path, tmp_path: Path) -> Any:
    """`edited(file, **changes)`: a copy of the tiny checkpoint with keys of one JSON file changed; None deletes."""

    def edit(name: str, **changes: Any) -> Path:
        import shutil

        copy = tmp_path / "edited"
        shutil.copytree(tiny, copy)
        tree = json.loads((copy / name).read_text())
        tree.update(changes)
        (copy / name).write_text(json.dumps({key: value for key, value in tree.items() if value is not None}))
        return copy

    return edit


@dataclass
class ScriptedTeacher:
    """An engine that answers every request with `text`, and the first `malformed` of each call with something else.

    `gone` = it cannot be reached.
    """

    text: str = "<opinion>incorrect</opinion><reason>wait</reason><phrase>so 2</phrase>"
    malformed: int = 0
    gone: bool = False
    seen: list[Any] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        return Policy("tutor", "1" * 16)

    def generate(self, requests: Sequence[Any]) -> Iterator[tuple[Rollout, ...]]:
        if self.gone:
            raise EngineError("no answer from the teacher's address")
        self.seen += requests
        for place, request in enumerate(requests):
            text = "well" if place < self.malformed else self.text
            yield (
                Rollout.of(
                    request, 0, policy=self.policy, engine="tutor", text=text, tokens=len(text.split()), finish="stop"
                ),
            )

    def count_tokens(self, request: Any) -> int:
        return 0

    def show(self, request: Any) -> str:
        return ""

    def close(self) -> None: ...


@pytest.fixture
def tutor() -> ScriptedTeacher:
    return ScriptedTeacher()
