"""Refuse what cannot be trained before the weights are loaded, each in one line with its numbers."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import ConfigError
from assay.core.types import Label, Problem, SamplingConfig

Chat = list[dict[str, str]]


def check_curriculum(order: Sequence[str], problems: Mapping[str, Problem], labels: Mapping[str, Label]) -> None:
    """Check that every id of the curriculum has a problem and a label.

    Raises:
        ConfigError: an empty curriculum, or an id that lacks one of them.
    """
    if not order:
        raise ConfigError("the curriculum is empty: there are no problems to train on")
    for name, rows in (("problem", problems), ("label", labels)):
        lacking = [id_ for id_ in dict.fromkeys(order) if id_ not in rows]
        if lacking:
            raise ConfigError(f"{len(lacking)} problems of the curriculum have no {name}, first {lacking[0]!r}")


def check_numbers(
    sampler: SamplingConfig,
    *,
    group_size: int,
    groups: int,
    micro_batch: int,
    steps: int,
    learning_rate: float,
    processes: int = 1,
) -> None:
    """Check that the settings can make a step.

    Raises:
        ConfigError: names the setting, its value and what is needed.
    """
    if group_size < 2:
        raise ConfigError(
            f"group_size is {group_size}: an advantage compares rollouts of one problem, so at least 2 are needed"
        )
    for name, value in (("steps", steps), ("problems_per_step", groups), ("micro_batch_size", micro_batch)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, found {value}")
    rollouts = f"a step's {groups} x {group_size} = {groups * group_size} rollouts"
    if (groups * group_size) % micro_batch:
        raise ConfigError(f"micro_batch_size = {micro_batch} does not divide {rollouts}")
    if (groups * group_size) % (micro_batch * processes):
        raise ConfigError(f"{processes} processes of micro_batch_size {micro_batch} do not divide {rollouts}")
    if learning_rate <= 0:
        raise ConfigError(f"learning_rate must be above 0, found {learning_rate}")
    if sampler.temperature <= 0:
        raise ConfigError(
            f"temperature is {sampler.temperature}: greedy rollouts of one problem are all alike, so there is "
            "nothing to learn"
        )


def check_processes(processes: int, *, groups: int, relift: int, guided: bool) -> None:
    """Check that this number of processes can do what is configured.

    Raises:
        ConfigError: ReLIFT in several processes, or a teacher over groups that would be cut in two.
    """
    if processes > 1 and relift:
        raise ConfigError(f"relift_batch = {relift} in {processes} processes: it supports one process")
    if guided and groups % processes:
        raise ConfigError(
            f"a teacher in {processes} processes needs whole groups in each, and {groups} groups per step do not divide"
        )


def check_average(alpha: float, *, save_every: int, lora_rank: int) -> None:
    """Check that there are states with whole weights to average.

    Raises:
        ConfigError: no state is saved, or they hold adapters.
    """
    if alpha and not save_every:
        raise ConfigError(f"ema_alpha = {alpha} needs save_every above 0, since it averages saved states")
    if alpha and lora_rank:
        raise ConfigError(
            f"ema_alpha = {alpha} cannot be combined with lora_rank = {lora_rank}: the product of averaged adapters "
            "is not the average of the weights"
        )


def check_reports(names: Sequence[str], *, key: str = "train.report_to") -> None:
    """Check that every tracker to report to, which a key of the config names, is installed.

    Raises:
        ConfigError: names the package.
    """
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:  # a folder of that name, such as wandb's own of its runs, is no package
            raise ConfigError(f"{key} names {name!r}, which is not installed: pip install {name}")


def check_window(
    tokenizer: Any,
    chats: Mapping[str, Chat],
    *,
    window: int | None,
    max_tokens: int,
    template_arguments: Mapping[str, Any],
) -> None:
    """Check that every prompt, rendered by the policy's own chat template, leaves room for a completion.

    Args:
        tokenizer: Of the policy.
        chats: Messages per problem id.
        window: Most tokens of prompt and completion; None = no limit.
        max_tokens: Of a completion.
        template_arguments: Variables of the chat template.

    Raises:
        ConfigError: no chat template, or a prompt that is too long; names the problem and the numbers.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigError(
            f"the policy's tokenizer in {tokenizer.name_or_path!r} has no chat template; use an instruct model"
        )
    if window is None:
        return
    for problem_id, chat in chats.items():
        prompt = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, **template_arguments
        )
        length = len(prompt["input_ids"])
        if length + max_tokens > window:
            raise ConfigError(
                f"problem {problem_id}: prompt of {length} + max_tokens of {max_tokens} = "
                f"{length + max_tokens} tokens, window of {window}"
            )
