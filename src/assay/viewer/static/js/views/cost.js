import { get } from '../api.js';
import { bars } from '../chart.js';
import { append, bytes, clear, count, duration, h, line, many, note, outcome, percent, section, short, table, tiles, when } from '../dom.js';

export async function cost({ root, app }) {
  async function draw() {
    const told = await get('cost');
    root.replaceChildren();
    const tokens = told.paid.reduce((sum, row) => sum + row.tokens, 0), attempts = told.paid.reduce((sum, row) => sum + row.rollouts, 0), own = told.outcomes.reduce((sum, row) => sum + row.tokens, 0);
    const cut = told.outcomes.find((row) => row.outcome === 'truncated');
    const out = h('div', {});
    append(root, [h('h1', {}, 'Cost'), tiles([['Tokens generated', short(tokens), count(tokens)], ['Attempts', short(attempts), ''], ['Tokens per attempt', short(told.tokens_per_attempt), 'of the policy that the scores are of'], ['Tokens in truncated attempts', cut ? percent(cut.tokens / own) : '0%', cut ? 'whether they count as wrong is a setting (truncated)' : 'none was cut']]),
      told.can_forecast ? section('What is left', out) : null,
      h('div', { class: 'pair' },
        section('What scoring went into', note('The attempts behind the scores, by verdict.'), table(['outcome', { name: 'attempts', num: true }, { name: 'tokens', num: true }, { name: 'share', num: true }], told.outcomes.map((row) => [outcome(row.outcome), count(row.attempts), short(row.tokens), percent(row.tokens / own)]), { label: 'Tokens by outcome' })),
        told.lengths.length ? section('', lengths(told.lengths, Boolean(cut))) : null),
      section('By policy', table(['policy', 'engine', 'for', { name: 'attempts', num: true }, { name: 'generated', num: true }, { name: 'prompt tokens', num: true }], told.paid.map((row) => [line(row.policy_name, 60), line(row.engine, 30), row.from_training ? `training, ${many(row.revisions, 'step')}` : 'scoring', count(row.rollouts), short(row.tokens), short(row.prompt_tokens)]), { label: 'Paid by policy', stack: true })),
      app.frozen && !told.runs.length ? null : section('By run', table(['command', 'began (UTC)', { name: 'tokens', num: true }, { name: 'attempts', num: true }, { name: 'time', num: true }, { name: 'tokens per second', num: true }], told.runs.map((run) => [line(run.command, 60), when(run.started), short(run.tokens), short(run.samples), duration(run.seconds), run.seconds && run.tokens ? short(run.tokens / run.seconds) : '–']), { label: 'Runs', stack: true }))]);
    if (told.can_forecast) forecast(out);
  }
  await draw();
  return { update: draw };
}

function lengths(rows, cut) {
  const width = rows[0].width, values = Array.from({ length: rows.at(-1).bin + 1 }, (_, bin) => rows.find((row) => row.bin === bin)?.attempts || 0);
  return bars('How long the attempts are', values.map((_, bin) => short((bin + 1) * width)), [{ name: 'attempts', fill: 'var(--accent)', values }], { x: 'tokens, up to', y: 'attempts', hint: cut ? 'answers that were cut at the token cap stand at the right end' : null });
}

async function forecast(out) {
  clear(out, note('Looking'));
  try {
    const told = await get('forecast');
    if (told.problem) { clear(out, note(line(told.problem, 400))); return; }
    if (!told.next) { clear(out, note('Nothing: every stage of this config is done.')); return; }
    const left = Object.entries(told.left).map(([unit, n]) => `${count(n)} ${unit}`).join(', ');
    clear(out, tiles([['Next stage', told.next, left], ['Tokens', told.tokens ? `${short(told.tokens[0])} to ${short(told.tokens[1])}` : '–', told.tokens ? `${percent(told.level)} interval, from what stored attempts cost` : 'nothing measured to foresee from'], ['Disk', told.disk?.bytes ? bytes(told.disk.bytes) : '–', told.disk ? `${bytes(told.disk.free)} free` : '']]));
  } catch (error) { clear(out, h('p', { class: 'error' }, line(error.message, 400))); }
}
