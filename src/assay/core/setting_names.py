"""Names that settings had before: configs of old are rewritten, and lakes hash settings under their first names.

A setting is renamed by a line in `RENAMES`. Everything follows it: an old key is answered with its new name, `curate
upgrade` rewrites a config, configs that a lake holds are read, and stage keys stay as they were.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Rename:
    """A key that has another name now.

    Attributes:
        old: its first name.
        new: its present name.
        parts: under which it is a setting of the part; none = it is a key of the table itself.
        values: present values by former ones, where these have changed as well.
    """

    old: str
    new: str
    parts: tuple[str, ...] = ()
    values: Mapping[Any, Any] = field(default_factory=dict)


TABLES: dict[str, str] = {"arrange": "order"}  # present names by former ones
PART_KEYS = {  # the key that names the part of a table whose other keys are the part's settings, and its default
    "source": ("type", ""),
    "policy": ("engine", "llamacpp"),
    "score": ("scorer", "pass_rate"),
    "select": ("selector", "frontier"),
    "order": ("curriculum", "easy_to_hard"),
    "train.teacher": ("engine", ""),
}
KINDS = {  # of parts: their tables
    "source": "source",
    "filter": "clean.settings",
    "scorer": "score",
    "method": "synthesize.settings",
    "selector": "select",
    "curriculum": "order",
}
BY_NAME = ("clean.settings", "synthesize.settings")  # tables whose keys name parts
ROWS = ("files", "hub")  # sources that read tables
SCHEDULE = (  # of every training
    Rename("warmup", "warmup_steps"),
    Rename("learning_rate_end", "final_lr_fraction"),
    Rename("micro_batch", "micro_batch_size"),
)
CUTTING = ("pass_rate", "irt")  # scorers that say how truncated attempts count
ORDERS = (  # curricula that are a fixed order
    *("shuffled", "easy_to_hard", "hard_to_easy", "blocked", "interleaved", "interleaved_easy_to_hard", "dmt"),
    *("staged", "weighted"),
)
RENAMES: dict[str, tuple[Rename, ...]] = {
    "clean.settings": (  # tables by filter
        Rename("samples", "attempts", ("clear", "guessable")),
        Rename("correct", "correction_share", ("clear",)),
        Rename("doubt", "drop_share", ("clear",)),
        Rename("votes", "min_votes", ("clear",)),
        Rename("words", "ngram_words", ("contaminated",)),
        Rename("coverage", "min_coverage", ("contaminated",)),
        Rename("near", "near_threshold", ("contaminated",)),
        Rename("semantic", "semantic_threshold", ("contaminated",)),
        Rename("at_least", "min_solved_share", ("guessable",)),
        Rename("modal", "modal_share", ("guessable",)),
        Rename("modal_rows", "modal_min_problems", ("guessable",)),
        Rename("unknown", "keep_undecided", ("language",)),
        Rename("words", "shingle_words", ("near",)),
        Rename("tokens", "max_tokens", ("overlong",)),
        Rename("respect", "must_match", ("semantic",)),
        Rename("overlap", "min_word_overlap", ("semantic",)),
    ),
    "synthesize.settings": (  # tables by method
        Rename("answers", "answers_per_problem", ("dart",)),
        Rename("answers_hardest", "max_answers", ("dart",)),
        Rename("trials", "attempts", ("dart",)),
        Rename("max_trials", "max_attempts", ("dart",)),
        Rename("batch", "attempts_per_batch", ("dart",)),
        Rename("level", "level_field", ("dart",)),
    ),
    "source": (
        Rename("part", "type"),
        Rename("join", "separator", ROWS),
        Rename("answer_after", "answer_marker", ROWS),
        Rename("full_stops", "end_with_period", ROWS),
        Rename("keep", "metadata_fields", ROWS),
        Rename("skip", "offset", ROWS),
    ),
    "score": (
        Rename("wave", "problems_per_commit"),
        Rename("stop_early_share", "stop_early_fraction"),
        Rename("design", "allocation", ("pass_rate",)),
        Rename("aim", "goal", ("pass_rate",)),
        Rename("first", "min_attempts", ("pass_rate",)),
        Rename("most", "max_attempts", ("pass_rate",)),
        Rename("step", "attempts_per_wave", ("pass_rate",)),
        Rename("at_once", "wave_fraction", ("pass_rate",)),
        Rename("near", "top_up_fraction", ("pass_rate",)),
        Rename("gain", "stop_gain", ("pass_rate",)),
        Rename("delta", "stop_error", ("pass_rate",)),
        Rename("spread", "prior_sd", ("irt",)),
        Rename("truncated", "truncated", CUTTING, {"masked": "ignore"}),
        Rename("steps", "max_steps", ("mcts",)),
        Rename("step_tokens", "max_step_tokens", ("mcts",)),
        Rename("rule", "selection_rule", ("mcts",)),
        Rename("exhaust", "use_all_iterations", ("mcts",)),
        Rename("mark", "final_step_marker", ("mcts",)),
        Rename("baseline", "baseline_attempts", ("mcts",)),
        Rename("weigh", "weight_by", ("votes",)),
        Rename("top", "top_answers", ("votes",)),
        Rename("against", "other_policy", ("votes",)),
        Rename("wanted", "target_nats_per_token", ("entropy",)),
    ),
    "select": (
        Rename("width", "frontier_budgets", ("frontier",)),
        Rename("spread", "cluster_quota", ("frontier",)),
        Rename("drift", "expected_improvement", ("frontier",)),
        Rename("most", "max_answers", ("dart",)),
    ),
    "grade": (Rename("limit_s", "timeout_s"),),
    "train": (
        *SCHEDULE,
        Rename("groups", "problems_per_step"),
        Rename("beta", "kl_coef"),
        Rename("beta_rule", "kl_schedule"),
        Rename("beta_least", "kl_coef_min"),
        Rename("average", "ema_alpha"),
        Rename("relift", "relift_batch"),
        Rename("demonstration", "gold_template"),
    ),
    "train.teacher": (
        Rename("share", "fraction"),
        Rename("share_last", "final_fraction"),
        Rename("length", "decay_steps"),
        Rename("off_after", "stop_step"),
        Rename("need", "apply_to"),
        Rename("go_on", "student_continues"),
        Rename("gold", "gold_fallback"),
        Rename("if_gone", "on_unavailable", values={"go_on": "continue"}),
    ),
    "sft": SCHEDULE,
    "dpo": SCHEDULE,
    "kto": SCHEDULE,
    "loop": (
        Rename("window", "recent_steps"),
        Rename("width", "max_interval"),
        Rename("share", "resample_fraction"),
        Rename("share_unsolved", "resample_unsolved_fraction"),
    ),
    "flow": (
        Rename("shard", "problems_per_shard"),
        Rename("dead_after_s", "heartbeat_timeout_s"),
        Rename("if_no_server", "on_server_unavailable", values={"go_on": "continue"}),
    ),
    "order": (
        Rename("passes", "epochs", ORDERS),
        Rename("truncated", "truncated", ("posterior",), {"masked": "ignore"}),
        Rename("half_life", "half_life_steps", ("posterior",)),
        Rename("above", "retire_pass_rate", ("retire",)),
        Rename("retest", "retest_steps", ("retire",)),
        Rename("pilot", "pilot_rollouts", ("pilot_groups",)),
        Rename("fresh", "new_group", ("pilot_groups",)),
        Rename("waves", "max_waves", ("pilot_groups",)),
        Rename("retire", "retire_steps", ("pilot_groups",)),
        Rename("defer", "defer_steps", ("pilot_groups",)),
        Rename("least", "min_candidates", ("ability",)),
        Rename("every", "update_steps", ("ability",)),
        Rename("nudge", "stagnation_step", ("ability",)),
        Rename("deviation", "prior_sd", ("ability",)),
        Rename("candidates", "candidate_factor", ("predicted",)),
        Rename("every", "fit_steps", ("predicted",)),
        Rename("penalty", "ridge_penalty", ("predicted",)),
        Rename("floor", "random_fraction", ("predicted",)),
        Rename("window", "recent_groups", ("ability", "predicted")),
        Rename("levels", "number_bins", ("bins",)),
        Rename("floor", "uniform_fraction", ("bins",)),
    ),
}
AGAINST = "clean.settings.contaminated.against"  # benchmarks of the filter `contaminated`, tables like [[source]]
MOVED = {"score.truncated": "policy.truncated", "train.mask_truncated": "policy.truncated"}


@dataclass(frozen=True, slots=True)
class OldKey:
    """An old key in a config.

    Attributes:
        place: the table that holds it.
        old: the key as it stands there.
        new: its present name.
        values: present values by former ones.
        path: dotted names of old and new key, for people.
    """

    place: MutableMapping[str, Any]
    old: str
    new: str
    values: Mapping[Any, Any]
    path: tuple[str, str]


def find_old_keys(tree: MutableMapping[str, Any]) -> list[OldKey]:
    """List the renamed keys and tables of a config, in its order; the innermost ones come first.

    Args:
        tree: the config as TOML gives it.
    """
    old_keys = [*_find_in_steps(tree), *(old for path, table in _walk(tree) for old in _old_keys_of(path, table))]
    tables = [OldKey(tree, old, new, {}, (f"[{old}]", f"[{new}]")) for old, new in TABLES.items() if old in tree]
    return old_keys + tables


def present_names(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config, such as one that a lake holds, with the present names of its settings.

    Args:
        tree: tables by name, under the names of any version; it is not changed.
    """
    copy: dict[str, Any] = _copy(tree)
    move_truncation(copy)
    for key in find_old_keys(copy):
        value = key.place.pop(key.old)
        key.place[key.new] = key.values.get(value, value) if key.values else value
    return copy


