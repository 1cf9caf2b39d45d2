"use strict";
// Filters, groups, keys and the theme. The page can be read without any of it.
(() => {
  const root = document.documentElement;
  const find = (name) => document.getElementById(name);
  const toolbar = find("toolbar");
  const home = find("findings");
  const dialog = find("keys");
  const findings = [...document.querySelectorAll(".finding")];
  // On the page they stand by rule; their numbers are the order of the files.
  const byPlace = [...findings].sort((one, other) => one.id.split("-")[1] - other.id.split("-")[1]);
  const FILTERS = ["rule", "level", "verdict", "status"];

  // --- groups ---------------------------------------------------------------------------------------------------

  const groups = { rule: new Map(), file: new Map() };
  for (const section of document.querySelectorAll(".group")) groups.rule.set(section.dataset.group, section);

  function fileGroup(path) {
    if (!groups.file.has(path)) {
      const section = document.createElement("section");
      section.className = "group";
      section.setAttribute("aria-label", path);
      const heading = document.createElement("h3");
      const name = document.createElement("span");
      name.className = "place";
      name.textContent = path;
      const amount = document.createElement("span");
      amount.className = "amount";
      heading.append(name, " ", amount);
      section.append(heading);
      groups.file.set(path, section);
    }
    return groups.file.get(path);
  }

  function regroup(kind) {
    const members = new Map();
    const focus = document.activeElement;
    for (const finding of byPlace) {
      const group = kind === "file" ? fileGroup(finding.dataset.file) : groups.rule.get(finding.dataset.rule);
      if (!members.has(group)) members.set(group, []);
      members.get(group).push(finding);
    }
    for (const [group, own] of members) group.append(...own);
    for (const section of home.querySelectorAll(".group")) section.remove();
    home.append(...(kind === "file" ? groups.file : groups.rule).values());
    focus.focus({ preventScroll: true }); // what is moved has lost it
    filter();
  }

  // --- filters --------------------------------------------------------------------------------------------------

  const texts = new Map();
  function text(finding) {
    if (!texts.has(finding)) {
      // Not why its rule matters, nor numbers: these would match the findings of a rule all alike.
      const parts = finding.querySelectorAll("summary, .outcome, .evidence, .change");
      texts.set(finding, [...parts].map((part) => part.textContent).join(" ").toLowerCase());
    }
    return texts.get(finding);
  }

  function clear() {
    for (const name of FILTERS) toolbar.elements[name].value = "";
    find("search").value = "";
    filter();
  }

  function filter() {
    const wanted = FILTERS.map((name) => [name, toolbar.elements[name].value]).filter(([, value]) => value);
    const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const finding of findings) {
      const fits =
        wanted.every(([name, value]) => finding.dataset[name] === value) &&
        words.every((word) => text(finding).includes(word));
      finding.hidden = !fits;
      shown += fits;
    }
    for (const section of home.querySelectorAll(".group")) {
      const own = [...section.querySelectorAll(".finding")];
      const left = own.filter((finding) => !finding.hidden).length;
      section.hidden = !left;
      section.querySelector(".amount").textContent = left === own.length ? `${left}` : `${left} of ${own.length}`;
    }
    const filtered = wanted.length > 0 || words.length > 0;
    find("shown").textContent = filtered ? `${shown} of ${findings.length} shown` : `${shown} shown`;
    find("clear").hidden = !filtered;
    find("no-match").hidden = shown > 0;
    nameToggle();
  }

  // --- moving and opening ---------------------------------------------------------------------------------------

  const visible = () => [...home.querySelectorAll(".group:not([hidden]) > .finding:not([hidden])")];
  let current = null;
  home?.addEventListener("focusin", (event) => (current = event.target.closest(".finding")));

  function move(step) {
    const list = visible();
    if (!list.length) return;
    const place = list.indexOf(current);
    const next = place < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(place + step, 0), list.length - 1);
    list[next].querySelector("summary").focus();
    list[next].scrollIntoView({ block: list[next].open ? "start" : "nearest" });
  }

  let naming = 0;
  function nameToggle() {
    cancelAnimationFrame(naming); // once, however many findings are opened together
    naming = requestAnimationFrame(() => {
      const closed = visible().some((finding) => !finding.open);
      find("toggle-all").textContent = closed ? "Open all" : "Close all";
    });
  }

  function toggleAll() {
    const list = visible();
    const open = list.some((finding) => !finding.open);
    for (const finding of list) finding.open = open;
  }

  function reveal() {
    const name = location.hash.slice(1);
    const rule = [...groups.rule.values()].find((section) => section.id === name);
    if (rule && !rule.isConnected) switchGroups();
    const target = find(name);
    if (!target) return;
    if (target.hidden) clear();
    if (target.matches(".finding")) {
      target.open = true;
      target.querySelector("summary").focus();
    }
    target.scrollIntoView();
  }

  // --- the theme ------------------------------------------------------------------------------------------------

  // The first change is one that can be seen.
  const THEMES = matchMedia("(prefers-color-scheme: dark)").matches ? ["system", "light", "dark"] : ["system", "dark", "light"];
  const memory = {
    // A browser may keep nothing for a page that was opened from a file.
    get: () => { try { return localStorage.getItem("torchfix-theme"); } catch { return null; } },
    set: (theme) => { try { localStorage.setItem("torchfix-theme", theme); } catch { /* until it is closed */ } },
  };

  function setTheme(theme) {
    root.dataset.theme = theme;
    find("theme").textContent = `Theme: ${theme}`;
  }

  function nextTheme() {
    const theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    setTheme(theme);
    memory.set(theme);
  }

  // --- keys -----------------------------------------------------------------------------------------------------

  function switchGroups() {
    const other = [...toolbar.elements.group].find((choice) => !choice.checked);
    other.checked = true;
    regroup(other.value);
  }

  // By hand: a page that was opened at a finding has a focus, and the attribute would complain of it.
  const showKeys = () => {
    dialog.showModal();
    dialog.querySelector("form button").focus();
  };
  const KEYS = { t: nextTheme, "?": showKeys };
  if (toolbar) {
    Object.assign(KEYS, { "/": () => find("search").focus(), j: () => move(1), k: () => move(-1), g: switchGroups });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || !find("use-keys").checked) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape" && event.target.id === "search") event.target.blur();
      return;
    }
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // --- paper ----------------------------------------------------------------------------------------------------

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });

  setTheme(THEMES.includes(memory.get()) ? memory.get() : "system");
  find("theme").hidden = false;
  find("theme").addEventListener("click", nextTheme);
  find("show-keys")?.addEventListener("click", showKeys);
  if (!toolbar) return;
  toolbar.hidden = false;
  toolbar.addEventListener("submit", (event) => event.preventDefault());
  toolbar.addEventListener("input", (event) => {
    if (event.target.name === "group") regroup(event.target.value);
    else filter();
  });
  find("clear").addEventListener("click", clear);
  find("toggle-all").addEventListener("click", toggleAll);
  home.addEventListener("toggle", nameToggle, true);
  addEventListener("hashchange", reveal);
  filter();
  reveal();
})();
