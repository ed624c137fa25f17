// In the place of `api.js` in a report: the answers lie in the page, and nothing is asked of anybody.

export class Refused extends Error {
  constructor(status, words) { super(words); this.status = status; }
}

export const answers = JSON.parse(document.getElementById('answers').textContent);

export async function get(name, query = {}) {
  const told = name === 'problem' ? answers.problems[query.id] : answers[name];
  if (told === undefined) throw new Refused(404, 'This page does not hold that: `curate view` shows it.');
  return told;
}

export async function getPicture(picture) { return answers.pictures[picture.id] || ''; }
