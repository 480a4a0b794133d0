// Keeps sections marked data-live="SECONDS" as they are on the server: the page is fetched again, and each such section
// is replaced by the one of the same id. A section with the focus inside stays as it is. Nothing here decides anything,
// and looking again keeps no session alive.
const sections = () => [...document.querySelectorAll("[data-live][id]")];

// Trusted Types let no script make markup from text. A browser's own request for a document makes none.
function pageAgain() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.onload = () => {
      // Led elsewhere, to the door: the session is over, and what stands here is for nobody's eyes any more.
      if (new URL(request.responseURL).pathname !== location.pathname) location.reload();
      else if (request.status === 200 && request.response) resolve(request.response);
      else reject(new Error());
    };
    request.onerror = () => reject(new Error());
    request.send();
  });
}

async function refresh() {
  if (document.visibilityState !== "visible") return;
  const page = await pageAgain();
  for (const old of sections()) {
    const fresh = page.getElementById(old.id);
    if (fresh !== null && !old.contains(document.activeElement) && old.textContent !== fresh.textContent) {
      old.replaceWith(document.adoptNode(fresh));
    }
  }
}

const seconds = Math.min(...sections().map((section) => Number(section.dataset.live) || 10));
if (Number.isFinite(seconds)) {
  setInterval(() => refresh().catch(() => {}), seconds * 1000);
}
