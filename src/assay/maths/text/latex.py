"""One normal form of mathematics: what is typeset differently but means the same becomes one text, for comparisons."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from assay.maths.text.words import normal_form

_OPEN = re.compile(r"\$\$?|\\\(|\\\[|\\begin\{(?:equation|align|aligned|gather|array|cases|[pbvBV]?matrix)\*?\}")
_DISPLAY = re.compile(r"\\begin\{(?:equation|align|gather)\*?\}")  # these mark mathematics and nothing else
_FONTS = (
    r"text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|tt|normal)|boldsymbol|bm|pmb|operatorname\*?|mbox|hbox"
    r"|emph|textup"
)
_FONT = re.compile(rf"\\(?:{_FONTS})\s*\{{([^{{}}]*)\}}")
_GAP = re.compile(r"(?<=\d)(?:\\[,!;: ]|\{,\}|~)+(?=\d{3}(?!\d))")  # between thousands
_SIZE = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*(?:\.(?!\d))?")
_SPACE = re.compile(r"\\[hv]space\*?\s*\{[^{}]*\}|\\(?:label|tag)\s*\{[^{}]*\}")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)|~")
_SHORT = re.compile(
    r"(\\frac)\s*(\d)\s*(?=[\d{])|(\\frac\s*\{[^{}]*\})\s*(\d)|(\\frac\s+\d)\s*(\d)|([\^_]|\\sqrt)\s*(\d)(?=\d)"
)
_ATOM = re.compile(r"\{\s*(\\[A-Za-z]+|[^\s\\{}])\s*\}")
_RATIO = re.compile(r"\\frac\s*(?:\{\s*(\d+)\s*\}|([A-Za-z\d]))\s*(?:\{\s*(\d+)\s*\}|([A-Za-z\d])(?!\d|\.\d))")
_DEGREE = re.compile(r"\^\s*(?:\{\s*)?∘(?:\s*\})?")
_PRIME = re.compile(r"\^\s*(?:\{\s*)?((?:′\s*)+)\}?|\^\s*\{\s*('+)\s*\}")
_BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)([^*]+)\*\*(?![\w*])")
_BLANKS = re.compile(" {2,}")
_TAIL = re.compile(r"[\s.,;:?]+$")
_PIECE = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|\.\d+|[^\s]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NAMED = re.compile(r"\\(begin|end)\s*\{([A-Za-z]+)\*?\}")
_SYNONYMS = {  # one spelling of commands and signs with the same meaning
    "dfrac": "\\frac", "tfrac": "\\frac", "cfrac": "\\frac", "dbinom": "\\binom", "tbinom": "\\binom", "le": "≤",
    "leq": "≤", "leqslant": "≤", "leqq": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "geqq": "≥", "ne": "≠",
    "neq": "≠", "lt": "<", "gt": ">", "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "ast": "*",
    "circ": "∘", "degree": "°", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lVert": "‖", "rVert": "‖",
    "Vert": "‖", "|": "‖", "parallel": "∥", "ldots": "…", "cdots": "…", "dots": "…", "dotsc": "…", "dotsb": "…",
    "to": "→", "rightarrow": "→", "longrightarrow": "→", "Rightarrow": "⇒", "implies": "⇒", "Longrightarrow": "⇒",
    "iff": "⇔", "Leftrightarrow": "⇔", "lbrace": "⦃", "rbrace": "⦄", "{": "⦃", "}": "⦄", "infty": "∞", "pi": "π",
    "emptyset": "∅", "varnothing": "∅", "in": "∈", "cup": "∪", "cap": "∩", "prime": "′", "colon": ":", "land": "∧",
    "wedge": "∧", "lor": "∨", "vee": "∨", "approx": "≈", "equiv": "≡", "sim": "∼", "perp": "⊥", "triangle": "△",
    "angle": "∠", "alpha": "α", "beta": "β", "gamma": "γ", "theta": "θ", "bar": "\\overline", "widehat": "\\hat",
    "%": "%", "#": "#", "&": "&", "_": "_", "[": "[", "]": "]", "(": "(", ")": ")", "\\": "¶", "lbrack": "[",
    "rbrack": "]", "lparen": "(", "rparen": ")", "sum": "∑", "sqrt": "\\sqrt",
}  # fmt: skip
_IGNORED = frozenset(
    [
        "displaystyle",
        "textstyle",
        "scriptstyle",
        "limits",
        "nolimits",
        "quad",
        "qquad",
        "thinspace",
        "enspace",
        "nobreak",
        "displaylimits",
        "rm",
        "bf",
        "it",
        "large",
        "Large",
        "centering",
        "noindent",
        "notag",
        "nonumber",
        ",",
        "!",
        ";",
        ":",
        " ",
        ">",
        "/",
        "@",
        "-",
    ]
)
_SIGNS = str.maketrans(
    {
        "−": "-",
        "‐": "-",
        "‑": "-",
        "–": "-",
        "﹣": "-",
        "“": '"',
        "”": '"',
        "’": "'",
        "‘": "'",
        "⋅": "·",
        "•": "·",
        "∶": ":",
        "º": "°",
        "√": "\\sqrt ",
    }
)

_SUPER, _SUB = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "₀₁₂₃₄₅₆₇₈₉₊₋ₙ"
_RAISED = re.compile(f"[{_SUPER}]+|[{_SUB}]+")
_HALVES = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_LEVEL = str.maketrans(_SUPER + _SUB, "0123456789+-n" * 2)


@lru_cache(1 << 16)  # two default filters need the same texts
def latex_form(text: str) -> str:
    """The text with one spelling of every formula, between dollar signs, and of white space, dashes, quotes and bold.

    Delimiters, `\\dfrac` and `\\frac12`, braces around one sign, `\\left` and `\\right`, spacing, fonts, synonyms of
    signs (also in Unicode), dashes as minus signs, and punctuation at a formula's end are treated as spellings; no
    number, letter, sign or operator is lost. The result is for comparing, not for display.

    >>> latex_form("Find \\\\[x^{2}+\\\\dfrac{1}{2}.\\\\]") == latex_form("Find $x^2 + \\\\frac12$.")
    True
    >>> latex_form("$x^{10}$") == latex_form("$x^10$")
    False
    """
    if "$" not in text and "\\" not in text and text.isascii():  # prose, whose signs have one spelling
        return prose_form(normal_form(text))
    return "".join(f"${part}$" if is_formula else part for part, is_formula in pieces(text))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The normal form as (text, is a formula) pieces, left to right; formulas without delimiters.

    The tokens of a formula are one blank apart.

    >>> list(pieces("If $x=2$, find \\\\(x\\\\)."))
    [('If ', False), ('x = 2', True), (', find ', False), ('x', True), ('.', False)]
    """
    normal = normal_form(text)
    if not normal.isascii():
        normal = _HALVES.sub(_expand_fraction, _RAISED.sub(_expand_index, normal.translate(_SIGNS)))
    position, pending = 0, ""
    for before, start, end, after in formulas(normal):
        inside = (
            normal[start:end]
            if normal[before] in "$\\"
            and (normal[before] == "$" or normal[before + 1] in "([" or _DISPLAY.match(normal, before))
            else ""
        )
        formula = formula_form(inside or normal[before:after])
        bare = _TAIL.sub("", formula)
        if pending + normal[position:before]:
            yield prose_form(pending + normal[position:before]), False
        if bare:
            yield bare, True
        pending, position = formula[len(bare) :].replace(" ", ""), after
        if pending and normal[position : position + 4].lstrip("*_")[:1].isalnum():
            pending += " "
        elif not pending and normal[position : position + 1].isdigit():
            pending = " "  # a dollar sign before a digit would not close the formula
    if pending + normal[position:]:
        yield prose_form(pending + normal[position:]), False


