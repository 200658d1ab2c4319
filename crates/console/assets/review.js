// A review: counts how long it was looked at, sees what was unfolded, signs with a passkey, answers by keys.
import { use, text } from "./passkey.js";

const review = document.querySelector("[data-review]");
const forms = [...document.querySelectorAll("form[data-answer]")];

// Time counts while the page is visible and has the focus.
let active = 0;
let since = null;
const looking = () => document.visibilityState === "visible" && document.hasFocus();
const tick = () => {
  const now = performance.now();
  if (since !== null) active += now - since;
  since = looking() ? now : null;
};
for (const event of ["visibilitychange", "focus", "blur", "pageshow"]) window.addEventListener(event, tick);
tick();
const fill = () => {
  tick();
  for (const form of forms) form.elements.active_ms.value = String(Math.round(active));
};
for (const form of forms) form.addEventListener("submit", fill);

// Everything that is folded must have been unfolded once.
const whole = [...document.querySelectorAll("details[data-whole]")];
const boxes = [...document.querySelectorAll("[data-expanded]")];
for (const box of boxes) box.disabled = whole.length > 0;
for (const one of whole)
  one.addEventListener("toggle", () => {
    if (one.open) one.dataset.seen = "yes";
    const all = whole.every((other) => other.dataset.seen);
    for (const box of boxes) {
      box.disabled = !all;
      if (all) box.checked = true;
    }
  });

// The payload is spliced in as text: reading it here could change its numbers.
function request(form) {
  const value = (name) => form.elements[name]?.value ?? "";
  const fields = {
    verdict: "approve",
    payload_digest: value("payload_digest"),
    presentation_digest: value("presentation_digest"),
    ...(value("on_behalf_of") ? { on_behalf_of: value("on_behalf_of") } : {}),
  };
  const written = JSON.stringify(fields);
  return value("payload") ? `${written.slice(0, -1)},"payload":${value("payload")}}` : written;
}

async function sign(form) {
  const answer = await fetch(`/v1/reviews/${review.dataset.review}/statement`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json", "x-csrf-token": form.elements.csrf.value },
    body: request(form),
  });
  const statement = await answer.json();
  if (!answer.ok) throw new Error(statement.detail);
  const used = await use({
    challenge: statement.challenge,
    rpId: statement.rp_id,
    userVerification: "required",
    allowCredentials: statement.credentials.map((id) => ({ type: "public-key", id })),
  });
  form.elements.credential.value = used.rawId;
  form.elements.authenticator_data.value = used.response.authenticatorData;
  form.elements.client_data.value = used.response.clientDataJSON;
  form.elements.signature.value = used.response.signature;
}

for (const button of document.querySelectorAll("[data-sign]"))
  button.addEventListener("click", async () => {
    const form = button.form;
    if (!form.reportValidity()) return;
    const said = form.querySelector("[data-sign-problem]");
    said.hidden = true;
    button.disabled = true;
    try {
      await sign(form);
      fill();
      const verdict = Object.assign(document.createElement("input"), { type: "hidden", name: "verdict", value: "approve" });
      form.append(verdict);
      form.submit();
    } catch (error) {
      said.textContent = error.name === "NotAllowedError" ? "The passkey was not used: nothing is decided." : error.message;
      said.hidden = false;
      button.disabled = false;
    }
  });

// JSON is checked as it is typed; the server reads it again, more strictly.
for (const area of document.querySelectorAll("[data-json]")) {
  const state = area.closest("form").querySelector("[data-json-state]");
  const numbers = area.parentElement.querySelector("[data-numbers]");
  const number = () => {
    const lines = area.value.split("\n").length;
    numbers.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
    numbers.scrollTop = area.scrollTop;
  };
  if (numbers) {
    number();
    area.addEventListener("input", number);
    area.addEventListener("scroll", number);
  }
  area.addEventListener("input", () => {
    try {
      JSON.parse(area.value);
      state.textContent = "Reads as JSON.";
    } catch (error) {
      const at = /position (\d+)/.exec(error.message);
      const line = at ? `line ${area.value.slice(0, Number(at[1])).split("\n").length}: ` : "";
      state.textContent = `Not JSON yet: ${line}${error.message}`;
    }
  });
}
