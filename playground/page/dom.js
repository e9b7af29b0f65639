// Elements are made from data, never from markup: text is always shown as text.

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

// The address if the page may link to it (http and https only), else null.
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

// The address if the page may show it as a picture (from this server only, as the CSP demands), else null.
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
