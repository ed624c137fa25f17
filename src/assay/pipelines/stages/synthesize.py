"""After scoring: turn stored attempts into training sets, preferences, step labels, labels and new problems.

One method is one stage with a key of its own. Nothing is made of held-out problems. Every row is verified again before
it is written: an attempt by its stored verdict of the present verifier, other text by a new one; the rows of what did
not pass say so.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from typing import Any

from assay.core.collection import collection_paused
from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.parts import build_part
from assay.core.ports import Synthesizer
from assay.core.setting_names import first_names
from assay.core.synthesis import Product, SynthesisSummary
from assay.pipelines.context import remote_model
from assay.pipelines.context.limits import has_limit
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import side_verifiers
from assay.pipelines.sampling.exclusive import exclusive_sampling
from assay.pipelines.sampling.synthesis_evidence import LakeEvidence
from assay.pipelines.sampling.synthesis_rows import SynthesisRows

BATCH = 50_000  # rows per commit
TREES = "SELECT count(*) AS n, bit_xor(md5_number_lower(id))::VARCHAR AS hash FROM searches WHERE policy = ?"


class Synthesize(Stage):
    """One method of synthesis on the train side. Of a lake that holds more evidence than before it is done again."""

    name = "synthesize"
    pays = True
    rows_query = """
    SELECT id, method, problem_id, 'targets' AS "table" FROM targets WHERE synthesis_id = $1
    UNION ALL SELECT id, method, problem_id, 'pairs' FROM pairs WHERE synthesis_id = $1
    UNION ALL SELECT id, method, problem_id, 'step_labels' FROM step_labels WHERE synthesis_id = $1
    UNION ALL SELECT id, method, problem_id, 'derivations' FROM derivations WHERE synthesis_id = $1
    """

    def __init__(self, context: RunContext, inputs: StageResults, method: str = "") -> None:
        super().__init__(context, inputs)
        self.method = method or (context.config.synthesize.methods or ("",))[0]

    @cached_property
    def part(self) -> Synthesizer:
        """The method, built.

        Raises:
            ConfigError: an unknown method or setting, or none is named.
        """
        return build_method(self.context, self.method)

    @cached_property
    def evidence(self) -> LakeEvidence:
        """What the method reads."""
        return LakeEvidence(self.context, self.inputs)

    def compute_key(self) -> StageKey:
        """Hash the pool with its scoring, the method with its settings, the policy, the verifiers and the evidence."""
        context = self.context
        versions = [(name, context.judge.version(name)) for name in side_verifiers(context, self.inputs, "train")]
        settings = first_names("synthesize.settings", self.method, asdict(self.part))  # type: ignore[call-overload]
        how = [self.method, settings, context.config.seed]
        if (teacher := context.config.synthesize.teacher) is not None and {"teach", "teacher"} & set(self.part.needs):
            how.append(teacher.model_dump(mode="json"))
        evidence_key = [] if self.part.draws else self._stored_evidence()
        pool = (str(self.inputs.of("clean").key), self.inputs.rows_of("split"), str(self.inputs.of("score").key))
        return StageKey.of(
            content_id(
                "synthesize", *how, *pool, *self.evidence.respondent(), versions, evidence_key, *context.read_otherwise
            )
        )

    def remaining(self) -> Remaining:
        """Count the problems of the train side."""
        return Remaining(problems=len(self.evidence.ids), rows_in=len(self.evidence.ids))

    def forecast(self) -> SynthesisSummary:
        """Return what the method expects to draw; empty for one that draws nothing."""
        part: Any = self.part
        return part.forecast(self.evidence) if hasattr(part, "forecast") else SynthesisSummary({})

    def run(self) -> StageResult:
        """Make the rows and commit them, the last ones with the stage's line; a partly done synthesis has no line.

        Raises:
            ConfigError: the lake holds nothing that the method reads; the message names the command that makes it.
        """
        require_evidence(self.context, self.evidence, self.method, self.part)
        forecast = self.forecast()
        for line in forecast.lines:
            self.context.reporter.say(f"{self.method} expects: {line}")
        with closing(self.evidence):
            return self._run(forecast)

    def _run(self, forecast: SynthesisSummary) -> StageResult:
        if not self.part.draws:
            return self._make()
        self.evidence.require_policy()
        self._check_growth(float(forecast.counts.get("attempts_expected", 0)))
        with exclusive_sampling(self.context, self.evidence.ids):
            return self.finished() or self._make()

    def _check_growth(self, expected: float) -> None:
        """Refuse to draw many times what scoring drew, which nobody may have expected; a limit is consent.

        Raises:
            ConfigError: more is expected than `synthesize.max_growth` allows.
        """
        config = self.context.config.synthesize
        n_stored = sum(counts.total for counts in self.evidence.counts().values())
        if not has_limit(self.context.config.limit) and expected > config.max_growth * n_stored:
            raise ConfigError(
                f"{self.method} expects to draw {expected:,.0f} attempts where {n_stored:,} are stored; settings of "
                "the method "
                "(docs/methods.md) make it fewer, limit.tokens caps them, synthesize.max_growth = "
                f"{config.max_growth:g} "
                "may be raised"
            )

    def _make(self) -> StageResult:
        began, counts, summary = time.monotonic(), Counter[str](), SynthesisSummary({})
        rows = SynthesisRows(self.context, self.evidence, self.method, self.key.rows)
        products = self.part.synthesize(self.evidence)
        tables: dict[str, Any] = {}
        while batch := read_batch(products):
            if tables:
                self.context.append(tables)
            summary = next((item for item in batch if isinstance(item, SynthesisSummary)), summary)
            with collection_paused():
                tables = rows.tables([item for item in batch if not isinstance(item, SynthesisSummary)])
            counts.update({name: len(row_tables) for name, row_tables in tables.items()})
            self.context.heed()
        counts["unverified"] = rows.unverified
        for line in summary.lines:
            self.context.reporter.say(f"{self.method}: {line}")
        detail = {"method": self.method, **counts, **summary.counts}
        n_rows = sum(counts[name] for name in ("targets", "pairs", "step_labels", "derivations"))
        return self.context.finish(
            StageResult(
                self.name,
                self.key,
                len(self.evidence.ids),
                n_rows,
                detail,
                time.monotonic() - began,
                partly=self.evidence.unfinished,
            ),
            tables,
        )

    def _stored_evidence(self) -> list[str]:
        """Return what identifies the stored attempts and trees that the method reads."""
        respondent = self.evidence.respondent()
        attempts = self.evidence.fingerprint
        if "searched" not in self.part.needs:
            return attempts
        trees = self.context.lake.rows(TREES, [respondent[0]])[0]
        return [*attempts, str(trees["n"]), str(trees["hash"])]

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find an unknown method, a missing model, and a server that serves another one than it did."""
        for name in context.config.synthesize.methods:
            build_method(context, name)
        if context.imported is not None:
            return  # nothing is asked of a model
        _ = context.engine.policy
        remote_model.require_stored_policy(context)


