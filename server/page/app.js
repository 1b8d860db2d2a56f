// The page: asking, watching, stopping, rating, looking back.

import * as api from "/page/api.js";
import { Turn, make, sourceView } from "/page/view.js";

const $ = (id) => document.getElementById(id);
const log = $("log");
const state = { images: [], sent: [], thread: "", run: "", waiting: "", stop: null };

const tell = (text) => ($("status").textContent = text);

async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status === 401) $("key").showModal();
    tell(error.message);
    return undefined;
  }
}

// Images

async function addImages(blobs) {
  for (const blob of blobs) {
    if (!blob.type.startsWith("image/")) {
      tell(`${blob.name ?? "That"} is not an image.`);
      continue;
    }
    const kept = await guarded(() => api.upload(blob));
    if (kept && !state.images.includes(kept.image_id)) {
      state.images.push(kept.image_id);
      showThumb(kept.image_id, URL.createObjectURL(blob));
      tell(`Image added, ${kept.width} by ${kept.height}.`);
    }
  }
}

function showThumb(id, url) {
  const drop = () => {
    state.images = state.images.filter((one) => one !== id);
    item.remove();
    $("question").focus();
  };
  const item = make(
    "li",
    {},
    make("img", { src: url, alt: "To be asked about" }),
    make("button", { type: "button", onclick: drop }, "Remove"),
  );
  $("images").append(item);
}

// Runs

async function ask(question) {
  const collections = $("collections").value.split(/[,\s]+/).filter(Boolean);
  // A reply is text: with an image that was added since, a new question takes the place of the one that waits.
  const replies = state.waiting && state.images.every((id) => state.sent.includes(id));
  const started = await guarded(() =>
    replies
      ? api.resumeRun(state.waiting, question)
      : api.startRun({
          question,
          images: state.images.map((image_id) => ({ image_id })),
          ...($("profile").value ? { profile: $("profile").value } : {}),
          collections,
          ...(state.thread ? { thread_id: state.thread } : {}),
          ...(state.waiting ? { multitask: "interrupt" } : {}),
        }),
  );
  if (!started) return;
  if (!replies) state.sent = [...state.images];
  const turn = new Turn(question, replies ? [] : started.images);
  $("hello")?.remove();
  log.append(turn.element);
  turn.element.scrollIntoView({ block: "nearest" });
  $("question").value = "";
  const after = replies ? state.seen : 0;
  state.waiting = "";
  state.thread = started.thread_id;
  await follow(turn, started.run_id, after);
}

async function follow(turn, runId, after) {
  const stop = new AbortController();
  Object.assign(state, { run: runId, stop });
  busy(true);
  try {
    for await (const event of api.events(runId, stop.signal, after)) {
      state.seen = event.seq;
      show(turn, runId, event);
    }
  } catch (error) {
    if (!stop.signal.aborted) turn.fail(error.message);
  } finally {
    busy(false);
    state.run = "";
  }
}

const SHOWN = {
  "plan.updated": (turn, runId, data) => turn.showPlan(data.plan),
  "evidence.added": (turn, runId, data) => turn.addEvidence(data.evidence),
  "answer.delta": (turn, runId, data) => turn.hear(data),
  "answer.final": (turn, runId, data) => {
    turn.final(data, (citation) => openSource(citation, runId));
    turn.below.append(rating(runId));
    tell(data.status === "abstained" ? "No answer was found." : "The answer is there.");
  },
  "input.required": (turn, runId, data) => {
    turn.answer.classList.remove("busy");
    turn.say(data.question);
    const reply = (option) => () => void ask(option);
    turn.below.append(
      ...(data.options ?? []).map((option) => make("button", { type: "button", onclick: reply(option) }, option)),
    );
    state.waiting = runId;
    tell("Vidence asks something: reply below.");
  },
  "run.error": (turn, runId, data) => turn.fail([data.message, data.help].filter(Boolean).join(". ")),
  gap: (turn) => turn.say("(some steps are no longer kept) "),
  "run.finished": (turn, runId, data) => {
    if (state.waiting === runId) state.waiting = ""; // told again from the history, it was answered since
    if (data.status === "cancelled") turn.fail("Stopped.");
  },
};

const show = (turn, runId, event) => SHOWN[event.type]?.(turn, runId, event.data);

