"""The reference engine: an ordinary transformers checkpoint, its prompts computed once however many samples are drawn."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from assay.core.errors import PlanError, require
from assay.core.types import Policy, Request, Rollout, Sampler
from assay.engines import _decode, _models

TAIL = 8  # tokens beyond a stop string's characters that are decoded to look for it


@dataclass(frozen=True)
class Transformers:
    """Rollouts from a transformers model, `batch_size` samples at once, of as many problems as it takes.

    Each sample draws its tokens by inverting the distribution at numbers from a generator of its own, seeded with `seed_of(sample)`:
    a sample drawn alone, in company or in another order uses the same numbers. Texts repeat exactly for the same calls in the same
    order on the same machine with the same number of threads; another batch changes float rounding in the last bits, and where two
    tokens are nearly tied that may change a text. Nothing stronger is promised.
    """

    model: str = "smollm2-135m-instruct"  # of the catalogue, a folder, or a hub id
    revision: str = ""  # of a hub model: branch, tag or commit
    batch_size: int = 32  # samples at once: more is faster and takes memory
    device: str = "auto"  # auto = cuda where torch sees one, else cpu
    dtype: str = "auto"  # auto = float32 on a cpu, else bfloat16

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size {self.batch_size} is below 1")
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise ValueError(f"dtype {self.dtype!r} is none of 'auto', 'float32', 'bfloat16', 'float16'")

    @property
    def policy(self) -> Policy:
        """The model's name and the revision of its weights; nothing is loaded."""
        return _models.revision(self.model, self.revision)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """One tuple of rollouts a request, in order; a prompt that leaves no room for the whole answer has finish "error".

        Raises:
            PlanError: the model has no chat template, or lacks an extra.
        """
        policy = self.policy
        for _, group in groupby(requests, key=lambda request: request.sampler.id):
            yield from self._alike(list(group), policy)

    def count_tokens(self, request: Request) -> int:
        """Prompt tokens of one request, chat template applied once; loads the tokenizer only."""
        return len(self._prompt(request))

    def show(self, request: Request) -> str:
        """The prompt exactly as the model reads it, special tokens written out."""
        return str(self._tokenizer.decode(self._prompt(request), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def cut(self, text: str, tokens: int) -> str:
        """The text's first `tokens` tokens as text; loads the tokenizer only."""
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return str(self._tokenizer.decode(ids[:tokens], skip_special_tokens=True, clean_up_tokenization_spaces=False)) if len(ids) > tokens else text

    def close(self) -> None:
        """The model is unloaded; the next call loads it again."""
        self.__dict__.pop("_decoder", None)
        self.__dict__.pop("_tokenizer", None)

    @cached_property
    def _tokenizer(self) -> Any:
        _models.share_cores()
        transformers = require("transformers", extra="train")
        tokenizer = transformers.AutoTokenizer.from_pretrained(_models.checkpoint(self.model, self.revision))
        if not tokenizer.chat_template:
            raise PlanError(f"model {self.model!r} has no chat template, and a prompt without one is another quantity")
        return tokenizer

    @cached_property
    def _decoder(self) -> _decode.Decoder:
        _models.share_cores()
        torch, transformers = require("torch", extra="train"), require("transformers", extra="train")
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        precision = ("float32" if device == "cpu" else "bfloat16") if self.dtype == "auto" else self.dtype
        folder = _models.checkpoint(self.model, self.revision)
        with _models.quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
        return _decode.Decoder(model.to(device).eval(), self._ends)

    @cached_property
    def _closing(self) -> frozenset[int]:
        named = self._decoder.model.generation_config.eos_token_id
        listed = named if isinstance(named, list) else [named]
        return frozenset(token for token in [*listed, self._tokenizer.eos_token_id] if token is not None)

    def _prompt(self, request: Request) -> tuple[int, ...]:
        messages = [message._asdict() for message in request.messages]
        open_answer = messages[-1]["role"] == "assistant"  # a begun answer is continued, not closed
        text = self._tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=not open_answer,
            continue_final_message=open_answer,
            **json.loads(request.sampler.chat_template_args),
        )
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has written them

    def _alike(self, requests: Sequence[Request], policy: Policy) -> Iterator[tuple[Rollout, ...]]:
        """Requests of one sampler: their samples in a row, cut into batches, each request yielded when its last sample is in."""
        prompts = [self._prompt(request) for request in requests]
        fits = [self._fits(prompt, request.sampler) for prompt, request in zip(prompts, requests, strict=True)]
        row = [(i, sample) for i, request in enumerate(requests) if fits[i] for sample in request.samples]
        found: dict[tuple[int, int], _decode.Answer] = {}
        at = 0
        for i, request in enumerate(requests):
            while fits[i] and any((i, sample) not in found for sample in request.samples):
                batch, at = row[at : at + self.batch_size], at + self.batch_size
                found |= self._batch(requests, prompts, batch)
            yield tuple(self._rollout(request, sample, policy, len(prompts[i]), found.pop((i, sample), None)) for sample in request.samples)

    def _batch(
        self, requests: Sequence[Request], prompts: Sequence[tuple[int, ...]], batch: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], _decode.Answer]:
        owners = sorted({i for i, _ in batch})
        seeds = [[requests[i].seed_of(sample) for owner, sample in batch if owner == i] for i in owners]
        answers = self._decoder.answer([prompts[i] for i in owners], seeds, requests[owners[0]].sampler)
        return dict(zip(batch, (answer for each in answers for answer in each), strict=True))

    def _rollout(self, request: Request, sample: int, policy: Policy, length: int, answer: _decode.Answer | None) -> Rollout:
        found = answer or _decode.Answer((), "error")
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="transformers",
            text=self._text(found.tokens, request.sampler),
            tokens=len(found.tokens),
            finish=found.finish,
            prompt_tokens=length,
        )

    def _fits(self, prompt: Sequence[int], sampler: Sampler) -> bool:
        limit = getattr(self._decoder.model.config.get_text_config(), "max_position_embeddings", None)
        return limit is None or len(prompt) + sampler.max_tokens <= limit

    def _text(self, tokens: Sequence[int], sampler: Sampler) -> str:
        text = str(self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return text[: min((text.find(stop) for stop in sampler.stop if stop in text), default=len(text))]

    def _ends(self, tokens: Sequence[int], sampler: Sampler) -> bool:
        if tokens[-1] in self._closing:
            return True
        if not sampler.stop:
            return False
        tail = self._tokenizer.decode(list(tokens[-max(map(len, sampler.stop)) - TAIL :]), skip_special_tokens=True)
        return any(stop in tail for stop in sampler.stop)
