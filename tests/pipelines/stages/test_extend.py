"""A longer cap without paying again: the same distribution of outcomes as drawing at the long cap, and nothing twice."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from assay.api import NullReporter
from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer
from assay.engines.transformers import Transformers
from assay.pipelines.analysis.export_rollouts import export_rollouts
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_extension, run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake

Made = Callable[..., RunContext]
N, SHORT, LONG = 12, 4, 12
ANSWERS = "SELECT t.text FROM attempts r JOIN completions t USING (id) WHERE r.sampler = ?"
OUTCOMES = "SELECT problem_id, outcome, count(*) AS n FROM attempts r JOIN verdicts v ON v.rollout_id = r.id WHERE sampler = ? GROUP BY ALL"


def texts(answer: int) -> list[str]:
    """Three texts that begin alike and end right, wrong and never, and one that is right at once."""
    return [
        f"a b c d e f The answer is {answer}",
        f"a b c d g The answer is {answer + 1}",
        "a b c d e f h " + "i " * 20,
        f"The answer is {answer}",
    ]


def capped(max_tokens: int) -> dict[str, Any]:
    """What a plan changes so that its policy writes such texts, each with a probability that belongs to the problem."""
    answers = {f"What is {n} + {n % 7}?": texts(n + n % 7) for n in range(10, 50)}
    policy = {"rule": "spread", "answers": answers, "max_tokens": max_tokens, "truncated": "ignore"}
    return {"policy": policy, "score": {"n": N, "stop_early": False}}


@pytest.fixture
def drawn(context: Made) -> Made:
    """A run whose policy writes such texts of at most so many words."""
    return lambda max_tokens, **changes: context(**capped(max_tokens), **changes)


@pytest.fixture
def scored(resumed: Made, drawn: Made) -> Made:
    """Such runs on a lake that was scored at the short cap."""
    resumed("score", **capped(SHORT))
    return drawn


@pytest.fixture(scope="module")
def long_lake(kept: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That lake after its attempts were extended to the long cap."""
    short, place = kept("score", **capped(SHORT)), tmp_path_factory.mktemp("extended") / "lake"
    shutil.copytree(short.lake.root, place)
    with Lake(place) as lake, RunContext(short.config, lake, NullReporter()) as context:
        run_extension(context, LONG)
    return place


@pytest.fixture
def extended(scored: Made, long_lake: Path, tmp_path: Path) -> Made:
    """Such runs on a copy of it."""
    shutil.rmtree(tmp_path / "lake")
    shutil.copytree(long_lake, tmp_path / "lake")
    return scored


def outcomes(context: RunContext) -> Counter[str]:
    return Counter(
        {
            name: sum(
                row["n"]
                for row in context.lake.rows(OUTCOMES, [context.config.policy.sampler.id])
                if row["outcome"] == name
            )
            for name in ("correct", "wrong", "truncated")
        }
    )


def expected(context: RunContext) -> dict[str, tuple[float, float]]:
    """Mean and variance of each outcome's number at the long cap, by the script's own probabilities."""
    ids = [row["problem_id"] for row in context.lake.rows("SELECT DISTINCT problem_id FROM rollouts")]
    sums = {name: [0.0, 0.0] for name in ("correct", "wrong", "truncated")}
    for id_ in ids:
        ease = derive_seed("ease", id_) / 2**31
        other = (1 - ease) / 3
        for name, rate in (("correct", ease + other), ("wrong", other), ("truncated", other)):
            sums[name][0] += N * rate
            sums[name][1] += N * rate * (1 - rate)
    return {name: (mean, variance) for name, (mean, variance) in sums.items()}


def test_extended_attempts_have_the_outcomes_of_attempts_at_the_long_cap(scored: Made) -> None:
    short = scored(SHORT)
    known = expected(short)
    few = outcomes(short)
    assert few["wrong"] == 0, "at the short cap nothing but the shortest right answers ends"
    counts = run_extension(scored(SHORT), LONG)
    assert counts["finished"] == few["correct"]
    assert counts["continued"] == few["truncated"]
    assert (counts["left"], counts["problems"]) == (0, 32)
    long = scored(LONG)
    run_stages(long, "score")
    assert long.meter.samples == 0, "all of them count under the longer cap"
    found = outcomes(long)
    assert found.total() == 32 * N
    for name, (mean, variance) in known.items():
        assert abs(found[name] - mean) < 4 * variance**0.5, (name, found[name], mean)
    assert known["correct"][0] < 0.8 * 32 * N, "those that had ended alone would give a rate of 1"


