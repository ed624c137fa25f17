"""The problems that a reader should look at: disputed, truncated, failed, never solved, and some chosen ones."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex
from assay.viewer.problem import picture_file, problem_page

SHOWN = 20
ATTEMPTS = 6  # of one problem
TEXT, QUESTION = 1_500, 4_000  # characters of an attempt, of its thinking and of a question that the page holds
PICTURE, PICTURES = 200_000, 1_500_000  # bytes of one picture, and of all pictures, that the page holds
ALL = "n_correct + n_wrong + n_truncated + n_error"
# why, its colour, which problems, the most telling first, at most so many
GROUPS = (
    ("right only leniently", "truncated", "disputed", "n_wrong DESC", 4),
    ("attempts without a verdict", "error", "n_error > 0", f"n_error / ({ALL}) DESC", 2),
    ("truncated attempts", "truncated", "n_truncated > 0", f"n_truncated / ({ALL}) DESC", 4),
    ("never solved, none truncated", "wrong", "outcome = 'none right' AND n_truncated = 0", "n_wrong DESC", 3),
    ("selected, right and wrong", "correct", "kept AND rate > 0 AND rate < 1", "abs(rate - 0.5)", 5),
    ("first in the curriculum", "correct", "place IS NOT NULL", "place", 2),
    ("always solved", "mixed", "outcome = 'all right'", "n_correct DESC", 2),
    ("attempted", "", "n_correct IS NOT NULL", "hash(id)", SHOWN),
)


def telling_problems(pool: PoolIndex) -> list[dict[str, Any]]:
    """Choose the problems, the gravest reasons first; each stands under its first reason.

    Args:
        pool: the problems.

    Returns:
        At most 20 rows of the pool, with `why` and `kind` (a colour).
    """
    problems: dict[str, dict[str, Any]] = {}
    for why, kind, condition, order, most in GROUPS:
        rows = pool.rows(
            f"SELECT id, question, n_correct, n_wrong, n_truncated, n_error, value, low, high FROM pool "
            f"WHERE ({condition}) AND NOT list_contains($1::VARCHAR[], id) ORDER BY {order}, id LIMIT $2",
            [list(problems), min(most, SHOWN - len(problems))],
        )
        problems |= {row["id"]: {**row, "why": why, "kind": kind} for row in rows}
    return list(problems.values())


def shown_problem(reader: LakeReader, keys: ViewKeys, problem: str) -> dict[str, Any]:
    """Collect a problem as its page in the viewer does, with some attempts and the beginning of each text.

    Args:
        reader: the lake.
        keys: which rows of it count.
        problem: the id.
    """
    page = problem_page(reader, keys, problem)
    page["problem"]["messages"] = [
        {**turn, "content": (turn["content"] or "")[:QUESTION]} for turn in page["problem"]["messages"]
    ]
    page["problem"]["metadata"] = str(page["problem"]["metadata"] or "")[:QUESTION]
    page["attempts"] = [
        {**attempt, **{part: attempt[part][:TEXT] for part in ("thinking", "answer")}}
        for attempt in _various(page["attempts"])
    ]
    return page


def shown_pictures(reader: LakeReader, pictures: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the pictures that a page has room for as data addresses, by their hashes.

    Args:
        reader: the lake.
        pictures: what `problem_page` says of each, in the order of the page.
    """
    addresses: dict[str, str] = {}
    room = PICTURES
    for picture in pictures:
        name, size = picture["id"], picture.get("size") or 0
        if name in addresses or not 0 < size <= min(PICTURE, room):
            continue
        kind, data = picture_file(reader, name)
        addresses[name] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        room -= size
    return addresses


def _various(attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return some attempts in their order: of the config's policy where it has any, and one of every outcome."""
    own = [attempt for attempt in attempts if attempt["mine"]] or attempts
    outcomes = [next((verdict["outcome"] for verdict in attempt["verdicts"]), "") for attempt in own]
    firsts = {outcomes.index(outcome) for outcome in outcomes}
    rest = [place for place in range(len(own)) if place not in firsts]
    places = sorted([*firsts, *rest[: max(0, ATTEMPTS - len(firsts))]])
    return [own[place] for place in places]
