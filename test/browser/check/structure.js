// Structure: what those need who listen, zoom or use a keyboard, as far as a script can
// see it. Names are looked up in the browser's own accessibility tree, elsewhere.
scrollTo({ left: 0, top: 0, behavior: "instant" });
const root = document.documentElement;
const all = (selector) => [...document.querySelectorAll(selector)];
const heard = (el) => !el.closest("[aria-hidden=true]") && el.checkVisibility({ visibilityProperty: true });

if (document.compatMode !== "CSS1Compat") found("doctype", "document", "there is no <!doctype html>");
if (document.characterSet !== "UTF-8") found("charset", "document", `the text is ${document.characterSet}`);
if (!/^[a-z]{2,3}(-|$)/.test(root.lang)) found("lang", root, `the language is “${root.lang}”`);
if (!document.title.trim()) found("title", "head", "the window has no title");
const viewport = document.querySelector("meta[name=viewport]")?.content ?? "";
if (!/width=device-width/.test(viewport)) found("viewport", "head", `the viewport is “${viewport}”`);
if (/user-scalable\s*=\s*(no|0)/.test(viewport) || parseFloat(/maximum-scale=([\d.]+)/.exec(viewport)?.[1] ?? 9) < 5) found("zoom", "head", `people cannot zoom: ${viewport}`);

// Landmarks and headings.
for (const [name, selector] of [["main", "main,[role=main]"], ["h1", "h1"]]) {
  const n = all(selector).filter(heard).length;
  if (n !== 1) found(name, "body", `there are ${n}, want 1`);
}
const navs = all("nav,[role=navigation]").filter(heard);
if (!navs.length && all("header a[href]").length > 2) found("nav", "header", "its links are in no <nav>");
if (navs.length > 1) for (const nav of navs) if (!nav.ariaLabel && !nav.getAttribute("aria-labelledby")) found("nav", nav, "one of several has no name");
let level = 0;
for (const h of all("h1,h2,h3,h4,h5,h6").filter(heard)) {
  const n = Number(h.localName[1]);
  if (n > level + 1) found("heading", h, `follows a heading of level ${level}`);
  if (!h.textContent.trim() && !h.querySelector("img[alt]")) found("heading", h, "is empty");
  level = n;
}
// The first thing that Tab comes to leads past the navigation.
const skip = controls()[0];
const target = skip?.hash && document.getElementById(decodeURIComponent(skip.hash.slice(1)));
if (!skip || !target || !target.matches("main,[role=main],main *")) found("skip", skip ?? "body", "the first link does not lead to the main part");

// Ids, and what points to them.
const ids = new Map();
for (const el of all("[id]")) ids.set(el.id, (ids.get(el.id) ?? 0) + 1);
for (const [id, n] of ids) if (n > 1) found("id", `#${id}`, `${n} elements have it`);
for (const name of ["for", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "aria-activedescendant", "aria-details", "aria-errormessage", "list", "form", "headers", "popovertarget"]) {
  for (const el of all(`[${name}]`)) for (const id of el.getAttribute(name).split(/\s+/)) if (id && !ids.has(id)) found("refers", el, `${name} refers to #${id}, which is not there`);
}
for (const el of all("a[href^='#']")) {
  const id = decodeURIComponent(el.hash.slice(1));
  if (id && !ids.has(id)) found("refers", el, `leads to #${id}, which is not there`);
}
const states = { "aria-expanded": /^(true|false)$/, "aria-hidden": /^(true|false)$/, "aria-pressed": /^(true|false|mixed)$/, "aria-checked": /^(true|false|mixed)$/, "aria-selected": /^(true|false)$/, "aria-current": /^(page|step|location|date|time|true|false)$/, "aria-live": /^(off|polite|assertive)$/, "aria-sort": /^(ascending|descending|none|other)$/ };
for (const [name, form] of Object.entries(states)) for (const el of all(`[${name}]`)) if (!form.test(el.getAttribute(name))) found("aria", el, `${name} is “${el.getAttribute(name)}”`);
for (const el of all("[aria-hidden=true]")) {
  const inner = [el, ...el.querySelectorAll(interactive)].find((e) => e.matches(interactive) && e.tabIndex >= 0 && shown(e) && !e.disabled);
  if (inner) found("aria", inner, "can have the focus and is hidden from those who listen");
}

