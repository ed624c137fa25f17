// The frame: which view the address names, keys, theme, and following a job.

import { get, Refused, takeToken } from './api.js';
import { clear, h, line } from './dom.js';
import { audit } from './views/audit.js';
import { clusters } from './views/clusters.js';
import { cost } from './views/cost.js';
import { curriculum } from './views/curriculum.js';
import { difficulty } from './views/difficulty.js';
import { overview } from './views/overview.js';
import { problem } from './views/problem.js';
import { problems } from './views/problems.js';
import { selectors } from './views/selectors.js';
import { training } from './views/training.js';

const VIEWS = [['', 'Overview', overview], ['problems', 'Problems', problems], ['difficulty', 'Difficulty', difficulty], ['clusters', 'Clusters', clusters], ['selectors', 'Selectors', selectors], ['curriculum', 'Curriculum', curriculum], ['training', 'Training', training], ['cost', 'Cost', cost], ['audit', 'Audit', audit]];
const KEYS = [['1 to 9', 'the views from left to right'], ['/', 'filter the problems'], ['j, k', 'next and previous row, attempt or problem'], ['Enter', 'open the problem of the row'], ['t', 'open or fold all thinking'], ['u', 'back to the table'], ['r, w, s', 'in the audit: right, wrong, unsure'], ['b', 'in the audit: back to the last answer'], ['d', 'light or dark'], ['?', 'this list']];
const POLL_MS = 2_000;

export const app = { state: null, list: null };
const main = document.getElementById('main');
let current = null, shown = '', turn = 0;

function parse() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/');
  return { name, rest: rest.map(decodeURIComponent), query: new URLSearchParams(query) };
}

export function go(path) { location.hash = `#/${path}`; }

async function render(again = false) {
  const where = parse(), mine = (turn += 1);
  const view = VIEWS.find(([name]) => name === where.name);
  const draw = where.name === 'problem' ? problem : view?.[2];
  for (const link of document.querySelectorAll('#nav a')) {
    const on = link.dataset.view === (where.name === 'problem' ? 'problems' : where.name);
    if (on) { link.setAttribute('aria-current', 'page'); link.scrollIntoView({ block: 'nearest', inline: 'center' }); } else link.removeAttribute('aria-current');
  }
  document.title = `${view?.[1] || 'Problem'} · ${app.state?.config || 'assay'}`;
  if (current?.update && again && shown === location.hash) { await current.update().catch(fail); return; }
  current?.close?.();
  current = null;
  const root = h('div', { class: `view view-${where.name || 'overview'}` });
  const wait = setTimeout(() => { if (mine === turn && !again) clear(main, h('p', { class: 'wait' }, 'Loading')); }, 150);
  try {
    if (!draw) throw new Refused(404, `There is no view ${line(where.name, 40)}.`);
    const made = await draw({ root, where, app, go });
    if (mine !== turn) { made?.close?.(); return; }
    current = made || null;
    shown = location.hash;
    const scroll = again ? window.scrollY : 0;
    clear(main, root);
    made?.shown?.();
    window.scrollTo(0, scroll);
  } catch (error) {
    if (mine === turn) fail(error);
  } finally {
    clearTimeout(wait);
    main.dataset.ready = String(mine);
  }
}

export function fail(error) {
  if (error.name === 'AbortError') return;
  const lost = error.status === 401;
  clear(main, h('div', { class: 'card problem-note', role: 'alert' }, h('h1', {}, lost ? 'This page needs its token' : 'This cannot be shown'), h('p', {}, lost ? 'Open the address that `curate view` printed: it ends in #token=…, and holds for one run.' : line(error.message, 600)), lost ? null : h('button', { type: 'button', onclick: () => render() }, 'Try again')));
}

export function tell(text) { document.getElementById('status').textContent = text; }

function frame() {
  const nav = document.getElementById('nav');
  clear(nav, VIEWS.map(([name, title], place) => h('a', { href: `#/${name}`, 'data-view': name, title: `${title} (${place + 1})` }, title)));
  document.getElementById('help').addEventListener('click', help);
  document.getElementById('theme').addEventListener('click', () => theme(true));
  document.getElementById('skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
  theme(false);
}

function theme(turned) {
  const asked = localStorage.getItem('assay-theme');
  const dark = asked ? asked === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const now = turned ? !dark : dark;
  if (turned) localStorage.setItem('assay-theme', now ? 'dark' : 'light');
  document.documentElement.dataset.theme = now ? 'dark' : 'light';
  document.getElementById('theme').textContent = now ? '☀' : '☾';
  current?.themed?.();
}

function help() {
  const dialog = document.getElementById('keys');
  clear(dialog, h('h2', { id: 'keys-title' }, 'Keyboard'), h('dl', { class: 'keys' }, KEYS.map(([key, says]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, says)])), h('form', { method: 'dialog' }, h('button', {}, 'Close')));
  dialog.showModal();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog[open]')) return;
  if (current?.key?.(event)) { event.preventDefault(); return; }
  if (/^[1-9]$/.test(event.key) && VIEWS[event.key - 1]) go(VIEWS[event.key - 1][0]);
  else if (event.key === '?') help();
  else if (event.key === 'd') theme(true);
  else if (event.key === '/') { event.preventDefault(); if (parse().name === 'problems') document.getElementById('where')?.focus(); else go('problems?focus=1'); }
}

function tellState(state) {
  app.state = state;
  document.getElementById('name').textContent = line(state.config || 'assay', 40);
  document.getElementById('place').textContent = line(state.lake, 80);
  const live = document.getElementById('live');
  live.hidden = !state.live;
  live.textContent = state.fault ? 'live: cannot read' : 'live';
  live.title = state.fault ? line(state.fault, 300) : 'The page follows what a job commits';
}

async function begin() {
  takeToken();
  frame();
  addEventListener('keydown', key);
  addEventListener('hashchange', () => { if (takeToken()) location.reload(); else render(); });
  try {
    tellState(await get('state'));
    for (let waits = 0; !app.state.ready; waits += 1) {
      clear(main, h('p', { class: 'wait' }, 'Reading the pool into memory'));
      await new Promise((done) => setTimeout(done, waits < 10 ? 100 : 500));
      tellState(await get('state'));
    }
    if (app.state.fault && !app.state.problems) throw new Refused(503, app.state.fault);
    await render();
    if (app.state.expected) await complete();
    if (app.state.live) follow();
  } catch (error) { fail(error); }
}

// While a large pool is read, some of its rows are shown.
async function complete() {
  while (app.state.expected) {
    await new Promise((done) => setTimeout(done, 300));
    tellState(await get('state'));
  }
  if (app.state.fault) throw new Refused(503, app.state.fault);
  tell('All problems are read.');
  await render(true);
}

function follow() {
  setTimeout(async () => {
    try {
      const before = app.state.version;
      if (!document.hidden) tellState(await get('state'));
      if (app.state.version !== before) { tell('The job has committed more.'); await render(true); }
    } catch (error) {
      document.getElementById('live').textContent = 'live: no answer';
    }
    follow();
  }, POLL_MS);
}

begin();
