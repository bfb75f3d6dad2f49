// The editor of a segment: its rows are drawn anew by the server, one change at a time (changes.js), and the focus stays with
// what was used.
import { startChanges } from "./changes.js";
import { focusOn } from "./editor.js";

/** Bind everything once, on the document; pages without the editor have nothing to bind. */
export function startSegment() {
  if (!document.getElementById("segment")) return;
  document.addEventListener("htmx:afterSettle", (event) => focusOn(event.detail.elt));
  focusOn(document);
  startChanges("segment");
}
