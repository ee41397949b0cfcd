import { MantineProvider } from "@mantine/core";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { type DefaultOptions, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { BrowserRouter } from "react-router";
import { ApiError } from "@/core";
import { CrashBoundary } from "@/ui/CrashBoundary";
import { nonce } from "./nonce";
import { EngineContext } from "./engine";
import { useSession } from "./session";
import { theme } from "./theme";

// Whoever is logged in needs no login page, and who is not needs no more than that.
const SignedIn = lazy(async () => ({ default: (await import("./SignedIn")).SignedIn }));
const SignedOut = lazy(async () => ({ default: (await import("./SignedOut")).SignedOut }));

const defaultOptions: DefaultOptions = {
  queries: {
    staleTime: 10_000,
    // A refusal stays one; only what never reached the server is worth another try.
    retry: (count, error) => count < 2 && error instanceof ApiError && error.retry,
  },
};

export function App() {
  const { t } = useTranslation();
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <CrashBoundary>
        <ModalsProvider labels={{ confirm: t("common.done"), cancel: t("common.cancel") }}>
          <Notifications position="top-center" limit={3} zIndex={400} />
          <BrowserRouter basename={import.meta.env.BASE_URL}>
            <Suspense>
              <Pages />
            </Suspense>
          </BrowserRouter>
        </ModalsProvider>
      </CrashBoundary>
    </MantineProvider>
  );
}

function Pages() {
  const { engine } = useSession();
  // What was asked for one user is nobody else's, and another tab may log in somebody else at any moment.
  const queries = useMemo(() => engine && new QueryClient({ defaultOptions }), [engine]);
  if (!engine || !queries) return <SignedOut />;
  return (
    <EngineContext key={engine.userId} value={engine}>
      <QueryClientProvider client={queries}>
        <SignedIn />
      </QueryClientProvider>
    </EngineContext>
  );
}
