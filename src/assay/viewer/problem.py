"""One problem with everything that the lake holds of it, and its attempts side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import ConfigError
from assay.core.pictures import media_type
from assay.stores.reader import LakeReader
from assay.verifiers.answers.thinking import strip_thinking
from assay.viewer.keys import ViewKeys

SHOWN = 20_000  # characters of a text that are sent at first; the rest is sent when somebody asks for it
MOST = 2_000_000  # characters of a text that are ever sent
ATTEMPTS = 64  # of one page
NEIGHBOURS = 6
WHY = {  # what a selector's reason says, for who does not know the names
    "": "others came first within the budget",
    "budget": "others came first within the budget",
    "over_budget": "others came first within the budget",
    "not_chosen": "as eligible as the chosen ones, but others were taken",
    "always_solved": "every attempt is right, so its groups would teach nothing",
    "never_solved": "no attempt is right, so its groups would teach nothing",
    "too_easy": "almost every attempt would be right",
    "too_hard": "almost no attempt would be right",
    "ungraded": "no attempt could be judged",
}
PROBLEM = """
SELECT id, source, metadata, media, characters,
       list_transform(messages, lambda m: struct_pack(role := m.role, content := left(m.content, ?))) AS messages
FROM problems WHERE id = ?
"""
PICTURES = """
SELECT sha256 AS id, any_value(media_type) AS media_type, any_value(width) AS width, any_value(height) AS height, any_value(size) AS size
FROM pictures WHERE sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY sha256
"""
PICTURE = "SELECT data FROM pictures WHERE sha256 = ? LIMIT 1"
LABELS = "SELECT id, left(answer, 4000) AS answer, verifier, origin FROM labels WHERE problem_id = ? ORDER BY id"
WHOLE = """
SELECT r.id, r.policy, r.policy_name, r.sampler, r.sample, r.tokens, r.prompt_tokens, r.finish, r.step, r.advantage, r.guided, r.extended
FROM attempts r WHERE r.problem_id = ?
ORDER BY r.step NULLS FIRST, r.policy <> ?, r.policy, r.sampler, r.sample LIMIT ? OFFSET ?
"""
VERDICTS = """
SELECT rollout_id, verifier, version, outcome, lenient, reward, left(extracted, 500) AS extracted, left(reason, 500) AS reason
FROM verdicts WHERE rollout_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY rollout_id, version DESC, verifier
"""
TEXTS = "SELECT id, left(text, ?) AS text, length(text) AS characters FROM completions WHERE id IN (SELECT unnest(?::VARCHAR[]))"
HISTORY = {
    "drops": "SELECT stage, reason, left(detail, 500) AS detail, source FROM drops WHERE problem_id = ? ORDER BY stage, reason",
    "notes": "SELECT stage, reason, left(detail, 500) AS detail, source FROM notes WHERE problem_id = ? ORDER BY stage, reason",
    "splits": "SELECT split, side FROM splits WHERE problem_id = ? ORDER BY split",
    "scores": (
        "SELECT scoring_id, scorer, policy, value, low, high, n_correct, n_wrong, n_truncated, n_error, disputed "
        "FROM current_scores WHERE problem_id = ? ORDER BY scoring_id"
    ),
    "selections": "SELECT selection_id, kept, weight, reason FROM selections WHERE problem_id = ? ORDER BY kept DESC, selection_id",
    "clusters": "SELECT clustering_id, cluster, similarity FROM clusters WHERE problem_id = ? ORDER BY clustering_id",
    "curriculum": "SELECT curriculum_id, lesson, position, passes FROM curriculum WHERE problem_id = ? ORDER BY curriculum_id, lesson, position",
}
NEAR = """
SELECT p.id, left(p.messages[-1].content, 160) AS question, c.similarity
FROM (SELECT problem_id, similarity FROM clusters WHERE clustering_id = $1 AND cluster = $2 AND problem_id <> $3
      ORDER BY similarity DESC, problem_id LIMIT 6) c JOIN problems p ON p.id = c.problem_id ORDER BY c.similarity DESC, p.id
