/** Renders components as the page does: with the component library, the words and a router. */
import { MantineProvider } from "@mantine/core";
import { cleanup, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import { afterEach } from "vitest";
import { theme } from "@/app/theme";
import { startLanguage } from "@/i18n";

await startLanguage();
afterEach(cleanup);
// happy-dom knows no fonts; fields that grow with their text want to hear of them.
Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true });

export function show(children: ReactNode) {
  return render(
    <MantineProvider theme={theme} env="test">
      <MemoryRouter>{children}</MemoryRouter>
    </MantineProvider>,
  );
}
