"""What a person sees, in a real browser: every view at two widths and in two modes, by keyboard, with hostile texts, while a job runs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks._viewer_lake import KEYS, write_lake

from assay.pipelines.context.run import RunContext
from assay.stores.lake import Lake
from assay.viewer.server import Viewer

pytestmark = pytest.mark.service

VIEWS = ("", "problems", "problem", "difficulty", "clusters", "selectors", "curriculum", "training", "cost", "audit")
WIDTHS, MODES = ((1280, 900), (375, 812)), ("light", "dark")
PICTURES = os.environ.get("ASSAY_PICTURES", "")  # a folder in which the pictures are kept, to be looked at
AXE = """
axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(
  found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html)])
))
"""
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"
CUT_WORDS = """
[...document.querySelectorAll('td, th, dt, dd, h1, h2')]
  .filter(cell => ['break-all', 'anywhere'].some(way => [getComputedStyle(cell).wordBreak, getComputedStyle(cell).overflowWrap].includes(way))).length
"""
CUT_TEXTS = """
[...document.querySelectorAll('main button, .facts dd, .tile dd, .viewport .c-int, .telling > summary')]
  .filter(box => box.clientWidth && box.scrollWidth > box.clientWidth + 1).map(box => box.outerHTML.slice(0, 120))
"""
PICK = """
fetch('/api/pool?where=' + encodeURIComponent("n_correct > 0 AND selection = 'selected'"), {headers: {'X-Assay-Token': '%s'}})
  .then(told => told.json()).then(told => told.rows[0].id)
