"use strict";
// Sorts a table by the column whose title is clicked, and shows the rows that hold what is typed.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const titles = [...table.tHead.rows[0].cells];
  const key = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.n === undefined ? cell.textContent : Number(cell.dataset.n);
  };
  const compare = (one, other) => {
    // Numbers come before texts, and empty cells last.
    if (typeof one === "number" && typeof other === "number") return one - other;
    if (typeof one === "number") return -1;
    if (typeof other === "number") return 1;
    if (!one || !other) return one ? -1 : other ? 1 : 0;
    return one.localeCompare(other, undefined, { numeric: true });
  };
  titles.forEach((title, place) => {
    title.querySelector("button").addEventListener("click", () => {
      const descends = title.getAttribute("aria-sort") === "ascending";
      for (const other of titles) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", descends ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row, place), row]);
      rows.sort((one, other) => compare(one[0], other[0]) * (descends ? -1 : 1));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}
for (const form of document.querySelectorAll(".filter")) {
  const input = form.querySelector("input");
  const count = form.querySelector("output");
  const rows = [...document.getElementById(input.getAttribute("aria-controls")).tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  form.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}
