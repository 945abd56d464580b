"use strict";
(() => {
  const size = 50, printed = 500;
  const tones = {
    breaks: "v-bad", loses_last_passkey: "v-bad", undecided: "v-warn", unread: "v-warn", for_some: "v-warn",
    loses_some: "v-strong", blocked: "v-strong", restored: "v-good",
  };
  const number = (n) => n.toLocaleString("en");
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
    // Where link is there, each row ends with what follows it in the address of
    // the person's page, or null.
    const { columns, rows, link } = JSON.parse(source.textContent);
    source.remove();
    if (rows.length === 0) return;
    const title = section.querySelector("h2");
    let shown = rows, page = 0, sorted = -1, down = false, needle = "", texts = null;

    const tools = make("div", "tools");
    const label = make("label", "", "Filter ");
    const input = make("input");
    input.type = "search";
    input.autocomplete = "off";
    label.append(input);
    const back = make("button", "", "Back"), next = make("button", "", "Next");
    back.type = next.type = "button";
    // A name begins with the text on the button, for those who speak it.
    back.setAttribute("aria-label", "Back, previous page of " + title.firstChild.textContent.trim());
    next.setAttribute("aria-label", "Next page of " + title.firstChild.textContent.trim());
    const status = make("span");
    status.setAttribute("role", "status");
    tools.append(label, status, back, next);

    const scroll = make("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Rows of " + title.firstChild.textContent.trim());
    const table = make("table"), head = make("thead"), line = make("tr"), body = make("tbody");
    const heads = columns.map((c, i) => {
      const th = make("th", c.t + " k-" + c.k), button = make("button", "", c.h), paper = make("span", "paper", c.h);
      th.scope = "col";
      button.type = "button";
      button.title = c.d;
      button.addEventListener("click", () => sort(i));
      // Chromium leaves buttons out where it repeats a table's head on the next
      // page, so paper has the words without the button.
      paper.setAttribute("aria-hidden", "true");
      th.append(button, paper);
      line.append(th);
      return th;
    });
    head.append(line);
    table.append(head, body);
    scroll.append(table);

    const draw = (from, to) => {
      body.replaceChildren(...shown.slice(from, to).map((row) => {
        const tr = make("tr");
        columns.forEach((column, i) => {
          const value = row[i], kind = column.t;
          const td = make("td", kind, words(value, column));
          if (link && row[columns.length] && column.k === "user_principal_name") {
            const a = make("a", "", td.textContent);
            a.href = link + row[columns.length];
            a.target = "_blank";
            a.rel = "noopener noreferrer";
            td.replaceChildren(a);
          }
          td.classList.add("k-" + columns[i].k);
          if (column.k === "problem" && value) td.classList.add("v-warn");
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
        `Rows ${number(from + 1)} to ${number(to)} of ${number(shown.length)}`;
      back.disabled = page === 0;
      next.disabled = to >= shown.length;
      back.hidden = next.hidden = shown.length <= size;
    };
    const select = () => {
      // Made once, when somebody filters; U+0001 keeps cells apart.
      if (needle !== "") texts ??= rows.map((row) => columns.map((column, i) => words(row[i], column)).join("\u0001").toLowerCase());
      shown = needle === "" ? rows.slice() : rows.filter((_, i) => texts[i].includes(needle));
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
    const paper = make("p", "paper");
    addEventListener("beforeprint", () => {
      const found = shown.length === rows.length ? "" : ` that hold “${needle}”`;
      paper.textContent = shown.length <= printed && found === "" ? "" :
        `On paper: ${shown.length > printed ? `the first ${number(printed)} of ` : ""}${number(shown.length)} rows${found}.`;
      draw(0, printed);
    });
    addEventListener("afterprint", show);
    section.querySelector(".slot").replaceWith(tools, paper, scroll);
    show();
  };
  document.querySelectorAll("section.table").forEach(setUp);
})();
