"use strict";
// A click on a heading sorts its table by that column; a second one turns the order. Cells without a value stay last.
const key = (row, place) => row.cells[place].dataset.key;
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, place) => {
    heading.firstElementChild.addEventListener("click", () => {
      const rows = [...table.tBodies[0].rows];
      const falling = heading.getAttribute("aria-sort") === "ascending";
      const known = rows.map((row) => key(row, place)).filter((text) => text !== "");
      const numbers = known.every((text) => !Number.isNaN(Number(text)));
      const compare = numbers ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en", { numeric: true });
      rows.sort((one, two) => {
        const [a, b] = [key(one, place), key(two, place)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return falling ? compare(b, a) : compare(a, b);
      });
      table.tBodies[0].append(...rows);
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    });
  });
}