def prose_form(text: str) -> str:
    """Prose without bold marks and font commands, and with one spelling of math commands outside of delimiters.

    >>> prose_form("The **largest** \\\\textbf{sum} \\\\leq 5")
    'The largest sum ≤ 5'
    """
    if "**" in text:
        text = _BOLD.sub(r"\1", text)
    if "\\" not in text:
        return text
    return _BLANKS.sub(" ", _COMMAND.sub(_replace_command, _SIZE.sub("", _FONT.sub(r"\1", text))))


@lru_cache(1 << 16)  # most formulas are short and occur again
def formula_form(formula: str) -> str:
    """A formula without its delimiters in one spelling: its tokens, one blank apart.

    >>> formula_form(r"\\left(\\tfrac{1}{2}\\right)^{n}\\leq 60^{\\circ}")
    '( 1 / 2 ) ^ n ≤ 60 °'
    """
    if formula.isalpha():
        return " ".join(formula)
    form = formula.replace("$", " ") if "\\$" not in formula else formula.replace("\\$", "\\dollar ").replace("$", " ")
    if "{,}" in form or "\\" in form or "~" in form:
        form = _GAP.sub("", form)
        if "\\" in form:
            form = _NAMED.sub(r"\\\1\2 ", _SPACE.sub("", _SIZE.sub(" ", _FONT.sub(r" \1 ", form))))
            form = _COMMAND.sub(_replace_command, form)
    if "^" in form or "_" in form or "\\" in form:
        form = _SHORT.sub(_spell_out, _SHORT.sub(_spell_out, form))
    if "{" in form:
        while (bare := _ATOM.sub(r" \1 ", form)) != form:
            form = bare
    if "\\frac" in form:
        form = _RATIO.sub(lambda match: f"{match[1] or match[2]} / {match[3] or match[4]} ", form)
    if "∘" in form:
        form = _DEGREE.sub(" ° ", form)
    if "′" in form or "'" in form:
        form = _PRIME.sub(lambda match: "'" * len((match[1] or match[2]).replace(" ", "")), form).replace("′", "'")
    if "," in form:
        form = _THOUSANDS.sub("", form)
    return " ".join(_PIECE.findall(form)).replace("{ } ", "")


