// What the page asks of the server, and what the server tells it.

export async function get(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  return read(answer);
}

// One act of a member. files: [[field, File], …].
export async function act(what, files = []) {
  const headers = { "X-Playground": "1" };
  let body;
  if (files.length) {
    body = new FormData();
    body.append("act", JSON.stringify(what));
    for (const [field, file] of files) body.append(field, file, file.name);
  } else {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(what);
  }
  return read(await fetch("/page-api/act", { method: "POST", headers, body }));
}

async function read(answer) {
  const value = await answer.json();
  // A refusal is an answer of its own kind, not a failed request: the console stays clean.
  if (value.error) throw new Error(value.error);
  return value;
}

// The stream of one member's events; `lost` is called when it breaks, `renewed` after each gap.
export function listen(member, heard, lost, renewed) {
  const stream = new EventSource(`/page-api/events?${new URLSearchParams({ as: member })}`);
  let opened = false;
  stream.onopen = () => {
    if (opened) renewed();
    opened = true;
  };
  stream.onerror = lost;
  stream.onmessage = (event) => heard(JSON.parse(event.data));
  return () => stream.close();
}
