// What a run looks like: the plan as it grows, evidence as it comes, the answer with its citations. All text is set
// as text, never as markup: nothing that a document says can become part of the page.

import { imageUrl } from "/page/api.js";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const STATUS = { done: "done", running: "under way", pending: "waiting", failed: "failed", skipped: "left out" };

export class Turn {
  constructor(question, images) {
    this.evidence = new Map();
    this.images = images;
    this.plan = make("ol", { class: "plan", "aria-label": "Plan" });
    this.seen = make("p", { class: "hint" });
    this.answer = make("p", { class: "answer busy" });
    this.below = make("div");
    this.pictures = make("div", { class: "thumbs" });
    this.work = make("details", { open: true }, make("summary", {}, "How it was found"), this.plan, this.seen);
    this.element = make(
      "article",
      { class: "turn", "aria-label": `Question: ${question.slice(0, 80)}` },
      make("p", { class: "asked" }, question),
      this.pictures,
      this.answer,
      this.below,
      this.work,
    );
    for (const id of images) void this.showImage(id, []);
  }

  async showImage(id, boxes) {
    const known = this.pictures.querySelector(`[data-image="${id}"]`);
    const figure = known ?? (await framed(id));
    if (!known) this.pictures.append(figure);
    drawBoxes(figure, boxes);
  }

  showPlan(plan) {
    this.plan.replaceChildren(
      ...plan.map((item) =>
        make(
          "li",
          { "data-status": item.status },
          item.question,
          make("span", { class: "hint" }, ` ${item.tool || item.action}, ${STATUS[item.status] ?? item.status}`),
        ),
      ),
    );
  }

  addEvidence(items) {
    for (const item of items) this.evidence.set(item.id, item);
    this.seen.textContent = `${this.evidence.size} pieces of evidence`;
  }

  say(text) {
    this.answer.append(text);
  }

  // Words of a model, before and after the check: what is not checked yet looks like it, and is not read aloud.
  hear({ text, checked, at }) {
    this.mark(!checked);
    this.answer.textContent = [...this.answer.textContent].slice(0, at).join("") + text;
  }

  mark(unchecked) {
    this.answer.classList.toggle("unchecked", unchecked);
    if (unchecked) this.answer.setAttribute("aria-live", "off");
    else this.answer.removeAttribute("aria-live");
  }

  final(data, open) {
    this.work.open = false;
    this.mark(false);
    this.answer.classList.remove("busy");
    if (data.status === "abstained") {
      this.answer.classList.add("abstained");
      this.answer.textContent = `No answer: ${data.abstain_reason}`;
    } else {
      this.answer.textContent = data.answer;
    }
    const boxes = new Map();
    for (const { locator } of data.citations ?? []) {
      if (locator.box && locator.sha256) boxes.set(locator.sha256, [...(boxes.get(locator.sha256) ?? []), locator.box]);
    }
    for (const [id, list] of boxes) void this.showImage(id, list);
    if (data.inspection) this.below.append(verdict(data.inspection));
    if (data.citations?.length) this.below.append(citations(data.citations, open));
    if (data.status !== "abstained") {
      const sure = Math.round((data.confidence ?? 0) * 100);
      this.below.append(make("p", { class: "hint" }, `${sure}% sure. ${kindOfSupport(data.claims)}`));
    }
  }

  fail(text) {
    this.mark(false);
    this.answer.classList.remove("busy");
    this.answer.classList.add("failed");
    this.answer.textContent = text;
  }
}

function kindOfSupport(claims) {
  const observed = (claims ?? []).filter((claim) => claim.supported === "observed").length;
  return observed ? "Rests on what the vision model saw alone." : "Each claim was checked against its quote.";
}

function verdict(found) {
  const items = found.detected_items?.length ? found.detected_items.join(", ") : "nothing of the risk list";
  return make(
    "p",
    {},
    make("strong", {}, `${found.action.replace("_", " ")}, risk ${found.risk_level}`),
    `: ${items}. ${found.reasoning ?? ""}`,
  );
}

function citations(list, open) {
  const items = list.map((one, place) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "cite", onclick: () => open(one), "aria-haspopup": "dialog" },
        `${one.source}: “${one.quote.slice(0, 160)}”`,
      ),
    ),
  );
  return make("ol", { class: "cites", "aria-label": "Citations" }, ...items);
}

export async function framed(id) {
  const image = make("img", { alt: "Image of the question", src: await imageUrl(id) });
  await image.decode().catch(() => {});
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
  svg.setAttribute("aria-hidden", "true");
  const figure = make("div", { class: "figure", "data-image": id }, image);
  figure.append(svg);
  return figure;
}

export function drawBoxes(figure, boxes) {
  const svg = figure.querySelector("svg");
  for (const [x0, y0, x1, y1] of boxes) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 }))
      rect.setAttribute(name, value);
    svg.append(rect);
  }
}

// The whole of a piece of evidence, with the quote marked where it stands.
export async function sourceView(citation, content) {
  const place = Object.entries(citation.locator ?? {})
    .filter(([name, value]) => value != null && !["sha256", "box"].includes(name))
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join("–") : value}`)
    .join(", ");
  const text = make("pre", { tabindex: "0" });
  const at = content.indexOf(citation.quote);
  if (at < 0) text.append(make("mark", {}, citation.quote));
  else
    text.append(
      content.slice(0, at),
      make("mark", {}, citation.quote),
      content.slice(at + citation.quote.length),
    );
  const parts = [make("p", { class: "hint" }, [citation.kind, citation.source, place].filter(Boolean).join(" · ")), text];
  if (citation.locator?.sha256) {
    const figure = await framed(citation.locator.sha256).catch(() => null);
    if (figure) {
      if (citation.locator.box) drawBoxes(figure, [citation.locator.box]);
      parts.push(figure);
    }
  }
  return parts;
}
