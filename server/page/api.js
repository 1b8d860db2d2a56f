// The server's HTTP interface: requests with the key, uploads, and event streams that go on where they were cut off.

const KEY = "vidence-key";
const WAIT_MS = [300, 1000, 2000, 4000];

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ? [body.detail, body.help].filter(Boolean).join(". ") : `The server said ${status}`);
    this.status = status;
    this.code = body.code ?? "";
  }
}

export const setKey = (text) => sessionStorage.setItem(KEY, text);

async function request(method, path, body, { headers = {}, signal } = {}) {
  const key = sessionStorage.getItem(KEY);
  const sent = { ...headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  if (body !== undefined && !(body instanceof Blob)) {
    sent["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const reply = await fetch(path, { method, headers: sent, body, signal });
  if (!reply.ok) throw new Problem(reply.status, await reply.json().catch(() => ({})));
  return reply;
}

const json = async (...args) => (await request(...args)).json();

export const upload = (blob) =>
  json("POST", "/v1/images", blob, { headers: { "Content-Type": blob.type || "application/octet-stream" } });
export const startRun = (body) => json("POST", "/v1/runs", body);
export const cancelRun = (id) => json("POST", `/v1/runs/${id}/cancel`);
export const resumeRun = (id, reply) => json("POST", `/v1/runs/${id}/resume`, { reply });
export const readRun = (id) => json("GET", `/v1/runs/${id}`);
export const listRuns = () => json("GET", "/v1/runs?limit=50");
export const rate = (body) => json("POST", "/v1/feedback", body);
export const imageUrl = async (id) => URL.createObjectURL(await (await request("GET", `/v1/images/${id}`)).blob());

// Yields a run's events in order, each once; a cut connection is opened again after the last one seen.
export async function* events(runId, signal, after = 0) {
  for (let tries = 0; ; tries += 1) {
    try {
      const path = `/v1/runs/${runId}/events?after=${after}`;
      const reply = await request("GET", path, undefined, { signal });
      if (reply.status === 204) return;
      for await (const event of frames(reply.body)) {
        tries = 0;
        after = event.seq;
        yield event;
        if (event.type === "run.finished") return;
      }
      if ((await readRun(runId)).status === "input_required") return;
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status < 500 && error.status !== 429)) throw error;
      if (tries > 20) throw error;
    }
    await new Promise((done) => setTimeout(done, WAIT_MS[Math.min(tries, WAIT_MS.length - 1)]));
  }
}

async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const parts = held.split("\r\n\r\n");
    held = parts.pop();
    for (const part of parts) {
      const line = part.split("\r\n").find((one) => one.startsWith("data: "));
      if (line) yield JSON.parse(line.slice(6));
    }
  }
}
