// The open thread: news are laid into it line by line, so that nobody's place, selection or half-read line is lost.
import { drawMarks } from "./preview.js";

const NEAR_BOTTOM = 80; // pixels; whoever is this near follows along
const MOST_LOADED = 200;

const scroller = () => document.getElementById("thread-scroll");
const entries = () => document.getElementById("entries");
const messages = (root) => root.querySelectorAll("[data-side]");

let follows = true; // the end was in sight when the thread was last scrolled
let missed = 0; // messages that came while somebody read further up
let held = null; // news that wait until what is being sent has its own bubble

/** Whether the end of the thread is in sight. */
export function isAtBottom() {
  const box = scroller();
  return !box || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_BOTTOM;
}

/** Go to the newest message. */
export function scrollToBottom() {
  const box = scroller();
  if (box) box.scrollTop = box.scrollHeight;
  follows = true;
  missed = 0;
  showJump();
}

function showJump() {
  const jump = document.getElementById("jump");
  if (!jump) return;
  if (jump.localName === "button") jump.hidden = isAtBottom();
  jump.querySelector("span").textContent = missed ? `Jump to latest · ${missed} new` : "Jump to latest";
}

function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content.querySelector("#entries");
}

function settle(node) {
  htmx.process(node);
  drawMarks(node.parentNode);
}

function isSelected(node) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(node, true);
}

// In the order of the answer: what is there stays, what looks different is replaced, what is new goes behind its neighbour.
function lay(list, fresh) {
  let before = null;
  let added = 0;
  for (const node of [...fresh.children]) {
    if (node.id === "older" || node.id === "newer") continue;
    const known = document.getElementById(node.id);
    if (known && node.id !== "new-divider") {
      if (known.dataset.rev !== node.dataset.rev && !isSelected(known)) {
        known.replaceWith(node);
        settle(node);
        before = node;
      } else before = known;
      continue;
    }
    known?.remove();
    if (before) before.after(node);
    else list.prepend(node);
    settle(node);
    if (node.dataset.side === "in") added += 1;
    before = node;
  }
  return added;
}

// So much came while the page slept that the two no longer meet: then the new one stands for itself.
const doMeet = (list, fresh) =>
  !messages(list).length || [...messages(fresh)].some((node) => document.getElementById(node.id)) || !fresh.querySelector("#older");

// What was asked of one conversation may come when another one is open.
const isSame = (list, fresh) => list.getAttribute("hx-get") === fresh.getAttribute("hx-get");

/** Lay an answer's entries into the thread. */
export function mergeThread(html) {
  const list = entries();
  const fresh = parse(html);
  if (!list || !fresh || !isSame(list, fresh)) return;
  const wasAtBottom = isAtBottom();
  list.dataset.mode = fresh.dataset.mode;
  list.dataset.unread = fresh.dataset.unread;
  if (list.dataset.newer) {
    for (const node of [...fresh.children]) {
      const known = document.getElementById(node.id);
      if (known && known.dataset.rev !== node.dataset.rev) known.replaceWith(node);
    }
    return;
  }
  list.querySelector(".ib-first")?.remove();
  if (doMeet(list, fresh)) missed += lay(list, fresh);
  else {
    list.replaceChildren(...fresh.children, ...list.querySelectorAll(".pending")); // what is not sent yet stays at the end
    settle(list);
  }
  if (wasAtBottom) scrollToBottom();
  else showJump();
}

/** Keep news back while `work` runs, then lay in the last of them. */
export async function whileHeld(work) {
  held ??= { count: 0, html: "" };
  held.count += 1;
  try {
    return await work();
  } finally {
    held.count -= 1;
    if (!held.count) {
      const { html } = held;
      held = null;
      if (html) mergeThread(html);
    }
  }
}

/** Put the server's bubble in the place of the one that was shown at once. */
export function replacePending(pending, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const node = holder.content.querySelector("[data-side]");
  if (!node) return;
  document.getElementById(node.id)?.remove();
  pending.replaceWith(node);
  settle(node);
}

