"use strict";
// The gallery: every sample a card, every chosen variant a picture on it; filters, overlays, and a
// dialog with all of one sample. Sprites are backgrounds, so pictures out of sight are not drawn.
(() => {
  const about = JSON.parse(document.getElementById("gallery-data").textContent);
  const form = document.getElementById("filters");
  const cards = document.getElementById("cards");
  const dialog = document.getElementById("sample");
  const empty = document.getElementById("empty");
  let task, shown = [];

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const at = (file, column, columns, row, rows) => {
    const piece = make("i");
    const place = (index, count) => (count > 1 ? (100 * index) / (count - 1) : 0);
    piece.style.backgroundImage = `url("${file}")`;
    piece.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    piece.style.backgroundPosition = `${place(column, columns)}% ${place(row, rows)}%`;
    return piece;
  };
  const tile = (layers, label, open) => {
    const element = make(open ? "button" : "div", { className: "tile" }, ...layers.filter(Boolean));
    element.style.aspectRatio = `${task.size[1]} / ${task.size[0]}`;
    element.setAttribute("aria-label", label);
    if (open) { element.type = "button"; element.addEventListener("click", open); }
    else element.setAttribute("role", "img");
    return element;
  };
  const picture = (variant, kind, column) => {
    const row = variant.kinds.indexOf(kind);
    return row < 0 ? null : at(variant.pictures, column, task.samples.length, row, variant.kinds.length);
  };
  const overlay = (variant, title, column) => {
    const row = variant.maps.indexOf(title);
    if (row < 0) return null;
    const piece = at(variant.overlays, column, task.samples.length, row, variant.maps.length);
    piece.style.opacity = form.elements.strength.value;
    return piece;
  };
  const asked = () => {
    const kind = form.elements.overlay.value;
    return kind === "none" ? "" : kind === "true masks" ? kind : `${kind}/${form.elements.map.value}`;
  };
  const known = (title) => task.variants.find((v) => v.maps.includes(title));
  const over = (variant, title, column) => {
    const from = title === "true masks" ? known(title) : variant;
    return title && from ? overlay(from, title, column) : null;
  };
  const word = (text) => make("span", { className: "word" }, ...[...text].map((letter, i) => {
    const one = make("span", { textContent: letter });
    one.style.borderColor = about.hues[i % about.hues.length];
    return one;
  }));
  const judged = (texts, rights) => (variant, column) => {
    const kind = form.elements.kind.value, text = variant[texts][kind][column];
    return text === null ? null : variant[rights][kind][column] ?? Number(text === task.samples[column].word);
  };
  const right = judged("read", "right"), rightBySecond = judged("second", "second_right");
  const oneAlone = (variant, column) => {
    const pair = [right(variant, column), rightBySecond(variant, column)];
    return !pair.includes(null) && pair[0] !== pair[1];
  };
  const said = (variant, column) => {
    const kind = form.elements.kind.value;
    if (variant.status[column] && variant.status[column] !== "ok")
      return make("span", { className: "wrong", textContent: `${variant.status[column]}: ${variant.reason[column] || ""}` });
    const first = variant.read[kind][column], second = variant.second[kind][column];
    if (first === null) return make("span", { textContent: "not read" });
    const good = right(variant, column) === 1;
    const text = `${good ? "✓" : "✗"} ${first || "(nothing)"}` + (second !== null && second !== first ? ` / ${second || "(nothing)"}` : "");
    return make("span", { className: good ? "right" : "wrong", textContent: text, title: "read by the judge / by the second judge where it differs" });
  };
  const chosen = () => {
    const names = new Set([...form.querySelectorAll("[name=variant]:checked")].map((box) => box.value));
    return task.variants.filter((variant) => names.has(variant.name));
  };
  const facts = (sample) => [
    sample.source_word !== sample.word ? `over ${sample.source_word}` : "",
    sample.font ? `${sample.font}${sample.font_style ? ` (${sample.font_style})` : ""}` : "",
    sample.font_seen === true ? "seen font" : sample.font_seen === false ? "unseen font" : "",
    sample.word_kind || "", sample.source || "",
  ].filter(Boolean).join(" · ");

  function card(column) {
    const sample = task.samples[column], first = task.variants[0], title = asked();
    const row = make("div", { className: "row" });
    for (const kind of ["truth", "target"])
      if (first.kinds.includes(kind))
        row.append(make("div", { className: "shown" },
          tile([picture(first, kind, column), title === "true masks" && (kind === "target" || !first.kinds.includes("target")) ? over(first, title, column) : null], `${kind}, ${sample.word}`, () => open(column)),
          make("b", { textContent: kind === "truth" ? "photograph" : "true picture" })));
    for (const variant of chosen())
      row.append(make("div", { className: "shown" },
        tile([picture(variant, form.elements.kind.value, column), over(variant, title, column)], `${sample.word} by ${variant.name}`, () => open(column)),
        make("b", { textContent: variant.name }), said(variant, column)));
    return make("li", { className: "card" },
      make("p", {}, word(sample.word), ` ${facts(sample)}`), row);
  }

  function open(column) {
    const sample = task.samples[column], first = task.variants[0];
    const body = dialog.querySelector(".body");
    body.replaceChildren(make("h3", {}, word(sample.word), ` ${sample.id}`), make("p", { className: "note", textContent: facts(sample) }));
    const top = make("div", { className: "row" });
    for (const kind of ["truth", "target"]) if (first.kinds.includes(kind))
      top.append(make("div", { className: "shown" }, tile([picture(first, kind, column)], kind), make("b", { textContent: kind === "truth" ? "photograph" : "true picture" })));
    const truth = known("true masks"), real = first.kinds.includes("target") ? "target" : "truth";
    if (truth) top.append(make("div", { className: "shown" }, tile([picture(first, real, column), overlay(truth, "true masks", column)], "true masks"), make("b", { textContent: "true masks" })));
    body.append(top);
    for (const variant of chosen()) {
      const row = make("div", { className: "row" });
      for (const kind of ["raw", "composited"]) if (variant.kinds.includes(kind))
        row.append(make("div", { className: "shown" }, tile([picture(variant, kind, column)], kind), make("b", { textContent: kind })));
      for (const title of variant.maps) if (title !== "true masks")
        row.append(make("div", { className: "shown" }, tile([picture(variant, real, column), overlay(variant, title, column)], title), make("b", { textContent: name(title) })));
      body.append(make("h3", { textContent: variant.name }), make("p", {}, said(variant, column)), row);
    }
    dialog.dataset.column = column;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  const name = (title) => {
    const [kind, level, ...layer] = title.split("/");
    return `${kind}, t = ${level}${layer.length ? `, ${layer.join("/").replace(/_blocks|\.attentions|\.transformer_blocks\.0/g, "")}` : ""}`;
  };
  const step = (by) => {
    const place = shown.indexOf(Number(dialog.dataset.column)) + by;
    if (place >= 0 && place < shown.length) open(shown[place]);
  };

  function draw() {
    const kind = form.elements.kind.value, variants = chosen();
    const least = (column) => Math.min(...variants.map((v) => right(v, column) ?? 2));
    const most = (column) => Math.max(...variants.map((v) => right(v, column) ?? -1));
    const tests = [
      [form.elements.reading.value, { all: () => true, misread: (c) => least(c) === 0, read: (c) => most(c) === 1,
        differ: (c) => least(c) === 0 && most(c) === 1, alone: (c) => variants.some((v) => oneAlone(v, c)) }],
      [form.elements.font.value, { all: () => true, seen: (c) => task.samples[c].font_seen === true, unseen: (c) => task.samples[c].font_seen === false }],
    ];
    const length = form.elements.letters.value, words = form.elements.words.value;
    const text = form.elements.text.value.trim().toLowerCase();
    shown = task.samples.map((_, column) => column).filter((column) => {
      const sample = task.samples[column];
      return tests.every(([value, test]) => test[value](column))
        && (length === "all" || String(sample.word.length) === length)
        && (words === "all" || sample.word_kind === words)
        && (!text || `${sample.word} ${sample.source_word} ${sample.font || ""}`.toLowerCase().includes(text));
    });
    const worst = task.variants.find((v) => `worst ${v.name}` === form.elements.order.value);
    if (worst) shown.sort((a, b) => (worst.likeness[kind][a] ?? 2) - (worst.likeness[kind][b] ?? 2) || a - b);
    cards.replaceChildren(...shown.map(card));
    empty.hidden = shown.length > 0;
    document.getElementById("count").textContent = `${shown.length} of ${task.samples.length} samples`;
  }

  function options(select, values) {
    select.replaceChildren(...values.map(([value, text]) => make("option", { value, textContent: text })));
  }
  function choose() {
    task = about.tasks[form.elements.task.value];
    const boxes = task.variants.map((variant, i) => make("label", {}, make("input", { type: "checkbox", name: "variant", value: variant.name, checked: i < 6 }), variant.name));
    form.querySelector("fieldset").replaceChildren(make("legend", { textContent: "Variants (first seed)" }), ...boxes);
    const maps = [...new Set(task.variants.flatMap((v) => v.maps).filter((t) => t.startsWith("attention/")).map((t) => t.slice(10)))];
    options(form.elements.map, maps.map((m) => [m, name(`/${m}`).replace(/^, /, "")]));
    const middle = maps.filter((m) => !m.includes("/"));
    if (middle.length) form.elements.map.value = middle[Math.floor(middle.length / 2)];
    options(form.elements.order, [["drawn", "as in the list"], ...task.variants.map((v) => [`worst ${v.name}`, `worst of ${v.name} first`])]);
    options(form.elements.letters, [["all", "any"], ...[...new Set(task.samples.map((s) => s.word.length))].sort((a, b) => a - b).map((n) => [n, n])]);
    options(form.elements.words, [["all", "any"], ...[...new Set(task.samples.map((s) => s.word_kind).filter(Boolean))].map((k) => [k, k])]);
    draw();
  }
  options(form.elements.task, Object.keys(about.tasks).map((name) => [name, name]));
  form.addEventListener("change", (event) => (event.target.name === "task" ? choose() : draw()));
  form.addEventListener("input", (event) => { if (["text", "strength"].includes(event.target.name)) draw(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
  dialog.querySelector("[name=before]").addEventListener("click", () => step(-1));
  dialog.querySelector("[name=after]").addEventListener("click", () => step(1));
  dialog.querySelector("[name=close]").addEventListener("click", () => dialog.close());
  choose();
})();
