"""One page: modules joined, policy by hash, data that ends no element."""

import base64
import json
import re
from hashlib import sha256

from assay.viewer.bundle import ENTRY, build_page, bundle

SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
DATA = re.compile(r'<script type="application/json" id="answers">(.*?)</script>', re.DOTALL)


def test_every_module_stands_behind_those_that_it_imports_and_none_is_left_to_load() -> None:
    script = bundle(ENTRY)
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    order = re.findall(r"^modules\['([^']+)'\] = ", script, re.MULTILINE)
    assert order[-1] == ENTRY
    assert "api.js" not in order
    for name, text in zip(order, script.split("\nmodules[")[1:], strict=True):
        used = re.findall(r"= modules\['([^']+)'\];", text)
        assert all(order.index(other) < order.index(name) for other in used), name


def test_the_policy_lets_just_these_scripts_run() -> None:
    page = build_page("sums", {"text": "$x^2$"})
    scripts = SCRIPT.findall(page)
    assert len(scripts) == 2, "formulas and the views"
    allowed = re.findall(r"'sha256-([^']+)'", page)
    assert allowed == [base64.b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    assert "default-src 'none'" in page
    assert "'unsafe-inline'" not in page.partition("script-src")[2].partition(";")[0]


def test_formulas_come_along_only_where_a_text_may_hold_one() -> None:
    plain, written = build_page("a", {"text": "2 + 2"}), build_page("a", {"text": "\\frac12"})
    assert len(plain) < 200_000 < len(written)
    assert "url(fonts/" not in written


def test_data_comes_back_as_it_went_in_and_ends_no_element() -> None:
    answers = {"text": "</script><!--<script>\u2028&amp;", "number": 1.5}
    found = DATA.findall(build_page("</title><script>", answers))
    assert len(found) == 1
    assert "<" not in found[0]
    assert json.loads(found[0]) == answers
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in build_page("</title><script>", answers)
