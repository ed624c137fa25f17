// Texts with formulas. What is no formula stays text; what is one goes to KaTeX without trust, bounded in length, macros and time.

import { h, visible } from './dom.js';

const OPENS = /\$|\\\[|\\\(|\\boxed\s*\{/g;
const PATTERN = /\$\$([\s\S]{1,2000}?)\$\$|\\\[([\s\S]{1,2000}?)\\\]|\\\(([\s\S]{1,2000}?)\\\)|\$(?=[^\s$])([^$\n]{1,600}?[^\s$\\]|[^\s$\\])\$(?!\d)/y;
const DEFINES = /\\(?:[gex]?def|(?:re)?newcommand|providecommand|let|futurelet|global|long|htmlClass|htmlData|htmlId|htmlStyle|includegraphics|href|url)\b/;
const MOST = 400; // formulas of one text
const BUDGET_MS = 150; // of one text; the rest stays as it was written
const PAGE_MS = 4_000; // of all texts together that are drawn without a pause; half of a pause's length is given back
const LONGEST = 60_000; // characters beyond which no formula is looked for

export const richLine = (text, most = 160) => rich(String(text ?? '').replace(/\s+/g, ' ').trim().slice(0, most), { tag: 'span', class: 'inline' });

export function rich(text, options = {}) {
  text = String(text ?? '').trim();
  const node = h(options.tag || 'div', { class: `prose ${options.class || ''}`, dir: 'auto' });
  if (text.length > LONGEST) {
    node.append(visible(text));
    return node;
  }
  const begun = performance.now(), most = begun + allowance(begun);
  let from = 0, formulas = 0;
  OPENS.lastIndex = 0;
  for (let open = OPENS.exec(text); open && formulas < MOST && performance.now() < most; open = OPENS.exec(text)) {
    const found = open[0].length > 2 ? box(text, open) : delimited(text, open.index);
    if (!found) {
      OPENS.lastIndex = open.index + 1;
      continue;
    }
    words(node, text.slice(from, open.index));
    formula(node, found.tex, found.display, found.written);
    OPENS.lastIndex = from = open.index + found.written.length;
    formulas += 1;
  }
  words(node, text.slice(from));
  spend(begun);
  return node;
}

let left = PAGE_MS, seen = performance.now();

function allowance(now) {
  left = Math.min(PAGE_MS, left + (now - seen) / 2);
  return Math.min(BUDGET_MS, left);
}

function spend(begun) {
  seen = performance.now();
  left -= seen - begun;
}

function delimited(text, at) {
  PATTERN.lastIndex = at;
  const match = PATTERN.exec(text);
  return match && { tex: match[1] ?? match[2] ?? match[3] ?? match[4], display: match[1] !== undefined || match[2] !== undefined, written: match[0] };
}

// A box outside of dollars, as many answers end, is a formula too.
function box(text, open) {
  const end = closing(text, open.index + open[0].length);
  return end < 0 ? null : { tex: text.slice(open.index, end), display: false, written: text.slice(open.index, end) };
}

function words(node, text) {
  const parts = visible(text).split(/\*\*([^*\n]{1,200})\*\*/);
  parts.forEach((part, place) => { if (part) node.append(place % 2 ? h('strong', {}, part) : part); });
}

function closing(text, from) {
  let depth = 1;
  for (let at = from; at < Math.min(text.length, from + 600); at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '{') depth += 1;
    else if (text[at] === '}' && (depth -= 1) === 0) return at + 1;
  }
  return -1;
}

function formula(node, tex, display, written) {
  if (!window.katex || DEFINES.test(tex) || visible(tex) !== tex) { node.append(visible(written)); return; }
  const place = h('span', { class: display ? 'display' : null, dir: 'ltr' });
  try {
    window.katex.render(tex, place, { displayMode: display, throwOnError: true, trust: false, strict: 'ignore', maxExpand: 100, maxSize: 20, output: 'htmlAndMathml' });
    node.append(place);
  } catch {
    node.append(visible(written));
  }
}
