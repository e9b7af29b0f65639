// The input at the bottom: plain text, files, and slash commands with a field for every option.

import { act } from "./api.js";
import { byId, freshId, h, toast } from "./dom.js";
import { makeField } from "./fields.js";

const MAIN = "imagine"; // the command that most are looking for, until they use another

export class Composer {
  // actions: {me, channel, names, people, roles, channels, openAnswer(answer)}
  constructor(actions) {
    this.actions = actions;
    this.text = byId("text");
    this.picker = byId("picker");
    this.form = byId("composer");
    this.reply = null;
    this.leaf = null;
    this.files = [];
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("paste", (event) => this.attach(event.clipboardData.files));
    byId("files").addEventListener("change", (event) => {
      this.attach(event.target.files);
      event.target.value = "";
    });
    this.form.addEventListener("paste", (event) => this.leaf && this.fill(event, event.clipboardData.files));
    this.form.addEventListener("dragover", (event) => event.preventDefault());
    this.form.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.leaf) this.fill(event, event.dataTransfer.files);
      else this.attach(event.dataTransfer.files);
    });
  }

  // ---------------------------------------------------------------- the text field

  // Those used most come first.
  leaves() {
    const found = [];
    const visit = (node, path) => {
      const children = (node.options ?? []).filter((option) => option.type <= 2);
      if (!children.length) found.push({ name: path.join(" "), node });
      for (const child of children) visit(child, [...path, child.name]);
    };
    for (const command of this.actions.channel()?.commands ?? []) visit(command, [command.name]);
    const used = { [MAIN]: 0.5, ...readUsed() };
    return found.sort((a, b) => (used[b.name] ?? 0) - (used[a.name] ?? 0));
  }

  has(name) {
    return this.leaves().some((leaf) => leaf.name === name);
  }

  // Fill in a command and send it, as if it had been typed.
  run(name, rest) {
    const leaf = this.leaves().find((one) => one.name === name);
    if (!leaf) return;
    this.begin(leaf, rest);
    this.form.requestSubmit();
  }

  grow() {
    this.text.style.height = "auto";
    if (this.text.value) this.text.style.height = `${Math.min(this.text.scrollHeight, 180)}px`; // the hint in an empty field may be longer than a line
  }

  typed() {
    this.grow();
    const line = this.text.value;
    if (!line.startsWith("/")) return this.hidePicker();
    const leaves = this.leaves();
    const whole = [...leaves].sort((a, b) => b.name.length - a.name.length).find((leaf) => line.startsWith(`/${leaf.name} `));
    if (whole) return this.begin(whole, line.slice(whole.name.length + 2));
    const word = line.slice(1).toLowerCase();
    this.showPicker(leaves.filter((leaf) => leaf.name.startsWith(word)));
  }

  showPicker(leaves) {
    this.choices = leaves;
    this.active = 0;
    this.picker.replaceChildren(
      ...leaves.map((leaf, index) =>
        h(
          "li",
          {
            id: `pick-${index}`,
            role: "option",
            "aria-selected": String(index === 0),
            data: { testid: "command-choice", command: leaf.name },
            on: { mousedown: (event) => { event.preventDefault(); this.begin(leaf, ""); } },
          },
          h("b", {}, `/${leaf.name}`),
          h("span", {}, leaf.node.description ?? ""),
        ),
      ),
    );
    if (!leaves.length) this.picker.append(h("li", { className: "none" }, "No command starts like that."));
    this.picker.hidden = false;
    this.mark();
  }

  mark() {
    [...this.picker.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.active)));
    if (this.choices.length) {
      this.text.setAttribute("aria-activedescendant", `pick-${this.active}`);
      this.picker.children[this.active].scrollIntoView({ block: "nearest" });
    }
  }

  hidePicker() {
    this.picker.hidden = true;
    this.choices = [];
    this.text.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing) return;
    const open = !this.picker.hidden && this.choices.length;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = (this.active + step + this.choices.length) % this.choices.length;
      this.mark();
    } else if (open && (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey))) {
      event.preventDefault();
      this.begin(this.choices[this.active], "");
    } else if (event.key === "Escape") {
      this.hidePicker();
      this.setReply(null);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.form.requestSubmit();
    }
  }

  // ---------------------------------------------------------------- a command

  begin(leaf, rest) {
    this.hidePicker();
    this.leaf = leaf;
    this.fields = new Map();
    const options = leaf.node.options ?? [];
    const box = byId("command");
    this.slots = h("div", { className: "slots" });
    this.extras = h("div", { className: "extras" });
    box.replaceChildren(
      h(
        "p",
        { className: "command-name" },
        h("b", { data: { testid: "command-name" } }, `/${leaf.name}`),
        h("span", {}, leaf.node.description ?? ""),
        h("button", { type: "button", className: "icon-button", "aria-label": "Leave this command", on: { click: () => this.end() } }, "✕"),
      ),
      this.slots,
      this.extras,
    );
    box.hidden = false;
    byId("line").classList.add("with-command");
    this.text.value = "";
    const given = splitOptions(rest, options);
    for (const option of options) {
      if (option.required || given[option.name] !== undefined) this.addField(option, given[option.name] ?? "");
    }
    this.showExtras();
    const first = this.slots.querySelector("textarea, input, select") ?? this.extras.querySelector("button") ?? this.form.querySelector("[type=submit]");
    first.focus();
  }

  showExtras() {
    const missing = (this.leaf.node.options ?? []).filter((option) => !this.fields.has(option.name));
    this.extras.replaceChildren(
      ...missing.map((option) =>
        h(
          "button",
          {
            type: "button",
            className: "button grey",
            data: { testid: "add-option", option: option.name },
            title: option.description ?? "",
            on: { click: () => { this.addField(option, ""); this.showExtras(); this.fields.get(option.name).element.focus(); } },
          },
          `＋ ${option.name}`,
        ),
      ),
    );
  }

  addField(option, text) {
    const id = freshId("option");
    const hint = option.description === "…" ? "" : (option.description ?? ""); // Discord requires a description: "…" means none
    const field = makeField(option, id, text, this.actions, (typed) => this.suggest(option, typed));
    this.fields.set(option.name, { option, ...field });
    field.element.addEventListener("keydown", (event) => this.fieldKey(event));
    const remove = !option.required && h("button", { type: "button", className: "icon-button", "aria-label": `Leave out ${option.name}`, on: { click: () => { this.fields.delete(option.name); slot.remove(); this.showExtras(); } } }, "✕");
    const slot = h(
      "div",
      { className: "slot" },
      h("label", { htmlFor: id, title: option.description ?? "" }, option.name, option.required && h("span", { className: "needed" }, " *")),
      field.wrap ?? field.element,
      remove,
      hint && h("p", { className: "hint", id: `${id}-hint` }, hint),
    );
    if (hint) field.element.setAttribute("aria-describedby", `${id}-hint`);
    this.slots.append(slot);
  }

  fieldKey(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.end();
    } else if (event.key === "Enter" && !event.shiftKey && event.target.type !== "file") {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (event.key === "Backspace" && event.target.value === "" && event.target.tagName === "TEXTAREA" && this.fields.size === 1) {
      event.preventDefault();
      this.end();
    }
  }

  // The bot's suggestions for an option; `typed` is the text in it, and the other fields are sent too.
  async suggest(option, typed) {
    const what = { as: this.actions.me(), do: "autocomplete", channel: this.actions.channel().id, name: this.leaf.name, option: option.name, typed, options: this.values(option.name) };
    return (await act(what)).choices;
  }

  values(except = null) {
    const values = {};
    for (const [name, field] of this.fields) {
      const value = name === except ? undefined : field.read?.();
      if (value !== undefined) values[name] = value;
    }
    return values;
  }

  end() {
    this.leaf = null;
    byId("command").hidden = true;
    byId("command").replaceChildren();
    byId("line").classList.remove("with-command");
    this.grow();
    this.text.focus();
  }

  // Escape, wherever the focus is.
  leave() {
    if (this.leaf) this.end();
    this.hidePicker();
    this.setReply(null);
  }

  // ---------------------------------------------------------------- sending

  async submit(event) {
    event.preventDefault();
    const send = this.form.querySelector("[type=submit]");
    if (send.disabled) return;
    const focused = document.activeElement;
    send.disabled = true;
    try {
      if (this.leaf) await this.sendCommand();
      else await this.sendText();
    } catch (error) {
      toast(error.message);
    } finally {
      send.disabled = false;
      if (document.activeElement === document.body && focused?.isConnected) focused.focus(); // a disabled button lost it
    }
  }

  async sendCommand() {
    const files = [...this.fields].flatMap(([name, field]) => (field.file?.() ? [[name, field.file()]] : []));
    const what = { as: this.actions.me(), do: "slash", channel: this.actions.channel().id, name: this.leaf.name, options: this.values() };
    const answer = await act(what, files);
    countUse(this.leaf.name);
    this.end();
    this.actions.sent();
    this.actions.openAnswer(answer);
  }

  async sendText() {
    const text = this.text.value;
    if (text.startsWith("/") && !this.picker.hidden && !this.choices.length) throw new Error(`There is no command ${text.split(" ")[0]}.`);
    if (!text.trim() && !this.files.length) return;
    const what = { as: this.actions.me(), do: "write", channel: this.actions.channel().id, text, reply_to: this.reply?.id };
    await act(what, this.files.map((file) => ["files", file]));
    this.actions.sent();
    this.text.value = "";
    this.typed();
    this.files = [];
    this.showFiles();
    this.setReply(null);
  }

  // Put pasted or dropped files into the command's empty file options, and add such options if needed.
  fill(event, files) {
    for (const file of files) {
      const empty = [...this.fields.values()].find((field) => field.file && !field.file());
      const next = empty ? null : (this.leaf.node.options ?? []).find((option) => option.type === 11 && !this.fields.has(option.name));
      if (next) this.addField(next, "");
      const field = empty ?? (next && this.fields.get(next.name));
      if (!field) return toast(`/${this.leaf.name} takes no more files.`);
      const held = new DataTransfer();
      held.items.add(file);
      field.element.files = held.files;
      field.element.dispatchEvent(new Event("change"));
      event.preventDefault();
    }
    this.showExtras();
  }

  attach(files) {
    this.files.push(...files);
    this.showFiles();
  }

  showFiles() {
    byId("chosen").replaceChildren(
      ...this.files.map((file) => h("li", {}, file.name, h("button", { type: "button", className: "icon-button", "aria-label": `Leave out ${file.name}`, on: { click: () => { this.files = this.files.filter((one) => one !== file); this.showFiles(); } } }, "✕"))),
    );
  }

  setReply(message, name = "") {
    this.reply = message;
    const box = byId("replying");
    box.hidden = message === null;
    box.replaceChildren();
    if (message) {
      box.append(`Replying to ${name}`, h("button", { type: "button", className: "icon-button", "aria-label": "Do not reply", on: { click: () => this.setReply(null) } }, "✕"));
      if (this.leaf) this.end();
      this.text.focus();
    }
  }

  reset() {
    if (this.leaf) this.end();
    this.setReply(null);
    this.hidePicker();
  }
}

