"""Build the page of an autopsy: no script, nothing loaded from elsewhere, every text escaped."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from assay.reports._markup import Markup, document, paragraph, render_value, section, tiles
from assay.reports.plots import COLOURS, STROKES, draw_bars, draw_lines

Data = Mapping[str, Any]
KINDS = {"mixed": "with signal", "solved": "solved", "dead": "dead"}  # of a stack, from the bottom
STYLE = """
h1, .soft { overflow-wrap: break-word; }
.lead { font-size: 19px; line-height: 1.4; margin: 14px 0 4px; max-width: 46em; }
.scroll { overflow-x: auto; }
.lines { list-style: none; margin: 0; padding: 0; }
.lines li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 14px; padding: 9px 0;
        border-bottom: 1px solid var(--faint); }
.lines li:last-child { border-bottom: 0; }
.lines b { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; font-weight: 600; }
.lines .why { color: var(--soft); font-size: 13.5px; } .lines .range { color: var(--soft); font-size: 13px;
        text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.lines .unknown { grid-column: 1 / -1; }
.meter { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: var(--faint); overflow: hidden; margin-top: 3px; }
.meter i { display: block; height: 100%; background: var(--third); } .meter.good i { background: var(--first); }
.choices { width: 100%; } .choices td:first-child { min-width: 200px; } .choices td, .choices th { overflow-wrap: normal; }
.choices td small { display: block; color: var(--soft); font-size: 12.5px; white-space: normal; }
.choices td.n small { white-space: nowrap; }
.case { padding: 10px 0; border-bottom: 1px solid var(--faint); overflow-wrap: break-word; } .case:last-child { border: 0; }
.case p { margin: 0 0 4px; } .mark { display: inline-block; border: 1px solid var(--faint); border-radius: 9px;
        padding: 0 8px; margin-right: 6px; font-size: 12.5px; color: var(--soft); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 14px; }
.two > * { min-width: 0; } code { overflow-wrap: anywhere; }
.legend { margin: 0 0 4px; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 12px; }
.legend i:first-child { margin-left: 0; }
@media (max-width: 600px) { .chart svg { font-size: 20px !important; overflow: visible; margin-bottom: 10px; }
        .chart .tick { transform: translateY(4px); } .chart .axis { transform: translateY(9px); } .chart .title, .chart .odd { display: none; }
        .choices tr:first-child { display: none; }
        .choices tr { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px 8px; padding: 10px 0;
        border-bottom: 1px solid var(--faint); } .choices tr:last-child { border: 0; }
        .choices td { border: 0; padding: 0; } .choices td:first-child { grid-column: 1 / -1; min-width: 0; font-weight: 600; }
        .choices td small { font-weight: 400; } .choices td.n { text-align: left; }
        .choices td.n::before { content: attr(data-name); display: block; color: var(--soft); font-size: 12.5px; white-space: normal; } }
@media (max-width: 480px) { main { padding: 18px 12px 40px; } section { padding: 14px 14px; } .lead { font-size: 17px; }
        .tiles { grid-template-columns: 1fr 1fr; } }
"""


def render_autopsy(report: Data, next_step: str) -> str:
    """Render the page.

    Args:
        report: as `Autopsy.to_json` returns it.
        next_step: the command to go on with.
    """
    of_topic: dict[str, list[Data]] = {}
    for finding in report["findings"]:
        of_topic.setdefault(finding["topic"], []).append(finding)
    body = [
        f"<h1>Autopsy of {_breakable(report['log'])}</h1>",
        f'<p class="lead">{escape(headline(report))}</p>',
        tiles(_tiles(report)),
        section("What the tokens went into", _spending(report, _lines(of_topic.get("tokens", [])))),
        section("What choosing would have saved", _choices(of_topic.get("choosing", []))),
        '<div class="two">',
        section("Prompts", _lines(of_topic.get("prompts", [])), _copies(report)),
        section("Cut answers", _lines(of_topic.get("answers", []))),
        "</div>",
        section("Answers graded again", _lines(of_topic.get("grades", [])), _disputed(report["disputed"])),
        section("Reward and correctness", _trend(report, _lines(of_topic.get("reward", [])))),
        section("What to train on next", _pool(report["pool"]), f"<p><code>{escape(next_step)}</code></p>"),
        section("How this log was read", "".join(paragraph(note) for note in report["notes"])),
    ]
    return document(f"Autopsy of {report['log']}", [f"<style>{STYLE}</style>", *(piece for piece in body if piece)])


def headline(report: Data) -> str:
    """Say in one or two sentences what the log shows: its waste, and what would have saved most of it."""
    shares = {(row["topic"], row["finding"]): row for row in report["findings"]}
    waste = shares.get(("tokens", "without signal"))
    if waste is None:
        return "This log holds one answer per question and step, so it does not show what a group taught."
    text = f"{_percent(waste['share'])} of the {report['unit']} went into groups that taught nothing"
    parts = [
        f"{_percent(shares['tokens', kind]['share'])} {why}"
        for kind, why in (("dead", "had no right answer"), ("solved", "had nothing but right ones"))
        if ("tokens", kind) in shares
    ]
    choices = [row for row in report["findings"] if row["topic"] == "choosing" and "gain" in row]
    best = max(choices, key=lambda row: row["gain"], default=None)
    if best is None or best["gain_low"] <= 1:
        return f"{text}: {' and '.join(parts)}."
    return (
        f"{text}: {' and '.join(parts)}. “{best['finding']}” would have saved {_percent(best['share'])} of all "
        f"{report['unit']} and kept {_percent(best['signal_kept'])} of the groups with signal."
    )


def _tiles(report: Data) -> list[tuple[str, Any]]:
    counts = [(name, report[name]) for name in ("attempts", "problems", "groups", "steps")]
    amount = report[report["unit"]]
    return [*counts, (report["unit"], Markup(_short(amount))), ("answers per group", report["group_size"])]


def _spending(report: Data, lines: str) -> str:
    """Draw the share of each stretch's tokens by kind of group, beside the shares of the whole."""
    bins = report["timeline"]
    if lines:
        lines = paragraph(f"Share of all {report['unit']}, with its 95% interval over problems.") + lines
    if len(bins) < 2:
        return lines
    totals = [
        max(sum(row[kind] for kind in ("dead", "mixed", "shaped", "solved", "single", "unrated")), 1) for row in bins
    ]
    stacks = {
        name: [
            100 * (row[kind] + (row["shaped"] if kind == "mixed" else 0)) / total
            for row, total in zip(bins, totals, strict=True)
        ]
        for kind, name in KINDS.items()
    }
    chart = draw_bars(
        f"Share of the {report['unit']} by kind of group, over the training",
        [f"{row['last']}" for row in bins],
        stacks,
        x="step, the last of each bar",
        y="%",
        legend=False,
    )
    return _beside(_key(stacks, COLOURS), chart, lines)


def _trend(report: Data, lines: str) -> str:
    """Draw reward and correctness over the steps, beside what they rose by."""
    bins = [row for row in report["timeline"] if row["reward"] is not None]
    if len(bins) < 3:
        return lines
    series = {
        "reward": [(float(row["last"]), float(row["reward"])) for row in bins],
        "right answers": [(float(row["last"]), float(row["right_share"])) for row in bins],
    }
    if all(abs(a[1] - b[1]) < 1e-9 for a, b in zip(*series.values(), strict=True)):
        series = {"reward, which is the share of right answers": series["reward"]}
    chart = draw_lines("Mean reward and share of right answers", series, x="step", y="mean", legend=False)
    return _beside(_key(series, STROKES), chart, lines)


def _key(names: Iterable[str], colours: Sequence[str]) -> str:
    """Name the colours of a chart above it, where a narrow screen does not cut them."""
    return "".join(
        f'<i style="background:{colour}"></i>{escape(name)}' for name, colour in zip(names, colours, strict=False)
    )


def _beside(key: str, chart: str, lines: str) -> str:
    return f'<div class="two"><div><p class="legend">{key}</p><div class="chart">{chart}</div></div><div>{lines}</div></div>'


def _lines(findings: Sequence[Data]) -> str:
    """List findings, each with its share, its interval and a meter; one that cannot be said with the reason."""
    return f'<ul class="lines">{"".join(map(_line, findings))}</ul>' if findings else ""


def _line(row: Data) -> str:
    name, note = escape(_capital(row["finding"])), escape(row.get("note", ""))
    if "share" not in row:
        return f'<li><div class="unknown">{name}<div class="why">{_capital(note)}</div></div></li>'
    count_text = f"{row['count']:,} of {row['of']:,} {row['unit']}" if "count" in row else ""
    rise = row["topic"] == "reward"
    value = f"{row['share']:+.3f}" if rise else _percent(row["share"])
    span = _range(row, rise) if "low" in row else ""
    why = " · ".join(text for text in (escape(count_text), note) if text)
    width = min(max(100 * row["share"], 0.0), 100.0)
    good = " good" if row["finding"] == "mixed" else ""
    meter = "" if rise else f'<div class="meter{good}"><i style="width:{width:.1f}%"></i></div>'
    return f'<li><span>{name}</span><b>{escape(value)}</b><span class="why">{why}</span><span class="range">{escape(span)}</span>{meter}</li>'


def _range(row: Data, rise: bool) -> str:
    """Write the ends of an interval."""
    return " to ".join(f"{row[end]:+.3f}" if rise else _percent(row[end]) for end in ("low", "high"))


def _choices(choices: Sequence[Data]) -> str:
    choices_with_gain = [row for row in choices if "gain" in row]
    choices_without_gain = [row for row in choices if "gain" not in row]
    head = "".join(f"<th class=n>{name}</th>" for name, _, _ in MEASURES)
    cells = "".join(
        f"<tr><td>{escape(row['finding'])}<small>{escape(row['note'])}</small></td>"
        + "".join(
            _cell(name, *(write(row[column]) for column in (key, f"{low}low", f"{low}high")))
            for name, (key, low), write in MEASURES
        )
        + "</tr>"
        for row in choices_with_gain
    )
    table = (
        f'<div class="scroll"><table class="choices"><tr><th>way of choosing</th>{head}</tr>{cells}</table></div>'
        if choices_with_gain
        else ""
    )
    about = paragraph(
        "Replayed on the log's own groups, with 95% intervals over problems. A policy that had trained on fewer groups "
        "would "
        "have answered differently; that no log can say."
    )
    return (about if choices_with_gain else "") + table + _lines(choices_without_gain)


def _cell(name: str, value: str, low: str, high: str) -> str:
    return f'<td class=n data-name="{name}">{escape(value)}<small>{escape(f"{low} to {high}")}</small></td>'


def _copies(report: Data) -> str:
    copies = [
        f'<div class="case"><p><span class="mark">{escape(row["kind"])} '
        f"copy</span>{render_value(row['copy'])}</p></div>"
        for row in report["copies"]
    ]
    repeats = [
        f'<div class="case"><p><span class="mark">benchmark</span>{render_value(row["question"])}</p>'
        f'<p class="soft">{render_value(row["match"])}</p></div>'
        for row in report["benchmark_questions"]
    ]
    return "".join((*copies, *repeats))


def _disputed(cases: Sequence[Data]) -> str:
    return "".join(
        f'<div class="case"><p>{render_value(row["question"])}</p>'
        f'<p><span class="mark">gold</span><code>{render_value(row["gold"])}</code> '
        f'<span class="mark">answered</span><code>{render_value(row["answer"])}</code></p>'
        f'<p class="soft">the log says {row["recorded"]}, strictly {row["strict"]}, leniently '
        f"{row['lenient']}</p></div>"
        for row in cases
    )


def _pool(reasons: Mapping[str, int]) -> str:
    total = max(sum(reasons.values()), 1)
    rows = "".join(
        f"<li><span>{escape(_capital(reason))}</span><b>{count:,}</b>"
        f'<div class="meter{" good" if reason == "kept" else ""}"><i '
        f'style="width:{100 * count / total:.1f}%"></i></div></li>'
        for reason, count in reasons.items()
    )
    return (
        paragraph("Problems of the log that are worth training on now, and why the others leave.")
        + f'<ul class="lines">{rows}</ul>'
    )


def _breakable(name: str) -> str:
    """Write a file's name so that a line may end after a dot, a dash or an underscore."""
    return re.sub(r"([._-])(?=.)", r"\1<wbr>", escape(name))


def _percent(share: float) -> str:
    """Write a share as a percentage with one decimal below ten.

    >>> _percent(0.0314), _percent(0.5), _percent(1.0)
    ('3.1%', '50%', '100%')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{100 * share:.0f}%" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}%"


def _times(gain: float) -> str:
    return f"{gain:.2f}×"


MEASURES = (  # head, (column, what its interval's columns begin with), how it is written
    ("tokens saved", ("share", ""), _percent),
    ("signal kept", ("signal_kept", "signal_kept_"), _percent),
    ("signal per token", ("gain", "gain_"), _times),
)


def _short(amount: float) -> str:
    """Write a large number with three figures.

    >>> _short(1234567), _short(999), _short(45000)
    ('1.23 M', '999', '45 k')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g} {letter}"
    return f"{amount:.0f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