function busy(on) {
  $("send").disabled = on;
  $("stop").hidden = !on;
  if (on) tell("Working.");
}

async function stopRun() {
  const { run } = state;
  if (run) await guarded(() => api.cancelRun(run));
}

// Sources and ratings

async function openSource(citation, runId) {
  const run = await guarded(() => api.readRun(runId));
  const whole = run?.result?.evidence?.find((item) => item.id === citation.evidence_id);
  $("source-body").replaceChildren(...(await sourceView(citation, whole?.content ?? citation.quote)));
  $("source").showModal();
}

function rating(runId) {
  const note = make("span", { class: "hint", role: "status" });
  const field = make("input", { "aria-label": "The right answer", placeholder: "The right answer" });
  const send = async (value, correction) => {
    const kept = await guarded(() => api.rate({ run_id: runId, rating: value, correction }));
    if (!kept) return;
    good.setAttribute("aria-pressed", value === "up");
    bad.setAttribute("aria-pressed", value === "down");
    form.hidden = value === "up";
    note.textContent = correction ? "Correction kept." : "Kept.";
  };
  const good = make("button", { type: "button", "aria-pressed": "false", onclick: () => void send("up", "") }, "Right");
  const bad = make("button", { type: "button", "aria-pressed": "false", onclick: () => void send("down", "") }, "Wrong");
  const correct = (event) => {
    event.preventDefault();
    void send("down", field.value.trim());
  };
  const form = make("form", { class: "row", hidden: true, onsubmit: correct }, field, make("button", {}, "Correct it"));
  return make("div", { class: "row", role: "group", "aria-label": "Rate this answer" }, good, bad, form, note);
}

// History

async function openHistory() {
  const found = await guarded(api.listRuns);
  if (!found) return;
  const items = found.runs.map((run) =>
    make("li", {}, make("button", { type: "button", onclick: () => void reopen(run.run_id) },
      `${run.question.slice(0, 120)} (${run.status.replace("_", " ")}, ${run.created_at.slice(0, 16).replace("T", " ")})`)),
  );
  $("history-list").replaceChildren(...(items.length ? items : [make("li", {}, "Nothing was asked yet.")]));
  $("history").showModal();
}

async function reopen(runId) {
  $("history").close();
  const run = await guarded(() => api.readRun(runId));
  if (!run) return;
  $("hello")?.remove();
  const turn = new Turn(run.question, run.images);
  log.append(turn.element);
  // What is asked next goes on with this conversation; a question back of another one waits there.
  Object.assign(state, { thread: run.thread_id, waiting: "", sent: [...run.images] });
  await follow(turn, runId, 0);
  turn.element.scrollIntoView({ block: "nearest" });
}

// Camera

let stream = null;

async function openCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    tell("The camera cannot be used: allow it in the browser, or add an image instead.");
    return;
  }
  $("video").srcObject = stream;
  await $("video").play();
  $("camera").showModal();
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
}

async function snap() {
  const video = $("video");
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  $("camera").close();
  await addImages([blob]);
}

// Wiring

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (question && !$("send").disabled) void ask(question);
});
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
$("file").addEventListener("change", () => {
  void addImages([...$("file").files]).then(() => ($("file").value = ""));
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) void addImages(files);
});
for (const name of ["dragenter", "dragover"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("ask").classList.add("over");
  });
for (const name of ["dragleave", "drop"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("ask").classList.remove("over");
    if (name === "drop") void addImages([...event.dataTransfer.files]);
  });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.run && !document.querySelector("dialog[open]")) void stopRun();
});
$("stop").addEventListener("click", () => void stopRun());
$("new").addEventListener("click", () => {
  Object.assign(state, { thread: "", waiting: "", images: [], sent: [] });
  $("images").replaceChildren();
  log.replaceChildren();
  tell("A new conversation.");
  $("question").focus();
});
$("camera-open").addEventListener("click", () => void openCamera());
$("camera-close").addEventListener("click", () => $("camera").close());
$("camera").addEventListener("close", closeCamera);
$("snap").addEventListener("click", () => void snap());
$("source-close").addEventListener("click", () => $("source").close());
$("history-open").addEventListener("click", () => void openHistory());
$("history-close").addEventListener("click", () => $("history").close());
$("key-form").addEventListener("submit", () => {
  api.setKey($("key-text").value.trim());
  $("key-text").value = "";
  tell("Now ask again.");
});
