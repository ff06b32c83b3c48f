// A task: all its scores, how they are distributed, what is confused with what, and what failed.

function taskView(task) {
  const several = head.runs.length > 1;
  const part = partOf(task);
  const parts = runsOf(task).map((run) => ({ run, part: task.parts[run] }));
  return [
    el("p", { class: "crumbs" }, el("a", { href: address("") }, "Summary"), " / ", said(typeOf(task))),
    el("div", { class: "title" }, el("h1", {}, said(task.name)), el("a", { class: "button strong", href: address("samples", task.name) }, `Look at ${plural(part.answered, "sample")}`)),
    several && legend(),
    parts.some((each) => each.part.answered < each.part.expected) && el("p", { class: "warning" }, parts.filter((each) => each.part.answered < each.part.expected).map((each) => [said(head.runs[each.run].name), ` is not finished: ${count(each.part.answered)} of ${count(each.part.expected)} samples are answered. `])),
    countsOf(task, parts, several),
    section("Scores", allScores(task, parts, several)),
    section("Against what was published", verdictTable(task)),
    section("Distributions", el("div", { class: "plots" }, plotsOf(parts, part))),
    ...parts.flatMap(({ run, part: each }) => detailsOf(task, run, each, several)),
    section("Failures", failuresOf(task, parts)),
    section("Answers given more than once", commonOf(task, parts, several)),
    section("How it was scored", scoringOf(part)),
  ];
}

function section(name, ...content) {
  const known = content.flat(2).filter(Boolean);
  return known.length ? el("section", {}, el("h2", {}, name), known) : null;
}

const COUNTS = ["expected", "scored", "failed", "empty", "unparsed", "rewritten", "truncated", "chunked"];
const FILTER_OF = { failed: { status: "failed" }, empty: { flag: "empty" }, unparsed: { flag: "unparsed" }, rewritten: { flag: "rewritten" }, truncated: { flag: "truncated_audio" }, chunked: { flag: "chunked_audio" } };

function countsOf(task, parts, several) {
  const known = parts.filter(({ part }) => part.counts);
  if (!known.length) return null;
  const cell = (run, name, value) => (value && FILTER_OF[name] ? el("a", { href: address("samples", task.name, { run, ...FILTER_OF[name] }) }, count(value)) : count(value));
  if (!several) {
    const { run, part } = known[0];
    return facts([...COUNTS.map((name) => [name, cell(run, name, part.counts[name])]), ["of audio", duration(part.charts.hours * 3600)]]);
  }
  const rows = known.map(({ run, part }) => [[mark(run), said(head.runs[run].name)], ...COUNTS.map((name) => cell(run, name, part.counts[name])), duration(part.charts.hours * 3600)]);
  return table("Counts of samples", ["run", ...COUNTS.map((name) => `#${name}`), "#of audio"], rows);
}

function allScores(task, parts, several) {
  const scores = parts.flatMap(({ run, part }) => part.scores.map((score) => ({ run, score })));
  if (!scores.length) return el("p", { class: "muted" }, "Not scored yet.");
  const signatures = [...new Set(scores.map(({ score }) => score.signature))];
  const others = scores.filter(({ score }) => !score.primary);
  return [
    scoresTable("The primary score", scores.filter(({ score }) => score.primary), several, signatures),
    others.length > 0 && el("details", { open: others.length <= 8, class: "others" }, el("summary", {}, plural(others.length, "other score")), scoresTable("Other scores", others, several, signatures)),
    scores.filter(({ score }) => score.unavailable).map(({ score }) => el("p", { class: "warning" }, said(score.name), " has no value here: ", said(score.unavailable))),
    el("ol", { class: "signatures" }, signatures.map((signature) => el("li", {}, el("code", {}, said(signature))))),
  ];
}

// A line a score and run; lines of one unit share a scale.
function scoresTable(caption, scores, several, signatures) {
  const place = ({ score }) => JSON.stringify([score.name, score.subset]);
  const unit = ({ score }) => `${score.unit}|${score.higher_is_better}`;
  const values = grouped(scores, unit);
  const scales = new Map([...values].map(([key, list]) => [key, scaleOf(list.flatMap(({ score }) => [score.value, ...(score.ci95 || [])]), key === "%|true")]));
  const lines = [...grouped(scores, place).values()].flatMap((list) => list.map((each, at) => scoreRow(each.run, each.score, at, several, scales.get(unit(each)), signatures)));
  const only = scales.size === 1 ? axis([...scales.values()][0], scores[0].score.unit) : unseen("chart");
  return table(caption, ["metric", "subset", ...(several ? ["run"] : []), "#value", "95 % interval", only, "#samples", "#unparsed", "signature"], lines, "all-scores");
}

