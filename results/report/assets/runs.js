// The runs: how fast they were, on what, with which versions, and what was left out.

function runsView() {
  return [
    el("h1", {}, head.runs.length > 1 ? "Runs" : "The run"),
    head.runs.map((run, at) => el("section", { class: "run" },
      el("h2", {}, head.runs.length > 1 && mark(at), said(run.name)),
      facts([
        ["suite or task", said(run.label)],
        run.settings.path && ["checkpoint", said(run.settings.path)],
        run.settings.revision && ["revision", said(run.settings.revision)],
        run.settings.dtype && ["dtype", said(run.settings.dtype)],
        run.control && ["control", el("strong", { class: "bad" }, said(run.control))],
        ["harness", el("code", {}, said(run.git_commit || "no commit known"))],
      ]),
      sessionsOf(run),
      devicesOf(run),
      hearingOf(run),
      auditOf(run),
      Object.keys(run.left_out).length > 0 && [el("h3", {}, "Left out"), table("Tasks that were left out", ["task", "why"], Object.entries(run.left_out).map(([task, why]) => [said(task), said(why)]))],
      el("details", {}, el("summary", {}, "Versions"), facts(Object.entries(run.versions).map(([name, version]) => [said(name), said(version)]))))),
  ];
}

function sessionsOf(run) {
  if (!run.sessions.length) return null;
  const rows = run.sessions.map((session) => [said(session.started.replace("T", " ").replace("Z", " UTC")), duration(session.seconds), count(session.answered), session.status === null ? "–" : String(session.status)]);
  return [el("h3", {}, "Sessions"), table("Sessions", ["started", "#took", "#samples", "#exit status"], rows)];
}

function devicesOf(run) {
  const devices = run.sessions.flatMap((session) => session.devices);
  if (!devices.length) return null;
  const rows = devices.map((device) => [said(device.device), count(device.samples), usage(device), withUnit(device.clips_per_second, "clips/s", 1), withUnit(device.rtfx, "×", 1), duration(device.audio), `${number((device.peak_memory || 0) / 2 ** 30)} GiB`]);
  return [
    el("h3", {}, "Throughput"),
    table("Throughput of devices", ["device", "#samples", "busy and waiting", "#clips", "#real time", "#audio heard", "#peak memory"], rows),
  ];
}

function usage(device) {
  const whole = device.busy + device.waiting || 1;
  const share = (100 * device.busy) / whole;
  return el("div", { class: "usage" }, svg("svg", { width: "100%", height: "12", role: "img", "aria-label": `busy ${number(device.busy, 1)} s, waiting ${number(device.waiting, 1)} s` }, svg("rect", { class: "waiting", x: "0", y: "1", width: "100%", height: "10" }), svg("rect", { class: "busy", x: "0", y: "1", width: `${share}%`, height: "10" })), el("span", { class: "small" }, `${duration(device.busy)} busy, ${duration(device.waiting)} waiting`));
}

function hearingOf(run) {
  const asked = run.sessions.flatMap((session) => Object.entries(session.hearing));
  if (!asked.length) return null;
  const rows = asked.map(([task, found]) => [said(task), found.why ? said(found.why) : found.hears ? "✓ yes" : el("strong", { class: "bad" }, "✗ no"), number(found.silence), number(found.swap)]);
  return el("details", {}, el("summary", {}, `Does it hear? ${plural(asked.filter(([, found]) => found.hears).length, "task")} of ${asked.length}`), table("Does the model hear", ["task", "hears", "#change with silence", "#with another clip"], rows));
}

function auditOf(run) {
  const audits = Object.entries(run.audit);
  if (!audits.length) return null;
  const rows = audits.map(([task, found]) => [said(task), count(found.compared), count((found.flips || []).length), withUnit(found.flips_percent, "%"), number(found.in_run), number(found.alone)]);
  return [el("h3", {}, "Answered once more, each alone"), table("Audit", ["task", "#samples", "#other answers", "#share", "#score in the run", "#alone"], rows)];
}