def move_truncation(tree: MutableMapping[str, Any]) -> list[tuple[str, str]]:
    """Move what scoring and training do with truncated attempts to `policy.truncated`, which both read.

    Where an old config lets the two differ, as the former defaults did, `train.truncated` says what training does.

    Args:
        tree: the config; it is changed.

    Returns:
        Dotted names before and after of what was moved.
    """
    score, train = tree.get("score", {}), tree.get("train", {})
    is_old = any("part" in table for table in _tables(tree, ["source"]))
    moved_pairs = [pair for pair in MOVED.items() if _holds_moved(tree, pair[0])]
    reading = "ignore"
    if "score.truncated" in dict(moved_pairs):
        value = score.pop("truncated")
        reading = {"masked": "ignore"}.get(value, value)
        tree.setdefault("policy", {})["truncated"] = reading
    if "train" in tree and (is_old or "mask_truncated" in train):
        trained = "ignore" if train.pop("mask_truncated", False) else "wrong"
        if trained != reading:
            train["truncated"] = trained
            moved_pairs.append(("the former default of train.mask_truncated", "train.truncated"))
    return moved_pairs


def check_names(tree: MutableMapping[str, Any]) -> None:
    """Refuse old names of settings with their new ones.

    Raises:
        ConfigError: there are old names; the message names the new ones and the command that rewrites the file.
    """
    moved_pairs = [pair for pair in MOVED.items() if _holds_moved(tree, pair[0])]
    if renamed_keys := dict.fromkeys([*(key.path for key in find_old_keys(tree)), *moved_pairs]):
        words = "; ".join(f"{old} is {new} now" for old, new in renamed_keys)
        raise ConfigError(f"{words}; run `curate upgrade CONFIG` to rewrite the file")


