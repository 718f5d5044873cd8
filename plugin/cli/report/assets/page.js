// Search and filter. The page is whole without it: the form shows itself only where this runs.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const words = form.elements.namedItem("words");
  const only = form.elements.namedItem("only");
  const count = document.getElementById("count");
  const matrix = document.querySelector(".matrix");
  const rows = [...document.querySelectorAll("[data-words]")];

  const fits = (element, wanted) => {
    const text = element.dataset.words.toLowerCase();
    return wanted.every((word) => text.includes(word));
  };

  // A cell fits by its row or its column, so that a search for an object leaves the containers that
  // reach it, and the other way round.
  const filterMatrix = (wanted, marked) => {
    if (!matrix) return;
    const heads = [...matrix.tHead.rows[0].cells].slice(1);
    const columnFits = heads.map((head) => fits(head, wanted));
    const columnShown = heads.map(() => false);
    for (const row of matrix.tBodies[0].rows) {
      const rowFits = fits(row, wanted);
      let isShown = false;
      [...row.cells].slice(1).forEach((cell, at) => {
        const isThere = cell.className !== "" && (!marked || cell.classList.contains(marked));
        if (!isThere || !(rowFits || columnFits[at])) return;
        isShown = true;
        columnShown[at] = true;
      });
      row.hidden = !isShown && !(rowFits && !marked);
    }
    for (const row of [matrix.tHead.rows[0], ...matrix.tBodies[0].rows])
      [...row.cells].slice(1).forEach((cell, at) => {
        cell.hidden = !columnShown[at] && !(columnFits[at] && !marked);
      });
  };

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const marked = only.value;
    filterMatrix(wanted, marked);
    let shown = 0;
    let all = 0;
    for (const row of rows) {
      if (matrix && matrix.contains(row)) continue;
      row.hidden = !fits(row, wanted) || (marked !== "" && row.dataset.cell !== undefined &&
        !row.dataset.cell.split(" ").includes(marked));
      all += 1;
      if (!row.hidden) shown += 1;
    }
    count.textContent = `${shown} of ${all} rows`;
  };

  form.addEventListener("input", filter);
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== words) {
      event.preventDefault();
      words.focus();
    }
  });
  form.hidden = false;
  filter();
})();
