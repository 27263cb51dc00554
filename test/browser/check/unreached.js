// What the keyboard did not come to.
const way = window.__way;
delete window.__way;
way.stops.forEach((el, i) => { if (!way.seen.has(i) && el.isConnected) found("unreached", el, "never gets the focus by Tab"); });
return findings;
