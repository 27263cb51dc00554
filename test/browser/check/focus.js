// The keyboard's way. This remembers what can have the focus and how it looks without,
// and leaves __way.step, which says where the focus is and whether people can see that,
// and __way.end, which says what was never reached.
const look = (el) => {
  const s = getComputedStyle(el), box = el.getBoundingClientRect();
  return {
    outline: s.outlineStyle === "none" || parseFloat(s.outlineWidth) === 0 ? "" : `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor}`,
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
      const back = worst(painted(el.parentElement, colour(getComputedStyle(el).outlineColor)));
      const own = worst(painted(el, colour(getComputedStyle(el).outlineColor)));
      const ratio = parseFloat(getComputedStyle(el).outlineOffset) < 0 ? own.ratio : back.ratio;
      if (ratio < 3 && getComputedStyle(el).outlineStyle !== "auto") found("outline", el, `the mark of the focus is ${Math.floor(ratio * 100) / 100}:1, needs 3:1`);
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
