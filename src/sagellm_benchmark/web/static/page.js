/* The live page: asks for what has changed, and shows it. Words go in as text, never as markup. */
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const { digits, worded, clock, MS } = Charts;
  const ON = ["preparing", "running", "ending"];
  const NAMES = {
    ttft_ms: "TTFT", ttft_from_due_ms: "TTFT from due", ttfa_ms: "First answer", itl_ms: "ITL",
    chunk_gap_ms: "Chunk gap", tpot_ms: "TPOT", e2e_ms: "End to end", e2e_from_due_ms: "… from due",
    connect_ms: "Connect",
  };
  const FINE = ["ok", "cancelled", "skipped"];
  let run = null, revision = 0, state = null, said = "", timer = null;

  function cell(words, kind = "td", className = "") {
    const made = document.createElement(kind);
    if (kind === "th") made.scope = "row";
    if (className) made.className = className;
    made.append(words === null || words === undefined ? "–" : words);
    return made;
  }

  function rows(table, made) {
    at(table).tBodies[0].replaceChildren(...made.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells);
      return row;
    }));
  }

  function badge(words, className) {
    const made = document.createElement("span");
    made.className = `badge ${className}`;
    made.textContent = words;
    return made;
  }

  const share = (part) => (part === null || part === undefined ? "–" : `${(part * 100).toFixed(part > 0.9995 || part === 0 ? 0 : 1)} %`);
  const ms = (value) => worded(MS, value);

  function showState(told) {
    const on = ON.includes(told.state);
    at("state").textContent = told.state;
    at("state").className = `badge ${told.state}`;
    at("stop").hidden = !on;
    at("new").hidden = on || told.state === "idle";
    at("go").disabled = on;
    if (told.state === "refused") Start.refuse(told.message);
    if (state !== told.state) {
      at("start").open = !on && told.state !== "finished";
      if (on) Start.refuse("");
      else showRuns();
      if (told.state === "running") Start.lead();
    }
    state = told.state;
  }

  function showFacts(facts, progress) {
    at("run-id").textContent = facts.run_id;
    document.title = `${facts.run_id} · ${state} · sagellm-benchmark`;
    const parts = [facts.trace, `→ ${facts.host}`, facts.model, facts.pace, facts.warmup && `warm-up ${facts.warmup}`];
    at("facts").textContent = parts.filter(Boolean).join("  ·  ");
    const known = facts.rows ? progress.released / facts.rows : null;
    at("progress").hidden = false;
    at("fill").style.width = `${Math.min((known ?? 0) * 100, 100)}%`;
    at("fill").parentElement.setAttribute("aria-valuenow", Math.round((known ?? 0) * 100));
    const words = [
      facts.rows ? `${digits(progress.released)} of ${digits(facts.rows)} requests due` : `${digits(progress.released)} requests due`,
      `${clock(progress.elapsed_s)} gone`,
      progress.left_s !== null && ON.includes(state) ? `about ${clock(progress.left_s)} left` : null,
    ];
    at("progress-words").textContent = words.filter(Boolean).join(" · ");
  }

  function showVerdict(figures) {
    const verdict = figures.verdict, ended = state === "finished";
    at("verdict").hidden = false;
    at("verdict").className = `card verdict ${verdict.state}`;
    at("verdict-title").textContent = ended ? "Verdict" : "Verdict so far";
    at("verdict-state").textContent = verdict.state;
    at("verdict-state").className = `badge ${verdict.state}`;
    at("gates").replaceChildren(...figures.slo.map((gate) => badge(
      `${gate.passed ? "✓" : "✗"} ${gate.expr}${gate.value === null ? "" : ` (${digits(gate.value)})`}`,
      gate.passed ? "pass" : "fail")));
    at("reasons").replaceChildren(...verdict.reasons.map((reason) => cell(reason, "li")));
    const missed = figures.slo.filter((gate) => !gate.passed).map((gate) => gate.expr);
    const words = `${ended ? "Verdict" : "Verdict so far"}: ${verdict.state}. ${missed.length ? `Missed: ${missed.join(", ")}.` : ""}`;
    if (words !== said) at("verdict-said").textContent = said = words;
  }

  function tile(title, value, below) {
    const made = document.createElement("div"), number = document.createElement("b");
    made.className = "tile";
    const name = document.createElement("span"), note = document.createElement("span");
    name.className = note.className = "soft";
    name.textContent = title;
    number.textContent = value;
    note.textContent = below;
    made.append(name, number, note);
    return made;
  }

  function showTiles(figures, progress, facts) {
    const latency = figures.latency, counts = figures.counts;
    const ended = state === "finished";
    const failed = Object.entries(counts).reduce((sum, [name, count]) => sum + (name === "planned" || FINE.includes(name) ? 0 : count), 0);
    const two = (name) => [ms(latency[name].p50), `p99 ${ms(latency[name].p99)}`];
    const lag = figures.fidelity.dispatch_lag_ms;
    const met = figures.goodput.slo.length ? `met ${figures.goodput.slo.join(", ")}` : "did not fail; no objective set";
    at("tiles").replaceChildren(
      tile("TTFT p50", ...two("ttft_ms")),
      tile("ITL p50", ...two("itl_ms")),
      tile("TPOT p50", ...two("tpot_ms")),
      tile("End to end p50", ...two("e2e_ms")),
      ended
        ? tile("Output tokens/s", digits(figures.throughput.output_tokens_per_s), "of the whole run")
        : tile("Output tokens/s", digits(Charts.recent("tokens")), "last seconds"),
      ended
        ? tile("Requests/s", digits(figures.throughput.requests_per_s), "ok, of the whole run")
        : tile("Requests/s", digits(Charts.recent("sent")), `offered ${digits(Charts.recent("offered"))}`),
      tile("In flight", digits(progress.in_flight), `${digits(progress.sent)} sent`),
      tile("Goodput", share(figures.goodput.fraction), met),
      tile("Failed", digits(failed), `of ${digits(counts.planned)} ended`),
      tile("Dispatch lag p99", ms(lag.p99), lag.count ? `limit ${facts.thresholds.dispatch_lag_ms} ms, or ${facts.thresholds.dispatch_lag_ttft * 100} % of TTFT` : "closed loop: none"),
    );
  }

  function showTables(figures, workers) {
    rows("latency", Object.entries(NAMES)
      .map(([key, name]) => [name, figures.latency[key]])
      .filter(([, block]) => block && block.count)
      .map(([name, block]) => [cell(name, "th"), ...["p50", "p90", "p99", "max"].map((stat) => cell(digits(block[stat]))), cell(digits(block.count), "td", "thin")]));
    const counts = Object.entries(figures.counts).filter(([name, count]) => name !== "planned" && (count || name === "ok"));
    rows("states", counts.map(([name, count]) => {
      const part = figures.counts.planned ? count / figures.counts.planned : 0;
      const track = document.createElement("span"), bar = document.createElement("i");
      track.className = `bar-cell${FINE.includes(name) ? "" : " bad"}`;
      bar.style.width = `${part * 100}%`;
      track.append(bar);
      const last = cell(share(part));
      last.append(track);
      return [cell(name, "th"), cell(digits(count)), last];
    }));
    at("errors-box").hidden = !figures.errors.length;
    rows("errors", figures.errors.map((kind) => [cell(kind.status, "th"), cell(kind.message, "td", "text"), cell(digits(kind.count))]));
    at("workers-section").hidden = !workers.length;
    const part = (value, unit) => (value === null ? "–" : `${digits(value)} ${unit}`);
    rows("workers", workers.map((line) => [
      cell(line.name, "th"), cell(badge(line.state, line.state === "running" || line.state === "ready" || line.state === "left" ? "pass" : "fail"), "td", "text"),
      cell(part(line.cpu_percent, "%")), cell(part(line.loop_lag_ms, "ms")), cell(part(line.read_lag_ms, "ms")),
      cell(digits(line.in_flight)), cell(digits(line.sent)), cell(part(line.memory_mb, "MB")),
    ]));
  }

  function show(told) {
    showState(told);
    if (!told.run) return;
    const afresh = run !== told.run.run_id;
    run = told.run.run_id;
    revision = told.revision;
    for (const id of ["tiles-section", "charts-section", "tables"]) at(id).hidden = false;
    Charts.take(told.points, afresh);
    Charts.draw();
    showFacts(told.run, told.progress);
    showVerdict(told.figures);
    showTiles(told.figures, told.progress, told.run);
    showTables(told.figures, told.workers);
  }

  function trouble(words) {
    at("banner").textContent = words || "";
    at("banner").hidden = !words;
  }

  async function fetched(path) {
    const answer = await fetch(path);
    if (answer.redirected) throw new Error("Signed out: load this page again to sign in.");
    if (!answer.ok) throw new Error(`The page answered ${answer.status}; trying again.`);
    return answer.json();
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      show(await fetched(`llm/series?run=${encodeURIComponent(run ?? "")}&since=${revision}`));
      trouble("");
    } catch (error) {
      trouble(error instanceof TypeError ? "No answer: has the process ended? Trying again." : error.message);
    }
    timer = setTimeout(refresh, document.hidden ? 5000 : ON.includes(state) ? 1000 : 2000);
  }

  function chosen() {
    return [...at("runs").querySelectorAll("input:checked")].map((box) => box.value);
  }

  async function showRuns() {
    let found;
    try { found = (await fetched("llm/runs")).runs; } catch { return; }
    at("no-runs").hidden = found.length > 0;
    at("runs-box").hidden = !found.length;
    rows("runs", found.map((line) => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.value = line.run_id;
      label.append(box, line.run_id);
      const verdict = cell(badge(line.state, line.state), "td", "text");
      if (!line.passed) verdict.append(" ", badge("gate failed", "fail"));
      const link = document.createElement("a");
      link.href = `llm/runs/${encodeURIComponent(line.run_id)}/report`;
      link.textContent = line.report ? "report" : "none yet";
      link.setAttribute("aria-label", `Report of ${line.run_id}`);
      return [
        cell(label, "th"), verdict, cell(line.trace ?? "token counts", "td", "text cut"),
        cell(`${digits(line.ok)} / ${digits(line.planned)}`), cell(ms(line.ttft_p50_ms)), cell(ms(line.ttft_p99_ms)),
        cell(ms(line.itl_p99_ms)), cell(ms(line.e2e_p99_ms)), cell(digits(line.tokens_per_s)), cell(share(line.goodput)),
        cell(link, "td", "text"),
      ];
    }));
  }

  at("new").addEventListener("click", () => {
    at("start").open = true;
    at("start").scrollIntoView({ block: "center" });
    at("go").focus();
  });
  Charts.build(at("charts"));
  Start.install(refresh);
  document.addEventListener("themechange", Charts.recolor);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  at("runs").addEventListener("change", () => { at("compare").hidden = chosen().length < 2; });
  at("compare").addEventListener("click", () => {
    location.assign(`llm/compare?runs=${chosen().map(encodeURIComponent).join(",")}`);
  });
  refresh();
  showRuns();
})();