def formulas(text: str) -> Iterator[tuple[int, int, int, int]]:
    """The positions of formulas, with delimiters and without: (before, start, end, after), left to right.

    A $ opens mathematics if no blank follows it, and closes it if no blank stands before it and no digit after it, so
    "$5 and $6" are prices. Linear in the text, however many delimiters are never closed.
    """
    if "$" not in text and "\\" not in text:
        return
    position, unclosed = 0, set[str]()
    while match := _OPEN.search(text, position):
        position, mark = match.end(), match[0]
        if _is_escaped(text, match.start()) and len(mark) < 3:  # \$ is a price, and \\( begins a line
            position = match.start() + 1
            continue
        close = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}.get(mark) or mark.replace("begin", "end")
        if close in unclosed:
            continue
        end = _find_close(text, close, position)
        if end < 0:
            unclosed.add(close)
        elif mark != "$" or (
            end > position
            and not text[position].isspace()
            and not text[end - 1].isspace()
            and not text[end + 1 : end + 2].isdigit()
        ):
            yield match.start(), position, end, end + len(close)
            position = end + len(close)


def _find_close(text: str, close: str, position: int) -> int:
    """The position of the closing delimiter after a position, escaped dollar signs not counting; -1 = none."""
    end = text.find(close, position)
    while end > position and _is_escaped(text, end):
        end = text.find(close, end + 1)
    return end


def _is_escaped(text: str, position: int) -> bool:
    return position > 0 and text[position - 1] == "\\" and text[position - 2 : position - 1] != "\\"


def _expand_index(match: re.Match[str]) -> str:
    """Raised and lowered characters in LaTeX's notation."""
    inner = match[0].translate(_LEVEL)
    return ("^" if match[0][0] in _SUPER else "_") + (inner if len(inner) == 1 else f"{{{inner}}}")


def _expand_fraction(match: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[2]).partition("⁄")
    return f"{match[1]} {top}/{bottom}" if match[1] else f"{top}/{bottom}"


def _replace_command(match: re.Match[str]) -> str:
    name = match[0][1:]
    if match[0] == "~" or name in _IGNORED:
        return " "
    synonym = _SYNONYMS.get(name)
    if synonym is None:
        return match[0]
    return synonym if synonym[0] == "\\" else f" {synonym} " if len(name) > 1 else synonym


def _spell_out(match: re.Match[str]) -> str:
    return " ".join(part for part in match.groups() if part) + " "
