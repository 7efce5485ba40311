// Fills the page from /v1/status every few seconds. Money comes in µ: 1e-6 of the currency.
"use strict";
const find = (id) => document.getElementById(id);
const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
const money = (micro) => (micro / 1e6).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 6 });
const at = (object, path) => path.split(".").reduce((inner, key) => (inner ? inner[key] : undefined), object);
let token = sessionStorage.getItem("key") || "";

function row(tag, parent, ...cells) {
  const line = parent.appendChild(document.createElement(tag === "td" ? "tr" : "p"));
  for (const cell of cells) line.appendChild(cell instanceof Node ? cell : Object.assign(document.createElement(tag), { textContent: cell }));
}

function show(status) {
  for (const field of document.querySelectorAll("[data-show]")) field.textContent = number(at(status, field.dataset.show));
  for (const field of document.querySelectorAll("[data-plain]")) field.textContent = at(status, field.dataset.plain) ?? "–";
  for (const field of document.querySelectorAll("[data-money]")) field.textContent = money(at(status, field.dataset.money));
  const oldest = status.figures.oldestReadyAt;
  find("wait").textContent = oldest === null ? "–" : `${number(Math.max(0, status.chain.time - oldest))} s`;
  find("time").textContent = status.chain.time ? new Date(status.chain.time * 1000).toISOString().replace(".000Z", " UTC").replace("T", " ") : "–";
  const bars = find("batches");
  const most = Math.max(1, ...Object.values(status.batches));
  bars.replaceChildren();
  for (const [name, count] of Object.entries(status.batches)) {
    row("b", bars, Object.assign(document.createElement("span"), { textContent: name }),
      Object.assign(document.createElement("progress"), { max: most, value: count }), number(count));
  }
  if (!Object.keys(status.batches).length) bars.textContent = "None yet.";
  const providers = find("providers");
  providers.replaceChildren();
  for (const each of status.providers) row("td", providers, each.operator, number(each.agreements), money(each.paid));
  find("light").className = `light ${status.ready ? "good" : "bad"}`;
  find("state").textContent = status.ready ? "ready" : "not ready";
}

async function refresh() {
  try {
    const answer = await fetch("/v1/status", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    const refused = answer.status === 401;
    find("key").hidden = !refused;
    document.querySelector("main").hidden = refused;
    if (answer.ok) { show(await answer.json()); find("seen").textContent = `as of ${new Date().toLocaleTimeString()}`; }
    else find("state").textContent = refused ? "needs an API key" : (await answer.json()).message;
  } catch { find("light").className = "light bad"; find("state").textContent = "out of reach"; }
}

find("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("token").value;
  sessionStorage.setItem("key", token);
  refresh();
});
if (document.body.dataset.status) show(JSON.parse(document.body.dataset.status));
refresh();
setInterval(refresh, 3000);
