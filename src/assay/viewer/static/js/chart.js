// Charts as SVG: bars, lines, bands and stacked areas. Every chart has its numbers as a table that opens below it.

import { h, s, short, table } from './dom.js';

const LEFT = 46, RIGHT = 12, TOP = 26, BOTTOM = 36;
let W = 640, H = 250;

// A chart is drawn at about the size at which it is seen, so that its texts keep theirs.
function sized(wide = false) {
  const narrow = matchMedia('(max-width: 760px)').matches;
  [W, H] = narrow ? [360, 220] : wide ? [1280, 320] : [640, 250];
  return narrow ? 6 : 12;
}
export const LINES = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)', 'var(--c7)', 'var(--c8)'];

// Ticks at round numbers, from at or below the lowest value to at or above the highest.
function ticks(low, high) {
  const span = high - low || 1, raw = span / 4, power = 10 ** Math.floor(Math.log10(raw) + 1e-9);
  const step = [1, 2, ...(power === 1 ? [] : [2.5]), 5, 10].map((of) => of * power).find((of) => of >= raw * (1 - 1e-9));
  const first = Math.floor(low / step + 1e-9) * step, found = [];
  for (let at = first; at < high + step * (1 - 1e-9); at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

function frame(title, low, high, x, y, format = short) {
  const marks = ticks(low, high);
  [low, high] = [marks[0], marks.at(-1)];
  const at = (value) => H - BOTTOM - ((value - low) / (high - low || 1)) * (H - TOP - BOTTOM);
  const svg = s('svg', { viewBox: `0 0 ${W} ${H}`, class: 'chart', role: 'img', 'aria-label': `${title}. ${y} by ${x}.` });
  for (const tick of marks) {
    svg.append(s('line', { x1: LEFT, x2: W - RIGHT, y1: at(tick), y2: at(tick), class: 'grid' }), s('text', { x: LEFT - 7, y: at(tick) + 4, 'text-anchor': 'end', class: 'tick' }, format(tick)));
  }
  svg.append(s('text', { x: (LEFT + W - RIGHT) / 2, y: H - 4, 'text-anchor': 'middle', class: 'axis' }, x));
  if (y.toLowerCase() !== title.toLowerCase()) svg.append(s('text', { x: 2, y: 11, class: 'axis' }, y));
  return [svg, at];
}

function figure(title, svg, legend, heads, rows, hint) {
  const caption = h('figcaption', {}, h('span', { class: 'title' }, title), hint ? h('span', { class: 'soft' }, hint) : null, legend.length > 1 ? h('span', { class: 'legend' }, legend.map(([name, fill]) => h('span', { class: 'key' }, h('i', { style: { background: fill } }), name))) : null);
  return h('figure', { class: 'plot' }, caption, svg, h('details', { class: 'numbers' }, h('summary', {}, 'Numbers'), table(heads.map((name, place) => ({ name, num: place > 0 })), rows, { label: title })));
}

// stacks: [{name, fill, values}]; one bar per label, the first stack at the bottom.
export function bars(title, labels, stacks, { x, y, hint, fills } = {}) {
  const places = sized();
  const totals = labels.map((_, place) => stacks.reduce((sum, stack) => sum + (stack.values[place] || 0), 0));
  const [svg, at] = frame(title, 0, Math.max(...totals, 0) || 1, x, y);
  const step = (W - LEFT - RIGHT) / Math.max(labels.length, 1);
  const every = Math.ceil(labels.length / places);
  labels.forEach((label, place) => {
    let below = 0;
    stacks.forEach((stack, number) => {
      const value = stack.values[place] || 0;
      if (value > 0) {
        const top = at(below + value), fill = fills && number === 0 ? fills[place] : stack.fill;
        const bar = s('rect', { x: LEFT + place * step + step * 0.12, y: top, width: step * 0.76, height: Math.max(at(below) - top, 0.5), rx: 1.5, fill, class: stack.pale ? 'pale' : null });
        bar.append(s('title', {}, `${label}: ${short(value)} ${stack.name}`));
        svg.append(bar);
      }
      below += value;
    });
    if (place % every === 0) svg.append(s('text', { x: LEFT + (place + 0.5) * step, y: H - BOTTOM + 15, 'text-anchor': 'middle', class: 'tick' }, label));
  });
  return figure(title, svg, stacks.map((stack) => [stack.name, stack.fill]), [x, ...stacks.map((stack) => stack.name)], labels.map((label, place) => [label, ...stacks.map((stack) => short(stack.values[place]))]), hint);
}

// series: [{name, points: [[x, y, low, high]]}]; a band where low and high are given.
export function lines(title, series, { x, y, hint, low, high } = {}) {
  sized();
  const points = series.flatMap((line) => line.points).filter((point) => Number.isFinite(point[1]));
  if (!points.length) return null;
  const values = points.flatMap((point) => [point[1], point[2] ?? point[1], point[3] ?? point[1]]).filter(Number.isFinite);
  let bottom = low ?? Math.min(...values), top = high ?? Math.max(...values);
  if (low === undefined && bottom > 0 && bottom < top * 0.6) bottom = 0;
  if (bottom === top) { bottom -= Math.abs(bottom) / 2 || 0.5; top += Math.abs(top) / 2 || 0.5; }
  const first = Math.min(...points.map((point) => point[0])), last = Math.max(...points.map((point) => point[0]));
  const [svg, at] = frame(title, bottom, top, x, y);
  const across = (value) => LEFT + (last > first ? (value - first) / (last - first) : 0.5) * (W - LEFT - RIGHT);
  series.forEach((line, number) => {
    const shown = line.points.filter((point) => Number.isFinite(point[1]));
    const fill = line.fill || LINES[number % LINES.length];
    const banded = shown.filter((point) => Number.isFinite(point[2]) && Number.isFinite(point[3]));
    if (banded.length > 1 && banded.some((point) => point[2] !== point[3])) {
      const path = [...banded.map((point) => `${across(point[0]).toFixed(1)},${at(point[3]).toFixed(1)}`), ...banded.reverse().map((point) => `${across(point[0]).toFixed(1)},${at(point[2]).toFixed(1)}`)];
      svg.append(s('polygon', { points: path.join(' '), fill, class: 'band' }));
    }
    svg.append(s('polyline', { points: shown.map((point) => `${across(point[0]).toFixed(1)},${at(point[1]).toFixed(1)}`).join(' '), stroke: fill, class: line.dashed ? 'line dashed' : 'line' }));
    if (shown.length <= 80) for (const point of shown) {
      const dot = s('circle', { cx: across(point[0]), cy: at(point[1]), r: shown.length > 30 ? 1.6 : 2.6, fill });
      dot.append(s('title', {}, `${x} ${short(point[0])}: ${short(point[1])} ${line.name}`));
      svg.append(dot);
    }
  });
  for (const [value, anchor] of [[first, 'start'], [last, 'end']]) svg.append(s('text', { x: across(value), y: H - BOTTOM + 15, 'text-anchor': first === last ? 'middle' : anchor, class: 'tick' }, short(value)));
  const keys = [...new Set(series.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => a - b);
  const by = series.map((line) => new Map(line.points.map((point) => [point[0], point[1]])));
  return figure(title, svg, series.map((line, number) => [line.name, line.fill || LINES[number % LINES.length]]), [x, ...series.map((line) => line.name)], keys.slice(0, 300).map((key) => [short(key), ...by.map((values) => short(values.get(key)))]), hint);
}

// layers: [{name, fill, values}], shares that sum to 1 at each place.
export function areas(title, labels, layers, { x, y, hint } = {}) {
  const places = sized();
  const [svg, at] = frame(title, 0, 1, x, y, (value) => `${Math.round(value * 100)}%`);
  const across = (place) => LEFT + (labels.length > 1 ? place / (labels.length - 1) : 0.5) * (W - LEFT - RIGHT);
  let below = labels.map(() => 0);
  for (const layer of layers) {
    const above = below.map((value, place) => value + (layer.values[place] || 0));
    const path = [...above.map((value, place) => `${across(place).toFixed(1)},${at(value).toFixed(1)}`), ...below.map((value, place) => `${across(place).toFixed(1)},${at(value).toFixed(1)}`).reverse()];
    const shape = s('polygon', { points: path.join(' '), fill: layer.fill, class: 'area' });
    shape.append(s('title', {}, layer.name));
    svg.append(shape);
    below = above;
  }
  const every = Math.ceil(labels.length / (places / 2));
  labels.forEach((label, place) => { if (place % every === 0) svg.append(s('text', { x: across(place), y: H - BOTTOM + 15, 'text-anchor': place === 0 ? 'start' : 'middle', class: 'tick' }, label)); });
  return figure(title, svg, layers.map((layer) => [layer.name, layer.fill]), [x, ...layers.map((layer) => layer.name)], labels.map((label, place) => [label, ...layers.map((layer) => `${Math.round(100 * (layer.values[place] || 0))}%`)]), hint);
}

// One vertical line per problem from low to high, with a dot at its value.
export function whiskers(title, rows, { x, y, hint, colourOf }) {
  sized(true);
  const [svg, at] = frame(title, 0, 1, x, y, (value) => value.toFixed(2));
  const step = (W - LEFT - RIGHT) / Math.max(rows.length, 1);
  rows.forEach((row, place) => {
    const across = LEFT + (place + 0.5) * step;
    const mark = s('g', {}, s('line', { x1: across, x2: across, y1: at(row.low ?? row.value), y2: at(row.high ?? row.value), class: row.kept ? 'whisker kept' : 'whisker' }), s('circle', { cx: across, cy: at(row.value), r: Math.max(1.3, Math.min(3, step * 0.7)), fill: colourOf(row.value) }));
    mark.append(s('title', {}, `${row.value.toFixed(2)} [${(row.low ?? row.value).toFixed(2)}, ${(row.high ?? row.value).toFixed(2)}] ${row.n_correct}/${row.n_correct + row.n_wrong + row.n_truncated}`));
    svg.append(mark);
  });
  return figure(title, svg, [['selected', 'var(--accent)'], ['not selected', 'var(--line-strong)']], ['problem', 'pass rate', 'low', 'high'], rows.map((row) => [row.id, row.value.toFixed(2), (row.low ?? NaN).toFixed(2), (row.high ?? NaN).toFixed(2)]), hint);
}
