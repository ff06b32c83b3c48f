// What the page holds: the head is read at once, the samples of a task when somebody asks for them.

let head = null; // see results/report/data.py: Report.head

function bytesOf(id) {
  const text = document.getElementById(id).textContent;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < characters.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

async function unpacked(id) {
  const packed = new Blob([bytesOf(id)]).stream();
  return JSON.parse(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text());
}

// The samples of a task, of all runs, one entry an id: {id, at, of: [sample of each run or null]}. Those of one task are
// kept, so that going back and forth costs nothing.
let kept = { task: null, entries: null };

function entriesOf(task) {
  if (kept.task !== task) kept = { task, entries: readEntries(task) };
  return kept.entries;
}

async function readEntries(task) {
  const byId = new Map();
  for (const [run, part] of task.parts.entries()) {
    for (const block of part ? part.blocks : []) {
      for (const row of await unpacked(`block-${block}`)) {
        const sample = { run };
        head.columns.forEach((name, at) => (sample[name] = row[at]));
        if (!byId.has(sample.id)) byId.set(sample.id, { id: sample.id, of: task.parts.map(() => null) });
        byId.get(sample.id).of[run] = sample;
      }
    }
  }
  return [...byId.values()];
}

// The part that stands for a task: that of the first run that has it.
function partOf(task) {
  return task.parts.find(Boolean);
}

function primary(part) {
  return part.scores.find((score) => score.primary && score.subset === null) || part.scores.find((score) => score.primary) || null;
}

function typeOf(task) {
  return task.name.includes("/") ? task.name.split("/")[0] : "other";
}

function runsOf(task) {
  return head.runs.map((_, run) => run).filter((run) => task.parts[run]);
}

// Addresses: #/view/name?key=value. Halves of surrogate pairs have none and are replaced.
function safe(text) {
  return String(text).replace(/[\ud800-\udfff]/gu, "\ufffd");
}

function address(view, name = null, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const tail = pairs.map(([key, value]) => `${key}=${encodeURIComponent(safe(value))}`).join("&");
  return `#/${view}${name === null ? "" : `/${encodeURIComponent(safe(name))}`}${tail ? `?${tail}` : ""}`;
}

function parsed(hash) {
  const [path, tail = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, name = ""] = path.split("/", 2);
  const query = {};
  for (const pair of tail.split("&").filter(Boolean)) {
    const [key, value = ""] = pair.split(/=(.*)/s);
    query[key] = decoded(value);
  }
  return { view, name: decoded(name), query };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

// Clips. The page may carry one; else there is a link, where its file was found.
const urls = new Map();

function clipOf(task, part, clip) {
  const [path, start, end, , place] = clip;
  task.clips ||= new Map(task.embedded.map((entry) => [JSON.stringify(entry.slice(0, 3)), entry[3]]));
  const number = task.clips.get(JSON.stringify([path, start, end]));
  if (number !== undefined) return { url: embeddedUrl(number), note: head.clip_notes[number] || "in this page", embedded: true };
  if (place === null) return { url: null, note: "its file was not found when this page was made" };
  const stretch = start === null && end === null ? "" : `#t=${start ?? 0}${end === null ? "" : `,${end}`}`;
  const quoted = path.split("/").map((step) => encodeURIComponent(safe(step))).join("/");
  return { url: part.links[place] + quoted + stretch, note: "linked from its folder", embedded: false };
}

function embeddedUrl(number) {
  if (!urls.has(number)) urls.set(number, URL.createObjectURL(new Blob([bytesOf(`clip-${number}`)], { type: "audio/flac" })));
  return urls.get(number);
}
