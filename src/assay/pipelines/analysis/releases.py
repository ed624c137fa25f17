"""Releases: what a config's pool, labels, rates and selection are now, kept under a name; and what changed between two.

A release is a row of `tags` and a row of `tag_rows` per problem. Nothing edits them: a second tag of the name is
refused unless it says the same, compaction carries them, and `curate lake delete` refuses rows that one holds.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import canonical_json, content_id
from assay.maths.beta.compare_rates import chance_above
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems, side_ids
from assay.pipelines.data.scores import current_scores
from assay.pipelines.runner.stages import done_stages
from assay.stores.commits.lease import lease
from assay.stores.lake import Lake

SURE = 0.95  # a rate has moved where it is above, or below, the other with at least this chance
SHOWN = 10  # problems per kind of change
SELECTED = "SELECT problem_id, kept, weight, reason FROM selections WHERE selection_id = ?"
MEASURED = ("verifier", "policy", "n_correct", "n_wrong", "n_truncated", "n_error", "beta_a", "beta_b", "value")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """A tagged or a present state.

    Attributes:
        name: the tag, or the config.
        header: its row of `tags`, without id and run.
        rows: its rows of `tag_rows`, without id, tag and run, by problem.
        labels: answers by label.
    """

    name: str
    header: Row
    rows: Mapping[str, Row]
    labels: Mapping[str, str]


def tag_release(context: RunContext, name: str, *, note: str = "") -> dict[str, Any]:
    """Keep the present state of a config under a name.

    Args:
        context: the run; its stages up to `select` are done.
        name: of the release.
        note: what it is for.

    Returns:
        {tag, content, problems, kept, is_new: whether it was not there before}.

    Raises:
        ConfigError: no name, a stage is not done, another process tags, or the name is another release's.
    """
    if not name or name != name.strip() or name.endswith(".toml"):
        raise ConfigError(f"{name!r} cannot name a release: use one word that is not the name of a config file")
    release = present_release(context, name)
    header = {**release.header, "note": note, "time": time.time()}
    with lease(context.lake.storage, "tag", limit_s=600) as mine:
        if not mine:
            raise ConfigError("another process is tagging this lake right now; try again")
        before = context.lake.rows("SELECT content FROM tags WHERE tag = ?", [name])
        if before and before[0]["content"] != header["content"]:
            raise ConfigError(
                f"{name!r} already names a release with other content, and releases never change; choose another name "
                f"(`curate diff {name} CONFIG` says what changed since)"
            )
        if not before:
            rows = [{"id": content_id("tag row", name, row), "tag": name, **row} for row in release.rows.values()]
            tag = {"id": content_id("tag", name, header["content"]), **header}
            context.lake.append({"tag_rows": rows, "tags": [tag]}, run=context.run)
    return {
        "tag": name,
        "content": header["content"],
        "problems": header["problems"],
        "kept": header["kept"],
        "is_new": not before,
    }


def present_release(context: RunContext, name: str) -> Release:
    """Return the present state of a config as a release that is not stored.

    Raises:
        ConfigError: a stage up to `select` is not done.
    """
    results = done_stages(context, "select", "a release")
    problems, labels = read_cleaned_problems(context, results)
    train, held_out = (set(side_ids(context, results, side)) for side in ("train", "held_out"))
    scoring, selection = results.rows_of("score"), results.rows_of("select")
    scores = {row["problem_id"]: row for row in current_scores(context, scoring)}
    selection_rows = {row["problem_id"]: row for row in context.lake.rows(SELECTED, [selection])}
    rows = {
        id_: {
            "problem_id": id_,
            "label_id": labels[id_].id,
            "side": "train" if id_ in train else "held_out" if id_ in held_out else "",
            **{column: scores[id_][column] if id_ in scores else None for column in MEASURED},
            "kept": bool(selection_rows[id_]["kept"]) if id_ in selection_rows else False,
            "weight": selection_rows[id_]["weight"] if id_ in selection_rows else 0.0,
            "reason": selection_rows[id_]["reason"] if id_ in selection_rows else "",
        }
        for id_ in sorted(problems)
    }
    header = {
        "tag": name,
        "content": content_id("release", list(rows.values())),
        "config": canonical_json(context.config.model_dump(mode="json")),
        "policy": context.policy.revision,
        "policy_name": context.policy.name,
        "sampler": context.sampler.id,
        "scoring_id": scoring,
        "selection_id": selection,
        "problems": len(rows),
        "kept": sum(row["kept"] is True for row in rows.values()),
    }
    return Release(name, header, rows, {label.id: label.answer for label in labels.values()})


def stored_release(lake: Lake, name: str) -> Release:
    """Read a release.

    Raises:
        ConfigError: there is none of this name; the message has similar ones.
    """
    headers = lake.rows("SELECT * FROM tags WHERE tag = ?", [name])
    if not headers:
        tags = [row["tag"] for row in lake.rows("SELECT tag FROM tags ORDER BY time")]
        raise ConfigError(f"no release here is called {name!r}; {suggest_names(name, tags)}")
    rows = lake.rows("SELECT * EXCLUDE (id, tag, run) FROM tag_rows WHERE tag = ? ORDER BY problem_id", [name])
    answers = lake.rows(
        "SELECT id, answer FROM labels WHERE id IN (SELECT label_id FROM tag_rows WHERE tag = ?)", [name]
    )
    return Release(name, headers[0], {row["problem_id"]: row for row in rows}, {a["id"]: a["answer"] for a in answers})


def compare_releases(before: Release, after: Release) -> dict[str, Any]:
    """Return what changed from one release to another.

    Returns:
        {a, b, policy: [before, after]; problems, labels, verifiers, rates, selection: counts and examples}. A rate has
        moved where the posteriors leave less than 5% for the opposite; releases that share attempts are alike, which
        makes this careful.
    """
    common = sorted(before.rows.keys() & after.rows.keys())
    added_ids, removed_ids = (
        sorted(after.rows.keys() - before.rows.keys()),
        sorted(before.rows.keys() - after.rows.keys()),
    )
    relabelled = [id_ for id_ in common if before.rows[id_]["label_id"] != after.rows[id_]["label_id"]]
    verifiers: dict[tuple[str, str], int] = {}
    for id_ in common:
        pair = (before.rows[id_]["verifier"] or "", after.rows[id_]["verifier"] or "")
        if pair[0] != pair[1]:
            verifiers[pair] = verifiers.get(pair, 0) + 1
    return {
        "a": before.name,
        "b": after.name,
        "policy": [before.header["policy"], after.header["policy"]],
        "problems": {
            "a": len(before.rows),
            "b": len(after.rows),
            "added": len(added_ids),
            "removed": len(removed_ids),
            "examples": {"added": added_ids[:SHOWN], "removed": removed_ids[:SHOWN]},
        },
        "labels": {
            "changed": len(relabelled),
            "examples": [
                {
                    "problem_id": id_,
                    "a": before.labels.get(before.rows[id_]["label_id"], ""),
                    "b": after.labels.get(after.rows[id_]["label_id"], ""),
                }
                for id_ in relabelled[:SHOWN]
            ],
        },
        "verifiers": [{"a": a, "b": b, "problems": n} for (a, b), n in sorted(verifiers.items())],
        "rates": _compare_rates(before, after, common),
        "selection": _compare_selections(before, after),
    }


def _compare_rates(before: Release, after: Release, common: Sequence[str]) -> dict[str, Any]:
    """Return how many rates moved, which most surely, and the mean change."""
    scored_ids = [id_ for id_ in common if _has_posterior(before.rows[id_]) and _has_posterior(after.rows[id_])]
    if not scored_ids:
        return {"compared": 0, "changed": 0, "up": 0, "down": 0, "mean_change": None, "examples": []}
    a, b, new_a, new_b = (
        np.array([release.rows[id_][column] for id_ in scored_ids], dtype=float)
        for release in (before, after)
        for column in ("beta_a", "beta_b")
    )
    is_changed = (a != new_a) | (b != new_b)
    chance = np.where(is_changed, chance_above(new_a, new_b, a, b), 0.5)
    old, new = a / (a + b), new_a / (new_a + new_b)
    order = np.argsort(-np.abs(chance - 0.5), kind="stable")[:SHOWN]
    return {
        "compared": len(scored_ids),
        "changed": int(is_changed.sum()),
        "up": int((chance >= SURE).sum()),
        "down": int((chance <= 1 - SURE).sum()),
        "mean_change": float((new - old).mean()),
        "examples": [
            {"problem_id": scored_ids[row], "a": float(old[row]), "b": float(new[row]), "chance_up": float(chance[row])}
            for row in order
            if is_changed[row]
        ],
    }


def _has_posterior(row: Row) -> bool:
    return row["beta_a"] is not None and row["beta_b"] is not None


def _compare_selections(before: Release, after: Release) -> dict[str, Any]:
    """Return what entered and left the selection, and why what left is out."""
    old, new = ({id_ for id_, row in release.rows.items() if row["kept"]} for release in (before, after))
    entered_ids, left_ids, reasons = sorted(new - old), sorted(old - new), dict[str, int]()
    for id_ in left_ids:
        reason = after.rows[id_]["reason"] if id_ in after.rows else "not in the pool"
        reasons[reason] = reasons.get(reason, 0) + 1
    return {
        "a": len(old),
        "b": len(new),
        "entered": len(entered_ids),
        "left": len(left_ids),
        "reasons": reasons,
        "reweighted": sum(before.rows[id_]["weight"] != after.rows[id_]["weight"] for id_ in old & new),
        "examples": {"entered": entered_ids[:SHOWN], "left": left_ids[:SHOWN]},
    }
