// What a page does beyond being read: times in the reader's zone, the theme, keys,
// and staying true by itself. Everything works without it.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const stored = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;

  const second = 1000, minute = 60 * second, hour = 60 * minute, dayLong = 24 * hour;
  const $ = (id) => document.getElementById(id);

  // Times.
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const dated = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const length = (ms) => {
    const s = Math.max(Math.round(ms / second), 0), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    if (h) return m ? `${h} h ${m} min` : `${h} h`;
    if (m) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
    return `${s} s`;
  };
  const ago = (t, now) => {
    const ms = now - t;
    if (ms < -minute) return short.format(t);
    if (ms < 10 * second) return "just now";
    if (ms < minute) return `${Math.floor(ms / second)} s ago`;
    if (ms < hour) return `${Math.floor(ms / minute)} min ago`;
    if (ms < 2 * dayLong) return `${Math.floor(ms / hour)} h ago`;
    if (ms < 30 * dayLong) return `${Math.floor(ms / dayLong)} days ago`;
    return dated.format(t);
  };
  const setText = (el, text) => { if (el.textContent !== text) el.textContent = text; };
  let skew = 0; // of this machine's clock against the server's
  const tick = () => {
    const now = Date.now() + skew;
    for (const el of document.querySelectorAll("time[data-as]")) {
      const t = Date.parse(el.dateTime), as = el.dataset.as;
      if (!el.dataset.utc) {
        el.dataset.utc = el.title;
        el.title = `${full.format(t)} here\n${el.dataset.utc}`;
      }
      setText(el, as === "age" ? ago(t, now) : as === "since" ? length(now - t) : as === "clock" ? clock.format(t) : short.format(t));
    }
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
  const flash = (el) => {
    el.classList.add("flash");
    el.addEventListener("animationend", () => el.classList.remove("flash"), { once: true });
  };
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName &&
    (a.nodeType !== 1 || (a.dataset?.key === b.dataset?.key && a.id === b.id));
  const morph = (from, to) => {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.tagName === "TIME" && from.dateTime === to.dateTime && from.dataset.as === to.dataset.as) return;
    const version = from.dataset?.version;
    if (version && version === to.dataset.version) return;
    const typing = from === document.activeElement || ("defaultValue" in from && from.value !== from.defaultValue);
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(from.tagName === "DETAILS" && name === "open")) from.removeAttribute(name);
    }
    for (const { name, value } of [...to.attributes]) {
      if ((from.tagName === "DETAILS" && name === "open") || (typing && name === "value")) continue;
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    if (from.tagName !== "SELECT" || !typing) children(from, to);
    if (version) flash(from);
  };
  const children = (from, to) => {
    const keyed = new Map();
    for (const el of from.children) if (el.dataset.key) keyed.set(el.dataset.key, el);
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      const key = next.nodeType === 1 ? next.dataset?.key : undefined;
      const found = key ? keyed.get(key) : undefined;
      if (found && same(found, next)) {
        if (found === at) at = at.nextSibling;
        else from.insertBefore(found, at);
        keyed.delete(key);
        morph(found, next);
      } else if (!key && at && !(at.nodeType === 1 && at.dataset?.key) && same(at, next)) {
        const here = at;
        at = at.nextSibling;
        morph(here, next);
      } else {
        from.insertBefore(next, at);
        if (next.dataset?.version) flash(next);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  // Looking again.
  let main, live, tag = "", asked = 0, due = 0, busy = false, lostAt = 0, stream, hiddenAt = 0, beat = Date.now();
  const state = (name, text) => {
    if (!live) return;
    if (live.dataset.state !== name) live.dataset.state = name;
    setText(live.querySelector("[data-text]"), text);
  };
  const show = () => {
    if (stream?.readyState === 1) state("live", "Live");
    else if (!navigator.onLine || lostAt && Date.now() - lostAt > 15 * second) state("off", `Offline since ${clock.format(lostAt || Date.now())}`);
    else if (lostAt) state("wait", "Reconnecting…");
  };
  const around = () => {
    document.title = main.dataset.title;
    const icon = $("icon"), href = icon.dataset[main.dataset.icon];
    if (href && icon.getAttribute("href") !== href) icon.setAttribute("href", href);
    setText($("said"), $("said").dataset.was === main.dataset.said ? $("said").textContent : main.dataset.said);
    $("said").dataset.was = main.dataset.said;
  };
  const look = async () => {
    if (busy) return;
    busy = true;
    due = 0;
    asked = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1", ...(tag && { "If-None-Match": tag }) }, cache: "no-store", redirect: "manual" });
      if (answer.type === "opaqueredirect") { location.reload(); return; } // signed out, or joined with another one
      const date = Date.parse(answer.headers.get("Date"));
      if (date && Math.abs(date - Date.now()) > 5 * second) skew = date - Date.now();
      if (answer.status === 200 || answer.status === 404) {
        tag = answer.headers.get("ETag") ?? "";
        const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
        if (next) { morph(main, next); around(); tick(); }
      } else if (answer.status !== 304) throw new Error(answer.status);
      if (stream?.readyState !== 2) lostAt = stream?.readyState === 1 ? 0 : lostAt;
    } catch {
      lostAt ||= Date.now();
      due = Date.now() + 5 * second;
    } finally { busy = false; show(); }
  };
  // At most once a second, and less often where nobody looks.
  const soon = () => { due ||= Math.max(Date.now() + 80, asked + (document.hidden ? 15 : 1) * second); };
  const follow = () => {
    if (stream || !main.dataset.live || !window.EventSource) return;
    stream = new EventSource("/api/v1/events");
    stream.onopen = () => { if (lostAt) soon(); lostAt = 0; show(); };
    stream.onerror = () => {
      lostAt ||= Date.now();
      if (stream.readyState === 2) { stream = undefined; setTimeout(follow, 5 * second); }
      show();
    };
    const heard = (e) => {
      const about = main.dataset.live;
      let said = {};
      try { said = JSON.parse(e.data); } catch { /* then it may be about anything */ }
      if (about === "all" || !said.id || about === `d${said.id}` || e.type !== "deployment") soon();
    };
    for (const name of ["deployment", "gone", "reset"]) stream.addEventListener(name, heard);
  };
  const unfollow = () => { stream?.close(); stream = undefined; };
  const each = () => {
    const now = Date.now();
    if (now - beat > 20 * second) { unfollow(); follow(); soon(); } // it slept
    beat = now;
    if (document.hidden) {
      hiddenAt ||= now;
      // A browser has few connections to one server: those who look need them.
      if (stream && now - hiddenAt > minute) unfollow();
      if (!stream && now - asked > minute) soon();
    } else tick();
    const every = Number(main.dataset.refresh) * second;
    if (every && !document.hidden && now - asked >= every) soon();
    if (due && now >= due) look();
    show();
  };

  const start = () => {
    main = $("main");
    live = $("live");
    tick();
    $("theme")?.addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page then */ }
    });
    const here = new URL(location.href);
    if (here.searchParams.has("notice")) {
      here.searchParams.delete("notice");
      history.replaceState(null, "", here);
    }
    document.addEventListener("change", (e) => { if (e.target.matches("form[data-auto] select")) e.target.form.requestSubmit(); });
    // Fields that are not filled in do not belong into an address.
    document.addEventListener("formdata", (e) => {
      if (e.target.method === "get") for (const [name, value] of [...e.formData]) if (!value) e.formData.delete(name);
    });
    document.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
      if (e.key === "/" && $("q")) { e.preventDefault(); $("q").focus(); $("q").select(); }
      if (e.key === "j" || e.key === "k") {
        const stops = [...main.querySelectorAll(".card h3 a, .row .c-subject a, .heard summary")];
        const at = stops.indexOf(document.activeElement);
        stops[e.key === "j" ? Math.min(at + 1, stops.length - 1) : Math.max(at - 1, 0)]?.focus();
      }
    });
    if (!live) return; // nobody is signed in
    $("said").dataset.was = main.dataset.said;
    asked = Date.now();
    follow();
    setInterval(each, second / 4);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      hiddenAt = 0;
      follow();
      if (Date.now() - asked > 3 * second) soon();
    });
    addEventListener("online", () => { unfollow(); follow(); soon(); });
    addEventListener("offline", () => { lostAt ||= Date.now(); show(); });
    addEventListener("pagehide", unfollow);
    addEventListener("pageshow", (e) => { if (e.persisted) { follow(); soon(); } });
  };
  document.addEventListener("DOMContentLoaded", start);
})();
