// The control for one option of a command, and how its value is read.

import { freshId, h } from "./dom.js";

const TYPES = { 3: "text", 4: "number", 5: "boolean", 6: "person", 7: "channel", 8: "role", 9: "anyone", 10: "number", 11: "file" };

// Returns {element, wrap?, read?, file?}: the control, an element around it, and functions that return
// its value or its file. suggest(typed) asks the bot for suggestions.
export function makeField(option, id, text, actions, suggest) {
  const common = { id, required: Boolean(option.required), data: { testid: "option-field", option: option.name, kind: TYPES[option.type] ?? "text" } };
  const choices = (pairs) => {
    const menu = h("select", common, !option.required && h("option", { value: "" }, "–"), pairs.map(([value, label]) => h("option", { value }, label)));
    const match = pairs.find(([value, label]) => text && (label === text || String(value) === text));
    if (match) menu.value = match[0];
    return menu;
  };
  const people = actions.people().map((person) => [person.id, person.display_name]);
  const roles = actions.roles().map((role) => [role.id, role.name]);
  const channels = actions.channels().filter((channel) => !channel.direct).map((channel) => [channel.id, `#${channel.name}`]);
  if (option.choices?.length) {
    const menu = choices(option.choices.map((choice, index) => [String(index), choice.name_localized ?? choice.name]));
    return { element: menu, read: () => (menu.value === "" ? undefined : option.choices[Number(menu.value)].value) };
  }
  switch (option.type) {
    case 4:
    case 10: {
      const input = h("input", { ...common, type: "number", step: option.type === 4 ? 1 : "any", min: option.min_value ?? "", max: option.max_value ?? "", value: text });
      return { element: input, read: () => (input.value === "" ? undefined : Number(input.value)) };
    }
    case 5: {
      const menu = choices([["true", "yes"], ["false", "no"]]);
      return { element: menu, read: () => (menu.value === "" ? undefined : menu.value === "true") };
    }
    case 6:
    case 7:
    case 8:
    case 9: {
      const menu = choices({ 6: people, 7: channels, 8: roles, 9: [...people, ...roles] }[option.type]);
      return { element: menu, read: () => menu.value || undefined };
    }
    case 11:
      return fileControl(common);
    default:
      return option.autocomplete ? suggesting(option, common, text, suggest) : plain(option, common, text);
  }
}

function plain(option, common, text) {
  const area = h("textarea", { ...common, rows: 1, value: text, className: "option-text" });
  if (option.max_length) area.maxLength = option.max_length;
  const grow = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 180)}px`;
  };
  area.addEventListener("input", grow);
  requestAnimationFrame(grow);
  return { element: area, read: () => (area.value === "" && !option.required ? undefined : area.value) };
}

// A file input with a small picture of what was chosen; returns the element around both.
export function showChosen(input) {
  const preview = h("img", { className: "preview", alt: "", hidden: true });
  input.addEventListener("change", () => {
    if (preview.src) URL.revokeObjectURL(preview.src);
    const file = input.files[0];
    preview.hidden = !file?.type.startsWith("image/") || file.type.includes("svg");
    if (!preview.hidden) preview.src = URL.createObjectURL(file);
  });
  preview.addEventListener("error", () => (preview.hidden = true));
  return h("span", { className: "file-field" }, input, preview);
}

function fileControl(common) {
  const input = h("input", { ...common, type: "file" });
  return { element: input, wrap: showChosen(input), file: () => input.files[0] };
}

function suggesting(option, common, text, suggest) {
  const listId = freshId("suggestions");
  const list = h("ul", { id: listId, className: "picker suggestions", role: "listbox", hidden: true, "aria-label": `Suggestions for ${option.name}` });
  const input = h("input", { ...common, type: "text", value: text, role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": listId });
  let chosen = null;
  let offered = [];
  let active = -1;
  let timer = 0;
  const hide = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const pick = (choice) => {
    chosen = choice;
    input.value = choice.name;
    hide();
  };
  const mark = () => {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === active)));
    if (active >= 0) input.setAttribute("aria-activedescendant", `${listId}-${active}`);
  };
  const ask = async () => {
    const typed = input.value;
    try {
      const choices = await suggest(typed);
      if (input.value !== typed || document.activeElement !== input) return;
      offered = choices;
    } catch {
      offered = [];
    }
    active = -1;
    list.replaceChildren(...offered.map((choice, index) => h("li", { id: `${listId}-${index}`, role: "option", data: { testid: "suggestion" }, on: { mousedown: (event) => { event.preventDefault(); pick(choice); } } }, choice.name)));
    list.hidden = !offered.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  };
  input.addEventListener("input", () => { chosen = null; later(); });
  input.addEventListener("focus", later);
  input.addEventListener("blur", hide);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + offered.length) % offered.length;
      mark();
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      event.stopImmediatePropagation();
      pick(offered[active]);
    } else if (event.key === "Escape") {
      event.stopImmediatePropagation();
      hide();
    }
  });
  return { element: input, wrap: h("span", { className: "suggesting" }, input, list), read: () => (input.value === "" ? undefined : (chosen?.value ?? input.value)) };
}
