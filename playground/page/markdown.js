// Turns a message's text into nodes. Text becomes text nodes only, and every address is checked.

import { h, safeUrl } from "./dom.js";

const INLINE = new RegExp(
  [
    /```(?:[a-z0-9+-]*\n)?([\s\S]+?)```/, // 1 code block
    /`([^`\n]+)`/, // 2 code
    /\*\*([\s\S]+?)\*\*(?!\*)/, // 3 bold
    /__([\s\S]+?)__(?!_)/, // 4 underline
    /~~([\s\S]+?)~~/, // 5 struck
    /\|\|([\s\S]+?)\|\|/, // 6 spoiler
    /\*(?=\S)([^*\n]+?)\*/, // 7 italic
    /\b_(?=\S)([^_\n]+?)_\b/, // 8 italic
    /\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/, // 9, 10 named link
    /<(https?:\/\/[^\s>]+)>/, // 11 quiet link
    /(https?:\/\/[^\s<>)\]]+)/, // 12 link
    /<@!?(\d+)>/, // 13 person
    /<#(\d+)>/, // 14 channel
    /<@&(\d+)>/, // 15 role
    /<a?:(\w+):\d+>/, // 16 custom emoji
    /<t:(-?\d+)(?::[a-zA-Z])?>/, // 17 moment
    /<\/([^:>]+):\d+>/, // 18 command
    /\\([*_~`|\\<>#[\]()-])/, // 19 escaped
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);

export function markdown(text, names) {
  const nodes = [];
  const blocks = text.split(/(```[\s\S]+?```)/);
  for (const block of blocks) {
    if (block.startsWith("```") && block.length > 6) nodes.push(...inline(block, names));
    else if (block) nodes.push(...lines(block, names));
  }
  return nodes;
}

function lines(text, names) {
  const nodes = [];
  let plain = [];
  const flush = () => {
    if (plain.length) nodes.push(...inline(plain.join("\n"), names));
    plain = [];
  };
  for (const line of text.split("\n")) {
    const heading = /^(#{1,3}) (.+)/.exec(line);
    const quote = /^> (.*)/.exec(line);
    const small = /^-# (.+)/.exec(line);
    const item = /^\s*[-*] (.+)/.exec(line);
    if (heading) {
      flush();
      nodes.push(h("p", { className: `heading h${heading[1].length}` }, inline(heading[2], names)));
    } else if (quote) {
      flush();
      nodes.push(h("blockquote", {}, inline(quote[1], names)));
    } else if (small) {
      flush();
      nodes.push(h("small", { className: "small" }, inline(small[1], names)));
    } else if (item) {
      flush();
      nodes.push(h("p", { className: "item" }, inline(item[1], names)));
    } else {
      plain.push(line);
    }
  }
  flush();
  return nodes;
}

function inline(text, names, depth = 0) {
  if (depth > 6) return [text];
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > at) nodes.push(text.slice(at, match.index));
    nodes.push(piece(match, names, depth + 1));
    at = match.index + match[0].length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

function piece(match, names, depth) {
  const inner = (index) => inline(match[index], names, depth);
  if (match[1] !== undefined) return h("pre", {}, h("code", {}, match[1]));
  if (match[2] !== undefined) return h("code", {}, match[2]);
  if (match[3] !== undefined) return h("strong", {}, inner(3));
  if (match[4] !== undefined) return h("u", {}, inner(4));
  if (match[5] !== undefined) return h("s", {}, inner(5));
  if (match[6] !== undefined) return spoiler(inner(6));
  if (match[7] !== undefined) return h("em", {}, inner(7));
  if (match[8] !== undefined) return h("em", {}, inner(8));
  if (match[9] !== undefined) return link(match[10], inner(9));
  if (match[11] !== undefined) return link(match[11], shortAddress(match[11]));
  if (match[12] !== undefined) return link(match[12], shortAddress(match[12]));
  if (match[13] !== undefined) return mention(`@${names.person(match[13])}`, names.me === match[13]);
  if (match[14] !== undefined) return mention(`#${names.channel(match[14])}`);
  if (match[15] !== undefined) return mention(`@${names.role(match[15])}`);
  if (match[16] !== undefined) return `:${match[16]}:`;
  if (match[17] !== undefined) return moment(Number(match[17]));
  if (match[18] !== undefined) return mention(`/${match[18]}`);
  return match[19];
}

function link(address, label) {
  const url = safeUrl(address);
  if (url === null) return address;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", title: url }, label);
}

const SHOWN_CHARACTERS = 40;

// A long address by its host and the end of its path: "127.0.0.1:8080/…/cat.png".
function shortAddress(address) {
  if (address.length <= SHOWN_CHARACTERS || !URL.canParse(address)) return address;
  const { host, pathname } = new URL(address);
  const last = pathname.split("/").pop();
  return `${host}/…${last ? `/${last.slice(-SHOWN_CHARACTERS / 2)}` : ""}`;
}

const mention = (text, me = false) => h("span", { className: me ? "mention me" : "mention" }, text);

function moment(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  return h("time", { dateTime: date.toISOString() }, date.toLocaleString());
}

function spoiler(children) {
  const box = h("button", { type: "button", className: "spoiler", "aria-label": "Show what is hidden" }, h("span", {}, children));
  box.addEventListener("click", () => box.classList.add("shown"), { once: true });
  return box;
}
