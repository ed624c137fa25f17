import { get, post } from '../api.js';
import { append, clear, count, h, line, many, note, rate, section, table } from '../dom.js';
import { rich } from '../math.js';

const MARKS = [['right', 'Right', 'r'], ['wrong', 'Wrong', 'w'], ['unsure', 'Unsure', 's']];

export async function audit({ root }) {
  let told = await get('audit'), place = 0, busy = false;
  const done = [];
  const card = h('div', {}), tally = h('div', {});
  const buttons = MARKS.map(([mark, name, key]) => h('button', { type: 'button', class: `mark ${mark}`, onclick: () => mark_(mark) }, name, h('kbd', {}, key)));
  const back = h('button', { type: 'button', class: 'quiet', onclick: undo }, 'Back ', h('kbd', {}, 'b'));
  const says = h('p', { role: 'status', class: 'soft' });

  function show() {
    const answer = told.answers[place];
    for (const button of buttons) button.disabled = !answer;
    back.disabled = !done.length;
    if (!answer) { clear(card, section('', h('p', {}, told.drawn ? 'All answers of the sample are marked.' : 'There is nothing to mark: no attempt is judged yet.'))); return; }
    clear(card, section('', h('div', { class: 'audit-top' }, h('div', {}, h('span', { class: 'role' }, `question, ${line(answer.source, 40)}`), rich(answer.question || '')), h('div', { class: 'compare' }, h('div', {}, h('span', { class: 'role' }, 'gold answer'), rich(bare(answer.gold))), h('div', {}, h('span', { class: 'role' }, 'read from the attempt'), answer.extracted ? rich(bare(answer.extracted)) : note('no final answer')))), h('div', { class: 'attempt-text' }, h('span', { class: 'role' }, 'the attempt'), answer.thinking ? h('details', { class: 'thinking' }, h('summary', {}, `Thinking, ${many(answer.thinking.length, 'character')}`), rich(answer.thinking)) : null, rich(answer.answer || ''), note(h('a', { href: `#/problem/${encodeURIComponent(answer.problem_id)}` }, 'The problem with all its attempts')))));
  }

  function bare(text) { return /\\[a-zA-Z]|[\^_]/.test(text || '') && !/[$]|\\\(|\\\[/.test(text) && text.length < 400 ? `$${text}$` : text || ''; }

  function counts() {
    const n = told.marked, marked = n.right + n.wrong + n.unsure;
    const rows = told.estimates.map((row) => [row.verifier, count(row.marked), `${rate(row.soundness[0])} [${rate(row.soundness[1])}, ${rate(row.soundness[2])}]`, `${rate(row.completeness[0])} [${rate(row.completeness[1])}, ${rate(row.completeness[2])}]`]);
    const where = told.file ? note('Kept in ', h('code', {}, line(told.file, 200)), '. ', h('code', {}, 'curate audit CONFIG --marked FILE'), ' stores what the marks say, and corrects the pass rates.') : note('This lake has no folder for marks: start with --marks FILE.');
    clear(tally, section(`${count(marked)} of ${count(told.drawn)} marked`, h('progress', { max: String(told.drawn || 1), value: marked, 'aria-label': 'Marked' }), note(`${n.right} right, ${n.wrong} wrong, ${n.unsure} unsure. You see no verdict, so that it cannot sway you.`), rows.length ? table(['verifier', { name: 'marked', num: true }, 'soundness, 95%', 'completeness, 95%'], rows, { label: 'Estimates', stack: true }) : note('Soundness (how many accepted answers are right) and completeness (how many right answers are accepted) are estimated as soon as accepted and rejected answers are marked.'), where));
  }

  async function mark_(mark) {
    const answer = told.answers[place];
    if (!answer || busy) return;
    busy = true;
    try {
      await post('audit', { verdict: answer.id, mark });
      done.push(answer);
      says.textContent = `marked ${mark}`;
      place += 1;
      if (place >= told.answers.length) { told = await get('audit'); place = 0; } else get('audit').then((now) => { told = { ...told, marked: now.marked, estimates: now.estimates, file: now.file }; counts(); }).catch(() => {});
      show();
      counts();
      window.scrollTo(0, 0);
    } catch (error) { says.textContent = line(error.message, 300); } finally { busy = false; }
  }

  function undo() {
    const answer = done.pop();
    if (!answer) return;
    told.answers.splice(place, 0, answer);
    says.textContent = 'mark this answer again; the last mark counts';
    show();
  }

  append(root, [h('h1', {}, 'Audit'), note('Is the answer that was read from the attempt right, by the gold answer? Your marks measure the verifier.'), h('div', { class: 'audit' }, h('div', {}, card, h('div', { class: 'marks' }, buttons, back, says)), tally)]);
  show();
  counts();
  return { key: (event) => {
    const mark = MARKS.find(([, , key]) => key === event.key);
    if (mark) { mark_(mark[0]); return true; }
    if (event.key === 'b') { undo(); return true; }
    return false;
  } };
}
