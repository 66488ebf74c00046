
(() => {
  "use strict";
  const by = (id) => document.getElementById(id);
  const body = by("body");
  const rows = [...body.rows];
  const heads = [...document.querySelectorAll("thead th")];
  let sorted = -1;
  let down = false;

  function valueOf(row, column) {
    const cell = row.cells[column];
    if (cell === undefined) return null;
    if ("value" in cell.dataset) return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    return cell.textContent.trim().toLowerCase();
  }

  function compare(a, b) {
    const [x, y] = [valueOf(a, sorted), valueOf(b, sorted)];
    if (x === null || y === null) return (x === null) - (y === null); // unknown ones last
    const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
    return down ? -order : order;
  }

  function sort(column, reversed) {
    sorted = column;
    down = reversed;
    const order = column < 0 ? rows : [...rows].sort(compare);
    body.append(...order);
    heads.forEach((head, k) => {
      if (k === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    by("sort").value = column < 0 ? "" : `${column} ${Number(down)}`;
  }

  function choose() {
    const kind = by("show").value;
    const words = by("filter").value.toLowerCase().split(/\s+/);
    let n = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const wanted = (!kind || row.classList.contains(kind)) && words.every((word) => text.includes(word));
      row.hidden = !wanted;
      n += wanted;
    }
    by("found").textContent = `${n} of ${rows.length}`;
  }

  function option(value, text) {
    const one = document.createElement("option");
    one.value = value;
    one.textContent = text;
    by("sort").append(one);
  }

  option("", "what needs a look");
  heads.forEach((head, k) => {
    if (!("sort" in head.dataset)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const number = head.classList.contains("number");
    button.addEventListener("click", () => sort(k, sorted === k ? !down : number));
    option(`${k} 0`, `${button.textContent}${number ? ", least first" : ""}`);
    if (number) option(`${k} 1`, `${button.textContent}, most first`);
    else option(`${k} 1`, `${button.textContent}, from the end`);
  });
  by("sort").addEventListener("change", (event) => {
    const [column, reversed] = event.target.value.split(" ");
    sort(column === "" ? -1 : Number(column), reversed === "1");
  });
  by("show").addEventListener("change", choose);
  by("filter").addEventListener("input", choose);
  by("bar").hidden = false;
  by("sort").value = "";
  choose();
})();
