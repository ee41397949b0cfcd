import { Navigate, Route, Routes, useLocation } from "react-router";
import { Login } from "@/features/account/Login";
import { Register } from "@/features/account/Register";

/** What can be seen without an account. */
export function SignedOut() {
  return (
    <Routes>
      <Route path="login" element={<Login />} />
      <Route path="register" element={<Register />} />
      <Route path="*" element={<ToLogin />} />
    </Routes>
  );
}

/** To the login, remembering where somebody wanted to go. */
function ToLogin() {
  return <Navigate to="/login" replace state={{ from: useLocation().pathname }} />;
}
