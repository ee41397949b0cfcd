import { modals } from "@mantine/modals";
import { lazy, Suspense, useEffect } from "react";
import { Navigate, Route, Routes, useLocation } from "react-router";
import { ChatsPage } from "@/features/chat/ChatsPage";
import { PeopleProvider } from "@/features/people/PeopleProvider";
import { Shell } from "./Shell";

const ContactsPage = lazy(async () => ({ default: (await import("@/features/people/ContactsPage")).ContactsPage }));
const SettingsPage = lazy(async () => ({ default: (await import("@/features/settings/SettingsPage")).SettingsPage }));

/** The pages of somebody who is logged in. */
export function SignedIn() {
  // A question that was not answered ends with the login.
  useEffect(() => () => modals.closeAll(), []);
  return (
    <PeopleProvider>
      <Suspense>
        <Routes>
          <Route element={<Shell />}>
            <Route index element={<ChatsPage />} />
            <Route path="c/:conversationId" element={<ChatsPage />} />
            <Route path="c/:conversationId/details" element={<ChatsPage details />} />
            <Route path="contacts" element={<ContactsPage />} />
            <Route path="contacts/:userId" element={<ContactsPage />} />
            <Route path="settings" element={<SettingsPage />} />
            <Route path="settings/:section" element={<SettingsPage />} />
            <Route path="*" element={<ToWhereTheyWanted />} />
          </Route>
        </Routes>
      </Suspense>
    </PeopleProvider>
  );
}

/** Away from the login: to the page that led there, if one did. */
function ToWhereTheyWanted() {
  const state = useLocation().state as { from?: string } | null;
  return <Navigate to={state?.from ?? "/"} replace />;
}
