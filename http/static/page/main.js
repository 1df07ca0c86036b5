// Begins: the skip link, and the app.

import { App } from "./app.js";

document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the app's address
  const main = document.getElementById("main");
  main?.focus();
  main?.scrollIntoView();
});

new App();
