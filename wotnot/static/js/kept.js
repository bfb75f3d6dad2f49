// What a member typed and nobody has yet, kept in this browser: drafts, and answers that are on their way. It outlives a
// reload, a closed tab and the end of a session; signing out forgets it. Each member of a shared browser has their own.

const PREFIX = "wotnot:kept:";

let user = "";
const unwritten = new Map(); // what the browser had no room for, or would not keep: it lives as long as the page

function nameOf(key) {
  user = document.getElementById("composer")?.dataset.user ?? user; // an answer may come when no composer is there
  return `${PREFIX}${user}:${key}`;
}

function read(key) {
  const name = nameOf(key);
  if (unwritten.has(name)) return unwritten.get(name);
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(key, words) {
  const name = nameOf(key);
  unwritten.delete(name);
  try {
    if (words) localStorage.setItem(name, words);
    else localStorage.removeItem(name);
  } catch {
    unwritten.set(name, words);
  }
}

/** The draft of a conversation (`here`, its address) in one kind of composer. */
export const draftOf = (here, compose) => read(`draft:${here}:${compose}`) ?? "";

/** Keep a draft; without words there is none any more. */
export const keepDraft = (here, compose, words) => write(`draft:${here}:${compose}`, words.trim() && words);

/** The answers of a conversation that were not taken yet, in the order of writing: {id, here, words, quoted, at, why}. */
export function unsentOf(here) {
  try {
    return JSON.parse(read(`unsent:${here}`) || "[]");
  } catch {
    return [];
  }
}

function keepUnsent(here, answers) {
  write(`unsent:${here}`, answers.length ? JSON.stringify(answers) : "");
}

/** Keep one more answer. */
export const addUnsent = (answer) => keepUnsent(answer.here, [...unsentOf(answer.here), answer]);

/** It was sent, or given up. */
export function dropUnsent({ here, id }) {
  keepUnsent(here, unsentOf(here).filter((one) => one.id !== id));
}

/** Note why it was not sent (or that it is tried again); false where it is kept no more, since another tab has sent it. */
export function noteUnsent({ here, id }, why) {
  const answers = unsentOf(here);
  const found = answers.find((one) => one.id === id);
  if (!found) return false;
  found.why = why;
  keepUnsent(here, answers);
  return true;
}

function forgetAll() {
  unwritten.clear();
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // Nothing is kept.
  }
}

/** Forget everything when somebody signs out. */
export function startKept() {
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("action") === "/app/logout") forgetAll();
  });
}
