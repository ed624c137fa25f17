import { get } from '../api.js';
import { append, attemptsBar, bytes, chip, clear, count, h, interval, line, many, note, outcome, rate, section, table, visible, words } from '../dom.js';
import { rich, richLine } from '../math.js';
import { pictures } from '../picture.js';

export async function problem({ root, where, app, go }) {
  const id = where.rest[0] || '', offset = Number(where.query.get('offset') || 0);
  const told = await get('problem', { id, offset });
  const list = app.list;
  let filter = '';

  function head() {
    const p = told.problem;
    const step = (by) => h('button', { type: 'button', class: 'quiet', disabled: !list || list.index + by < 0 || list.index + by >= list.total, onclick: () => move(by), 'aria-label': by < 0 ? 'Previous problem of the table' : 'Next problem of the table' }, by < 0 ? '← previous' : 'next →');
    return h('div', { class: 'head crumbs' }, h('a', { href: list?.hash || '#/problems' }, 'Problems'), list ? h('span', { class: 'soft' }, `${count(list.index + 1)} of ${count(list.total)}`) : null, h('span', { class: 'push' }), list ? [step(-1), step(1)] : null, h('h1', { class: 'mono' }, line(p.id, 40)));
  }

  async function move(by) {
    if (!list || list.index + by < 0 || list.index + by >= list.total) return;
    try {
      const { rows } = await get('rows', { view: list.view, version: list.version, offset: list.index + by, count: 1 });
      app.list = { ...list, index: list.index + by };
      go(`problem/${encodeURIComponent(rows[0].id)}`);
    } catch (error) {
      if (error.status !== 410) throw error;
      location.hash = list.hash; // the lake has changed: the table opens its view again
    }
  }

  function question() {
    const p = told.problem, box = h('div', { class: 'turns' });
    const turns = (messages) => clear(box, messages.map((turn) => h('div', { class: `turn ${turn.role}` }, p.messages.length > 1 || turn.role !== 'user' ? h('span', { class: 'role' }, line(turn.role, 20)) : null, rich(turn.content || ''))));
    turns(p.messages);
    const sent = p.messages.reduce((sum, turn) => sum + (turn.content || '').length, 0);
    const more = p.characters > sent + 10 && app.frozen ? note(`The first ${count(sent)} of ${count(p.characters)} characters.`) : p.characters > sent + 10 ? h('button', { type: 'button', onclick: async (event) => { turns((await get('text', { problem: p.id })).messages); event.target.remove(); } }, `Show all ${count(p.characters)} characters`) : null;
    const media = pictures(told.pictures || [], app.frozen);
    const golds = told.labels.map((label) => h('div', { class: 'gold' }, h('span', { class: 'role' }, `answer (${line(label.origin, 20)}, ${line(label.verifier, 30)})`), rich(wrapped(label.answer), { tag: 'span' })));
    return section('', box, more, media, h('div', { class: 'golds' }, golds));
  }

  // A gold answer is often bare LaTeX.
  function wrapped(answer) { return /\\[a-zA-Z]/.test(answer) && !/[$]|\\\(|\\\[/.test(answer) && answer.length < 500 ? `$${answer}$` : answer; }

  function why() {
    const h_ = told.history, score = h_.scores[0], place = told.problem;
    const facts = [['source', line(place.source, 60)], score ? ['attempts right', attemptsBar(score)] : null, score ? ['pass rate', h('span', { class: 'row wrap' }, interval(score.low, score.value, score.high), h('span', {}, rate(score.value)), h('span', {}, `interval ${rate(score.low)} to ${rate(score.high)}`))] : null, h_.clusters[0] ? ['cluster', h('a', { href: `#/problems?facets=${encodeURIComponent(JSON.stringify({ cluster: [String(h_.clusters[0].cluster)] }))}` }, `${h_.clusters[0].cluster}, similarity to its centre ${rate(h_.clusters[0].similarity)}`)] : null, ...h_.notes.map((row) => ['noticed', `${row.reason}: ${line(row.detail, 160)}`]), ['length', many(place.characters, 'character')]].filter(Boolean);
    return section('Why it is where it is', h('p', { class: 'verdict' }, outcome(told.why.state), ' ', line(told.why.text, 400)), h('dl', { class: 'facts' }, facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])));
  }

  function attempts() {
    const mine = told.attempts.filter((attempt) => attempt.mine), others = told.attempts.filter((attempt) => !attempt.mine);
    const outcomes = [...new Set(told.attempts.map(first))];
    const area = h('div', { class: 'attempt-list' });
    const draw = () => clear(area, mine.filter(match).length && others.length ? h('h3', { class: 'divide' }, 'Attempts behind its score') : null, mine.filter(match).map(card), others.filter(match).length ? h('h3', { class: 'divide' }, 'Attempts of training and of other policies') : null, others.filter(match).map(card));
    const match = (attempt) => !filter || first(attempt) === filter;
    const picks = h('div', { class: 'picks', role: 'group', 'aria-label': 'Show attempts by outcome' }, ['', ...outcomes].map((name) => h('button', { type: 'button', class: 'quiet', 'aria-pressed': String(filter === name), onclick: (event) => { filter = name; for (const one of event.target.parentNode.children) one.setAttribute('aria-pressed', String(one === event.target)); draw(); } }, name || 'all', ' ', h('span', { class: 'soft' }, String(told.attempts.filter((attempt) => !name || first(attempt) === name).length)))), told.attempts.some((attempt) => attempt.thinking) ? h('button', { type: 'button', class: 'quiet', onclick: fold }, 'Fold or open thinking') : null);
    draw();
    const pages = app.frozen ? (told.total > told.attempts.length ? note(`${count(told.attempts.length)} of ${count(told.total)} attempts; `, h('code', {}, 'curate view'), ' shows all.') : null) : told.total > told.attempts.length ? note(`Attempts ${count(told.offset + 1)} to ${count(told.offset + told.attempts.length)} of ${count(told.total)}. `, told.offset ? h('a', { href: `#/problem/${encodeURIComponent(id)}?offset=${Math.max(0, told.offset - 64)}` }, 'previous') : '', ' ', told.offset + told.attempts.length < told.total ? h('a', { href: `#/problem/${encodeURIComponent(id)}?offset=${told.offset + 64}` }, 'next') : '') : null;
    return h('div', { class: 'attempts-all' }, h('div', { class: 'head' }, h('h2', {}, many(told.total, 'attempt')), told.attempts.length ? picks : null), told.attempts.length ? area : note('Nobody has attempted this problem.'), pages);
  }

  function first(attempt) { return attempt.verdicts[0]?.outcome || (attempt.finish === 'error' ? 'error' : 'not judged'); }

  function card(attempt) {
    const verdict = attempt.verdicts[0], body = h('div', { class: 'text' });
    const fillText = (text) => clear(body, text.thinking ? h('details', { class: 'thinking' }, h('summary', {}, `Thinking, ${many(text.thinking.length, 'character')}`), lazy(text.thinking)) : null, text.answer ? rich(text.answer) : text.thinking ? note('No answer behind the thinking.') : note(attempt.characters === undefined || attempt.characters === null ? 'Its text is not in this lake.' : 'Empty.'));
    fillText(attempt);
    const sent = attempt.thinking.length + attempt.answer.length;
    const more = attempt.characters > sent + 1 && app.frozen ? note(`The first ${count(sent)} of ${count(attempt.characters)} characters.`) : attempt.characters > sent + 1 ? h('button', { type: 'button', onclick: async (event) => { const button = event.target; button.disabled = true; fillText(await get('text', { id: attempt.id })); button.remove(); } }, `Show all ${count(attempt.characters)} characters (${bytes(attempt.characters)})`) : null;
    const versions = attempt.verdicts.slice(1).map((older) => h('li', {}, outcome(older.outcome), ` ${line(older.verifier, 30)}@${line(older.version, 20)}: ${line(older.extracted, 80) || 'no answer read'}, ${line(older.reason, 160)}`));
    return h('article', { class: `attempt ${verdict?.outcome || ''}`, tabindex: '-1', 'aria-label': `Attempt ${attempt.sample}` },
      h('header', {}, h('span', { class: 'no' }, `#${attempt.sample}`), outcome(first(attempt)), verdict?.lenient && verdict.lenient !== verdict.outcome ? chip(`leniently ${verdict.lenient}`, 'truncated') : null, h('span', { class: 'push' }), h('span', { class: 'soft num' }, `${count(attempt.tokens)} tokens${attempt.finish === 'length' ? ', at the cap' : ''}`)),
      verdict ? h('dl', { class: 'facts tight' }, h('dt', {}, 'answer read'), h('dd', {}, verdict.extracted ? h('bdi', { class: 'mono' }, line(verdict.extracted, 160)) : h('span', { class: 'soft' }, 'no final answer')), h('dt', {}, 'reason'), h('dd', {}, line(verdict.reason, 240) || '–')) : null,
      attempt.step !== null || !attempt.mine ? note([attempt.step !== null ? `training step ${attempt.step}` : '', line(attempt.policy_name, 60), attempt.guided ? 'guided' : ''].filter(Boolean).join(', ')) : null,
      body, more, versions.length ? h('details', {}, h('summary', {}, many(versions.length, 'other verdict')), h('ul', {}, versions)) : null);
  }

  // Folded thinking is laid out when it is opened.
  function lazy(text) {
    const place = h('div', {});
    queueMicrotask(() => place.parentNode?.addEventListener('toggle', () => { if (!place.firstChild) place.append(rich(text)); }, { once: true }));
    return place;
  }

  function fold() {
    const all = [...root.querySelectorAll('details.thinking')], opening = all.some((one) => !one.open);
    for (const one of all) one.open = opening;
  }

  function history() {
    const h_ = told.history, keep = (name, heads, rows) => (rows.length ? h('details', {}, h('summary', {}, `${name} (${rows.length})`), table(heads, rows, { label: name, stack: true })) : null);
    const near = told.near.length ? h('div', {}, h('h3', {}, 'Nearest to the centre of its cluster'), h('ul', { class: 'near' }, told.near.map((row) => h('li', {}, h('a', { href: `#/problem/${encodeURIComponent(row.id)}`, dir: 'auto' }, richLine(row.question, 160)), h('span', { class: 'soft' }, ` similarity ${rate(row.similarity)}`))))) : null;
    return section('Its history in this lake', near,
      keep('Drops', ['stage', 'reason', 'detail'], h_.drops.map((row) => [row.stage, row.reason, line(row.detail, 200)])),
      keep('Scores', ['scorer', 'value', 'interval', 'right', 'wrong', 'truncated'], h_.scores.map((row) => [row.scorer, rate(row.value), `${rate(row.low)} to ${rate(row.high)}`, row.n_correct, row.n_wrong, row.n_truncated])),
      keep('Selections', ['selection', 'kept', 'weight', 'reason'], h_.selections.map((row) => [h('code', {}, line(row.selection_id, 12)), row.kept ? 'yes' : 'no', rate(row.weight), words(row.reason) || '–'])),
      keep('Curricula', ['curriculum', 'lesson', 'position', 'passes'], h_.curriculum.map((row) => [h('code', {}, line(row.curriculum_id, 12)), row.lesson, row.position, row.passes])),
      h('details', {}, h('summary', {}, 'Metadata'), h('pre', { class: 'mono' }, visible(String(told.problem.metadata ?? '').slice(0, 20_000)))));
  }

  append(root, [app.frozen ? null : head(), h('div', { class: 'problem-top' }, question(), why()), attempts(), history()]);
  return {
    key: (event) => {
      if (event.key === 'u' || event.key === 'Escape') { location.hash = list?.hash || '#/problems'; return true; }
      if (event.key === 'j' || event.key === 'ArrowRight') { move(1); return true; }
      if (event.key === 'k' || event.key === 'ArrowLeft') { move(-1); return true; }
      if (event.key === 't') { fold(); return true; }
      return false;
    },
  };
}