"""
HOSTILE = {
    "script": '</td></script><script>window.hit = 1</script><img src=x onerror="window.hit = 2">',
    "handlers": '"><svg onload="window.hit = 3"><a href="javascript:window.hit = 4">x</a><iframe srcdoc="<script>parent.hit = 5</script>">',
    "katex": r"$\href{javascript:window.hit=6}{x}$ $\htmlData{a=b}{x}$ $\includegraphics{http://evil.example/x.png}$ $\url{http://evil.example}$",
    "bomb": r"$\def\a{xxxxxxxxxx}\def\b{\a\a\a\a\a\a\a\a\a\a}\def\c{\b\b\b\b\b\b\b\b\b\b}\def\d{\c\c\c\c\c\c\c\c\c\c}\d\d\d\d$ "
    + "$"
    + r"\frac{" * 400
    + "x"
    + "}{y}" * 400
    + "$ "
    + r"$\rule{9999em}{9999em}$ "
    + "$x^{2}$ " * 3_000,
    "boxes": r"\boxed{}" * 7_000,
    "brackets": r"\[" * 9_000,
    "moved": r"$\raisebox{-20em}{\color{green}\rule{20em}{20em}}\hspace{-20em}\hspace{-20em}\llap{right}$",
    "turned": "answer \u202e54\u202c \u2066x\u2069 \u200bend",
    "long": "w" * 100_000 + " tail",
    "megabyte": "lorem ipsum " * 90_000,
}


@pytest.fixture(scope="module")
def axe() -> str:
    module = pytest.importorskip("axe_core_python", reason="the extra dev holds axe-core")
    return (Path(module.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(browser: Callable[[], Any], viewer: Viewer) -> Any:
    opened = browser()
    opened.look()
    opened.open(viewer.url)
    return opened


def address(viewer: Viewer, name: str, page: Any) -> str:
    if name == "problem":
        name = f"problem/{page.see(PICK % viewer.token)}"
    return f"http://127.0.0.1:{viewer.port}/#/{name}"


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_whole_at_both_widths_and_in_both_modes(page: Any, viewer: Viewer, axe: str, name: str) -> None:
    where = address(viewer, name, page)
    grounds = {}
    for width, height in WIDTHS:
        for mode in MODES:
            page.look(width, height, mode)
            page.open(where)
            page.until("document.querySelector('main h1, main .card') !== null")
            assert not page.see(TOO_WIDE), f"{name} is wider than {width} px"
            assert page.see(CUT_WORDS) == 0, f"{name} breaks words inside a cell"
            assert page.see(CUT_TEXTS) == [], f"{name} cuts texts at {width} px"
            if PICTURES:
                page.see("new Promise(done => setTimeout(done, 400))")  # formulas are drawn when a table stands still
            picture = page.picture()
            assert len(picture) > 10_000, f"{name} is empty"
            if PICTURES:
                (Path(PICTURES) / f"{name or 'overview'}-{width}-{mode}.png").write_bytes(picture)
            grounds[mode] = page.see("getComputedStyle(document.documentElement).backgroundColor")
            page.see(axe + "; true")
            assert json.loads(page.see(AXE)) == [], f"{name}, {width} px, {mode}"
    assert grounds["light"] != grounds["dark"]
    assert page.complaints == []


def test_nothing_is_loaded_from_elsewhere_and_the_token_leaves_the_address(page: Any, viewer: Viewer) -> None:
    page.open(viewer.url)
    assert page.see("location.hash") == "#/"
    own = f"http://127.0.0.1:{viewer.port}/"
    assert {sent for sent in page.asked if not sent.startswith((own, "about:", "data:"))} == set()
    assert all(viewer.token not in sent for sent in page.asked)


def test_without_its_token_the_page_says_so_and_shows_nothing(browser: Callable[[], Any], viewer: Viewer) -> None:
    other = browser()
    other.call("Page.navigate", url=f"http://localhost:{viewer.port}/")  # an origin of its own, with nothing stored
    other.until("document.body?.innerText.includes('needs its token')")
    assert viewer.state.place not in other.see("document.body.innerText")
    other.call("Page.navigate", url=viewer.url.replace("127.0.0.1", "localhost"))
    other.until("document.querySelectorAll('.tile').length > 3")


def test_a_link_with_another_token_does_not_take_the_page_s_own_away(
    browser: Callable[[], Any], viewer: Viewer
) -> None:
    page = browser()
    page.look()
    page.open(viewer.url)
    page.call("Page.navigate", url="about:blank")
    page.until("location.href === 'about:blank'")
    page.call("Page.navigate", url=viewer.url.replace(viewer.token, "planted-by-another-page"))
    page.until("document.querySelectorAll('.tile').length > 3")
    assert page.see("localStorage.getItem('assay-token')") == viewer.token


def test_the_table_is_filtered_sorted_and_walked_by_keyboard(page: Any, viewer: Viewer) -> None:
    page.look()
    page.open(address(viewer, "problems", page))
    page.until("document.querySelectorAll('.viewport .grid-row:not(.waiting)').length > 10")
    whole = page.see("document.querySelector('.totals strong').innerText")
    page.press("/")
    assert page.see("document.activeElement.id") == "where"
    page.call("Input.insertText", text="rate > 0.4 AND rate < 0.7")
    page.see("document.querySelector('form.filter').requestSubmit()")
    page.until(f"document.querySelector('.totals strong').innerText !== '{whole}'")
    page.see("document.querySelector('.viewport').focus()")
    page.press("j")
    page.press("j")
    assert page.see("document.querySelector('.grid-row.active').getAttribute('aria-rowindex')") == "4"
    page.see(
        "document.querySelector('.viewport').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))"
    )
    page.until("location.hash.startsWith('#/problem/')")
    first = page.until("document.querySelector('main h1.mono')?.innerText")
    page.press("j")
    page.until(
        f"document.querySelector('main h1.mono') && document.querySelector('main h1.mono').innerText !== '{first}'"
    )
    page.press("u")
    page.until("location.hash.startsWith('#/problems?where=rate')")
    page.until("document.querySelector('.grid-row.active')?.getAttribute('aria-rowindex') === '5'")


def test_a_wrong_condition_is_told_below_it(page: Any, viewer: Viewer) -> None:
    page.open(f"http://127.0.0.1:{viewer.port}/#/problems?where=nothing_here%20%3E%201")
    page.until("document.querySelector('#where-says.error')?.innerText.includes('nothing_here')")
    assert page.see("document.querySelector('#where').getAttribute('aria-invalid')") == "true"
    page.events.clear()  # the refusal is in the browser's log


def test_facets_narrow_the_table(page: Any, viewer: Viewer) -> None:
    page.look()
    page.open(address(viewer, "problems", page))
    page.until("document.querySelectorAll('.facets .value').length > 10")
    page.see(
        "[...document.querySelectorAll('.facets .value')].find(value => value.innerText.startsWith('none right')).querySelector('input').click()"
    )
    page.until("location.hash.includes('none')")
    seen = "[...document.querySelectorAll('.viewport .c-out')]"
    page.until(f"{seen}.length > 3 && {seen}.every(cell => cell.innerText === 'none right')")


def test_formulas_are_drawn_and_thinking_is_folded(page: Any, viewer: Viewer) -> None:
    page.look()
    page.open(address(viewer, "problem", page))
    page.until("document.querySelectorAll('.attempt .katex').length > 3")
    assert page.see("[...document.querySelectorAll('details.thinking')].every(one => !one.open)")
    page.press("t")
    assert page.see("[...document.querySelectorAll('details.thinking')].every(one => one.open)")
    page.until("document.querySelector('details.thinking .prose')?.innerText.includes('<think>')")


def test_answers_are_marked_by_keyboard_and_kept(page: Any, viewer: Viewer) -> None:
    page.look()
    page.open(address(viewer, "audit", page))
    before = len(viewer.marks.read())
    for number, key in enumerate("rws", 1):
        page.press(key)
        page.until(
            f"document.querySelector('.audit [role=status]').innerText.startsWith('marked') && document.querySelector('progress').value >= {number}"
        )
        page.until("document.querySelectorAll('.mark:disabled').length === 0")
    marks = viewer.marks.read()
    assert len(marks) == before + 3
    assert {"right", "wrong", "unsure"} <= set(marks.values())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A lake whose texts are all hostile: sources, questions, answers, reasons, labels, run commands."""
    root = write_lake(tmp_path_factory.mktemp("hostile") / "lake", 40, attempted=8, steps=4, plan=HOSTILE["script"])
    with Lake(root) as lake:
        problem = lake.rows("SELECT problem_id FROM rollouts WHERE step IS NULL ORDER BY problem_id LIMIT 1")[0][
            "problem_id"
        ]
        attempt = lake.rows("SELECT * FROM rollouts WHERE problem_id = ? AND step IS NULL LIMIT 1", [problem])[0]
        rollouts = [
            {**attempt, "id": f"hostile-{name}", "sample": 100 + place, "policy_name": HOSTILE["script"]}
            for place, name in enumerate(HOSTILE)
        ]
        texts = [{"id": f"hostile-{name}", "text": text} for name, text in HOSTILE.items()]
        verdicts = [
            {
                "id": f"hostile-v-{name}",
                "rollout_id": f"hostile-{name}",
                "label_id": f"label{problem}",
                "verifier": "math",
                "version": "3",
                "outcome": "wrong",
                "reward": 0.0,
                "extracted": text[:400],
                "reason": text[:400],
                "lenient": None,
            }
            for name, text in HOSTILE.items()
        ]
        questions = [
            {
                "id": f"hostile-q-{name}",
                "messages": [{"role": HOSTILE["script"], "content": text}],
                "media": [HOSTILE["script"]],
                "source": text[:300],
                "metadata": text[:2000],
                "characters": len(text),
            }
            for name, text in HOSTILE.items()
        ]
        members = [
            {
                "id": f"hostile-m-{name}",
                "pool": KEYS["pool"],
                "problem_id": f"hostile-q-{name}",
                "label_id": f"label{problem}",
            }
            for name in HOSTILE
        ]
        labels = [
            {
                "id": f"hostile-l-{name}",
                "problem_id": f"hostile-q-{name}",
                "answer": text[:3000],
                "verifier": "math",
                "origin": "gold",
            }
            for name, text in HOSTILE.items()
        ]
        drops = [
            {
                "id": f"hostile-d-{name}",
                "key": KEYS["clean"],
                "stage": "clean",
                "reason": text[:200],
                "problem_id": f"hostile-q-{name}",
                "detail": text[:200],
                "source": "s",
                "file": "",
                "line": 0,
            }
            for name, text in HOSTILE.items()
        ]
        lake.append(
            {
                "rollouts": rollouts,
                "completions": texts,
                "verdicts": verdicts,
                "problems": questions,
                "pool_members": members,
                "labels": labels,
                "drops": drops,
            },
            run="hostile",
        )
    served = Viewer(root, _Quiet()).start()  # type: ignore[arg-type]
    assert served.state.ready.wait(60)
    yield served, problem
    served.close()


