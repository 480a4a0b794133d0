// Tells the site which time zone this browser is in, so that times are written in it from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`__Host-zone=${zone}`)) {
  document.cookie = `__Host-zone=${zone}; path=/; secure; max-age=31536000; samesite=strict`;
}