def test_drawing_at_the_long_cap_and_extending_to_it_cannot_be_told_apart(extended: Made, kept: Made) -> None:
    long = extended(LONG)
    run_stages(long, "score")
    plain = kept("score", **capped(LONG), seed=8)
    table = [list(outcomes(each).values()) for each in (long, plain)]
    assert stats.chi2_contingency(table).pvalue > 0.001, table
    spent = plain.lake.rows("SELECT sum(tokens)::BIGINT AS n FROM costs")[0]["n"]
    assert long.lake.rows("SELECT sum(tokens)::BIGINT AS n FROM costs")[0]["n"] < spent * 1.1, (
        "beginnings are paid once"
    )


def test_old_ids_stay_and_the_old_cap_counts_as_before(scored: Made) -> None:
    short = scored(SHORT)
    run_stages(short)
    before = short.lake.rows("SELECT * FROM rollouts ORDER BY id")
    scores = short.lake.rows("SELECT * FROM scores ORDER BY id")
    run_extension(scored(SHORT), LONG)
    again = scored(SHORT)
    assert all(result.reused for result in run_stages(again))
    kept = again.lake.rows("SELECT * FROM rollouts WHERE extends IS NULL ORDER BY id")
    assert kept == before
    assert again.lake.rows("SELECT * FROM scores ORDER BY id") == scores
    rates = again.lake.rows("SELECT sampler, sum(n) AS n FROM pass_rates GROUP BY sampler")
    assert {row["n"] for row in rates} == {32 * N}, "the continued pieces are no attempts of their own"
    assert len(rates) == 2
    grown = again.lake.rows(
        "SELECT b.text AS begun, t.text AS whole, r.tokens, r.tokens_before FROM rollouts r JOIN completions t USING (id) "
        "JOIN completions b ON b.id = r.extends"
    )
    assert grown
    assert all(row["whole"].startswith(row["begun"]) and row["tokens"] > row["tokens_before"] for row in grown)


def test_what_is_left_undone_does_not_count_and_the_next_run_goes_on(scored: Made) -> None:
    limited = run_extension(scored(SHORT, limit={"tokens": 900}), LONG)
    assert limited["left"] > 0
    assert 0 < limited["problems"] < 32
    halfway = scored(LONG)
    per_problem = halfway.lake.rows(
        "SELECT problem_id, count(*) AS n FROM attempts WHERE sampler = ? GROUP BY 1",
        [halfway.config.policy.sampler.id],
    )
    assert {row["n"] for row in per_problem} == {N}, "whole problems or none: the short answers never count alone"
    assert len(per_problem) == limited["problems"]
    rest = run_extension(scored(SHORT), LONG)
    assert (rest["left"], rest["problems"]) == (0, 32)
    assert rest["continued"] == limited["left"], "nothing is paid twice"
    third = run_extension(scored(SHORT), LONG)
    assert (third["continued"], third["tokens"]) == (0, 0)


def test_a_second_extension_goes_on_from_the_first_and_further_attempts_are_drawn(extended: Made) -> None:
    counts = run_extension(extended(LONG), 40)
    assert counts["left"] == 0
    assert counts["continued"] == outcomes(extended(LONG))["truncated"] > 0
    longest = extended(40)
    run_stages(longest, "score")
    assert longest.meter.samples == 0
    assert outcomes(longest)["truncated"] == 0
    more = longest.beside(
        longest.config.model_copy(update={"score": longest.config.score.model_copy(update={"n": N + 2})})
    )
    run_stages(more, "score")
    assert more.meter.samples == 32 * 2, "sample indices that are taken are not drawn again"


def test_attempts_drawn_at_the_long_cap_stay_beside_the_extended_ones(scored: Made) -> None:
    run_stages(scored(LONG), "score")
    run_extension(scored(SHORT), LONG)
    long = scored(LONG)
    rows = long.lake.rows(
        "SELECT problem_id, count(DISTINCT sample) AS n FROM attempts WHERE sampler = ? GROUP BY 1",
        [long.config.policy.sampler.id],
    )
    assert {row["n"] for row in rows} == {2 * N}


def test_a_cap_that_is_not_longer_and_a_lake_without_attempts_are_refused(drawn: Made) -> None:
    with pytest.raises(ConfigError, match=r"--max-tokens 4 must be above policy\.max_tokens = 4"):
        run_extension(drawn(SHORT), SHORT)
    with pytest.raises(ConfigError, match="nothing to extend"):
        run_extension(drawn(SHORT), LONG)


