// Which samples are shown, and in which order. A query is what the address holds:
// run, with (another run or all), q, subset, status, flag, right, ref, ans, field, is, differ, sort, page, id.

function matching(task, entries, query) {
  const run = runOf(task, query);
  const other = otherOf(task, query);
  const needle = (query.q || "").trim().toLocaleLowerCase();
  const kept = entries.filter((entry) => {
    const sample = entry.of[run];
    if (!sample) return false;
    if (query.subset !== undefined && (sample.subset ?? "") !== query.subset) return false;
    if (query.status && statusOf(sample) !== query.status) return false;
    if (query.flag && !sample.flags.includes(query.flag)) return false;
    if (query.right && String(sample.right) !== query.right) return false;
    if (query.ref !== undefined && !comparedOf(sample).some((text) => safe(text) === query.ref)) return false;
    if (query.ans !== undefined && safe(answerOf(sample) ?? "") !== query.ans) return false;
    if (query.field && query.is !== undefined && safe(textOf(sample.fields[query.field])) !== query.is) return false;
    if (query.audio === "here" && !sample.audio.some((clip) => clipOf(task, task.parts[run], clip).embedded)) return false;
    if (query.differ && other !== null && !stands(query.differ, entry, run, other, task)) return false;
    return !needle || hasText(entry, needle);
  });
  const order = ORDERS[query.sort] || ORDERS.worst;
  return kept.sort((one, two) => order.of(one.of[run], two.of[run], task.parts[run]) || compareIds(one.id, two.id));
}

function runOf(task, query) {
  const runs = runsOf(task);
  return runs.includes(Number(query.run)) && query.run !== undefined ? Number(query.run) : runs[0];
}

// The runs beside the first: a number, "all" or null.
function otherOf(task, query) {
  const runs = runsOf(task).filter((run) => run !== runOf(task, query));
  if (!runs.length || query.with === "none") return null;
  return runs.includes(Number(query.with)) && query.with !== undefined ? Number(query.with) : runs.length === 1 ? runs[0] : "all";
}

function shownRuns(task, query) {
  const [run, other] = [runOf(task, query), otherOf(task, query)];
  if (other === null) return [run];
  return other === "all" ? [run, ...runsOf(task).filter((each) => each !== run)] : [run, other];
}

function statusOf(sample) {
  return sample.status !== "ok" ? "failed" : sample.flags.includes("unparsed") ? "unparsed" : "ok";
}

function answerOf(sample) {
  return sample.answer === true ? sample.raw : sample.answer;
}

function comparedOf(sample) {
  return sample.compared === true ? sample.references : sample.compared;
}

function textOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function hasText(entry, needle) {
  return entry.of.some((sample) => sample && textsOf(sample).some((text) => text && text.toLocaleLowerCase().includes(needle)));
}

function textsOf(sample) {
  return [sample.id, sample.raw, ...sample.references, sample.answer, sample.subset, sample.group, sample.failure && sample.failure[1], sample.prompt, ...sample.audio.map((clip) => clip[0]), ...Object.values(sample.fields).map(textOf)].filter((text) => typeof text === "string");
}

// How far off a sample is, as one number: larger is worse; null where nobody knows.
function badness(sample, part) {
  if (!sample || sample.status !== "ok") return null;
  if (sample.errors !== null) return sample.errors;
  if (sample.right !== null) return sample.right ? 0 : 1;
  return sample.value === null ? null : part.higher_is_better ? -sample.value : sample.value;
}

function stands(how, entry, run, other, task) {
  const others = other === "all" ? runsOf(task).filter((each) => each !== run) : other === null ? [] : [other];
  const mine = entry.of[run];
  return others.some((each) => {
    const theirs = entry.of[each];
    if (how === "only") return !theirs;
    if (!theirs) return false;
    if (how === "differs") return mine.raw !== theirs.raw;
    const [a, b] = [badness(mine, task.parts[run]), badness(theirs, task.parts[each])];
    if (how === "a-right") return mine.right === true && theirs.right === false;
    if (how === "b-right") return mine.right === false && theirs.right === true;
    if (a === null || b === null) return false;
    return how === "a-better" ? a < b : a > b;
  });
}

const DIFFERENCES = { differs: "answers differ", "a-right": "first right, other wrong", "b-right": "first wrong, other right", "a-better": "first better", "b-better": "other better", only: "not asked of the other" };

function lastIfNull(one, two, order) {
  if (one === null || two === null) return (one === null) - (two === null);
  return order(one, two);
}

const ORDERS = {
  worst: { name: "worst first", of: (one, two, part) => lastIfNull(badness(one, part), badness(two, part), (a, b) => b - a) },
  best: { name: "best first", of: (one, two, part) => lastIfNull(badness(one, part), badness(two, part), (a, b) => a - b) },
  value: { name: "worst score first", of: (one, two, part) => lastIfNull(one.value, two.value, (a, b) => (part.higher_is_better ? a - b : b - a)) },
  id: { name: "by id", of: () => 0 },
  longest: { name: "longest audio first", of: (one, two) => lastIfNull(one.seconds, two.seconds, (a, b) => b - a) },
  shortest: { name: "shortest audio first", of: (one, two) => lastIfNull(one.seconds, two.seconds, (a, b) => a - b) },
  answer: { name: "longest answer first", of: (one, two) => (two.raw || "").length - (one.raw || "").length },
};

