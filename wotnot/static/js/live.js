// Live regions: one event stream a page says *that* something changed; htmx fetches *what* it looks like now.
//
//   <section id="progress" data-live="broadcast:12" hx-get="/app/broadcasts/12/_progress" hx-trigger="live" hx-swap="outerHTML">
//
// A lost event costs nothing: every connection ("ready" is its first event) and every return to the tab fetches all regions
// again. Where the stream is refused or breaks, the page asks every few seconds instead and says so. A line can also be dead
// without anybody noticing, after sleep or in another network: one that is silent for long is given up and opened anew.

const REFETCH_EVERY_MS = 500; // at most one fetch per region in this time; data-live-every="2000" asks for fewer
const POLL_EVERY_MS = 5000;
const RECONNECT_EVERY_MS = 20000; // after the server refused (503), which the browser does not retry by itself
const GRACE_MS = 3000; // a short break is not worth a word
const TYPING_FOR_MS = 1500; // nobody's typing is replaced by a refresh
const SILENT_FOR_MS = 16000; // the server says something every 5 s ("beat" where there is no news)
const WATCH_EVERY_MS = 2000;
const HIDDEN_FOR_MS = 10000; // a tab in the background gives its connection back
const SAY_EVERY_MS = 10000; // what a screen reader is told, at most this often

let source = null;
let heardAt = 0;
let openTopics = "";
let pollTimer = 0;
let reconnectTimer = 0;
let graceTimer = 0;
let hideTimer = 0;
let typed = { region: "", at: 0 };
let pressed = null; // what a finger or the mouse is down on: replaced now, it would never be clicked
const waiting = new Map(); // element id → timer
const lastFetch = new Map(); // element id → time
const inFlight = new Set();
const dirty = new Set(); // changed again while its fetch was under way

const regions = () => [...document.querySelectorAll("[data-live]")];
const topicsOf = (region) => region.dataset.live.split(/[\s,]+/).filter(Boolean);
const allTopics = () => [...new Set(regions().flatMap(topicsOf))].sort();

