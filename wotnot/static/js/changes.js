// A form whose parts the server draws anew when a control with [data-edit] is used, and whose preview follows the typing.
//
// One change at a time: each is made from the form as the one before left it. What is used meanwhile is used again afterwards,
// what is typed meanwhile is not overwritten, and a preview never shows the form as it was before a change.

let form = "";
let running = null; // {begun, typed, since, selected}: the change that is on its way
let begun = 0;
let isPreviewDue = false; // one was asked for while a change was on its way
const waiting = []; // {id, value} of the controls that were used meanwhile

const byId = (id) => document.getElementById(id);
const isChange = (config) => config.elt.matches("[data-edit]");
const isPreview = (config) => config.elt.id === form;
const isTick = (field) => field.type === "checkbox";
const valueOf = (field) => (isTick(field) ? field.checked : field.value);
const valuesOf = (part) => new Map([...part.querySelectorAll("input[id], textarea[id], select[id]")].map((one) => [one.id, valueOf(one)]));

function onBefore(event) {
  const config = event.detail.requestConfig;
  if (isPreview(config) && running) skip(event);
  else if (isChange(config) && running) wait(event, config.elt);
  else if (isChange(config)) running = { begun: (begun += 1), typed: valuesOf(event.detail.target) };
  config.wnBegun = begun;
}

function skip(event) {
  event.preventDefault();
  isPreviewDue = true;
}

function wait(event, control) {
  event.preventDefault();
  waiting.push({ id: control.id, value: control.value });
}

// The part may have been drawn anew under a request's feet.
function onBeforeSwap(event) {
  const config = event.detail.requestConfig;
  if (isPreview(config) && config.wnBegun !== begun) event.detail.shouldSwap = false;
  if (!isChange(config) || !running) return;
  const now = valuesOf(event.detail.target);
  running.since = [...now].filter(([id, value]) => running.typed.has(id) && running.typed.get(id) !== value);
  running.selected = selectionIn(event.detail.target);
}

function selectionIn(part) {
  const field = document.activeElement;
  if (!field?.id || !part.contains(field)) return null;
  return { id: field.id, start: field.selectionStart, end: field.selectionEnd };
}

// htmx forgets a selection that begins with the first letter: what is typed next would not replace it but precede it.
function keepSelection() {
  const { id, start, end } = running?.selected || {};
  if (end) byId(id)?.setSelectionRange?.(start, end);
}

// A field keeps what was typed since, unless the change put something else in its place.
function keepTyped() {
  for (const [id, value] of running?.since || []) {
    const field = byId(id);
    if (!field || valueOf(field) !== running.typed.get(id)) continue;
    if (isTick(field)) field.checked = value;
    else field.value = value;
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

function onAfter(event) {
  if (!isChange(event.detail.requestConfig)) return;
  keepTyped();
  running = null;
  setTimeout(useNext, 50); // after the new parts have settled
}

function useNext() {
  const next = waiting.shift();
  const control = next && byId(next.id);
  if (!control) {
    if (next) useNext();
    else if (isPreviewDue) byId(form).dispatchEvent(new InputEvent("input"));
    isPreviewDue = false;
    return;
  }
  if (control.localName === "button") {
    control.click();
    return;
  }
  if (control.type === "radio") control.checked = true;
  else control.value = next.value;
  control.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Watch over the form with this id. */
export function startChanges(id) {
  form = id;
  document.addEventListener("htmx:beforeRequest", onBefore);
  document.addEventListener("htmx:beforeSwap", onBeforeSwap);
  document.addEventListener("htmx:afterSwap", keepSelection);
  document.addEventListener("htmx:afterRequest", onAfter);
}
