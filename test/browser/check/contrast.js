// WCAG 2.2 AA, 1.4.3 and 1.4.11: text 4.5:1, large text 3:1, what tells where a field
// is and what a picture on a button shows 3:1. And 1.4.1: a link in a sentence is told
// by more than its colour.
const round = (n) => Math.floor(n * 100) / 100;
const want = (s) => {
  const size = parseFloat(s.fontSize);
  return size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700) ? 3 : 4.5;
};
const speaks = (text) => /[\p{L}\p{N}]/u.test(text);
const judge = (rule, el, ink, least, what, skipOwn) => {
  const { back, front, ratio } = worst(painted(el, ink, skipOwn));
  if (ratio < least) found(rule, el, `${what}: ${hex(front)} on ${hex(back)} is ${round(ratio)}:1, needs ${least}:1`);
};

const seen = new Set();
for (const [node, el] of texts()) {
  if (seen.has(el) || !speaks(node.data) || el.matches(":disabled,:disabled *,[aria-disabled=true]")) continue;
  seen.add(el);
  const s = getComputedStyle(el);
  const ink = el instanceof SVGElement ? s.fill : s.webkitTextFillColor || s.color;
  if (ink === "none") continue;
  judge("contrast", el, colour(ink), want(s), "text");
}
for (const el of document.querySelectorAll("*")) {
  for (const part of ["::before", "::after"]) {
    const s = getComputedStyle(el, part);
    const text = /^"(.*)"/.exec(s.content);
    if (text && speaks(text[1]) && s.display !== "none" && shown(el) && !unseen(el)) judge("contrast", el, colour(s.color), want(s), part);
  }
}
for (const el of document.querySelectorAll("input,select,textarea")) {
  if (el.type === "hidden" || el.disabled || !shown(el) || unseen(el)) continue;
  const s = getComputedStyle(el);
  if (/^(checkbox|radio|range|color|file)$/.test(el.type)) {
    if (s.appearance !== "none") continue; // drawn by the browser
  } else {
    judge("contrast", el, colour(s.color), want(s), "what is typed");
  }
  if (el.placeholder && !el.value) judge("contrast", el, colour(getComputedStyle(el, "::placeholder").color), want(s), "placeholder");
  // Where the field is: by its border against what is around or in it, or by its own ground.
  const around = painted(el, [0, 0, 0, 0], true)[0][0];
  const own = worst(painted(el, [0, 0, 0, 0])).back;
  let edge = 0;
  for (const side of ["Top", "Right", "Bottom", "Left"]) {
    if (s[`border${side}Style`] === "none" || parseFloat(s[`border${side}Width`]) === 0) continue;
    edge = Math.max(edge, contrast(over(colour(s[`border${side}Color`]), own), around));
  }
  if (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) edge = Math.max(edge, contrast(over(colour(s.outlineColor), around), around));
  const shadow = /(rgba?\([^)]*\)|color\([^)]*\)|okl\w+\([^)]*\)) 0px 0px 0px [1-9.]+px/.exec(s.boxShadow);
  if (shadow) edge = Math.max(edge, contrast(over(colour(shadow[1]), around), around));
  const ratio = Math.max(edge, contrast(own, around));
  if (ratio < 3) found("edge", el, `the edge of the field is ${round(ratio)}:1 against what is around it, needs 3:1`);
}
// Pictures that say something by themselves.
for (const svg of document.querySelectorAll("svg")) {
  if (!shown(svg) || unseen(svg)) continue;
  const control = svg.closest("a,button,summary");
  const alone = svg.matches("[role=img]") && !svg.closest("[aria-hidden=true]") || control && !control.innerText?.trim() && !control.matches(":disabled");
  if (!alone || svg.querySelector("text")) continue;
  const shapes = [...svg.querySelectorAll("path,circle,rect,line,polyline,polygon,ellipse,use")];
  let best = 0;
  for (const shape of shapes) {
    const s = getComputedStyle(shape);
    for (const ink of shape.localName === "use" ? [s.color, s.fill, s.stroke] : [s.fill, s.stroke]) {
      if (ink !== "none" && !ink.startsWith("url")) best = Math.max(best, worst(painted(svg, colour(ink))).ratio);
    }
  }
  if (shapes.length && best < 3) found("picture", svg, `nothing in it has 3:1 against its ground; the best is ${round(best)}:1`);
}
// Links in sentences.
for (const a of document.querySelectorAll("p a[href], li a[href], dd a[href]")) {
  if (!shown(a) || unseen(a) || getComputedStyle(a).display !== "inline") continue;
  const beside = [...a.parentElement.childNodes].filter((n) => n.nodeType === 3 && speaks(n.data));
  if (!beside.length || !speaks(a.textContent)) continue;
  const s = getComputedStyle(a), t = getComputedStyle(a.parentElement);
  if (s.textDecorationLine.includes("underline") || parseFloat(s.borderBottomWidth) > 0 || s.fontWeight !== t.fontWeight || s.fontFamily !== t.fontFamily) continue;
  if (layersOf(s).some((c) => c[3] > 0)) continue;
  const ratio = contrast(painted(a, colour(s.color))[0][1], painted(a.parentElement, colour(t.color))[0][1]);
  if (ratio < 3) found("link", a, `told from the text around it by ${round(ratio)}:1 alone; needs a line, or 3:1`);
}
return findings;
