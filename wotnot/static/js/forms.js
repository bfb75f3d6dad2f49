// Forms: a second press does nothing, a counter counts, nothing typed is lost by accident.

function spinner() {
  const icon = document.createElement("i");
  icon.className = "ti ti-loader-2 wn-spin";
  icon.setAttribute("aria-hidden", "true");
  return icon;
}

function makeBusy(button) {
  if (!button || button.getAttribute("aria-busy") === "true") return;
  button.wnLabel = [...button.childNodes];
  button.style.minWidth = `${Math.ceil(button.getBoundingClientRect().width)}px`; // the same width, so that nothing jumps
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true"); // not `disabled`: its name and value must still be sent
  const text = document.createElement("span");
  text.textContent = button.dataset.busy || button.textContent.trim();
  button.replaceChildren(spinner(), text);
}

function makeIdle(button) {
  if (!button || !button.wnLabel) return;
  button.replaceChildren(...button.wnLabel);
  button.wnLabel = null;
  button.removeAttribute("style"); // an empty one would be refused by the policy when htmx copies attributes
  button.removeAttribute("aria-busy");
  button.removeAttribute("aria-disabled");
}

/** Let a form be sent again, its button idle. */
export function release(form) {
  delete form.dataset.sent;
  for (const button of form.ownerDocument.querySelectorAll('[aria-busy="true"]')) {
    if (button.form === form) makeIdle(button);
  }
}

function onSubmit(event) {
  const form = event.target;
  if (form.matches("[data-no-busy]") || form.method === "dialog") return;
  if (form.dataset.sent) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sent = "1";
  form.wnDirty = false;
  // After the browser has read the button's name and value.
  setTimeout(makeBusy, 0, event.submitter || form.querySelector('button:not([type="button"])'));
}

// A button that asks by itself, without a form, behaves the same.
function onHtmxRequest(event) {
  const button = event.detail.requestConfig.elt;
  if (button.localName !== "button" || button.matches("[data-no-busy]")) return;
  if (button.getAttribute("aria-busy") === "true") event.preventDefault();
  else makeBusy(button);
}

// htmx takes the address of the button pressed last for every request of its form; a preview that waited for the typing
// to pause would go there when a button is pressed meanwhile.
function keepAddress(event) {
  const { elt, verb, triggeringEvent } = event.detail;
  const own = elt.localName === "form" && elt.getAttribute(`hx-${verb}`);
  if (own && triggeringEvent?.type !== "submit") event.detail.path = own;
}

function onHtmxDone(event) {
  const { elt, triggeringEvent } = event.detail.requestConfig;
  // A redirect by header leaves the page: stay busy until it is gone.
  if (event.detail.xhr?.getResponseHeader("HX-Redirect")) return;
  if (elt.localName === "button") makeIdle(elt);
  // A form may also ask for previews while it is being typed or sent; only the answer to its submit ends that.
  if (elt.localName === "form" && triggeringEvent?.type === "submit") release(elt);
}

// --- Counters ---

const inNumbers = new Intl.NumberFormat("en");

function count(field) {
  const counter = document.querySelector(`[data-counter-for="${CSS.escape(field.id)}"]`);
  if (!counter) return;
  const length = [...field.value].length; // as WhatsApp counts: characters, an emoji is not two
  counter.textContent = `${inNumbers.format(length)} of ${inNumbers.format(field.dataset.max)}`;
  counter.classList.toggle("full", length >= Number(field.dataset.max));
}

// --- Files ---

const UNITS = ["bytes", "KB", "MB", "GB"];

function inUnits(bytes) {
  let unit = 0;
  let size = bytes;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 && unit ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}

function nameOf(files, several) {
  if (!files.length) return several ? "Drop them here, or choose them." : "Drop it here, or choose it.";
  const size = inUnits(files.reduce((sum, file) => sum + file.size, 0));
  return files.length === 1 ? `${files[0].name}, ${size}` : `${files.length} files, ${size}`;
}