function grouped(list, keyOf) {
  const groups = new Map();
  for (const each of list) groups.set(keyOf(each), [...(groups.get(keyOf(each)) || []), each]);
  return groups;
}

function scoreRow(run, score, at, several, scale, signatures) {
  return [
    at === 0 && [said(score.name), el("span", { class: "muted" }, ` ${score.higher_is_better ? "↑" : "↓"}`)],
    at === 0 && (score.subset === null ? el("span", { class: "muted" }, "all") : said(score.subset)),
    ...(several ? [[mark(run), said(head.runs[run].name)]] : []),
    withUnit(score.value, score.unit),
    score.ci95 ? [interval(score.ci95), score.ci_method !== "percentile" && ` (${score.ci_method})`] : "–",
    track(score, run, scale, bars),
    count(score.n),
    [count(score.unparsed), score.unjudged ? el("span", { class: "muted" }, ` + ${count(score.unjudged)} unjudged`) : null],
    `[${signatures.indexOf(score.signature) + 1}]`,
  ];
}

function plotsOf(parts, part) {
  const series = (name) => parts.map(({ run, part: each }) => ({ run, bins: each.charts[name] }));
  const score = primary(part);
  const named = plain(score ? score.name : part.primary);
  return [
    histogram(`${named} of single samples`, part.unit || "value", series("own")),
    bySeconds(`${named} against the length of the audio`, part.unit, parts.map(({ run, part: each }) => ({ run, slices: each.charts.by_seconds }))),
    histogram("Length of the audio", "seconds", series("seconds").slice(0, 1)),
    histogram("Length of answers", "characters", series("characters")),
  ].filter(Boolean);
}

// What scores.json keeps beside a score: matrices, values of classes, confusions; whatever is not known by name is listed.
function detailsOf(task, run, part, several) {
  const shown = part.scores.filter((score) => score.details && (score.subset === null || part.scores.every((each) => each.subset === score.subset)));
  shown.sort((one, two) => two.primary - one.primary);
  const seen = new Set(); // metrics of one task often have the same details
  return shown.map((score) => {
    const key = JSON.stringify(score.details);
    if (seen.has(key)) return null;
    seen.add(key);
    return section(`Details of ${plain(score.name)}${several ? `, ${plain(head.runs[run].name)}` : ""}`, detailParts(task, run, score));
  });
}

function detailParts(task, run, score) {
  const details = { ...score.details };
  const take = (name) => { const value = details[name]; delete details[name]; return value; };
  const [labels, confusion, recall, majority, classes] = ["labels", "confusion", "recall", "majority", "classes"].map(take);
  const words = ["confused", "deleted", "inserted"].map(take);
  const plainFacts = Object.entries(details).filter(([, value]) => value === null || typeof value !== "object");
  const others = Object.entries(details).filter(([, value]) => value !== null && typeof value === "object" && Object.keys(value).length);
  return [
    majority && el("p", {}, "Always answering ", said(majority.label), ` would score ${withUnit(majority.percent, "%")}.`),
    plainFacts.length > 0 && facts(plainFacts.map(([name, value]) => [spaced(name), typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 2 }) : said(value)])),
    Array.isArray(confusion) && Array.isArray(labels) && matrix(task, run, labels, confusion, recall || []),
    classes && classTable(classes),
    words.some((each) => each && each.length) && wordTables(task, run, words),
    others.map(([name, value]) => el("details", {}, el("summary", {}, spaced(name)), Array.isArray(value) ? el("p", {}, value.map((each, at) => [at ? ", " : "", said(typeof each === "object" ? JSON.stringify(each) : each)])) : facts(Object.entries(value).map(([key, each]) => [said(key), typeof each === "number" ? each.toLocaleString("en", { maximumFractionDigits: 2 }) : said(JSON.stringify(each))])))),
  ];
}

function spaced(name) {
  return plain(name).replaceAll("_", " ");
}

