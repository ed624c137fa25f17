// Pictures of a problem: shown from their bytes, and only as pictures.

import { getPicture } from './api.js';
import { bytes, count, h, line, many } from './dom.js';

// The pictures of a problem, in its order; what is known of one that cannot be shown stands in its place.
export function pictures(told, frozen) {
  if (!told.length) return null;
  return h('div', { class: 'pictures', role: 'group', 'aria-label': many(told.length, 'picture') }, told.map((one, place) => figure(one, place + 1, frozen)));
}

function figure(one, number, frozen) {
  const box = h('div', { class: 'frame' }), size = one.media_type ? `${count(one.width)} × ${count(one.height)} pixels, ${bytes(one.size)}` : '';
  const facts = h('figcaption', {}, `Picture ${number}`, size ? `: ${line(one.media_type.replace('image/', ''), 8)}, ${size}` : '');
  if (!one.media_type) box.append(h('p', { class: 'soft' }, 'Its bytes are not in this lake: ', h('code', {}, line(one.id, 64))));
  else show(box, one, number, frozen);
  return h('figure', {}, box, facts);
}

async function show(box, one, number, frozen) {
  try {
    const url = await getPicture(one);
    if (!url) { box.append(h('p', { class: 'soft' }, 'Not in this page, which has room for small pictures only: ', h('code', {}, 'curate view'), ' shows it.')); return; }
    const picture = h('img', { alt: `Picture ${number} of the problem`, width: one.width, height: one.height, decoding: 'async' });
    picture.addEventListener('error', () => picture.replaceWith(h('p', { class: 'soft' }, 'The browser cannot draw these bytes.')), { once: true });
    picture.src = url;
    box.append(picture);
  } catch (error) {
    if (error.name !== 'AbortError') box.append(h('p', { class: 'soft' }, line(error.message, 300)));
  }
}
