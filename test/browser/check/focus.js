// The keyboard's way. This remembers what can have the focus and how it looks without,
// and leaves __way.step, which says where the focus is and whether people can see that,
// and __way.end, which says what was never reached.
const drawn = (s) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
const holdsFixed = (s) => s.transform !== "none" || s.filter !== "none" || /layout|paint|strict|content/.test(s.contain);
const holds = (s) => s.position !== "static" || holdsFixed(s);

// marks returns the outlines of an element and of what is generated in it, where that is
// put somewhere: the boxes around which they are, and the first that may cut them off.
const marks = (el) => {
  const all = [], own = getComputedStyle(el);
  if (drawn(own)) all.push({ style: own, boxes: [...el.getClientRects()], on: parseFloat(own.outlineOffset) < 0 ? el : el.parentElement, within: el.parentElement });
  for (const part of ["::before", "::after"]) {
    const s = getComputedStyle(el, part);
    if (/^(none|normal)$/.test(s.content) || s.position !== "absolute" || !drawn(s)) continue;
    let e = el;
    while (e.parentElement && !holds(getComputedStyle(e))) e = e.parentElement;
    const box = e.getBoundingClientRect(), left = box.left + e.clientLeft + parseFloat(s.left), top = box.top + e.clientTop + parseFloat(s.top);
    all.push({ style: s, boxes: [{ left, top, right: left + parseFloat(s.width), bottom: top + parseFloat(s.height) }], on: e, within: el });
  }
  return all;
};

// clips returns the boxes outside of which nothing is drawn of what has that position
// and is in an element. The window is one: it scrolls up and down.
const clips = (e, position) => {
  const all = [{ left: 0, right: document.documentElement.clientWidth, top: -Infinity, bottom: Infinity, what: "the window" }];
  for (; e && e !== document.body && e !== document.documentElement; e = e.parentElement) {
    const s = getComputedStyle(e);
    if (position === "fixed" && !holdsFixed(s) || position === "absolute" && !holds(s)) continue;
    position = s.position;
    const paint = /paint|strict|content/.test(s.contain);
    const x = paint || s.overflowX !== "visible", y = paint || s.overflowY !== "visible";
    if (!x && !y || /^(inline|contents)$/.test(s.display)) continue;
    const box = e.getBoundingClientRect(), left = box.left + e.clientLeft, top = box.top + e.clientTop;
    const more = s.overflowX === "clip" && s.overflowY === "clip" ? parseFloat(s.overflowClipMargin) || 0 : 0;
    all.push({
      left: x ? left - more : -Infinity, right: x ? left + e.clientWidth + more : Infinity,
      top: y ? top - more : -Infinity, bottom: y ? top + e.clientHeight + more : Infinity, what: describe(e).split(" “")[0],
    });
  }
  return all;
};

