// The page: what one member sees of the server, kept up to date by the event stream.

import { act, get, listen } from "./api.js";
import { Composer } from "./composer.js";
import { byId, h, toast } from "./dom.js";
import { openForm, openPicture } from "./form.js";
import { displayName, EPHEMERAL, renderMessage } from "./message.js";

const LOCALES = { "en-US": "English (US)", "en-GB": "English (UK)", ja: "日本語" };
const EXAMPLES = ["a red cat in the snow", "an orange fox in a forest, pencil sketch", "a purple castle at sunset"];

const page = { opened: "", state: null, channel: null, unread: new Map(), stop: () => {}, wanted: 0, missed: null };
const remembered = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
const remember = (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* private windows */ } };

const actions = {
  names: {
    get me() { return page.state.me; },
    person: (id) => (id === page.state.bot.id ? page.state.bot.name : page.state.people.find((one) => one.id === id)?.display_name ?? "someone"),
    channel: (id) => page.state.channels.find((one) => one.id === id)?.name ?? "a channel",
    role: (id) => page.state.roles.find((one) => one.id === id)?.name ?? "a role",
  },
  get botId() { return page.state.bot.id; },
  me: () => page.state.me,
  channel: () => page.state.channels.find((one) => one.id === page.channel),
  people: () => page.state.people,
  roles: () => page.state.roles,
  channels: () => page.state.channels,
  threadOf: (message) => page.state.channels.find((one) => one.parent !== null && one.id === message.id),
  open: (channel) => openChannel(channel).catch((error) => toast(error.message)),
  press: (message, component, element) => interact({ do: "click", message: message.id, button: component.custom_id }, element),
  choose: (message, component, values, element) => interact({ do: "choose", message: message.id, menu: component.custom_id, values }, element),
  react: (message, emoji, on) => attempt({ do: "react", message: message.id, emoji, on }),
  dismiss: (message) => attempt({ do: "delete", message: message.id }),
  openAnswer: (answer) => openAnswer(answer),
  sent: () => toNewest(),
  openMenu,
  openPicture,
};
const composer = new Composer(actions);

// ---------------------------------------------------------------- acts

async function attempt(what, files = []) {
  try {
    return await act({ as: page.state.me, channel: page.channel, ...what }, files);
  } catch (error) {
    toast(error.message);
    return null;
  }
}

async function interact(what, element) {
  element.setAttribute("aria-busy", "true");
  const answer = await attempt(what);
  element.removeAttribute("aria-busy");
  if (answer) openAnswer(answer);
}

function openAnswer(answer) {
  if (!answer.modal) return;
  const channel = page.channel;
  openForm(answer.modal, actions, async (values, files) => {
    const next = await act({ as: page.state.me, channel, do: "submit", interaction: answer.interaction, values }, files);
    openAnswer(next);
  });
}

// ---------------------------------------------------------------- messages

const log = byId("log");
let followsNewest = true; // the newest message is in view and is to stay in view
const scrollDown = () => (log.scrollTop = log.scrollHeight);
log.addEventListener("scroll", () => {
  followsNewest = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  if (followsNewest) tellMissed(0);
});
new ResizeObserver(() => followsNewest && scrollDown()).observe(log);
log.addEventListener("load", () => followsNewest && scrollDown(), true);
const find = (id) => log.querySelector(`:scope > [data-message-id="${CSS.escape(id)}"]`);

// How many messages came while older ones are being read, and the way to them.
let missed = 0;
const newest = byId("newest");
function tellMissed(count) {
  missed = count;
  newest.hidden = !count;
  newest.textContent = `${count} new message${count === 1 ? "" : "s"} ↓`;
}
function toNewest() {
  followsNewest = true;
  tellMissed(0);
  scrollDown();
}
newest.addEventListener("click", () => {
  toNewest();
  composer.text.focus();
});

// An empty channel offers three prompts to click.
function showWelcome() {
  const box = byId("welcome");
  box.hidden = log.children.length > 0;
  if (box.hidden) return;
  const examples = composer.has("imagine") && page.state.bot.online ? EXAMPLES : [];
  const key = `${page.state.me} ${page.channel} ${examples.length}`;
  if (box.dataset.shown === key) return; // or the focus would leave its buttons
  box.dataset.shown = key;
  const draw = (prompt) => h("button", { type: "button", className: "button grey", data: { testid: "example" }, on: { click: () => composer.run("imagine", prompt) } }, prompt);
  box.replaceChildren(
    h("h2", {}, examples.length ? "Draw your first picture" : "Nothing here yet"),
    h("p", {}, examples.length ? "Click one of these, or type / and then Enter." : "Type / to see what the bot can do."),
    h("div", { className: "examples" }, examples.map(draw)),
  );
}

