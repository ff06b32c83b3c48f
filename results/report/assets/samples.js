// The sample browser: a paged list, and beside it the sample that is looked at.

const PAGE = 50;
let browsing = null; // {task, query, found, page, at}

async function samplesView(task, query) {
  const part = partOf(task);
  if (!part) return [el("p", {}, "No run has this task.")];
  const entries = await entriesOf(task);
  const found = matching(task, entries, query);
  const wanted = found.findIndex((entry) => query.id !== undefined && safe(entry.id) === query.id);
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
  const page = wanted >= 0 ? Math.floor(wanted / PAGE) : Math.min(Math.max(0, (Number(query.page) || 1) - 1), last);
  browsing = { task, query, found, page, at: wanted >= 0 ? wanted : page * PAGE, opened: wanted >= 0 };
  say(`${plural(found.length, "sample")} of ${count(entries.length)}`);
  return [
    el("p", { class: "crumbs" }, el("a", { href: address("") }, "Summary"), " / ", el("a", { href: address("task", task.name) }, said(task.name)), " / samples"),
    el("h1", { class: "unseen" }, "Samples of ", said(task.name)),
    filterControls(task, entries, query),
    el("div", { class: `browser ${browsing.opened ? "opened" : ""}`, id: "browser" },
      el("section", { class: "listing", "aria-label": "Samples" },
        el("p", { class: "found" }, el("strong", {}, count(found.length)), ` of ${plural(entries.length, "sample")}`),
        el("ol", { id: "list", start: page * PAGE + 1 }, pageItems()),
        pager(page, last)),
      el("article", { class: "detail", id: "detail", tabindex: "-1", "aria-label": "The sample" }, found.length ? detail(found[browsing.at]) : el("p", { class: "muted" }, "No sample is like that."))),
  ];
}

function pageItems() {
  const { found, page, task, query } = browsing;
  return found.slice(page * PAGE, (page + 1) * PAGE).map((entry, at) => {
    const place = page * PAGE + at;
    const link = el("a", { href: address("samples", task.name, { ...query, page: undefined, id: entry.id }), "aria-current": place === browsing.at ? "true" : null }, itemOf(task, query, entry));
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      select(place, true);
    });
    return el("li", {}, link);
  });
}

function itemOf(task, query, entry) {
  const runs = shownRuns(task, query);
  const sample = entry.of[runs[0]];
  return [
    el("span", { class: "line" }, el("span", { class: "id" }, excerpt(entry.id, 80)), el("span", { class: "marks" }, runs.map((run) => entry.of[run] && [runs.length > 1 && mark(run), badge(entry.of[run], task.parts[run])]))),
    el("span", { class: "line right-text" }, excerpt(sample.references[0] ?? "", 110)),
    el("span", { class: "line answer-text" }, sample.status === "ok" ? sample.raw === "" ? el("em", {}, "nothing") : excerpt(sample.raw, 110) : excerpt(sample.failure ? sample.failure[1] : "failed", 110)),
  ];
}

// How a sample stands, in a sign and a word or number.
function badge(sample, part) {
  if (sample.status !== "ok") return el("span", { class: "badge failed" }, "! failed");
  const unread = sample.flags.includes("unparsed");
  if (sample.errors !== null) return el("span", { class: `badge ${sample.errors ? "wrong" : "right"}` }, sample.errors ? plural(sample.errors, "error") : "✓ no error");
  if (sample.right !== null) return el("span", { class: `badge ${sample.right ? "right" : "wrong"}` }, sample.right ? "✓ right" : unread ? "✗ not readable" : "✗ wrong");
  if (unread) return el("span", { class: "badge wrong" }, "✗ not readable");
  return sample.value === null ? null : el("span", { class: "badge" }, withUnit(sample.value, part.unit, 1));
}

function pager(page, last) {
  if (!last) return null;
  const step = (name, to, label) => el("button", { type: "button", disabled: to < 0 || to > last || to === page, "aria-label": label, onclick: () => select(to * PAGE, false) }, name);
  return el("nav", { class: "pager", "aria-label": "Pages of the list" }, step("«", 0, "first page"), step("‹", page - 1, "page before"), el("span", {}, `${count(page + 1)} of ${count(last + 1)}`), step("›", page + 1, "next page"), step("»", last, "last page"));
}

