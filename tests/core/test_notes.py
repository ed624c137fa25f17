from assay.core.notes import Note


def test_a_note_is_named_by_all_that_it_says():
    one = Note("clean", "same_template", "p", "of b q")
    assert one.id == Note("clean", "same_template", "p", "of b q").id
    assert one.id != Note("clean", "same_template", "p", "of b r").id
