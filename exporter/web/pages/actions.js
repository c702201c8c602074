// Restarts, starts and stops containers, by the admin API, for whoever has a token.

const DONE = { restart: "Restarted", start: "Started", stop: "Stopped" };
const DOING = { restart: "Restarting", start: "Starting", stop: "Stopping" };
const EFFECT = {
  restart: "It is asked to end, killed after 10 seconds if it does not, and started again.",
  start: "",
  stop: "It is asked to end, and killed after 10 seconds if it does not.",
};

const dialog = document.getElementById("confirm");
const [title, effect, tokenField, problem, cancel, go] = ["title", "effect", "token", "problem", "cancel", "go"].map(
  (name) => document.getElementById(`confirm-${name}`),
);
const field = document.getElementById("token");
const message = document.getElementById("message");
const told = message.querySelector("[role=status]");

let token = ""; // Here and nowhere else: no storage, no cookie, no address.
let wanted; // What the dialog is about.

// -- what is told ------------------------------------------------------------------------------

function tell(text) {
  message.hidden = false;
  told.textContent = text;
}

function sentence(record) {
  const { action, container } = wanted;
  if (record.outcome === "dry_run") return `Dry run: '${container}' was left alone (--admin.dry-run).`;
  const health = record.health_after ? `, ${record.health_after}` : "";
  const state = record.state_after ? `: it is ${record.state_after}${health}` : "";
  const shared = record.dependents?.length ? ` They share its network: ${record.dependents.join(", ")}.` : "";
  return `${DONE[action]} '${container}'${state}.${shared}`;
}

function refusal(answer) {
  const seconds = answer.retry_after_seconds;
  return seconds == null ? answer.detail : `${answer.detail} Possible again in ${Math.ceil(seconds)} s.`;
}

// -- the dialog --------------------------------------------------------------------------------

function ask(button) {
  wanted = { action: button.dataset.action, container: button.dataset.container, button };
  const word = button.textContent;
  title.textContent = `${word} '${wanted.container}'?`;
  effect.textContent = EFFECT[wanted.action];
  go.textContent = word;
  problem.textContent = "";
  askForToken(token === "");
  dialog.showModal();
  (token ? go : field).focus();
}

function askForToken(needed) {
  tokenField.hidden = !needed;
  field.required = needed;
  field.value = "";
}

// What is under way is told of when it is over, and nowhere else: the dialog waits for it.
function work(on) {
  go.disabled = cancel.disabled = on;
  dialog.setAttribute("closedby", on ? "none" : "closerequest");
  go.textContent = on ? `${DOING[wanted.action]} …` : wanted.button.textContent;
}

function close(text) {
  dialog.close();
  tell(text);
  // Its button does not do anything for a while.
  told.focus();
}

// -- doing it ----------------------------------------------------------------------------------

async function act() {
  const { action, container } = wanted;
  const answer = await fetch(`./api/v1/containers/${encodeURIComponent(container)}/${action}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ reason: "by hand, on the page" }),
  });
  return { status: answer.status, body: await answer.json() };
}

async function carryOut() {
  if (!tokenField.hidden) token = field.value.trim();
  askForToken(false);
  problem.textContent = "";
  work(true);
  try {
    const { status, body } = await act();
    if (status === 200) {
      close(sentence(body));
    } else {
      problem.textContent = status === 401 ? "This token is not valid." : refusal(body);
      if (status === 401 || body.reason === "scope" || body.reason === "unauthenticated") {
        token = "";
        askForToken(true);
      }
    }
  } catch (error) {
    problem.textContent = `The exporter has not answered (${error.message}): whether it was done is not known.`;
  }
  work(false);
  if (dialog.open) (token ? cancel : field).focus();
  document.dispatchEvent(new Event("changed"));
}

// -- what people do ----------------------------------------------------------------------------

document.getElementById("live").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  if (button.getAttribute("aria-disabled") === "true") tell(button.dataset.reason);
  else ask(button);
});

dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!go.disabled) carryOut();
});

cancel.addEventListener("click", () => dialog.close());

// For browsers that do not know `closedby`.
dialog.addEventListener("cancel", (event) => {
  if (go.disabled) event.preventDefault();
});
dialog.addEventListener("close", () => (field.value = ""));

message.querySelector("button").addEventListener("click", () => (message.hidden = true));