// Look at another sample of the list, without reading anything anew.
function select(place, open) {
  if (!browsing || place < 0 || place >= browsing.found.length) return;
  const page = Math.floor(place / PAGE);
  const turned = page !== browsing.page;
  Object.assign(browsing, { at: place, page, opened: open || browsing.opened });
  const list = document.getElementById("list");
  if (turned) {
    list.replaceChildren(...pageItems());
    list.start = page * PAGE + 1;
    document.querySelector(".pager").replaceWith(pager(page, Math.ceil(browsing.found.length / PAGE) - 1));
    list.scrollTop = 0;
  }
  list.querySelectorAll("a").forEach((link, at) => {
    if (at === place % PAGE) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const entry = browsing.found[place];
  document.getElementById("detail").replaceChildren(...detail(entry));
  document.getElementById("browser").classList.toggle("opened", browsing.opened);
  const { task, query } = browsing;
  history.replaceState(null, "", address("samples", task.name, { ...query, page: undefined, id: entry.id }));
  browsing.query = { ...query, page: undefined, id: safe(entry.id) };
  const link = list.querySelector("[aria-current]");
  link.focus({ preventScroll: true });
  link.scrollIntoView({ block: "nearest" });
  if (browsing.opened && matchMedia("(max-width: 60rem)").matches) document.getElementById("detail").focus();
}

function closeSample() {
  browsing.opened = false;
  document.getElementById("browser").classList.remove("opened");
  document.querySelector("#list [aria-current]")?.focus();
}

function detail(entry) {
  const { task, query, at, found } = browsing;
  const runs = shownRuns(task, query);
  const first = entry.of[runs[0]];
  return [
    el("div", { class: "detail-head" },
      el("button", { type: "button", class: "back", onclick: closeSample }, "‹ list"),
      el("h2", {}, said(entry.id)),
      el("span", { class: "steps" },
        el("button", { type: "button", "aria-label": "sample before", disabled: at === 0, onclick: () => select(at - 1, true) }, "↑"),
        el("button", { type: "button", "aria-label": "next sample", disabled: at === found.length - 1, onclick: () => select(at + 1, true) }, "↓"))),
    el("p", { class: "under" }, [first.subset !== null && ["subset ", said(first.subset)], first.group !== null && ["group ", said(first.group)], first.seconds !== null && duration(first.seconds)].filter(Boolean).map((each, number) => [number ? " · " : "", each])),
    players(task, task.parts[runs[0]], first),
    block(first.references.length > 1 ? "Right answers" : "Right answer", references(first.references)),
    el("div", { class: `sides ${runs.length > 1 ? "several" : ""}` }, runs.map((run) => side(task, run, entry.of[run], runs.length > 1))),
    fieldsOf(first),
  ];
}

function players(task, part, sample) {
  return sample.audio.map((clip, at) => {
    const { url, note } = clipOf(task, part, clip);
    const name = sample.audio.length > 1 ? `Clip ${at + 1}` : "The clip";
    return el("div", { class: "player" },
      url ? el("audio", { controls: true, preload: "none", src: url, "aria-label": `${name}, ${plain(clip[0])}` }) : el("p", { class: "no-audio" }, "No audio: ", note, "."),
      el("p", { class: "small" }, el("code", {}, said(clip[0], 300)), clip[1] !== null || clip[2] !== null ? ` from ${number(clip[1] ?? 0)} s to ${clip[2] === null ? "the end" : `${number(clip[2])} s`}` : "", ` · ${duration(clip[3])}`, url && ` · ${note}`));
  });
}

function side(task, run, sample, several) {
  const part = task.parts[run];
  const name = several && el("h3", {}, mark(run), said(head.runs[run].name));
  if (!sample) return el("section", { class: `side ${runClass(run)}` }, name, el("p", { class: "muted" }, "This sample was not asked of this run."));
  const answer = answerOf(sample);
  return el("section", { class: `side ${runClass(run)}` },
    name,
    el("p", { class: "verdict-line" }, badge(sample, part), sample.value !== null && sample.errors !== null && el("span", { class: "muted" }, ` ${withUnit(sample.value, part.unit, 1)}`), sample.flags.map((flag) => el("span", { class: "tag" }, plain(flag).replaceAll("_", " ")))),
    sample.failure && block("Why it failed", el("p", {}, el("code", {}, said(sample.failure[0])), " – ", said(sample.failure[1]))),
    alignment(sample),
    sample.raw !== null && block("Said", el("div", { class: "quote" }, sample.raw === "" ? el("em", { class: "muted" }, "nothing") : said(sample.raw))),
    sample.status === "ok" && answer === null && block("Read as", el("p", { class: "muted" }, "No answer could be read in it; it counts as wrong.")),
    comparedAs(sample, answer),
    sample.prompt !== null && el("details", {}, el("summary", {}, "Prompt"), el("div", { class: "quote" }, said(sample.prompt))),
    sample.tokens.some((value) => value !== null) && el("p", { class: "small" }, `${count(sample.tokens[0])} tokens of prompt, ${count(sample.tokens[1])} new`));
}

// What the metric saw, where extractor and normaliser changed something; an alignment shows most of it.
function comparedAs(sample, answer) {
  const read = sample.status === "ok" && answer !== null && sample.answer !== true;
  if (!read && sample.compared === true) return null;
  const content = [
    read && block("Compared as", el("div", { class: "quote" }, said(answer))),
    sample.compared !== true && block("With", references(sample.compared)),
  ];
  return sample.aligned ? el("details", {}, el("summary", {}, "As it was compared"), content) : content;
}

// Each once: annotators often agree.
function references(texts) {
  const times = new Map();
  for (const text of texts) times.set(text, (times.get(text) || 0) + 1);
  return el("ul", { class: "references" }, [...times].map(([text, often]) => el("li", {}, text === "" ? el("em", { class: "muted" }, "nothing") : said(text), often > 1 && el("span", { class: "muted" }, ` × ${often}`))));
}

function block(name, ...content) {
  return el("div", { class: "block" }, el("h4", {}, name), content);
}

function fieldsOf(sample) {
  const pairs = Object.entries(sample.fields);
  return pairs.length ? block("Fields", el("dl", { class: "fields" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, said(name)), el("dd", {}, said(textOf(value))))))) : null;
}

