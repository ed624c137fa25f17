import { get } from '../api.js';
import { append, BIN_WORDS, BINS, colour, count, h, line, note, percent, rate, section, SPECTRUM, table } from '../dom.js';
import { richLine } from '../math.js';

const RADIUS = 3.2;

export async function clusters({ root, app, go }) {
  let told = null, near = -1, only = null;
  const canvas = h('canvas', { class: 'map', role: 'img', 'aria-label': 'Map of the pool in two dimensions; the table below holds the same clusters' });
  const says = h('p', { class: 'soft map-says', role: 'status' });

  function place(index, width, height) {
    const pad = 14, p = told.points;
    return [pad + p.x[index] * (width - 2 * pad), height - pad - p.y[index] * (height - 2 * pad)];
  }

  function paint() {
    const width = canvas.clientWidth, height = canvas.clientHeight, scale = devicePixelRatio || 1, p = told.points;
    if (!width) return;
    canvas.width = width * scale; canvas.height = height * scale;
    const pen = canvas.getContext('2d'), style = getComputedStyle(document.documentElement);
    pen.scale(scale, scale);
    const ring = style.getPropertyValue('--ink').trim(), none = style.getPropertyValue('--faint-ink').trim();
    const order = p.id.map((_, index) => index).sort((a, b) => p.kept[a] - p.kept[b]);
    for (const index of order) {
      const [x, y] = place(index, width, height), far = only !== null && p.cluster[index] !== only;
      pen.globalAlpha = far ? 0.1 : 0.85;
      pen.beginPath();
      pen.arc(x, y, RADIUS, 0, 2 * Math.PI);
      pen.fillStyle = p.rate[index] === null ? none : colour(p.rate[index]);
      pen.fill();
      if (p.kept[index]) { pen.lineWidth = 1.3; pen.strokeStyle = ring; pen.stroke(); }
    }
    pen.globalAlpha = 1;
    if (near >= 0) { const [x, y] = place(near, width, height); pen.beginPath(); pen.arc(x, y, 8, 0, 2 * Math.PI); pen.lineWidth = 2; pen.strokeStyle = ring; pen.stroke(); }
  }

  function nearest(event) {
    const box = canvas.getBoundingClientRect(), width = canvas.clientWidth, height = canvas.clientHeight;
    let best = -1, least = 144;
    for (let index = 0; index < told.points.id.length; index += 1) {
      const [x, y] = place(index, width, height), far = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
      if (far < least) { best = index; least = far; }
    }
    return best;
  }

  function show(index) {
    if (index === near) return;
    near = index;
    const p = told.points;
    says.textContent = index < 0 ? hint() : `cluster ${p.cluster[index]}, pass rate ${rate(p.rate[index])}${p.kept[index] ? ', selected' : ''}: ${line(p.id[index], 30)}`;
    paint();
  }

  function hint() {
    return `${count(told.points.id.length)} of ${count(told.pool)} problems. The two dimensions hold ${percent(told.explained)} of the vectors' variance, so near on the map is a hint, not a proof.${app.frozen ? '' : ' A click opens the problem.'}`;
  }

  function rows() {
    return told.clusters.map((row) => [
      h('button', { type: 'button', class: 'link', 'aria-pressed': 'false', onclick: (event) => { only = only === row.cluster ? null : row.cluster; for (const one of root.querySelectorAll('button.link')) one.setAttribute('aria-pressed', 'false'); event.target.setAttribute('aria-pressed', String(only !== null)); paint(); } }, String(row.cluster)),
      count(row.problems), count(row.kept), h('span', { class: 'meter', role: 'img', 'aria-label': percent(row.kept / row.problems) }, h('i', { style: { width: percent(row.kept / row.problems, 1) } })), h('span', { class: 'row' }, h('i', { class: 'swatch', style: { background: colour(row.mean) } }), rate(row.mean)), row.keywords.join(' '),
      row.typical ? h('a', { href: `#/problem/${encodeURIComponent(row.typical.problem_id)}`, dir: 'auto' }, richLine(row.typical.text, 140)) : '–']);
  }

  async function draw() {
    told = await get('clusters');
    root.replaceChildren();
    if (!told.clusters.length) { append(root, [h('h1', {}, 'Clusters'), note('Nothing is embedded yet.')]); return; }
    const legend = h('p', { class: 'legend soft' }, 'never solved ', SPECTRUM.map((fill, at) => h('i', { style: { background: fill }, title: BIN_WORDS[BINS[at]] })), ' always solved', h('span', { class: 'key' }, h('i', { class: 'ring' }), 'selected'));
    const covered = told.clusters.filter((row) => row.kept).length;
    says.textContent = told.points.id.length ? hint() : 'This lake holds no vectors of these problems, so there is no map.';
    append(root, [h('h1', {}, 'Clusters'), section('Map of the pool: each dot is a problem', told.points.id.length ? [legend, canvas] : null, says), section(`${covered} of ${told.clusters.length} clusters hold a selected problem`, note('A number on the left shows its cluster alone on the map.'), table(['cluster', { name: 'problems', num: true }, { name: 'selected', num: true }, 'share selected', { name: 'mean pass rate', num: true }, { name: 'keywords', wide: true }, { name: 'nearest to the centre', wide: true }], rows(), { label: 'Clusters', stack: true }))]);
    requestAnimationFrame(paint);
  }

  canvas.addEventListener('pointermove', (event) => show(nearest(event)));
  canvas.addEventListener('pointerleave', () => show(-1));
  canvas.addEventListener('click', (event) => { const at = nearest(event); if (at >= 0) go(`problem/${encodeURIComponent(told.points.id[at])}`); });
  const watch = new ResizeObserver(() => { if (told) paint(); });
  watch.observe(canvas);
  await draw();
  return { update: draw, shown: paint, themed: () => requestAnimationFrame(paint), close: () => watch.disconnect() };
}
