// An invitation's link carries its code behind the #, which reaches no server. It goes into the field, and out of the
// address, so that it stays in no history.
const code = location.hash.slice(1);
const field = document.querySelector("#code");
if (/^[A-Za-z2-7-]{32,39}$/.test(code) && field) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
  field.form.elements.label.focus();
}
