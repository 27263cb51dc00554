// What a page does beyond being read: times in the reader's zone, the theme, keys,
// and staying true by itself. Everything works without it.
"use strict";
(() => {
  const root = document.documentElement, $ = (id) => document.getElementById(id);
  // What a reader chose is kept where the browser lets it; null where nothing was.
  const chosen = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const choose = (name, value) => { try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch { /* for this page only */ } };
  // That of the system first, and then the other one: who presses the button wants a change.
  const themes = matchMedia("(prefers-color-scheme: dark)").matches ? ["", "light", "dark"] : ["", "dark", "light"];
  root.classList.add("scripted");
  root.dataset.theme = themes.includes(chosen("theme")) ? chosen("theme") : "";
  let keys = chosen("keys") !== "off";
  const second = 1000, minute = 60 * second, hour = 60 * minute, dayLong = 24 * hour;

  // Times.
  const format = (options) => { const f = new Intl.DateTimeFormat(undefined, options); return (t) => f.format(t); };
  const hm = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const full = format({ dateStyle: "medium", timeStyle: "medium" }), dated = format({ dateStyle: "medium" });
  const short = format({ day: "numeric", month: "short", ...hm }), clock = format(hm);
  const lasted = (ms) => {
    const s = Math.max(Math.round(ms / second), 0), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    if (h) return m ? `${h} h ${m} min` : `${h} h`;
    if (m) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
    return `${s} s`;
  };
  const ago = (t, now) => {
    const ms = now - t;
    if (ms < -minute) return short(t);
    if (ms < 10 * second) return "just now";
    if (ms < minute) return `${Math.floor(ms / second)} s ago`;
    if (ms < hour) return `${Math.floor(ms / minute)} min ago`;
    if (ms < 2 * dayLong) return `${Math.floor(ms / hour)} h ago`;
    return ms < 30 * dayLong ? `${Math.floor(ms / dayLong)} days ago` : dated(t);
  };
  // A list comes in days of UTC: its rows are put into those of the reader, in the same
  // order and the same markup.
  const weekday = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const days = (within) => {
    const theirs = within.querySelectorAll("section.day");
    let day, key;
    for (const row of within.querySelectorAll("section.day .row")) {
      const t = new Date(row.querySelector(".c-time time")?.dateTime ?? 0);
      const own = [t.getFullYear(), t.getMonth() + 1, t.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
      if (own !== key) {
        key = own;
        day = theirs[0].cloneNode(true);
        day.dataset.key = key;
        const title = day.querySelector("h2");
        day.setAttribute("aria-labelledby", title.id = `day-${key}`);
        title.textContent = weekday(t);
        day.querySelector("ol").replaceChildren();
        theirs[0].before(day);
      }
      day.querySelector("ol").append(row);
    }
    for (const el of theirs) el.remove();
  };
  const setText = (el, text) => { if (el.textContent !== text) el.textContent = text; };
  let skew = 0; // of this machine's clock against the server's
  const tick = () => {
    const now = Date.now() + skew;
    for (const el of document.querySelectorAll("time[data-as]")) {
      const t = Date.parse(el.dateTime), as = el.dataset.as;
      if (!el.title.includes("\n")) el.title = `${full(t)} here\n${el.title}`;
      setText(el, as === "age" ? ago(t, now) : as === "since" ? lasted(now - t) : as === "clock" ? clock(t) : short(t));
    }
    if (root.dataset.link === "off") return; // what was under way may be over
    for (const el of document.querySelectorAll("progress[data-from]")) {
      const usual = Number(el.dataset.usual), gone = now - Number(el.dataset.from);
      if (!usual) continue;
      el.value = Math.min(gone * 100 / usual, 95); // only the end says that it is the end
      const late = el.parentElement.querySelector("[data-late]");
      if (late) late.hidden = gone <= usual;
    }
  };

  // Putting what is new in the place of what is there. Elements are told apart by
  // data-key; what has the same data-version is left alone; what a person opened,
  // typed or marked stays.
  document.addEventListener("animationend", (e) => e.target.classList.remove("flash"));
  const keyOf = (node) => node.nodeType === 1 ? node.dataset.key : undefined;
  const same = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b) && a.id === b.id;
  const morph = (from, to) => {
    if (from.nodeType !== 1) return from.nodeValue !== to.nodeValue && (from.nodeValue = to.nodeValue);
    if (from.tagName === "TIME" && from.dateTime === to.dateTime && from.dataset.as === to.dataset.as) return;
    const version = from.dataset.version;
    if (version && version === to.dataset.version) return;
    const field = /^(INPUT|SELECT)$/.test(from.tagName);
    if (field && (from === document.activeElement || from.form?.dataset.touched)) return;
    const kept = (name) => name === "data-touched" || name === "open" && from.tagName === "DETAILS";
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !kept(name)) from.removeAttribute(name);
    for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value && !kept(name)) from.setAttribute(name, value);
    children(from, to);
    if (version) from.classList.add("flash");
  };
  const children = (from, to) => {
    const keyed = new Map();
    for (const el of from.children) if (el.dataset.key) keyed.set(el.dataset.key, el);
    const wanted = new Set([...to.children].map(keyOf));
    for (const [key, el] of keyed) if (!wanted.has(key)) el.remove();
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      const key = keyOf(next), found = key ? keyed.get(key) : at && !keyOf(at) ? at : undefined;
      if (found && same(found, next)) {
        if (found === at) at = at.nextSibling;
        else from.insertBefore(found, at);
        morph(found, next);
        continue;
      }
      from.insertBefore(next, at);
      if (next.dataset?.version) next.classList.add("flash");
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };

  // A card that moves to another group is made anew there: who was on a link of it stays
  // on it.
  const keepFocus = (change) => {
    const at = document.activeElement, key = at?.closest("[data-version]")?.dataset.key, href = at?.getAttribute("href");
    change();
    if (key && href && !at.isConnected) main.querySelector(`[data-key="${CSS.escape(key)}"] a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  };

  // Looking again.
  let main, live, stream, tag = "", asked = 0, due = 0, ticked = 0, busy = false, lostAt = 0, hiddenAt = 0, beat = Date.now();
  const show = () => {
    const long = lostAt && Date.now() - lostAt > 15 * second;
    const [state, text] = !lostAt ? stream?.readyState === 1 ? ["live", "Up to date"] : [live.dataset.state, live.textContent.trim()]
      : long || !navigator.onLine ? ["off", `Offline since ${clock(lostAt)}`] : ["wait", "Reconnecting…"];
    root.dataset.link = state;
    if (live.dataset.state !== state) live.dataset.state = state;
    setText(live.querySelector("[data-text]"), text);
  };
  const around = () => { // what stands around the main part
    document.title = main.dataset.title;
    const icon = $("icon"), href = icon.dataset[main.dataset.icon];
    if (href && icon.getAttribute("href") !== href) icon.setAttribute("href", href);
    const said = $("said");
    if (said.dataset.was !== main.dataset.said) said.textContent = said.dataset.was = main.dataset.said;
  };
  const look = async () => {
    if (busy) return;
    busy = true;
    due = 0;
    asked = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Fragment": "1", ...(tag && { "If-None-Match": tag }) }, cache: "no-store", redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload(); // signed out, or it became part of another one
      if (answer.status >= 500) throw new Error(answer.status);
      const date = Date.parse(answer.headers.get("Date"));
      if (date) skew = Math.abs(date - Date.now()) > 5 * second ? date - Date.now() : 0;
      tag = answer.headers.get("ETag") ?? tag;
      const next = answer.status !== 304 && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      if (next) { days(next); keepFocus(() => morph(main, next)); around(); tick(); }
      if (!main.dataset.live || stream?.readyState === 1) lostAt = 0;
    } catch {
      lostAt ||= Date.now();
      due = Date.now() + 5 * second;
    } finally { busy = false; }
  };
  // At most once a second, and less often where nobody looks or it matters little.
  const soon = (every = 1) => {
    const at = Math.max(Date.now() + 50 + Math.random() * 250, asked + (document.hidden ? Math.max(every, 15) : every) * second);
    due = due ? Math.min(due, at) : at;
  };
  const unfollow = () => { stream?.close(); stream = undefined; };
  const follow = () => {
    if (stream || !main.dataset.live) return;
    stream = new EventSource("/api/v1/events");
    stream.onopen = () => { if (lostAt) soon(); lostAt = 0; };
    stream.onerror = () => {
      lostAt ||= Date.now();
      if (stream?.readyState === 2) { unfollow(); setTimeout(follow, 5 * second); }
    };
    for (const name of ["deployment", "gone", "reset"]) stream.addEventListener(name, (e) => {
      const id = /"id":\s*(\d+)/.exec(e.data)?.[1];
      soon(["all", `d${id}`].includes(main.dataset.live) || name !== "deployment" ? 1 : 10);
    });
  };
  const again = () => { unfollow(); follow(); soon(); };
  const each = () => {
    const now = Date.now();
    if (now - beat > 20 * second && !document.hidden) again(); // it slept
    beat = now;
    if (document.hidden) {
      hiddenAt ||= now;
      // A browser has few connections to one server: those who look need them.
      if (stream && now - hiddenAt > minute) unfollow();
      if (!stream && now - asked > minute) soon();
    } else {
      if (now - ticked >= second) { ticked = now; tick(); }
      const every = Number(main.dataset.refresh) * second;
      if (every && now - asked >= every) soon();
    }
    if (due && now >= due) look();
    show();
  };

  document.addEventListener("DOMContentLoaded", () => {
    main = $("main");
    live = $("live");
    days(main);
    tick();
    const buttons = () => {
      const theme = `Theme: ${root.dataset.theme || "that of the system"}`;
      $("theme").title = theme;
      $("theme").setAttribute("aria-label", theme);
      if (!$("keys")) return;
      setText($("keys"), keys ? "Keys are on" : "Keys are off");
    };
    buttons();
    $("theme").addEventListener("click", () => {
      root.dataset.theme = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
      choose("theme", root.dataset.theme);
      buttons();
    });
    $("keys")?.addEventListener("click", () => {
      keys = !keys;
      choose("keys", keys ? "" : "off");
      buttons();
    });
    const here = new URL(location.href);
    if (here.searchParams.has("notice")) { here.searchParams.delete("notice"); history.replaceState(null, "", here); }
    document.addEventListener("input", (e) => { if (e.target.form) e.target.form.dataset.touched = "yes"; });
    document.addEventListener("change", (e) => { if (e.target.matches("form[data-auto] select")) e.target.form.requestSubmit(); });
    // Fields that are not filled in do not belong into an address.
    document.addEventListener("formdata", (e) => {
      if (e.target.method === "get") for (const [name, value] of [...e.formData]) if (!value) e.formData.delete(name);
    });
    // An open panel lies over what is below, unless something in it is to be mended.
    const closeFor = (e) => { for (const el of document.querySelectorAll(".more[open]:not(.filter.wrong *)")) if (!el.contains(e.target)) el.open = false; };
    for (const name of ["click", "focusin"]) document.addEventListener(name, closeFor);
    document.addEventListener("keydown", (e) => {
      if (e.key === "Escape") {
        for (const el of document.querySelectorAll(".more[open]")) {
          if (el.contains(document.activeElement)) el.querySelector("summary").focus();
          el.open = false;
        }
        return;
      }
      if (!keys || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
      if (e.key === "/" && $("q")) { e.preventDefault(); $("q").select(); }
      if (e.key !== "j" && e.key !== "k") return;
      const stops = [...main.querySelectorAll(".card h3 a, .row .c-subject a, .heard summary")];
      stops[Math.min(Math.max(stops.indexOf(document.activeElement) + (e.key === "j" ? 1 : -1), 0), stops.length - 1)]?.focus();
    });
    if (!live) return; // nobody is signed in
    $("said").dataset.was = main.dataset.said;
    asked = Date.now();
    follow();
    setInterval(each, second / 4);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { hiddenAt = 0; follow(); soon(3); } });
    addEventListener("online", again);
    addEventListener("offline", () => { lostAt ||= Date.now(); });
    addEventListener("pagehide", unfollow);
    addEventListener("pageshow", (e) => { if (e.persisted) again(); });
  });
})();
