// Sends the request's form to be checked while one types, and takes over what the server found. The server decides what
// is said; this file only puts it into place. Fields and the focus stay as they are.
const form = document.querySelector("form[data-check]");
const PAUSE_MS = 700;
const AFTER_REFUSAL_MS = 5000;

function checked() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.check);
    request.responseType = "document";
    request.onload = () =>
      request.status === 200 && request.response ? resolve(request.response) : reject(new Error());
    request.onerror = () => reject(new Error());
    request.send(new URLSearchParams(new FormData(form)));
  });
}

function take(page) {
  for (const old of document.querySelectorAll("[data-says][id], [data-part][id]")) {
    const fresh = page.getElementById(old.id);
    if (fresh === null || old.contains(document.activeElement)) continue;
    if (old.open !== undefined) fresh.open = old.open;
    if (old.isEqualNode(fresh)) continue;
    // A live region that is replaced says nothing: its children are.
    if (old.hasAttribute("role")) old.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    else old.replaceWith(document.adoptNode(fresh));
  }
  for (const field of form.querySelectorAll("[id][aria-describedby]")) {
    const fresh = page.getElementById(field.id);
    if (fresh === null) continue;
    for (const name of ["aria-invalid", "aria-disabled"]) {
      if (fresh.hasAttribute(name)) field.setAttribute(name, fresh.getAttribute(name));
      else field.removeAttribute(name);
    }
  }
}

let timer = 0;
let sent = 0;
function later(pause) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const own = ++sent;
    try {
      const page = await checked();
      if (own === sent) take(page);
    } catch {
      later(AFTER_REFUSAL_MS);
    }
  }, pause);
}

form.addEventListener("input", () => later(PAUSE_MS));
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) event.preventDefault();
});
form.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest("[data-sign][aria-disabled=true]");
    if (button === null) return;
    event.preventDefault(); // it says beside it why not; the first field that is wrong comes next
    (form.querySelector("[aria-invalid=true]") ?? [...form.elements].find((field) => field.matches("input.mono, textarea, input:not([type=hidden])") && field.value === ""))?.focus();
  },
  true,
);
