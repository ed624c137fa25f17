import { get } from '../api.js';
import { areas, lines, LINES } from '../chart.js';
import { append, attemptsBar, count, h, interval, line, note, rate, section, table } from '../dom.js';
import { richLine } from '../math.js';

const FIRST = 12;

export async function curriculum({ root }) {
  async function draw() {
    const told = await get('curriculum');
    root.replaceChildren();
    if (!told.bands.length) { append(root, [h('h1', {}, 'Curriculum'), note('Nothing is in order yet.')]); return; }
    const names = Object.keys(told.mix), labels = told.bands.map((band) => count(band.first + 1));
    append(root, [h('h1', {}, 'Curriculum'), h('div', { class: 'pair' },
      section('', lines('How hard it is along the way', [{ name: 'mean pass rate', points: told.bands.map((band) => [band.first + 1, band.mean, band.p10, band.p90]) }], { x: 'place in the curriculum', y: 'pass rate', hint: 'line: mean pass rate there, band: 10% to 90% of its problems', low: 0, high: 1 })),
      section('', areas('Where its problems come from', labels, names.map((name, at) => ({ name: line(name, 24), fill: LINES[at % LINES.length], values: told.mix[name] })), { x: 'place in the curriculum', y: 'share' }))),
    told.lessons.length > 1 ? section('Lessons', table(['lesson', { name: 'problems', num: true }, { name: 'passes', num: true }], told.lessons.map((row) => [String(row.lesson), count(row.problems), count(row.passes)]), { label: 'Lessons' })) : null,
    head(told.head.map((row) => [count(row.place + 1), h('a', { href: `#/problem/${encodeURIComponent(row.id)}`, dir: 'auto' }, richLine(row.question, 160)), line(row.source, 40), attemptsBar(row), h('span', { class: 'row' }, interval(row.low, row.value, row.high), ` ${rate(row.value)}`)]))]);
  }
  await draw();
  return { update: draw };
}

// The first problems; on a phone fifty would be a long way down.
function head(rows) {
  const columns = [{ name: 'place', num: true }, { name: 'problem', wide: true }, 'source', 'attempts right', 'pass rate'], rest = rows.slice(FIRST);
  return section(`The first ${count(rows.length)} problems`, table(columns, rows.slice(0, FIRST), { label: 'First problems of the curriculum', stack: true }),
    rest.length ? h('details', { class: 'more' }, h('summary', {}, `${rest.length} more`), table(columns, rest, { label: 'Further problems of the curriculum', stack: true })) : null);
}
