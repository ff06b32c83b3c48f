// Elements. Whatever comes from a run becomes a text node or an attribute of ours, never markup.

function el(name, given = {}, ...children) {
  return dressed(document.createElement(name), given, children);
}

function svg(name, given = {}, ...children) {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", name), given, children);
}

function dressed(made, given, children) {
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function unseen(text) {
  return el("span", { class: "unseen" }, text);
}

// Signs that are not seen, or that turn the text around them: controls, bidi controls, line separators, blanks without
// width, tags, and halves of surrogate pairs. Joiners stay, for words of some scripts and emoji need them.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;
const LONG = 2000; // characters of a text that are shown at once
const MARKED = 2000; // signs that are marked one by one

function codeOf(sign) {
  return `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

// A text with its hidden signs spelled out, for attributes and titles.
function plain(text) {
  return String(text).replace(HIDDEN, (sign) => `[${codeOf(sign)}]`);
}

// A text as somebody else wrote it, isolated from the direction of what surrounds it; hidden signs are boxed.
function said(text, longest = LONG) {
  text = String(text);
  const made = el("bdi", { class: "said" });
  const cut = shortened(text, longest);
  fill(made, cut);
  if (cut.length < text.length) {
    const more = el("button", { type: "button", class: "more" }, `… show all ${text.length.toLocaleString("en")} characters`);
    more.addEventListener("click", () => {
      more.remove();
      made.replaceChildren();
      fill(made, text);
    });
    return el("span", {}, made, more);
  }
  return made;
}

// The beginning of a text, for lists.
function excerpt(text, longest = 160) {
  const made = el("bdi", { class: "excerpt" });
  const flat = shortened(String(text), longest).replace(/[ \t\n]+/g, " ");
  fill(made, flat);
  if (String(text).length > longest) made.append("…");
  return made;
}

function shortened(text, longest) {
  if (text.length <= longest) return text;
  const cut = text.slice(0, longest);
  return /[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut;
}

function fill(node, text) {
  const found = [...text.matchAll(HIDDEN)];
  if (found.length > MARKED) {
    node.append(plain(text));
    return;
  }
  let begin = 0;
  for (const { 0: sign, index } of found) {
    if (index > begin) node.append(text.slice(begin, index));
    node.append(el("span", { class: "sign", title: "a sign that is not seen" }, codeOf(sign)));
    begin = index + sign.length;
  }
  if (begin < text.length) node.append(text.slice(begin));
}

// Numbers and their units.

function number(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function count(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

function withUnit(value, unit, digits = 2) {
  return value === null || value === undefined ? "–" : `${number(value, digits)}${unit ? ` ${unit}` : ""}`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${number(seconds, seconds < 10 ? 2 : 1)} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min ${Math.round(seconds % 60)} s`;
}

function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

// Tables: a head of names (or elements), rows of cells. A name that begins with # is of a column of numbers.
function table(caption, names, rows, kind = "") {
  const numeric = names.map((name) => typeof name === "string" && name.startsWith("#"));
  const cells = (row) => row.map((cell, at) => el("td", { class: numeric[at] && "num" }, cell));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: kind },
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, names.map((name, at) => el("th", { scope: "col", class: numeric[at] && "num" }, numeric[at] ? name.slice(1) : name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))),
    ),
  );
}

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}