// cutOff says what cuts off a side of a mark. A side whose box is cut off itself, as a
// line behind the last that is shown, is nowhere to be expected.
const cutOff = (mark) => {
  const room = parseFloat(mark.style.outlineOffset) + parseFloat(mark.style.outlineWidth), slack = 0.6;
  const all = clips(mark.within, mark.style.position);
  for (const b of mark.boxes) {
    const seen = all.reduce((v, c) => ({ left: Math.max(v.left, c.left), right: Math.min(v.right, c.right), top: Math.max(v.top, c.top), bottom: Math.min(v.bottom, c.bottom) }), b);
    if (seen.right - seen.left < 1 || seen.bottom - seen.top < 1) continue;
    for (const c of all) for (const [side, inwards] of [["left", 1], ["top", 1], ["right", -1], ["bottom", -1]]) {
      const within = (b[side] - c[side]) * inwards; // how far the side of the box is from that of the clip
      if (within > -slack && within - room < -slack) return c.what;
    }
  }
  return "";
};
const look = (el) => {
  const s = getComputedStyle(el), box = el.getBoundingClientRect();
  return {
    outline: marks(el).map(({ style: m }) => `${m.outlineStyle} ${m.outlineWidth} ${m.outlineColor}`).join("|"),
    rest: [s.boxShadow, s.borderColor, s.backgroundColor, s.textDecorationLine].join("|"),
    seen: box.width > 1.5 && box.height > 1.5 && !unseen(el),
  };
};
const finish = () => { for (const a of document.getAnimations()) if (a.effect?.getComputedTiming().activeDuration !== Infinity) a.finish(); };
finish();
const toStart = () => { // Tab goes on from where the focus was last
  document.body.tabIndex = -1;
  document.body.focus({ preventScroll: true });
  document.body.removeAttribute("tabindex");
  scrollTo({ left: 0, top: 0, behavior: "instant" });
};
toStart();
const radios = new Set();
const stops = controls().filter((el) => {
  if (el.tabIndex < 0) return false;
  if (el.type !== "radio" || !el.name) return true;
  const key = el.name + (el.form?.id ?? "");
  const first = !radios.has(key);
  radios.add(key);
  return first;
});
const way = window.__way = { stops, looks: stops.map(look), seen: new Set(), last: -1 };
way.step = () => {
  finish();
  const el = document.activeElement;
  if (!el || el === document.body || el === document.documentElement) return { index: -1, left: way.stops.length - way.seen.size };
  let index = way.stops.indexOf(el);
  const radio = index < 0 && el.type === "radio" ? way.stops.findIndex((s) => s.type === "radio" && s.name === el.name) : -1;
  if (radio >= 0) index = radio;
  if (index < 0) {
    const s = getComputedStyle(el);
    const scrolls = /auto|scroll/.test(s.overflowX + s.overflowY) && (el.scrollWidth > el.clientWidth || el.scrollHeight > el.clientHeight);
    if (!scrolls) found("unexpected", el, "has the focus and is no control");
    const again = way.scroller === el;
    way.scroller = el;
    return { index: -2, again, left: way.stops.length - way.seen.size };
  }
  if (!way.seen.has(index)) {
    if (index < way.last) found("order", el, `gets the focus after ${describe(way.stops[way.last])}, before which it stands`);
    const was = way.looks[index], now = look(el);
    if (!now.seen) found("unseen", el, "has the focus and cannot be seen");
    else if (was.seen && was.outline === now.outline && was.rest === now.rest) found("unseen", el, "looks the same with the focus as without");
    else if (now.outline) {
      for (const { style, on } of marks(el)) {
        const { ratio } = worst(painted(on, colour(style.outlineColor)));
        if (ratio < 3 && style.outlineStyle !== "auto") found("outline", el, `the mark of the focus is ${Math.floor(ratio * 100) / 100}:1, needs 3:1`);
      }
      const cuts = marks(el).map(cutOff);
      if (cuts.every(Boolean)) found("clipped", el, `the mark of the focus is cut off by ${cuts[0]}`);
    }
    const r = [...el.getClientRects()].find((q) => q.width > 1 && q.height > 1);
    if (r && now.seen) {
      const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5]].map(([x, y]) => [r.left + r.width * x, r.top + r.height * y]);
      const free = points.some(([x, y]) => { const at = document.elementFromPoint(x, y); return at && (at === el || el.contains(at) || [...(el.labels ?? [])].some((l) => l.contains(at))); });
      if (!free) found("hidden", el, "has the focus and lies under something, or outside of the window");
    }
  }
  const again = way.seen.has(index);
  way.seen.add(index);
  way.last = Math.max(way.last, index);
  return { index, again, left: way.stops.length - way.seen.size };
};
way.end = () => {
  way.stops.forEach((el, i) => { if (!way.seen.has(i) && el.isConnected) found("unreached", el, "never gets the focus by Tab"); });
  delete window.__way;
  toStart();
  document.body.blur();
  return findings;
};
return { index: -1, left: stops.length };
