// Charts, as SVG that follows the width of its place. Every chart has its numbers in a table or in words beside it.

const SHAPES = ["circle", "square", "diamond", "triangle"]; // a run is told by its shape too, not by its colour alone

function runClass(run) {
  return `run-${run % 6}`;
}

function mark(run) {
  return svg("svg", { class: `key ${runClass(run)}`, viewBox: "0 0 14 14", "aria-hidden": "true" }, shape(run, 7, 7, 4.5));
}

function shape(run, x, y, size) {
  const kind = SHAPES[run % SHAPES.length];
  if (kind === "circle") return svg("circle", { class: "mark", cx: x, cy: y, r: size });
  if (kind === "square") return svg("rect", { class: "mark", x: x - size * 0.88, y: y - size * 0.88, width: size * 1.76, height: size * 1.76 });
  const points = kind === "diamond" ? [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]] : [[0, -1.2], [1.2, 0.9], [-1.2, 0.9]];
  return svg("polygon", { class: "mark", points: points.map(([dx, dy]) => `${x + dx * size},${y + dy * size}`).join(" ") });
}

// Up to about five round numbers that span the values.
function scaleOf(values, whole = false, least = 0) {
  const known = values.filter((value) => value !== null && value !== undefined && Number.isFinite(value));
  const low = Math.min(0, ...known);
  const high = whole && Math.max(...known) <= 100 ? 100 : Math.max(...known, 0);
  const step = roundStep(Math.max((high - low) / 4 || 1, least));
  const [begin, end] = [Math.floor(low / step) * step, Math.max(Math.ceil(high / step - 1e-9), 1) * step];
  const ticks = [];
  for (let at = 0; begin + at * step <= end + step * 1e-6; at++) ticks.push(Number((begin + at * step).toPrecision(12)));
  return { low: begin, high: end, ticks, at: (value) => (100 * (value - begin)) / (end - begin) };
}

function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= least * (1 - 1e-9));
}

// One line of a forest or bar chart: a mark (or a bar) with the whiskers of its interval.
function track(score, run, scale, bars) {
  const lines = scale.ticks.map((tick) => svg("line", { class: "grid", x1: `${scale.at(tick)}%`, x2: `${scale.at(tick)}%`, y1: "0", y2: "100%" }));
  const made = svg("svg", { class: `track ${runClass(run)}`, width: "100%", height: "24", "aria-hidden": "true" }, lines);
  if (score === null || score.value === null) return made;
  const x = scale.at(score.value);
  if (bars) {
    const zero = scale.at(0);
    made.append(svg("rect", { class: "bar", x: `${Math.min(zero, x)}%`, y: "6", width: `${Math.abs(x - zero)}%`, height: "12", rx: "2" }));
  }
  if (score.ci95) {
    const [low, high] = score.ci95.map((value) => `${scale.at(value)}%`);
    made.append(svg("line", { class: "whisker", x1: low, x2: high, y1: "12", y2: "12" }));
    for (const end of [low, high]) made.append(svg("line", { class: "whisker", x1: end, x2: end, y1: "8", y2: "16" }));
  }
  if (!bars) made.append(svg("svg", { x: `${x}%`, y: "12", overflow: "visible" }, shape(run, 0, 0, 4.5)));
  return made;
}

function axis(scale, unit) {
  return svg(
    "svg",
    { class: "axis", width: "100%", height: "18", "aria-hidden": "true" },
    scale.ticks.map((tick, at) =>
      svg(
        "text",
        { x: `${scale.at(tick)}%`, y: "13", "text-anchor": at === 0 ? "start" : at === scale.ticks.length - 1 ? "end" : "middle" },
        `${tick.toLocaleString("en")}${at === scale.ticks.length - 1 && unit === "%" ? " %" : ""}`,
      ),
    ),
  );
}

// A frame with an axis at the left and one below, in units of its own: x and y turn values into places.
const FRAME = { height: 210, left: 46, right: 10, top: 10, bottom: 42 };