class _Quiet:
    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@pytest.mark.parametrize("text", [r"\boxed{x}", r"$x$ ", r"\[", r"\(", "$$"])
def test_formulas_of_a_whole_page_are_bounded_in_number_and_time(page: Any, text: str) -> None:
    """64 attempts of 20,000 characters, as one page shows them; boxes were once neither counted nor timed."""
    script = f"""import('/static/js/math.js').then(({{rich}}) => {{
      const begun = performance.now(), text = {json.dumps(text)};
      const drawn = Array.from({{length: 64}}, () => rich(text.repeat(20_000 / text.length)).querySelectorAll('.katex').length);
      return [Math.max(...drawn), performance.now() - begun];
    }})"""
    most, took_ms = page.see(script)
    assert most <= 400
    assert took_ms < 15_000  # 4,000 by the page's own clock, and what making text nodes takes on a busy machine


def test_a_formula_paints_nothing_outside_its_own_text(browser: Callable[[], Any], hostile: Any) -> None:
    served, _ = hostile
    page = browser()
    page.look()
    page.open(served.url)
    page.open(f"http://127.0.0.1:{served.port}/#/problem/hostile-q-moved")
    page.until("document.querySelector('.gold .katex') !== null")
    loose = """[...document.querySelectorAll('.prose:not(.inline)')].filter(node => node.querySelector('.katex')).map(node => getComputedStyle(node))
      .filter(style => style.display === 'inline' || style.overflowX === 'visible').length"""
    assert page.see(loose) == 0
    assert page.see(
        "[...document.querySelectorAll('.inline .katex')].every(node => getComputedStyle(node).overflowX === 'hidden')"
    )


