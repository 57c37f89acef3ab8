"use strict";

const EVERY_MS = 3000;
const FEW = 12;
const UNDONE = 200;
const IN_A_TILE = 4;
const whole = new Intl.NumberFormat("en");
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = (share) => `${tenth.format(100 * share)} %`;
const element = (id) => document.getElementById(id);

// What is on the screen. A tile is a group of images that are called the same.
let view = "unsure";
let only = null;
let tiles = [];
let here = null;
let labels = [];
let typed = "";
let saved = 0;
let saving = 0;
let asked = 0;
let said = "";
const done = [];

// Every text is set as text: ids, labels and sources come from records of strangers.
function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// What became of a key that was pressed stays; that the server is away goes when it is back.
let away = "";
function say(text) {
  said = text;
  element("status").textContent = said || away;
}

async function ask(path, sent) {
  const how = sent && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(sent),
  };
  const answer = await fetch(path, { cache: "no-store", ...how });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

// Tiles.

function picture(image, label) {
  const made = make("img", "picture");
  made.loading = "lazy";
  made.alt = `${label}, ${percent(image.confidence)}`;
  made.src = `picture.jpg?${encodeURIComponent(image.id)}`;
  return made;
}

function tileOf(group, apart = false) {
  const { label, images } = group;
  const made = make("li", "");
  made.role = "option";
  made.id = `tile-${tileOf.number++}`;
  made.append(picture(images[0], label));
  if (images.length > 1) {
    const more = make("div", "more");
    more.append(...images.slice(1, 1 + IN_A_TILE).map((each) => picture(each, label)));
    made.append(more);
  }
  const first = images[0];
  const about = [percent(first.confidence), first.reason, first.source].filter(Boolean).join(" · ");
  made.append(
    make("div", "label", images.length > 1 ? `${images.length} × ${label}` : label),
    make("div", "about", about),
  );
  made.title = [first.id, first.time, first.truth && `truth in the record: ${first.truth}`].filter(Boolean).join("\n");
  const tile = { ...group, apart, place: made, chosen: false, saving: false };
  made.addEventListener("click", () => pick(tile));
  return tile;
}
tileOf.number = 0;

const free = () => tiles.filter((each) => !each.saving);
const key = (images) => images.map((each) => each.id).join("\n");

function take(groups) {
  const wanted = new Map(groups.map((each) => [key(each.images), each]));
  const taken = new Set();
  // What the cursor is on stays: a key that is being pressed is meant for it.
  tiles = tiles.filter((each) => each === here || each.saving || each.apart || wanted.has(key(each.images)));
  for (const each of tiles) for (const image of each.images) taken.add(image.id);
  const fresh = groups.filter((each) => !each.images.some((image) => taken.has(image.id)));
  tiles.push(...fresh.map((each) => tileOf(each)));
}

function show() {
  const wall = element("wall");
  const random = view === "random";
  const waiting = free();
  if (random || !waiting.includes(here)) here = waiting[0] ?? null;
  const places = tiles.map((each) => each.place);
  if (places.length !== wall.children.length || places.some((each, at) => wall.children[at] !== each))
    wall.replaceChildren(...places);
  for (const each of tiles) {
    each.place.classList.toggle("here", each === here);
    each.place.classList.toggle("saving", each.saving);
    each.place.setAttribute("aria-selected", String(each.chosen && !each.saving));
  }
  wall.setAttribute("aria-activedescendant", here?.place.id ?? "");
  here?.place.scrollIntoView({ block: "nearest" });
  element("undo").disabled = done.length === 0;
  element("saved").textContent = `${whole.format(saved)} saved`;
  showTyped();
}

// Labels: numbers where no label begins with one, and the first letters of any.

const beginsWith = (label, text) => label.toLocaleLowerCase().startsWith(text.toLocaleLowerCase());
const numbered = () => !labels.some((each) => /^[0-9]/.test(each));

function showLabels(now) {
  if (JSON.stringify(now) === JSON.stringify(labels)) return;
  labels = now;
  element("labels").replaceChildren(
    ...labels.map((label, at) => {
      const made = make("button", "", label);
      made.type = "button";
      made.title = label;
      if (numbered() && at < 9) made.append(" ", make("kbd", "", String(at + 1)));
      made.addEventListener("click", () => judge(label));
      return made;
    }),
  );
}

