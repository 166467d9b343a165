// The pages' script: keeps the list fresh, opens alerts beside it, and acts on them.
//
//   stream (SSE) ─► an alert changed ─► fetch its row, with the tallies ─► put it where it belongs
//                                    └► fetch the open alert ───────────► exchange the parts that differ
//
// What somebody has open, types in, marks or presses is left alone until it is let go; what was
// fetched meanwhile waits for that. The server writes all words; nothing here builds markup from data. Without this script the pages
// still show everything.
"use strict";

const byId = (id) => document.getElementById(id);
const list = byId("list");
const detail = byId("detail");
const main = byId("main");
const wide = matchMedia("(min-width: 60rem)");
let seq = document.body.dataset.seq;
let undoing = null;

// ── The clock: event time as the server told it, plus what has passed since. ──

let clock = { at: Number(document.body.dataset.clock), seen: performance.now() };

function setClock(millis) {
  if (Number.isFinite(millis)) clock = { at: millis, seen: performance.now() };
}

function tomorrow() {
  const day = 86400000;
  const now = clock.at + performance.now() - clock.seen;
  return new Date((Math.floor(now / day) + 1) * day + 8 * 3600000).toISOString();
}

// ── The list. ──

function query() {
  return new URLSearchParams(location.search);
}

// None where there is nothing to be seen.
async function fragment(path) {
  const answer = await fetch(path, { headers: { accept: "text/html" } });
  // Signed out, here or elsewhere: the page leads to where one signs in.
  if (answer.status === 401) location.reload();
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(path + ": " + answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}

let running = false;
// What has to be fetched: the whole list, or these alerts.
let whole = false;
const changed = new Set();
const CHANGED_MAX = 20;

// This alert has changed; without an id, anything may have.
function refresh(id) {
  if (!list) return;
  if (id) changed.add(id);
  else whole = true;
  catchUp();
}

// At most one fetch at a time, and one more when something changed meanwhile. Between the two it
// rests for a quarter of what the fetch took, so that a server that has a lot to do is asked less often.
async function catchUp() {
  if (running) return;
  running = true;
  while (!listed && (whole || changed.size)) {
    const ids = whole || missed || changed.size > CHANGED_MAX ? null : [...changed];
    whole = missed = false;
    changed.clear();
    const search = query();
    search.delete("alert");
    if (ids) search.set("changed", ids.join(","));
    const began = performance.now();
    try {
      listed = { fresh: await fragment("/fragments/list?" + search), ids };
      settle();
    } catch (error) {
      console.warn(error);
      // Which of them were missed is asked with whatever comes next.
      missed = true;
    }
    await new Promise((done) => setTimeout(done, Math.min((performance.now() - began) / 4, 2000)));
  }
  running = false;
}

function merge({ fresh, ids }) {
  for (const name of ["tabs", "filters", "stake", "end", "status"]) {
    const from = list.querySelector(`[data-part="${name}"]`);
    const to = fresh.querySelector(`[data-part="${name}"]`);
    if (!from || !to || from.isEqualNode(to)) continue;
    const focused = from.contains(document.activeElement) && document.activeElement.href;
    from.hidden = to.hidden;
    from.replaceChildren(...to.childNodes);
    if (focused) [...from.querySelectorAll("a")].find((a) => a.href === focused)?.focus();
  }
  setClock(Number(fresh.querySelector("[data-clock]")?.dataset.clock));
  mergeRows(list.querySelector(".rows"), fresh.querySelector(".rows"), ids);
}

// Keyed by alert: a row that stays is left alone, so that focus and selection stay too. With ids
// only those rows are fresh, and what has none among them is no longer of this list.
function mergeRows(rows, fresh, ids) {
  const focused = rows.contains(document.activeElement) && document.activeElement.closest(".row");
  const stood = focused ? [...rows.children].indexOf(focused) : -1;
  const all = [...rows.children];
  const old = new Map(all.filter((row) => ids?.includes(row.dataset.id) ?? true).map((row) => [row.dataset.id, row]));
  const added = ids ? putSome(rows, fresh, old) : putAll(rows, fresh, old);
  for (const row of old.values()) row.remove();
  // A row that moves loses the focus, too; of one that is gone, whatever took its place has it.
  if (focused && !rows.contains(document.activeElement)) {
    const row = focused.isConnected ? focused : (rows.children[stood] ?? rows.lastElementChild);
    row?.querySelector("a").focus({ preventScroll: true });
  }
  mark();
  if (added && all.length) announce(added === 1 ? "A new alert" : added + " new alerts");
  // What the end of the list says, and what moves up from the next page, the whole list tells.
  const lacks = list.querySelector(".more") && rows.children.length < all.length;
  if (ids && (lacks || !rows.children.length !== !all.length)) refresh();
}

// Takes a row out of the old ones and makes it what it is now, or makes a new one.
function freshened(next, old) {
  let row = old.get(next.dataset.id);
  old.delete(next.dataset.id);
  if (!row) {
    row = document.importNode(next, true);
    row.classList.add("is-new");
    row.addEventListener("animationend", () => row.classList.remove("is-new"), { once: true });
    return row;
  }
  const open = row.querySelector("[aria-current]");
  open?.removeAttribute("aria-current");
  if (row.innerHTML !== next.innerHTML || row.dataset.state !== next.dataset.state) {
    row.className = next.className;
    row.replaceChildren(...next.childNodes);
  }
  for (const name of ["state", "place"]) row.dataset[name] = next.dataset[name];
  return row;
}

// Makes the list what `fresh` is; tells how many are new.
function putAll(rows, fresh, old) {
  let place = rows.firstElementChild;
  let added = 0;
  for (const next of [...fresh.children]) {
    if (!old.has(next.dataset.id)) added += 1;
    const row = freshened(next, old);
    if (row !== place) rows.insertBefore(row, place);
    else place = place.nextElementSibling;
  }
  return added;
}

// Puts each of a few where it belongs, as long as that is on this page; tells how many are new.
function putSome(rows, fresh, old) {
  const most = list.querySelector(".more") ? rows.children.length : Infinity;
  let added = 0;
  for (const next of [...fresh.children]) {
    const known = old.has(next.dataset.id);
    const row = freshened(next, old);
    const below = [...rows.children].find((one) => one !== row && one.dataset.place < row.dataset.place) ?? null;
    // Behind the last of this page others may come first: of a row that was here the whole list knows.
    if (!below && most < Infinity) {
      if (known) refresh();
      continue;
    }
    if (!row.isConnected || row.nextElementSibling !== below) rows.insertBefore(row, below);
    if (!known) added += 1;
  }
  while (rows.children.length > most) rows.lastElementChild.remove();
  return added;
}

function mark() {
  const open = opened();
  for (const row of document.querySelectorAll(".rows .row")) {
    const link = row.querySelector("a");
    if (row.dataset.id === open) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function announce(text) {
  byId("announce").textContent = text;
}

// ── The detail. ──

let asked = 0;

async function open(id, { focus = false } = {}) {
  if (!detail) return;
  const turn = (asked += 1);
  if (opened() === id) {
    renew();
  } else {
    const fresh = await fragment("/fragments/alert/" + encodeURIComponent(id)).catch(() => null);
    if (turn !== asked) return;
    if (!fresh) return say("This alert cannot be shown just now.");
    shown = null;
    left = false;
    detail.replaceChildren(...fresh.childNodes);
  }
  main.classList.add("is-open");
  remember(id);
  mark();
  if (focus || !wide.matches) detail.focus({ preventScroll: true });
  if (focus) detail.scrollTop = 0;
}

function opened() {
  return detail?.querySelector("article")?.dataset.id;
}

let renewing = false;
let renewAgain = false;

// The open alert has changed, or may have: at most one fetch at a time, and one more when it changed
// meanwhile, so that what changes without end is shown all the same.
async function renew() {
  renewAgain = true;
  if (renewing) return;
  renewing = true;
  while (renewAgain && opened()) {
    renewAgain = false;
    const id = opened();
    try {
      const fresh = await fragment("/fragments/alert/" + encodeURIComponent(id));
      if (opened() !== id) continue;
      shown = fresh?.querySelector("article");
      left = !shown;
      settle();
    } catch (error) {
      console.warn(error);
    }
  }
  renewing = false;
}

function shut() {
  if (!list) return void (location.href = "/");
  const id = opened();
  main.classList.remove("is-open");
  asked += 1;
  shown = null;
  left = false;
  detail.replaceChildren();
  remember(null);
  mark();
  list.querySelector(`[data-id="${id}"] a`)?.focus();
}

function remember(id) {
  if (!list) return;
  const search = query();
  if (id) search.set("alert", id);
  else search.delete("alert");
  const text = search.toString();
  history.replaceState(null, "", text ? "/?" + text : "/");
}

// ── What somebody is at. ──

// What was fetched last and is not all shown yet: of the list, and of the open alert.
let listed = null;
// Whether a fetch of the list has failed since the last one that did not.
let missed = false;
let shown = null;
// Whether the open alert is no longer for these eyes.
let left = false;
// What the pointer went down on, until it is a click or none.
let pressed = null;
// Actions on their way: what they come from is exchanged when they are answered.
let acting = 0;

const FIELDS = "input, select, textarea";

// Whether somebody has something in here open, or is at it.
function isHeld(part) {
  const at = document.activeElement;
  const marked = getSelection();
  return (
    (pressed && part.contains(pressed)) ||
    part.querySelector("details.menu[open]") ||
    (part.contains(at) && at.matches(FIELDS)) ||
    (!marked.isCollapsed && marked.containsNode(part, true))
  );
}

// Shows what was fetched, as far as nobody is at it. Whatever lets go of something calls it again.
function settle() {
  if (listed && !(pressed && list.contains(pressed))) {
    const found = listed;
    listed = null;
    merge(found);
    catchUp();
  }
  if (acting) return;
  if (left && !isHeld(detail)) {
    shut();
    say("This alert is somebody else’s now.");
  } else if (shown && mergeParts(detail.querySelector("article"), shown)) {
    shown = null;
    mark();
  }
}

const later = () => setTimeout(settle);
const keyOf = (part) => part.dataset.part ?? part.tagName;

// Makes `from` what `to` is, part by part; tells whether that was all.
function mergeParts(from, to) {
  for (const { name, value } of to.attributes) from.setAttribute(name, value);
  const old = new Map([...from.children].map((part) => [keyOf(part), part]));
  let whole = true;
  let before = null;
  for (const next of to.children) {
    let part = old.get(keyOf(next));
    old.delete(keyOf(next));
    if (part) keepFolds(part, next);
    if (!part) {
      part = document.importNode(next, true);
      if (before) before.after(part);
      else from.prepend(part);
    } else if (!part.isEqualNode(next)) {
      if (!isHeld(part)) part = exchange(part, next);
      else if (!part.querySelector(":scope > [data-part]")) whole = false;
      else whole = mergeParts(part, next) && whole;
    }
    before = part;
  }
  for (const part of old.values()) {
    if (isHeld(part)) whole = false;
    else part.remove();
  }
  return whole;
}

// What somebody has unfolded to read stays so.
function keepFolds(part, next) {
  const folds = next.querySelectorAll("details:not(.menu)");
  part.querySelectorAll("details:not(.menu)").forEach((fold, i) => {
    if (folds[i]) folds[i].open = fold.open;
  });
}

// Puts a part in another's place: what was typed stays, and where one stands.
function exchange(part, next) {
  const fresh = document.importNode(next, true);
  for (const field of part.querySelectorAll("input[id], select[id]")) {
    const typed = field.matches("select") ? field.selectedIndex > 0 : field.value !== field.defaultValue;
    const heir = typed && fresh.querySelector("#" + field.id);
    if (heir && (!heir.options || [...heir.options].some((one) => one.value === field.value))) {
      heir.value = field.value;
    }
  }
  const at = part.contains(document.activeElement) && document.activeElement;
  const reached = "a, button, summary";
  const place = at ? [...part.querySelectorAll(reached)].indexOf(at) : -1;
  const key = at && at.closest("[data-key]")?.dataset.key;
  part.replaceWith(fresh);
  if (at) {
    const same = key ? fresh.querySelector(`[data-key="${key}"]`) : fresh.querySelectorAll(reached)[place];
    ((same?.matches("details") ? same.querySelector("summary") : same) ?? detail).focus({ preventScroll: true });
  }
  return fresh;
}

document.addEventListener("pointerdown", (event) => {
  pressed = event.button === 0 ? event.target : null;
});
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => {
    const lifted = pressed;
    // A finger's click comes a while after it.
    setTimeout(() => {
      if (pressed === lifted) pressed = null;
      settle();
    }, 400);
  });
}
document.addEventListener("focusout", later);
document.addEventListener("selectionchange", later);
document.addEventListener("toggle", later, true);

// ── Acting. ──

function say(text, undo = false) {
  const toast = byId("toast");
  toast.firstElementChild.textContent = text;
  toast.lastElementChild.hidden = !undo;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (toast.hidden = true), undo ? 8000 : 5000);
}