def test_hostile_texts_are_only_shown(browser: Callable[[], Any], hostile: Any) -> None:
    served, problem = hostile
    page = browser()
    page.look(375, 812)
    page.open(served.url)
    base = f"http://127.0.0.1:{served.port}/#/"
    for name in (*VIEWS, f"problem/{problem}", *(f"problem/hostile-q-{name}" for name in HOSTILE)):
        if name == "problem":
            continue
        page.open(base + name)
        page.until("document.querySelector('main h1, main .card') !== null")
        page.see(
            "[...document.querySelectorAll('details')].forEach(one => { one.open = true; }); new Promise(done => setTimeout(done, 60))"
        )
        assert page.see("window.hit") is None, name
        assert (
            page.see(
                "document.querySelectorAll('main script, main iframe, main img, main object, main a[href^=javascript], [onerror], [onload]').length"
            )
            == 0
        ), name
        assert not page.see(TOO_WIDE), f"{name} is wider than the phone"
        assert (
            page.see(
                "(() => { const begun = performance.now(); document.body.offsetHeight; return performance.now() - begun; })()"
            )
            < 500
        ), name
    page.open(f"{base}problem/{problem}")
    shown = page.until(
        "document.querySelector('main').innerText.includes('\\\\u202e') && document.querySelector('main').innerText"
    )
    assert "\u202e" not in shown, "marks that turn the direction of writing are written out"
    assert "<script>window.hit = 1</script>" in shown, "and what was written is there to be read"
    assert {sent for sent in page.asked if "evil" in sent} == set()
    assert page.complaints == []