async function openChannel(id) {
  page.channel = id;
  page.unread.delete(id);
  remember("channel", id);
  composer.reset();
  await load();
  closeDrawer();
}

// What Discord's own client asks for itself: the name of a thread, and what a new post says.
function askForThread(message) {
  openForm({ title: "New thread", components: [text("name", "Name", { max_length: 100 })] }, actions, async ({ name }) => {
    const { channel } = await act({ as: page.state.me, do: "thread", channel: page.channel, message: message.id, name });
    await enter(channel);
  }, "Create");
}

function askForPost(forum) {
  const fields = [text("name", "Title", { max_length: 100 }), text("text", "Text", { style: 2, max_length: 2000, required: false }), { type: 18, label: "Files", component: { type: 19, custom_id: "files", required: false, max_values: 10 } }];
  openForm({ title: `New post in ${forum.name}`, components: fields }, actions, async (values, files) => {
    const { channel } = await act({ as: page.state.me, do: "post", channel: forum.id, ...values }, files);
    await enter(channel);
  }, "Post");
}

const text = (id, label, more) => ({ type: 18, label, component: { type: 4, custom_id: id, style: 1, required: true, ...more } });

async function enter(channel) {
  page.state = await get("/page-api/state", { as: page.state.me }); // the event that tells of it may come later
  await openChannel(channel);
}

async function load() {
  drawFrame();
  const id = page.channel;
  const wanted = ++page.wanted;
  page.missed = []; // what is told meanwhile, which the answer may not have
  const asked = get("/page-api/messages", { as: page.state.me, channel: id, opened: page.opened });
  const { messages } = await asked.catch((error) => {
    if (wanted === page.wanted) page.missed = null;
    throw error;
  });
  if (wanted !== page.wanted) return;
  const told = page.missed;
  page.missed = null;
  log.replaceChildren(...messages.map((message) => renderMessage(message, actions)));
  for (const item of log.children) showThread(item);
  told.forEach(handleEvent);
  toNewest();
  showWelcome();
}

// The way to the thread that was started from a message.
function showThread(item) {
  const thread = actions.threadOf({ id: item.dataset.messageId });
  if (!thread || item.querySelector(".thread-link")) return;
  const link = h("button", { type: "button", className: "text-button thread-link", data: { testid: "thread-link", key: "thread" }, on: { click: () => actions.open(thread.id) } }, `↳ Thread: ${thread.name}`);
  item.querySelector(".body").append(link);
}

function put(message) {
  const old = find(message.id);
  const key = old?.contains(document.activeElement) ? (document.activeElement.dataset.key ?? "") : null;
  const fresh = renderMessage(message, actions, old);
  showThread(fresh);
  if (old) old.replaceWith(fresh);
  else {
    const after = [...log.children].findLast((item) => BigInt(item.dataset.messageId) < BigInt(message.id));
    if (after) after.after(fresh);
    else log.prepend(fresh);
    if (!followsNewest) tellMissed(missed + 1);
    showWelcome();
  }
  if (key !== null) (fresh.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? fresh).focus({ preventScroll: true });
  if (followsNewest) scrollDown();
}

function handleEvent(event) {
  if (event.kind === "state") {
    page.state = event.state;
    drawFrame();
    for (const item of log.children) showThread(item);
  } else if (event.kind === "typing") {
    showTyping(event);
  } else if (event.channel !== page.channel) {
    if (event.kind === "create") {
      page.unread.set(event.channel, (page.unread.get(event.channel) ?? 0) + 1);
      drawFrame();
    }
  } else if (page.missed !== null) {
    page.missed.push(event);
  } else if (event.kind === "delete") {
    const item = find(event.id);
    if (item?.contains(document.activeElement)) log.focus({ preventScroll: true });
    item?.remove();
    showWelcome();
  } else {
    if (event.kind === "create") byId("typing").textContent = "";
    put(event.message);
  }
}

