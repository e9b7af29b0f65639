// The forms that the bot opens (modals), and the enlarged picture.

import { byId, freshId, h } from "./dom.js";
import { showChosen } from "./fields.js";
import { markdown } from "./markdown.js";
import { optionsOf } from "./message.js";

// Show a modal. submit(values, files) sends it; if that fails, the form stays open. label: of the button that sends it.
export function openForm(modal, actions, submit, label = "Send") {
  const dialog = byId("modal");
  const fields = [];
  const send = h("button", { type: "submit", className: "button red", data: { testid: "modal-submit" } }, label);
  const refused = h("p", { className: "form-error", role: "alert", hidden: true, data: { testid: "modal-error" } });
  const form = h(
    "form",
    { method: "dialog", noValidate: false },
    h("h2", { id: "modal-title" }, modal.title),
    modal.components.map((component) => block(component, actions, fields)),
    refused,
    h(
      "p",
      { className: "modal-buttons" },
      h("button", { type: "button", className: "button grey", on: { click: () => dialog.close() } }, "Cancel"),
      send,
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    refused.hidden = true;
    try {
      const values = {};
      const files = [];
      for (const field of fields) field(values, files);
      await submit(values, files);
      dialog.close();
    } catch (error) {
      refused.textContent = error.message; // in the form: it covers the page
      refused.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  form.querySelector("textarea, input, select")?.focus();
}

function block(component, actions, fields) {
  if (component.type === 1) return component.components.map((child) => block(child, actions, fields));
  if (component.type === 10) return h("div", { className: "text" }, markdown(component.content, actions.names));
  if (component.type === 18) {
    return labelled(component.label, component.description, component.component, actions, fields);
  }
  return labelled(component.label ?? component.custom_id, null, component, actions, fields);
}

function labelled(label, description, control, actions, fields) {
  const id = freshId("field");
  const required = control.required ?? ![19, 21, 22, 23].includes(control.type);
  const [element, read, wrap] = makeControl(control, id, required, actions);
  fields.push(read);
  const hint = description && h("p", { className: "hint", id: `${id}-hint` }, description);
  if (hint) element.setAttribute("aria-describedby", hint.id);
  return h("div", { className: "form-field" }, h("label", { htmlFor: id, id: `${id}-label` }, label, required && h("span", { className: "needed", title: "needed" }, " *")), hint, wrap ?? element);
}

// Returns [element, read, wrap?]: the control, what reads it into values and files, and an element around it.
function makeControl(control, id, required, actions) {
  const key = control.custom_id;
  const common = { id, required, data: { testid: "modal-field", customId: key } };
  switch (control.type) {
    case 4: {
      const texts = { ...common, placeholder: control.placeholder ?? "", minLength: control.min_length ?? 0, value: control.value ?? "" };
      texts.maxLength = control.max_length ?? 4000;
      if (!texts.minLength) delete texts.minLength;
      const input = control.style === 2 ? h("textarea", { ...texts, rows: 5 }) : h("input", { ...texts, type: "text" });
      return [input, (values) => (values[key] = input.value)];
    }
    case 3:
    case 5:
    case 6:
    case 7:
    case 8: {
      const many = (control.max_values ?? 1) > 1;
      const chosen = new Set((control.options ?? []).filter((option) => option.default).map((option) => option.value));
      const options = optionsOf(control, actions).map((option) => h("option", { value: option.value, selected: chosen.has(option.value) }, [option.label, option.description && `– ${option.description}`].filter(Boolean).join(" ")));
      const empty = many || (chosen.size && required) ? [] : [h("option", { value: "", selected: !chosen.size }, control.placeholder ?? "Choose")];
      const menu = h("select", { ...common, multiple: many }, empty, options);
      return [menu, (values) => {
        const picked = [...menu.selectedOptions].map((option) => option.value).filter(Boolean);
        if (picked.length) values[key] = picked;
      }];
    }
    case 19: {
      const input = h("input", { ...common, type: "file", multiple: (control.max_values ?? 1) > 1 });
      return [input, (_, files) => files.push(...[...input.files].map((file) => [key, file])), showChosen(input)];
    }
    case 21: {
      const name = freshId("radio");
      const inputs = control.options.map((option) => h("label", { className: "choice" }, h("input", { type: "radio", name, value: option.value, checked: Boolean(option.default), required }), option.label));
      const group = h("div", { id, role: "radiogroup", "aria-labelledby": `${id}-label` }, inputs);
      return [group, (values) => {
        const picked = group.querySelector("input:checked");
        if (picked) values[key] = picked.value;
      }];
    }
    case 22: {
      const inputs = control.options.map((option) => h("label", { className: "choice" }, h("input", { type: "checkbox", value: option.value, checked: Boolean(option.default) }), option.label));
      const group = h("div", { id, role: "group", "aria-labelledby": `${id}-label` }, inputs);
      return [group, (values) => (values[key] = [...group.querySelectorAll("input:checked")].map((input) => input.value))];
    }
    case 23: {
      const input = h("input", { ...common, required: false, type: "checkbox", checked: Boolean(control.default) });
      return [input, (values) => (values[key] = input.checked)];
    }
    default:
      return [h("p", {}, "This kind of field is not known here."), () => {}];
  }
}

export function openPicture(address, name) {
  const dialog = byId("light");
  const close = h("button", { type: "button", className: "icon-button", "aria-label": "Close", on: { click: () => dialog.close() } }, "✕");
  const picture = h("img", { src: address, alt: name });
  const shape = () => picture.style.setProperty("--shape", String(picture.naturalWidth / picture.naturalHeight || 1));
  picture.addEventListener("load", shape);
  dialog.replaceChildren(picture, close, h("p", {}, h("a", { href: address, target: "_blank", rel: "noopener" }, "Open the file")));
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  dialog.showModal();
}
