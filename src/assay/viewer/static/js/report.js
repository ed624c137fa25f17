// The report: the viewer's own views, one below the other, over answers that lie in the page.

import { append, attemptsBar, bytes, chip, count, duration, h, interval, line, many, note, section, table, visible } from './dom.js';
import { richLine } from './math.js';
import { answers } from './snapshot.js';
import { clusters } from './views/clusters.js';
import { cost } from './views/cost.js';
import { curriculum } from './views/curriculum.js';
import { difficulty } from './views/difficulty.js';
import { overview } from './views/overview.js';
import { problem } from './views/problem.js';
import { selectors } from './views/selectors.js';
import { training } from './views/training.js';

const app = { state: answers.state, list: null, frozen: true };
const PARTS = [['overview', 'Overview', overview], ['telling', 'Problems', telling], ['difficulty', 'Difficulty', difficulty], ['clusters', 'Clusters', clusters], ['value', 'Value', value], ['selectors', 'Selectors', selectors], ['curriculum', 'Curriculum', curriculum], ['training', 'Training', training], ['cost', 'Cost', cost], ['origin', 'Origin', origin]];
const views = [];

// Some problems with what was answered; each is drawn when it is opened.
async function telling({ root }) {
  const rows = answers.telling.map((row) => {
    const place = h('div', {}), box = h('details', { class: 'card telling', id: `problem-${row.id}` },
      h('summary', {}, h('span', { class: 'why' }, chip(row.why, row.kind)), h('span', { class: 'question', dir: 'auto' }, richLine(row.question, 160)), attemptsBar(row), interval(row.low, row.value, row.high)), place);
    const draw = async () => {
      if (place.firstChild) return;
      place.append(h('p', { class: 'wait' }, 'Loading'));
      const drawn = h('div', {});
      await problem({ root: drawn, where: { rest: [row.id], query: new URLSearchParams() }, app, go });
      place.replaceChildren(drawn);
      settle(place, { deeper: true });
    };
    box.addEventListener('toggle', () => { if (box.open) draw(); });
    addEventListener('beforeprint', draw);
    return box;
  });
  append(root, [h('h1', {}, 'Problems worth a look'), note(`${count(rows.length)} of ${count(app.state.problems)}: open one to read what the model answered. The bar is its attempts, right ones first; the dot its pass rate, with its interval.`), rows]);
}

// What a mixed group would cost under each way of choosing.
async function value({ root }) {
  const told = answers.value, span = ([low, middle, high], digits) => [middle, low, high].map((end) => (end === null ? '∞' : end.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })));
  const cell = (ends, digits) => { const [middle, low, high] = span(ends, digits); return `${middle} [${low}, ${high}]`; };
  append(root, [h('h1', {}, 'Would choosing problems pay'), section('', h('p', {}, visible(told.answer).replace(/\binf\b/g, '∞')),
    table(['way', { name: 'trainings that share its cost', num: true }, { name: 'tokens per mixed group, first tenth', num: true }, { name: 'whole run', num: true }, { name: 'times cheaper than uniform', num: true }], told.rows.map((row) => [row.way, count(row.uses), cell(row.first_tenth, 0), cell(row.whole, 0), cell(row.gain, 2)]), { label: 'Ways of choosing', stack: true }),
    note(`Forecast from attempts at ${count(told.attempted)} of ${count(told.problems)} problems, for ${many(told.steps, 'step')} of ${many(told.groups, 'group')} of ${count(told.group_size)}: generated tokens per mixed group, median [80% interval]; ∞ = no mixed group. `, h('code', {}, 'curate analyze value'), ' simulates more.'))]);
}

