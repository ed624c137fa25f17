// A table of any length: only the rows in sight exist. Rows come in chunks from the server and are held for a while.

import { h } from './dom.js';

const CHUNK = 100, HELD = 60; // rows of one request; chunks that are kept
const TALLEST = 6_000_000; // pixels that browsers can lay out; longer tables share pixels among rows

export class Grid {
  // rows: element per row index; load(offset, count) -> rows; draw(row, index) -> cells; polish(node, row) once the table stands still; open(row) on click or Enter
  constructor({ head, load, draw, polish, open, label, rowHeight }) {
    Object.assign(this, { load, draw, polish, open, rowHeight, total: 0, chunks: new Map(), asked: new Set(), active: 0, offset: 0, before: 0 });
    this.space = h('div', { class: 'space', role: 'presentation' });
    this.body = h('div', { class: 'viewport', tabindex: '0', role: 'rowgroup', 'aria-label': label, onscroll: () => this.scrolled(), onkeydown: (event) => this.key(event) }, this.space);
    this.node = h('div', { class: 'grid-table', role: 'table', 'aria-label': label }, h('div', { class: 'grid-head', role: 'rowgroup' }, h('div', { class: 'grid-row', role: 'row', 'aria-rowindex': '1' }, head)), this.body);
    this.drawn = new Map();
    this.resize = new ResizeObserver(() => this.render());
    this.resize.observe(this.body);
  }

  show(total, first) {
    this.total = total;
    this.chunks.clear();
    this.asked.clear();
    for (let at = 0; at < first.length; at += CHUNK) if (first.length - at >= CHUNK || first.length === total) this.chunks.set(at / CHUNK, first.slice(at, at + CHUNK));
    if (!this.chunks.size && first.length) this.first = first; else this.first = null;
    this.node.setAttribute('aria-rowcount', String(total + 1));
    this.tall = total * this.rowHeight;
    this.laid = Math.min(this.tall, TALLEST);
    this.space.style.height = `${this.laid}px`;
    this.pageHeight = this.laid / 100;
    this.pages = Math.max(1, Math.floor(this.tall / this.pageHeight));
    this.jump = this.pages > 1 ? (this.tall - this.laid) / (this.pages - 1) : 0;
    this.offset = 0; this.before = 0; this.active = 0;
    this.body.scrollTop = 0;
    this.forget();
    this.render();
  }

  forget() {
    for (const node of this.drawn.values()) node.remove();
    this.drawn.clear();
  }

  // A long table is cut into pages that overlap: a small step scrolls by pixels, a large one by share of the whole.
  scrolled() {
    const top = this.body.scrollTop, step = Math.abs(top - this.before);
    if (step > this.body.clientHeight && this.jump) {
      const share = this.laid === this.body.clientHeight ? 0 : top * ((this.tall - this.body.clientHeight) / (this.laid - this.body.clientHeight));
      const page = Math.min(this.pages - 1, Math.floor(share / this.pageHeight));
      if (Math.round(page * this.jump) !== this.offset) { this.offset = Math.round(page * this.jump); this.forget(); }
    } else if (step) this.settle(top + this.offset);
    this.before = this.body.scrollTop;
    this.plan();
  }

  settle(position) {
    const page = Math.min(this.pages - 1, Math.floor(position / this.pageHeight)), offset = Math.round(page * this.jump);
    if (offset !== this.offset) {
      this.offset = offset;
      this.forget();
      this.body.scrollTop = position - offset;
    }
  }

  plan() {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => { this.planned = 0; this.render(); });
  }

  render() {
    const top = this.body.scrollTop + this.offset, height = this.body.clientHeight || 600;
    const first = Math.max(0, Math.floor(top / this.rowHeight) - 6), last = Math.min(this.total, Math.ceil((top + height) / this.rowHeight) + 6);
    for (const [index, node] of this.drawn) if (index < first || index >= last) { node.remove(); this.drawn.delete(index); }
    for (let index = first; index < last; index += 1) {
      const row = this.row(index), known = this.drawn.get(index);
      if (known && (known.loaded || !row)) continue;
      known?.remove();
      const node = h('div', { class: `grid-row${row ? '' : ' waiting'}${index === this.active ? ' active' : ''}`, role: 'row', 'aria-rowindex': String(index + 2), style: { top: `${index * this.rowHeight - this.offset}px`, height: `${this.rowHeight}px` }, onclick: (event) => { if (!event.target.closest('a')) this.select(index, true); } }, row ? this.draw(row, index) : h('div', { role: 'cell', class: 'ghost' }, h('span', {}, ' ')));
      node.loaded = Boolean(row);
      this.drawn.set(index, node);
      this.space.append(node);
    }
    this.want(first, last);
    clearTimeout(this.still);
    this.still = setTimeout(() => this.finish(), 140);
  }

  // What takes time is done when the table stands still.
  finish() {
    const begun = performance.now();
    for (const [index, node] of this.drawn) {
      const row = this.row(index);
      if (!row || node.finished) continue;
      if (performance.now() - begun > 24) { this.still = setTimeout(() => this.finish(), 16); return; }
      this.polish(node, row);
      node.finished = true;
    }
  }

  row(index) {
    return this.chunks.get(Math.floor(index / CHUNK))?.[index % CHUNK] || this.first?.[index];
  }

  want(first, last) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (let chunk = Math.floor(first / CHUNK); chunk <= Math.floor(Math.max(first, last - 1) / CHUNK); chunk += 1) {
        if (this.chunks.has(chunk) || this.asked.has(chunk) || chunk * CHUNK >= this.total) continue;
        this.asked.add(chunk);
        const chunks = this.chunks, asked = this.asked;
        this.load(chunk * CHUNK, CHUNK).then((rows) => {
          chunks.set(chunk, rows);
          while (chunks.size > HELD) chunks.delete(chunks.keys().next().value);
          this.render();
        }).catch(() => {}).finally(() => asked.delete(chunk));
      }
    }, 30);
  }

  select(index, go = false) {
    this.active = Math.max(0, Math.min(this.total - 1, index));
    for (const [at, node] of this.drawn) node.classList.toggle('active', at === this.active);
    const top = this.active * this.rowHeight, height = this.body.clientHeight, seen = this.body.scrollTop + this.offset;
    if (top < seen || top + this.rowHeight > seen + height) {
      const position = top < seen ? top : top + this.rowHeight - height;
      this.settle(Math.max(0, position));
      this.body.scrollTop = Math.max(0, position) - this.offset;
      this.before = this.body.scrollTop;
      this.render();
    }
    const row = this.row(this.active);
    if (go && row) this.open(row, this.active);
  }

  key(event) {
    const page = Math.floor(this.body.clientHeight / this.rowHeight);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) { event.preventDefault(); event.stopPropagation(); this.select(this.active + step); }
    else if (event.key === 'Home') { event.preventDefault(); this.select(0); }
    else if (event.key === 'End') { event.preventDefault(); this.select(this.total - 1); }
    else if (event.key === 'Enter') this.select(this.active, true);
  }

  close() { this.resize.disconnect(); clearTimeout(this.timer); clearTimeout(this.still); }
}
