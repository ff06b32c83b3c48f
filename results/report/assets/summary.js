// The first view: every task's primary score with its interval, and what one has to know of the runs.

let bars = false;

function summaryView() {
  const several = head.runs.length > 1;
  const parts = head.tasks.flatMap((task) => task.parts.filter(Boolean));
  const total = (of) => parts.reduce((sum, part) => sum + (of(part) || 0), 0);
  const failed = total((part) => part.failures.reduce((sum, kind) => sum + kind.count, 0));
  return [
    el("div", { class: "title" }, el("h1", {}, several ? `${head.runs.length} runs` : said(head.runs[0].name)), el("p", { class: "under" }, said([...new Set(head.runs.map((run) => run.label))].join(", ")))),
    several && legend(),
    facts([
      ["tasks", count(head.tasks.length)],
      ["samples", count(total((part) => part.answered))],
      ["of audio", duration(total((part) => part.charts.hours) * 3600)],
      ["failed", failed ? el("strong", { class: "bad" }, count(failed)) : "0"],
      ["wall time", duration(head.runs.flatMap((run) => run.sessions).reduce((sum, session) => sum + (session.seconds || 0), 0))],
    ]),
    head.runs.filter((run) => run.control).map((run) => el("p", { class: "warning" }, said(run.name), " is a control and no measure of the model: it did not hear the samples' own clips (", said(run.control), ").")),
    head.notes.length > 0 && notesOf(),
    head.tasks.length > 0 && el("div", { class: "bar-of-tools" }, el("h2", {}, "Primary scores"), formSwitch()),
    head.tasks.length > 0 && scoreTable(several),
    el("p", { class: "small" }, "Whiskers are 95 % bootstrap intervals, resampled by speaker or recording where the data name them. ↑ higher is better, ↓ lower is better. Each group of lines has a scale of its own."),
  ];
}

function legend() {
  return el("ul", { class: "legend" }, head.runs.map((run, at) => el("li", {}, mark(at), said(run.name))));
}

function notesOf() {
  return el("details", { class: "notes", open: head.notes.join("").length < 600 }, el("summary", {}, plural(head.notes.length, "note")), el("ul", {}, head.notes.map((note) => el("li", {}, said(note)))));
}

function formSwitch() {
  const button = (name, value) =>
    el("button", { type: "button", "aria-pressed": String(bars === value), onclick: () => { bars = value; show(); } }, name);
  return el("div", { class: "switch", role: "group", "aria-label": "Form of the chart" }, button("Points", false), button("Bars", true));
}

function scoreTable(several) {
  const verdicts = head.verdicts.length > 0;
  const names = ["task", ...(several ? ["run"] : []), "metric", "#value", "95 % interval", "chart", "#samples", "#failed", ...(verdicts ? ["published"] : [])];
  const heading = el("thead", {}, el("tr", { role: "row" }, names.map((name) => el("th", { scope: "col", role: "columnheader", class: columnClass(name) }, name === "chart" ? unseen("chart") : name.replace("#", "")))));
  const groups = [...groupedTasks().values()].map((lines) => groupOf(lines, several, verdicts, names.length));
  return el("div", { class: "scroll" }, el("table", { class: "scores", role: "table", "aria-label": "Primary scores" }, heading, groups));
}

function columnClass(name) {
  return `${name.startsWith("#") ? "num " : ""}c-${name.replace(/[^a-z]/g, "")}`;
}

// Lines of one type of task whose scores can share an axis.
function groupedTasks() {
  const groups = new Map();
  for (const task of head.tasks) {
    const score = task.parts.filter(Boolean).map(primary).find(Boolean);
    const part = partOf(task);
    const [unit, higher] = score ? [score.unit, score.higher_is_better] : [part.unit, part.higher_is_better];
    const key = JSON.stringify([typeOf(task), unit, higher]);
    if (!groups.has(key)) groups.set(key, { type: typeOf(task), unit, higher, tasks: [] });
    groups.get(key).tasks.push(task);
  }
  return groups;
}

