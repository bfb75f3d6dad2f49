// The template editor: variables are written where the cursor is, words run as their language does, the focus stays with what
// was moved. How the form's changes keep out of each other's way is in changes.js.
import { startChanges } from "./changes.js";

const byId = (id) => document.getElementById(id);

// --- Variables at the cursor ---

function write(field, text, start, end) {
  field.focus();
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

const nextNumber = (text) => Math.max(0, ...[...text.matchAll(/\{\{\s*(\d+)\s*\}\}/g)].map((found) => Number(found[1]))) + 1;

// A variable may not touch a word or another variable: a space where there is none.
function withSpaces(field, variable) {
  const before = field.value.slice(0, field.selectionStart);
  const after = field.value.slice(field.selectionEnd);
  return `${/[\p{L}\p{N}}]$/u.test(before) ? " " : ""}${variable}${/^[\p{L}\p{N}{]/u.test(after) ? " " : ""}`;
}

function onInsert(event) {
  const button = event.target.closest?.("[data-into]");
  const field = button && byId(button.dataset.into);
  if (!field) return;
  button.closest("details")?.removeAttribute("open");
  if (button.dataset.insertEnd) {
    if (field.value.includes("{{")) field.focus();
    else write(field, button.dataset.insertEnd, field.value.length, field.value.length);
    return;
  }
  const variable = "insertNumber" in button.dataset ? `{{${nextNumber(field.value)}}}` : button.dataset.insert;
  write(field, withSpaces(field, variable), field.selectionStart, field.selectionEnd);
}

// Arrow keys walk through the menu, as in a list.
function onMenuKey(event) {
  const menu = event.target.closest?.(".wn-insert details[open]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!menu || !step) return;
  const items = [...menu.querySelectorAll(".wn-item")];
  event.preventDefault();
  items.at((items.indexOf(document.activeElement) + step + items.length) % items.length)?.focus();
}

// --- The direction of the words ---

function onLanguage(event) {
  const select = event.target;
  const codes = select.dataset?.rightToLeft?.split(" ");
  if (!codes) return;
  const direction = codes.includes(select.value.split("_")[0]) ? "rtl" : "auto";
  for (const field of select.form.querySelectorAll("[data-words]")) field.dir = direction;
}

// --- The focus after a change ---

const CONTROLS = 'input:not([type="hidden"]), select, textarea, button:not([disabled])';

/** Put the focus where a part that was drawn anew says that it belongs. */
export function focusOn(part) {
  const marked = part?.matches?.("[data-focus]") ? part : part?.querySelector?.("[data-focus]");
  const wanted = marked && byId(marked.dataset.focus);
  if (!wanted) return;
  marked.removeAttribute("data-focus");
  (wanted.matches(CONTROLS) ? wanted : wanted.querySelector(CONTROLS) || wanted).focus();
}

/** Bind everything once, on the document; pages without the editor have nothing to bind. */
export function startEditor() {
  if (!byId("template")) return;
  document.addEventListener("click", onInsert);
  document.addEventListener("keydown", onMenuKey);
  document.addEventListener("change", onLanguage);
  document.addEventListener("htmx:afterSettle", (event) => focusOn(event.detail.elt));
  focusOn(document);
  startChanges("template");
}
