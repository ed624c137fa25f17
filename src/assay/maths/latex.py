"""One normal form of mathematics: what is typeset otherwise and means the same is one text, for comparing problems and answers."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from assay.maths.text import normal_form

_OPEN = re.compile(r"\$\$?|\\\(|\\\[|\\begin\{(?:equation|align|aligned|gather|array|cases|[pbvBV]?matrix)\*?\}")
_DISPLAY = re.compile(r"\\begin\{(?:equation|align|gather)\*?\}")  # these say where mathematics stands and no more
_FONTS = r"text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|tt|normal)|boldsymbol|bm|pmb|operatorname\*?|mbox|hbox|emph|textup"
_FONT = re.compile(rf"\\(?:{_FONTS})\s*\{{([^{{}}]*)\}}")
_GAP = re.compile(r"(?<=\d)(?:\\[,!;: ]|\{,\}|~)+(?=\d{3}(?!\d))")  # between thousands
_SIZE = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*(?:\.(?!\d))?")
_SPACE = re.compile(r"\\[hv]space\*?\s*\{[^{}]*\}|\\(?:label|tag)\s*\{[^{}]*\}")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)|~")
_SHORT = re.compile(r"(\\frac)\s*(\d)\s*(?=[\d{])|(\\frac\s*\{[^{}]*\})\s*(\d)|(\\frac\s+\d)\s*(\d)|([\^_]|\\sqrt)\s*(\d)(?=\d)")
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
_SAME = {  # one spelling of what is spelt in several ways
    "dfrac": "\\frac", "tfrac": "\\frac", "cfrac": "\\frac", "dbinom": "\\binom", "tbinom": "\\binom",
    "le": "≤", "leq": "≤", "leqslant": "≤", "leqq": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "geqq": "≥", "ne": "≠", "neq": "≠",
    "lt": "<", "gt": ">", "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "ast": "*", "circ": "∘", "degree": "°",
    "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "parallel": "∥",
    "ldots": "…", "cdots": "…", "dots": "…", "dotsc": "…", "dotsb": "…", "to": "→", "rightarrow": "→", "longrightarrow": "→",
    "Rightarrow": "⇒", "implies": "⇒", "Longrightarrow": "⇒", "iff": "⇔", "Leftrightarrow": "⇔", "lbrace": "⦃", "rbrace": "⦄", "{": "⦃", "}": "⦄",
    "infty": "∞", "pi": "π", "emptyset": "∅", "varnothing": "∅", "in": "∈", "cup": "∪", "cap": "∩", "prime": "′", "colon": ":",
    "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "approx": "≈", "equiv": "≡", "sim": "∼", "perp": "⊥", "triangle": "△", "angle": "∠",
    "alpha": "α", "beta": "β", "gamma": "γ", "theta": "θ", "bar": "\\overline", "widehat": "\\hat", "%": "%", "#": "#", "&": "&", "_": "_",
    "[": "[", "]": "]", "(": "(", ")": ")", "\\": "¶", "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "sum": "∑", "sqrt": "\\sqrt",
}  # fmt: skip
_NONE = frozenset(
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


@lru_cache(1 << 16)  # two default filters ask for the same texts, one after the other
def latex_form(text: str) -> str:
    """The text with every formula in one spelling, between dollar signs, and its white space, dashes, quotes and bold marks evened out.

    Delimiters, `\\dfrac` and `\\frac12`, braces around one sign, `\\left` and `\\right`, spacing, fonts, synonyms of signs (also as Unicode),
    dashes as minus signs, and punctuation at a formula's end are spellings; no number, letter, sign or operator is lost. Not for showing.

    >>> latex_form("Find \\\\[x^{2}+\\\\dfrac{1}{2}.\\\\]") == latex_form("Find $x^2 + \\\\frac12$.")
    True
    >>> latex_form("$x^{10}$") == latex_form("$x^10$")
    False
    """
    return "".join(f"${part}$" if is_formula else part for part, is_formula in pieces(text))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The normal form as prose and formulas, left to right; of a formula without its delimiters, and with its tokens one blank apart.

    >>> list(pieces("If $x=2$, find \\\\(x\\\\)."))
    [('If ', False), ('x = 2', True), (', find ', False), ('x', True), ('.', False)]
    """
    plain = normal_form(text)
    if not plain.isascii():
        plain = _HALVES.sub(_fraction, _RAISED.sub(_index, plain.translate(_SIGNS)))
    at, held = 0, ""
    for before, start, end, after in formulas(plain):
        inside = (
            plain[start:end]
            if plain[before] in "$\\" and (plain[before] == "$" or plain[before + 1] in "([" or _DISPLAY.match(plain, before))
            else ""
        )
        formula = formula_form(inside or plain[before:after])
        bare = _TAIL.sub("", formula)
        if held + plain[at:before]:
            yield prose_form(held + plain[at:before]), False
        if bare:
            yield bare, True
        held, at = formula[len(bare) :].replace(" ", ""), after
        if held and plain[at : at + 1].isalnum():
            held += " "
        elif not held and plain[at : at + 1].isdigit():
            held = " "  # a closing dollar sign before a digit would be none
    if held + plain[at:]:
        yield prose_form(held + plain[at:]), False


