// Sign-in, API keys and invites of a person. What is secret is shown once, in a dialog.

import { showLink } from "./clipboard.js";
import { ask as dialog } from "./dialogs.js";
import { button, copyOf, element, field, row } from "./elements.js";
import { ask, base, read, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

export function start(main) {
  const reload = () => LISTS.forEach((list) => fill(main, list, reload));
  const deeds = { password: changePassword, totp: secondFactor, "create-key": createKey, invite, "end-sessions": endSessions };
  main.addEventListener("click", async (event) => {
    const name = event.target.closest("button")?.dataset.do;
    if (!name) return;
    await deeds[name]();
    reload();
  });
  reload();
}

const LISTS = [
  {
    id: "sessions",
    path: "/api/auth/sessions",
    rows: ({ sessions }) => sessions.map((each) => [each.session_id, each.device || "A browser", `${each.address ?? ""} · last used ${at(each.seen_at)}${each.current ? " · this one" : ""}`, "user"]),
    verb: "Sign out",
  },
  {
    id: "keys",
    path: "/api/auth/keys",
    rows: ({ keys }) => keys.map((each) => [each.key_id, each.label, `${each.scopes.join(", ")}${each.folder ? ` · ${each.folder}` : ""} · ${each.used_at ? `last used ${at(each.used_at)}` : "never used"}`, "key"]),
    verb: "Revoke",
  },
  {
    id: "invites",
    path: "/api/invites",
    rows: ({ invites }) => invites.filter((each) => each.uses_left).map((each) => [each.invite_id, `Invite as ${each.role}`, `${each.uses_left} of ${each.uses} left · until ${at(each.expires_at)}`, "link"]),
    verb: "Revoke",
  },
];

function at(time) {
  return time ? new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "never";
}

async function fill(main, { id, path, rows, verb }, reload) {
  const list = main.querySelector(`#${id}`);
  if (!list) return;
  try {
    const found = rows(await read(path));
    list.replaceChildren(...found.map(([key, title, text, kind]) => rowOf(title, text, kind, verb, () => end(`${path}/${key}`, title, reload))));
    if (!found.length) list.append(element("li", { className: "small", textContent: "None yet." }));
  } catch (error) {
    list.replaceChildren(element("li", { className: "bad", textContent: `This could not be loaded. ${sentence(error)}` }));
  }
}

function rowOf(title, text, kind, verb, act) {
  const name = words.name(title);
  const end = button(verb, act, "quiet bad");
  end.setAttribute("aria-label", `${verb}: ${name}`);
  return row(kind, name, [element("p", { className: "small", textContent: words.name(text) })], end);
}

async function end(path, title, reload) {
  try {
    await ask("DELETE", path);
    toast(`${words.name(title)} has ended`);
  } catch (error) {
    toast(`${words.name(title)} has not ended. ${sentence(error)}`, { failed: true });
  }
  reload();
}

const WRONG = { current: "The current password is wrong.", code: "This code is wrong or was used already." };

// Some changes want to know that it is still the same person.
function sentence(error) {
  const { sign_in, field } = error.details ?? {};
  if (sign_in === "fresh") return "Sign out and sign in again first: this needs a sign-in of the last 15 minutes.";
  return (["forbidden", "bad_request"].includes(error.code) && WRONG[field]) || `${words.failure(error)}.`;
}

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    throw new Error(sentence(error));
  }
}

async function changePassword() {
  const done = await dialog({
    title: "Change the password",
    accept: "Change",
    content: [copyOf("password-fields")],
    submit: (data) => attempt(() => tell("POST", "/api/auth/password", { current: data.get("current"), password: data.get("password") })),
  });
  if (done) toast("The password is changed");
}

async function secondFactor() {
  let begun;
  try {
    begun = await tell("POST", "/api/auth/totp", {});
  } catch (error) {
    // There is one.
    if (error.code === "conflict") return endSecondFactor();
    return toast(sentence(error), { failed: true });
  }
  const fields = copyOf("totp-fields");
  fields.querySelector("input").value = begun.secret;
  const done = await dialog({
    title: "Second factor",
    accept: "Turn on",
    content: [fields],
    submit: (data) => attempt(() => tell("POST", "/api/auth/totp", { code: data.get("code") })),
  });
  if (!done) return;
  const codes = element("pre", { textContent: done.recovery_codes.join("\n") });
  await dialog({ title: "Recovery codes", content: [element("p", { textContent: "Each replaces a code once. They are shown only now." }), codes] });
}

async function endSecondFactor() {
  const done = await dialog({
    title: "Turn the second factor off?",
    accept: "Turn off",
    danger: true,
    content: [copyOf("end-totp-fields")],
    submit: (data) => attempt(() => tell("DELETE", "/api/auth/totp", { code: data.get("code") })),
  });
  if (done) toast("The second factor is off");
}

async function createKey() {
  const made = await dialog({
    title: "New API key",
    accept: "Create",
    content: [copyOf("key-fields")],
    submit: (data) => attempt(() => tell("POST", "/api/auth/keys", { label: data.get("label"), scopes: data.getAll("scopes") })),
  });
  if (!made) return;
  const shown = element("input", { value: made.key, readOnly: true });
  await dialog({ title: "Your new key", content: [field("Key", shown, "It is shown only now.")] });
}

async function invite() {
  let made;
  try {
    made = await attempt(() => tell("POST", "/api/invites", {}));
  } catch (error) {
    return toast(error.message, { failed: true });
  }
  await showLink(`${base}/join#${made.code}`, "It makes one account and is valid for 7 days.");
}

async function endSessions() {
  try {
    await ask("DELETE", "/api/auth/sessions");
    location.assign(`${base}/`);
  } catch (error) {
    toast(sentence(error), { failed: true });
  }
}
