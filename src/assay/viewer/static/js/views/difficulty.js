import { get } from '../api.js';
import { bars, whiskers } from '../chart.js';
import { append, attemptsBar, BINS, colour, count, h, note, percent, rate, section, spectrum, spectrumStrip, table } from '../dom.js';

export async function difficulty({ root }) {
  async function draw() {
    const told = await get('difficulty');
    root.replaceChildren();
    if (!told.sources.length) { append(root, [h('h1', {}, 'Difficulty'), note('Nothing is measured yet.')]); return; }
    const sum = (key) => BINS.map((_, place) => told.sources.reduce((total, source) => total + source[key][place], 0));
    const all = sum('bins'), kept = sum('kept_bins');
    const tenths = told.widths.map((_, place) => (place < 9 ? `.${place}` : '.9+'));
    append(root, [h('h1', {}, 'Difficulty'), h('div', { class: 'pair' },
      section('', bars('How hard the problems are', BINS, [{ name: 'selected', fill: 'var(--accent)', values: kept }, { name: 'others', fill: 'var(--pale)', values: all.map((n, place) => n - kept[place]) }], { x: 'share of attempts that are right', y: 'problems', hint: 'only problems with right and wrong attempts teach' })),
      section('', bars('How sure that is', tenths, [{ name: 'selected', fill: 'var(--accent)', values: told.widths.map((pair) => pair[0]) }, { name: 'others', fill: 'var(--pale)', values: told.widths.map((pair) => pair[1]) }], { x: 'width of the interval of the pass rate', y: 'problems', hint: 'a narrow interval rests on more attempts, or on clearer ones' }))),
    section('', whiskers('Pass rates with their intervals', told.intervals, { x: 'problems, from hardest to easiest', y: 'pass rate', hint: `dot: the estimate from right and wrong attempts, line: its interval; ${count(told.intervals.length)} problems, evenly over the order`, colourOf: colour })),
    section('By source', note('The config says by ', h('code', {}, 'truncated'), ' whether a truncated attempt counts as wrong or not at all. The last two columns say what the mean pass rate would be if every one of them were.'), sources(told.sources))]);
  }
  await draw();
  return { update: draw };
}

function sources(rows) {
  const heads = ['source', { name: 'problems', num: true }, { name: 'selected', num: true }, 'never … always solved', 'attempts right', { name: 'mean pass rate', num: true }, { name: 'truncated', num: true }, { name: 'if truncated were wrong', num: true }, { name: 'if truncated were right', num: true }];
  const cells = rows.map((row) => {
    const total = row.correct + row.wrong + row.truncated + row.error;
    return [row.source, count(row.problems), count(row.kept), spectrumStrip(row.bins, row.source), attemptsBar({ n_correct: row.correct, n_wrong: row.wrong, n_truncated: row.truncated, n_error: row.error }), rate(row.value), percent(row.truncated / total, 1), rate(row.if_wrong), rate(row.if_right)];
  });
  return h('div', {}, table(heads, cells, { label: 'Difficulty by source', stack: true }), spectrum());
}