// Words of the right answer above those that were said. Differences carry a sign and, for screen readers, words.
const STEPS = 300; // that are shown at once

function alignment(sample) {
  if (sample.aligned === false) return el("p", { class: "muted" }, "Too long to be aligned.");
  if (!sample.aligned) return null;
  const [separator, right, answer, runs] = sample.aligned;
  const tokens = (text) => (text === "" ? [] : separator === "" ? Array.from(text) : text.split(separator));
  const steps = stepsOf(tokens(right), tokens(answer), runs);
  const turned = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(right);
  const pairs = el("div", { class: `pairs ${separator === "" ? "close" : ""}`, dir: turned ? "rtl" : "ltr" }, steps.slice(0, STEPS).map(pairOf));
  const made = block("Aligned", el("p", { class: "small key-line" }, "right answer above, said below: ", el("span", { class: "pair s" }, "≠ another"), el("span", { class: "pair d" }, "− left out"), el("span", { class: "pair i" }, "+ added")), pairs);
  if (steps.length > STEPS) {
    const more = el("button", { type: "button", class: "more" }, `… show all ${count(steps.length)} steps`);
    more.addEventListener("click", () => {
      more.remove();
      pairs.append(...steps.slice(STEPS).map(pairOf));
    });
    made.append(more);
  }
  return made;
}

function stepsOf(right, answer, runs) {
  const steps = [];
  let [i, j] = [0, 0];
  for (const [, length, kind] of runs.matchAll(/(\d+)([=sdi])/g)) {
    for (let time = 0; time < Number(length); time++) {
      steps.push([kind, kind === "i" ? null : right[i++], kind === "d" ? null : answer[j++]]);
    }
  }
  return steps;
}

function pairOf([kind, right, answer]) {
  const token = (text) => excerpt(text === " " ? "␣" : text, 60);
  if (kind === "=") return el("span", { class: "pair hit" }, el("span", {}, token(right)), el("span", { class: "below", "aria-hidden": "true" }, token(right)));
  if (kind === "s") return el("span", { class: "pair s" }, unseen("instead of "), el("del", {}, token(right)), unseen(" said "), el("ins", {}, el("i", { "aria-hidden": "true" }, "≠"), token(answer)));
  if (kind === "d") return el("span", { class: "pair d" }, unseen("left out "), el("del", {}, token(right)), el("span", { class: "below", "aria-hidden": "true" }, "−"));
  return el("span", { class: "pair i" }, el("span", { class: "above", "aria-hidden": "true" }, "+"), unseen("added "), el("ins", {}, token(answer)));
}
