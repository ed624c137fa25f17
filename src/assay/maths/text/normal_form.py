"""When two problems are the same: their turns in the form for comparison."""

from assay.core.types import Problem
from assay.maths.text.instruction_wrappers import only_instructions, strip_instructions
from assay.maths.text.latex import latex_form

Turns = tuple[tuple[str, str], ...]


def bare_turns(problem: Problem) -> Turns:
    """Each turn's role and its text without instructions around it; a system turn of instructions alone is left out.

    >>> bare_turns(Problem.of("Question: 1 + 1? Think step by step."))
    (('user', '1 + 1?'),)
    """
    if len(problem.messages) == 1:
        ((role, content),) = problem.messages
        return ((role, strip_instructions(content)),)
    turns = tuple((turn.role, turn.content) for turn in problem.messages)
    if turns:
        turns = tuple(turn for turn in turns if turn[0] != "system" or not only_instructions(turn[1])) or turns
    return tuple((role, strip_instructions(content)) for role, content in turns)


def bare_text(problem: Problem) -> str:
    """The texts of `bare_turns`, one per line; the problem's own text if there is nothing to leave out."""
    return "\n".join(content for _, content in bare_turns(problem))


def turn_roles(problem: Problem) -> tuple[str, ...]:
    """The roles of `bare_turns`."""
    return tuple(role for role, _ in bare_turns(problem))


def same_key(problem: Problem) -> tuple[Turns, tuple[str, ...]]:
    """A key, equal for problems that differ only in instructions, white space, Unicode spellings and typesetting.

    >>> same_key(Problem.of("Find $\\\\dfrac12$.")) == same_key(Problem.of("Find \\\\(\\\\frac{1}{2}.\\\\)"))
    True
    """
    return tuple([(role, latex_form(content)) for role, content in bare_turns(problem)]), problem.media
