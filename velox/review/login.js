"use strict";

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = document.getElementById("status");
  const given = Object.fromEntries(new FormData(event.target));
  try {
    const answer = await fetch("login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(given),
    });
    if (answer.ok) location.reload();
    else status.textContent = await answer.text();
  } catch {
    status.textContent = "The server does not answer.";
  }
});
