import torch

from assay.training.trainer.batch_merge import merge_batches


def part(prompt: list[list[int]], answer: list[list[int]], advantages: list[float]) -> dict[str, object]:
    ids, completions = torch.tensor(prompt), torch.tensor(answer)
    return {
        "prompt_ids": ids,
        "prompt_mask": torch.ones_like(ids),
        "completion_ids": completions,
        "completion_mask": torch.ones_like(completions),
        "advantages": torch.tensor(advantages),
        "ref_per_token_logps": -completions.float(),
        "num_items_in_batch": torch.tensor(0),
    }


def test_prompts_are_filled_up_on_the_left_and_answers_on_the_right():
    batch = merge_batches(
        [(part([[5]], [[1, 2, 3]], [0.5]), [0]), (part([[6, 7], [8, 9]], [[4], [5]], [-1.0, 1.0]), [1])], pad_id=99
    )
    assert batch["prompt_ids"].tolist() == [[99, 5], [8, 9]]
    assert batch["prompt_mask"].tolist() == [[0, 1], [1, 1]]
    assert batch["completion_ids"].tolist() == [[1, 2, 3], [5, 99, 99]]
    assert batch["completion_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["ref_per_token_logps"].tolist() == [[-1, -2, -3], [-5, 0, 0]]
    assert batch["advantages"].tolist() == [0.5, 1.0]
    assert batch["num_items_in_batch"].item() == 4
