/* One question in a corner of the page: no cookie. */
(function () {
  "use strict";
  var script = document.currentScript, form = script.dataset.form, token = script.dataset.token;
  var base = new URL("f/" + encodeURIComponent(form), script.src).href;
  var key = "earful:" + form, again = 90 * 864e5, host, root, words, id, busy;

  function asked() {
    try { return Date.now() - Number(localStorage.getItem(key) || 0) < again; } catch (e) { return false; }
  }
  function remember() {
    try { localStorage.setItem(key, String(Date.now())); } catch (e) {}
  }
  function make(tag, more, parent) {
    var one = document.createElement(tag);
    Object.keys(more || {}).forEach(function (name) {
      if (name === "text") one.textContent = more.text;
      else one.setAttribute(name, more[name]);
    });
    if (parent) parent.appendChild(one);
    return one;
  }
  function uuid() {
    var b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    return Array.from(b, function (n) { return (n + 256).toString(16).slice(1); }).join("")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  function frame() {
    host = make("earful-ask"); // the page has rules for its own divs
    root = host.attachShadow({ mode: "open" });
    var css = new CSSStyleSheet();
    css.replaceSync(
      ":host{all:initial!important}section{position:fixed;inset-block-end:16px;inset-inline-end:16px;z-index:99999;box-sizing:border-box;width:384px;max-width:calc(100vw - 32px);max-height:calc(100vh - 32px);overflow:auto;padding:16px;border-radius:11px;border:1px solid #888;background:#fff;color:#222;color-scheme:light;font:16px/1.4 system-ui,sans-serif}" +
      "fieldset{border:0;margin:0;padding:0}legend{padding:0 0 8px;padding-inline-end:32px;font-weight:600}" +
      ".c{display:flex;flex-wrap:wrap;gap:5px}.c label{position:relative}.c input{position:absolute;opacity:0;margin:0;width:100%;height:100%}" +
      ".c span{display:grid;place-items:center;min-width:35px;min-height:35px;border:1px solid #777;border-radius:6px}.csat span{font-size:26px}" +
      "input:checked+span,button{background:#0b57d0;color:#fff}input:checked+span{outline:2px solid #0b57d0}input:focus-visible+span,:focus-visible{outline:3px solid #f29900}" +
      "p{margin:8px 0}textarea,.m{box-sizing:border-box;width:100%;font:inherit}button{font:inherit;padding:8px 16px;border:1px solid #0b57d0;border-radius:6px;cursor:pointer}" +
      ".x{position:absolute;inset-block-start:6px;inset-inline-end:6px;padding:2px 10px}.t{position:absolute;width:1px;height:1px;clip-path:inset(50%)}" +
      "@media(prefers-reduced-motion:no-preference){section{animation:i .3s}@keyframes i{from{transform:translateY(16px)}}}");
    root.adoptedStyleSheets = [css];
    document.body.appendChild(host);
  }
  function close() {
    remember();
    host.remove();
  }
  function box(label) {
    var old = root.querySelector("section");
    if (old) old.remove();
    var one = make("section", { role: "dialog", "aria-label": label, lang: words ? words.lang : "en", dir: words ? words.dir : "ltr" }, root);
    ["keydown", "keypress", "keyup"].forEach(function (name) {
      one.addEventListener(name, function (e) {
        e.stopPropagation(); // the page's shortcuts would take letters away from what is written
        if (name === "keydown" && e.key === "Escape" && !e.isComposing) close();
      });
    });
    make("button", { class: "x", type: "button", "aria-label": words ? words.close : "Close", text: "×" }, one)
      .addEventListener("click", close);
    return one;
  }
  function link(parent) {
    var text = words ? words.link : "Feedback";
    make("a", { href: base, target: "_blank", text: text }, parent || box(text));
  }
  function field(name, label, tag, more, parent) {
    var line = make("p", {}, parent);
    make("label", { "for": name, text: label }, line);
    make(tag, Object.assign({ id: name, name: name, class: "m" }, more), line);
  }
  function ask() {
    var one = box(words.ask), f = make("form", {}, one), set = make("fieldset", {}, f);
    make("legend", { text: words.ask }, set);
    var row = make("div", { class: "c " + words.scale }, set);
    words.options.forEach(function (o) {
      var l = make("label", { title: o.label }, row);
      make("input", { type: "radio", name: "rating", value: o.value, required: "", "aria-label": o.label }, l);
      make("span", { "aria-hidden": "true", text: o.shown }, l);
    });
    if (words.low) make("p", { text: "0 = " + words.low + " · 10 = " + words.high }, set);
    field("why", words.why, "textarea", { rows: 3, maxlength: 5000 }, f);
    field("email", words.contact + " " + words.email, "input", { type: "email", maxlength: 254, autocomplete: "email" }, f);
    make("input", { name: "topic", tabindex: -1, autocomplete: "off", class: "t", "aria-hidden": "true" }, f);
    make("button", { text: words.send }, f);
    var said = make("p", { role: "status" }, f);
    f.addEventListener("submit", function (e) {
      e.preventDefault();
      if (!busy) send(f, said);
    });
  }
  function send(f, said) {
    var data = new FormData(f), body = { token: token, id: id, rating: Number(data.get("rating")) };
    ["why", "email", "topic"].forEach(function (name) { body[name] = data.get(name); });
    busy = true; // a disabled button would lose the focus, and Escape with it
    said.textContent = "";
    fetch(base, {
      method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body)
    }).then(function (r) {
      if (r.status === 201) {
        remember();
        f.remove();
        make("p", { role: "status", tabindex: -1, text: words.thanks }, root.querySelector("section")).focus();
      } else {
        said.textContent = r.status === 429 ? words.often : r.status >= 500 ? words.retry : words.wrong;
      }
    }).catch(function () { // what was written stays, and its id: it may have arrived
      said.textContent = words.retry + " ";
      link(said);
    }).then(function () { busy = false; });
  }
  function start() {
    if (asked()) return;
    id = uuid();
    frame();
    fetch(base + "/texts?lang=" + encodeURIComponent(document.documentElement.lang.slice(0, 20)), { credentials: "omit" })
      .then(function (r) { if (!r.ok) throw r; return r.json(); })
      .then(function (found) { words = found; ask(); })
      .catch(function () { link(); });
  }
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
})();