function identify(region) {
  if (!region.id) region.id = `live-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  return region.id;
}

// Somebody writes in it, presses it, or has a menu or a form open that a refresh would close.
function isInUse(region) {
  const writing = typed.region === region.id && Date.now() - typed.at < TYPING_FOR_MS;
  return writing || region.contains(pressed) || region.querySelector("details.wn-menu[open], details[data-holds][open]") !== null;
}

function fetchNow(id) {
  waiting.delete(id);
  const region = document.getElementById(id);
  if (!region || document.hidden) return;
  if (isInUse(region)) {
    waiting.set(id, setTimeout(fetchNow, REFETCH_EVERY_MS, id));
    return;
  }
  if (inFlight.has(id)) {
    dirty.add(id);
    return;
  }
  lastFetch.set(id, Date.now());
  htmx.trigger(region, "live");
}

function refresh(region) {
  const id = identify(region);
  if (waiting.has(id)) return;
  const since = Date.now() - (lastFetch.get(id) || 0);
  const every = Number(region.dataset.liveEvery) || REFETCH_EVERY_MS;
  waiting.set(id, setTimeout(fetchNow, Math.max(0, every - since), id));
}

function refreshTopic(topic) {
  for (const region of regions()) if (topicsOf(region).includes(topic)) refresh(region);
}

const refreshAll = () => regions().forEach(refresh);

function showLost(lost) {
  const callout = document.getElementById("live-lost");
  if (callout) callout.hidden = !lost;
}

function startPolling() {
  if (pollTimer) return;
  showLost(true);
  pollTimer = setInterval(refreshAll, POLL_EVERY_MS);
}

function stopPolling() {
  clearInterval(pollTimer);
  clearTimeout(graceTimer);
  clearTimeout(reconnectTimer);
  pollTimer = graceTimer = reconnectTimer = 0;
  showLost(false);
}

function onOpen() {
  hear();
  stopPolling();
}

// The server's first word: from here on nothing is missed, so what happened since the page was made is fetched now.
function onReady() {
  hear();
  refreshAll();
}

function hear() {
  heardAt = Date.now();
}

function giveUpSilence() {
  if (source && source.readyState !== EventSource.CLOSED && Date.now() - heardAt > SILENT_FOR_MS) connect();
}

function onError() {
  if (source && source.readyState === EventSource.CLOSED) {
    startPolling();
    reconnectTimer ||= setTimeout(connect, RECONNECT_EVERY_MS);
  } else {
    graceTimer ||= setTimeout(startPolling, GRACE_MS);
  }
}

function disconnect() {
  if (source) source.close();
  source = null;
}

function connect() {
  const topics = allTopics();
  disconnect();
  reconnectTimer = 0;
  openTopics = topics.join(",");
  if (!topics.length || document.hidden) return;
  hear(); // it has this long to say something
  source = new EventSource(`/app/stream?topics=${encodeURIComponent(openTopics)}`);
  source.addEventListener("open", onOpen);
  source.addEventListener("ready", onReady);
  source.addEventListener("beat", hear);
  source.addEventListener("error", onError);
  for (const topic of topics) {
    source.addEventListener(topic, () => {
      hear();
      refreshTopic(topic);
    });
  }
}

function reconnectIfTopicsChanged() {
  if (allTopics().join(",") !== openTopics) connect();
}

function onVisibility() {
  clearTimeout(hideTimer);
  if (document.hidden) {
    hideTimer = setTimeout(disconnect, HIDDEN_FOR_MS);
    return;
  }
  if (!source || source.readyState === EventSource.CLOSED) connect();
  refreshAll();
}

// --- What changed is tinted for a moment, and told to a screen reader now and then. ---

const revisions = new Map(); // row id → revision before the swap
let lastSaid = 0;
let sayTimer = 0;

function refuseWhileInUse(event) {
  const { elt } = event.detail.requestConfig;
  if (!elt.matches("[data-live]") || !isInUse(elt)) return;
  event.detail.shouldSwap = false; // it was begun before the person wrote; the next one will do
  dirty.add(elt.id);
}

function rememberRevisions(event) {
  if (!event.detail.target?.closest?.("[data-live]")) return;
  for (const row of event.detail.target.querySelectorAll("[id][data-rev]")) revisions.set(row.id, row.dataset.rev);
}

// Only the rows that settled now: htmx is still setting the attributes of another region's.
function tintChanged(region) {
  for (const row of region.querySelectorAll("[id][data-rev]")) {
    if (revisions.has(row.id) && revisions.get(row.id) !== row.dataset.rev) row.classList.add("wn-changed");
    revisions.delete(row.id);
  }
}

function say() {
  sayTimer = 0;
  lastSaid = Date.now();
  const words = [...document.querySelectorAll("[data-say]")].map((part) => part.dataset.say).join(". ");
  const calm = document.getElementById("say");
  if (calm && calm.textContent !== words) calm.textContent = words;
}

function sayLater() {
  const urgent = document.querySelector("[data-say-now]");
  const alarm = document.getElementById("say-now");
  // Said once: the same words do not interrupt twice.
  if (urgent && alarm && alarm.textContent !== urgent.dataset.sayNow) alarm.textContent = urgent.dataset.sayNow;
  if (document.querySelector("[data-say]")) {
    sayTimer ||= setTimeout(say, Math.max(0, SAY_EVERY_MS - (Date.now() - lastSaid)));
  }
}

function afterRequest(event) {
  // `detail.elt` is whatever is left on the page; the region that asked may have been replaced by its answer.
  const { id } = event.detail.requestConfig.elt;
  if (!inFlight.delete(id)) return;
  const { status } = event.detail.xhr;
  if (status === 0 || status >= 500) {
    // The stream may be fine all the same, so nothing else would ask again.
    if (!waiting.has(id)) waiting.set(id, setTimeout(fetchNow, POLL_EVERY_MS, id));
    return;
  }
  if (dirty.delete(id)) {
    const region = document.getElementById(id);
    if (region) refresh(region);
  }
}

/** Open the stream for the regions on this page and follow those that htmx brings in. */
export function startLive() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-live]")) inFlight.add(identify(event.detail.elt));
  });
  document.addEventListener("htmx:afterRequest", afterRequest);
  document.addEventListener("htmx:beforeSwap", refuseWhileInUse);
  document.addEventListener("htmx:beforeSwap", rememberRevisions);
  document.addEventListener("input", (event) => {
    const region = event.target.closest("[data-live]");
    if (region) typed = { region: identify(region), at: Date.now() };
  });
  addEventListener("pointerdown", (event) => {
    pressed = event.target;
  }, true);
  for (const end of ["pointerup", "pointercancel", "contextmenu"]) {
    addEventListener(end, () => setTimeout(() => (pressed = null)), true); // the click comes first; a menu swallows the release
  }
  document.addEventListener("htmx:afterSettle", (event) => {
    tintChanged(event.target);
    sayLater();
    reconnectIfTopicsChanged();
  });
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("online", connect);
  setInterval(giveUpSilence, WATCH_EVERY_MS);
  addEventListener("pagehide", disconnect); // a page kept for "back" must not keep a server thread
  addEventListener("pageshow", (event) => {
    if (event.persisted) onVisibility();
  });
  // htmx listens to the regions from this event on, which waits for every script of the page; "ready" before it would be lost.
  if (document.readyState === "complete") connect();
  else document.addEventListener("DOMContentLoaded", connect);
}
