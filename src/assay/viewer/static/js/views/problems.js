import { get } from '../api.js';
import { append, attemptsBar, BIN_WORDS, choice, clear, count, h, interval, line, outcome, percent, rate, words } from '../dom.js';
import { Grid } from '../grid.js';
import { richLine } from '../math.js';

const FACETS = { difficulty: 'Pass rate', outcome: 'Outcome', selection: 'Selection', source: 'Source', cluster: 'Cluster' };
const FACET_WORDS = { difficulty: (bin) => BIN_WORDS[bin] ?? bin, outcome: words, selection: words }; // a source's name is its own
const ORDER = { difficulty: ['0', '<.2', '<.4', '<.6', '<.8', '<1', '1', 'unmeasured'] };
const SORTS = [['', 'as in the lake'], ['rate', 'pass rate'], ['p_mixed_8', 'expected signal'], ['low', 'interval, lower end'], ['high', 'interval, upper end'], ['n_truncated', 'cut attempts'], ['place', 'place in the curriculum'], ['characters', 'length'], ['source', 'source'], ['cluster', 'cluster'], ['id', 'id']];
const SHOWN = 8; // values of a facet before "more"

export async function problems({ root, where, app, go }) {
  const narrow = matchMedia('(max-width: 760px)').matches;
  const wanted = { where: where.query.get('where') || '', sort: where.query.get('sort') || '', descending: where.query.get('desc') === '1', facets: JSON.parse(where.query.get('facets') || '{}') };
  let told = null;
  const grid = new Grid({ label: 'Problems', rowHeight: narrow ? 76 : 38, head: head(), draw: (row) => cells(row), polish: (node, row) => { const link = node.querySelector('.c-question a'); if (row.question.includes('$') || row.question.includes('\\(')) link.replaceChildren(richLine(row.question)); }, open: (row, index) => open(row, index), load: async (offset, n) => {
    try { return (await get('rows', { view: told.view, version: told.version, offset, count: n })).rows; } catch (error) {
      if (error.status === 410) await refresh();
      throw error;
    }
  } });
  const field = h('input', { id: 'where', type: 'text', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', value: wanted.where, placeholder: "for example: rate < 0.5 AND question ILIKE '%train%'", 'aria-label': 'Filter: a condition in SQL', 'aria-describedby': 'where-says' });
  const says = h('p', { id: 'where-says', class: 'soft small' });
  const panel = h('div', { class: 'facets' });
  const fold = h('details', { class: 'fold', open: !narrow }, h('summary', {}, 'Filter by value'), panel);
  const totals = h('p', { class: 'totals', role: 'status' });
  const form = h('form', { class: 'filter', onsubmit: (event) => { event.preventDefault(); change({ where: field.value.trim() }); } }, field, h('button', { type: 'submit' }, 'Filter'), h('button', { type: 'button', class: 'quiet', onclick: () => change({ where: '', facets: {} }) }, 'Clear'));
  const sort = h('select', { 'aria-label': 'Order', onchange: () => change({ sort: sort.value, descending: false }) }, SORTS.map(([name, title]) => h('option', { value: name }, title)));
  sort.value = wanted.sort;
  const way = h('button', { type: 'button', class: 'quiet', 'aria-label': 'Turn the order', onclick: () => change({ descending: !wanted.descending }) }, wanted.descending ? '↓' : '↑');

  function head() {
    const names = [['', 'problem', 'question'], ['source', 'source', 'source'], ['', 'attempts right', 'att'], ['rate', 'pass rate', 'int'], ['', 'outcome', 'out'], ['', 'selection', 'sel'], ['cluster', 'cluster', 'clu']];
    return names.map(([key, name, kind]) => h('div', { role: 'columnheader', class: `c-${kind}`, 'aria-sort': key && wanted.sort === key ? (wanted.descending ? 'descending' : 'ascending') : null }, key ? h('button', { type: 'button', class: 'sort', onclick: () => change({ sort: key, descending: wanted.sort === key && !wanted.descending }) }, name, wanted.sort === key ? (wanted.descending ? ' ↓' : ' ↑') : '') : name));
  }

  function cells(row) {
    const question = line(row.question, 160) || '(empty)';
    return [
      h('div', { role: 'cell', class: 'c-question' }, h('a', { href: `#/problem/${encodeURIComponent(row.id)}`, title: row.id, dir: 'auto' }, question)),
      h('div', { role: 'cell', class: 'c-source', title: line(row.source, 80) }, line(row.source, 40)),
      h('div', { role: 'cell', class: 'c-att' }, attemptsBar(row)),
      h('div', { role: 'cell', class: 'c-int' }, interval(row.low, row.rate, row.high), h('span', { class: 'of' }, rate(row.rate))),
      h('div', { role: 'cell', class: 'c-out' }, outcome(row.outcome)),
      h('div', { role: 'cell', class: 'c-sel' }, choice(row.selection)),
      h('div', { role: 'cell', class: 'c-clu num' }, row.cluster ?? '–'),
    ];
  }

  function change(changes) {
    const next = { ...wanted, ...changes };
    const query = new URLSearchParams();
    if (next.where) query.set('where', next.where);
    if (next.sort) query.set('sort', next.sort);
    if (next.descending) query.set('desc', '1');
    if (Object.values(next.facets).some((values) => values.length)) query.set('facets', JSON.stringify(next.facets));
    go(`problems${String(query) ? `?${query}` : ''}`);
  }

  function open(row, index) {
    app.list = { view: told.view, version: told.version, index, total: told.total, hash: location.hash };
    go(`problem/${encodeURIComponent(row.id)}`);
  }

  function facet(name) {
    const values = [...told.facets[name]], chosen = new Set(wanted.facets[name] || []);
    if (ORDER[name]) values.sort((a, b) => ORDER[name].indexOf(a.value) - ORDER[name].indexOf(b.value));
    else if (name === 'cluster') values.sort((a, b) => b.total - a.total || a.value - b.value);
    const most = Math.max(...values.map((value) => value.count), 1);
    const pick = (value, on) => {
      const next = new Set(chosen);
      if (on) next.add(value); else next.delete(value);
      change({ facets: { ...wanted.facets, [name]: [...next] } });
    };
    const entry = (value) => h('label', { class: value.count ? 'value' : 'value none', title: line(value.value, 200) }, h('input', { type: 'checkbox', checked: chosen.has(value.value), onchange: (event) => pick(value.value, event.target.checked) }), h('span', { class: 'text' }, name === 'difficulty' && value.value !== 'unmeasured' ? h('i', { class: `swatch bin-${ORDER.difficulty.indexOf(value.value)}` }) : null, line(FACET_WORDS[name]?.(value.value) ?? value.value, 50) || '(none)'), h('span', { class: 'n' }, count(value.count)), h('i', { class: 'share', style: { width: percent(value.count / most, 1) } }));
    const first = values.filter((value, place) => place < SHOWN || chosen.has(value.value)), rest = values.filter((value, place) => place >= SHOWN && !chosen.has(value.value));
    return h('fieldset', {}, h('legend', {}, FACETS[name]), first.map(entry), rest.length ? h('details', {}, h('summary', {}, `${rest.length} more`), rest.map(entry)) : null);
  }

  async function refresh() {
    try {
      told = await get('pool', { where: wanted.where, facets: JSON.stringify(wanted.facets), sort: wanted.sort, descending: wanted.descending, count: 100 });
      says.classList.remove('error');
      clear(says, 'A condition in SQL, such as ', h('code', {}, "rate < 0.5 AND question ILIKE '%train%'"), ', over: ', app.state.columns.join(', '), '.');
      field.removeAttribute('aria-invalid');
    } catch (error) {
      if (error.status !== 400 && error.status !== 503) throw error;
      says.classList.add('error');
      field.setAttribute('aria-invalid', 'true');
      clear(says, line(error.message, 500));
      told = { ...(await get('pool', { count: 0 })), total: 0, rows: [] };
    }
    if (told.expected) clear(totals, h('strong', {}, count(told.total)), ` of ${count(told.expected)} problems; the others are being read`);
    else clear(totals, h('strong', {}, count(told.total)), told.total === told.pool ? ' problems' : ` of ${count(told.pool)} problems`);
    clear(panel, Object.keys(FACETS).map(facet));
    grid.show(told.total, told.rows);
  }

  append(root, [h('h1', { class: 'hidden' }, 'Problems'), h('div', { class: 'browse' }, fold, h('div', { class: 'list' }, form, says, h('div', { class: 'orders' }, totals, h('span', { class: 'order' }, h('span', { class: 'soft' }, 'order'), sort, way)), grid.node))]);
  await refresh();
  return {
    update: refresh,
    close: () => grid.close(),
    shown: () => {
      grid.render();
      const back = app.list?.hash === location.hash ? app.list.index : 0;
      if (back) grid.select(back);
      if (where.query.get('focus')) field.focus(); else if (!narrow) grid.body.focus({ preventScroll: true });
    },
    key: (event) => {
      if (['j', 'k', 'ArrowDown', 'ArrowUp'].includes(event.key) && !event.target.closest('.facets')) { grid.body.focus(); grid.key(event); return true; }
      return false;
    },
  };
}
