import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@/app/styles.css";
import { App } from "@/app/App";
import { nonce } from "@/app/nonce";
import { startLanguage } from "@/i18n";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no place for the application");
// Libraries that add style elements read it from here.
setNonce(nonce);
await startLanguage();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
