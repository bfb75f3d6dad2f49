// The phone preview: WhatsApp's own marks are drawn, the arrow keys walk from person to person, the phone is light or dark.

// https://faq.whatsapp.com/539178204879377: *bold* _italic_ ~strikethrough~ ```monospace```; a mark touches its word and no letter outside.
const MARKS = /(^|[^\p{L}\p{N}])(?:```([\s\S]+?)```|([*_~])(?=\S)([^\n]*?\S)\3)(?![\p{L}\p{N}])/u;
const TAGS = { "*": "b", _: "em", "~": "s" };

// Takes away and answers everything in `root` from the letter at `offset` on; a mark may begin in one node and end in another,
// because variables have an element of their own.
function cut(root, offset) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let left = offset;
  let node = walker.nextNode();
  while (node && left > node.length) {
    left -= node.length;
    node = walker.nextNode();
  }
  const range = document.createRange();
  range.setStart(node, left);
  range.setEndAfter(root.lastChild);
  return range.extractContents();
}

// The marks themselves, at both ends of what they mark.
function trim(root, size) {
  cut(root, root.textContent.length - size);
  const rest = cut(root, size);
  root.replaceChildren(rest);
}

function drawIn(root) {
  const found = MARKS.exec(root.textContent);
  if (!found) return;
  const start = found.index + found[1].length;
  const rest = cut(root, found.index + found[0].length);
  const drawn = document.createElement(found[3] ? TAGS[found[3]] : "code");
  drawn.append(cut(root, start));
  trim(drawn, found[3] ? 1 : 3);
  if (drawn.localName !== "code") drawIn(drawn);
  drawIn(rest);
  root.append(drawn, rest);
}

/** Draw the marks inside every .wa-tx below `root`; a second call changes nothing. */
export function drawMarks(root) {
  for (const block of root.querySelectorAll(".wa-tx:not([data-drawn])")) {
    block.dataset.drawn = "";
    drawIn(block);
  }
}

function onKey(event) {
  const step = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], [role=tablist]");
  if (!step || typing || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const button = document.querySelector(`[data-walker] [data-walk="${step}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

// The walker is part of what is replaced: the person who pressed "next" keeps it under the finger.
let pressed = "";

function rememberPress(event) {
  const { walk } = event.detail.requestConfig.elt.dataset;
  if (walk) pressed = walk; // other parts of the page fetch meanwhile and must not make us forget
}

function restorePress(event) {
  if (!pressed || !event.target.querySelector("[data-walker]")) return;
  const button = document.querySelector(`[data-walker] [data-walk="${pressed}"]`);
  if (document.activeElement === document.body) button?.focus({ preventScroll: true });
  pressed = "";
}

// --- Light or dark, whatever the product is ---

const THEME = "wn-phone-theme";
let phoneTheme = "";

function chosenTheme() {
  try {
    return phoneTheme || localStorage.getItem(THEME) || document.documentElement.dataset.bsTheme;
  } catch {
    return phoneTheme || document.documentElement.dataset.bsTheme; // storage may be forbidden
  }
}

// Only where there is a switch: elsewhere the phone is as the product.
function dressPhones() {
  const buttons = document.querySelectorAll("[data-phone-theme]");
  if (!buttons.length) return;
  const theme = chosenTheme();
  for (const phone of document.querySelectorAll(".wn-phone")) phone.dataset.bsTheme = theme;
  for (const button of buttons) {
    const isOn = button.dataset.phoneTheme === theme;
    button.classList.toggle("on", isOn);
    button.setAttribute("aria-pressed", String(isOn));
  }
}

function onThemePress(event) {
  const button = event.target.closest?.("[data-phone-theme]");
  if (!button) return;
  phoneTheme = button.dataset.phoneTheme;
  try {
    localStorage.setItem(THEME, phoneTheme);
  } catch {
    // for this page only
  }
  dressPhones();
}

/** Draw what is on the page and what comes later; bind the keys. */
export function startPreview() {
  drawMarks(document);
  dressPhones();
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onThemePress);
  document.addEventListener("wn:theme", dressPhones);
  // At once, so that nothing flashes, and again when htmx has put the attributes of the answer in their places.
  for (const swapped of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.addEventListener(swapped, dressPhones);
  document.addEventListener("htmx:beforeRequest", rememberPress);
  document.addEventListener("htmx:afterSettle", (event) => {
    drawMarks(document);
    dressPhones();
    restorePress(event);
  });
}
