// What the checks share. Each is put behind this and runs in a function of its own;
// it returns a list of findings.
"use strict";
const findings = [];
const found = (rule, where, what) => {
  const text = typeof where === "string" ? where : describe(where);
  if (findings.length < 40) findings.push({ rule, where: text, what });
};

// describe says which element that is, for people.
const describe = (el) => {
  const steps = [];
  for (let e = el; e && e.nodeType === 1 && steps.length < 4; e = e.parentElement) {
    const id = e.id ? "#" + e.id : "";
    const cls = id || !e.classList.length ? "" : "." + [...e.classList].slice(0, 2).join(".");
    steps.unshift(e.localName + id + cls);
    if (id) break;
  }
  const text = (el.getAttribute?.("aria-label") || el.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
  return steps.join(" > ") + (text ? ` “${text}”` : "");
};

// shown reports whether people can see an element, were it scrolled to.
const shown = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: false })
  && [...el.getClientRects()].some((r) => r.width > 0 && r.height > 0);

// unseen reports whether an element is there for those alone who listen.
const unseen = (el) => {
  for (let e = el; e && e !== document.body; e = e.parentElement) {
    const s = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    const clips = s.overflowX !== "visible" || s.clipPath !== "none" || s.clip !== "auto";
    if (clips && (box.width <= 1.5 || box.height <= 1.5)) return true;
    if (/^inset\((50|100)%\)/.test(s.clipPath)) return true;
    if (s.position === "absolute" || s.position === "fixed") {
      if (box.right + scrollX <= 0 || box.bottom + scrollY <= 0) return true;
    }
  }
  return false;
};

// texts yields the text nodes that people see.
const texts = function* (root = document.body) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const el = node.parentElement;
    if (!node.data.trim() || /^(script|style|template|noscript|title|desc)$/i.test(el.localName)) continue;
    if (el.localName === "option" || !shown(el) || unseen(el)) continue;
    yield [node, el];
  }
};

const interactive = "a[href],button,input:not([type=hidden]),select,textarea,summary,iframe,audio[controls],video[controls],[contenteditable],[tabindex]";

// controls returns what people can use, in the order of the document.
const controls = () => [...document.querySelectorAll(interactive)].filter((el) => {
  if (el.matches(":disabled,[inert] *,[inert]") || !shown(el)) return false;
  if (el.localName === "summary") return el.parentElement.localName === "details" && el === el.parentElement.querySelector(":scope > summary");
  return !el.hasAttribute("tabindex") || el.tabIndex >= 0 || el.matches("a[href],button,input,select,textarea");
});

// Colours. A canvas knows every notation that a style can come in.
const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const colours = new Map();
const colour = (text) => {
  if (!colours.has(text)) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = "#000";
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    colours.set(text, [r, g, b, a / 255]);
  }
  return colours.get(text);
};
const over = (top, bottom, opacity = 1) => {
  const a = top[3] * opacity;
  return [0, 1, 2].map((i) => top[i] * a + bottom[i] * (1 - a)).concat(1);
};
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
};
const hex = (c) => "#" + c.slice(0, 3).map((v) => Math.round(v).toString(16).padStart(2, "0")).join("");

// canvasColour is what is behind everything.
const canvasColour = (() => {
  const probe = document.documentElement.appendChild(document.createElement("i"));
  probe.style.setProperty("background-color", "Canvas");
  probe.style.setProperty("color-scheme", getComputedStyle(document.documentElement).colorScheme);
  const text = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return colour(text);
})();

// layersOf returns the colours that an element may have behind its content: its own,
// and with a gradient each of its stops over that.
const layersOf = (s) => {
  const base = colour(s.backgroundColor);
  if (!s.backgroundImage.includes("gradient(")) return [base];
  const stops = s.backgroundImage.match(/(?:rgba?|hsla?|oklch|oklab|lab|lch|color)\([^()]*\)/g) || [];
  return stops.map((stop) => {
    const top = colour(stop);
    const a = top[3] + base[3] * (1 - top[3]);
    if (a === 0) return [0, 0, 0, 0];
    return [0, 1, 2].map((i) => (top[i] * top[3] + base[i] * base[3] * (1 - top[3])) / a).concat(a);
  });
};

// painted returns pairs of what is behind an element's content, and of a colour in
// front of it, with every opacity on the way; one pair for each stop of gradients.
const painted = (el, ink, skipOwn = false) => {
  const chain = [];
  for (let e = el; e; e = e.parentElement || e.getRootNode().host) chain.unshift(e);
  const paint = (i, backdrop) => {
    if (i === chain.length) return [[backdrop, over(ink, backdrop)]];
    const s = getComputedStyle(chain[i]);
    const opacity = Number(s.opacity);
    const layers = skipOwn && chain[i] === el ? [[0, 0, 0, 0]] : layersOf(s);
    return layers.flatMap((layer) => paint(i + 1, over(layer, backdrop))
      .map((pair) => pair.map((c) => opacity === 1 ? c : over(c, backdrop, opacity))));
  };
  return paint(0, canvasColour);
};

// worst returns the pair with the least contrast, and that.
const worst = (pairs) => pairs.map(([a, b]) => ({ back: a, front: b, ratio: contrast(a, b) })).reduce((x, y) => x.ratio <= y.ratio ? x : y);
