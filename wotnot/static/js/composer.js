// The composer: drafts that survive, saved replies after a slash, and "is writing" for the colleagues.
import { draftOf, keepDraft } from "./kept.js";
import { post, sendText, showUnsent } from "./outbox.js";

const TYPING_EVERY_MS = 4000;

const composer = () => document.getElementById("composer");
const field = () => document.getElementById("message-body");

// --- Drafts ---

function keep() {
  const { here, compose } = composer().dataset;
  keepDraft(here, compose, field()?.value ?? "");
}

/** What was being written here before comes back, and what was not sent. */
export function restore() {
  const box = field();
  if (!composer()) return;
  const { here, compose } = composer().dataset;
  if (box && !box.value) box.value = draftOf(here, compose);
  showUnsent(here);
}

// --- Sending ---

function onSubmit(event) {
  const form = event.target;
  if (form.dataset.write !== "reply") return;
  event.preventDefault();
  const words = field().value.trim();
  if (!words) return;
  sendText(composer().dataset.here, words, form.querySelector("[name=reply_to]")?.value ?? "");
  field().value = "";
  toldAt = 0; // whoever sends is writing no more, and the next word is news again
  keep();
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
  keep();
}

function insert(words) {
  const box = field();
  box.setRangeText(words, box.selectionStart, box.selectionEnd, "end");
  box.focus();
  keep();
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
    keep();
    showCanned();
    tellTyping();
  });
  // A note that was kept is no draft any more; one that was refused or lost its way still is.
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt } = event.detail.requestConfig;
    if (elt.dataset.write !== "note" || !event.detail.successful) return;
    keepDraft(new URL(elt.action).pathname.replace(/\/note$/, ""), "note", "");
  });
  restore();
}