def prose_form(text: str) -> str:
    """Prose without bold marks and font commands; a command of mathematics outside of any delimiter has its one spelling too.

    >>> prose_form("The **largest** \\\\textbf{sum} \\\\leq 5")
    'The largest sum ≤ 5'
    """
    if "**" in text:
        text = _BOLD.sub(r"\1", text)
    if "\\" not in text:
        return text
    return _BLANKS.sub(" ", _COMMAND.sub(_signs, _SIZE.sub("", _FONT.sub(r"\1", text))))


@lru_cache(1 << 16)  # most formulas are short and come again
def formula_form(formula: str) -> str:
    """One spelling of a formula without its delimiters: its tokens, one blank apart.

    >>> formula_form(r"\\left(\\tfrac{1}{2}\\right)^{n}\\leq 60^{\\circ}")
    '( 1 / 2 ) ^ n ≤ 60 °'
    """
    if formula.isalpha():
        return " ".join(formula)
    made = formula.replace("$", " ") if "\\$" not in formula else formula.replace("\\$", "\\dollar ").replace("$", " ")
    if "{,}" in made or "\\" in made or "~" in made:
        made = _GAP.sub("", made)
        if "\\" in made:
            made = _NAMED.sub(r"\\\1\2 ", _SPACE.sub("", _SIZE.sub(" ", _FONT.sub(r" \1 ", made))))
            made = _COMMAND.sub(_signs, made)
    if "^" in made or "_" in made or "\\" in made:
        made = _SHORT.sub(_spelt_out, _SHORT.sub(_spelt_out, made))
    if "{" in made:
        while (bare := _ATOM.sub(r" \1 ", made)) != made:
            made = bare
    if "\\frac" in made:
        made = _RATIO.sub(lambda found: f"{found[1] or found[2]} / {found[3] or found[4]} ", made)
    if "∘" in made:
        made = _DEGREE.sub(" ° ", made)
    if "′" in made or "'" in made:
        made = _PRIME.sub(lambda found: "'" * len((found[1] or found[2]).replace(" ", "")), made).replace("′", "'")
    if "," in made:
        made = _THOUSANDS.sub("", made)
    return " ".join(_PIECE.findall(made)).replace("{ } ", "")


def formulas(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Where mathematics stands, with its delimiters and without: (before, start, end, after), left to right.

    A $ opens mathematics where no blank follows it, and closes it where no blank stands before it and no digit after it, so that "$5 and $6" are
    prices. Linear in the text, however many delimiters are never closed.
    """
    if "$" not in text and "\\" not in text:
        return
    at, never = 0, set[str]()
    while found := _OPEN.search(text, at):
        at, mark = found.end(), found[0]
        if _escaped(text, found.start()) and len(mark) < 3:  # \$ is a price, and \\( begins a line
            at = found.start() + 1
            continue
        close = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}.get(mark) or mark.replace("begin", "end")
        if close in never:
            continue
        end = _closed(text, close, at)
        if end < 0:
            never.add(close)
        elif mark != "$" or (end > at and not text[at].isspace() and not text[end - 1].isspace() and not text[end + 1 : end + 2].isdigit()):
            yield found.start(), at, end, end + len(close)
            at = end + len(close)


def _closed(text: str, close: str, at: int) -> int:
    """Where the mark stands that closes what was opened before `at`, an escaped dollar sign not counting; -1 = nowhere."""
    end = text.find(close, at)
    while end > at and _escaped(text, end):
        end = text.find(close, end + 1)
    return end


def _escaped(text: str, at: int) -> bool:
    return at > 0 and text[at - 1] == "\\" and text[at - 2 : at - 1] != "\\"


def _index(found: re.Match[str]) -> str:
    """Raised and lowered characters as LaTeX writes them."""
    inner = found[0].translate(_LEVEL)
    return ("^" if found[0][0] in _SUPER else "_") + (inner if len(inner) == 1 else f"{{{inner}}}")


def _fraction(found: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", found[2]).partition("⁄")
    return f"{found[1]} {top}/{bottom}" if found[1] else f"{top}/{bottom}"


def _signs(found: re.Match[str]) -> str:
    name = found[0][1:]
    if found[0] == "~" or name in _NONE:
        return " "
    same = _SAME.get(name)
    if same is None:
        return found[0]
    return same if same[0] == "\\" else f" {same} " if len(name) > 1 else same


def _spelt_out(found: re.Match[str]) -> str:
    return " ".join(part for part in found.groups() if part) + " "
