"""The contracts of sources, engines and verifiers: where problems, completions and verdicts come from."""

from collections.abc import Sequence

from assay.core.ports import Engine, Source, Verifier
from assay.core.types import (
    Drop,
    Finish,
    GradingCase,
    Label,
    Policy,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    Verdict,
)
from assay.testing.rules import require

HOSTILE = ("\x00", "\ud800", "\\boxed{", "\\boxed{}", "####", "The answer is", "$$", "1/0", "\\frac{1}{0}", "{" * 3000)


def check_source(part: Source) -> None:
    """Check a source: every row is one problem with its label or one drop with its place, and equal when read twice.

    Args:
        part: the source; it is read twice, so name a small one.

    Raises:
        AssertionError: the first rule that it breaks.
    """
    require(isinstance(part, Source), "a source has read and fingerprint")
    require(part.fingerprint() == part.fingerprint() != "", "a fingerprint is stable and not empty")
    rows = list(part.read())
    require(rows == list(part.read()), "a source reads the same twice")
    for row in rows:
        if isinstance(row, Drop):
            require(
                row.stage == "ingest" and row.reason.isidentifier(),
                "a drop is of the stage ingest, for a reason of one word",
            )
            require(row.line > 0, "a drop names the row that it was, counted from 1")
        else:
            problem, label = row
            require(isinstance(problem, Problem) and isinstance(label, Label), "a row is a problem with its label")
            require(label.problem_id == problem.id, "a label belongs to its problem")
            require(label.answer.strip(), "a label's answer is not blank")


def check_engine(part: Engine, requests: Sequence[Request]) -> None:
    """Check an engine: rollouts in the order of the requests, with the ids, seeds and prompt tokens of the contract.

    Args:
        part: the engine; it stays open.
        requests: at least two requests that it can answer, each with at least two samples.

    Raises:
        AssertionError: the first rule that it breaks.
        ValueError: fewer than two requests.
    """
    if len(requests) < 2:
        raise ValueError(f"{len(requests)} requests; a check of their order needs two")
    require(isinstance(part, Engine), "an engine has policy, generate, count_tokens, show and close")
    require(part.policy.name and len(part.policy.revision) == 16, "a policy has a name and a revision of 16 digits")
    require(int(part.policy.revision, 16) >= 0, "a revision is hexadecimal")
    groups = list(part.generate(requests))
    require(len(groups) == len(requests), "one tuple of rollouts per request")
    for request, group in zip(requests, groups, strict=True):
        _check_group(part, request, group)
    require(list(part.generate([])) == [], "no requests cost nothing")
    stream = part.generate(requests)
    require(next(stream)[0].problem_id == requests[0].problem_id, "the first request is answered first")
    close = getattr(stream, "close", None)
    require(close is not None, "generate returns a generator, so that a caller may abandon it")
    stream.close()  # type: ignore[attr-defined]
    require(
        [rollout.id for rollout in next(iter(part.generate(requests[:1])))] == [rollout.id for rollout in groups[0]],
        "it runs again",
    )


def _check_group(part: Engine, request: Request, group: Sequence[Rollout]) -> None:
    revision = part.policy.revision
    require([rollout.sample for rollout in group] == list(request.samples), "one rollout per sample, in their order")
    require(part.show(request).strip(), "show returns the prompt")
    for rollout in group:
        require(rollout.problem_id == request.problem_id, "a rollout belongs to its request's problem")
        require(rollout.id == request.key(revision, rollout.sample), "a rollout's id is request.key(revision, sample)")
        require(rollout.seed == request.seed_of(rollout.sample), "a rollout's seed is request.seed_of(sample)")
        require((rollout.policy, rollout.policy_name) == (revision, part.policy.name), "a rollout names its policy")
        require(rollout.sampler == request.sampler.id, "a rollout names its sampling config")
        require(0 <= rollout.tokens <= request.sampler.max_tokens, "a rollout has at most max_tokens tokens")
        require(rollout.prompt_tokens == part.count_tokens(request) > 0, "count_tokens is what generation counts")


def check_verifier(
    part: Verifier,
    *,
    name: str,
    gold: str,
    right: str,
    wrong: str,
    unparsable: str = "",
    metadata: dict[str, object] | None = None,
) -> None:
    """Check a verifier on your examples and on hostile text: outcomes, rewards and the ids on its verdicts.

    Args:
        part: the verifier; it is called in this process.
        name: its name in the config, which its verdicts carry.
        gold: an answer as a label holds it.
        right: a completion whose final answer is the gold answer.
        wrong: a completion with another final answer.
        unparsable: a completion without an answer; "" where every text is one.
        metadata: the problem's metadata, where the verifier reads it.

    Raises:
        AssertionError: the first rule that it breaks.
    """
    require(isinstance(part, Verifier) and part.version, "a verifier has a version, judge and reads")

    def judge(text: str, finish: Finish = "stop") -> Verdict:
        case = _build_case(name, gold, text, finish, metadata)
        verdict = part.judge(case)
        require(
            (verdict.rollout_id, verdict.label_id) == (case.rollout.id, case.label.id),
            "a verdict names its rollout and label",
        )
        require((verdict.verifier, verdict.version) == (name, part.version), "a verdict names its verifier and version")
        return verdict

    label = _build_case(name, gold, "", "stop", metadata).label
    require(part.reads(label), "the gold answer can be read")
    require(not part.reads(Label.of(label.problem_id, " ", verifier=name)), "a blank gold answer cannot be read")
    _require_outcome(judge(right), "correct", 1.0)
    _require_outcome(judge(wrong), "wrong", 0.0)
    require(
        judge(wrong).reason and judge(wrong).extracted, "a wrong verdict says what was extracted and why it is wrong"
    )
    _require_outcome(judge(right, "length"), "correct", 1.0)
    _require_outcome(judge(wrong, "length"), "truncated", 0.0)
    _require_outcome(judge(right, "error"), "verifier_error", 0.0)
    for text in ("", " \n\t", *([unparsable] if unparsable else [])):
        _require_outcome(judge(text), "unparsable", 0.0)
        require(judge(text).reason, "an unparsable verdict has a reason")
    for text in HOSTILE:
        verdict = judge(text)
        (verdict.extracted + verdict.reason).encode("utf-8")  # can be stored
        require(len(verdict.extracted) <= 500, "a verdict keeps at most 500 characters of an answer")


def _require_outcome(verdict: Verdict, outcome: str, reward: float) -> None:
    actual = (verdict.outcome, verdict.reward)
    require(actual == (outcome, reward), f"expected {outcome} with reward {reward}, found {actual}: {verdict.reason}")


def _build_case(name: str, gold: str, text: str, finish: Finish, metadata: dict[str, object] | None) -> GradingCase:
    problem = Problem.of("How many?", metadata=metadata)
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    policy = Policy("scripted", "0" * 16)
    rollout = Rollout.of(request, 0, policy=policy, engine="scripted", text=text, tokens=1, finish=finish)
    return GradingCase(problem, Label.of(problem.id, gold, verifier=name), rollout)
