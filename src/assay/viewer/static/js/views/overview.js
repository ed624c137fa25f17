import { get } from '../api.js';
import { append, bytes, count, duration, h, line, many, note, outcome, percent, section, short, table, tiles, when, words } from '../dom.js';

export async function overview({ root, app }) {
  async function draw() {
    const told = await get('overview');
    root.replaceChildren();
    append(root, [head(app.state), told.expected ? note(`Reading ${count(told.expected)} problems: what is counted over all of them follows in a moment.`) : null, warnings(told.warnings), told.expected ? early(told) : numbers(told), h('div', { class: 'pair' }, funnel(told.stages), reasons(told.reasons)), app.frozen ? null : runs(told.runs)]);
  }
  await draw();
  return { update: draw };
}

function head(state) {
  const policy = state.policy ? `policy ${line(state.policy, 60)}, ` : '';
  return h('div', { class: 'head' }, h('h1', {}, line(state.config || state.lake.split('/').pop() || 'Lake', 80)), note(`${policy}graded ${state.mode === 'lenient' ? 'leniently' : 'strictly'}, lake ${line(state.lake, 120)}${state.written ? `, written ${state.written}` : ''}`));
}

function warnings(found) {
  if (!found.length) return null;
  return h('div', { class: 'warnings' }, found.map((one) => h('div', { class: `warning ${one.kind === 'errors' || one.kind === 'no answer is right' ? 'grave' : ''}` }, h('strong', {}, one.kind), h('span', {}, one.text), h('a', { href: `#/problems?where=${encodeURIComponent(one.condition)}` }, 'Show them'))));
}

function early(told) {
  return tiles([
    ['Problems', count(told.expected), 'in the lake'],
    ['Tokens generated', short(told.counts.tokens), `lake of ${bytes(told.counts.bytes)}`],
  ]);
}

function numbers(told) {
  const a = told.attempts, total = (a.correct || 0) + (a.wrong || 0) + (a.truncated || 0) + (a.error || 0);
  return tiles([
    ['Problems', count(told.counts.pool), a.problems < told.counts.pool ? `${count(a.problems)} measured` : 'all measured'],
    ['Selected', count(told.counts.selected), told.counts.pool ? `${percent(told.counts.selected / told.counts.pool)} of the problems` : ''],
    ['Attempts behind the scores', short(total), total ? `${percent(a.correct / total)} right` : 'none yet'],
    ['Truncated attempts', total ? percent(a.truncated / total, 1) : '–', total ? `${count(a.truncated)} of ${count(total)}` : ''],
    ['Signal per group of 8', percent(a.signal), 'of the groups are expected to hold right and wrong answers: only they teach'],
    ['Tokens generated', short(told.counts.tokens), `lake of ${bytes(told.counts.bytes)}`],
  ]);
}

function funnel(stages) {
  const rowed = stages.filter((stage) => stage.stage !== 'train'); // training counts steps, the others problems
  const most = Math.max(...rowed.map((stage) => Math.max(stage.rows_in || 0, stage.rows_out || 0)), 1);
  const rows = stages.map((stage) => h('li', {}, h('span', { class: 'stage' }, stage.stage), stage.stage === 'train' ? h('span', {}) : h('span', { class: 'flow', role: 'img', 'aria-label': `${count(stage.rows_in)} in, ${count(stage.rows_out)} out` }, h('i', { class: 'in', style: { width: percent(stage.rows_in / most, 1) } }), h('i', { class: 'out', style: { width: percent(stage.rows_out / most, 1) } })), h('span', { class: 'num' }, stage.stage === 'train' ? many(stage.rows_out, 'step') : count(stage.rows_out)), h('span', { class: 'soft num' }, duration(stage.seconds))));
  return section('Stages', rows.length ? [note('How many problems each stage was given (pale) and passed on (the number), and its time.'), h('ol', { class: 'funnel' }, rows)] : note('No stage is finished yet.'));
}

function reasons(rows) {
  return section('Dropped or passed over, and why', table(['stage', 'reason', { name: 'how many', num: true }], rows.map((row) => [row.stage, h('a', { href: `#/problems?where=${encodeURIComponent(`reason = '${String(row.reason).replaceAll("'", "''")}'`)}` }, line(words(row.reason || 'budget'), 60)), count(row.rows)]), { label: 'Reasons', empty: 'Nothing was dropped.' }));
}

function runs(rows) {
  const cells = rows.map((run) => [line(run.command, 60), when(run.started), run.outcome ? outcome(run.outcome === 'done' ? 'done' : run.outcome) : outcome('running or killed'), short(run.tokens), short(run.samples), duration(run.seconds)]);
  return section(many(rows.length, 'run'), table(['command', 'began (UTC)', 'outcome', { name: 'tokens', num: true }, { name: 'attempts', num: true }, { name: 'time', num: true }], cells, { label: 'Runs', stack: true }));
}