async function send(id, body) {
  const by = query().get("owner");
  const answer = await fetch(`/v1/alerts/${encodeURIComponent(id)}/actions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": document.body.dataset.csrf },
    body: JSON.stringify(by ? { ...body, by } : body),
  }).catch(() => null);
  if (!answer) return "The server does not answer. Nothing was changed.";
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? "That did not work.";
}

// What takes an action back: the alert stands again where it stood.
function inverse(body, before) {
  switch (body.action) {
    case "comment":
      return [{ action: "retract", note: body.note }];
    case "retract":
      return [{ action: "comment", note: body.note }];
    case "reassign":
      return [{ action: "reassign", owner: before.owner }];
    case "reopen":
      return [];
  }
  const again = {
    acknowledged: [{ action: "acknowledge" }],
    waiting: [{ action: "wait" }],
    snoozed: [{ action: "snooze", until: before.until }],
  };
  return [{ action: "reopen" }, ...(again[before.state] ?? [])];
}

// Tells whether all of it was done.
async function act(id, bodies, said, before) {
  acting += 1;
  try {
    for (const body of bodies) {
      const problem = await send(id, body);
      if (problem) return say(problem), false;
    }
  } finally {
    acting -= 1;
    later();
  }
  const back = before ? inverse(bodies[0], before) : [];
  undoing = back.length ? { id, bodies: back } : null;
  say(said, back.length > 0);
  refresh(id);
  if (opened() === id) renew();
  return true;
}

// What was refused stays as it was typed, and its menu open.
async function perform(element, more) {
  const { state, owner, until, id } = element.closest("article").dataset;
  const body = { ...JSON.parse(element.dataset.act), ...more };
  if (!(await act(id, [body], element.dataset.said, { state, owner, until }))) return;
  if (element.matches("form")) element.reset();
  const menu = element.closest("details.menu");
  if (!menu) return;
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus({ preventScroll: true });
  menu.open = false;
}

function press(button) {
  perform(button, button.dataset.until === "tomorrow" ? { until: tomorrow() } : {});
}

// What a form adds to its action: the fields that were filled in.
function filled(form) {
  const more = {};
  for (const field of form.elements) {
    const text = field.value?.trim();
    if (!field.name || !text) continue;
    if (field.type === "number") more[field.name] = Number(text);
    else if (field.type === "datetime-local") more[field.name] = text + ":00Z";
    else more[field.name] = text;
  }
  return more;
}

function undo() {
  if (undoing) act(undoing.id, undoing.bodies, "Undone");
}

document.addEventListener("click", (event) => {
  pressed = null;
  later();
  const button = event.target.closest("button[data-act]");
  if (button) return press(button);
  if (event.target.closest("[data-close]")) return shut();
  if (event.target.closest("#toast button")) return undo();
  if (event.target.closest("#help-open")) return byId("help").showModal();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const link = event.target.closest(".rows a");
  const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (link && detail && list && plain) {
    event.preventDefault();
    open(link.closest(".row").dataset.id, { focus: event.detail === 0 });
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  perform(form, filled(form));
});

// ── Filters. ──

const find = byId("find");
if (find) {
  byId("owner").addEventListener("change", () => find.requestSubmit());
  let wait;
  byId("q").addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => {
      const search = query();
      const text = byId("q").value.trim();
      if (text) search.set("q", text);
      else search.delete("q");
      search.delete("cursor");
      history.replaceState(null, "", "/?" + search);
      refresh();
    }, 150);
  });
  for (const menu of find.querySelectorAll("details.menu select")) {
    menu.addEventListener("change", () => find.requestSubmit());
  }
  find.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}

// ── Keyboard. ──

function rows() {
  return [...document.querySelectorAll(".rows .row a")];
}

function current() {
  const all = rows();
  const focused = all.indexOf(document.activeElement);
  return focused >= 0 ? focused : all.findIndex((link) => link.hasAttribute("aria-current"));
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const next = all[Math.min(all.length - 1, Math.max(0, current() + step))];
  next.focus();
  if (list && wide.matches) open(next.closest(".row").dataset.id);
}

async function onCurrent(key) {
  const link = rows()[current()];
  const id = link?.closest(".row").dataset.id ?? opened();
  if (!id || !detail) return;
  if (opened() !== id) await open(id);
  const target = detail.querySelector(`[data-key="${key}"]`);
  if (!target) return;
  if (target.tagName === "DETAILS") {
    target.open = true;
    target.querySelector("input, select, button").focus();
  } else if (target.tagName === "INPUT") {
    target.focus();
  } else {
    press(target);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (document.activeElement?.matches("input, select")) {
      document.activeElement.blur();
    } else if (!document.querySelector("dialog[open]") && main.classList.contains("is-open")) {
      shut();
    }
    return;
  }
  if (event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
  const run = {
    j: () => move(1),
    k: () => move(-1),
    u: undo,
    "?": () => byId("help").showModal(),
    "/": () => byId("q")?.focus(),
  }[event.key];
  if (run) {
    event.preventDefault();
    run();
  } else if ("aswlerc".includes(event.key)) {
    event.preventDefault();
    onCurrent(event.key);
  }
});

// ── The stream. ──

function listen() {
  const live = byId("live");
  if (!list || !window.EventSource || query().has("cursor")) return;
  const search = new URLSearchParams({ after: seq });
  const owner = query().get("owner");
  if (owner) search.set("owner", owner);
  const source = new EventSource("/v1/stream?" + search);
  live.hidden = false;
  const show = (on) => {
    live.classList.toggle("is-off", !on);
    live.lastElementChild.textContent = on ? "Live" : "Reconnecting";
  };
  source.onopen = () => {
    show(true);
    if (missed) refresh();
  };
  source.onerror = () => {
    show(false);
    // A refused connection is not tried again by the browser: do it here.
    if (source.readyState === EventSource.CLOSED) {
      refresh();
      setTimeout(listen, 5000);
    }
  };
  const hear = (event) => {
    seq = event.lastEventId || seq;
    // Who was away too long, or may see something else from now on, is told of no alert by itself.
    const { id } = JSON.parse(event.data);
    refresh(id);
    if (!id || id === opened()) renew();
  };
  for (const name of ["opened", "changed", "resync"]) source.addEventListener(name, hear);
  addEventListener("pagehide", () => source.close());
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
// Ages grow also when nothing happens.
setInterval(() => document.visibilityState === "visible" && refresh(), 60000);
mark();
listen();
