"""Text that others wrote, made safe for where people read it: a terminal obeys control sequences, Markdown loads pictures.

What a model, a data set, a server or a name in a config wrote passes through here on every way out; what is stored stays as it was.
"""

import re

# C0 and C1 controls but line feed and tab, DEL; marks that turn the direction of writing; line and paragraph separators; halves of
# surrogate pairs; invisible operators and tags
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~:&@$^=])")
NEWLINES = re.compile(r"\s*\n\s*")


def visible(text: str) -> str:
    r"""Write out what a terminal would obey rather than show; line feeds and tabs stay.

    >>> visible("\x1b]52;c;cm0gLXJm\x07 \u202etxt"), visible("two\n\tlines")
    ('\\x1b]52;c;cm0gLXJm\\x07 \\u202etxt', 'two\n\tlines')
    """
    return text if text.isprintable() else OBEYED.sub(_written_out, text)


def inert(text: str) -> str:
    r"""Return a text that Markdown shows as it is, on one line: no code, link, picture or HTML begins in it.

    >>> inert("a`b ![x](http://e.org/p)\n<img>")
    'a\\`b \\!\\[x\\]\\(http\\://e.org/p\\) \\<img\\>'
    """
    return MARKUP.sub(r"\\\1", visible(NEWLINES.sub(" ", text)))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
