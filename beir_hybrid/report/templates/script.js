"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Tables that sort: a button in each head, the state in aria-sort. Rows without a value stay last.
  for (const table of all("table[data-sortable]")) {
    const heads = all("thead tr:last-child th", table);
    const body = table.tBodies[0];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.first === "descending" || head.dataset.first === "number" ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => {
        const cell = row.cells[column];
        if (column === 0) return cell.textContent;
        return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
      };
      const rows = [...body.rows].sort((one, two) => {
        const a = value(one), b = value(two);
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (column === 0 ? a.localeCompare(b) : a - b);
      });
      body.append(...rows);
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? order : "none"));
    }));
    // the rows come ordered by the first column of numbers
    const ordered = heads.find((head) => head.dataset.first.endsWith("cending"));
    ordered?.setAttribute("aria-sort", ordered.dataset.first);
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
    show();
  }

  // Heat maps: other choices are painted into the same cells.
  const byId = (id) => document.getElementById(id);
  const paint = (cell, value, largest, signed) => {
    if (value === null) {
      cell.textContent = "–"; cell.className = ""; cell.removeAttribute("style"); cell.removeAttribute("title");
      return;
    }
    const strength = Math.min(1, Math.abs(value) / largest);
    const text = Math.abs(value) < 0.995 ? Math.abs(value).toFixed(2).replace("0.", ".") : "1";
    const sign = signed && text !== ".00" ? (value < 0 ? "−" : "+") : "";
    cell.textContent = sign + text;
    cell.className = (value < 0 ? "less" : "more") + (strength > 0.76 ? " strong" : strength > 0.66 ? " middle" : "");
    cell.style.setProperty("--v", strength.toFixed(3));
    cell.title = (value < 0 ? "-" : signed ? "+" : "") + Math.abs(value).toFixed(4);
  };
  const fill = (table, matrix, signed) => {
    const known = matrix.flat().filter((value) => value !== null).map(Math.abs);
    const largest = signed ? Math.max(0, ...known) || 1 : 1;
    matrix.forEach((row, i) => row.forEach((value, j) => paint(table.tBodies[0].rows[i].cells[j + 1], value, largest, signed)));
  };
  const measure = byId("heat-measure");
  if (measure) {
    const one = () => fill(byId("heat-one"), data.heat[measure.value][byId("heat-system").value], false);
    const two = () => {
      if (!byId("heat-two")) return;
      const plus = data.heat[measure.value][byId("heat-plus").value];
      const minus = data.heat[measure.value][byId("heat-minus").value];
      const less = (a, b) => (a === null || b === null ? null : a - b);
      fill(byId("heat-two"), plus.map((row, i) => row.map((value, j) => less(value, minus[i][j]))), true);
    };
    measure.addEventListener("change", () => { one(); two(); });
    byId("heat-system").addEventListener("change", one);
    byId("heat-plus")?.addEventListener("change", two);
    byId("heat-minus")?.addEventListener("change", two);
    one(); two(); // a browser may have kept other choices over a reload
  }

  // The hardest queries: ranks for the chosen language of the question.
  const asked = byId("hard-asked");
  const rankText = (query, answer, system) => {
    const language = asked.value === "own" ? answer : asked.value;
    const ranks = query.ranks[language]?.[answer];
    if (!ranks) return "–";
    const kept = query.kept[language][system];
    return ranks[system] !== null ? String(ranks[system]) : kept ? `> ${kept}` : "nothing";
  };
  const rankAll = () => {
    for (const card of all("[data-query]")) {
      const query = data.hardest[Number(card.dataset.query)];
      for (const chips of all("[data-answer]", card)) {
        for (const chip of all("[data-system]", chips)) {
          chip.textContent = rankText(query, chips.dataset.answer, Number(chip.dataset.system));
        }
      }
    }
  };
  if (asked) { asked.addEventListener("change", rankAll); rankAll(); }
})();
