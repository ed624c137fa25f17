"""`open_instruct`: the columns of its RLVR data: messages, ground_truth, dataset, and a verifier of our own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

OWN = "assay"  # key of the verifier that the reward file registers
EXPRESSED = {  # open-instruct's own verifiers, by ours
    "math": ("math", "strict_math", "gsm8k"),
    "numeric": ("gsm8k", "math", "strict_math"),
    "exact": ("string_matcher", "string_f1", "flan"),
}
REWARD = '''"""Verifier of this data set for open-instruct: the one that measured its pass rates. Settings lie in reward.json.

open-instruct registers every subclass of VerifierFunction that is imported before it builds its verifiers.
"""

import json

from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction

from assay.integrations.reward import Answer, load_reward

REWARD = load_reward(__file__)


class AssayVerifier(VerifierFunction):
    """Judge by the record in the label."""

    def __init__(self, verifier_config=None):
        super().__init__("assay", weight=1.0, verifier_config=verifier_config)

    def __call__(self, tokenized_prediction, prediction, label, query=None):
        """Return the verdict's reward, 0 where the verifier failed."""
        verdict = REWARD.judge([Answer(json.loads(label), prediction)])[0]
        failed = verdict.outcome == "verifier_error"
        return VerificationResult(score=0.0 if failed else float(verdict.reward), reasoning=verdict.outcome)
'''


@dataclass(frozen=True)
class OpenInstruct:
    """One row per place of the curriculum; `passrate` is correct / graded, null if nothing was graded.

    `ground_truth` is what a verifier of open-instruct gets. For the verifier beside the data it is the record as JSON
    text; where `dataset` names one of open-instruct's own, it is the answer, and a verifier that this one cannot stand
    for is refused. open-instruct does not tell a verifier whether a completion was cut.
    """

    dataset: str = ""  # one of open-instruct's own verifiers, such as math or gsm8k; "" = the verifier beside the data

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "messages": list(row.prompt),
                "ground_truth": row.answer if self.dataset else json.dumps(row.record(), ensure_ascii=False),
                "dataset": self.dataset or OWN,
                "passrate": row.correct / row.graded if row.graded else None,
                "total_rollouts": row.graded,
                "total_correct_rollouts": row.correct,
                **{name: value for name, value in row.record().items() if name not in ("correct", "gold")},
            }
            for row in rows
        ]

    def refusal(self, verifiers: Sequence[str]) -> str:
        """Return which verifier the named one of open-instruct cannot stand for."""
        strange = [name for name in verifiers if self.dataset not in EXPRESSED.get(name, ())] if self.dataset else []
        if not strange:
            return ""
        return f"open-instruct's verifier {self.dataset!r} does not judge as {strange[0]!r}; leave `dataset` out for our own"

    def snippet(self, file: str) -> str:
        """Return the command with which grpo_fast reads a local file and finds the verifier."""
        read = f"--dataset_mixer_list {file} 1.0 --dataset_mixer_list_splits train\n"
        if self.dataset:
            return f"python open_instruct/grpo_fast.py {read}"
        start = "import reward, runpy; runpy.run_path('open_instruct/grpo_fast.py', run_name='__main__')"
        return f'export PYTHONPATH={Path(file).parent}:$PYTHONPATH\npython -c "{start}" {read}'

    def files(self, name: str) -> Mapping[str, str]:
        """Return the verifier, where the data wants our own."""
        return {} if self.dataset else {"reward.py": REWARD}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return scores of attempts by the verifier beside the data, against open-instruct's base class or schema."""
        verifier = load_function(folder / "reward.py", "AssayVerifier", modules=_SCHEMA)()
        results = [verifier([], attempt.text, row["ground_truth"]) for row, attempt in zip(rows, attempts, strict=True)]
        return [None if result.reasoning == "verifier_error" else result.score for result in results]


class _VerifierFunction:
    """The documented constructor of open-instruct's base class, where that is not installed."""

    def __init__(self, name: str, weight: float = 1.0, verifier_config: object = None) -> None:
        self.name, self.weight, self.verifier_config = name, weight, verifier_config


def _schema() -> dict[str, ModuleType]:
    package, module = ModuleType("open_instruct"), ModuleType("open_instruct.ground_truth_utils")
    module.__dict__.update(VerifierFunction=_VerifierFunction, VerificationResult=SimpleNamespace)
    return {"open_instruct": package, "open_instruct.ground_truth_utils": module}


_SCHEMA = _schema()
