"""Clean an answer, and spell its plain-text and Unicode mathematics as LaTeX, by substitution only.

Nothing of an answer is evaluated.
"""

import re
import unicodedata

from assay.verifiers.answers.brackets import find_closing

TEXT, END = "\x02", "\x03"  # around the content of \\text{}: words, whatever their letters
_CHARACTERS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "﹣": "-",
    "－": "-",
    "＋": "+",
    "×": r"\times ",
    "✕": r"\times ",
    "·": r"\cdot ",
    "⋅": r"\cdot ",
    "∗": r"\cdot ",
    "÷": r"\div ",
    "∕": "/",
    "⁄": "/",
    "≤": r"\leq ",
    "⩽": r"\leq ",
    "≥": r"\geq ",
    "⩾": r"\geq ",
    "≠": r"\neq ",
    "≈": r"\approx ",
    "π": r"\pi ",
    "∞": r"\infty ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "±": r"\pm ",
    "°": r"^\circ ",
    "º": r"^\circ ",
    "′": "'",
    "∅": r"\emptyset ",
    "（": "(",
    "）": ")",
    "，": ", ",
    "、": ", ",
    "；": ";",
    "：": ":",
    "＝": "=",
    "％": "%",
    "。": ".",
    "［": "[",
    "］": "]",
    "｛": "{",
    "｝": "}",
    "＜": "<",
    "＞": ">",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\u3000": " ",
    "\u200b": "",
    "∑": r"\sum ",
    "∫": r"\int ",
    "∏": r"\prod ",
    "µ": "μ",
    "．": ".",
    "α": r"\alpha ",
    "β": r"\beta ",
    "γ": r"\gamma ",
    "θ": r"\theta ",
    "λ": r"\lambda ",
    "φ": r"\phi ",
    "ω": r"\omega ",
    "σ": r"\sigma ",
    "Δ": r"\Delta ",
}
_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)}
_TABLE = str.maketrans(_CHARACTERS) | _FULL_WIDTH
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_FRACTIONS = dict(
    zip(
        "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒",
        ["12", "13", "23", "14", "34", "15", "25", "35", "45", "16", "56", "18", "38", "58", "78", "17", "19", "1."],
        strict=True,
    )
)
_SUPER, _SUB = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]+"), re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_VULGAR = re.compile(f"[{''.join(_FRACTIONS)}]")
_ROOT = re.compile(r"[√∛]\s*")
_WORDY = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|mbox|mathrm|operatorname|mathbf|mathit|mathsf|boldsymbol"
    r"|bm|emph|rm|bf)\b\*?\s*\{"
)
_SWITCH = re.compile(r"\{\\(?:rm|bf|it)\s+([^{}]*)\}|\\(?:rm|bf|it)\b")
_SPACES = re.compile(
    r"(\\\\)|\\(?:[,;: ]|quad\b|qquad\b|enspace\b|thinspace\b|hspace\{[^{}]*\})|~|\\(?:displaystyle"
    r"|textstyle|limits|nolimits)\b"
)
_SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|middle)(?![A-Za-z])\s*\.?(?=[^A-Za-z]|$)")
_FRAC = re.compile(r"\\[dtc]?frac(?![A-Za-z])\s*")
_BRACE = re.compile(r"\s*\{")
_ARGUMENT = re.compile(r"\s*(\d|[A-Za-z]|\\[A-Za-z]+)")  # an argument without braces
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\d|[a-zA-Z])(?![A-Za-z])")
_POWER = re.compile(r"\^\s*(-?\d+(?:\.\d+)?(?!\d)|-[A-Za-z](?![A-Za-z]))")
_CALL = re.compile(
    r"(?<![A-Za-z\\])(sqrt|cbrt|exp|abs|C|binom|comb|pi|infinity|infty|inf|oo)(?![A-Za-z])|\\(sqrt|exp)(?=\s*\()|\\exp(?=\s*\{)"
)
_NAMES = re.compile(
    r"(?<![A-Za-z\\])(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|theta|alpha|beta|gamma|lambda|omega|phi)(?![A-Za-z])"
)
_OPERATORS = (
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"<=|\\leqslant\b|\\le(?![a-zA-Z])"), r"\\leq "),
    (re.compile(r">=|\\geqslant\b|\\ge(?![a-zA-Z])"), r"\\geq "),
)
_MORE_OPERATORS = (
    (re.compile(r"!=|\\ne(?![a-zA-Z])"), r"\\neq "),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
)
_STAR = re.compile(r"\s*\*\s*")
_ESCAPES = {"\f": "\\f", "\t": "\\t", "\n": "\\n", "\b": "\\b", "\r": "\\r", "\v": "\\v", "\a": "\\a"}
_LOST = re.compile(
    "([\f\t\n\b\r\v\a])((?<=\f)(?:rac|box)|(?<=\t)(?:imes|ext|heta|an|frac|o(?![a-z])|au)|(?<=\n)(?:eq|u(?![a-z])|eg|abla)|(?<=\b)(?:eta|inom|egin|ar|oxed)|(?<=\r)(?:ight|ho|angle)|(?<=\v)ec|(?<=\a)(?:lpha|ngle))"
)
# km over h
_RATE = re.compile(rf"\\[dt]?frac\s*\{{\s*{TEXT}([^{END}]*){END}\s*\}}\s*\{{\s*{TEXT}([^{END}]*){END}\s*\}}")
_LOG_BASE = re.compile(r"(?<![A-Za-z\\])log(\d{1,3})\s*\(")
_CHOOSE = re.compile(r"(?<!\w)(\d{1,6})\s?C\s?(\d{1,6})(?!\w)|(?<![A-Za-z])nCr\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_GROUPED = re.compile(r"\^\s*\(")
_FILLER = re.compile(r"^(?:=|\\approx|\\text\{\}|:)\s*")
EDGE = " \t\n.,;:*"  # what may stand around an answer


def clean_answer(raw: str) -> str:
    """Spell an answer as LaTeX, without its decoration: dollar signs, bold, a box, spaces, a full stop."""
    bare = restore_escapes(raw).strip().replace('\\"', '"').strip('`"“”„«»').strip()
    for _ in range(3):
        inner = bare.strip("$. ")
        if inner.startswith((r"\boxed{", r"\fbox{")) and find_closing(inner, inner.index("{")) == len(inner):
            bare = inner[inner.index("{") + 1 : -1]
    bare = re.sub(r"\*\*(?=\S)([^*]+)\*\*", r"\1", bare)
    bare = bare.replace("$$", "$")
    if len(re.findall(r"(?<!\\)\$", bare)) % 2:
        bare = re.sub(r"(?<!\\)\$(?=\s*-?[\d.])", r"\\$", bare, count=1)
    bare = re.sub(r"(?<!\\)\$|\\[()]|(?<!\\)\\\[|(?<!\\)\\\](?!\s*$)|\\\]\s*$", " ", bare)
    bare = re.sub(r"\\[lr]vert(?![A-Za-z])\s*", "|", bare)
    bare = re.sub(r"\s+", " ", spell_as_latex(bare)).strip()
    bare = re.sub(r"(?<=[\d}]) ,|, (?=,)", ",", bare)
    bare = re.sub(
        rf"(?<=[\d}}%])\s*\(\s*(?!(?:[A-Za-z][ -]+)+[A-Za-z]\s*\))(?:{TEXT})?([A-Za-z](?:[A-Za-z -]"
        rf"|\.(?=[ A-Za-z]))*[A-Za-z]\.?)(?:{END})?\s*\)$",
        rf" {TEXT}\1{END}",
        bare,
    )
    bare = re.sub(r"^(-?[\d.,]+)\s+\(([msghLlNJWKVA])\)$", r"\1 \2", bare)  # 10 (m): perhaps a unit
    while bare and bare[-1] in EDGE and not bare.endswith(("\\,", "..", "\\.", ". m.")):
        bare = bare[:-1].rstrip()
    return _FILLER.sub("", bare).strip()


def spell_as_latex(text: str) -> str:
    """Return the LaTeX of a short expression, however it was typed.

    The content of \\text{} stands between the marks TEXT and END.

    >>> spell_as_latex("2√5"), spell_as_latex("x**2 + sqrt(3)"), spell_as_latex("½"), spell_as_latex("exp(2x)")
    ('2\\\\sqrt{5}', 'x^{2} + \\\\sqrt{3}', '\\\\frac{1}{2}', 'e^{2x}')
    """
    latex = text if text.isascii() else _to_ascii(text)
    latex = _mark_words(_SPACES.sub(lambda match: match[1] or " ", re.sub(r"\\!\s*", "", latex)))
    latex = _SIZES.sub("", latex).replace("{,}", ",").replace("{, }", ",")
    latex = _RATE.sub(rf"{TEXT}\1/\2{END}", latex)
    parts = re.split(f"({TEXT}[^{END}]*{END})", latex)
    return "".join(part if part.startswith(TEXT) else _spell_formula(part) for part in parts).strip()


def restore_escapes(text: str) -> str:
    """Restore commands whose backslash was read as an escape: form feed + "rac" is \\frac, tab + "imes" is \\times."""
    return _LOST.sub(lambda match: _ESCAPES[match[1]] + match[2], text) if _LOST.search(text) else text


def _to_ascii(text: str) -> str:
    bare = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    bare = _VULGAR.sub(_spell_unicode_fraction, bare)
    bare = _SUPER.sub(lambda match: f"^{{{match.group().translate(_RAISED)}}}", bare)
    bare = _SUB.sub(lambda match: f"_{{{match.group().translate(_LOWERED)}}}", bare)
    bare = bare.translate(_TABLE)
    while match := _ROOT.search(bare):
        name = r"\sqrt" if match.group().startswith("√") else r"\sqrt[3]"
        bare = bare[: match.start()] + _spell_root(name, bare[match.end() :])
    return bare


def _spell_unicode_fraction(match: re.Match[str]) -> str:
    digits = _FRACTIONS[match.group()]
    numerator, denominator = digits[0], digits[1]
    return rf"\frac{{{numerator}}}{{{denominator if denominator != '.' else '10'}}}"


def _spell_root(name: str, after: str) -> str:
    if after.startswith("(") and (end := find_closing(after, 0)) > 0:
        return f"{name}{{{after[1 : end - 1]}}}{after[end:]}"
    match = re.match(r"\d+(?:\.\d+)?|[A-Za-z]|\{[^{}]*\}|\\[a-z]+ ?", after)
    body = match.group() if match else ""
    return f"{name}{{{body.strip('{}')}}}{after[len(body) :]}"


def _mark_words(text: str) -> str:
    bare = _SWITCH.sub(lambda match: f"{TEXT}{match[1]}{END}" if match[1] else "", text)
    for _ in range(40):
        match = _WORDY.search(bare)
        end = find_closing(bare, match.end() - 1) if match else -1
        if match is None or end < 0:
            break
        body = bare[match.end() : end - 1]
        bare = bare[: match.start()] + _spell_words(body, match.group()) + bare[end:]
    return bare


def _spell_words(body: str, command: str) -> str:
    plain = _WORDY.sub("", body).replace(TEXT, "").replace(END, "")
    if not re.search("[A-Za-z]", plain) or (
        "text" not in command and "mbox" not in command and len(plain.strip()) == 1
    ):
        return f" {body} "  # digits, or one letter in another face
    return f"{TEXT}{plain.replace('{', '').replace('}', '').replace('$', '')}{END}"


def _spell_formula(text: str) -> str:
    bare = text
    for pattern, latex in (*_OPERATORS, *_MORE_OPERATORS):
        bare = pattern.sub(latex, bare)
    bare = _spell_fractions(_SHORT_ROOT.sub(r"\\sqrt{\1}", bare))
    bare = _CHOOSE.sub(
        lambda match: rf"\binom{{{match[1] or match[3]}}}{{{match[2] or match[4]}}}", _LOG_BASE.sub(r"log_{\1}(", bare)
    )
    bare = _brace_powers(_spell_calls(_NAMES.sub(r"\\\1 ", bare)))
    return _STAR.sub(r" \\cdot ", _POWER.sub(r"^{\1}", bare))


def _spell_fractions(text: str) -> str:
    """Spell every fraction as \\frac with braces around numerator and denominator, where both can be told."""
    bare, position = text, 0
    while match := _FRAC.search(bare, position):
        numerator, after_numerator = _read_argument(bare, match.end())
        denominator, after = _read_argument(bare, after_numerator)
        position = match.start() + len(r"\frac")
        if numerator and denominator:
            bare = rf"{bare[: match.start()]}\frac{{{numerator}}}{{{denominator}}}{bare[after:]}"
        else:
            bare = rf"{bare[: match.start()]}\frac{bare[match.end() :]}"
    return bare


def _read_argument(text: str, position: int) -> tuple[str, int]:
    """Return a command's argument from a position on, without braces, and its end; ("", position) for none."""
    if brace := _BRACE.match(text, position):
        end = find_closing(text, brace.end() - 1)
        return (text[brace.end() : end - 1], end) if end > 0 else ("", position)
    argument = _ARGUMENT.match(text, position)
    if argument is None:
        return "", position
    end = argument.end()
    if argument[1] == r"\sqrt" and (root := _BRACE.match(text, end)):
        end = max(find_closing(text, root.end() - 1), end)
    return text[argument.start(1) : end], end


def _brace_powers(text: str) -> str:
    bare, at = text, 0
    while match := _GROUPED.search(bare, at):
        end = find_closing(bare, match.end() - 1)
        at = match.start() + 1
        if end > 0:
            bare = f"{bare[: match.start()]}^{{{bare[match.end() : end - 1]}}}{bare[end:]}"
    return bare


def _spell_calls(text: str) -> str:
    bare, at = text, 0
    while match := _CALL.search(bare, at):
        name, start = match.group().lstrip("\\"), match.end()
        at = start
        if name == "pi":
            bare = f"{bare[: match.start()]}\\pi {bare[start:]}"
            at = match.start() + 4
        elif name in ("infinity", "infty", "inf", "oo"):
            bare = f"{bare[: match.start()]}\\infty {bare[start:]}"
            at = match.start() + 7
        elif (begin := re.compile(r"\s*[({]").match(bare, start)) and (end := find_closing(bare, begin.end() - 1)) > 0:
            inside = bare[begin.end() : end - 1]
            bare = bare[: match.start()] + _spell_call(name, inside, bare[match.start() : end]) + bare[end:]
            at = match.start() + 1
    return bare


def _spell_call(name: str, inside: str, original: str) -> str:
    if name in ("C", "binom", "comb"):
        parts = inside.split(",")
        return (
            rf"\binom{{{parts[0].strip()}}}{{{parts[1].strip()}}}"
            if len(parts) == 2 and all(part.strip() for part in parts)
            else original
        )
    return {
        "sqrt": rf"\sqrt{{{inside}}}",
        "cbrt": rf"\sqrt[3]{{{inside}}}",
        "exp": f"e^{{{inside}}}",
        "abs": f"|{inside}|",
    }[name]