let typingTimer = 0;
function showTyping(event) {
  if (event.channel !== page.channel || event.user === page.state.me) return;
  byId("typing").textContent = `${actions.names.person(event.user)} is typing…`;
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => (byId("typing").textContent = ""), 8000);
}

// Arrow keys move the focus from message to message.
log.addEventListener("keydown", (event) => {
  if (!["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
  if (event.target !== log && !event.target.classList.contains("message")) return;
  const items = [...log.children];
  if (!items.length) return;
  event.preventDefault();
  const at = items.indexOf(event.target.closest(".message"));
  const next = { ArrowUp: at < 0 ? items.length - 1 : Math.max(0, at - 1), ArrowDown: Math.min(items.length - 1, at + 1), Home: 0, End: items.length - 1 }[event.key];
  items[next].focus();
  items[next].scrollIntoView({ block: "nearest" });
});

// ---------------------------------------------------------------- everything around the messages

function drawFrame() {
  const { state } = page;
  const channel = actions.channel() ?? state.channels[0];
  byId("guild").textContent = state.guild.name;
  byId("title").textContent = `${signOf(channel)} ${channel.name}`;
  byId("topic").textContent = channel.topic ?? "";
  log.setAttribute("aria-label", `Messages in ${channel.name}`);
  const list = byId("channels");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.channel : null;
  list.replaceChildren(...state.channels.map(channelItem));
  if (focused !== null) list.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  refill(byId("member"), state.people.map((one) => [one.id, one.owner ? `${one.display_name} (owns the server)` : one.display_name]), state.me);
  refill(byId("locale"), languages(state.locale), state.locale);
  refill(byId("server-locale"), languages(state.guild.locale), state.guild.locale);
  const owner = state.people.find((one) => one.owner);
  byId("server-locale").disabled = owner.id !== state.me;
  byId("server-locale").title = owner.id === state.me ? "" : `Only ${owner.display_name}, who owns the server, chooses its language.`;
  byId("log").lang = byId("composer").lang = state.locale; // the form of Chinese characters differs by language
  byId("banner").hidden = state.bot.online;
  byId("banner-text").textContent = state.bot.note || "The bot is not connected.";
  byId("restart").hidden = !state.bot.restartable;
  byId("last-lines").hidden = !state.bot.last_lines.length;
  byId("lines").textContent = state.bot.last_lines.join("\n");
  if (log.children.length === 0) showWelcome();
  document.body.dataset.online = String(state.bot.online);
}

function languages(chosen) {
  const names = { [chosen]: chosen, ...LOCALES };
  return Object.keys(names).map((locale) => [locale, names[locale]]);
}

// Fill a menu again only if its options changed, because that would close an open menu.
function refill(menu, pairs, value) {
  const now = [...menu.options].map((option) => option.value).join("\n");
  if (now !== pairs.map(([key]) => key).join("\n")) menu.replaceChildren(...pairs.map(([key, label]) => h("option", { value: key }, label)));
  menu.value = value;
}

const signOf = (channel) => (channel.direct ? "@" : channel.parent !== null ? "↳" : channel.forum ? "≡" : "#");

function channelItem(channel) {
  const unread = page.unread.get(channel.id);
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        "aria-current": channel.id === page.channel ? "page" : undefined,
        data: { testid: "channel", channel: channel.name },
        className: channel.parent !== null ? "thread" : "",
        on: { click: () => (channel.forum ? askForPost(channel) : actions.open(channel.id)) },
      },
      h("span", {}, `${signOf(channel)} ${channel.name}${channel.direct ? " (direct)" : ""}`),
      channel.forum && h("span", { className: "new-post" }, "＋ post"),
      unread && h("span", { className: "unread", "aria-label": `${unread} new` }, String(unread)),
    ),
  );
}

async function becomeMember(member) {
  page.stop();
  remember("member", member);
  page.state = await get("/page-api/state", { as: member });
  page.opened ||= page.state.now;
  page.unread.clear();
  const known = page.state.channels.some((one) => one.id === remembered("channel"));
  const events = listen(member, handleEvent, showConnectionLost, () => reload(member).catch((error) => toast(error.message)));
  page.stop = events.stop;
  await events.opened; // what is posted from now on is told
  await openChannel(known ? remembered("channel") : page.state.channels[0].id);
}

async function reload(member) {
  page.state = await get("/page-api/state", { as: member });
  await load();
}

function showConnectionLost() {
  byId("banner").hidden = false;
  byId("banner-text").textContent = "The playground is not reachable; this page connects again by itself.";
}

