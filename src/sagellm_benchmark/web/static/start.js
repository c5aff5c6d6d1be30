/* The start form and the Stop button: Locust's own /swarm and /stop do the work. */
"use strict";
const Start = (() => {
  const at = (id) => document.getElementById(id);

  let pressed = false;

  /* Whoever started by the keyboard is led to Stop: the form they were in is folded away. */
  function lead() {
    if (pressed) at("stop").focus();
    pressed = false;
  }

  function refuse(words) {
    at("refusal").textContent = words || "";
    at("refusal").hidden = !words;
  }

  async function ask(path, method, body) {
    const answer = await fetch(path, { method, body });
    if (answer.redirected || !(answer.headers.get("content-type") || "").includes("json")) {
      throw new Error(answer.redirected ? "signed out: load this page again" : `the page answered ${answer.status}`);
    }
    return answer.json();
  }

  function install(changed) {
    at("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      refuse("");
      at("go").disabled = true;
      try {
        const told = await ask("swarm", "POST", new URLSearchParams(new FormData(at("form"))));
        if (!told.success) refuse(told.message);
        else pressed = true;
      } catch (error) {
        refuse(`Not started: ${error.message}`);
      }
      at("go").disabled = false;
      changed();
    });
    at("stop").addEventListener("click", async () => {
      at("stop").disabled = true;
      at("stop").textContent = "Stopping…";
      try {
        await ask("stop", at("stop").dataset.method);
      } catch (error) {
        refuse(`Not stopped: ${error.message}`);
      }
      at("stop").disabled = false;
      at("stop").textContent = "Stop";
      changed();
    });
  }

  return { install, lead, refuse };
})();
