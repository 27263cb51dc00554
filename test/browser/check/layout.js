// Layout: nothing sticks out of the window or its box, nothing is cut off without a
// sign, nothing lies over another.
const width = document.documentElement.clientWidth;
const scroller = document.scrollingElement;
const slack = 1.5;

// box that clips what is in an element, with how.
const clipping = (el) => {
  for (let e = el; e && e !== document.documentElement; e = e.parentElement) {
    const s = getComputedStyle(e);
    if (s.display === "inline" || s.display === "contents") continue;
    const x = s.overflowX, y = s.overflowY;
    if (x === "visible" && y === "visible") continue;
    return { e, s, x, y };
  }
  return null;
};
const scrolls = (v) => v === "auto" || v === "scroll";

if (scroller.scrollWidth > width + 1) {
  const wide = [...document.querySelectorAll("body *")].filter((el) => shown(el) && !unseen(el) && el.getBoundingClientRect().right + scrollX > width + 1 && !(clipping(el.parentElement)));
  found("sideways", wide.at(-1) ?? "body", `the page is ${scroller.scrollWidth} wide in a window of ${width}`);
}

const boxes = [];
for (const [node, el] of texts()) {
  if (el instanceof SVGElement) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const rects = [...range.getClientRects()].filter((r) => r.width > 1 && r.height > 1);
  if (!rects.length) continue;
  const clip = clipping(el);
  const ellipsis = clip && (clip.s.textOverflow === "ellipsis" || clip.s.webkitLineClamp !== "none");
  let hidden = false;
  if (clip && !ellipsis) {
    const c = clip.e.getBoundingClientRect();
    for (const r of rects) {
      if (!scrolls(clip.x) && clip.x !== "visible" && (r.right > c.right + slack || r.left < c.left - slack)) hidden = true;
      if (!scrolls(clip.y) && clip.y !== "visible" && (r.bottom > c.bottom + r.height / 2 || r.top < c.top - r.height / 2)) hidden = true;
    }
    if (hidden) found("cut", el, `is cut off by ${describe(clip.e).split(" “")[0]} without a sign of it`);
  }
  if (!clip || clip.x === "visible") {
    // The block it stands in.
    let block = el;
    while (/^(inline|contents)/.test(getComputedStyle(block).display) && block.parentElement) block = block.parentElement;
    const b = block.getBoundingClientRect();
    if (rects.some((r) => r.right > b.right + slack || r.left < b.left - slack)) found("out", el, `sticks out of ${describe(block).split(" “")[0]}`);
  }
  const fixed = (() => {
    for (let e = el; e; e = e.parentElement) if (/fixed|sticky/.test(getComputedStyle(e).position)) return true;
    return false;
  })();
  if (fixed || hidden) continue;
  for (let r of rects) {
    if (clip) {
      const c = clip.e.getBoundingClientRect();
      const left = Math.max(r.left, c.left), right = Math.min(r.right, c.right), top = Math.max(r.top, c.top), bottom = Math.min(r.bottom, c.bottom);
      if (right - left < 2 || bottom - top < 2) continue;
      r = { left, right, top, bottom, height: bottom - top };
    }
    boxes.push({ el, left: r.left, right: r.right, top: r.top, bottom: r.bottom, height: r.height });
  }
}
// Text over text.
boxes.sort((a, b) => a.top - b.top);
for (let i = 0; i < boxes.length; i++) {
  const a = boxes[i];
  for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j++) {
    const b = boxes[j];
    if (a.el === b.el || a.el.contains(b.el) || b.el.contains(a.el)) continue;
    const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (w > 2 && h > Math.min(a.height, b.height) / 2) { found("over", a.el, `lies over ${describe(b.el)}`); break; }
  }
}

// Every control can be reached with a pointer where it is.
const before = [scrollX, scrollY];
const usable = controls().filter((el) => !unseen(el));
// above returns what lies over the middle of what can be seen of an element's first
// line.
const above = (el, scroll) => {
  if (scroll) {
    el.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    // That scrolls what no person can scroll, too.
    for (let e = el.parentElement; e; e = e.parentElement) if (getComputedStyle(e).overflowY === "hidden") e.scrollTop = 0;
  }
  const r = [...el.getClientRects()].find((q) => q.width > 1 && q.height > 1);
  if (!r) return null;
  const clip = clipping(el.parentElement)?.e.getBoundingClientRect() ?? { left: 0, right: innerWidth };
  const left = Math.max(r.left, clip.left, 0), right = Math.min(r.right, clip.right, innerWidth);
  if ((r.top < 0 || r.bottom > innerHeight || right - left < 2) && !scroll) return above(el, true);
  const x = (left + right) / 2, y = (r.top + r.bottom) / 2;
  const at = document.elementFromPoint(x, y);
  const own = !at || at === el || el.contains(at) || [...(el.labels ?? [])].some((l) => l.contains(at));
  return own ? null : `${describe(at)} at ${Math.round(x)}, ${Math.round(y)}`;
};
for (const el of usable.slice(0, 300)) {
  if (!above(el, false)) continue;
  // It may have been about to be drawn anew: look again when it is.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const at = above(el, true);
  if (at) found("covered", el, `lies under ${at}`);
}
scrollTo({ left: before[0], top: before[1], behavior: "instant" });
return findings;
