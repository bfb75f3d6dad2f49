// The assistant's page: Enter asks, the question box grows, the newest words stay in sight, Stop keeps what is there.

import { swapIn } from "./stream.js";

const NEAR_THE_END = 120; // pixels: who scrolled up further wants to read there
const NOTICED_MS = 400; // the server sees a closed connection when it writes the next piece
const LATE_MS = 2500;

const composer = () => document.getElementById("composer");
const question = () => document.getElementById("question");

function fit(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 220)}px`;
}

function onKey(event) {
  if (event.target !== question() || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (question().value.trim()) composer().requestSubmit(composer().querySelector(".wn-composer-box [data-stream]"));
}

function show(isWriting) {
  const form = composer();
  if (!form) return;
  form.querySelector("[data-stream-stop]").hidden = !isWriting;
  form.querySelector(".wn-composer-box [data-stream]").hidden = isWriting;
  if (!isWriting) question().focus({ preventScroll: true });
}

function toEnd() {
  scrollTo({ top: document.documentElement.scrollHeight });
}

let isNear = true;

function notePlace() {
  const { scrollHeight, clientHeight } = document.documentElement;
  isNear = scrollHeight - clientHeight - scrollY < NEAR_THE_END;
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function drawTurn(id, address, method) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const headers = { "HX-Request": "true", "X-CSRFToken": token };
  const answer = await fetch(address, { method, headers }).catch(() => null);
  if (answer?.ok) swapIn(`#${id}`, await answer.text());
}

async function keepWhatIsThere() {
  const turn = document.querySelector("[data-stop]");
  if (!turn) return;
  const { id } = turn;
  const address = turn.dataset.stop;
  await wait(NOTICED_MS);
  await drawTurn(id, address, "POST");
  // A slow model's last words may have come to the server only now.
  const stopped = document.getElementById(id);
  await wait(LATE_MS);
  if (stopped?.isConnected && !stopped.contains(document.activeElement)) drawTurn(id, address.replace(/\/stop$/, ""), "GET");
}

/** Does nothing on other pages; the inbox has a composer, too, but of another kind. */
export function startAssistant() {
  if (!question()) return;
  fit(question());
  if (document.querySelector(".wn-turn")) toEnd();
  addEventListener("scroll", notePlace, { passive: true });
  document.addEventListener("keydown", onKey);
  document.addEventListener("input", (event) => {
    if (event.target === question()) fit(question());
  });
  document.addEventListener("wn:writing", () => {
    composer().querySelector("[role=alert]").hidden = true;
    show(true);
  });
  document.addEventListener("wn:accepted", () => {
    question().value = "";
    fit(question());
    isNear = true;
  });
  document.addEventListener("wn:drawn", () => {
    if (isNear) toEnd();
  });
  document.addEventListener("wn:stopped", keepWhatIsThere);
  document.addEventListener("wn:written", () => show(false));
}