function showTyped() {
  element("typed").textContent = typed;
  for (const [at, each] of [...element("labels").children].entries())
    each.classList.toggle("out", !beginsWith(labels[at], typed));
}

function type(letter) {
  typed += letter;
  const fitting = labels.filter((each) => beginsWith(each, typed));
  if (fitting.length === 1) judge(fitting[0]);
  else if (fitting.length === 0) {
    say(`No label begins with ${typed}; + makes a new one.`);
    typed = "";
  }
  showTyped();
}

// Verdicts: what is said leaves the screen once the server has it durably.

function targets() {
  const chosen = free().filter((each) => each.chosen);
  return chosen.length ? chosen : here ? [here] : [];
}

async function save(judged, label, fresh = false) {
  const ids = judged.flatMap((each) => each.images.map((image) => image.id));
  saving += 1;
  try {
    const answer = await ask("verdicts", { ids, label, new: fresh });
    saved += answer.judged.length;
    done.push({ ids, count: answer.judged.length });
    if (done.length > UNDONE) done.shift();
    tiles = tiles.filter((each) => !judged.includes(each));
    // An answer that is on its way does not know of it.
    asked += 1;
  } catch (error) {
    for (const each of judged) each.saving = false;
    say(`Not saved: ${error.message}`);
  }
  saving -= 1;
  show();
  if (fresh || free().length < FEW) read();
}

function leave(judged) {
  const after = tiles.slice(tiles.indexOf(judged.at(-1)) + 1).find((each) => !each.saving && !judged.includes(each));
  for (const each of judged) {
    each.saving = true;
    each.chosen = false;
  }
  here = after ?? null;
  typed = "";
  say("");
  show();
}

function judge(label, fresh = false) {
  const judged = targets();
  if (!judged.length) return;
  leave(judged);
  save(judged, label, fresh);
  element("wall").focus();
}

function accept(judged) {
  if (!judged.length) return;
  leave(judged);
  for (const label of new Set(judged.map((each) => each.label)))
    save(judged.filter((each) => each.label === label), label);
  element("wall").focus();
}

async function undo() {
  const last = done.pop();
  if (!last) return;
  try {
    const answer = await ask("undo", { ids: last.ids });
    saved -= answer.taken_back.length;
    const others = last.count - answer.taken_back.length;
    say(others ? `${others} not undone: somebody else has judged since, or the image is gone.` : "");
    await read();
    here = tiles.find((each) => last.ids.includes(each.images[0].id)) ?? here;
  } catch (error) {
    done.push(last);
    say(`Not undone: ${error.message}`);
  }
  show();
}

function apart() {
  if (!here || here.images.length < 2) return;
  const at = tiles.indexOf(here);
  const single = here.images.map((image) => tileOf({ label: here.label, images: [image] }, true));
  tiles.splice(at, 1, ...single);
  here = single[0];
  show();
}

function pick(tile) {
  if (view === "random" || tile.saving) return;
  here = tile;
  tile.chosen = !tile.chosen;
  show();
}

// Moving about.

function go(step) {
  if (view === "random") return;
  const waiting = free();
  const at = waiting.indexOf(here);
  here = waiting[Math.max(0, Math.min(waiting.length - 1, at + step))] ?? null;
  show();
}

function columns() {
  const [first, ...rest] = free().map((each) => each.place.offsetTop);
  const below = rest.findIndex((each) => each !== first);
  return below < 0 ? rest.length + 1 : below + 1;
}

function changeView(next) {
  view = next;
  document.body.dataset.view = view;
  for (const each of element("views").children) each.setAttribute("aria-pressed", String(each.dataset.view === view));
  tiles = tiles.filter((each) => each.saving);
  here = null;
  read();
}

function changeFilter(label) {
  only = label;
  tiles = tiles.filter((each) => each.saving);
  here = null;
  read();
}

// What the server says.

function showFilters(byLabel) {
  const rows = [[null, "All"], ...byLabel.map(([label, count]) => [label, `${label} ${whole.format(count)}`])];
  element("filters").replaceChildren(
    ...rows.map(([label, text]) => {
      const made = make("button", "", text);
      made.type = "button";
      made.setAttribute("aria-pressed", String(label === only));
      made.addEventListener("click", () => changeFilter(label));
      return made;
    }),
  );
}

