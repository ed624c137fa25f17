"""Twenty problems through our engines and through TRL: the same token ids."""

import pytest

from assay.engines.llamacpp import Llamacpp
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm

QUESTIONS = (
    *(f"What is {n} + {n * n}?" for n in range(12)),
    "Solve x² − 3x + 2 = 0.",
    "Let $f(x) = \\frac{1}{x}$ and {braces}. Find $f(2)$.",
    "  Leading and trailing space  ",
    "Two\nlines\n\nand a tab\t.",
    "Ünïcödé, 数学, 🧮",
    "<|im_end|> is written in this question",
    "What is 1,000,000 / 7?",
    "a" * 200,
)


@pytest.mark.model
@pytest.mark.parametrize("settings", [{}, {"shots": ()}, {"system": "Be brief.", "template": "Q: {prompt}\nA:"}])
def test_twenty_problems_have_the_same_token_ids_in_every_engine_and_in_trl(packaged, ask, settings):
    data_utils = pytest.importorskip("trl.data_utils")
    llamacpp, transformers, vllm = (
        Llamacpp(packaged, slots=1, threads=1, context=1024),
        Transformers(packaged),
        Vllm(packaged),
    )
    tokenizer = transformers._tokenizer
    assert len(QUESTIONS) == 20
    for question in QUESTIONS:
        request = ask(question, samples=(0,), **settings)
        chat = {"prompt": [message._asdict() for message in request.messages]}
        text = data_utils.maybe_apply_chat_template(chat, tokenizer)["prompt"]
        in_trl = tokenizer(text, add_special_tokens=False)["input_ids"]
        as_trained = tokenizer.apply_chat_template(
            chat["prompt"], add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        assert (
            in_trl
            == as_trained
            == llamacpp._encode_prompt(request)
            == list(transformers._encode_prompt(request))
            == vllm._encode_prompt(request)
        ), question
    llamacpp.close()
