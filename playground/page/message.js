// One message: text, pictures that are replaced in place, embeds, buttons, reactions.

import { h, ownPicture, safeUrl } from "./dom.js";
import { markdown } from "./markdown.js";

export const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const STYLES = { 1: "blue", 2: "grey", 3: "green", 4: "danger" };

// actions: {names, press, choose, react, openMenu, openPicture, dismiss, me, botId}
export function renderMessage(message, actions, old) {
  const ephemeral = Boolean(message.flags & EPHEMERAL);
  const item = h("div", {
    role: "article",
    "aria-label": `${displayName(message.author)}, ${timeOf(message)}`,
    className: ["message", ephemeral && "ephemeral", message.pinged && "pinged"].filter(Boolean).join(" "),
    tabIndex: -1,
    data: { testid: "message", messageId: message.id, author: message.author.username },
  });
  item.append(
    avatar(message.author, actions),
    h("div", { className: "said" }, head(message), reply(message, actions), body(message, actions, old)),
    tools(message, actions),
  );
  openMenuByPointer(item, message, actions);
  return item;
}

const LONG_PRESS_MS = 500;
const STILL_PX = 10;

// A right click, the menu key and a long press open the message's menu, as in Discord.
function openMenuByPointer(item, message, actions) {
  let timer = 0;
  let pressed = null;
  let opened = false; // by this press: what it ends on must not be clicked
  const open = (at) => {
    opened = true;
    actions.openMenu(message, item, { x: at.clientX, y: at.clientY });
  };
  item.addEventListener("contextmenu", (event) => {
    const selection = getSelection();
    const marked = !selection.isCollapsed && item.contains(selection.anchorNode);
    if (marked || event.target.closest("a, select")) return; // the browser's own menu copies these
    event.preventDefault();
    if (!opened || event.pointerType !== "touch") open(event);
    if (event.pointerType !== "touch") opened = false;
  });
  item.addEventListener("pointerdown", (event) => {
    opened = false;
    if (event.pointerType !== "touch") return;
    pressed = event;
    clearTimeout(timer);
    timer = setTimeout(() => open(pressed), LONG_PRESS_MS);
  });
  item.addEventListener("pointermove", (event) => {
    if (pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > STILL_PX) clearTimeout(timer);
  });
  for (const end of ["pointerup", "pointercancel"]) item.addEventListener(end, () => clearTimeout(timer));
  item.addEventListener("click", (event) => {
    if (!opened) return;
    opened = false;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
}

export const displayName = (author) => author.global_name || author.username;

const timeOf = (message) => new Date(message.timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function avatar(author, actions) {
  if (author.id === actions.botId) return h("img", { className: "avatar", src: "/page/icon.svg", alt: "" });
  const face = h("span", { className: "avatar letter", "aria-hidden": "true" }, [...displayName(author)][0]?.toUpperCase() ?? "?");
  face.style.setProperty("--hue", String(Number(BigInt(author.id) % 97n) * 37 % 360));
  return face;
}

function head(message) {
  return h(
    "header",
    { className: "who" },
    h("b", { data: { testid: "author" } }, displayName(message.author)),
    message.author.bot && h("span", { className: "tag" }, "bot"),
    message.interaction_metadata?.name &&
      h("span", { className: "used" }, `${displayName(message.interaction_metadata.user)} used `, h("code", {}, `/${message.interaction_metadata.name}`)),
    h("time", { dateTime: message.timestamp }, timeOf(message)),
    message.edited_timestamp && h("span", { className: "edited" }, "edited"),
  );
}

function reply(message, actions) {
  if (!message.message_reference || message.type !== 19) return null;
  const target = message.referenced_message;
  if (!target) return h("p", { className: "reply" }, "↳ a message that was deleted");
  return h("p", { className: "reply" }, "↳ ", h("b", {}, displayName(target.author)), " ", shorten(plain(target.content, actions)) || "a picture");
}

const plain = (text, actions) => text.replace(/<@!?(\d+)>/g, (_, id) => `@${actions.names.person(id)}`).replace(/\*\*/g, "");
const shorten = (text) => (text.length > 90 ? `${text.slice(0, 90)}…` : text);

function body(message, actions, old) {
  const box = h("div", { className: "body", data: { testid: "body" } });
  if (message.flags & LOADING) {
    box.append(h("p", { className: "thinking", data: { testid: "thinking" } }, `${displayName(message.author)} is thinking`, h("span", { className: "dots", "aria-hidden": "true" }, "…")));
  }
  if (message.content) box.append(h("div", { className: "text", data: { testid: "content" } }, markdown(message.content, actions.names)));
  const percent = /\((\d{1,3}) ?%\)/.exec(message.content)?.[1];
  if (percent !== undefined) {
    box.setAttribute("aria-live", "off"); // a screen reader must not read every percent aloud
    box.append(h("progress", { max: 100, value: Number(percent), "aria-label": "Progress", data: { testid: "progress" } }));
  }
  box.append(...pictures(notInEmbeds(message), actions, old));
  box.append(...message.embeds.map((embed) => renderEmbed(embed, actions)));
  box.append(...components(message, message.components ?? [], actions));
  if (message.reactions.length) {
    box.append(h("div", { className: "reactions", data: { testid: "reactions" } }, message.reactions.map((one) => reaction(message, one, actions))));
  }
  if (message.flags & EPHEMERAL) {
    const dismiss = h("button", { type: "button", className: "text-button", on: { click: () => actions.dismiss(message) } }, "Dismiss");
    box.append(h("p", { className: "only-you", data: { testid: "only-you" } }, "Only you can see this · ", dismiss));
  }
  return box;
}

// ---------------------------------------------------------------- pictures

// The attachments that no embed shows.
function notInEmbeds(message) {
  const shown = message.embeds.flatMap((embed) => [embed.image?.url, embed.thumbnail?.url]).filter(Boolean);
  const paths = new Set(shown.map((url) => url.split("?")[0]));
  return message.attachments.filter((file) => !paths.has(file.url.split("?")[0]));
}

function pictures(attachments, actions, old) {
  const shown = attachments.filter((file) => /^image\/(png|jpeg|webp|gif|avif)$/.test(file.content_type ?? "") && ownPicture(file.url));
  const others = attachments.filter((file) => !shown.includes(file));
  const nodes = shown.map((file, index) => picture(file, actions, old?.querySelectorAll(".picture")[index]));
  if (nodes.length > 1) return [h("div", { className: "album" }, nodes), ...others.map(download)];
  return [...nodes, ...others.map(download)];
}

function picture(file, actions, before) {
  const address = ownPicture(file.url);
  const name = file.description || file.filename;
  const frame = h("button", {
    type: "button",
    className: "picture",
    "aria-label": `Open ${name}`,
    data: { testid: "picture", key: `picture:${file.filename}`, file: file.id },
    on: { click: () => actions.openPicture(address, name) },
  });
  if (file.width && file.height) {
    frame.style.aspectRatio = `${file.width} / ${file.height}`;
    frame.style.setProperty("--shape", String(file.width / file.height));
  }
  const fresh = h("img", { alt: name, src: address, decoding: "async" });
  const last = before?.querySelector("img:last-of-type");
  if (last) last.className = ""; // its fade-in has lost the picture below it
  if (before?.dataset.file === file.id && last) {
    frame.append(last); // the same picture with a new signature: it need not be loaded again
  } else if (last) {
    // The next preview of a picture that is being drawn fades in over the last one.
    fresh.className = "developing";
    frame.append(last, fresh);
    const removeLast = () => fresh.complete && last.remove();
    fresh.addEventListener("animationend", removeLast, { once: true });
    fresh.addEventListener("error", () => fresh.remove(), { once: true });
  } else {
    fresh.addEventListener("error", () => frame.replaceWith(download(file)), { once: true });
    frame.append(fresh);
  }
  return frame;
}

function download(file) {
  const address = ownPicture(file.url);
  const size = file.size > 2 ** 20 ? `${(file.size / 2 ** 20).toFixed(1)} MiB` : `${Math.ceil(file.size / 1024)} KiB`;
  const label = `${file.filename} (${size})`;
  if (address === null) return h("p", { className: "file" }, label);
  return h("p", { className: "file" }, h("a", { href: address, download: file.filename, rel: "noopener" }, label));
}

function renderEmbed(embed, actions) {
  const box = h("section", { className: "embed", data: { testid: "embed" } });
  if (Number.isInteger(embed.color)) box.style.borderColor = `#${(embed.color & 0xffffff).toString(16).padStart(6, "0")}`;
  const thumbnail = ownPicture(embed.thumbnail?.url);
  if (thumbnail) box.append(h("img", { className: "thumbnail", src: thumbnail, alt: "" }));
  if (embed.author?.name) box.append(h("p", { className: "embed-author" }, embed.author.name));
  if (embed.title) {
    const url = safeUrl(embed.url);
    const title = url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, embed.title) : embed.title;
    box.append(h("p", { className: "embed-title" }, title));
  }
  if (embed.description) box.append(h("div", { className: "text" }, markdown(embed.description, actions.names)));
  if (embed.fields?.length) {
    const rows = embed.fields.map((field) =>
      h("div", { className: field.inline ? "field inline" : "field" }, h("dt", {}, field.name), h("dd", {}, markdown(field.value, actions.names))),
    );
    box.append(h("dl", { className: "fields" }, rows));
  }
  const image = ownPicture(embed.image?.url);
  if (image) box.append(h("img", { className: "embed-image", src: image, alt: embed.image.description ?? "", width: embed.image.width, height: embed.image.height }));
  if (embed.footer?.text) box.append(h("p", { className: "embed-footer" }, embed.footer.text));
  return box;
}

// ---------------------------------------------------------------- components

function components(message, list, actions) {
  return list.map((component) => {
    switch (component.type) {
      case 1:
        return h("div", { className: "row", data: { testid: "button-row" } }, components(message, component.components, actions));
      case 2:
        return button(message, component, actions);
      case 3:
      case 5:
      case 6:
      case 7:
      case 8:
        return select(message, component, actions);
      case 9:
        return h("div", { className: "section" }, components(message, component.components, actions), components(message, [component.accessory], actions));
      case 10:
        return h("div", { className: "text" }, markdown(component.content, actions.names));
      case 11:
        return mediaOf(component.media, component.description);
      case 12:
        return h("div", { className: "album" }, component.items.map((item) => mediaOf(item.media, item.description)));
      case 13:
        return h("p", { className: "file" }, component.name ?? "a file");
      case 14:
        return h("hr");
      case 17: {
        const box = h("section", { className: "embed" }, components(message, component.components, actions));
        if (Number.isInteger(component.accent_color)) box.style.borderColor = `#${component.accent_color.toString(16).padStart(6, "0")}`;
        return box;
      }
      default:
        return null;
    }
  }).filter(Boolean);
}

function mediaOf(media, description) {
  const address = ownPicture(media?.url);
  return address ? h("img", { className: "embed-image", src: address, alt: description ?? "" }) : null;
}

const emojiText = (emoji) => (emoji ? (emoji.id ? `:${emoji.name}:` : emoji.name) : "");

function button(message, component, actions) {
  const emoji = emojiText(component.emoji);
  const label = component.label ?? "";
  if (component.style === 5) {
    const url = safeUrl(component.url);
    return h("a", { className: "button grey", href: url ?? "#", target: "_blank", rel: "noopener noreferrer nofollow" }, `${emoji} ${label} ↗`.trim());
  }
  const name = `${emoji} ${label}`.trim();
  return h(
    "button",
    {
      type: "button",
      className: `button ${STYLES[component.style] ?? "grey"}`,
      disabled: Boolean(component.disabled),
      data: { testid: "component-button", key: component.custom_id, customId: component.custom_id },
      on: { click: (event) => actions.press(message, component, event.currentTarget) },
    },
    name || "…",
  );
}

export function optionsOf(component, actions) {
  if (component.type === 3) return component.options ?? [];
  const people = actions.people().map((person) => ({ value: person.id, label: person.display_name }));
  const roles = actions.roles().map((role) => ({ value: role.id, label: role.name }));
  const channels = actions.channels().filter((channel) => !channel.direct).map((channel) => ({ value: channel.id, label: `#${channel.name}` }));
  return { 5: people, 6: roles, 7: [...people, ...roles], 8: channels }[component.type] ?? [];
}

function select(message, component, actions) {
  const many = (component.max_values ?? 1) > 1;
  const label = component.placeholder || "Choose";
  const options = optionsOf(component, actions).map((option) =>
    h("option", { value: option.value, selected: Boolean(option.default) }, [emojiText(option.emoji), option.label, option.description && `– ${option.description}`].filter(Boolean).join(" ")),
  );
  const menu = h("select", {
    className: "select",
    multiple: many,
    disabled: Boolean(component.disabled),
    "aria-label": label,
    data: { testid: "component-select", key: component.custom_id, customId: component.custom_id },
  });
  const preset = (component.options ?? []).some((option) => option.default);
  if (!many) menu.append(h("option", { value: "", disabled: true, selected: !preset }, label));
  menu.append(...options);
  // The choice is sent by a button, because arrow keys change a menu's value with every press.
  const send = () => actions.choose(message, component, [...menu.selectedOptions].map((one) => one.value).filter(Boolean), choose);
  const choose = h("button", { type: "button", className: "button grey", disabled: Boolean(component.disabled), data: { key: `choose:${component.custom_id}`, testid: "component-choose" }, on: { click: send } }, "Choose");
  return h("span", { className: "many" }, menu, choose);
}

// ---------------------------------------------------------------- reactions and the menu button

function reaction(message, one, actions) {
  const emoji = one.emoji.id ? `${one.emoji.name}:${one.emoji.id}` : one.emoji.name;
  return h(
    "button",
    {
      type: "button",
      className: one.me ? "reaction mine" : "reaction",
      "aria-pressed": String(Boolean(one.me)),
      "aria-label": `${one.emoji.name}, ${one.count}`,
      data: { testid: "reaction", key: `reaction:${emoji}` },
      on: { click: () => actions.react(message, emoji, !one.me) },
    },
    `${emojiText(one.emoji)} ${one.count}`,
  );
}

function tools(message, actions) {
  return h(
    "button",
    {
      type: "button",
      className: "icon-button more",
      "aria-label": `What to do with this message of ${displayName(message.author)}`,
      "aria-haspopup": "menu",
      data: { testid: "message-actions", key: "more" },
      on: { click: (event) => actions.openMenu(message, event.currentTarget) },
    },
    "⋯",
  );
}
