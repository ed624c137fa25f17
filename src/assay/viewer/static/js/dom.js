// Elements, numbers and texts. No text ever becomes markup: everything is a text node or a property.

const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const SVG = 'http://www.w3.org/2000/svg';

export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'style') for (const [key, of] of Object.entries(value)) node.style.setProperty(key, of);
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'checked' || name === 'value' || name === 'open' || name === 'disabled') node[name] = value;
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === '') continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

export function clear(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

// What turns the direction of writing or cannot be seen is written out.
export function visible(text) {
  return String(text ?? '').replace(CONTROLS, (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, '0')}`);
}

export function line(text, most = 200) {
  const flat = visible(text).replace(/\s+/g, ' ').trim();
  return flat.length > most ? flat.slice(0, most - 1) + '…' : flat;
}

export const count = (value) => (value === null || value === undefined ? '–' : Math.round(value).toLocaleString('en'));
export const percent = (value, digits = 0) => (value === null || value === undefined || Number.isNaN(value) ? '–' : `${(100 * value).toFixed(digits)}%`);
export const rate = (value) => (value === null || value === undefined ? '–' : Number(value).toFixed(2));
export const words = (reason) => String(reason ?? '').replaceAll('_', ' '); // of a reason's name
export const many = (n, one, more = one + 's') => `${count(n)} ${n === 1 ? one : more}`;

export function short(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)}B`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(0)}k`;
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return size >= 1 ? value.toFixed(1) : String(Number(value.toPrecision(2)));
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let place = 0;
  while (value >= 1024 && place < units.length - 1) { value /= 1024; place += 1; }
  return `${value.toFixed(value < 10 && place ? 1 : 0)} ${units[place]}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const when = (seconds) => (seconds ? new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ') : '–');

// From never solved to always solved; the same seven colours as in the report.
export const SPECTRUM = ['#8c2f4d', '#bf5244', '#d9822b', '#d8b13c', '#86ad62', '#3f9b8a', '#2b86b8'];
export const BINS = ['0', '<.2', '<.4', '<.6', '<.8', '<1', '1'];
export const BIN_WORDS = { 0: '0, never solved', '<.2': 'under 0.2', '<.4': '0.2 to 0.4', '<.6': '0.4 to 0.6', '<.8': '0.6 to 0.8', '<1': '0.8 to 1', 1: '1, always solved' };
export const spectrum = () => h('p', { class: 'legend soft' }, 'never solved ', SPECTRUM.map((fill, at) => h('i', { style: { background: fill }, title: BIN_WORDS[BINS[at]] })), ' always solved');

export function colour(value) {
  if (value === null || value === undefined) return 'var(--faint-ink)';
  const place = Math.min(1, Math.max(0, value)) * (SPECTRUM.length - 1);
  const low = Math.floor(place), high = Math.min(low + 1, SPECTRUM.length - 1), part = place - low;
  const mix = (a, b) => Math.round(a + (b - a) * part);
  const of = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [a, b] = [of(SPECTRUM[low]), of(SPECTRUM[high])];
  return `rgb(${mix(a[0], b[0])}, ${mix(a[1], b[1])}, ${mix(a[2], b[2])})`;
}

export function chip(text, kind = '') {
  return h('span', { class: `chip ${kind}` }, line(text, 60));
}

// Why a problem is not selected, without the words that the column's head says already.
export function choice(name) {
  const [state, reason] = String(name).split(': ');
  const node = chip(words(reason || state), reason ? (state === 'dropped' ? 'wrong' : '') : KINDS[state] || '');
  node.title = String(name);
  return node;
}

const KINDS = { correct: 'correct', wrong: 'wrong', unparsable: 'wrong', truncated: 'truncated', verifier_error: 'error', selected: 'correct', dropped: 'wrong', 'all right': 'correct', 'none right': 'wrong', mixed: 'mixed', 'only cut': 'truncated', disputed: 'truncated' };
export const outcome = (name) => chip(name, KINDS[name] || KINDS[String(name).split(':')[0]] || '');

export function section(title, ...children) {
  return h('section', { class: 'card' }, title ? h('h2', {}, title) : null, ...children);
}

export function note(...children) { return h('p', { class: 'soft' }, ...children); }

export function table(heads, rows, options = {}) {
  if (!rows.length) return note(options.empty || 'Nothing here yet.');
  const columns = heads.map((head) => (typeof head === 'string' ? { name: head } : head));
  const kind = (column) => [column.num ? 'num' : '', column.wide ? 'wide' : ''].join(' ').trim() || null;
  const body = rows.map((row) => h('tr', {}, row.map((cell, place) => h('td', { class: kind(columns[place]), 'data-head': columns[place].name }, cell instanceof Node || Array.isArray(cell) ? cell : visible(cell ?? '–')))));
  const scroll = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': options.label || 'Table' });
  scroll.append(h('table', { class: options.stack ? 'stack' : null }, h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: kind(column) }, column.name)))), h('tbody', {}, body)));
  return scroll;
}

export function tiles(entries) {
  return h('dl', { class: 'tiles' }, entries.map(([name, value, hint]) => h('div', { class: 'tile' }, h('dt', {}, name), h('dd', {}, value), hint ? h('dd', { class: 'hint' }, hint) : null)));
}

// Attempts of one problem as one bar: right, wrong, truncated, error.
export function attemptsBar(row) {
  const parts = [['right', row.n_correct, 'correct'], ['wrong', row.n_wrong, 'wrong'], ['truncated', row.n_truncated, 'truncated'], ['error', row.n_error, 'error']].filter((part) => part[1]);
  const total = parts.reduce((sum, part) => sum + part[1], 0);
  if (!total) return h('span', { class: 'soft' }, 'not attempted');
  const label = parts.map((part) => `${part[1]} ${part[0]}`).join(', ');
  return h('span', { class: 'attempts' }, h('span', { class: 'strip', role: 'img', 'aria-label': label, title: label }, parts.map((part) => h('i', { class: part[2], style: { flex: String(part[1]) } }))), h('span', { class: 'of' }, `${row.n_correct ?? 0}/${total}`));
}

export function interval(low, value, high) {
  if (value === null || value === undefined) return h('span', { class: 'soft' }, '–');
  const label = low === null || low === undefined ? rate(value) : `${rate(value)}, interval ${rate(low)} to ${rate(high)}`;
  return h('span', { class: 'interval', role: 'img', 'aria-label': label, title: label }, h('i', { class: 'range', style: { left: percent(low ?? value, 1), width: percent((high ?? value) - (low ?? value), 1) } }), h('i', { class: 'dot', style: { left: percent(value, 1), background: colour(value) } }));
}

export function spectrumStrip(counts, label) {
  const total = counts.reduce((a, b) => a + b, 0);
  const told = counts.map((n, place) => `${BINS[place]}: ${count(n)}`).join(', ');
  return h('span', { class: 'strip wide', role: 'img', 'aria-label': `${label}: ${told}`, title: told }, total ? counts.map((n, place) => (n ? h('i', { style: { flex: String(n), background: SPECTRUM[place] } }) : null)) : null);
}
