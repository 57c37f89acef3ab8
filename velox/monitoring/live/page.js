"use strict";

const EVERY_MS = 1000;
const TIMEOUT_MS = 4000;
const SHOWN = 24;
// Characters that a tile shows as large as it can; more are smaller.
const SHORT = 6;
const SVG_WIDTH = 120;
const SVG_HEIGHT = 30;
const NONE = "–";

const element = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

// Every text is set as text: labels, sources and reasons come from records of strangers.
function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function put(id, text, unit = "") {
  const place = element(id);
  if (place.textContent === text + unit) return;
  place.textContent = text;
  place.classList.toggle("long", text.length > SHORT);
  if (unit) place.append(make("small", "", unit));
}

const LARGEST_WHOLE = 1e7;
const hundredth = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const counted = (value) => (value < LARGEST_WHOLE ? whole : short).format(value);
const number = (value) => (value < 10 && value > 0 ? tenth.format(value) : counted(value));
const percent = (share) => tenth.format(100 * share);

function putMilliseconds(id, value) {
  if (value === null) put(id, NONE);
  else if (value < 1000) put(id, number(value), " ms");
  else put(id, number(value / 1000), " s");
}

function putShare(id, share) {
  if (share === null) put(id, NONE);
  else put(id, percent(share), " %");
}

function showState(word, reason) {
  document.body.dataset.state = word === "no connection" ? "lost" : word;
  put("word", word);
  put("reason", reason);
  document.title = `Velox: ${word}`;
}

function showModel(model) {
  const { digest, architecture, device } = model;
  put("model", digest ? `model ${digest} · ${architecture} on ${device}` : "no model yet");
}

function showFigures(now) {
  put("images_per_second", number(now.images_per_second));
  putMilliseconds("p50", now.latency_ms.p50);
  putMilliseconds("p99", now.latency_ms.p99);
  putShare("accuracy", now.accuracy);
  put("labelled", now.labelled ? `of ${counted(now.labelled)} with truth` : "no truth known");
  put("lag", counted(now.lag));
  put("stale", now.stale ? `${counted(now.stale)} were too old` : "records waiting");
  put("dead_lettered", counted(now.dead_lettered));
  put("classified", `of ${counted(now.classified + now.dead_lettered)} images`);
  putShare("expected", now.expected && now.expected[0]);
  put("interval", now.expected ? `${percent(now.expected[1])} to ${percent(now.expected[2])} %` : "not known");
  put("unknown", counted(now.unknown));
  put("matched", `${whole.format(now.matched)} in all`);
  element("dead").classList.toggle("some", now.dead_lettered > 0);
}

// What has changed, in words, and how much, in figures.
function showDrifts(drifts) {
  const large = drifts.filter(([, , isLarge]) => isLarge).map(([name]) => name);
  const named = large.length > 2 ? `${large[0]} and ${large.length - 1} more` : large.join(", ");
  put("drifted", drifts.length ? named || "none" : NONE);
  element("drifted").classList.toggle("large", large.length > 0);
  element("drifts").replaceChildren(
    ...drifts.map(([name, value, isLarge]) => {
      const row = make("li", isLarge ? "large" : "", `${name} `);
      row.append(make("span", "count", hundredth.format(value)));
      return row;
    }),
  );
}

function showCurve(values) {
  const most = Math.max(1, ...values);
  const from = SVG_WIDTH - values.length;
  const points = values.map((value, at) => `${from + at + 0.5},${(SVG_HEIGHT * (1 - (0.92 * value) / most)).toFixed(2)}`);
  element("line").setAttribute("points", points.join(" "));
  element("area").setAttribute(
    "points",
    points.length ? `${from + 0.5},${SVG_HEIGHT} ${points.join(" ")} ${SVG_WIDTH - 0.5},${SVG_HEIGHT}` : "",
  );
}

// Rows that are there already only change their numbers, so that nothing jumps or flickers.
function showBars(id, rows) {
  const list = element(id);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) {
    const row = make("li", "");
    const bar = make("div", "bar");
    bar.append(make("span", ""));
    row.append(make("span", "name"), make("span", "count"), bar);
    list.append(row);
  }
  rows.forEach(([name, count], at) => {
    const [nameCell, countCell, bar] = list.children[at].children;
    nameCell.textContent = nameCell.title = name;
    countCell.textContent = whole.format(count);
    bar.firstChild.style.width = `${(100 * count) / most}%`;
  });
}

function tile(match) {
  const known = match.truth !== null;
  const wrong = known && match.truth !== match.label;
  const truth = wrong ? `is ${match.truth}` : known ? "correct" : "";
  const confidence = `${whole.format(100 * match.confidence)} %`;
  const made = make("li", wrong ? "wrong" : "");
  made.dataset.key = match.key;
  made.title = [match.label, confidence, truth, match.source, match.time].filter(Boolean).join("\n");
  const picture = make("img", "picture");
  picture.alt = [match.label, confidence, truth].filter(Boolean).join(", ");
  if (match.picture) picture.src = `live.jpg?${match.key}`;
  made.append(
    picture,
    make("div", "confidence", confidence),
    make("div", "label", match.label),
    make("div", "truth", truth && `${wrong ? "✗" : "✓"} ${truth}`),
  );
  return made;
}

function showMatches(matches) {
  if (element("pause").dataset.paused === "true") return;
  const wall = element("wall");
  const there = new Set([...wall.children].map((each) => each.dataset.key));
  wall.prepend(...matches.filter((each) => !there.has(each.key)).map(tile));
  while (wall.children.length > SHOWN) wall.lastChild.remove();
}

function show(now) {
  showState(now.state.word, now.state.reason);
  showModel(now.model);
  showFigures(now);
  showDrifts(now.drifts);
  showCurve(now.curve);
  showBars("labels", now.labels);
  showBars("reasons", now.reasons);
  showMatches(now.matches);
}

async function read() {
  try {
    const answer = await fetch("live.json", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function poll() {
  const started = Date.now();
  const now = await read();
  setTimeout(poll, Math.max(100, EVERY_MS - (Date.now() - started)));
  if (now) show(now);
  else showState("no connection", "The consumer does not answer; trying again.");
}

element("pause").addEventListener("click", ({ currentTarget: button }) => {
  const paused = button.dataset.paused !== "true";
  button.dataset.paused = String(paused);
  button.textContent = paused ? "Go on" : "Pause";
});

poll();
