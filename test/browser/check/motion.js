// For who asked for less motion nothing moves: no animation runs, and no transition of a
// place or a size is set.
for (const a of document.getAnimations()) {
  const timing = a.effect?.getComputedTiming() ?? {};
  if (a.playState === "running" && timing.activeDuration > 20) found("motion", a.effect.target ?? "document", `${a.animationName ?? a.transitionProperty ?? "an animation"} runs for ${timing.activeDuration} ms`);
}
for (const el of document.querySelectorAll("svg animate,svg animateTransform,svg animateMotion,marquee,blink")) found("motion", el, "moves whatever people ask for");
if (getComputedStyle(document.documentElement).scrollBehavior === "smooth") found("motion", document.documentElement, "scrolls smoothly");
for (const el of document.querySelectorAll("body *")) {
  const s = getComputedStyle(el);
  if (s.transitionDuration.split(",").every((d) => parseFloat(d) <= 0.02)) continue;
  if (/\b(all|transform|translate|scale|rotate|left|right|top|bottom|width|height|margin|inset)\b/.test(s.transitionProperty)) found("motion", el, `${s.transitionProperty} changes over ${s.transitionDuration}`);
}
return findings;
