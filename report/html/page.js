"use strict";
(() => {
  const size = 50, printed = 500;
  const tones = {
    breaks: "v-bad", loses_last_passkey: "v-bad", undecided: "v-warn", unread: "v-warn",
    loses_some: "v-strong", restored: "v-good",
  };
  const make = (name, cls, text) => {
    const e = document.createElement(name);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const old = (value, column) => value !== null && column.b !== undefined && value < column.b;
  const words = (value, column) => {
    const kind = column.t;
    if (value === null) return column.m || "";
    if (kind === "yesno") return value ? "yes" : "no";
    if (kind === "enum") return value.replaceAll("_", " ");
    if (kind === "time") return value.replace("T", " ").replace(/(:\d\d)?Z$/, "") + (old(value, column) ? ` (${column.o})` : "");
    if (kind === "count") return value.toLocaleString("en");
    return String(value);
  };
  const order = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return typeof a === "string" ? order.compare(a, b) : a - b;
  };

  const setUp = (section) => {
    const source = document.getElementById("data-" + section.id);
    const { columns, rows } = JSON.parse(source.textContent);
    if (rows.length === 0) return;
    const title = section.querySelector("h2");
    let shown = rows, page = 0, sorted = -1, down = false, needle = "";

    const tools = make("div", "tools");
    const label = make("label", "", "Filter ");
    const input = make("input");
    input.type = "search";
    input.autocomplete = "off";
    label.append(input);
    const back = make("button", "", "Back"), next = make("button", "", "Next");
    back.type = next.type = "button";
    back.setAttribute("aria-label", "Previous page of " + title.firstChild.textContent.trim());
    next.setAttribute("aria-label", "Next page of " + title.firstChild.textContent.trim());
    const status = make("span");
    status.setAttribute("role", "status");
    tools.append(label, status, back, next);

    const scroll = make("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-labelledby", title.id);
    const table = make("table"), head = make("thead"), line = make("tr"), body = make("tbody");
    const heads = columns.map((c, i) => {
      const th = make("th", c.t + " k-" + c.k), button = make("button", "", c.h);
      th.scope = "col";
      button.type = "button";
      button.title = c.d;
      button.addEventListener("click", () => sort(i));
      th.append(button);
      line.append(th);
      return th;
    });
    head.append(line);
    table.append(head, body);
    scroll.append(table);

    const draw = (from, to) => {
      body.replaceChildren(...shown.slice(from, to).map((row) => {
        const tr = make("tr");
        row.forEach((value, i) => {
          const kind = columns[i].t;
          const td = make("td", kind, words(value, columns[i]));
          td.classList.add("k-" + columns[i].k);
          if (kind === "enum" && tones[value]) td.classList.add(tones[value]);
          if (columns[i].k === "is_admin" && value) td.classList.add("v-strong");
          if (old(value, columns[i])) td.classList.add("v-strong");
          if (kind === "text") td.dir = "auto";
          tr.append(td);
        });
        return tr;
      }));
    };
    const show = () => {
      const from = page * size, to = Math.min(from + size, shown.length);
      draw(from, to);
      status.textContent = shown.length === 0 ? "No row matches" :
        `Rows ${(from + 1).toLocaleString("en")} to ${to.toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
      back.disabled = page === 0;
      next.disabled = to >= shown.length;
      back.hidden = next.hidden = shown.length <= size;
    };
    const select = () => {
      shown = needle === "" ? rows.slice() : rows.filter((row) =>
        row.some((value, i) => words(value, columns[i]).toLowerCase().includes(needle)));
      if (sorted >= 0) shown.sort((a, b) => {
        const x = a[sorted], y = b[sorted];
        if (x === null || y === null) return compare(x, y);
        return down ? compare(y, x) : compare(x, y);
      });
      page = 0;
      show();
    };
    const sort = (i) => {
      down = sorted === i ? !down : false;
      sorted = i;
      heads.forEach((th, n) => {
        if (n === i) th.setAttribute("aria-sort", down ? "descending" : "ascending");
        else th.removeAttribute("aria-sort");
      });
      select();
    };
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => { needle = input.value.trim().toLowerCase(); select(); }, 150);
    });
    back.addEventListener("click", () => { page--; show(); });
    next.addEventListener("click", () => { page++; show(); });
    addEventListener("beforeprint", () => draw(0, printed));
    addEventListener("afterprint", show);
    section.querySelector(".slot").replaceWith(tools, scroll);
    show();
  };
  document.querySelectorAll("section.table").forEach(setUp);
})();
