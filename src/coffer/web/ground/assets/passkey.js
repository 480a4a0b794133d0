// A form with data-challenge asks for a challenge, lets the browser's authenticator answer it, and is sent with the
// answer in its hidden fields. What the answer is worth, the server decides. Where a button has data-sign, the others of
// the form send it as it is; with data-send the signed form goes to another address than the others.
const bytes = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
};
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const withIds = (list) => (list ?? []).map((item) => ({ ...item, id: bytes(item.id) }));

async function answerOf(options, kind) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (kind === "create") {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = withIds(options.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey });
    const { clientDataJSON, attestationObject } = made.response;
    const transports = made.response.getTransports?.() ?? [];
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      authenticatorAttachment: made.authenticatorAttachment,
      clientExtensionResults: {},
      response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject), transports },
    };
  }
  publicKey.allowCredentials = withIds(options.allowCredentials);
  const made = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment,
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    },
  };
}

// What happened stands in the form's own paragraph [role=alert], in words that the server wrote there.
function say(form, what) {
  const place = form.querySelector("[data-said]");
  place.textContent = what;
  place.hidden = what === "";
}

async function send(form) {
  say(form, "");
  const asked = await fetch(form.dataset.challenge, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const body = await asked.json();
  if (!asked.ok) {
    say(form, body.hint ? `${body.what}. ${body.hint}` : body.what);
    return;
  }
  const answer = await answerOf(body.publicKey, form.dataset.passkey);
  form.elements.handle.value = body.handle;
  form.elements.answer.value = JSON.stringify(answer);
  if (form.dataset.send) form.setAttribute("action", form.dataset.send);
  form.submit();
}

// At the document, so that a form counts too that came with a section which followed the server (live.js).
const busy = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-challenge]")) return;
  if (form.querySelector("[data-sign]") !== null && !event.submitter?.hasAttribute("data-sign")) return;
  event.preventDefault();
  if (busy.has(form)) return;
  busy.add(form);
  send(form)
    .catch(() => say(form, form.dataset.failed))
    .finally(() => busy.delete(form));
});
