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

export function post(name, value) {
  return ask(`/api/${name}`, { method: 'POST', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
}

async function ask(path, options) {
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
    return ask(path, options);
  }
  const told = await answer.json().catch(() => ({ error: `an answer that is not JSON (${answer.status})` }));
  if (!answer.ok) throw new Refused(answer.status, told.error || String(answer.status));
  return told;
}
