"use strict";
// Keeps a page up to date while it is open. Everything is readable without this file: it only saves the reader from reloading.
// Text from the server arrives as elements that the server wrote and escaped; nothing here makes HTML of text.

(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // ---- Clocks: the server's present goes on here, at the speed at which time passes there. ----
  const page = document.getElementById("live");
  let offset = 0;
  let speed = 1;
  let base = Date.now();
  const present = () => base + (Date.now() - base) * speed + offset;
  const told = (now, fast) => {
    base = Date.now();
    if (fast) speed = fast;
    offset = now - base;
  };
  const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  const length = (millis) => {
    const seconds = Math.max(0, Math.floor(millis / 1000));
    for (const [large, name, small, second] of units) {
      if (seconds < large) continue;
      const rest = Math.floor((seconds % large) / small);
      return `${Math.floor(seconds / large)} ${name}` + (rest && seconds < large * 600 ? ` ${rest} ${second}` : "");
    }
    return `${seconds} s`;
  };
  const tick = () => {
    const now = present();
    for (const time of document.querySelectorAll("time[data-since]")) {
      time.textContent = length(now - Number(time.dataset.since));
    }
    for (const time of document.querySelectorAll("time[data-due]")) {
      const away = Number(time.dataset.due) - now;
      const clock = time.textContent.split(",")[0];
      time.textContent = away > 0 ? `${clock}, in ${length(away)}` : `${clock}, ${length(-away)} ago`;
    }
  };
  if (page && page.dataset.now) {
    told(Number(page.dataset.now), Number(page.dataset.speed) || 1);
  }
  setInterval(tick, 1000);

  // ---- Exchanging parts without taking anything away from the reader: what is open stays open, what is typed stays typed, what has
  // the focus keeps it. ----
  const keyOf = (node) => (node.nodeType === 1 && node.id) || null;
  const attributes = (from, to) => {
    for (const { name } of [...to.attributes]) {
      if (!from.hasAttribute(name) && !(name === "open" && to.tagName === "DETAILS")) to.removeAttribute(name);
    }
    for (const { name, value } of [...from.attributes]) {
      if (to.getAttribute(name) !== value) to.setAttribute(name, value);
    }
  };
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
  const morph = (to, from) => {
    if (to.nodeType === 3) {
      if (to.nodeValue !== from.nodeValue) to.nodeValue = from.nodeValue;
      return;
    }
    if (to.nodeType !== 1) return;
    attributes(from, to);
    if (to.tagName === "TEXTAREA" || to.tagName === "INPUT") return;
    const known = new Map();
    for (const child of to.childNodes) if (keyOf(child)) known.set(keyOf(child), child);
    let at = to.firstChild;
    for (const wanted of [...from.childNodes]) {
      const key = keyOf(wanted);
      const found = key && known.get(key);
      if (found && same(found, wanted)) {
        if (found !== at) to.insertBefore(found, at);
        else at = at.nextSibling;
        morph(found, wanted);
      } else if (!key && at && !keyOf(at) && same(at, wanted)) {
        const next = at.nextSibling;
        morph(at, wanted);
        at = next;
      } else {
        to.insertBefore(document.importNode(wanted, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };
  const parse = (text) => {
    const template = document.createElement("template");
    template.innerHTML = text;
    return template.content.firstElementChild;
  };
  const token = document.querySelector("meta[name=csrf]");
  const sign = (within) => {
    if (!token) return;
    for (const field of within.querySelectorAll("input[name=csrf]")) field.value = token.content;
  };

  // ---- Copying: the text is fetched from the server, so that what is copied is the Markdown itself. ----
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      try {
        const answer = await fetch(button.dataset.copy);
        if (!answer.ok) throw new Error(String(answer.status));
        await navigator.clipboard.writeText(await answer.text());
        button.textContent = "Copied";
      } catch {
        button.textContent = "That did not work; download it";
      }
      setTimeout(() => { button.textContent = label; }, 4000);
    });
  }

  // ---- The stream. ----
  if (!page || !page.dataset.stream) return;
  const connection = document.getElementById("connection");
  let last = Number(page.dataset.through);
  const say = (text, lost) => {
    if (!connection) return;
    connection.textContent = text;
    connection.classList.toggle("lost", Boolean(lost));
  };
  const at = () => new Date().toLocaleTimeString();
  const insert = (log, line) => {
    if (document.getElementById(line.id)) return;
    const when = Number(line.dataset.at);
    const number = Number(line.id.slice(1));
    const before = [...log.children].find((other) => {
      const then = Number(other.dataset.at);
      return then < when || (then === when && Number(other.id.slice(1)) < number);
    });
    line.classList.add("fresh");
    log.insertBefore(line, before || null);
  };
  const take = (message) => {
    for (const [id, text] of message.regions) {
      const old = document.getElementById(id);
      const fresh = parse(text);
      if (!fresh) continue;
      sign(fresh);
      if (old) morph(old, fresh);
    }
    const log = document.getElementById("log");
    if (log && "live" in log.dataset && message.lines.length) {
      const empty = document.getElementById("log-empty");
      if (empty) empty.remove();
      for (const text of message.lines) insert(log, parse(text));
      while (log.children.length > 600) log.lastElementChild.remove();
    }
    tick();
  };
  let tries = 0;
  const open = () => {
    const joint = page.dataset.stream.includes("?") ? "&" : "?";
    const source = new EventSource(`${page.dataset.stream}${joint}after=${last}`);
    source.addEventListener("open", () => {
      tries = 0;
      say("Live: this page keeps itself up to date.");
      root.dataset.live = "yes";
    });
    source.addEventListener("pulse", (event) => {
      const { now, speed: fast } = JSON.parse(event.data);
      told(now, fast);
    });
    source.addEventListener("more", (event) => {
      const message = JSON.parse(event.data);
      told(message.now, message.speed);
      take(message);
      last = Number(event.lastEventId) || last;
      page.dataset.through = String(last);
    });
    source.addEventListener("reload", () => location.reload());
    source.addEventListener("error", () => {
      root.dataset.live = "no";
      say(`The connection is lost; trying again. What stands here is as of ${at()}.`, true);
      if (source.readyState !== EventSource.CLOSED) return;
      // The server said no, or was not there: come back with the last event that is known.
      source.close();
      tries += 1;
      if (tries > 3) fetch(location.href, { method: "HEAD", redirect: "manual" }).then((answer) => {
        if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
      }).catch(() => {});
      setTimeout(open, Math.min(500 * 2 ** tries, 8000));
    });
  };
  open();
})();