function framed(title, words, xs, ys, draw) {
  const width = Math.min(460, innerWidth - 30); // so that words are as large on a phone
  const { height, left, right, top, bottom } = FRAME;
  const x = (share) => left + share * (width - left - right);
  const y = (value) => height - bottom - (ys.at(value) / 100) * (height - top - bottom);
  const made = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${words}` });
  for (const tick of ys.ticks) {
    made.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    made.append(svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toLocaleString("en", { notation: tick >= 10000 ? "compact" : "standard" })));
  }
  for (const { share, text } of xs.ticks) made.append(svg("text", { x: x(share), y: height - bottom + 16, "text-anchor": "middle" }, text));
  made.append(svg("text", { class: "axis-name", x: x(0.5), y: height - 6, "text-anchor": "middle" }, xs.name));
  draw(made, x, y);
  return el("figure", { class: "plot" }, el("figcaption", {}, title), made);
}

// Histograms of one or several runs, drawn over another as outlines; {run, bins: {edges, counts, beyond}} each.
function histogram(title, name, series) {
  const known = series.filter(({ bins }) => bins);
  if (!known.length) return null;
  const [low, high] = [known[0].bins.edges[0], known[0].bins.edges.at(-1)]; // the same for all runs
  const beyond = known.some(({ bins }) => bins.beyond);
  const room = beyond ? 0.93 : 1; // the rest is for what lies beyond
  const share = (value) => (room * (value - low)) / (high - low || 1);
  const ys = scaleOf(known.flatMap(({ bins }) => [...bins.counts, bins.beyond]), false, 1);
  const labels = scaleOf([low, high]).ticks.filter((tick) => tick >= low - 1e-9 && tick <= high + 1e-9 && (!beyond || share(tick) < 0.88));
  const ticks = labels.map((tick) => ({ share: share(tick), text: tick.toLocaleString("en") }));
  if (beyond) ticks.push({ share: 0.98, text: "more" });
  const words = known.map(({ run, bins }) => `${plain(head.runs[run].name)}: ${modeOf(bins, name)}`).join("; ");
  return framed(title, words, { name, ticks }, ys, (made, x, y) => {
    for (const { run, bins } of known) {
      const group = svg("g", { class: `${runClass(run)} ${known.length > 1 ? "over" : "alone"}` });
      bins.counts.forEach((value, at) => group.append(box(x(share(bins.edges[at])), x(share(bins.edges[at + 1])), y(value), y(0), `${short(bins.edges[at])} to ${short(bins.edges[at + 1])}: ${value}`)));
      if (bins.beyond) group.append(box(x(0.95), x(1), y(bins.beyond), y(0), `more than ${high}: ${bins.beyond}`));
      made.append(group);
    }
  });
}

function modeOf(bins, name) {
  const most = bins.counts.indexOf(Math.max(...bins.counts));
  return `${plural(bins.counts.reduce((sum, value) => sum + value, bins.beyond), "sample")}, most of them at ${short(bins.edges[most])} to ${short(bins.edges[most + 1])} ${name}`;
}

function short(value) {
  return Number(value.toPrecision(6)).toLocaleString("en");
}

function box(from, to, top, bottom, words) {
  return svg("rect", { class: "bin", x: from + 0.5, y: top, width: Math.max(to - from - 1, 0.5), height: Math.max(bottom - top, 0) }, svg("title", {}, words));
}

// A score in slices of the clips' length, with intervals; {run, slices} each.
function bySeconds(title, unit, series) {
  const known = series.filter(({ slices }) => slices.length);
  if (!known.length) return null;
  const ys = scaleOf(known.flatMap(({ slices }) => slices.flatMap((slice) => [slice.value, ...(slice.ci95 || [])])));
  const first = known[0].slices;
  const span = first.at(-1).high - first[0].low;
  const digits = span < 2 ? 2 : span < 30 ? 1 : 0;
  const ticks = first.map((slice, at) => ({ share: (at + 0.5) / first.length, text: `${number(slice.low, digits)}–${number(slice.high, digits)}` }));
  const shown = ticks.filter((_, at) => first.length <= (innerWidth < 480 ? 4 : 5) || at % 2 === 0);
  const words = known.map(({ run, slices }) => `${plain(head.runs[run].name)}: ${slices.map((slice) => `${number(slice.low, 1)} to ${number(slice.high, 1)} s ${withUnit(slice.value, unit)}`).join(", ")}`).join("; ");
  return framed(title, words, { name: "seconds of audio, equally many samples a slice", ticks: shown }, ys, (made, x, y) => {
    known.forEach(({ run, slices }, which) => {
      const group = svg("g", { class: runClass(run) });
      const place = (at) => x((at + 0.5) / slices.length) + (which - (known.length - 1) / 2) * 8;
      const points = slices.map((slice, at) => ({ slice, at: place(at) })).filter(({ slice }) => slice.value !== null);
      group.append(svg("polyline", { class: "line", points: points.map(({ slice, at }) => `${at},${y(slice.value)}`).join(" ") }));
      for (const { slice, at } of points) {
        if (slice.ci95) group.append(svg("line", { class: "whisker", x1: at, x2: at, y1: y(slice.ci95[0]), y2: y(slice.ci95[1]) }));
        const dot = shape(run, at, y(slice.value), 4);
        dot.append(svg("title", {}, `${number(slice.low, 1)} to ${number(slice.high, 1)} s, ${plural(slice.n, "sample")}: ${withUnit(slice.value, unit)}`));
        group.append(dot);
      }
      made.append(group);
    });
  });
}