function matrix(task, run, labels, confusion, recall) {
  const most = Math.max(...confusion.flat(), 1);
  const columns = [...labels, "other"];
  const cell = (value, row, column) => {
    const share = Math.sqrt(value / most);
    const made = el("td", { class: `cell ${row === column ? "right" : ""}` });
    if (!value) return made;
    made.style.setProperty("--share", share.toFixed(3));
    if (share > 0.55) made.classList.add("deep");
    const query = { run, ref: labels[row], ...(column < labels.length ? { ans: labels[column] } : {}) };
    made.append(el("a", { href: address("samples", task.name, query), "aria-label": `${plural(value, "sample")} of ${plain(labels[row])} answered ${plain(columns[column])}` }, count(value)));
    return made;
  };
  return el("div", { class: "scroll matrix", tabindex: "0", role: "region", "aria-label": "Confusion matrix" },
    el("table", {},
      el("caption", {}, "Lines are the right answers, columns what was answered; a number leads to its samples."),
      el("thead", {}, el("tr", {}, el("td", {}), columns.map((label) => el("th", { scope: "col" }, el("span", {}, excerpt(label, 24)))), el("th", { scope: "col", class: "num" }, el("span", {}, "recall")))),
      el("tbody", {}, confusion.map((line, row) => el("tr", {}, el("th", { scope: "row" }, excerpt(labels[row], 32)), line.map((value, column) => cell(value, row, column)), el("td", { class: "num" }, withUnit(recall[row], "%", 1)))))));
}

function classTable(classes) {
  const names = [...new Set(Object.values(classes).flatMap((each) => Object.keys(each)))];
  const rows = Object.entries(classes).map(([label, values]) => [said(label), ...names.map((name) => (typeof values[name] === "number" ? values[name].toLocaleString("en", { maximumFractionDigits: 2 }) : "–"))]);
  return el("details", { open: rows.length <= 30 }, el("summary", {}, plural(rows.length, "class", "classes")), table("Values of classes", ["class", ...names.map((name) => `#${spaced(name)}`)], rows));
}

function wordTables(task, run, [confused, deleted, inserted]) {
  const lead = (text) => el("a", { href: address("samples", task.name, { run, q: text }) }, said(text));
  const column = (name, words, head, row) => words && words.length > 0 && el("div", {}, el("h3", {}, name), table(name, head, words.map(row)));
  return el("div", { class: "columns" },
    column("Said for another", confused, ["right", "said", "#times"], ([right, answer, times]) => [lead(right), said(answer), count(times)]),
    column("Left out", deleted, ["right", "#times"], ([right, times]) => [lead(right), count(times)]),
    column("Added", inserted, ["said", "#times"], ([answer, times]) => [said(answer), count(times)]));
}

function failuresOf(task, parts) {
  return parts.flatMap(({ run, part }) => part.failures.map((kind) =>
    el("div", { class: "failure" },
      el("h3", {}, el("a", { href: address("samples", task.name, { run, status: "failed" }) }, plural(kind.count, "sample")), ": ", said(kind.code), head.runs.length > 1 && [" · ", said(head.runs[run].name)]),
      el("ul", {}, kind.examples.map(([id, why]) => el("li", {}, el("a", { href: address("samples", task.name, { run, status: "failed", id }) }, said(id)), " – ", said(why)))))));
}

function commonOf(task, parts, several) {
  const rows = parts.flatMap(({ run, part }) => part.charts.common.map(([text, times]) => [...(several ? [[mark(run), said(head.runs[run].name)]] : []), text === "" ? el("em", { class: "muted" }, "nothing") : excerpt(text, 200), count(times), withUnit((100 * times) / part.answered, "%", 1)]));
  return rows.length ? table("Answers given more than once", [...(several ? ["run"] : []), "answer", "#times", "#share"], rows) : null;
}

function scoringOf(part) {
  const standing = Object.entries(part.data);
  return facts([
    ["primary score", said(part.primary)],
    part.labels && ["label set", [count(part.labels.length), " labels: ", excerpt(part.labels.join(", "), 300)]],
    standing.length > 0 && ["data", standing.map(([subset, how], at) => [at ? ", " : "", said(subset), ` ${plain(how)}`])],
    part.missing > 0 && ["clips not found", count(part.missing)],
  ]);
}
