import { get } from '../api.js';
import { append, BINS, chip, clear, count, h, line, note, percent, rate, section, short, spectrum, spectrumStrip, table } from '../dom.js';

export async function selectors({ root, app }) {
  async function draw() {
    const told = await get('selectors');
    root.replaceChildren();
    append(root, [h('h1', {}, 'Selectors'), stored(told), told.can_compare ? compare() : app.frozen ? null : note('Opened on a config with up to 20,000 problems, this page also lets selectors choose anew; ', h('code', {}, 'curate analyze selectors'), ' does it for any size.')]);
  }
  await draw();
  return { update: draw };
}

const title = (row) => `${line(row.selector || 'selection', 30)} ${String(row.selection_id).slice(0, 6)}`;

function stored(told) {
  if (!told.selections.length) return note('Nothing is selected yet.');
  const heads = ['selection', { name: 'kept', num: true }, { name: 'mean pass rate', num: true }, { name: 'signal per group of 8', num: true }, { name: 'clusters', num: true }, { name: 'truncated', num: true }, 'never … always solved'];
  const rows = told.selections.map((row) => [h('span', { class: 'row' }, title(row), row.own ? chip('shown', 'correct') : null), count(row.kept), rate(row.mean), percent(row.signal), `${count(row.clusters)} of ${count(told.clusters)}`, percent(row.truncated / row.attempts, 1), spectrumStrip(row.bins || [], title(row))]);
  return h('div', {}, section('Selections in this lake', note('Signal: the share of groups of 8 that are expected to hold right and wrong answers, from which alone a policy learns. Everything else here shows the selection that is marked.'), table(heads, rows, { label: 'Selections', stack: true }), spectrum()), told.selections.length > 1 ? section('How they overlap', note('Share of problems that two selections have in common, of all that either keeps.'), matrix(told.selections.map(title), (a, b) => told.overlap.find((pair) => pair.first === told.selections[a].selection_id && pair.second === told.selections[b].selection_id)?.jaccard ?? 0)) : null);
}

const own = (row) => (row.selection === 'plan' ? 'this config' : row.selection);

function matrix(names, of) {
  const rows = names.map((name, a) => [name, ...names.map((_, b) => { const value = of(a, b); return h('span', { class: 'cell', style: { '--share': String(value) } }, percent(value)); })]);
  return table(['', ...names.map((name) => ({ name, num: true }))], rows, { label: 'Overlap', stack: true });
}

function compare() {
  const field = h('input', { type: 'text', value: 'frontier, hardest, uniform', 'aria-label': 'Selectors to compare, separated by commas', spellcheck: 'false' });
  const out = h('div', { role: 'status' });
  const run = async (event) => {
    event.preventDefault();
    clear(out, note('Selecting'));
    try {
      const told = await get('compare', { names: field.value });
      const heads = ['selector', { name: 'kept', num: true }, { name: 'signal', num: true }, { name: 'after drift 1', num: true }, { name: 'after drift 2', num: true }, { name: 'clusters', num: true }, { name: 'tokens of one group each', num: true }, 'never … always solved'];
      clear(out, note(`${count(told.pool)} problems, groups of ${told.group_size}; signal = expected share of groups that teach, now and after the policy has become better by 1 and 2 logits.`), table(heads, told.selections.map((row) => [own(row), count(row.kept), percent(row.signal['0']), percent(row.signal['1']), percent(row.signal['2']), `${row.clusters} of ${row.clusters_of}`, short(row.tokens), spectrumStrip(BINS.map((bin) => row.histogram[bin] || 0), own(row))]), { label: 'Selectors compared', stack: true }), h('h3', {}, 'How they overlap'), matrix(told.selections.map(own), (a, b) => told.selections[a].overlap[told.selections[b].selection] ?? 0));
    } catch (error) { clear(out, h('p', { class: 'error' }, line(error.message, 500))); }
  };
  return section('Let selectors choose from this pool', note('Each chooses at the config’s budget, as ', h('code', {}, 'curate analyze selectors'), ' does. Nothing is written.'), h('form', { class: 'filter', onsubmit: run }, field, h('button', {}, 'Compare')), out);
}
