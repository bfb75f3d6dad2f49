// Answers on their way: shown at once, sent one after the other, and kept until the server has them. What a reload, another
// conversation or a lost connection cut off is taken up again where the conversation is opened.
import { addUnsent, dropUnsent, noteUnsent, unsentOf } from "./kept.js";
import { isAtBottom, replacePending, scrollToBottom, whileHeld } from "./thread.js";

const AWAY = "We could not reach WotNot. Check the connection and try again.";
const LEFT = "The page was left before we knew whether it was sent. Look for it above, then try again.";
const FRESH_FOR_MS = 10 * 60 * 1000; // what was written longer ago is not sent behind anybody's back

const token = () => document.querySelector('meta[name="csrf-token"]').content;
const bubbleOf = (answer) => document.querySelector(`[data-unsent="${CSS.escape(answer.id)}"]`);
const underway = new Set();
let sending = Promise.resolve();

/** Send a form to the server as htmx would. */
export async function post(address, form) {
  const headers = { "HX-Request": "true", "X-CSRFToken": token() };
  return fetch(address, { method: "POST", body: form, headers });
}

function formOf(answer) {
  const form = new FormData();
  form.set("body", answer.words);
  form.set("client_id", answer.id); // repeated with the same id, it is sent once
  if (answer.quoted) form.set("reply_to", answer.quoted);
  return form;
}

// --- Its bubble ---

function show(answer) {
  const node = document.getElementById("pending-bubble").content.firstElementChild.cloneNode(true);
  node.dataset.unsent = answer.id;
  node.querySelector("[data-words]").textContent = answer.words;
  const clock = { hour: "2-digit", minute: "2-digit" };
  node.querySelector("[data-time]").textContent = new Date(answer.at).toLocaleTimeString("en-GB", clock);
  node.querySelector("[data-again]").addEventListener("click", () => tryAgain(answer));
  node.querySelector("[data-discard]").addEventListener("click", () => discard(answer));
  const list = document.getElementById("entries");
  list.querySelector(".ib-first")?.remove();
  document.getElementById("new-divider")?.remove();
  list.append(node);
}

function mark(answer, why) {
  const node = bubbleOf(answer);
  if (!node) return;
  const follow = isAtBottom();
  node.querySelector(".bub").classList.toggle("fail", Boolean(why));
  node.querySelector("[data-why]").textContent = why;
  node.querySelector(".failr").hidden = !why;
  if (follow) scrollToBottom();
}

function tryAgain(answer) {
  noteUnsent(answer, "");
  mark(answer, "");
  send(answer);
}

function discard(answer) {
  dropUnsent(answer);
  bubbleOf(answer)?.remove();
}

// --- On its way ---

async function reasonOf(response) {
  const isPlain = (response.headers.get("Content-Type") ?? "").startsWith("text/plain");
  return isPlain ? response.text() : "Something went wrong on our side. Try again.";
}

async function deliver(answer) {
  let response;
  try {
    response = await post(`${answer.here}/send`, formOf(answer));
  } catch {
    fail(answer, AWAY);
    return;
  }
  const elsewhere = response.headers.get("HX-Redirect");
  if (elsewhere) location.assign(elsewhere); // the session has ended; whoever comes back finds it here
  else if (response.ok) arrive(answer, await response.text());
  else {
    fail(answer, await reasonOf(response));
    if (response.status === 409) htmx.trigger("#composer", "again"); // the window may have closed
  }
}

function arrive(answer, html) {
  dropUnsent(answer);
  const node = bubbleOf(answer);
  if (!node) return; // another conversation is open
  const follow = isAtBottom();
  replacePending(node, html);
  if (follow) scrollToBottom();
}

function fail(answer, why) {
  if (noteUnsent(answer, why)) mark(answer, why);
  else bubbleOf(answer)?.remove();
}

function send(answer) {
  if (underway.has(answer.id)) return;
  underway.add(answer.id);
  const work = () => whileHeld(() => deliver(answer)).finally(() => underway.delete(answer.id));
  sending = sending.then(work, work);
}

/** Send a text in the conversation `here`, quoting the message `quoted` or none. */
export function sendText(here, words, quoted) {
  const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const answer = { id, here, words, quoted, at: Date.now(), why: "" };
  addUnsent(answer);
  show(answer);
  scrollToBottom();
  send(answer);
}

/** In a conversation that has just been opened: what is still to be sent, and what could not be. */
export function showUnsent(here) {
  const answers = unsentOf(here).filter((answer) => !bubbleOf(answer));
  for (const answer of answers) {
    show(answer);
    if (!answer.why && !underway.has(answer.id) && Date.now() - answer.at > FRESH_FOR_MS) fail(answer, LEFT);
    else if (answer.why) mark(answer, answer.why);
    else send(answer);
  }
  if (answers.length) scrollToBottom();
}
