"""One page that loads nothing: the viewer's own modules, styles and formulas, with the answers to their requests."""

import base64
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
ENTRY = "report.js"
IN_PLACE_OF = {"api.js": "snapshot.js"}  # a report asks nobody
IMPORT = re.compile(r"^import \{([^}]*)\} from '([^']+)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
FORMULA = re.compile(r"[$]|\\\\[\[(a-zA-Z]")  # in JSON, where a backslash is two
FONT = re.compile(r"url\((fonts/[\w-]+\.woff2)\)")
POLICY = "style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{styles}</style>
</head>
<body class="report">
<header class="bar">
  <div class="brand"><span class="logo" aria-hidden="true"></span><span class="name" id="name"></span><span class="place" id="place"></span></div>
  <nav id="nav" aria-label="Parts of this page"></nav>
  <div class="tools"><button type="button" id="theme" class="quiet" aria-label="Switch between light and dark"></button></div>
</header>
<main id="main" tabindex="-1"></main>
<noscript>This page draws its charts and tables with the script that it holds, and loads nothing: open it in a browser that runs scripts.</noscript>
<script type="application/json" id="answers">{answers}</script>
{scripts}
</body>
</html>
"""


def build_page(title: str, answers: Mapping[str, Any]) -> str:
    """Build the page of some answers.

    Args:
        title: of the page.
        answers: by the name under which a view asks for them.

    Returns:
        HTML whose policy lets nothing run but these scripts, and load nothing at all.
    """
    data = json.dumps(answers, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    styles, scripts = [_static("style.css")], [bundle(ENTRY)]
    if FORMULA.search(data):
        styles.insert(0, FONT.sub(_as_data, _static("vendor/katex/katex.min.css")))
        scripts.insert(0, _static("vendor/katex/katex.min.js"))
    hashes = " ".join(f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return PAGE.format(
        policy=f"default-src 'none'; script-src {hashes}; {POLICY}",
        title=escape(title),
        styles="\n".join(styles),
        answers=inert(data),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def inert(data: str) -> str:
    """Write JSON so that it ends no element and begins none: the signs of markup as escapes.

    >>> inert('{"a":"</script>&"}')
    '{"a":"\\\\u003c/script\\\\u003e\\\\u0026"}'
    """
    return data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def bundle(entry: str) -> str:
    """Join a module and all that it imports into one script, each in a scope of its own.

    Args:
        entry: name of the file under `static/js`.
    """
    scopes: dict[str, str] = {}
    _add(entry, scopes)
    return '(() => {\n"use strict";\nconst modules = {};\n' + "\n".join(scopes.values()) + "\n})();"


def _add(name: str, scopes: dict[str, str]) -> None:
    """Add a module behind those that it imports."""
    text = _static(f"js/{name}")
    imports = {path: _resolve(name, path) for _, path in IMPORT.findall(text)}
    for target in imports.values():
        if target not in scopes:
            _add(target, scopes)
    names = EXPORT.findall(text)
    text = IMPORT.sub(
        lambda match: f"const {{{match[1].replace(' as ', ': ')}}} = modules['{imports[match[2]]}'];\n", text
    )
    text = EXPORT.sub("", text)
    scopes[name] = f"modules['{name}'] = (() => {{\n{text}\nreturn {{ {', '.join(names)} }};\n}})();"


def _resolve(name: str, path: str) -> str:
    place = (STATIC / "js" / name).parent.joinpath(path).resolve().relative_to((STATIC / "js").resolve()).as_posix()
    return IN_PLACE_OF.get(place, place)


def _as_data(match: re.Match[str]) -> str:
    font = base64.b64encode((STATIC / "vendor" / "katex" / match[1]).read_bytes()).decode()
    return f"url(data:font/woff2;base64,{font})"


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
