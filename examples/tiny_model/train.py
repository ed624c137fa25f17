"""Trains `tiny-arithmetic`: a character-level Llama of two thirds of a million weights that is nearly sure of one digit and lost at three.

    python examples/tiny_model/train.py --work .assay/tiny            # resumes; --minutes 5 stops after a piece
    python examples/tiny_model/train.py --work .assay/tiny --export src/assay/data/tiny_model

Every step draws its batch from a generator seeded with (seed, step), so that a run in pieces is the run in one go. The loss is over the
answer's characters and the end only. Training stops long before three digits are learnt: what is left is what RL may learn.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault(
    "GOMP_SPINCOUNT", "2000"
)  # threads that spin while they wait make shared cores three times slower; read at import

import torch
from arithmetic import LEVELS, OPS, draw, written
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 11
STEPS = 1261  # of a schedule of 3600: two digits are half learnt then, and three not at all
SCHEDULE = 3600
BATCH = 256
RATE = 2e-3  # peak; warm-up over the first 100 steps, then a cosine to a tenth
SHARES = (0.3, 0.55, 0.15)  # of the levels in a batch
HIDDEN, LAYERS, HEADS, INNER, WINDOW = 128, 4, 4, 256, 512
SPECIAL = ("<pad>", "<end>", "<user>", "<assistant>", "<system>", "<unknown>")
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}<end>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
EVERY = 100  # steps between lines of the log


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a printable ASCII character; anything else is `<unknown>`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    letters = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate([*SPECIAL, *CHARACTERS])}, unk_token="<unknown>")
    )
    letters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    letters.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<unknown>",
        additional_special_tokens=["<user>", "<assistant>", "<system>"],
        clean_up_tokenization_spaces=False,
        model_max_length=WINDOW,
    )
    made.chat_template = TEMPLATE
    return made


def model(words: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Random weights, the same for the same seed."""
    torch.manual_seed(SEED)
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return LlamaForCausalLM(shape)


class Batches:
    """Token ids and labels of one step's tasks."""

    def __init__(self, words: PreTrainedTokenizerFast) -> None:
        self.code = {word: i for word, i in words.get_vocab().items() if len(word) == 1}
        self.pad, self.end, self.user, self.answer = (
            words.convert_tokens_to_ids(word) for word in ("<pad>", "<end>", "<user>", "<assistant>")
        )

    def of(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """ids and labels (BATCH, T), padded on the right; -100 where there is nothing to learn."""
        rng = np.random.default_rng([SEED, step])
        level, op = rng.choice(LEVELS, BATCH, p=SHARES), rng.integers(len(OPS), size=BATCH)
        rows, heads = [], []
        for question, answer in written(draw(rng, level, op, held_out=False)):
            head = [self.user, *map(self.code.__getitem__, question), self.answer]
            rows.append([*head, *map(self.code.__getitem__, answer), self.end])
            heads.append(len(head))
        ids = torch.full((BATCH, max(map(len, rows))), self.pad)
        labels = torch.full_like(ids, -100)
        for i, (row, head) in enumerate(zip(rows, heads, strict=True)):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, head : len(row)] = ids[i, head : len(row)]
        return ids, labels


def rate(step: int) -> float:
    """The learning rate of a step."""
    if step < 100:
        return RATE * (step + 1) / 100
    return RATE * (0.1 + 0.9 * (1 + math.cos(math.pi * step / SCHEDULE)) / 2)


@torch.no_grad()
def sure(net: LlamaForCausalLM, batches: Batches, n: int = 200) -> dict[str, float]:
    """Mean probability of the whole right answer at temperature 1 by task ("2+"), over n held-out tasks each: the expected pass rate."""
    found = {}
    for level in LEVELS:
        for op in range(len(OPS)):
            tasks = draw(np.random.default_rng([SEED, level, op]), np.full(n, level), np.full(n, op), held_out=True)
            found[f"{level}{OPS[op]}"] = float(np.mean(chances(net, batches, list(written(tasks)))))
    return found


def chances(net: LlamaForCausalLM, batches: Batches, pairs: list[tuple[str, str]]) -> np.ndarray:
    """(n,) probability of the whole right answer of each pair."""
    rows = [
        (
            [batches.user, *map(batches.code.__getitem__, q), batches.answer],
            [*map(batches.code.__getitem__, a), batches.end],
        )
        for q, a in pairs
    ]
    width = max(len(head) + len(tail) for head, tail in rows)
    ids = torch.tensor([[*head, *tail, *[batches.pad] * (width - len(head) - len(tail))] for head, tail in rows])
    logps = net(input_ids=ids).logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]  # (n, T - 1)
    return np.array(
        [logps[i, len(head) - 1 : len(head) + len(tail) - 1].sum().exp().item() for i, (head, tail) in enumerate(rows)]
    )


def train(work: Path, minutes: float, steps: int) -> LlamaForCausalLM:
    """The model after at most `minutes` more; state and log lie in `work`."""
    words = tokenizer()
    net, batches, state = model(words), Batches(words), work / "state.pt"
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.05)
    step, seconds = 0, 0.0
    if state.exists():
        kept: dict[str, Any] = torch.load(state, weights_only=True)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        step, seconds = kept["step"], kept["seconds"]
    began, losses = time.monotonic(), []
    while step < steps and time.monotonic() - began < minutes * 60:
        ids, labels = batches.of(step)
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        loss = net(input_ids=ids, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        step += 1
        if step % EVERY == 0 or step == steps:
            line = {
                "step": step,
                "seconds": round(seconds + time.monotonic() - began),
                "loss": round(float(np.mean(losses)), 4),
            }
            losses = []
            report(
                work / "log.jsonl", {**line, **{name: round(value, 3) for name, value in sure(net, batches).items()}}
            )
    work.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "net": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "seconds": seconds + time.monotonic() - began,
        },
        state,
    )
    return net


def report(path: Path, line: dict[str, Any]) -> None:
    """One line for the terminal and the log."""
    text = json.dumps(line)
    print(text, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


def export(net: LlamaForCausalLM, folder: Path) -> None:
    """An ordinary checkpoint in half precision, with tokenizer and chat template."""
    net.half().save_pretrained(folder)
    config = folder / "config.json"
    config.write_text(
        config.read_text(encoding="utf-8").replace('"float16"', '"float32"'), encoding="utf-8"
    )  # as which it is loaded
    tokenizer().save_pretrained(folder)


def main() -> None:
    """Trains a piece, and writes the checkpoint where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="state and log; a run resumes from here")
    parser.add_argument("--minutes", type=float, default=60, help="of this piece")
    parser.add_argument("--steps", type=int, default=STEPS, help="the run ends here")
    parser.add_argument("--export", type=Path, help="folder of the checkpoint")
    given = parser.parse_args()
    net = train(given.work, given.minutes, given.steps)
    if given.export:
        export(net, given.export)


if __name__ == "__main__":
    main()
