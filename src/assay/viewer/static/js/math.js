// Texts with formulas. What is no formula stays text; what is one goes to KaTeX without trust, bounded in length, macros and time.

import { h, visible } from './dom.js';

const PATTERN = /\$\$([\s\S]{1,2000}?)\$\$|\\\[([\s\S]{1,2000}?)\\\]|\\\(([\s\S]{1,2000}?)\\\)|\$(?=[^\s$])([^$\n]{1,600}?[^\s$\\]|[^\s$\\])\$(?!\d)/g;
const BOXED = /\\boxed\s*\{/;
const DEFINES = /\\(?:[gex]?def|(?:re)?newcommand|providecommand|let|futurelet|global|long|htmlClass|htmlData|htmlId|htmlStyle|includegraphics|href|url)\b/;
const MOST = 400; // formulas of one text
const BUDGET_MS = 150; // of one text; the rest stays as it was written
const LONGEST = 60_000; // characters beyond which no formula is looked for

export const richLine = (text, most = 160) => rich(String(text ?? '').replace(/\s+/g, ' ').trim().slice(0, most), { tag: 'span', class: 'inline' });

export function rich(text, options = {}) {
  text = String(text ?? '').trim();
  const node = h(options.tag || 'div', { class: `prose ${options.class || ''}`, dir: 'auto' });
  if (text.length > LONGEST) {
    node.append(visible(text));
    return node;
  }
  const begun = performance.now();
  let from = 0, formulas = 0;
  PATTERN.lastIndex = 0;
  for (let match = PATTERN.exec(text); match; match = PATTERN.exec(text)) {
    if (formulas >= MOST || performance.now() - begun > BUDGET_MS) break;
    plain(node, text.slice(from, match.index));
    const display = match[1] !== undefined || match[2] !== undefined;
    formula(node, match[1] ?? match[2] ?? match[3] ?? match[4], display, match[0]);
    from = match.index + match[0].length;
    formulas += 1;
  }
  plain(node, text.slice(from));
  return node;
}

// A box outside of dollars, as many answers end, is a formula too.
function plain(node, text) {
  const box = BOXED.exec(text);
  const end = box ? closing(text, box.index + box[0].length) : -1;
  if (end < 0) { words(node, text); return; }
  words(node, text.slice(0, box.index));
  formula(node, text.slice(box.index, end), false, text.slice(box.index, end));
  plain(node, text.slice(end, end + LONGEST));
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