def test_the_page_follows_a_running_job(browser: Callable[[], Any], tmp_path: Path) -> None:
    root = write_lake(tmp_path / "lake", 40, attempted=4, steps=0)
    served = Viewer(root, _Quiet(), live=True).start()  # type: ignore[arg-type]
    try:
        assert served.state.ready.wait(60)
        page = browser()
        page.look()
        page.open(served.url)
        page.until("!document.getElementById('live').hidden")
        assert page.see("document.querySelector('.tile dd').innerText") == "40"
        with Lake(root) as job:
            added = {
                "id": "new",
                "messages": [{"role": "user", "content": "one more"}],
                "media": [],
                "source": "GSM8K",
                "metadata": "{}",
                "characters": 8,
            }
            member = {"id": "new-member", "pool": KEYS["pool"], "problem_id": "new", "label_id": "none"}
            job.append({"problems": [added], "pool_members": [member]}, run="job")
        page.until("document.querySelector('.tile dd').innerText === '41'", 30)
        assert page.complaints == []
    finally:
        served.close()


def test_a_print_holds_the_content_and_not_the_frame(page: Any, viewer: Viewer) -> None:
    page.look()
    page.open(address(viewer, "difficulty", page))
    page.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert page.see("getComputedStyle(document.querySelector('.bar')).display") == "none"
        assert page.see("document.querySelectorAll('main svg.chart').length") == 3
        assert page.see("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        page.call("Emulation.setEmulatedMedia", media="")


def test_a_selection_that_is_chosen_anew_is_drawn_as_the_stored_one(
    browser: Callable[[], Any], curated: RunContext
) -> None:
    """Bins named 0 and 1 come first among an object's keys, whatever their order was."""
    served = Viewer(curated.config.lake, _Quiet(), config=curated.config).start()  # type: ignore[arg-type]
    try:
        assert served.state.ready.wait(60)
        page = browser()
        page.look(375, 812)
        page.open(served.url)
        page.open(f"http://127.0.0.1:{served.port}/#/selectors")
        page.see("document.querySelector('form.filter').requestSubmit()")
        strips = "[...document.querySelectorAll('.strip.wide')].map(strip => strip.getAttribute('aria-label'))"
        stored, anew = page.until(f"{strips}.length > 2 && {strips}")[:2]
        assert anew == "this config" + stored[stored.index(":") :]
        assert not page.see(TOO_WIDE)
    finally:
        served.close()


def test_every_view_of_a_run_of_the_real_commands_is_whole(
    browser: Callable[[], Any], axe: str, assay: Any, tmp_path: Path
) -> None:
    config = Path(__file__).parents[2] / "examples" / "recordings" / "smollm2.toml"
    replayed = ("policy.engine=replay", "policy.path=package:recordings/smollm2.parquet", "score.n=16")
    sets = [word for setting in replayed for word in ("--set", setting)]
    done = assay("curate", "run", config, "--lake", tmp_path / "lake", *sets)
    assert done.returncode == 0, done.stderr[-2_000:]
    served = Viewer(tmp_path / "lake", _Quiet()).start()  # type: ignore[arg-type]
    try:
        assert served.state.ready.wait(60)
        page = browser()
        page.open(served.url)
        for (width, height), mode in zip(WIDTHS, MODES, strict=True):
            page.look(width, height, mode)
            for name in VIEWS:
                page.open(address(served, name, page))
                page.until("document.querySelector('main h1, main .card') !== null")
                assert not page.see(TOO_WIDE), f"{name} is wider than {width} px"
                assert page.see(CUT_TEXTS) == [], f"{name} cuts texts at {width} px"
                assert not page.see("/undefined|NaN|\\[object/.test(document.querySelector('main').innerText)"), name
                page.see(axe + "; true")
                assert json.loads(page.see(AXE)) == [], f"{name}, {width} px, {mode}"
                if PICTURES:
                    (Path(PICTURES) / f"recorded-{name or 'overview'}-{width}-{mode}.png").write_bytes(page.picture())
        assert page.complaints == []
    finally:
        served.close()
