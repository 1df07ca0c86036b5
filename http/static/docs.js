// Shows the API document with Swagger UI, light or dark as the reader's system is.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", shade);
shade();

// What stays open has no end that a page could show: Swagger UI would wait for it for ever.
const withoutTryingStreams = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (may) => (state, path, method) => !path.endsWith("/live") && may(state, path, method),
      },
    },
  },
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [withoutTryingStreams],
});