function showFile(box, input) {
  const files = [...input.files];
  const limit = Number(box.dataset.maxBytes || 0);
  const tooLarge = files.find((file) => limit && file.size > limit);
  const error = box.querySelector("[data-upload-error]");
  box.querySelector("[data-upload-name]").textContent = nameOf(files, input.multiple);
  error.hidden = !tooLarge;
  error.querySelector("span").textContent = tooLarge
    ? `${files.length > 1 ? tooLarge.name : "This file"} has ${inUnits(tooLarge.size)}; at most ${inUnits(limit)} are possible. ${box.dataset.advice || ""}`.trim()
    : "";
  input.setCustomValidity(tooLarge ? "The file is too large." : "");
  box.classList.toggle("has", files.length > 0);
}

function onDrop(event) {
  const box = event.target.closest?.("[data-upload]");
  if (!box || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  box.classList.remove("over");
  const input = box.querySelector('input[type="file"]');
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function onDrag(event) {
  const box = event.target.closest?.("[data-upload]");
  if (!box) return;
  event.preventDefault();
  box.classList.toggle("over", event.type === "dragover");
}

function showUploadProgress(event) {
  const bar = event.target.querySelector?.("[data-upload] progress");
  if (!bar || !event.detail.lengthComputable || !event.detail.total) return;
  bar.hidden = false;
  bar.value = (100 * event.detail.loaded) / event.detail.total;
}

// --- Hours that end on the next day ---

function nameTheDay(day) {
  const [opens, closes] = [...day.querySelectorAll('input[type="time"]')].map((input) => input.value);
  const note = day.querySelector("[data-next-day]");
  note.textContent = "00:00" < closes && closes < opens ? note.dataset.nextDay : "";
}

// --- Passwords and the guard ---

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  button.setAttribute("aria-label", shown ? "Hide the password" : "Show the password");
  button.querySelector(".ti").className = `ti ti-${shown ? "eye-off" : "eye"}`;
}

function onInput(event) {
  const field = event.target;
  if (field.dataset.max) count(field);
  if (field.type === "time" && field.closest("[data-hours]")) nameTheDay(field.closest("[data-hours]"));
  if (field.form?.matches("[data-guard]")) field.form.wnDirty = true;
  if (field.matches("[data-autosubmit]")) field.form.requestSubmit();
}

// Enter in a field that has a button of its own presses that one, not the form's first.
function onEnter(event) {
  const button = event.key === "Enter" && event.target.dataset?.enter;
  if (!button) return;
  event.preventDefault();
  document.getElementById(button)?.click();
}

function askBeforeLeaving(event) {
  if ([...document.querySelectorAll("form[data-guard]")].some((form) => form.wnDirty)) event.preventDefault();
}

/** Bind everything once, on the document, so that fragments need no set-up of their own. */
export function startForms() {
  for (const form of document.querySelectorAll("form[data-guard][data-typed]")) form.wnDirty = true; // refused, so it is nowhere else
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("input", onInput);
  document.addEventListener("keydown", onEnter);
  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-upload]");
    if (box) showFile(box, event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reveal]");
    if (button) reveal(button);
  });
  document.addEventListener("drop", onDrop);
  for (const kind of ["dragover", "dragleave"]) document.addEventListener(kind, onDrag);
  document.addEventListener("htmx:xhr:progress", showUploadProgress);
  document.addEventListener("htmx:configRequest", keepAddress);
  document.addEventListener("htmx:beforeRequest", onHtmxRequest);
  document.addEventListener("htmx:afterRequest", onHtmxDone);
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));
  addEventListener("beforeunload", askBeforeLeaving);
  document.querySelectorAll("[data-max]").forEach(count);
  document.querySelector("[data-error-summary]")?.focus();
  document.addEventListener("htmx:afterSettle", (event) => {
    event.detail.elt.querySelectorAll?.("[data-max]").forEach(count);
    event.detail.elt.querySelector?.("[data-error-summary]")?.focus();
  });
}
