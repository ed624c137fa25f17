"""Imported rollouts as the evidence of a config (`score.evidence`): whose they are, and which verdicts count."""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.config import Config
from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import content_id
from assay.core.types import ForeignSampling, Label, Policy
from assay.stores.lake import Lake

DRAWN, IMPORTED = "drawn", "imported"
FOREIGN = """
SELECT r.policy, any_value(r.policy_name) AS name, r.sampler, count(*) AS n
FROM rollouts r JOIN sampling_configs s ON s.id = r.sampler
WHERE json_extract_string(s.settings, '$.tool') IS NOT NULL AND NOT r.guided
GROUP BY r.policy, r.sampler ORDER BY n DESC, r.policy, r.sampler
"""
JUDGED = """
SELECT DISTINCT judge AS verifier FROM judged_attempts('strict')
WHERE policy = ? AND sampler = ? AND starts_with(judge, 'imported:') ORDER BY verifier
"""
GRADED_BY = """
SELECT DISTINCT l.id, l.problem_id, l.answer FROM judged_attempts('strict') r JOIN labels l ON l.id = r.label_id
WHERE r.policy = ? AND r.sampler = ? AND starts_with(r.judge, 'imported:') ORDER BY l.id
"""
CONTENT = "SELECT id FROM rollouts WHERE policy = ? AND sampler = ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class ImportedEvidence:
    """The imported attempts of one policy.

    Attributes:
        policy: whose they are.
        sampling: under which id they are stored; how they were sampled is not known.
        verifier: `name@version` of the verdicts that came with them; "" = they are judged by the labels' own verifiers.
        content: hash of the attempts, so that scores are made anew after a further import.
    """

    policy: Policy
    sampling: ForeignSampling
    verifier: str
    content: str


def list_imported_verifiers(lake: Lake, policy: str, sampler: str) -> list[str]:
    """Return `name@version` of the verdicts that came with a policy's attempts; [] where none were imported."""
    return [row["verifier"] for row in lake.rows(JUDGED, [policy, sampler])]


def match_imported_labels(
    lake: Lake, policy: str, sampler: str, labels: Mapping[str, Label]
) -> tuple[list[str], set[str]]:
    """Find which imported verdicts are still of the present golds.

    A label that only its verifier or its origin tells from the present one has the same gold, and its verdict counts.

    Args:
        lake: with the verdicts.
        policy: revision of the policy whose attempts were imported.
        sampler: id under which they are stored.
        labels: the present label of each problem.

    Returns:
        The ids of the labels of verdicts that count, and the problems whose gold was corrected since.
    """
    rows = [row for row in lake.rows(GRADED_BY, [policy, sampler]) if row["problem_id"] in labels]
    same = {row["id"]: row["problem_id"] for row in rows if row["answer"] == labels[row["problem_id"]].answer}
    return sorted(same), {row["problem_id"] for row in rows} - set(same.values())


def find_imported(lake: Lake, config: Config) -> ImportedEvidence:
    """Find the imported attempts that a config names; of several imports of one policy, the largest.

    Raises:
        ConfigError: no attempts of such a policy were imported; the message names those that were.
    """
    name = config.policy.model if config.score.evidence == IMPORTED else config.score.evidence
    rows = lake.rows(FOREIGN)
    own = [row for row in rows if name in (row["policy"], row["name"])]
    if not own:
        names = sorted({row["policy"] for row in rows})
        raise ConfigError(
            f"score.evidence = {config.score.evidence!r}: no attempts of a policy {name!r} are imported; "
            + (suggest_names(name, names) if names else "import some with `curate import rollouts FILE CONFIG`")
        )
    first = own[0]
    key = [first["policy"], first["sampler"]]
    verifiers = list_imported_verifiers(lake, first["policy"], first["sampler"])
    ids = lake.query(CONTENT, key)["id"].to_pylist()
    return ImportedEvidence(
        Policy(first["name"], first["policy"]),
        ForeignSampling(max_tokens=config.policy.max_tokens, key=first["sampler"]),
        verifiers[0] if verifiers else "",
        content_id("imported", ids),
    )
