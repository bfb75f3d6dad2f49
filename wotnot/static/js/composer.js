// The composer: a bubble at once, drafts that survive, saved replies after a slash, and "is writing" for the colleagues.
import { isAtBottom, replacePending, scrollToBottom, whileHeld } from "./thread.js";

const TYPING_EVERY_MS = 4000;
const AWAY = "We could not reach WotNot. Check the connection and try again.";

const composer = () => document.getElementById("composer");
const field = () => document.getElementById("message-body");
const draftKey = () => `draft:${composer()?.dataset.here}:${composer()?.dataset.compose}`;
const token = () => document.querySelector('meta[name="csrf-token"]').content;

// --- Drafts ---

function keepDraft() {
  const words = field()?.value.trim();
  if (words) sessionStorage.setItem(draftKey(), field().value);
  else sessionStorage.removeItem(draftKey());
}

/** What was being written here before comes back. */
export function restoreDraft() {
  const box = field();
  if (box && !box.value) box.value = sessionStorage.getItem(draftKey()) ?? "";
}

// --- Sending: one after the other, so that they arrive as they were written ---

let sending = Promise.resolve();

function showPending(words) {
  const node = document.getElementById("pending-bubble").content.firstElementChild.cloneNode(true);
  node.querySelector("[data-words]").textContent = words;
  node.querySelector("[data-time]").textContent = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const list = document.getElementById("entries");
  list.querySelector(".ib-first")?.remove();
  document.getElementById("new-divider")?.remove();
  list.append(node);
  scrollToBottom();
  return node;
}

async function why(answer) {
  const isPlain = (answer.headers.get("Content-Type") ?? "").startsWith("text/plain");
  return isPlain ? answer.text() : "Something went wrong on our side. Try again.";
}

async function post(address, form) {
  const headers = { "HX-Request": "true", "X-CSRFToken": token() };
  return fetch(address, { method: "POST", body: form, headers });
}

async function deliver(pending, address, form) {
  let answer;
  try {
    answer = await post(address, form);
  } catch {
    fail(pending, AWAY);
    return;
  }
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) location.assign(elsewhere); // the session has ended
  else if (answer.ok) {
    const follow = isAtBottom();
    replacePending(pending, await answer.text());
    if (follow) scrollToBottom();
  } else {
    fail(pending, await why(answer));
    if (answer.status === 409) htmx.trigger(composer(), "again"); // the window may have closed
  }
}

function fail(pending, words) {
  const follow = isAtBottom();
  pending.querySelector(".bub").classList.add("fail");
  pending.querySelector("[data-why]").textContent = words;
  pending.querySelector(".failr").hidden = false;
  if (follow) scrollToBottom();
}

function send(pending, address, form) {
  const work = () => whileHeld(() => deliver(pending, address, form));
  sending = sending.then(work, work);
}

function onSubmit(event) {
  const form = event.target;
  if (form.dataset.write !== "reply") return;
  event.preventDefault();
  const words = field().value.trim();
  if (!words) return;
  const data = new FormData(form);
  // Repeated with the same id, it is sent once.
  data.set("client_id", crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
  const address = form.action;
  const pending = showPending(words);
  pending.querySelector("[data-again]").addEventListener("click", () => {
    pending.querySelector(".bub").classList.remove("fail");
    pending.querySelector(".failr").hidden = true;
    send(pending, address, data);
  });
  pending.querySelector("[data-discard]").addEventListener("click", () => pending.remove());
  send(pending, address, data);
  field().value = "";
  keepDraft();
  closeCanned();
  if (form.querySelector("[name=reply_to]")) {
    form.querySelector(".ib-quoting").remove();
    form.querySelector("[name=reply_to]").remove();
  }
  field().focus();
}

// --- "is writing" ---

let toldAt = 0;

function tellTyping() {
  const box = composer();
  if (box.dataset.compose !== "text" || Date.now() - toldAt < TYPING_EVERY_MS || !field().value.trim()) return;
  toldAt = Date.now();
  post(`${box.dataset.here}/typing`).catch(() => {}); // nothing is lost by it
}

// --- Saved replies ---

let chosen = 0;

const cannedList = () => document.getElementById("canned-list");
const options = () => [...(cannedList()?.children ?? [])];

function closeCanned() {
  const list = cannedList();
  if (!list) return;
  list.hidden = true;
  list.replaceChildren();
  field()?.removeAttribute("aria-activedescendant");
}

function option(reply, place) {
  const line = document.createElement("div");
  line.role = "option";
  line.id = `canned-${place}`;
  line.dataset.body = reply.body;
  const name = document.createElement("span");
  name.className = "wn-var";
  name.textContent = `/${reply.shortcut}`;
  const words = document.createElement("span");
  words.className = "trunc wn-2";
  words.textContent = reply.body;
  line.append(name, words);
  return line;
}

function showCanned() {
  const list = cannedList();
  if (!list) return;
  const typed = /^\/([a-z0-9_-]*)$/i.exec(field().value);
  const known = typed ? JSON.parse(list.dataset.replies) : [];
  const found = known.filter((one) => one.shortcut.startsWith(typed[1].toLowerCase())).slice(0, 8);
  if (!found.length) {
    closeCanned();
    return;
  }
  list.replaceChildren(...found.map(option));
  list.hidden = false;
  choose(0);
}

function choose(place) {
  const lines = options();
  chosen = (place + lines.length) % lines.length;
  lines.forEach((line, index) => line.setAttribute("aria-selected", String(index === chosen)));
  lines[chosen].scrollIntoView({ block: "nearest" });
  field().setAttribute("aria-activedescendant", lines[chosen].id);
}

function putIn(words) {
  const box = field();
  box.value = words;
  box.focus();
  box.setSelectionRange(words.length, words.length);
  closeCanned();
  keepDraft();
}

function insert(words) {
  const box = field();
  box.setRangeText(words, box.selectionStart, box.selectionEnd, "end");
  box.focus();
  keepDraft();
}

// --- Keys ---

function onCannedKey(event) {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in moves) choose(chosen + moves[event.key]);
  else if (event.key === "Enter" || event.key === "Tab") putIn(options()[chosen].dataset.body);
  else if (event.key === "Escape") closeCanned();
  else return false;
  event.preventDefault();
  return true;
}

function onKey(event) {
  if (event.target !== field() || event.isComposing) return;
  if (options().length && onCannedKey(event)) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}

function onClick(event) {
  const emoji = event.target.closest("[data-emoji]");
  if (emoji) insert(emoji.dataset.emoji);
  const line = event.target.closest("#canned-list [role=option]");
  if (line) putIn(line.dataset.body);
  const saved = event.target.closest("[data-canned]");
  if (!saved) return;
  event.preventDefault();
  saved.closest("details").open = false;
  putIn(saved.dataset.canned);
}

/** Bind everything once; the composer itself comes and goes. */
export function startComposer() {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("input", (event) => {
    if (event.target !== field()) return;
    keepDraft();
    showCanned();
    tellTyping();
  });
  // A note that was kept is no draft any more.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    if (elt.dataset.write === "note") sessionStorage.removeItem(draftKey());
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt.dataset.write === "note") keepDraft();
  });
  restoreDraft();
}
