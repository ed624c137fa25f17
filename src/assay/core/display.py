"""Make text that others wrote safe to show: a terminal obeys control sequences, and Markdown loads pictures.

What a model, a data set, a server or a name in a config wrote passes through here wherever it is shown; what is stored
stays as it was.
"""

import re

# C0 and C1 controls except line feed and tab, DEL; marks that turn the direction of writing; line and paragraph
# separators; halves of surrogate pairs; invisible operators and tags
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~:&@$^=])")
NEWLINES = re.compile(r"\s*\n\s*")


def escape_controls(text: str) -> str:
    r"""Write out what a terminal would obey rather than show; line feeds and tabs stay.

    >>> escape_controls("\x1b]52;c;cm0gLXJm\x07 \u202etxt"), escape_controls("two\n\tlines")
    ('\\x1b]52;c;cm0gLXJm\\x07 \\u202etxt', 'two\n\tlines')
    """
    return text if text.isprintable() else CONTROLS.sub(_escape, text)


def escape_markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is, on one line: it can begin no code, link, picture or HTML.

    >>> escape_markdown("a`b ![x](http://e.org/p)\n<img>")
    'a\\`b \\!\\[x\\]\\(http\\://e.org/p\\) \\<img\\>'
    """
    return MARKUP.sub(r"\\\1", escape_controls(NEWLINES.sub(" ", text)))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
