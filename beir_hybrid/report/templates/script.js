"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("scripted");

  // Tables that sort: a button in each head, the state in aria-sort. Bounds stay below what is known, rows without a
  // value last.
  for (const table of all("table[data-sortable]")) {
    const heads = all("thead tr:last-child th", table);
    const body = table.tBodies[0];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const other = head.dataset.first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === head.dataset.first ? other : head.dataset.first;
      const sign = order === "ascending" ? 1 : -1;
      const key = (row) => {
        const cell = row.cells[column];
        if (column === 0) return [0, cell.textContent.trim()];
        if (cell.dataset.value === undefined) return [2, 0];
        return [cell.dataset.bound === undefined ? 0 : 1, Number(cell.dataset.value)];
      };
      const rows = [...body.rows].sort((one, two) => {
        const [a, b] = [key(one), key(two)];
        if (a[0] !== b[0]) return a[0] - b[0];
        return sign * (column === 0 ? a[1].localeCompare(b[1]) : a[1] - b[1]);
      });
      body.append(...rows);
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? order : "none"));
    }));
  }

  // Choices that show one of several panels: the values of all choices of a group name the panel.
  const groups = new Map();
  for (const choice of all("select[data-panels]")) {
    const key = choice.dataset.panels;
    groups.set(key, [...(groups.get(key) || []), choice]);
  }
  for (const [key, choices] of groups) {
    const show = () => {
      const chosen = choices.map((choice) => choice.value).join(" ");
      for (const panel of document.getElementById(key).children) panel.hidden = panel.dataset.panel !== chosen;
    };
    choices.forEach((choice) => choice.addEventListener("change", show));
    show(); // a browser may have kept other choices over a reload
  }
})();