byId("member").addEventListener("change", (event) => becomeMember(event.target.value).catch((error) => toast(error.message)));
byId("locale").addEventListener("change", async (event) => {
  const locale = event.target.value;
  if (await attempt({ do: "locale", locale })) page.state.locale = locale;
});
byId("server-locale").addEventListener("change", async (event) => {
  if (!(await attempt({ do: "server_locale", locale: event.target.value }))) event.target.value = page.state.guild.locale;
});
byId("restart").addEventListener("click", () => attempt({ do: "restart" }));
byId("last-lines").addEventListener("toggle", () => {
  const box = byId("lines").parentElement;
  box.scrollTop = box.scrollHeight; // why it ended stands last
});

// ---------------------------------------------------------------- the drawer and the menu

const side = byId("side");
const drawer = byId("drawer");
function openDrawer() {
  side.classList.add("open");
  byId("overlay").hidden = false;
  drawer.setAttribute("aria-expanded", "true");
  side.querySelector("button")?.focus();
}
function closeDrawer() {
  if (!side.classList.contains("open")) return;
  side.classList.remove("open");
  byId("overlay").hidden = true;
  drawer.setAttribute("aria-expanded", "false");
  drawer.focus();
}
drawer.addEventListener("click", () => (side.classList.contains("open") ? closeDrawer() : openDrawer()));
byId("overlay").addEventListener("click", closeDrawer);

const menu = byId("menu");
let menuOwner = null;

// point: where a pointer asked for it; else the menu stands at the element.
function openMenu(message, element, point = null) {
  const close = (then) => () => { closeMenu(); then(); };
  const entry = (label, run) => h("button", { type: "button", role: "menuitem", tabIndex: -1, on: { click: close(run) } }, label);
  const own = message.author.id === page.state.me;
  const emoji = page.state.bot.reactions.map((one) => h("button", { type: "button", role: "menuitem", tabIndex: -1, "aria-label": `React with ${one}`, on: { click: close(() => actions.react(message, one, true)) } }, one));
  const menus = (actions.channel()?.menus ?? []).map((command) => entry(`${command.name_localized ?? command.name} (bot)`, () => interact({ do: "menu", name: command.name, message: message.id }, element)));
  menu.replaceChildren(...[
    emoji.length > 0 && h("div", { className: "emoji" }, emoji),
    entry("Reply", () => composer.setReply(message, displayName(message.author))),
    ...menus,
    threadable(message) && entry("Create a thread", () => askForThread(message)),
    entry("Copy the id", () => navigator.clipboard?.writeText(message.id).catch(() => toast(message.id))),
    ...(own ? [entry("Delete", () => actions.dismiss(message))] : []),
  ].filter(Boolean));
  menuOwner = element;
  menu.hidden = false;
  const box = point ? new DOMRect(point.x, point.y, 0, 0) : element.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  menu.style.left = `${Math.max(8, Math.min(point ? box.left : box.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - height - 8))}px`;
  menu.querySelector("button").focus();
}

function threadable(message) {
  const channel = actions.channel();
  return !channel.direct && channel.parent === null && !(message.flags & EPHEMERAL) && !actions.threadOf(message);
}

function closeMenu() {
  if (menu.hidden) return;
  menu.hidden = true;
  if (menuOwner?.isConnected) menuOwner.focus({ preventScroll: true });
}

menu.addEventListener("keydown", (event) => {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  if (event.key in steps) {
    event.preventDefault();
    items[(at + steps[event.key] + items.length) % items.length].focus();
  } else if (event.key === "Tab") {
    event.preventDefault();
    closeMenu();
  }
});
addEventListener("pointerdown", (event) => !menu.contains(event.target) && event.target !== menuOwner && closeMenu());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
    if (!menu.hidden) closeMenu();
    else if (side.classList.contains("open")) closeDrawer();
    else composer.leave();
  }
  const writing = event.target.closest?.("input, textarea, select, dialog");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    composer.text.value = "/";
    composer.text.focus();
    composer.typed();
  }
});

// A reloaded tab stays with its member; a new tab begins with the first ordinary member.
const FIRST = "dora";
becomeMember(remembered("member") ?? FIRST)
  .catch(() => becomeMember(FIRST))
  .then(() => composer.text.focus())
  .catch((error) => toast(error.message));
