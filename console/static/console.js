// What pages gain by JavaScript: none of it is needed to read, to decide or to upload.
"use strict";

// Times also in the reader's own zone, where that is not what the page shows already.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const two = (number) => String(number).padStart(2, "0");
    const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join("-");
    const here = `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
    time.dataset.local = here;
    if (time.textContent.includes(here)) continue;
    const mine = document.createElement("small");
    mine.textContent = ` your time ${here}`;
    time.append(mine);
  }
}

// A link that asks Rev.io first takes a while.
function waiting(link) {
  link.addEventListener("click", () => link.setAttribute("aria-busy", "true"));
}

// A form is sent once: the server would refuse or ignore the second, but nobody should wonder.
function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button) button.setAttribute("aria-busy", "true");
  });
}

// A file may be dropped anywhere on its field.
function dropZone(zone) {
  const input = zone.querySelector("input[type=file]");
  const says = zone.querySelector("output");
  const show = () => {
    const file = input.files[0];
    const most = Number(input.dataset.most);
    const megabytes = (bytes) => Math.ceil(bytes / 100_000) / 10;
    // Before it is sent, so that the form is not lost.
    input.setCustomValidity(file && file.size > most
      ? `${file.name} has ${megabytes(file.size)} MB; at most ${megabytes(most)} MB are taken.` : "");
    input.reportValidity();
    says.textContent = file ? `${file.name}, ${file.size.toLocaleString()} bytes` : "";
  };
  input.addEventListener("change", show);
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, () => zone.classList.remove("over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length === 1) {
      input.files = event.dataTransfer.files;
      show();
    } else {
      says.textContent = "One file at a time, please.";
    }
  });
}

// A run's buttons when its status, or the reason for it, has changed; what somebody has typed stays where it can.
function changeSteps(html) {
  const old = document.getElementById("steps");
  const made = document.createElement("template");
  made.innerHTML = html; // escaped by the server's templates
  const steps = made.content.firstElementChild;
  if (!steps || steps.dataset.digest === old.dataset.digest) return;
  const focused = document.activeElement?.id;
  for (const field of old.querySelectorAll("textarea, input:not([type=hidden]), select")) {
    const same = steps.querySelector(`#${CSS.escape(field.id)}`);
    if (same) same.value = field.value;
  }
  old.replaceWith(steps);
  begin(steps);
  if (focused && focused !== document.activeElement?.id) {
    document.getElementById(focused)?.focus();
  }
}

// A run's progress as it comes; it connects again by itself.
function watch(live) {
  const events = new EventSource(live.dataset.events);
  const state = document.getElementById("watching");
  events.addEventListener("open", () => { state.textContent = "updated as it happens"; });
  events.addEventListener("error", () => {
    state.textContent = "connection lost; trying again …";
    // An answer other than a stream (the console or Redis restarts) ends it for the browser.
    if (events.readyState === EventSource.CLOSED) window.setTimeout(() => watch(live), 3000);
  });
  events.addEventListener("progress", (event) => {
    live.innerHTML = event.data; // escaped by the server's templates
    localTimes(live);
  });
  events.addEventListener("steps", (event) => changeSteps(event.data));
  for (const name of ["ended", "gone"]) {
    events.addEventListener(name, () => {
      events.close();
      window.location.reload();
    });
  }
}

// The list of keys stands at the page's foot.
function showKeys() {
  const list = document.getElementById("keys");
  if (!list) return;
  list.open = !list.open;
  if (!list.open) return;
  list.scrollIntoView({ block: "nearest" });
  list.querySelector("summary").focus();
}

// Keys: / to search, g then c, o, d or j for a page, ? for this list.
function keys() {
  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isGoing) {
      isGoing = false;
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
    } else if (event.key === "g") {
      isGoing = true;
    } else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    } else if (event.key === "?") {
      showKeys();
    }
  });
}

function begin(root) {
  localTimes(root);
  root.querySelectorAll("form[method=post]:not([hx-post])").forEach(sendOnce);
  root.querySelectorAll(".drop").forEach(dropZone);
  root.querySelectorAll("a[data-waits]").forEach(waiting);
}

document.documentElement.classList.add("with-script");
begin(document);
keys();
const live = document.querySelector("[data-events]");
if (live) watch(live);
document.body.addEventListener("htmx:afterSettle", (event) => begin(event.target));
