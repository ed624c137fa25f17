from assay.training.trainer.stop_strings import cut_ids, has_stop_string, text_before_stop


def text(ids: list[int]) -> str:
    return bytes(ids).decode(errors="replace")


def test_ids_end_with_the_token_that_completes_the_stop() -> None:
    assert text(cut_ids(list(b"8\n\nQ: next\n\n"), ["\n\n"], text)) == "8\n\n"


def test_ids_without_a_stop_stay_whole() -> None:
    assert cut_ids([56, 57], ["\n"], text) == [56, 57]
    assert cut_ids([56, 57], [], text) == [56, 57]


def test_the_earliest_stop_cuts_the_text() -> None:
    assert text_before_stop("8. Q: 9", ["Q:", "."]) == "8"
    assert text_before_stop("8", [".", "Q:"]) == "8"
    assert has_stop_string("8.", ["."])
    assert not has_stop_string("8", ["."])
