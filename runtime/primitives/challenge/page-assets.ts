/**
 * Runs in the browser. The fragment is put behind the form's address: redirects pass it on, so that the client lands
 * where it wanted to, although the fragment never comes to a server.
 */
export const PAGE_SCRIPT = `const form = document.querySelector("form");
const status = document.getElementById("status");
const work = document.getElementById("work");
const { automatic, wait, waitUrl, done, failed, working } = form.dataset;
form.action += location.hash;

let sent = false;
globalThis.gatewrightSolved = () => {
  if (sent) return;
  sent = true;
  status.textContent = done;
  form.submit();
};

if (work !== null) {
  if (globalThis.isSecureContext && globalThis.crypto?.subtle && globalThis.Worker) await solve();
  else fallBack();
}

async function solve() {
  const base = new URL(".", import.meta.url);
  const language = document.documentElement.lang;
  await import(new URL("altcha.js", base));
  if (language !== "en") await import(new URL("altcha-" + language + ".js", base)).catch(() => {});
  const worker = new URL("altcha-worker.js", base);
  $altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(worker));
  const widget = document.createElement("altcha-widget");
  widget.setAttribute("challenge", work.dataset.challenge);
  widget.setAttribute("language", language);
  widget.setAttribute("configuration", JSON.stringify({ hideFooter: true, hideLogo: true, minDuration: 0 }));
  if (automatic === "true") widget.setAttribute("auto", "onload");
  widget.addEventListener("statechange", (event) => {
    if (event.detail.state === "verifying") status.textContent = working;
    if (event.detail.state === "error" || event.detail.state === "expired") status.textContent = failed;
  });
  widget.addEventListener("verified", () => setTimeout(gatewrightSolved));
  work.append(widget);
}

function fallBack() {
  if (waitUrl === undefined) {
    status.textContent = failed;
    return;
  }
  status.textContent = working;
  const go = () => location.replace(waitUrl + location.hash);
  if (automatic === "true") setTimeout(go, Number(wait) * 1000 + 200);
  else {
    const button = document.createElement("a");
    button.href = waitUrl + location.hash;
    button.textContent = document.title;
    status.replaceChildren(button);
  }
}
`;

export const PAGE_STYLE = `:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1.5rem; box-sizing: border-box; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 32rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
form { margin: 0 0 1rem; min-height: 4rem; }
#status { min-height: 1.5em; }
`;
