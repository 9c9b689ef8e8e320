"use strict";
// Tables whose headings sort them; undefined figures come last when the largest come first.
const sortable = (table) => {
  const heads = [...table.querySelectorAll("thead th")];
  const value = (row, column) => {
    const text = row.cells[column].textContent;
    if (!heads[column].classList.contains("n")) return text;
    const number = Number(text.replace(/[,%]/g, "").replace("\u2212", "-"));
    return Number.isNaN(number) ? -Infinity : number;
  };
  const order = (a, b) => (typeof a === "number" ? (a === b ? 0 : a - b) : a.localeCompare(b));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.classList.contains("n") ? head.getAttribute("aria-sort") !== "descending" : head.getAttribute("aria-sort") === "ascending";
      const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? -1 : 1) * order(value(a, column), value(b, column)));
      table.tBodies[0].replaceChildren(...rows);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
};
document.querySelectorAll("table.sortable").forEach(sortable);
