"use strict";
// Votes: a random order and random sides, drawn once a rater and kept with the votes.
(() => {
  const about = JSON.parse(document.getElementById("human-data").textContent);
  const by = (id) => document.getElementById(id);
  const store = `human-${about.key}`;
  const fresh = () => {
    const order = about.samples.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    const rater = [...crypto.getRandomValues(new Uint8Array(6))].map((b) => b.toString(16).padStart(2, "0")).join("");
    return { rater, order: order.map((sample) => [sample, Math.random() < 0.5]), votes: [] };
  };
  const kept = localStorage.getItem(store);
  const state = kept ? JSON.parse(kept) : fresh();
  const paint = (element, side, column) => {
    const from = about.sides[side], columns = about.samples.length, rows = from.kinds.length;
    const row = from.kinds.indexOf("composited");
    const piece = document.createElement("i");
    piece.style.backgroundImage = `url("${from.pictures}")`;
    piece.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    piece.style.backgroundPosition = `${columns > 1 ? (100 * column) / (columns - 1) : 0}% ${rows > 1 ? (100 * row) / (rows - 1) : 0}%`;
    element.style.aspectRatio = `${about.size[1]} / ${about.size[0]}`;
    element.replaceChildren(piece);
  };
  function draw() {
    localStorage.setItem(store, JSON.stringify(state));
    const done = state.votes.length >= state.order.length;
    by("place").textContent = `${state.votes.length} of ${state.order.length} voted`;
    by("end").hidden = !done;
    by("pair").hidden = done;
    if (done) { by("word").textContent = ""; return; }
    const [sample, swapped] = state.order[state.votes.length];
    by("word").textContent = about.samples[sample].word;
    paint(by("left"), swapped ? "b" : "a", sample);
    paint(by("right"), swapped ? "a" : "b", sample);
  }
  function vote(where) {
    if (state.votes.length >= state.order.length) return;
    const [sample, swapped] = state.order[state.votes.length];
    const choice = where === "tie" ? "tie" : (where === "left") !== swapped ? "a" : "b";
    state.votes.push({ id: about.samples[sample].id, choice });
    draw();
  }
  const exported = () => JSON.stringify({ key: about.key, study: about.study, task: about.task,
    a: about.sides.a.name, b: about.sides.b.name, rater: state.rater, votes: state.votes }, null, 1);
  for (const where of ["left", "right", "tie"]) by(`choose-${where}`).addEventListener("click", () => vote(where));
  by("undo").addEventListener("click", () => { state.votes.pop(); draw(); });
  by("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = `data:application/json;charset=utf-8,${encodeURIComponent(exported())}`;
    link.download = `votes-${about.study}-${state.rater}.json`;
    link.click();
  });
  document.addEventListener("keydown", (event) => {
    const where = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" }[event.key];
    if (where) { event.preventDefault(); vote(where); }
  });
  window.votes = exported;
  draw();
})();
