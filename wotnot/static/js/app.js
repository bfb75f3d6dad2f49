// Everything a page may need; each module looks for its own attributes and does nothing where there are none.
import { startAssistant } from "./assistant.js";
import { startCharts } from "./charts.js";
import { startChoices } from "./choices.js";
import { startCopy } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startEditor } from "./editor.js";
import { startForms } from "./forms.js";
import { startHere } from "./here.js";
import { startKept } from "./kept.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startNotices } from "./notices.js";
import { startPreview } from "./preview.js";
import { startSegment } from "./segment.js";
import { startSquare } from "./square.js";
import { startStreams } from "./stream.js";
import { startToasts } from "./toasts.js";

// The token travels with every request htmx makes, so that a fragment needs no hidden field.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token) event.detail.headers["X-CSRFToken"] = token.content;
});

for (const start of [startChoices, startCopy, startForms, startDialogs, startMenus, startNotices, startToasts, startPreview, startEditor, startSegment, startSquare, startCharts, startHere, startKept, startLive, startStreams, startAssistant]) {
  start();
}
