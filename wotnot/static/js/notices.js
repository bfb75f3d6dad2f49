// What went wrong with a request that only wanted a part of the page: said on the page, where it stays until it is dismissed.

const BROKEN = "We could not reach WotNot. Your last change was not saved; check the connection and try again.";
const UNEXPECTED = "Something went wrong on our side. Your last change may not be saved; load the page again to see.";

function wordsOf(xhr) {
  const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
  return plain && xhr.responseText ? xhr.responseText : UNEXPECTED;
}

/** Show one sentence as an error; inside `dialog` when the request came from there. */
export function showNotice(words, dialog = null) {
  const notice = document.getElementById("notice");
  if (!notice) return;
  notice.querySelector("[data-words]").textContent = words;
  (dialog ?? document.querySelector("[data-notices]")).prepend(notice);
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}

function onResponseError(event) {
  const { xhr, requestConfig } = event.detail;
  if (requestConfig.elt.matches("[data-live]")) return; // asked again by itself; live.js says when the connection is lost
  if (xhr.status === 401) {
    location.reload(); // the session has ended: the page itself leads to the sign-in and back
    return;
  }
  showNotice(wordsOf(xhr), requestConfig.elt.closest("dialog"));
}

/** Follow htmx's failures. */
export function startNotices() {
  document.addEventListener("htmx:responseError", onResponseError);
  document.addEventListener("htmx:sendError", (event) => {
    const { elt } = event.detail.requestConfig;
    if (!elt.matches("[data-live]")) showNotice(BROKEN, elt.closest("dialog"));
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-notice-close]")) document.getElementById("notice").hidden = true;
  });
}