function compareIds(one, two) {
  return one < two ? -1 : one > two ? 1 : 0;
}

let filtersOpen = null; // as somebody left them

// The controls above the list. Only what a task's samples have is offered.
function filterControls(task, entries, query) {
  const run = runOf(task, query);
  const samples = entries.map((entry) => entry.of[run]).filter(Boolean);
  const values = (of) => [...new Set(samples.flatMap(of))].sort(compareIds);
  const subsets = values((sample) => [sample.subset ?? ""]);
  const flags = values((sample) => sample.flags);
  const fields = fieldChoices(samples);
  const runs = runsOf(task);
  const runNames = (list) => list.map((each) => [String(each), plain(head.runs[each].name)]);
  return el("form", { class: "filters", role: "search", "aria-label": "Filter samples", onsubmit: (event) => event.preventDefault() },
    field("Search", searchBox(query), "wide"),
    el("details", { class: "more-filters", open: filtersOpen ?? !matchMedia("(max-width: 44rem)").matches, ontoggle: (event) => { filtersOpen = event.target.open; } },
    el("summary", {}, "Filters and order"),
    el("div", { class: "row" },
    field("Task", choice("task", safe(task.name), head.tasks.map((each) => [safe(each.name), plain(each.name)]), query), "wide"),
    runs.length > 1 && field("Run", choice("run", String(run), runNames(runs), query)),
    runs.length > 1 && field("Beside it", choice("with", String(otherOf(task, query) ?? "none"), [["none", "nothing"], ...runNames(runs.filter((each) => each !== run)), ...(runs.length > 2 ? [["all", "all others"]] : [])], query)),
    otherOf(task, query) !== null && field("Between them", choice("differ", query.differ, [["", "all"], ...Object.entries(DIFFERENCES)], query)),
    subsets.length > 1 && field("Subset", choice("subset", query.subset, [[null, "all"], ...subsets.map((name) => [safe(name), plain(name) || "(none)"])], query)),
    field("Status", choice("status", query.status, [["", "all"], ["ok", "answered"], ["unparsed", "not readable"], ["failed", "failed"]], query)),
    samples.some((sample) => sample.right !== null) && field("Answer", choice("right", query.right, [["", "all"], ["true", "right"], ["false", "wrong"]], query)),
    flags.length > 0 && field("Flag", choice("flag", query.flag, [["", "all"], ...flags.map((name) => [name, plain(name).replaceAll("_", " ")])], query)),
    fields.length > 0 && field("Field", choice("field", query.field, [["", "any"], ...fields.map(([name]) => [name, plain(name)])], query)),
    query.field && field("is", choice("is", query.is, [[null, "anything"], ...(fields.find(([name]) => name === query.field) || [null, []])[1].map((value) => [safe(value), plain(shortened(value, 60))])], query)),
    field("Order", choice("sort", query.sort || "worst", Object.entries(ORDERS).map(([key, { name }]) => [key, name]), query)),
    task.embedded.length > 0 && field("Audio", choice("audio", query.audio, [["", "all"], ["here", "in this page"]], query)))),
    chips(task, query),
  );
}

function field(name, control, kind = "") {
  return el("label", { class: `field ${kind}` }, el("span", {}, name), control);
}

function searchBox(query) {
  const box = el("input", { type: "search", id: "search", value: query.q || "", placeholder: "words, ids, paths…", autocomplete: "off", spellcheck: "false" });
  let waiting = null;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => box.isConnected && changed({ q: box.value }), 180); // unless one has gone on meanwhile
  });
  return box;
}

function choice(key, chosen, options, query) {
  const made = el("select", { name: key }, options.map(([value, name]) => el("option", { value: value === null ? "\u0000" : value, selected: value === (chosen ?? (options[0][0] === null ? null : "")) }, name)));
  made.addEventListener("change", () => {
    const value = made.value === "\u0000" ? undefined : made.value;
    if (key === "task") location.hash = address("samples", value, { sort: query.sort });
    else changed(key === "field" ? { field: value, is: undefined } : { [key]: value });
  });
  return made;
}

// Fields with few values, with these.
function fieldChoices(samples) {
  const found = new Map();
  for (const sample of samples) {
    for (const [name, value] of Object.entries(sample.fields)) {
      if (!found.has(name)) found.set(name, new Set());
      if (found.get(name).size <= 200) found.get(name).add(textOf(value));
    }
  }
  return [...found].filter(([, values]) => values.size > 1 && values.size <= 200).map(([name, values]) => [safe(name), [...values].sort(compareIds)]);
}

function chips(task, query) {
  const names = { ref: "right answer", ans: "answered" };
  const made = Object.keys(names).filter((key) => query[key] !== undefined).map((key) =>
    el("button", { type: "button", class: "chip", onclick: () => changed({ [key]: undefined }) }, `${names[key]}: `, excerpt(query[key], 40), el("span", { "aria-hidden": "true" }, " ×"), unseen(" (remove)")));
  const any = ["q", "subset", "status", "flag", "right", "field", "differ", "audio", "ref", "ans"].some((key) => query[key]);
  if (any) made.push(el("a", { class: "chip", href: address("samples", task.name, { run: query.run, with: query.with, sort: query.sort }) }, "clear all"));
  return el("span", { class: "chips" }, made);
}
