// Elements from data, never from markup: text stays text whatever it holds.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else if (name in element && name !== "list" && !name.includes("-")) {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// An address the page may follow: http and https only.
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

// A picture the page may show: from this server only, so that the CSP never has to refuse one.
export function ownPicture(text) {
  const url = safeUrl(text);
  return url !== null && new URL(url).origin === location.origin ? url : null;
}

export function toast(text) {
  const note = h("p", { className: "toast", data: { testid: "toast" } }, text);
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 8000);
}

let serial = 0;
export const freshId = (stem) => `${stem}-${++serial}`;
