import { get } from '../api.js';
import { areas, lines } from '../chart.js';
import { append, count, h, line, note, section, table, when } from '../dom.js';

const FIRST = ['reward', 'eval_pass_at_1', 'loss', 'kl', 'completion_length', 'entropy', 'grad_norm', 'learning_rate'];

const NAMES = { kl: 'KL', eval_pass_at_1: 'held-out pass@1', grad_norm: 'gradient norm' };
const named = (name) => NAMES[name] || name.replaceAll('_', ' ');

export async function training({ root, where, go }) {
  async function draw() {
    const told = await get('training', { training: where.query.get('training') || '' });
    root.replaceChildren();
    append(root, [h('h1', {}, 'Training')]);
    if (!told.training) { append(root, [note('No training has written to this lake.')]); return; }
    const choose = h('select', { 'aria-label': 'Training', onchange: () => go(`training?training=${encodeURIComponent(choose.value)}`) }, told.trainings.map((row) => h('option', { value: row.training }, `${row.config || 'training'}, ${when(row.started)}, steps ${row.first} to ${row.last}, ${row.training.slice(0, 6)}`)));
    choose.value = told.training;
    const names = Object.keys(told.curves).sort((a, b) => ((FIRST.indexOf(a) + 99) % 99) - ((FIRST.indexOf(b) + 99) % 99) || a.localeCompare(b));
    const charts = names.map((name) => section('', lines(named(name), [{ name: named(name), points: told.curves[name] }], { x: 'step', y: named(name) })));
    append(root, [told.trainings.length > 1 ? h('p', { class: 'row' }, choose) : note(`${line(told.trainings[0]?.config || '', 60)} ${when(told.trainings[0]?.started)} UTC, steps ${told.trainings[0]?.first} to ${told.trainings[0]?.last}`), h('div', { class: 'pair' }, charts.slice(0, 2)), drift(told.drift), h('div', { class: 'pair' }, charts.slice(2, 4)), charts.length > 4 ? h('details', { class: 'more' }, h('summary', {}, `${charts.length - 4} further metrics`), h('div', { class: 'pair' }, charts.slice(4))) : null]);
  }
  await draw();
  return { update: draw };
}

function drift(rows) {
  if (!rows.length) return null;
  const labels = rows.map((row) => String(row.first)), share = (key) => rows.map((row) => row[key] / row.groups);
  const point = (row, value) => [row.first, value];
  return h('div', { class: 'pair' }, section('', areas('What the groups held', labels, [{ name: 'all wrong', fill: 'var(--wrong)', values: share('dead') }, { name: 'mixed: they teach', fill: 'var(--mixed)', values: share('mixed') }, { name: 'all right', fill: 'var(--correct)', values: share('solved') }], { x: 'step', y: 'share of groups' })),
    section('', lines('How far the frontier has moved', [{ name: 'solved in training', points: rows.map((row) => point(row, row.rate)) }, { name: 'the same problems, as scored', points: rows.map((row) => point(row, row.scored)), dashed: true }], { x: 'step', y: 'pass rate', low: 0, high: 1, hint: 'the gap is what the policy has learnt, and how stale the scores are' })),
    h('details', { class: 'more span' }, h('summary', {}, 'Steps in numbers'), table(['steps', { name: 'groups', num: true }, { name: 'all wrong', num: true }, { name: 'mixed', num: true }, { name: 'all right', num: true }], rows.map((row) => [row.first === row.last ? String(row.first) : `${row.first} to ${row.last}`, count(row.groups), count(row.dead), count(row.mixed), count(row.solved)]), { label: 'Steps' })));
}