"""


def problem_page(reader: LakeReader, keys: ViewKeys, problem: str, *, offset: int = 0) -> dict[str, Any]:
    """Collect one problem, why it is where it is, and a page of its attempts.

    Args:
        reader: the lake.
        keys: which rows of it count; the attempts of its policy come first.
        problem: the id.
        offset: of the first attempt of the page.

    Raises:
        ConfigError: no problem has this id.
    """
    row = reader.one(PROBLEM, [SHOWN, problem])
    if not row:
        raise ConfigError(f"no problem {problem[:40]!r} in this lake")
    history = {name: reader.rows(query, [problem]) for name, query in HISTORY.items()}
    total = reader.one("SELECT count(*) AS n FROM attempts WHERE problem_id = ?", [problem])["n"]
    cluster = next((entry for entry in history["clusters"] if entry["clustering_id"] == keys.clustering), None)
    return {
        "problem": row,
        "pictures": _pictures(reader, row["media"] or []),
        "labels": reader.rows(LABELS, [problem]),
        "why": explain(history, keys),
        "history": history,
        "attempts": _attempts(reader, keys, problem, offset),
        "total": total,
        "offset": offset,
        "near": reader.rows(NEAR, [keys.clustering, cluster["cluster"], problem]) if cluster else [],
    }


def picture_file(reader: LakeReader, name: str) -> tuple[str, bytes]:
    """Return a picture's media type, told by its bytes alone, and its bytes.

    Args:
        reader: the lake.
        name: SHA-256 of the bytes.

    Raises:
        ConfigError: there is no such picture, or its bytes are those of none.
    """
    pictures = reader.table(PICTURE, [name])["data"].to_pylist()
    if not pictures:
        raise ConfigError(f"no picture {name[:64]!r} in this lake")
    if not (kind := media_type(pictures[0])):
        raise ConfigError(f"{name[:12]} is not a picture: its bytes are not PNG, JPEG, GIF or WebP")
    return kind, pictures[0]


def _pictures(reader: LakeReader, media: Sequence[str]) -> list[dict[str, Any]]:
    """Return what is known of each picture, in the problem's order; one that the lake lacks has no media type."""
    rows = {row["id"]: row for row in reader.rows(PICTURES, [sorted(set(media))])} if media else {}
    return [rows.get(name, {"id": name, "media_type": ""}) for name in media]


def explain(history: Mapping[str, list[dict[str, Any]]], keys: ViewKeys) -> dict[str, str]:
    """Say in one sentence why a problem was kept or dropped.

    Args:
        history: the problem's rows by table.
        keys: which selection, curriculum and cleaning count.

    Returns:
        {state: kept, dropped, passed over, held out or undecided; text: the sentence}.
    """
    if drop := next(iter(history["drops"]), None):
        detail = f" ({drop['detail']})" if drop["detail"] else ""
        return {"state": "dropped", "text": f"Dropped in {drop['stage']}: {drop['reason']}{detail}."}
    if any(row["side"] == "held_out" and row["split"] == keys.split for row in history["splits"]):
        return {
            "state": "held out",
            "text": "Held out for evaluation before any score existed: never attempted, never trained on.",
        }
    choice = next((row for row in history["selections"] if row["selection_id"] == keys.selection), None)
    if choice is None:
        return {"state": "undecided", "text": "In the pool; no selection has looked at it."}
    if not choice["kept"]:
        reason = str(choice["reason"] or "")
        text = f"{WHY[reason]} ({reason or 'budget'})" if reason in WHY else reason
        return {"state": "passed over", "text": f"Not selected: {text}."}
    place = next((row for row in history["curriculum"] if row["curriculum_id"] == keys.curriculum), None)
    where = f"; place {place['position'] + 1} of lesson {place['lesson'] + 1} in the curriculum" if place else ""
    return {"state": "selected", "text": f"Selected with weight {float(choice['weight']):g}{where}."}


def whole_text(reader: LakeReader, rollout: str) -> dict[str, Any]:
    """Return the whole text of an attempt, split at its thinking.

    Raises:
        ConfigError: there is no such attempt.
    """
    row = reader.one(TEXTS, [MOST, [rollout]])
    if not row:
        raise ConfigError(f"no attempt {rollout[:40]!r} in this lake")
    return {"characters": row["characters"], **split_thinking(row["text"])}


def whole_problem(reader: LakeReader, problem: str) -> dict[str, Any]:
    """Return the whole messages of a problem.

    Raises:
        ConfigError: no problem has this id.
    """
    row = reader.one(PROBLEM, [MOST, problem])
    if not row:
        raise ConfigError(f"no problem {problem[:40]!r} in this lake")
    return {"messages": row["messages"]}


def split_thinking(text: str) -> dict[str, str]:
    """Split a completion into what was thought and what was answered.

    >>> split_thinking("<think>5? no, 6</think> It is 6.")
    {'thinking': '<think>5? no, 6</think>', 'answer': ' It is 6.'}
    >>> split_thinking("It is 6.")
    {'thinking': '', 'answer': 'It is 6.'}
    """
    answer, is_open = strip_thinking(text)
    if is_open and answer == text:
        return {"thinking": text, "answer": ""}
    if text.endswith(answer):
        return {"thinking": text[: len(text) - len(answer)], "answer": answer}
    return {"thinking": text[len(answer) :], "answer": answer}  # an open thought behind an answer


def _attempts(reader: LakeReader, keys: ViewKeys, problem: str, offset: int) -> list[dict[str, Any]]:
    rows = reader.rows(WHOLE, [problem, keys.policy, ATTEMPTS, max(0, offset)])
    ids = [row["id"] for row in rows]
    texts = {row["id"]: row for row in reader.rows(TEXTS, [SHOWN, ids])} if ids else {}
    verdicts: dict[str, list[dict[str, Any]]] = {}
    for verdict in reader.rows(VERDICTS, [ids]) if ids else ():
        verdicts.setdefault(verdict.pop("rollout_id"), []).append(verdict)
    return [
        {
            **row,
            "mine": row["policy"] == keys.policy and row["step"] is None,
            "verdicts": verdicts.get(row["id"], []),
            "characters": texts.get(row["id"], {}).get("characters"),
            **split_thinking(texts.get(row["id"], {}).get("text") or ""),
        }
        for row in rows
    ]
