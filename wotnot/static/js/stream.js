// Answers that are written while one looks: a form is sent, and the page changes line by line until all is there.
//
//   <button type="submit" data-stream>Ask</button>     sends its form (its own formaction counts) and reads the lines
//   <button type="button" data-stream-stop>Stop</button>
//
// A line is a JSON object: {target, html} replaces an element, {fields}, {url} and {title} change hidden fields, the address and
// the window's title, {go} leaves for another page, {done} is the last one and is read out. Empty lines only show that somebody still writes.
// Without scripts the same form is answered with a whole page.

import { drawMarks } from "./preview.js";
import { release } from "./forms.js";
import { showNotice } from "./notices.js";

const ACCEPT = "application/x-ndjson, application/json";
const UNREACHED = "We could not reach WotNot. Check the connection, then try again.";
const BROKE_OFF = "The connection broke off before the answer was there. Load the page again to see what is kept.";
const SIGNED_OUT = "You are signed out. Sign in in another tab, then try again here; nothing you wrote is lost.";
const UNEXPECTED = "Something went wrong on our side. Please try again.";

let current = null; // one answer at a time: { form, controller }

class Refused extends Error {}

const tell = (form, name, detail = {}) => form.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));

/** Put `html` in the place of `target` and bring it to life. */
export function swapIn(target, html) {
  const place = document.querySelector(target);
  if (!place) return;
  const parts = document.createElement("template");
  parts.innerHTML = html;
  const added = [...parts.content.children];
  place.replaceWith(parts.content);
  added.forEach((element) => htmx.process(element));
  drawMarks(document);
  document.dispatchEvent(new CustomEvent("wn:drawn"));
}

function follow(line, form) {
  if (line.accepted) tell(form, "wn:accepted");
  if (line.target) swapIn(line.target, line.html);
  for (const [name, value] of Object.entries(line.fields || {})) form.elements[name].value = value;
  if (line.title) document.title = line.title;
  if (line.url) history.replaceState(history.state, "", line.url);
  if (line.go) location.assign(line.go);
  if (line.done) document.getElementById("say").textContent = line.done;
  return Boolean(line.done || line.go);
}

async function readLines(body, form) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let isDone = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) isDone = follow(JSON.parse(line), form) || isDone;
  }
  if (!isDone) throw new Refused(BROKE_OFF);
}

async function wordsOf(answer) {
  if (answer.redirected) return SIGNED_OUT;
  const isProblem = (answer.headers.get("Content-Type") || "").includes("json");
  return (isProblem && (await answer.json()).detail) || UNEXPECTED;
}

async function send(form, button, controller) {
  const fields = new FormData(form);
  if (button.name) fields.append(button.name, button.value);
  const headers = { Accept: ACCEPT };
  // What htmx would have asked for is a part of a page, too.
  if (form.hasAttribute("hx-post")) headers["HX-Request"] = "true";
  const address = button.getAttribute("formaction") || form.getAttribute("action");
  const answer = await fetch(address, { method: "POST", body: fields, headers, signal: controller.signal });
  const isStream = (answer.headers.get("Content-Type") || "").startsWith("application/x-ndjson");
  if (!isStream) throw new Refused(await wordsOf(answer));
  await readLines(answer.body, form);
}

async function run(form, button) {
  const controller = new AbortController();
  current = { form, controller };
  tell(form, "wn:writing");
  try {
    await send(form, button, controller);
  } catch (error) {
    if (error.name === "AbortError") tell(form, "wn:stopped");
    else say(form, error instanceof Refused ? error.message : UNREACHED);
  } finally {
    current = null;
    for (const place of document.querySelectorAll("[data-being-written]")) place.replaceChildren();
    release(form);
    tell(form.isConnected ? form : document, "wn:written");
  }
}

// A form may have a place of its own for what went wrong; else it is the page's.
function say(form, words) {
  const place = form.querySelector("[role=alert] [data-words]");
  if (!place) {
    showNotice(words, form.closest("dialog"));
    return;
  }
  place.textContent = words;
  place.parentElement.hidden = false;
}

function onSubmit(event) {
  const button = event.submitter;
  if (!button?.hasAttribute("data-stream")) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // htmx must not send it as well
  if (!current) run(event.target, button);
}

function stop() {
  current?.controller.abort();
}

/** Follow forms with a data-stream button, and the buttons that stop them; a dialog that closes stops its own. */
export function startStreams() {
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-stream-stop]")) stop();
  });
  document.addEventListener(
    "close",
    (event) => {
      if (current && event.target.contains(current.form)) stop();
    },
    true,
  );
}
