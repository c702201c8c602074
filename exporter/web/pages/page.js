// Keeps the page up to date: asks for the part that changes, and changes only what differs.

const EVERY_MS = 5000;
const PATIENCE_MS = 15000;
const TYPING_MS = 150;

const live = document.getElementById("live");
const stale = document.getElementById("stale");
const pause = document.getElementById("pause");

let paused = false;
let timer;
let request; // The one under way, or the last one.
let readAt; // When the engine was read, on this page's clock.

// -- changing what differs ---------------------------------------------------------------------

// Elements with an id keep it wherever they move, and may come and go; the others do not.
function morphChildren(from, to) {
  const wantedIds = new Set([...to.children].map((one) => one.id));
  for (const one of [...from.children]) if (one.id && !wantedIds.has(one.id)) one.remove();
  const named = new Map([...from.children].map((one) => [one.id, one]));
  let place = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const found = wanted.id ? named.get(wanted.id) : place;
    if (wanted.id && found) {
      while (place !== found && place.nodeType !== Node.ELEMENT_NODE) place = dropped(place);
    }
    if (!found || found.nodeName !== wanted.nodeName || (found.id ?? "") !== (wanted.id ?? "")) {
      from.insertBefore(document.importNode(wanted, true), place);
    } else {
      if (found === place) place = place.nextSibling;
      else from.insertBefore(found, place);
      morph(found, wanted);
    }
  }
  while (place) place = dropped(place);
}

function dropped(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.hasAttribute("data-keep") || from.isEqualNode(to)) return;
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  morphChildren(from, to);
}

function show(html) {
  const focused = document.activeElement;
  const part = new DOMParser().parseFromString(html, "text/html").getElementById("live");
  if (!part) throw new Error("it answers with something else");
  morph(live, part);
  // What moves loses the focus on its way.
  if (document.activeElement !== focused && focused?.isConnected) focused.focus({ preventScroll: true });
}

// -- asking ------------------------------------------------------------------------------------

async function refresh() {
  request?.abort();
  const mine = (request = new AbortController());
  const patience = setTimeout(() => mine.abort(), PATIENCE_MS);
  const address = new URL(location);
  address.searchParams.set("part", "live");
  try {
    const answer = await fetch(address, { signal: mine.signal });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    const html = await answer.text();
    if (mine !== request) return;
    show(html);
    noteAge();
    stale.hidden = true;
  } catch (error) {
    if (mine !== request) return;
    stale.textContent = `Not up to date: the exporter does not tell (${error.message}). Trying again.`;
    stale.hidden = false;
  } finally {
    clearTimeout(patience);
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

// The address says what is shown, so that it can be kept, sent to others, and loaded again.
function goTo(address) {
  history.replaceState(null, "", address);
  refresh();
}

// -- how old it is -----------------------------------------------------------------------------

function noteAge() {
  readAt = performance.now() - 1000 * document.getElementById("age").dataset.seconds;
}

function tellAge() {
  const seconds = Math.floor((performance.now() - readAt) / 1000);
  const minutes = Math.floor(seconds / 60);
  document.getElementById("age").textContent = minutes ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

// -- what people do ----------------------------------------------------------------------------

function set(name, value) {
  const address = new URL(location);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  goTo(address);
}

live.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-query]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  // What is kept does not follow by itself.
  const asked = new URL(link.href).searchParams;
  const filter = document.getElementById("filter");
  filter.elements.q.value = asked.get("q") ?? "";
  filter.elements.sort.value = asked.get("sort") ?? "state";
  goTo(link.href);
});

let typing;
live.addEventListener("input", (event) => {
  if (event.target.name !== "q") return;
  clearTimeout(typing);
  typing = setTimeout(() => set("q", event.target.value), TYPING_MS);
});

live.addEventListener("change", (event) => {
  if (event.target.name === "sort") set("sort", event.target.value);
});

live.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  set("q", event.target.elements.q.value);
});

pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume" : "Pause";
  if (paused) clearTimeout(timer);
  else refresh();
});

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
document.addEventListener("changed", refresh);

document.documentElement.classList.add("js");
pause.hidden = false;
noteAge();
setInterval(tellAge, 1000);
schedule();
