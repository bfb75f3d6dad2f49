// The inbox: what is open is marked in the list, what is seen is read, the clock of the 24 hours runs, keys work.
import { restore, startComposer } from "./composer.js";
import { isAtBottom, openThread, startThread } from "./thread.js";

const WRITING_FOR_MS = 9000; // the server forgets who is writing after 8 seconds and has nobody to tell
const CLOCK_EVERY_MS = 1000;
const HOUR = 3600;

const opened = () => document.querySelector("#open[data-conversation]");
const openId = () => opened()?.dataset.conversation ?? "";
const token = () => document.querySelector('meta[name="csrf-token"]').content;

// --- The list ---

function markOpen() {
  for (const link of document.querySelectorAll("#inbox-list [data-conversation]")) {
    if (link.dataset.conversation === openId()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  // The list was drawn for another conversation: its own addresses follow along.
  for (const link of document.querySelectorAll("a[data-inbox-here], .ib-active a")) link.pathname = location.pathname;
  for (const form of document.querySelectorAll("form[data-inbox-here]")) form.setAttribute("action", location.pathname);
}

function keepHere(event) {
  const { detail } = event;
  if (detail.target?.id !== "inbox-list") return;
  detail.path = detail.path.replace(/^[^?]*/, location.pathname);
}

function step(by) {
  const links = [...document.querySelectorAll("#inbox-list [data-conversation]")];
  const at = links.findIndex((link) => link.dataset.conversation === openId());
  const next = links[at === -1 ? 0 : at + by];
  next?.scrollIntoView({ block: "nearest" });
  next?.click();
}

// --- Read ---

function markRead() {
  const list = document.getElementById("entries");
  if (!list || document.hidden || !isAtBottom() && !document.getElementById("new-divider")) return;
  if (!Number(list.dataset.unread)) return;
  list.dataset.unread = "0";
  const headers = { "HX-Request": "true", "X-CSRFToken": token() };
  fetch(`/app/inbox/${openId()}/read`, { method: "POST", headers }).catch(() => {
    list.dataset.unread = "1"; // tried again with the next news
  });
}

// --- The 24 hours ---

function words(left) {
  const minutes = Math.max(1, Math.floor(left / 60));
  const hours = Math.floor(minutes / 60);
  return hours ? [`Free text for ${hours} h ${minutes % 60} m`, `Open ${hours} h`] : [`Free text for ${minutes} m`, `Open ${minutes} m`];
}

function tick() {
  const chip = document.querySelector("[data-window-left]");
  if (!Number(chip?.dataset.windowLeft)) return;
  // Counted from when it was drawn, so that a clock that is wrong does no harm.
  chip.wnUntil ??= Date.now() / 1000 + Number(chip.dataset.windowLeft);
  const left = chip.wnUntil - Date.now() / 1000;
  if (left <= 0) {
    chip.dataset.windowLeft = "0";
    ask(); // the server decides
    return;
  }
  const [long, short] = words(left);
  chip.classList.toggle("warn", left < HOUR);
  chip.classList.toggle("ok", left >= HOUR);
  chip.querySelector("[data-long]").textContent = long;
  chip.querySelector("[data-short]").textContent = short;
}

function ask() {
  for (const id of ["thread-head", "entries"]) htmx.trigger(`#${id}`, "live");
}

// What may be written has changed: the composer becomes another one, and what was typed stays kept as a draft.
function followMode() {
  const composer = document.getElementById("composer");
  const mode = document.getElementById("entries")?.dataset.mode;
  if (!composer || !mode || composer.dataset.mode === mode) return;
  if (composer.dataset.compose === "note") composer.dataset.mode = mode;
  else htmx.trigger(composer, "again");
}

// --- Who is writing ---

let writingTimer = 0;

function followWriting() {
  clearTimeout(writingTimer);
  if (!document.querySelector("#thread-head[data-writing]")) return;
  writingTimer = setTimeout(() => htmx.trigger("#thread-head", "live"), WRITING_FOR_MS);
}

// --- Panes and keys ---

function onClick(event) {
  const link = event.target.closest("[data-pane-to]");
  if (!link) return;
  event.preventDefault();
  opened().dataset.pane = link.dataset.paneTo;
  document.querySelector(link.dataset.paneTo === "card" ? ".ib-back" : ".ib-info")?.focus();
}

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog") !== null;

function onKey(event) {
  if (event.key === "Escape" && event.target.matches?.("#message-body, #inbox-search")) event.target.blur();
  if (isTyping(event.target) || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const acts = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => document.getElementById("inbox-search").focus(),
    "?": () => document.getElementById("inbox-keys").showModal(),
  };
  const act = acts[event.key] ?? (/^[aenr]$/.test(event.key) ? () => press(event.key) : null);
  if (!act) return;
  event.preventDefault();
  act();
}

function press(key) {
  if (key === "r" && document.getElementById("message-body") && document.getElementById("composer").dataset.compose === "text") {
    document.getElementById("message-body").focus();
    return;
  }
  focusNext = key === "n" || key === "r";
  document.querySelector(`[data-key="${key}"]`)?.click();
}

let focusNext = false;

function afterSettle(event) {
  const { target } = event;
  markOpen();
  followMode();
  followWriting();
  if (target.id === "open" || document.getElementById("open") === target) {
    openThread();
    restore();
    markRead();
  }
  if (target.id === "composer" || target.closest?.("#composer")) {
    restore();
    const isAsked = focusNext || event.detail.requestConfig?.triggeringEvent?.type === "click";
    if (isAsked) document.getElementById("message-body")?.focus();
    focusNext = false;
  }
}

startThread();
startComposer();
markOpen();
markRead();
followWriting();
setInterval(tick, CLOCK_EVERY_MS);
document.querySelector("#inbox-list [aria-current]")?.scrollIntoView({ block: "nearest" });
document.addEventListener("htmx:configRequest", keepHere);
document.addEventListener("htmx:afterSettle", afterSettle);
document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", markRead);
document.addEventListener("thread-merged", () => {
  followMode();
  markRead();
});
document.body.addEventListener("inbox-sent", () => htmx.trigger("#entries", "live"));
