// Requests to the server, and the stream of its events.

export async function get(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  return read(answer);
}

// Send one act of a member. files: [[field, File], …].
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
  // A refusal comes with status 200, so that the browser does not log it as a failed request.
  if (value.error) throw new Error(value.error);
  return value;
}

// Receive one member's events. onLost is called when the connection breaks, onRenewed when it is back.
// Returns {stop, opened}: opened is a promise that is kept once events come, or are known not to come yet.
export function listen(member, onEvent, onLost, onRenewed) {
  const stream = new EventSource(`/page-api/events?${new URLSearchParams({ as: member })}`);
  let before = false;
  const opened = new Promise((resolve) => {
    stream.onopen = () => {
      if (before) onRenewed();
      before = true;
      resolve();
    };
    stream.onerror = () => {
      onLost();
      resolve();
    };
  });
  stream.onmessage = (event) => onEvent(JSON.parse(event.data));
  return { stop: () => stream.close(), opened };
}
