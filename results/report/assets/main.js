// What is shown, by the address; keys; light and dark.

let shownFor = null; // the address without the sample, so that a step in the list draws nothing anew
let turn = 0;

async function show() {
  const mine = ++turn;
  const { view, name, query } = parsed(location.hash);
  const task = head.tasks.find((each) => safe(each.name) === name);
  const main = document.getElementById("main");
  if (view === "samples" && task && kept.task !== task) main.replaceChildren(el("p", { class: "wait" }, "Reading the samples…"));
  let content;
  if (view !== "samples") browsing = null;
  if (view === "task" && task) content = taskView(task);
  else if (view === "samples" && task) content = await samplesView(task, query);
  else if (view === "runs") content = runsView();
  else content = summaryView();
  if (mine !== turn) return; // another address was asked for meanwhile
  const box = document.activeElement && document.activeElement.id === "search" ? document.activeElement.selectionStart : null;
  const chosen = document.activeElement && document.activeElement.name;
  main.replaceChildren(...content.flat(3).filter(Boolean));
  main.className = `view-${["task", "samples", "runs"].includes(view) ? view : "summary"}`;
  document.title = [name && plain(name), view === "samples" ? "samples" : null, head.runs.map((run) => plain(run.name)).join(" · ")].filter(Boolean).join(" – ");
  for (const link of document.querySelectorAll("#top nav a")) link.toggleAttribute("aria-current", link.getAttribute("href") === address(view));
  const place = JSON.stringify([view, name]);
  if (place !== shownFor) {
    scrollTo(0, 0);
    if (shownFor !== null) main.focus({ preventScroll: true });
  }
  shownFor = place;
  if (box !== null && document.getElementById("search")) {
    document.getElementById("search").focus();
    document.getElementById("search").setSelectionRange(box, box);
  } else if (chosen) document.querySelector(`select[name="${chosen}"]`)?.focus();
}

// Change what the address asks for; the list begins anew.
function changed(changes) {
  const { view, name, query } = parsed(location.hash);
  history.replaceState(null, "", address(view, name, { ...query, page: undefined, id: undefined, ...changes }));
  show();
}

function say(words) {
  document.getElementById("said").textContent = words;
}

function drawTop() {
  document.getElementById("top").replaceChildren(
    el("a", { class: "brand", href: address("") }, "alm-eval", el("span", {}, " report")),
    el("nav", { "aria-label": "Views" }, el("a", { href: address("") }, "Summary"), el("a", { href: address("runs") }, "Runs"), jump()),
    el("div", { class: "tools" }, el("button", { type: "button", id: "theme", onclick: nextTheme }), el("button", { type: "button", id: "help", "aria-label": "Keys", onclick: help }, "?")),
  );
  drawTheme();
}

function jump() {
  const made = el("select", { "aria-label": "Go to a task" }, el("option", { value: "" }, "Task…"), head.tasks.map((task) => el("option", { value: safe(task.name) }, plain(task.name))));
  made.addEventListener("change", () => {
    if (made.value) location.hash = address("task", made.value);
    made.value = "";
  });
  return made;
}

// Light, dark, or as the system has it.
const THEMES = { auto: "◐ system", light: "☀ light", dark: "☾ dark" };
let theme = "auto";

function drawTheme() {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.textContent = THEMES[theme];
  button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system" : theme}`);
}

function nextTheme() {
  const names = Object.keys(THEMES);
  theme = names[(names.indexOf(theme) + 1) % names.length];
  try {
    localStorage.setItem("alm-eval theme", theme);
  } catch {
    // a page may be forbidden to remember
  }
  drawTheme();
}

function rememberedTheme() {
  try {
    const found = localStorage.getItem("alm-eval theme");
    return found in THEMES ? found : "auto";
  } catch {
    return "auto";
  }
}

const KEYS = [
  ["j or ↓", "next sample"],
  ["k or ↑", "sample before"],
  ["n, p", "next page, page before"],
  ["Enter", "open the sample"],
  ["Space", "play or stop its clip"],
  ["/", "search"],
  ["Esc", "leave the search, the sample, the view"],
  ["t", "light, dark, or as the system"],
  ["?", "these keys"],
];

function help() {
  const box = el("dialog", { class: "help", "aria-labelledby": "keys" }, el("h2", { id: "keys" }, "Keys"), el("dl", {}, KEYS.map(([keys, what]) => el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)))), el("form", { method: "dialog" }, el("button", { class: "button" }, "Close")));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target;
  const typing = target.matches("input, textarea, select");
  if (event.key === "Escape") return typing ? target.blur() : leave();
  if (typing) return;
  const action = ACTIONS[event.key];
  if (action && action(target) !== false) event.preventDefault();
}

const step = (by) => () => (browsing && browsing.found.length ? select(Math.min(Math.max(browsing.at + by, 0), browsing.found.length - 1), browsing.opened) : false);
const page = (by) => () => (browsing ? select(Math.min((browsing.page + by) * PAGE, browsing.found.length - 1), browsing.opened) : false);
const ACTIONS = {
  j: step(1),
  ArrowDown: (target) => (target.closest("audio, .scroll, .detail") ? false : step(1)()),
  k: step(-1),
  ArrowUp: (target) => (target.closest("audio, .scroll, .detail") ? false : step(-1)()),
  n: page(1),
  p: page(-1),
  Enter: (target) => (browsing && browsing.found.length && (target === document.body || target.id === "main") ? select(browsing.at, true) : false),
  " ": (target) => (browsing && !target.matches("button, summary, audio") ? play() : false),
  "/": () => document.getElementById("search")?.focus(),
  t: nextTheme,
  "?": help,
};

function play() {
  const audio = document.querySelector("#detail audio");
  if (!audio) return false;
  if (audio.paused) audio.play().catch(() => say("This clip cannot be played."));
  else audio.pause();
  return true;
}

function leave() {
  const { view, name } = parsed(location.hash);
  if (browsing && browsing.opened) closeSample();
  else if (view === "samples") location.hash = address("task", name);
  else if (view) location.hash = address("");
}

async function begin() {
  theme = rememberedTheme();
  if (typeof DecompressionStream === "undefined") {
    document.querySelector(".wait").textContent = "This browser is too old to unpack the page's data; one of 2023 or newer is needed.";
    return;
  }
  head = await unpacked("head");
  drawTop();
  addEventListener("hashchange", show);
  addEventListener("keydown", onKey);
  document.getElementById("foot").replaceChildren(el("p", {}, "Everything is in this file; it asks no server. ", el("kbd", {}, "?"), " lists the keys."));
  await show();
}

begin();
