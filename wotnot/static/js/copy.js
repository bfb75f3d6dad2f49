// Buttons that copy a value people paste elsewhere.

const SAID_MS = 2000;

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  const words = button.querySelector("span");
  const before = words.textContent;
  try {
    await navigator.clipboard.writeText(field.value);
    words.textContent = "Copied";
  } catch {
    field.select(); // without a secure address the browser forbids it; one key press is left to the person
    words.textContent = "Press Ctrl C";
  }
  setTimeout(() => {
    words.textContent = before;
  }, SAID_MS);
}

/** Bind the buttons with data-copy="id of the field". */
export function startCopy() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
}
