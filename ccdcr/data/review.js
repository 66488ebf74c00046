
"use strict";
/* Everything is drawn from the JSON in the page. Texts of the frame reach the page as
   text nodes only, never as markup. */
(() => {
  const by = (id) => document.getElementById(id);
  const content = JSON.parse(by("content").textContent);
  const columns = content.columns;
  const column = (name) => columns.find((one) => one.name === name).values;
  const [rows, cols] = content.shape;
  const label = column("label");
  const x = column("x_centroid"), y = column("y_centroid");
  const box = ["xmin", "xmax", "ymin", "ymax"].map((name) => column("bbox_" + name));
  const n = label.length;
  const PAGE = 50;
  const SIGNS = { undecided: "\u2013", accepted: "\u2713", rejected: "\u2717", alone: "\u25c7" };
  const WORDS = { undecided: "undecided", accepted: "accepted", rejected: "rejected", alone: "left alone" };

  /* ---- decisions ---- */

  const storageKey = "ccdcr-review-" + content.frame;
  const decisions = new Map(); // label -> "accepted" or "rejected"
  let stored = true;
  let unsaved = false;

  function recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(storageKey) || "{}");
      for (const one of label.slice(0, content.removed)) {
        if (kept[one] === "accepted" || kept[one] === "rejected") decisions.set(one, kept[one]);
      }
    } catch { stored = false; }
  }

  function keep() {
    unsaved = true;
    try {
      localStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(decisions)));
    } catch { stored = false; }
  }

  const stateOf = (i) => (i >= content.removed ? "alone" : decisions.get(label[i]) || "undecided");
  const rejectedLabels = () => label.filter((one) => decisions.get(one) === "rejected");

  function decide(i, state) {
    if (i === null) return;
    if (i >= content.removed) {
      say(`Detection ${label[i]} was left alone: there is nothing to put back.`);
      return;
    }
    if (state === "undecided") decisions.delete(label[i]);
    else decisions.set(label[i], state);
    keep();
    showProgress();
    showRow(i);
    if (i === selected) showDetail();
    drawSoon();
    say(`Detection ${label[i]} ${state}.`);
  }

  function save() {
    const saved = { ccdcr: content.ccdcr, frame: content.frame, rejected: rejectedLabels() };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(saved) + "\n"], { type: "application/json" }));
    link.download = "decisions.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    unsaved = false;
    say(`Saved: ${saved.rejected.length} rejected.`);
  }

  async function load(file) {
    try {
      const found = JSON.parse(await file.text());
      if (found.frame !== content.frame) throw new Error("these decisions are of another frame");
      const known = new Set(label.slice(0, content.removed));
      if (!Array.isArray(found.rejected) || !found.rejected.every((one) => known.has(one))) {
        throw new Error("these are no decisions about this frame");
      }
      for (const [one, state] of decisions) if (state === "rejected") decisions.delete(one);
      for (const one of found.rejected) decisions.set(one, "rejected");
      keep();
      refresh();
      say(`Loaded: ${found.rejected.length} rejected.`);
    } catch (error) { say(`Not loaded: ${error.message}.`); }
  }

  /* ---- text on the page ---- */

  let quiet = 0;
  function say(text) {
    by("status").textContent = text;
    clearTimeout(quiet);
    quiet = setTimeout(() => { by("status").textContent = ""; }, 4000);
  }

  function make(tag, text, name) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  }

  function shown(value, one) {
    if (value === null || value === undefined) return "\u2013";
    if (one && one.kind === "truth") return value ? "yes" : "no";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    return String(Number(value.toPrecision(5)));
  }

  function showProgress() {
    let no = 0, yes = 0;
    for (const state of decisions.values()) if (state === "rejected") no += 1; else yes += 1;
    const left = content.removed - no - yes;
    const lost = stored ? "" : "; kept only until this page is closed";
    by("progress").textContent = `${no} rejected, ${yes} accepted, ${left} undecided${lost}`;
  }

  function showAbout() {
    for (const note of content.notes) by("notes").append(make("li", note));
    by("left-out").textContent = content.notes.slice(1).join(" ");
    for (const [key, value, comment] of content.cards) {
      const text = make("dd");
      text.append(make("bdi", value)); // what turns writing around does so in it alone
      if (comment) text.append(make("span", ` (${comment})`, "note"));
      by("cards").append(make("dt", key), text);
    }
    by("names").textContent = columns.map((one) => one.name).join(", ");
  }

  /* ---- small pictures ---- */

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const thumbs = content.thumbnails;
  const side = thumbs.side;
  const rank = new Map(thumbs.rows.map((row, k) => [row, k]));
  let levels = null, changes = null; // decoded when first asked for
  let inverted = false;

  function levelsOf(k, after) {
    levels = levels || bytes(thumbs.levels);
    changes = changes || bytes(thumbs.changes);
    const own = new Uint8Array(side * side);
    const grey = levels.slice(k * side * side, (k + 1) * side * side);
    for (let c = thumbs.start[k]; c < thumbs.start[k + 1]; c += 1) {
      const high = changes[3 * c + 1];
      const place = changes[3 * c] + 256 * (high & 0x7f);
      own[place] = high >> 7;
      if (after) grey[place] = changes[3 * c + 2];
    }
    return [grey, own];
  }

  function paint(canvas, i, after) {
    canvas.width = canvas.height = side;
    const pen = canvas.getContext("2d");
    const [grey, own] = levelsOf(rank.get(i), after);
    const image = pen.createImageData(side, side);
    grey.forEach((level, place) => {
      const row = side - 1 - Math.floor(place / side); // row 0 is at the bottom
      const at = 4 * (row * side + (place % side));
      const shade = inverted ? level : 255 - level;
      image.data.set(level ? [shade, shade, shade, 255] : [120, 150, 190, 255], at);
    });
    pen.putImageData(image, 0, 0);
    return own;
  }

  function paintLarge(canvas, i, after) {
    const small = document.createElement("canvas");
    const own = paint(small, i, after);
    const zoom = 12;
    canvas.width = canvas.height = side * zoom;
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    if (!by("outline").checked) return;
    const has = (r, c) => r >= 0 && c >= 0 && r < side && c < side && own[r * side + c];
    pen.beginPath();
    for (let place = 0; place < own.length; place += 1) {
      if (!own[place]) continue;
      const r = Math.floor(place / side), c = place % side;
      const left = c * zoom, top = (side - 1 - r) * zoom, right = left + zoom, bottom = top + zoom;
      if (!has(r + 1, c)) { pen.moveTo(left, top); pen.lineTo(right, top); }
      if (!has(r - 1, c)) { pen.moveTo(left, bottom); pen.lineTo(right, bottom); }
      if (!has(r, c - 1)) { pen.moveTo(left, top); pen.lineTo(left, bottom); }
      if (!has(r, c + 1)) { pen.moveTo(right, top); pen.lineTo(right, bottom); }
    }
    stroke(pen, "#d9480f", 2.5);
  }

  function stroke(pen, colour, width) {
    pen.strokeStyle = "rgba(255, 255, 255, .85)";
    pen.lineWidth = width + 2;
    pen.stroke();
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
  }

  /* ---- the selected detection ---- */

  let selected = null; // row of the table

  function showDetail() {
    const none = selected === null;
    const state = none ? "" : stateOf(selected);
    by("detail-title").textContent = none ? "Nothing selected"
      : `Detection ${label[selected]}: ${SIGNS[state]} ${WORDS[state]}`;
    const pictured = !none && rank.has(selected);
    by("no-picture").hidden = none || pictured;
    for (const name of ["before", "after"]) {
      const canvas = by("large-" + name);
      canvas.parentElement.hidden = !pictured;
      if (!pictured) continue;
      paintLarge(canvas, selected, name === "after");
      const k = rank.get(selected);
      const last = side * thumbs.step[k] - 1;
      const part = `columns ${thumbs.x[k]} to ${thumbs.x[k] + last}, rows ${thumbs.y[k]} to ${thumbs.y[k] + last}`;
      canvas.setAttribute("aria-label", `Detection ${label[selected]} ${name}: ${part}`);
      canvas.title = part;
    }
    for (const [name, wanted] of [["accept", "accepted"], ["reject", "rejected"], ["clear", "undecided"]]) {
      by(name).disabled = none || state === "alone";
      by(name).setAttribute("aria-pressed", String(state === wanted));
    }
    by("values").replaceChildren();
    for (const one of none ? [] : columns.slice(1)) {
      if (one.name.startsWith("bbox_")) continue;
      const value = shown(one.values[selected], one) + (one.unit && one.values[selected] !== null ? " " + one.unit : "");
      by("values").append(make("dt", one.name), make("dd", value === "" ? "\u2013" : value));
    }
  }

  function select(i, { speak = true, centre = true } = {}) {
    const old = selected;
    selected = i;
    showDetail();
    if (i !== null) {
      const at = order.indexOf(i);
      if (at >= 0 && Math.floor(at / PAGE) !== page) { page = Math.floor(at / PAGE); showTable(); }
      for (const one of [old, i]) if (one !== null) showRow(one);
      scrollToSelected();
      if (centre) bringIntoView(i);
      if (speak) say(`Detection ${label[i]}, ${WORDS[stateOf(i)]}, ${at + 1} of ${order.length}.`);
    }
    drawSoon();
  }

  /* In the list alone: the page stays where it is. */
  function scrollToSelected() {
    const row = by("body").querySelector("[aria-current=true]");
    if (!row) return;
    const part = by("scroll").getBoundingClientRect(), place = row.getBoundingClientRect();
    const above = part.top + by("head").offsetHeight + 2 - place.top;
    const below = place.bottom + 2 - part.top - by("scroll").clientHeight;
    if (above > 0) by("scroll").scrollTop -= above;
    else if (below > 0) by("scroll").scrollTop += below;
  }

  function move(steps) {
    if (!order.length) return;
    const at = order.indexOf(selected);
    const to = at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + steps));
    select(order[to]);
  }

  /* ---- the list ---- */

  let order = []; // rows that pass the filter, sorted
  let page = 0;
  let sorted = { name: "label", down: false };
  const texts = columns.filter((one) => one.kind === "text");
  const listed = [ // reasons are what decides: they come first
    columns[0], ...texts,
    ...columns.slice(1).filter((one) => !texts.includes(one) && !one.name.startsWith("bbox_")),
  ];

  const COMPARE = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
    "=": (a, b) => a === b, "!=": (a, b) => a !== b, ":": (a, b) => String(a).includes(b),
  };

  /* One word of the filter, as a function of the row. */
  function test(word) {
    const found = /^(\w+)(<=|>=|!=|[<>=:])(.*)$/.exec(word);
    if (!found) {
      const text = word.toLowerCase();
      return (i) => String(label[i]) === text || WORDS[stateOf(i)].includes(text)
        || texts.some((one) => one.values[i] !== null && one.values[i].toLowerCase().includes(text));
    }
    const [, name, sign, given] = found;
    const one = columns.find((each) => each.name === name);
    if (!one) throw new Error(`no column ${name}`);
    const compare = COMPARE[sign];
    if (one.kind === "number" && sign !== ":") {
      const number = Number(given);
      if (given === "" || Number.isNaN(number)) throw new Error(`${name} needs a number`);
      return (i) => one.values[i] !== null && compare(one.values[i], number);
    }
    const text = given.toLowerCase().replace(/^true$/, "yes").replace(/^false$/, "no");
    return (i) => compare(one.values[i] === null ? "" : shown(one.values[i], one).toLowerCase(), text);
  }

  function arrange() {
    const input = by("filter");
    let tests = [], wrong = "";
    try {
      const words = input.value.match(/(?:[^\s"]+|"[^"]*")+/g) || [];
      tests = words.map((word) => test(word.replaceAll('"', "")));
    } catch (error) { wrong = error.message; }
    input.setAttribute("aria-invalid", String(wrong !== ""));
    const state = by("state").value;
    order = [...Array(n).keys()].filter((i) => (!state || stateOf(i) === state) && tests.every((passes) => passes(i)));
    const values = sorted.name === "decision" ? label.map((_, i) => stateOf(i)) : column(sorted.name);
    const sign = sorted.down ? -1 : 1;
    order.sort((a, b) => {
      const [one, other] = [values[a], values[b]];
      if (one === other) return a - b;
      if (one === null || one === "") return 1; // what is not known comes last
      if (other === null || other === "") return -1;
      return one < other ? -sign : sign;
    });
    by("found").textContent = wrong || (order.length === n ? `${n}` : `${order.length} of ${n}`);
    page = Math.max(0, Math.floor(order.indexOf(selected) / PAGE));
  }

  function showHead() {
    const cells = [{ name: "pictures", kind: "" }, { name: "decision", kind: "" }];
    const [first, ...rest] = listed;
    by("head").replaceChildren(...[first, ...cells, ...rest].map((one) => {
      const cell = make("th", undefined, one.kind);
      cell.scope = "col";
      cell.dataset.name = one.name;
      if (one.name === "pictures") {
        cell.textContent = "before, after";
        return cell;
      }
      const mine = sorted.name === one.name;
      cell.setAttribute("aria-sort", mine ? (sorted.down ? "descending" : "ascending") : "none");
      const button = make("button", one.name + (mine ? (sorted.down ? " \u25bc" : " \u25b2") : ""));
      button.addEventListener("click", () => {
        sorted = { name: one.name, down: mine && !sorted.down };
        refresh();
        by("head").querySelector("[aria-sort$=ending] button").focus();
        say(`Sorted by ${one.name}, ${sorted.down ? "descending" : "ascending"}.`);
      });
      cell.append(button);
      if (one.unit) cell.append(make("small", one.unit));
      return cell;
    }));
  }

  function fill(row, i) {
    const state = stateOf(i);
    row.className = state;
    row.dataset.row = i;
    row.setAttribute("aria-current", String(i === selected));
    const [first, ...rest] = listed.map((one) => make("td", shown(one.values[i], one), one.kind));
    first.className = "label number";
    const pictures = make("td", undefined, "thumbs");
    const pair = make("div", undefined, "bar");
    for (const after of rank.has(i) ? [false, true] : []) {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", after ? "after" : "before");
      paint(canvas, i, after);
      pair.append(canvas);
    }
    pictures.append(pair);
    const decision = make("td", undefined, "state");
    for (const wanted of state === "alone" ? [] : ["accepted", "rejected"]) {
      const button = make("button", SIGNS[wanted]);
      button.tabIndex = -1; // with the keys these are a and r
      button.title = wanted === "accepted" ? "accept" : "reject";
      button.setAttribute("aria-label", `${button.title} detection ${label[i]}`);
      button.setAttribute("aria-pressed", String(state === wanted));
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        select(i, { speak: false });
        decide(i, state === wanted ? "undecided" : wanted);
      });
      decision.append(button);
    }
    decision.append(`${state === "alone" ? SIGNS.alone + " " : ""}${WORDS[state]}`);
    row.replaceChildren(first, pictures, decision, ...rest);
  }

  function showRow(i) {
    const row = by("body").querySelector(`[data-row="${i}"]`);
    if (row) fill(row, i);
  }

  function showTable() {
    const first = page * PAGE;
    const part = order.slice(first, first + PAGE);
    by("body").replaceChildren(...part.map((i) => {
      const row = document.createElement("tr");
      fill(row, i);
      row.addEventListener("click", () => select(i));
      return row;
    }));
    const pages = Math.max(1, Math.ceil(order.length / PAGE));
    by("page").textContent = order.length
      ? `page ${page + 1} of ${pages}: ${first + 1} to ${first + part.length} of ${order.length}`
      : n ? "nothing passes the filter" : "nothing was found";
    by("back").disabled = page === 0;
    by("forth").disabled = page >= pages - 1;
  }

  function turn(pages) {
    const to = Math.min(Math.ceil(order.length / PAGE) - 1, Math.max(0, page + pages));
    if (to >= 0 && to !== page) select(order[to * PAGE]);
  }

  function refresh() {
    arrange();
    showHead();
    showTable();
    showProgress();
    showDetail();
    drawSoon();
  }

  /* ---- the frame ---- */

  const canvas = by("frame");
  const view = { x: 0, y: 0, scale: 1 }; // centre, and screen pixels for one of the frame
  const pictures = {};
  let which = "before";
  let waiting = false;
  let marked = true;
  let smallest = 6; // half of a marker: less where there are many
  let fitted = Infinity; // scale at which all is seen, before the window has changed

  const least = () => Math.min(canvas.clientWidth / cols, canvas.clientHeight / rows);
  const toScreen = (px, py) => [
    canvas.clientWidth / 2 + (px - view.x) * view.scale, canvas.clientHeight / 2 - (py - view.y) * view.scale,
  ];
  const toFrame = (sx, sy) => [
    view.x + (sx - canvas.clientWidth / 2) / view.scale, view.y - (sy - canvas.clientHeight / 2) / view.scale,
  ];

  /* As far in or out as makes sense, and no farther than the edges of the frame. */
  function look(px, py, scale) {
    view.scale = Math.max(least(), Math.min(40, scale));
    const within = (at, size, length) => {
      const half = length / 2 / view.scale;
      return 2 * half >= size ? (size - 1) / 2 : Math.min(size - 0.5 - half, Math.max(half - 0.5, at));
    };
    view.x = within(px, cols, canvas.clientWidth);
    view.y = within(py, rows, canvas.clientHeight);
    drawSoon();
  }

  const fit = () => look(0, 0, 0);

  function zoom(factor, sx = canvas.clientWidth / 2, sy = canvas.clientHeight / 2) {
    const [px, py] = toFrame(sx, sy);
    const scale = Math.max(least(), Math.min(40, view.scale * factor));
    const part = view.scale / scale; // what is under the pointer stays there
    look(px + (view.x - px) * part, py + (view.y - py) * part, scale);
  }

  const pan = (dx, dy) => look(view.x + dx, view.y + dy, view.scale);

  function bringIntoView(i) {
    const [sx, sy] = toScreen(x[i], y[i]);
    const outside = sx < 20 || sy < 20 || sx > canvas.clientWidth - 20 || sy > canvas.clientHeight - 20;
    if (outside) look(x[i], y[i], view.scale);
  }

  function zoomTo(i) {
    if (i === null) return;
    const extent = Math.max(box[1][i] - box[0][i], box[3][i] - box[2][i]) + 1;
    const scale = Math.min(canvas.clientWidth, canvas.clientHeight) / (extent + 40);
    look(x[i], y[i], Math.min(20, scale));
  }

  function drawSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function draw() {
    const dense = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    const image = pictures[which];
    if (image) drawImage(pen, image);
    drawMarkers(pen);
  }

  function drawImage(pen, image) {
    const [left, bottom] = toScreen(-0.5, -0.5);
    const [right, top] = toScreen(cols - 0.5, rows - 0.5);
    const block = content.step * view.scale;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, bottom - top); // the last blocks may stick out
    pen.clip();
    pen.imageSmoothingEnabled = block < 1;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image, left, bottom - image.height * block, image.width * block, image.height * block);
    if (inverted) {
      pen.globalCompositeOperation = "difference";
      pen.fillStyle = "white";
      pen.fillRect(left, top, right - left, bottom - top);
      pen.globalCompositeOperation = "source-over";
    }
    drawDetails(pen);
    pen.restore();
  }

  /* Over a reduced frame: the detections with their own pixels, where they are few. */
  function drawDetails(pen) {
    if (content.step === 1 || view.scale * content.step < 4) return;
    pen.imageSmoothingEnabled = false;
    for (const i of inView().filter((one) => rank.has(one)).slice(0, 40)) {
      const k = rank.get(i), size = side * thumbs.step[k];
      if (thumbs.step[k] >= content.step) continue;
      const small = document.createElement("canvas");
      paint(small, i, which === "after");
      const [sx, sy] = toScreen(thumbs.x[k] - 0.5, thumbs.y[k] + size - 0.5);
      pen.drawImage(small, sx, sy, size * view.scale, size * view.scale);
    }
  }

  const inView = () => order.filter((i) => {
    const [sx, sy] = toScreen(x[i], y[i]);
    return sx > -50 && sy > -50 && sx < canvas.clientWidth + 50 && sy < canvas.clientHeight + 50;
  });

  const SHAPES = {
    undecided(pen, sx, sy, half) { pen.moveTo(sx + half, sy); pen.arc(sx, sy, half, 0, 7); },
    accepted(pen, sx, sy, half) { pen.rect(sx - half, sy - half, 2 * half, 2 * half); },
    rejected(pen, sx, sy, half) {
      pen.moveTo(sx - half, sy - half); pen.lineTo(sx + half, sy + half);
      pen.moveTo(sx - half, sy + half); pen.lineTo(sx + half, sy - half);
    },
    alone(pen, sx, sy, half) {
      pen.moveTo(sx, sy - half); pen.lineTo(sx + half, sy); pen.lineTo(sx, sy + half);
      pen.lineTo(sx - half, sy); pen.closePath();
    },
  };
  const COLOURS = { undecided: "#c2410c", accepted: "#15803d", rejected: "#1d4ed8", alone: "#86198f" };

  function halfOf(i) {
    const extent = Math.max(box[1][i] - box[0][i], box[3][i] - box[2][i]) + 1;
    return Math.max(smallest, 0.6 * extent * view.scale + smallest / 2);
  }

  function drawMarkers(pen) {
    const seen = marked ? inView() : [];
    smallest = seen.length > 1500 ? 1.5 : seen.length > 500 ? 3 : 6;
    for (const state of Object.keys(SHAPES)) {
      pen.beginPath();
      for (const i of seen) {
        if (stateOf(i) !== state || i === selected) continue;
        const [sx, sy] = toScreen(x[i], y[i]);
        SHAPES[state](pen, sx, sy, halfOf(i));
      }
      if (smallest < 2) {
        pen.strokeStyle = COLOURS[state];
        pen.lineWidth = 1;
        pen.stroke();
      } else stroke(pen, COLOURS[state], 1.5);
    }
    if (selected === null) return;
    const [sx, sy] = toScreen(x[selected], y[selected]);
    const half = Math.max(8, halfOf(selected));
    pen.beginPath();
    SHAPES[stateOf(selected)](pen, sx, sy, half);
    for (const [ux, uy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(sx + ux * (half + 5), sy + uy * (half + 5));
      pen.lineTo(sx + ux * (half + 19), sy + uy * (half + 19));
    }
    stroke(pen, COLOURS[stateOf(selected)], 3);
  }

  function blink() {
    which = which === "before" ? "after" : "before";
    by("which").textContent = which;
    describeFrame();
    drawSoon();
    say(`Frame ${which}.`);
  }

  function describeFrame() {
    canvas.setAttribute("aria-label",
      `The frame ${which} cleaning, ${cols} columns and ${rows} rows, with a marker at each detection of the list`);
  }

  function invert() {
    inverted = !inverted;
    by("invert").setAttribute("aria-pressed", String(inverted));
    refresh();
  }

  function mark() {
    marked = !marked;
    by("mark").setAttribute("aria-pressed", String(marked));
    drawSoon();
  }

  function listenToFrame() {
    let drag = null;
    const at = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      drag = { at: at(event), moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [sx, sy] = at(event);
      const [px, py] = toFrame(sx, sy).map(Math.round);
      const inside = px >= 0 && py >= 0 && px < cols && py < rows;
      by("place").textContent = inside ? `x ${px}, y ${py}` : "";
      if (!drag) return;
      const [dx, dy] = [sx - drag.at[0], sy - drag.at[1]];
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      drag = { at: [sx, sy], moved: true };
      pan(-dx / view.scale, dy / view.scale);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) pickAt(...at(event));
      drag = null;
    });
    canvas.addEventListener("pointercancel", () => { drag = null; });
    new ResizeObserver(() => {
      const whole = view.scale <= fitted;
      fitted = least();
      look(view.x, view.y, whole ? fitted : view.scale);
    }).observe(canvas);
  }

  function pickAt(sx, sy) {
    let best = null, nearest = Infinity;
    for (const i of order) {
      const [mx, my] = toScreen(x[i], y[i]);
      const away = Math.hypot(mx - sx, my - sy);
      if (away < nearest && away < halfOf(i) + 8) { nearest = away; best = i; }
    }
    if (best !== null) select(best, { centre: false });
  }

  /* ---- keys and buttons ---- */

  const ACTIONS = {
    r: () => decide(selected, "rejected"), a: () => decide(selected, "accepted"), u: () => decide(selected, "undecided"),
    b: blink, i: invert, m: mark, s: save, z: () => zoomTo(selected), 0: fit,
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
    o: () => { by("outline").checked = !by("outline").checked; showDetail(); },
    "/": () => by("filter").focus(), "?": () => by("about").showModal(),
    ArrowUp: () => move(-1), ArrowLeft: () => move(-1), ArrowDown: () => move(1), ArrowRight: () => move(1),
    Home: () => move(-n), End: () => move(n), PageUp: () => turn(-1), PageDown: () => turn(1),
  };
  const STEPS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || by("about").open) return;
    if (event.target.matches("input[type=search], select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key.length === 1 && !by("keys").checked) return;
    if (event.shiftKey && STEPS[event.key]) {
      const far = canvas.clientWidth / 8 / view.scale;
      pan(...STEPS[event.key].map((part) => part * far));
    } else if (Object.hasOwn(ACTIONS, event.key)) ACTIONS[event.key]();
    else return;
    event.preventDefault();
  }

  function listen() {
    document.addEventListener("keydown", onKey);
    const clicks = {
      save, load: () => by("file").click(), tell: ACTIONS["?"], blink, fit, invert, mark, closer: ACTIONS["+"],
      farther: ACTIONS["-"], focus: ACTIONS.z, accept: ACTIONS.a, reject: ACTIONS.r, clear: ACTIONS.u,
      previous: ACTIONS.ArrowUp, next: ACTIONS.ArrowDown, back: () => turn(-1), forth: () => turn(1),
    };
    for (const [id, action] of Object.entries(clicks)) by(id).addEventListener("click", action);
    by("file").addEventListener("change", (event) => {
      if (event.target.files.length) load(event.target.files[0]);
      event.target.value = "";
    });
    by("outline").addEventListener("change", showDetail);
    by("state").addEventListener("change", refresh);
    by("filter").addEventListener("input", refresh);
    window.addEventListener("beforeunload", (event) => { if (unsaved && !stored) event.preventDefault(); });
    listenToFrame();
  }

  function begin() {
    for (const name of ["before", "after"]) {
      const image = new Image();
      image.addEventListener("load", () => { pictures[name] = image; drawSoon(); });
      image.src = "data:image/png;base64," + content[name];
    }
    recall();
    showAbout();
    describeFrame();
    listen();
    fit();
    if (n) selected = 0;
    refresh();
  }

  begin();
})();