// --- Further up, and further down ---

async function fetchStretch(link, cursor, name) {
  if (link.dataset.busy) return;
  link.dataset.busy = "1";
  const answer = await fetch(`${location.pathname}?${name}=${encodeURIComponent(cursor)}`, {
    headers: { "HX-Request": "true", "HX-Target": "entries" },
  }).catch(() => null);
  delete link.dataset.busy;
  if (!answer?.ok) return;
  const fresh = parse(await answer.text());
  const list = entries();
  if (!fresh || !link.isConnected) return;
  if (name === "before") prepend(list, fresh, link.parentNode);
  else append(list, fresh, link.parentNode);
}

function prepend(list, fresh, place) {
  const box = scroller();
  const below = box.scrollHeight - box.scrollTop;
  fresh.querySelector("#newer")?.remove();
  for (const day of fresh.querySelectorAll(".ib-day")) document.getElementById(day.id)?.remove();
  place.replaceWith(...fresh.children);
  settle(list);
  box.scrollTop = box.scrollHeight - below; // what was being read stays where it was
  watchEnds();
}

function append(list, fresh, place) {
  fresh.querySelector("#older")?.remove();
  for (const day of fresh.querySelectorAll(".ib-day")) if (document.getElementById(day.id)) day.remove();
  if (fresh.dataset.newer) list.dataset.newer = fresh.dataset.newer;
  else delete list.dataset.newer;
  place.replaceWith(...fresh.children);
  settle(list);
  watchEnds();
}

const ends = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    if (target.dataset.older) fetchStretch(target, target.dataset.older, "before");
    else fetchStretch(target, target.dataset.newer, "after");
  }
});

function watchEnds() {
  ends.disconnect();
  for (const link of document.querySelectorAll("#older a, #newer a")) ends.observe(link);
}

// Only the thread scrolls: scrollIntoView would move the whole page along.
function bringToMiddle(line) {
  const box = scroller();
  const away = line.getBoundingClientRect().top - box.getBoundingClientRect().top;
  box.scrollTop += away - (box.clientHeight - line.offsetHeight) / 2;
}

function goTo(message) {
  const line = document.getElementById(`m-${message}`);
  if (!line) return false;
  bringToMiddle(line);
  line.classList.add("found");
  return true;
}

// A composer that grows takes room away; whoever was at the end stays there.
const room = new ResizeObserver(() => {
  if (follows) scrollToBottom();
});

/** Show a thread that has just come: at the message that is looked for, at the first unread one, else at its end. */
export function openThread() {
  const list = entries();
  if (!list) return;
  const wanted = list.querySelector(".found") ?? document.getElementById("new-divider");
  if (wanted) bringToMiddle(wanted);
  else scrollToBottom();
  missed = 0;
  follows = isAtBottom();
  showJump();
  watchEnds();
  room.disconnect();
  room.observe(scroller());
}

/** Bind scrolling, jumping, and the news that live.js fetches. */
export function startThread() {
  document.addEventListener("scroll", (event) => {
    if (event.target !== scroller()) return;
    follows = isAtBottom();
    if (follows) missed = 0;
    showJump();
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest("button#jump")) scrollToBottom();
    const quote = event.target.closest("[data-to-message]");
    if (quote && goTo(quote.dataset.toMessage)) event.preventDefault();
    const end = event.target.closest("#older a, #newer a");
    if (end) event.preventDefault();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "entries") return;
    event.detail.parameters.limit = Math.min(Math.max(messages(entries()).length, 40), MOST_LOADED);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "entries") return;
    event.detail.shouldSwap = false;
    if (event.detail.xhr.status !== 200) return;
    if (held) held.html = event.detail.xhr.responseText;
    else mergeThread(event.detail.xhr.responseText);
    document.dispatchEvent(new CustomEvent("thread-merged"));
  });
  openThread();
}
