// Questions to the server, each with this run's token.

const KEY = 'assay-token';
let earlier = ''; // the token before that of the address: a link of another page may name one that is none

export class Refused extends Error {
  constructor(status, words) { super(words); this.status = status; }
}

// The token comes behind the # of the printed address, which no browser sends, and leaves the address bar at once. True = there was one.
export function takeToken() {
  const match = /^#token=([\w-]+)$/.exec(location.hash);
  if (match) {
    earlier = localStorage.getItem(KEY) || '';
    localStorage.setItem(KEY, match[1]);
    history.replaceState(null, '', '#/');
  }
  return Boolean(match);
}

export async function get(name, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== undefined && value !== null && value !== false);
  const text = new URLSearchParams(given.map(([key, value]) => [key, value === true ? '1' : String(value)])).toString();
  return ask(`/api/${name}${text ? `?${text}` : ''}`, { signal });
}

// A picture as a data address: it is drawn from its bytes, and the page's policy need allow nothing more.
export async function getPicture(picture) {
  const answer = await send(`/api/picture?id=${encodeURIComponent(picture.id)}`, {});
  const file = await answer.blob();
  if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type)) throw new Refused(0, 'These bytes are not a picture.');
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => done(reader.result));
    reader.addEventListener('error', () => failed(reader.error));
    reader.readAsDataURL(file);
  });
}

export function post(name, value) {
  return ask(`/api/${name}`, { method: 'POST', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
}

async function ask(path, options) {
  return (await send(path, options)).json().catch(() => ({ error: 'an answer that is not JSON' }));
}

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: 'omit', headers: { ...(options.headers || {}), 'X-Assay-Token': localStorage.getItem(KEY) || '' } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused(0, 'The server does not answer: `curate view` has ended, or is starting.');
  }
  if (answer.status === 401 && earlier) {
    localStorage.setItem(KEY, earlier);
    earlier = '';
    return send(path, options);
  }
  if (!answer.ok) throw new Refused(answer.status, (await answer.json().catch(() => ({}))).error || `an answer that is not JSON (${answer.status})`);
  return answer;
}