// Fields, pictures, tables, lists.
for (const el of all("input:not([type=hidden],[type=submit],[type=reset],[type=button],[type=image]),select,textarea")) {
  if (heard(el) && !el.labels?.length && !el.ariaLabel && !el.getAttribute("aria-labelledby")) found("label", el, "has no label; a placeholder is none");
}
for (const el of all("img:not([alt])")) found("alt", el, "has no alt");
for (const el of all("svg")) {
  const named = el.ariaLabel || el.getAttribute("aria-labelledby") || el.querySelector(":scope > title");
  if (heard(el) && el.getAttribute("role") === "img" && !named) found("alt", el, "is a picture without a name");
}
for (const table of all("table")) {
  if (!heard(table) || table.matches("[role=presentation],[role=none]")) continue;
  if (!table.querySelector("th")) found("table", table, "has no headers");
  for (const th of table.querySelectorAll("th")) {
    if (!th.textContent.trim() && !th.ariaLabel) found("table", th, "is an empty header");
    if (!th.scope) found("table", th, "does not say what it is the header of");
  }
}
for (const el of all("li")) if (!el.parentElement.matches("ul,ol,menu,[role=list]")) found("list", el, "is not in a list");
for (const el of all("ul,ol")) for (const child of el.children) if (!child.matches("li,script,template")) found("list", child, "is in a list and no item");
for (const el of all("dl > *")) if (!el.matches("dt,dd,div,script,template")) found("list", el, "is in a list of terms and no term");

// Controls.
for (const el of all("[tabindex]")) if (el.tabIndex > 0) found("tabindex", el, `tabindex is ${el.tabIndex}`);
for (const el of all("a[href] :is(a[href],button,input,select,textarea,summary),button :is(a[href],button,input,select,textarea)")) found("nested", el, "is a control within another");
for (const el of all("a:not([href])")) if (heard(el)) found("anchor", el, "is no link");
for (const el of all("[onclick],[onkeydown],[onmouseover],[onload],[onerror]")) found("inline", el, "has a script in an attribute");
for (const el of all("a[target=_blank]")) if (!/noopener|noreferrer/.test(el.rel)) found("noopener", el, "gives the new page a hold on this one");
for (const el of all("meta[http-equiv=refresh i]")) if (!el.closest("noscript")) found("refresh", el, "the page reloads by itself");
for (const el of all("time")) {
  const at = el.getAttribute("datetime") ?? el.textContent;
  if (!/^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?|P.+)$/.test(at)) found("time", el, `“${at}” is no time`);
}

// WCAG 2.2 AA, 2.5.8: 24 by 24 pixels, or so far from all others that a circle of that
// size touches none; links in sentences are excused, and what the browser draws.
const targets = controls().filter((el) => !unseen(el)).map((el) => ({ el, box: el.getBoundingClientRect() }));
const small = (b) => b.width < 23.5 || b.height < 23.5;
const inSentence = (el) => {
  if (el.localName !== "a" || getComputedStyle(el).display !== "inline") return false;
  return [...el.parentElement.childNodes].some((n) => n !== el && /[\p{L}\p{N}]/u.test(n.textContent ?? ""));
};
for (const { el, box } of targets) {
  if (!small(box) || inSentence(el) || /^(checkbox|radio)$/.test(el.type) && getComputedStyle(el).appearance !== "none") continue;
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const near = targets.find(({ el: other, box: b }) => {
    if (other === el || other.contains(el) || el.contains(other)) return false;
    const dx = Math.max(b.left - x, 0, x - b.right), dy = Math.max(b.top - y, 0, y - b.bottom);
    if (Math.hypot(dx, dy) < 12) return true;
    return small(b) && Math.hypot(b.x + b.width / 2 - x, b.y + b.height / 2 - y) < 24;
  });
  if (near) found("target", el, `is ${Math.round(box.width)}×${Math.round(box.height)}, and near to ${describe(near.el)}`);
}
return findings;
