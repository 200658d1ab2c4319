// What every page runs; pages work without it. Times in UTC or local, countdowns, keys.
const key = "countersign.local-times";
const toggle = document.querySelector("[data-times]");
let local = localStorage.getItem(key) === "yes";
const two = (number) => String(number).padStart(2, "0");

function show() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const here = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const utc = `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    time.textContent = local ? `${here} local` : utc;
    time.title = `${utc} · ${here} local`;
  }
  if (toggle) toggle.textContent = local ? "local time" : "UTC";
}

if (toggle) {
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    local = !local;
    localStorage.setItem(key, local ? "yes" : "no");
    show();
  });
}
show();

function count() {
  for (const one of document.querySelectorAll("[data-until]")) {
    const left = Math.round((new Date(one.dataset.until) - Date.now()) / 1000);
    const said = left <= 0 ? "time is up" : left < 120 ? `${left} s left` : left < 7200 ? `${Math.round(left / 60)} min left` : `${Math.round(left / 3600)} h left`;
    if (one.textContent !== said) one.textContent = said;
    one.classList.toggle("urgent", left < 300);
    if (left <= 0) document.querySelector("[data-review]")?.classList.add("over");
  }
}
count();
setInterval(count, 1000);

// j and k walk along a list, Enter follows, / goes to the search box.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const rows = [...document.querySelectorAll(".queue a.card, table.rows a.row")];
  if ((event.key === "j" || event.key === "k") && rows.length > 0) {
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))].focus();
    event.preventDefault();
  }
  const search = document.querySelector('input[type="search"]');
  if (event.key === "/" && search) {
    search.focus();
    event.preventDefault();
  }
});

// Keys follow a link, or move the focus to an answer; they never give one.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("a[href]")) return target.click();
  const details = target.closest("details");
  if (details && target.matches("summary")) details.open = true;
  target.scrollIntoView({ block: "center" });
  target.focus();
});

// From one bar of the histogram to another: the stretch between them. One bar alone is a link.
let brushed = null;
const barOf = (event) => event.target.closest?.("[data-brush] a");
document.addEventListener("pointerdown", (event) => (brushed = barOf(event)));
document.addEventListener("pointerup", (event) => {
  const [from, to] = [brushed, barOf(event)];
  brushed = null;
  if (!from || !to || from === to || from.parentElement !== to.parentElement) return;
  const [first, last] = from.compareDocumentPosition(to) & Node.DOCUMENT_POSITION_FOLLOWING ? [from, to] : [to, from];
  const place = new URL(first.href.baseVal, location.href);
  const asked = place.searchParams.get("q").replace(first.dataset.untilBar, last.dataset.untilBar);
  place.searchParams.set("q", asked);
  location.assign(place);
});
document.addEventListener("dragstart", (event) => event.target.closest?.("[data-brush]") && event.preventDefault());

// Live: the log is followed while the page is open. Lists are drawn anew; where somebody may be typing, a line says that
// more has happened. The connection goes on behind the last record by itself after the server was away.
const lists = [...document.querySelectorAll("[data-live]")];
const notices = [...document.querySelectorAll("[data-live-notice]")];

async function redraw() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const held = document.activeElement?.getAttribute("href");
  const open = new Set([...document.querySelectorAll("[data-live] details[open] > summary")].map((one) => one.textContent));
  for (const [at, fresh] of [...page.querySelectorAll("[data-live]")].entries()) lists[at]?.replaceChildren(...fresh.childNodes);
  for (const one of document.querySelectorAll("[data-live] details > summary")) if (open.has(one.textContent)) one.parentElement.open = true;
  if (held) document.querySelector(`[data-live] a[href="${CSS.escape(held)}"]`)?.focus();
  show();
  count();
}

// A paused page counts what it does not draw. The space bar does as the button.
const pause = document.querySelector("[data-pause]");
let paused = false;
let missing = 0;

function tellPause() {
  pause.textContent = paused ? `Paused: ${missing} new, go on` : "Pause";
  pause.setAttribute("aria-pressed", String(paused));
}

if (pause) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    if (!paused && missing > 0) redraw();
    missing = 0;
    tellPause();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.matches("input, textarea, select, button, a, summary")) return;
    event.preventDefault();
    pause.click();
  });
}

function happened({ type, action, missed, following }) {
  if (following) document.documentElement.dataset.following = "yes";
  const concerns = (list) => missed || list.dataset.live.split(" ").some((kind) => type?.startsWith(kind));
  if (lists.some(concerns)) {
    if (paused) {
      missing += missed || type === "action.proposed" ? 1 : 0;
      tellPause();
    } else waiting ??= setTimeout(() => ((waiting = null), paused || redraw()), Number(lists[0].dataset.every ?? 200));
  }
  // That somebody looks changes nothing.
  if (type === "review.presented") return;
  for (const notice of notices) if (missed || notice.dataset.liveNotice === action) notice.hidden = false;
}

let waiting = null;
let worker = null;
const after = (lists[0] ?? notices[0])?.dataset.after;
if (after !== undefined && window.SharedWorker) {
  worker = new SharedWorker(new URL("follow.js", import.meta.url), "countersign").port;
  worker.onmessage = ({ data }) => happened(data);
  worker.postMessage({ after: Number(after) });
  // A page that is kept for the way back does not follow; when it is shown again it is drawn anew.
  window.addEventListener("pagehide", () => worker.postMessage({ leave: true }));
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}