async function origin({ root }) {
  const told = answers.origin;
  const facts = (pairs) => h('dl', { class: 'facts' }, pairs.map(([name, value]) => [h('dt', {}, visible(name)), h('dd', {}, visible(value))]));
  append(root, [h('h1', {}, 'How this was made'),
    section('Stages of this config', table(['stage', 'state', { name: 'rows in', num: true }, { name: 'rows out', num: true }, { name: 'time', num: true }, { name: 'key', wide: true }], told.stages.map((row) => [row.stage, row.state, count(row.in), count(row.out), duration(row.seconds), h('code', {}, visible(String(row.key).slice(0, 80)) || '–')]), { label: 'Stages', stack: true })),
    told.disputed.examples.length ? section('Disputed', note(`${count(told.disputed.problems)} problems: strict grading accepts no attempt, lenient grading accepts some. They are not selected, since the gold answer or the way of grading may be at fault.`), table(['problem', 'gold answer', "the model's answer", 'accepted leniently', { name: 'reason', wide: true }], told.disputed.examples.map((row) => [h('code', {}, line(row.problem_id, 12)), line(row.gold, 80), line(row.answer, 80), `${row.n_correct_lenient}/${row.n}`, line(row.reason, 200)]), { label: 'Disputed problems', stack: true })) : null,
    h('div', { class: 'pair' }, section('How the policy was asked', facts(told.sampling)), section('What judged and ran', facts(told.versions))),
    section('What the lake holds', table(['table', { name: 'written by', wide: true }, { name: 'rows', num: true }, { name: 'size', num: true }], told.tables.map((row) => [row.table, row.made_by, count(row.rows), bytes(row.bytes)]), { label: 'Tables', stack: true })),
    section('Runs behind this page', table(['command', { name: 'stages', wide: true }, 'began (UTC)', 'outcome', { name: 'tokens', num: true }, { name: 'attempts', num: true }, { name: 'time', num: true }, 'run'], told.runs.map((run) => [line(run.command, 60), line(run.stages, 120), run.started || '–', run.outcome || 'killed or running', count(run.tokens), count(run.samples), duration(run.seconds), h('code', {}, line(run.run, 24))]), { label: 'Runs', stack: true }))]);
}

function go(path) {
  const [name, id] = path.split('/');
  const box = name === 'problem' ? document.getElementById(`problem-${decodeURIComponent(id)}`) : null;
  if (box) { box.open = true; box.scrollIntoView({ block: 'start' }); }
}

// One page has one h1, and links only to what it holds.
function settle(root, { first = false, deeper = false } = {}) {
  if (!first) for (const head of root.querySelectorAll('h1')) head.replaceWith(h('h2', { class: 'part' }, [...head.childNodes]));
  if (deeper) for (const head of root.querySelectorAll('h2')) head.replaceWith(h('h3', {}, [...head.childNodes]));
  for (const link of root.querySelectorAll('a[href^="#/"]')) {
    const id = /^#\/problem\/([^?]+)/.exec(link.getAttribute('href'))?.[1];
    if (id && document.getElementById(`problem-${decodeURIComponent(id)}`)) link.addEventListener('click', (event) => { event.preventDefault(); go(`problem/${id}`); });
    else if (link.closest('.warning')) link.remove();
    else link.replaceWith(h('span', { dir: link.dir || null }, [...link.childNodes]));
  }
}

function theme(dark) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  document.getElementById('theme').textContent = dark ? '☀' : '☾';
  for (const view of views) view.themed?.();
}

async function begin() {
  const main = document.getElementById('main'), wants = matchMedia('(prefers-color-scheme: dark)');
  document.getElementById('name').textContent = line(app.state.config, 40);
  document.getElementById('place').textContent = 'curation report';
  append(document.getElementById('nav'), PARTS.filter(([name]) => answers.parts.includes(name)).map(([name, title]) => h('a', { href: `#${name}` }, title)));
  document.getElementById('theme').addEventListener('click', () => theme(document.documentElement.dataset.theme !== 'dark'));
  wants.addEventListener('change', () => theme(wants.matches));
  theme(wants.matches);
  const boxes = PARTS.filter(([name]) => answers.parts.includes(name)).map(([name, , draw]) => [h('div', { class: `view view-${name} part-box`, id: name }), draw]);
  main.replaceChildren(...boxes.map(([root]) => root));
  for (const [root, draw] of boxes) {
    const view = await draw({ root, where: { name: '', rest: [], query: new URLSearchParams() }, app, go });
    if (view) { views.push(view); view.shown?.(); }
  }
  boxes.forEach(([root], place) => settle(root, { first: place === 0 }));
  addEventListener('beforeprint', () => { for (const box of document.querySelectorAll('details')) box.open = true; });
  main.dataset.ready = '1';
}

begin();
