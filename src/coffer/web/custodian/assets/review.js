// Looks every ten seconds whether the request is still the one that this page shows. If not, the notice above says so.
// Nothing is replaced while somebody reads, and a decision on the old page is refused by the machine in any case.
const HOW_LONG_MS = 20 * 60 * 1000; // a page that is left open must not keep its session alive
const shown = document.querySelector("[data-version]");
const notice = document.querySelector("[data-changed]");
const began = Date.now();

function versionNow() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    request.responseType = "document";
    request.onload = () => {
      const there = request.response?.querySelector("[data-version]");
      if (request.status === 200 && there) resolve(there.dataset.version);
      else reject(new Error());
    };
    request.onerror = () => reject(new Error());
    request.send();
  });
}

const timer = setInterval(async () => {
  if (document.visibilityState !== "visible" || Date.now() - began > HOW_LONG_MS) return;
  try {
    if ((await versionNow()) === shown.dataset.version) return;
    notice.hidden = false;
    clearInterval(timer);
  } catch {
    // the machine did not answer: the next look asks again
  }
}, 10_000);

// Enter in a field decides and asks nothing: each is a button that somebody presses.
for (const part of document.querySelectorAll("#decide, #questions")) {
  part.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });
}
