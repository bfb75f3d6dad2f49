// Toasts say what worked and offer to undo it. Errors never come as toasts.
// From a response: HX-Trigger: {"toast": {"text": "118 people tagged “regular”.", "url": "/app/…", "action": "Undo"}}

const SHOWN_MS = 6000;

function part(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function icon(name) {
  const element = part("i", `ti ti-${name}`);
  element.setAttribute("aria-hidden", "true");
  return element;
}

function build({ text, url, action }) {
  const toast = part("div", "wn-toast");
  toast.dataset.toast = "";
  toast.append(icon("circle-check"), part("span", "", text));
  if (url && action) {
    const link = part("a", "", action);
    link.href = url;
    toast.append(link);
  }
  const close = part("button", "x");
  close.type = "button";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("x"));
  toast.append(close);
  return toast;
}

function leaveLater(toast) {
  let timer = 0;
  const wait = () => {
    timer = setTimeout(() => toast.remove(), SHOWN_MS);
  };
  const hold = () => clearTimeout(timer);
  // Whoever reads it or wants to press Undo is given the time.
  toast.addEventListener("mouseenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("mouseleave", wait);
  toast.addEventListener("focusout", wait);
  wait();
}

/** Show one toast: {text, url?, action?}. */
export function showToast(detail) {
  const toast = build(typeof detail === "string" ? { text: detail } : detail);
  document.getElementById("toasts")?.append(toast);
  leaveLater(toast);
}

/** Time those that came with the page and follow those that answers ask for. */
export function startToasts() {
  document.querySelectorAll("[data-toast]").forEach(leaveLater);
  // htmx puts a bare string under `value`.
  document.body.addEventListener("toast", (event) => showToast(event.detail.text ? event.detail : event.detail.value));
  document.addEventListener("click", (event) => {
    event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
  });
}