def first_names(table: str, part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under the names and values of the first version, under which stage keys hash them.

    Args:
        table: dotted name of the table, such as "train.teacher".
        part: that the table names; "" = none.
        settings: by present name.
    """
    first = {rename.new: rename for rename in RENAMES.get(table, ()) if not rename.parts or part in rename.parts}
    old_settings = {}
    for name, value in settings.items():
        if (rename := first.get(name)) is None:
            old_settings[name] = value
            continue
        former = {new: old for old, new in rename.values.items()}
        old_settings[rename.old] = former.get(value, value) if former else value
    if (table, part) == ("select", "composed") and "steps" in old_settings:
        old_settings["steps"] = [_first_step(step) for step in old_settings["steps"]]
    if (table, part) == ("clean.settings", "contaminated") and isinstance(old_settings.get("against"), list | tuple):
        old_settings["against"] = [_first_source(source) for source in old_settings["against"]]
    return old_settings


def _first_step(step: Any) -> Any:
    if not isinstance(step, Mapping) or not isinstance(step.get("settings"), Mapping):
        return step
    return {**step, "settings": first_names("select", str(step.get("selector", "")), step["settings"])}


def _first_source(source: Any) -> Any:
    return first_names("source", str(source.get("type", "")), source) if isinstance(source, Mapping) else source


def new_name(kind: str, part: str, key: str) -> str:
    """Return in words what a former setting of a part is called now; "" where it never was a setting.

    Args:
        kind: of the part, such as "selector".
        part: its name.
        key: the unknown setting.
    """
    renames = RENAMES.get(KINDS.get(kind, ""), ())
    return next((f"{key} is {r.new} now" for r in renames if r.old == key and part in r.parts), "")


def first_table(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of the config and the tables in it under their first names.

    Args:
        name: dotted, such as "train" or "clean.settings".
        table: as its model dumps it.
    """
    if name in BY_NAME:
        return {part: first_names(name, part, settings) for part, settings in table.items()}
    inner = {
        key: first_table(f"{name}.{key}", value) if isinstance(value, Mapping) else value
        for key, value in table.items()
    }
    return first_names(name, str(table.get(PART_KEYS.get(name, ("",))[0], "")), inner)


def first_table_name(name: str) -> str:
    """Return the first name of a table of the config.

    >>> first_table_name("order")
    'arrange'
    """
    return next((old for old, new in TABLES.items() if new == name), name)


def _walk(tree: Mapping[str, Any]) -> Iterator[tuple[str, MutableMapping[str, Any]]]:
    """Yield the tables of a config that may hold old keys, with the present dotted names; inner ones first."""
    former = {new: old for old, new in TABLES.items()}
    for path in sorted(RENAMES, key=lambda path: -path.count(".")):
        first, *rest = path.split(".")
        for name in dict.fromkeys((former.get(first, first), first)):
            yield from ((path, table) for table in _tables(tree, [name, *rest]))
    yield from (("source", table) for table in _tables(tree, AGAINST.split(".")))


def _find_in_steps(tree: Mapping[str, Any]) -> Iterator[OldKey]:
    """Find old keys in the settings of the selectors that `composed` runs in a row."""
    for step in _tables(tree, ["select", "steps"]):
        if isinstance(settings := step.get("settings"), MutableMapping):
            yield from _renamed("select", str(step.get("selector", "")), settings)


def _tables(tree: Any, steps: list[str]) -> Iterator[MutableMapping[str, Any]]:
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from _tables(item, steps)
    elif isinstance(tree, MutableMapping):
        if not steps:
            yield tree
        elif steps[0] in tree:
            yield from _tables(tree[steps[0]], steps[1:])


def _old_keys_of(path: str, table: MutableMapping[str, Any]) -> list[OldKey]:
    if path in BY_NAME:
        return [
            replace(old, path=(f"{path}.{name}.{old.old}", f"{path}.{name}.{old.new}"))
            for name, settings in table.items()
            if isinstance(settings, MutableMapping)
            for old in _renamed(path, name, settings)
        ]
    key, default = PART_KEYS.get(path, ("", ""))
    old_key = next((rename.old for rename in RENAMES[path] if rename.new == key), key)
    return _renamed(path, str(table.get(key, table.get(old_key, default))), table)


def _renamed(path: str, part: str, table: MutableMapping[str, Any]) -> list[OldKey]:
    return [
        OldKey(table, rename.old, rename.new, rename.values, (f"{path}.{rename.old}", f"{path}.{rename.new}"))
        for rename in RENAMES[path]
        if rename.old in table and (not rename.parts or part in rename.parts)
        if rename.old != rename.new or (table[rename.old] in rename.values and f"{path}.{rename.old}" not in MOVED)
    ]


def _holds_moved(tree: Mapping[str, Any], path: str) -> bool:
    """Return whether a config holds a key of `MOVED`; a scorer from outside may have a `truncated` of its own."""
    name, key = path.split(".")
    table = tree.get(name)
    if not isinstance(table, Mapping) or key not in table:
        return False
    return name != "score" or str(table.get("scorer", "pass_rate")) in CUTTING


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list | tuple) else value