def read_batch(products: Iterator[Product | SynthesisSummary]) -> list[Product | SynthesisSummary]:
    """Return the next `BATCH` products; collecting garbage among so many new objects would take as long as making them."""
    with collection_paused():
        return list(islice(products, BATCH))


def build_method(context: RunContext, name: str) -> Synthesizer:
    """Build a method of synthesis by its name, with the settings of the config.

    Raises:
        ConfigError: an unknown method or setting, or none is named.
    """
    if not name:
        raise ConfigError(
            "no method is named: run `curate synthesize CONFIG METHOD`, or list methods in synthesize.methods"
        )
    part: Synthesizer = build_part("method", name, context.config.synthesize.settings.get(name))
    return part


def require_evidence(context: RunContext, evidence: LakeEvidence, name: str, part: Synthesizer) -> None:
    """Go on unless the lake holds nothing of a kind that the method reads.

    Raises:
        ConfigError: it does not; the message names the command that makes it.
    """
    if "counts" in part.needs and not any(counts.total for counts in evidence.counts().values()):
        raise ConfigError(
            f"{name} needs pass rates, but the scores of {context.config.score.scorer!r} hold none: "
            "run `curate score CONFIG` with score.scorer = 'pass_rate' first"
        )
    if not part.draws and "attempted" in part.needs and evidence.fingerprint[0] == "0":
        raise ConfigError(
            f"{name} needs graded attempts, and the lake holds none of this policy by the current verifier: "
            "`curate score CONFIG` or `curate regrade CONFIG` first"
        )
    if "teacher" in part.needs and context.config.synthesize.teacher is None:
        raise ConfigError(
            f"{name} needs a teacher, and the config names none: add [synthesize.teacher] with model and engine, as "
            "in [policy]"
        )
    if "searched" in part.needs and next(evidence.searched(), None) is None:
        raise ConfigError(
            f"{name} needs tree searches, and the lake holds none of this policy: "
            "`curate score CONFIG` with score.scorer = 'mcts' and score.use_all_iterations = true first"
        )
