"""The page of an autopsy: its headline, and texts of a log that stay texts."""

from typing import Any

from assay.reports.autopsy import headline, render_autopsy


def report(**changes: Any) -> dict[str, Any]:
    bins = [
        {"first": s, "last": s, "dead": 5, "mixed": 3, "shaped": 0, "solved": 2, "single": 0, "unrated": 0}
        | {"reward": 0.1 * s, "right_share": 0.1, "cut_share": 0.0, "attempts": 8}
        for s in range(4)
    ]
    shares = {"without signal": 0.7, "dead": 0.5, "solved": 0.2, "mixed": 0.3}
    findings = [
        {
            "topic": "tokens",
            "finding": name,
            "share": share,
            "low": share,
            "high": share,
            "count": 1,
            "of": 2,
            "unit": "groups",
        }
        for name, share in shares.items()
    ]
    choice = {
        "topic": "choosing",
        "finding": "skip dead",
        "share": 0.4,
        "low": 0.3,
        "high": 0.5,
        "note": "no further visit",
    }
    choice |= {"signal_kept": 0.9, "signal_kept_low": 0.8, "signal_kept_high": 1.0}
    choice |= {"gain": 1.5, "gain_low": 1.2, "gain_high": 1.8}
    return {
        "log": "log.jsonl", "attempts": 8, "problems": 2, "groups": 2, "steps": 4, "tokens": 1234567, "unit": "tokens",
        "group_size": 4, "findings": [*findings, choice], "timeline": bins, "pool": {"kept": 1, "too hard": 1},
        "disputed": [], "copies": [], "benchmark_questions": [], "notes": ["right is a reward of at least 1"], **changes,
    }  # fmt: skip


def test_the_headline_names_the_waste_and_the_way_that_saves_most() -> None:
    text = headline(report())
    assert text.startswith("70% of the tokens went into groups that taught nothing: 50% had no right answer and 20%")
    assert "“skip dead” would have saved 40% of all tokens and kept 90% of the groups with signal" in text


def test_a_way_whose_gain_is_not_sure_is_not_recommended() -> None:
    data = report()
    data["findings"][-1]["gain_low"] = 0.9
    assert "skip dead" not in headline(data)


def test_the_page_holds_every_finding_and_loads_nothing() -> None:
    page = render_autopsy(report(), "curate init pool.jsonl")
    for text in ("1.50×", "1.20× to 1.80×", "1.23 M", "<svg", "curate init pool.jsonl", "Too hard"):
        assert text in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page


def test_hostile_texts_are_inert() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    case = dict.fromkeys(("question", "gold", "answer"), evil) | {
        "recorded": "wrong",
        "strict": "right",
        "lenient": "right",
    }
    data = report(
        log=evil,
        disputed=[case],
        copies=[{"kind": "exact", "copy": evil, "stays": evil}],
        benchmark_questions=[{"question": evil, "match": evil}],
        notes=[evil],
        pool={evil: 1},
    )
    data["findings"][0]["note"] = evil
    page = render_autopsy(data, evil)
    assert "<script" not in page
    assert "<img" not in page
