/* The charts of the live page: points in, lines out. Words go in as text, never as markup. */
"use strict";
const Charts = (() => {
  const MS = (value) => (value >= 10000 ? [value / 1000, "s"] : [value, "ms"]);
  const PLAIN = (value) => [value, ""];
  const PERCENT = (value) => [value * 100, "%"];
  /* On an axis all numbers have one unit, that of the largest, which the title tells. */
  const unitOf = (spec, most) => (spec.show === MS ? (most >= 10000 ? [1e-3, "s"] : [1, "ms"]) : spec.show === PERCENT ? [100, "%"] : [1, spec.unit]);
  const tail = (name) => [
    { key: `${name}.p50`, label: "p50", color: "--s1" },
    { key: `${name}.p90`, label: "p90", color: "--s3", dash: 2 },
    { key: `${name}.p99`, label: "p99", color: "--s2", dash: 1 },
  ];
  const PANELS = [
    { title: "TTFT", unit: "ms", show: MS, series: tail("ttft_ms") },
    { title: "ITL", unit: "ms", show: MS, series: tail("itl_ms") },
    { title: "TPOT", unit: "ms", show: MS, series: tail("tpot_ms") },
    { title: "End to end", unit: "ms", show: MS, series: tail("e2e_ms") },
    { title: "Output tokens", unit: "/s", show: PLAIN, series: [{ key: "tokens", label: "tokens/s", color: "--s1", fill: true }] },
    { title: "In flight", unit: "requests", show: PLAIN, series: [{ key: "in_flight", label: "on the wire", color: "--s4", fill: true }] },
    { title: "Rate", unit: "requests/s", show: PLAIN, series: [
      { key: "offered", label: "offered", color: "--s7", dash: 1 },
      { key: "sent", label: "achieved", color: "--s1" },
      { key: "done", label: "ok", color: "--s3", dash: 2 },
    ] },
    { title: "Dispatch lag", unit: "ms", show: MS, series: tail("dispatch_lag_ms") },
    { title: "Good and failed", unit: "", show: PERCENT, top: 1, series: [
      { key: "good", label: "met the objectives", color: "--s3" },
      { key: "failed_share", label: "failed", color: "--s2", dash: 1 },
    ] },
  ];
  const DASHES = [[], [7, 3], [2, 3]];

  const digits = (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (Number.isInteger(value) && value < 100) return String(value);
    const size = Math.abs(value);
    if (size >= 100) return Math.round(value).toLocaleString("en-US").replaceAll(",", "\u202f");
    return value.toFixed(size >= 10 ? 1 : 2);
  };
  const axisDigits = (value) => (Math.abs(value) >= 1000 ? digits(value) : String(Number(value.toPrecision(6))));
  const worded = (show, value) => {
    if (value === null || value === undefined) return "–";
    const [amount, unit] = show(value);
    return unit ? `${digits(amount)} ${unit}` : digits(amount);
  };
  const clock = (seconds) => {
    const whole = Math.round(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  };

  const probe = document.createElement("span");
  const color = (name, alpha = 1) => {
    document.body.append(probe);
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return alpha === 1 ? found : found.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
  };

  let points = [];
  const panels = [];

  /* A point takes the place of all that lie between its start and its end. */
  function take(columns, afresh) {
    if (afresh) points = [];
    const keys = Object.keys(columns);
    for (let i = 0; i < columns.start_s.length; i++) {
      const point = {};
      for (const key of keys) point[key] = columns[key][i];
      const ended = point.done + point.failed;
      point.failed_share = ended ? point.failed / ended : null;
      let first = points.length;
      while (first > 0 && points[first - 1].end_s > point.start_s + 1e-6) first--;
      let last = first;
      while (last < points.length && points[last].start_s < point.end_s - 1e-6) last++;
      points.splice(first, last - first, point);
    }
  }

  function build(box) {
    for (const spec of PANELS) {
      const panel = document.createElement("div");
      panel.className = "panel";
      const title = document.createElement("h3");
      title.append(spec.title, " ");
      const unit = document.createElement("small");
      unit.textContent = spec.unit;
      title.append(unit);
      const keys = document.createElement("ul");
      keys.className = "keys";
      const values = spec.series.map((series) => {
        const key = document.createElement("li"), mark = document.createElement("i"), value = document.createElement("b");
        mark.className = `d${series.dash || 0}`;
        mark.style.borderTopColor = `var(${series.color})`;
        value.textContent = "–";
        key.append(mark, series.label, value);
        keys.append(key);
        return value;
      });
      const plot = document.createElement("div");
      plot.className = "plot";
      plot.setAttribute("role", "img");
      panel.append(title, keys, plot);
      box.append(panel);
      panels.push({ spec, plot, unit, values, chart: null });
    }
    new ResizeObserver(() => panels.forEach(fit)).observe(box);
  }

  function fit(panel) {
    const width = panel.plot.clientWidth;
    if (panel.chart && width && panel.chart.width !== width) panel.chart.setSize({ width, height: panel.plot.clientHeight });
  }

  function options(panel) {
    const { spec, plot, unit, values } = panel;
    const soft = color("--soft"), grid = { stroke: color("--grid"), width: 1 };
    const font = "11px system-ui, sans-serif";
    const axis = { stroke: soft, grid, font, ticks: { show: false } };
    return {
      width: plot.clientWidth || 380, height: plot.clientHeight || 150,
      legend: { show: false },
      cursor: { sync: { key: "run" }, y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
      padding: [8, 16, 0, 0],
      scales: {
        x: { time: false },
        y: { range: (_, __, most) => [0, spec.top || (most > 0 ? most * 1.08 : 1)] },
      },
      axes: [
        { ...axis, size: 24, space: 64, values: (_, splits) => splits.map(clock) },
        { ...axis, size: 42, space: 30, values: (chart, splits) => {
          const [factor, words] = unitOf(spec, chart.scales.y.max);
          unit.textContent = words;
          return splits.map((value) => axisDigits(value * factor));
        } },
      ],
      series: [{}, ...spec.series.map((series) => ({
        stroke: color(series.color), width: 1.75, dash: DASHES[series.dash || 0], spanGaps: true,
        fill: series.fill ? color(series.color, 0.12) : undefined,
        points: { show: (chart) => chart.data[0].length < 3 },
      }))],
      hooks: { setCursor: [(chart) => {
        const at = chart.cursor.idx;
        spec.series.forEach((_, i) => {
          const row = chart.data[i + 1];
          const value = at === null || at === undefined ? row.findLast((held) => held !== null) : row[at];
          values[i].textContent = worded(spec.show, value);
        });
      }] },
    };
  }

  function draw() {
    const end = points.length ? points[points.length - 1].end_s : 1;
    const times = points.map((point) => point.end_s);
    for (const panel of panels) {
      const rows = panel.spec.series.map(({ key }) => points.map((point) => point[key] ?? null));
      const data = [times, ...rows];
      if (!panel.chart) panel.chart = new uPlot(options(panel), data, panel.plot);
      else panel.chart.setData(data, false);
      panel.chart.batch(() => {
        panel.chart.setScale("x", { min: 0, max: Math.max(end, 10) });
      });
      fit(panel);
      const last = rows.map((row) => row.findLast((value) => value !== null));
      if (panel.chart.cursor.idx === null || panel.chart.cursor.idx === undefined) {
        last.forEach((value, i) => { panel.values[i].textContent = worded(panel.spec.show, value); });
      }
      const words = panel.spec.series.map((series, i) => `${series.label} ${worded(panel.spec.show, last[i])}`);
      panel.plot.setAttribute("aria-label", `${panel.spec.title} over time, now: ${words.join(", ")}`);
    }
  }

  function recolor() {
    for (const panel of panels) { panel.chart?.destroy(); panel.chart = null; }
    if (points.length) draw();
  }

  /* The mean of a figure over the last seconds. */
  function recent(key, seconds = 5) {
    const chosen = points.slice(-seconds).filter((point) => point[key] !== null);
    return chosen.length ? chosen.reduce((sum, point) => sum + point[key], 0) / chosen.length : null;
  }

  return { build, take, draw, recolor, recent, digits, worded, clock, MS };
})();