def test_a_run_at_a_longer_cap_names_the_command_that_uses_what_is_stored(
    scored: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr("assay.api.NullReporter.warn", lambda _self, text: heard.append(text))
    run_stages(scored(LONG), "score")
    assert any("`curate extend CONFIG --set policy.max_tokens=4 --max-tokens 12`" in text for text in heard)
    heard.clear()
    hotter = scored(LONG + 1)
    policy = hotter.config.policy.model_copy(update={"temperature": 0.5})
    run_stages(hotter.beside(hotter.config.model_copy(update={"policy": policy})), "score")
    assert heard
    assert not any("curate extend" in text for text in heard), "another temperature is no longer cap"


@pytest.mark.service
def test_a_server_continues_from_the_text(context: Made, tables: dict[str, Any]) -> None:
    answers = {f"What is {n} + {n % 7}?": tuple(texts(n + n % 7)) for n in range(10, 50)}
    with closing(ModelServer(Scripted(rule="spread", answers=answers)).start()) as server:
        policy = {"model": "scripted", "engine": "openai", "urls": [server.url]}
        tables["policy"], tables["score"] = {**policy, "max_tokens": SHORT}, {"n": 4, "stop_early": False}
        run_stages(context(), "score")
        counts = run_extension(context(), LONG)
        tables["policy"]["max_tokens"] = LONG
        long = context()
        run_stages(long, "score")
    assert counts["left"] == 0
    assert counts["by_text"] == counts["continued"] > 0
    assert long.meter.samples == 0
    rows = long.lake.rows(ANSWERS.replace("t.text", "t.text, r.finish"), [long.config.policy.sampler.id])
    whole = {text for written in answers.values() for text in written}
    assert len(rows) == 32 * 4
    assert all(row["text"] in whole or row["finish"] == "length" for row in rows)


@pytest.fixture
def tiny(context: Made, sums: Path, tables: dict[str, Any]) -> Made:
    """A run of the bundled model over 12 sums of two digits."""
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in (17, 28, 39, 56) for b in (13, 24, 45)]
    sums.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables["source"] = [{"type": "files", "paths": str(sums), "verifier": "numeric"}]
    tables["split"] = {"held_out": 0}
    tables["score"] = {"n": 24, "stop_early": False}

    def make(max_tokens: int, **changes: Any) -> RunContext:
        tables["policy"] = {"model": "tiny-arithmetic", "engine": "transformers", "max_tokens": max_tokens}
        return context(**changes)

    return make


@pytest.mark.parametrize("ids_are_stored", [True, False], ids=["by token ids", "by text"])
def test_the_tiny_model_extended_answers_as_the_tiny_model_at_the_long_cap(
    tiny: Made, tables: dict[str, Any], ids_are_stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ids_are_stored:
        monkeypatch.setattr(Transformers, "keeps_tokens", False)
    run_stages(tiny(1), "score")
    counts = run_extension(tiny(1), 6)
    assert counts["left"] == 0
    assert counts["continued"] > 200, "a sum of two digits has more tokens than one"
    assert counts["by_text"] == (0 if ids_are_stored else counts["continued"])
    extended = tiny(6)
    run_stages(extended, "score")
    assert extended.meter.samples == 0
    tables["lake"] += " of the others"
    plain = tiny(6, seed=8)
    run_stages(plain, "score")
    pair = (extended, plain)
    table = [[outcomes(each)[name] + 1 for name in ("correct", "wrong", "truncated")] for each in pair]
    assert stats.chi2_contingency(table).pvalue > 0.001, table
    said = [Counter(row["text"] for row in each.lake.rows(ANSWERS, [each.config.policy.sampler.id])) for each in pair]
    common = [text for text, n in (said[0] + said[1]).most_common(25) if n >= 8]
    assert len(common) > 5
    assert stats.chi2_contingency([[each[text] for text in common] for each in said]).pvalue > 0.001


def test_synthesis_and_exports_see_the_attempts_that_count_under_the_longer_cap(extended: Made, tmp_path: Path) -> None:
    long = extended(LONG, synthesize={"settings": {"s3ft": {"paraphrases": 0}}})
    run_stages(long, "score")
    rows = long.lake.rows(OUTCOMES, [long.sampler.id])
    solved = len({row["problem_id"] for row in rows if row["outcome"] == "correct"})
    assert run_synthesis(long, "s3ft")[0].detail["own"] == solved > 0
    assert long.meter.samples == 0
    written = export_rollouts(long, "jsonl", tmp_path / "out")
    assert written["rollouts"] == written["judged"] == 32 * N
    assert written["outcomes"] == dict(outcomes(long))
