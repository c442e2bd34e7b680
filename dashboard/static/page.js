// Pages work without this file; with it a filter applies at once, pictures say what is under the pointer, and a newer release is announced.
"use strict";

const main = document.querySelector("main");
let shownAddress = location.pathname + location.search;

// Tab comes to a picture, left and right go from mark to mark in it
const PICTURES = ".chart, .bars, .drawing";
const MARKS = ".chart [aria-label][role='graphics-symbol'], .drawing [aria-label]:not(svg), .bar [aria-label]";

// The figures of another address in place of these: quicker than a page, as styles and script stay.
let asked = 0;
const replaceBy = async (address) => {
  const number = ++asked;
  main.setAttribute("aria-busy", "true");
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // somebody has clicked on meanwhile
  if (number !== asked) return false;
  const chosen = document.activeElement?.name;
  main.replaceChildren(...page.querySelector("main").childNodes);
  main.removeAttribute("aria-busy");
  document.title = page.title;
  document.body.dataset.release = page.body.dataset.release;
  document.querySelectorAll("[data-replaced], header nav").forEach((old, n) => {
    const fresh = page.querySelectorAll("[data-replaced], header nav")[n];
    if (fresh) old.replaceWith(fresh);
  });
  document.getElementById("newer").hidden = true;
  shownAddress = location.pathname + location.search;
  if (chosen) main.querySelector(`form.filters [name="${CSS.escape(chosen)}"]`)?.focus();
  prepare();
  follow(address, number);
  return true;
};

// Figures that are still counted come when they are ready; the others stay as they are.
const follow = (address, number) => {
  const names = [...main.querySelectorAll("section[data-counting]")].map((section) => section.id);
  if (!names.length) return;
  const again = async () => {
    if (number !== asked) return;
    const answer = await fetch(address, { headers: { Accept: "text/html", Figures: names.join(",") } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked) return;
    // another release has taken over: its figures don't stand beside those of this one
    if (!answer.ok || page.body.dataset.release !== document.body.dataset.release) { location.reload(); return; }
    names.forEach((name) => {
      const fresh = page.getElementById(name);
      if (fresh && !("counting" in fresh.dataset)) document.getElementById(name).replaceWith(fresh);
    });
    prepare();
    follow(address, number);
  };
  setTimeout(() => again().catch(() => follow(address, number)), 500);
};

const prepare = () => {
  main.querySelectorAll("form.filters[method=get]").forEach((form) => form.classList.add("at-once"));
  main.querySelectorAll(PICTURES).forEach((picture) => { picture.tabIndex = 0; });
};

main.addEventListener("change", async (event) => {
  const form = event.target.closest("form.filters[method=get]");
  if (!form) return;
  const chosen = new URLSearchParams(new FormData(form));
  // defaults stay out of the address; but where a KPI says which journey, the first one has to be named
  form.querySelectorAll("select").forEach((one) => {
    if (one.selectedIndex === 0 && !(one.name === "journey" && form.elements.kpi)) chosen.delete(one.name);
  });
  // a KPI is of one journey
  if (event.target.name === "journey") chosen.delete("kpi");
  const query = chosen.toString();
  const address = `${form.getAttribute("action")}${query ? `?${query}` : ""}`;
  try {
    if (await replaceBy(address)) {
      history.pushState({}, "", address);
      shownAddress = address;
    }
  } catch {
    location.href = address;
  }
});
addEventListener("popstate", () => {
  // a place on the same page is none
  if (shownAddress !== location.pathname + location.search) replaceBy(location.href).catch(() => location.reload());
});
prepare();
follow(location.href, asked);

main.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.nextElementSibling.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.nextElementSibling);
    button.textContent = "Press Ctrl+C";
  }
});

// what a mark says to a screen reader, it says to the pointer and the keyboard, too
const tip = document.getElementById("tip");
const named = (event) => event.target.closest?.(MARKS);
const tell = (mark, place) => {
  const title = mark.querySelector("title");
  // the browser's own would come on top
  if (title && mark.closest(".drawing")) title.remove();
  tip.textContent = mark.getAttribute("aria-label").replaceAll("; ", "\n");
  tip.hidden = false;
  const left = Math.min(place.right + 14, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.min(Math.max(8, place.top + 14), innerHeight - tip.offsetHeight - 8)}px`;
};
const show = (event) => {
  const mark = named(event);
  if (!mark) { tip.hidden = true; return; }
  tell(mark, event.type === "focusin" ? mark.getBoundingClientRect() : { right: event.clientX, top: event.clientY });
};
main.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const picture = event.target;
  // a map's marks are links, which Tab reaches
  if (!step || !picture.matches(PICTURES) || picture.querySelector("a[aria-label]")) return;
  const marks = [...picture.querySelectorAll(MARKS)];
  if (!marks.length) return;
  event.preventDefault();
  const next = marks[Math.min(Math.max(marks.findIndex((mark) => mark.classList.contains("at")) + step, 0), marks.length - 1)];
  marks.forEach((mark) => mark.classList.toggle("at", mark === next));
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
  tell(next, next.getBoundingClientRect());
});
document.addEventListener("pointermove", show);
document.addEventListener("focusin", show);
document.addEventListener("focusout", () => {
  tip.hidden = true;
  main.querySelectorAll(".at").forEach((mark) => mark.classList.remove("at"));
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

if (document.body.dataset.release) {
  const look = async () => {
    try {
      const found = await (await fetch("/current-release.json")).json();
      if (found.release_id && found.release_id !== document.body.dataset.release) {
        const newer = document.getElementById("newer");
        newer.querySelector("a").href = location.href;
        newer.hidden = false;
        return;
      }
    } catch { /* the server is down: the next look may find it */ }
    setTimeout(look, 20000);
  };
  setTimeout(look, 20000);
}