function showFigures({ accuracy, next, unclear, labels: rows }) {
  const { right, images, interval } = accuracy;
  element("accuracy").textContent = images ? percent(right / images) : "–";
  element("interval").textContent = images
    ? `between ${percent(interval[0])} and ${percent(interval[1])}, by ${whole.format(images)} of the random share` +
      (unclear ? `; ${whole.format(unclear)} cannot be told` : "")
    : "No verdict on the random share of this model yet.";
  element("next").replaceChildren(
    ...next.map(([half, more]) => make("li", "", `${whole.format(more)} more verdicts for ± ${percent(half)}`)),
  );
  const head = make("tr", "");
  head.append(...["label", "called so, right", "is so, found"].map((each) => make("th", "", each)));
  const share = ({ right, images, interval }) =>
    images ? `${right} of ${images} (${Math.round(100 * interval[0])}–${Math.round(100 * interval[1])} %)` : "–";
  element("by-label").replaceChildren(
    ...(rows.length ? [head] : []),
    ...rows.map(({ label, called, shown }) => {
      const row = make("tr", "");
      const name = make("th", "", label);
      name.title = label;
      row.append(name, make("td", "", share(called)), make("td", "", share(shown)));
      return row;
    }),
  );
}

async function read() {
  const number = ++asked;
  const query = new URLSearchParams({ view });
  if (only !== null && view === "unsure") query.set("label", only);
  try {
    const now = await ask(`board.json?${query}`);
    if (number !== asked) return;
    away = "";
    say(said);
    take(now.groups);
    showLabels(now.labels);
    showFilters(now.waiting.by_label);
    showFigures(now.figures);
    element("unsure").textContent = whole.format(now.waiting.unsure);
    element("random").textContent = whole.format(now.waiting.random);
    element("who").textContent = `· ${now.who}`;
    element("why").textContent =
      view === "random"
        ? "Chosen by chance alone, one after the other: say of each what it shows, so that the share that is right holds for all."
        : "What teaches most comes first. Images that show nearly the same are one group.";
    show();
  } catch (error) {
    away = `The server does not answer: ${error.message}`;
    say(said);
  }
}

async function poll() {
  if (!saving) await read();
  setTimeout(poll, EVERY_MS);
}

// Hands.

const KEYS = {
  ArrowLeft: () => go(-1),
  ArrowRight: () => go(1),
  ArrowUp: () => go(-columns()),
  ArrowDown: () => go(columns()),
  Home: () => go(-tiles.length),
  End: () => go(tiles.length),
  " ": () => here && pick(here),
  "/": apart,
  ".": () => judge(null),
  "+": () => openNew(),
  Escape: () => {
    typed = "";
    for (const each of tiles) each.chosen = false;
    show();
  },
  Backspace: () => {
    if (!typed) return undo();
    typed = typed.slice(0, -1);
    showTyped();
  },
};

function enter(all) {
  if (typed) {
    const fitting = labels.filter((each) => beginsWith(each, typed));
    judge(fitting.find((each) => each.toLocaleLowerCase() === typed.toLocaleLowerCase()) ?? fitting[0]);
  } else accept(all && view === "unsure" ? free() : targets());
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.isComposing || event.altKey || element("new-label").open) return;
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z") return;
    event.preventDefault();
    undo();
    return;
  }
  if (target.closest("button, a") && (key === "Enter" || key === " ")) return;
  if (key === "Enter") enter(event.shiftKey);
  else if (typed && [...key].length === 1) type(key);
  else if (KEYS[key]) KEYS[key]();
  else if (numbered() && /^[1-9]$/.test(key) && labels[key - 1] !== undefined) judge(labels[key - 1]);
  else if ([...key].length === 1) type(key);
  else return;
  event.preventDefault();
});

function openNew() {
  if (!targets().length) return;
  element("new-name").value = typed;
  typed = "";
  showTyped();
  element("new-label").showModal();
}

element("new-form").addEventListener("submit", () => {
  const label = element("new-name").value.trim().normalize("NFC");
  if (label) judge(label, !labels.includes(label));
});
element("new-cancel").addEventListener("click", () => element("new-label").close());
element("new").addEventListener("click", openNew);
element("accept").addEventListener("click", () => enter(false));
element("unclear").addEventListener("click", () => judge(null));
element("undo").addEventListener("click", undo);
element("views").addEventListener("click", ({ target }) => {
  const chosen = target.closest("button")?.dataset.view;
  if (chosen && chosen !== view) changeView(chosen);
});

element("wall").focus();
poll();