// How often each command was sent from this browser.
function readUsed() {
  try {
    return JSON.parse(localStorage.getItem("commands-used")) ?? {};
  } catch {
    return {}; // private windows
  }
}

function countUse(name) {
  try {
    const used = readUsed();
    localStorage.setItem("commands-used", JSON.stringify({ ...used, [name]: (used[name] ?? 0) + 1 }));
  } catch { /* private windows */ }
}

// "prompt: a cat dimensions: square" → {prompt: "a cat", dimensions: "square"}; text before any name goes to the first text option.
export function splitOptions(rest, options) {
  const marks = [];
  for (const option of options) {
    const match = new RegExp(`(?:^|\\s)${option.name.replace(/[^\p{L}\p{N}_-]/gu, "")}:`, "u").exec(rest);
    if (match) marks.push({ from: match.index, to: match.index + match[0].length, name: option.name });
  }
  marks.sort((a, b) => a.from - b.from);
  const found = {};
  const before = rest.slice(0, marks[0]?.from ?? rest.length).trim();
  const first = options.find((option) => option.type === 3);
  if (before && first) found[first.name] = before;
  marks.forEach((mark, index) => (found[mark.name] = rest.slice(mark.to, marks[index + 1]?.from ?? rest.length).trim()));
  return found;
}