function groupOf({ type, unit, higher, tasks }, several, verdicts, columns) {
  const scores = tasks.flatMap((task) => task.parts.filter(Boolean).map(primary)).filter(Boolean);
  const scale = scaleOf(scores.flatMap((score) => [score.value, ...(score.ci95 || [])]), unit === "%" && higher);
  const before = several ? 5 : 4;
  const title = el("tr", { class: "group", role: "row" }, el("th", { scope: "rowgroup", colspan: before, role: "rowheader" }, said(type), el("span", { class: "muted" }, ` ${unit || "no unit"} ${higher ? "↑" : "↓"}`)), el("td", { class: "c-chart", role: "cell" }, axis(scale, unit)), el("td", { colspan: columns - before - 1, class: "rest", role: "cell" }));
  const lines = tasks.flatMap((task) => {
    const runs = runsOf(task);
    return runs.map((run, at) => scoreLine(task, run, at, scale, several, verdicts));
  });
  return el("tbody", {}, title, lines);
}

function scoreLine(task, run, at, scale, several, verdicts) {
  const part = task.parts[run];
  const score = primary(part);
  const failed = part.failures.reduce((sum, kind) => sum + kind.count, 0);
  const link = el("a", { href: address("task", task.name) }, said(task.name.includes("/") ? task.name.slice(task.name.indexOf("/") + 1) : task.name));
  const cell = (name, ...children) => el("td", { class: columnClass(name), role: "cell" }, children);
  const cells = [
    el("th", { scope: "row", role: "rowheader", class: `c-task${at ? " again" : ""}` }, link),
    several && cell("run", mark(run), said(head.runs[run].name)),
    cell("metric", said(score ? score.name : part.primary)),
    cell("#value", score ? number(score.value) : el("span", { class: "muted" }, "not finished")),
    cell("95 % interval", score && score.ci95 ? interval(score.ci95) : "–"),
    cell("chart", track(score, run, scale, bars)),
    cell("#samples", score ? count(score.n) : `${count(part.answered)} of ${count(part.expected)}`),
    cell("#failed", failed ? el("a", { class: "bad", href: address("samples", task.name, { run, status: "failed" }) }, count(failed)) : "0"),
    verdicts && cell("published", verdictOf(task, run)),
  ];
  return el("tr", { role: "row", class: at ? "" : "first" }, cells);
}

function interval([low, high]) {
  return el("span", { class: "nowrap" }, `${number(low)} to ${number(high)}`);
}

const SIGNS = { reproduced: "✓", close: "≈", off: "✗" }; // see results/verify.py

// A line for each kind of verdict; the numbers are on the task's page.
function verdictOf(task, run) {
  const found = head.verdicts.filter((verdict) => verdict.run === run && verdict.task === task.name);
  if (!found.length) return "–";
  const kinds = [...grouped(found, (verdict) => verdict.verdict).values()];
  return el("ul", { class: "verdicts" }, kinds.map((list) =>
    el("li", { title: [...new Set(list.flatMap((verdict) => verdict.causes))].map(plain).join(" ") }, verdictMark(list[0]), el("span", { class: "muted" }, list.length > 1 ? ` × ${count(list.length)}` : ` · ${number(list[0].published)}`))));
}

function verdictMark({ verdict }) {
  const known = verdict in SIGNS;
  return el("span", { class: known ? `verdict ${verdict}` : "muted" }, known ? `${SIGNS[verdict]} ` : null, said(verdict));
}

// On a task's own page: published and measured side by side, with what could explain a difference.
function verdictTable(task) {
  const several = head.runs.length > 1;
  const rows = head.verdicts.filter((verdict) => verdict.task === task.name).map((verdict) => [
    verdictMark(verdict),
    ...(several ? [[mark(verdict.run), said(head.runs[verdict.run].name)]] : []),
    said(verdict.metric),
    verdict.subset === null ? el("span", { class: "muted" }, "all") : said(verdict.subset),
    number(verdict.published),
    number(verdict.value),
    verdict.value === null ? "–" : `${verdict.value < verdict.published ? "−" : "+"}${number(Math.abs(verdict.value - verdict.published))}`,
    [verdict.causes.map((cause) => el("p", { class: "cause" }, said(cause))), verdict.source && el("p", { class: "cause small" }, said(verdict.source))],
  ]);
  return rows.length ? table("Published and measured", ["verdict", ...(several ? ["run"] : []), "metric", "subset", "#published", "#measured", "#difference", "why"], rows) : null;
}
