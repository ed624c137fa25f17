"""What two problems share that are one problem: their turns in the form for comparison."""

from assay.core.types import Problem
from assay.maths.text.instruction_wrappers import only_instructions, without_instructions
from assay.maths.text.latex import latex_form

Turns = tuple[tuple[str, str], ...]


def bare_turns(problem: Problem) -> Turns:
    """Each turn's role and its text without instructions around it; a system turn of instructions alone is none.

    >>> bare_turns(Problem.of("Question: 1 + 1? Think step by step."))
    (('user', '1 + 1?'),)
    """
    turns = tuple((turn.role, turn.content) for turn in problem.messages)
    if len(turns) > 1:
        turns = tuple(turn for turn in turns if turn[0] != "system" or not only_instructions(turn[1])) or turns
    return tuple((role, without_instructions(content)) for role, content in turns)


def bare_text(problem: Problem) -> str:
    """All of those turns' texts, one a line; the problem's own text where there is nothing to leave out."""
    return "\n".join(content for _, content in bare_turns(problem))


def roles(problem: Problem) -> tuple[str, ...]:
    """The roles of those turns."""
    return tuple(role for role, _ in bare_turns(problem))


def same_key(problem: Problem) -> tuple[Turns, tuple[str, ...]]:
    """Equal for two problems that differ only in instructions, white space, Unicode's compatible spellings and the typesetting of mathematics.

    >>> same_key(Problem.of("Find $\\\\dfrac12$.")) == same_key(Problem.of("Find \\\\(\\\\frac{1}{2}.\\\\)"))
    True
    """
    return tuple((role, latex_form(content)) for role, content in bare_turns(problem)), problem.media
