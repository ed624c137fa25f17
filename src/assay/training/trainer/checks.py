"""What cannot be trained is refused before the weights are loaded, in one line with its numbers."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import ConfigError
from assay.core.types import Label, Problem, SamplingConfig

Chat = list[dict[str, str]]


def check_curriculum(order: Sequence[str], problems: Mapping[str, Problem], labels: Mapping[str, Label]) -> None:
    """Every id of the curriculum has its problem and its label.

    Raises:
        ConfigError: an empty curriculum, or an id that lacks one of them.
    """
    if not order:
        raise ConfigError("the curriculum is empty: 0 problems to train on")
    for name, known in (("problem", problems), ("label", labels)):
        lacking = [id_ for id_ in dict.fromkeys(order) if id_ not in known]
        if lacking:
            raise ConfigError(f"{len(lacking)} ids of the curriculum have no {name}, first {lacking[0]!r}")


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
    """The settings can make a step.

    Raises:
        ConfigError: names the setting, with what was found and what is needed.
    """
    if group_size < 2:
        raise ConfigError(
            f"group_size is {group_size}: an advantage compares rollouts of one problem, so at least 2 are needed"
        )
    for name, found in (("steps", steps), ("groups", groups), ("micro_batch", micro_batch)):
        if found < 1:
            raise ConfigError(f"{name} is {found}, and at least 1 is needed")
    if (groups * group_size) % micro_batch:
        raise ConfigError(
            f"micro_batch of {micro_batch} does not divide a step's {groups} x {group_size} = {groups * group_size} rollouts"
        )
    if (groups * group_size) % (micro_batch * processes):
        raise ConfigError(
            f"{processes} processes of micro_batch {micro_batch} do not divide a step's {groups} x {group_size} = {groups * group_size} rollouts"
        )
    if learning_rate <= 0:
        raise ConfigError(f"learning_rate is {learning_rate}, and must be above 0")
    if sampler.temperature <= 0:
        raise ConfigError(
            f"temperature is {sampler.temperature}: greedy rollouts of one problem are all the same and teach nothing"
        )


def check_together(processes: int, *, groups: int, relift: int, guided: bool) -> None:
    """What is asked for can be done by so many processes.

    Raises:
        ConfigError: ReLIFT's pass, or a teacher over groups that are cut in two.
    """
    if processes > 1 and relift:
        raise ConfigError(f"relift = {relift} in {processes} processes: its buffer lives in one")
    if guided and groups % processes:
        raise ConfigError(
            f"a teacher in {processes} processes needs whole groups in each, and {groups} groups a step do not divide"
        )


def check_average(alpha: float, *, save_every: int, lora_rank: int) -> None:
    """There are whole states to average.

    Raises:
        ConfigError: none is kept, or they hold adapters.
    """
    if alpha and not save_every:
        raise ConfigError(f"average = {alpha} needs save_every above 0: it averages the states that are kept")
    if alpha and lora_rank:
        raise ConfigError(
            f"average = {alpha} with lora_rank = {lora_rank}: products of averaged adapters are no average of weights"
        )


def check_reports(names: Sequence[str]) -> None:
    """Every place to report to is installed.

    Raises:
        ConfigError: names the package.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"train.report_to names {name!r}, which is not installed: pip install {name}")


def check_window(
    tokenizer: Any, chats: Mapping[str, Chat], *, window: int | None, max_tokens: int, template_args: Mapping[str, Any]
) -> None:
    """Every prompt, rendered by the policy's own chat template, leaves room for a completion.

    Raises:
        ConfigError: no chat template, or a prompt that is too long; names the problem and the numbers.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigError(
            f"the policy's tokenizer in {tokenizer.name_or_path!r} has no chat template, and prompts are chats"
        )
    if window is None:
        return
    for problem_id, chat in chats.items():
        rendered = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, **template_args
        )
        length = len(rendered["input_ids"])
        if length + max_tokens > window:
            raise ConfigError(
                f"problem {problem_id}: prompt of {length} + max_tokens of {max_tokens} = {length + max_tokens} tokens, window of {window}"
            )
