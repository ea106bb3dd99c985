// Cells such as "0.512 [0.498, 0.526]" sort by their first number; rows without one come last.
for (const table of document.querySelectorAll("table.sortable")) {
  table.classList.add("n-last");
  for (const cell of table.querySelectorAll("thead th[colspan], tbody th")) cell.classList.add("no-sort");
  for (const head of table.tHead ? table.tHead.rows : [])
    for (const cell of head.cells) if (!cell.textContent.trim()) cell.classList.add("no-sort");
  for (const cell of table.querySelectorAll("tbody td")) {
    const number = /^\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?:\s|$)/i.exec(cell.textContent);
    const text = cell.textContent.trim();
    cell.dataset.sort = number ? String(Number(number[1])) : /^-?( \(|$)/.test(text) ? "" : text;
  }
}
