// Passkeys: asks the server what to do, has the browser do it, hands the answer in.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
export const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const withId = (one) => ({ ...one, id: bytes(one.id) });

/** Makes a passkey; the answer as the server reads it. */
async function create({ publicKey }) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: withId(publicKey.user),
      excludeCredentials: (publicKey.excludeCredentials ?? []).map(withId),
    },
  });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    extensions: {},
    response: {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
      transports: made.response.getTransports?.() ?? [],
    },
  };
}

/** Uses a passkey; the answer as the server reads it. */
export async function use(publicKey) {
  const used = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      allowCredentials: (publicKey.allowCredentials ?? []).map(withId),
    },
  });
  return {
    id: used.id,
    rawId: text(used.rawId),
    type: used.type,
    extensions: {},
    response: {
      authenticatorData: text(used.response.authenticatorData),
      clientDataJSON: text(used.response.clientDataJSON),
      signature: text(used.response.signature),
      userHandle: used.response.userHandle ? text(used.response.userHandle) : null,
    },
  };
}

/** Posts a form of ours. */
export async function post(path, fields) {
  const csrf = document.querySelector('input[name="csrf"]')?.value ?? "";
  const body = new URLSearchParams({ csrf, ...fields });
  return fetch(path, { method: "POST", body, credentials: "same-origin", redirect: "follow" });
}

/** What went wrong, in the words of the server's page. */
export async function problem(response) {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector(".notice")?.textContent ?? `The server answered ${response.status}.`;
}

async function run(box) {
  const ceremony = box.dataset.passkey;
  const begun = await post(`/${ceremony}/passkey/begin`, {});
  if (!begun.ok) throw new Error(await problem(begun));
  const { ceremony: name, challenge } = await begun.json();
  const answer = ["sign-in", "confirm"].includes(ceremony) ? await use(challenge.publicKey) : await create(challenge);
  const done = await post(`/${ceremony}/passkey`, { ceremony: name, answer: JSON.stringify(answer), next: box.dataset.next });
  if (!done.ok) throw new Error(await problem(done));
  location.assign(done.url);
}

for (const box of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  box.hidden = false;
  const said = box.querySelector(".notice");
  box.querySelector("button").addEventListener("click", async (event) => {
    event.target.disabled = true;
    said.hidden = true;
    try {
      await run(box);
    } catch (error) {
      said.textContent = error.name === "NotAllowedError" ? "The passkey was not used." : error.message;
      said.hidden = false;
      event.target.disabled = false;
    }
  });
}
