import { Navigate, Route, Routes } from "react-router";
import { Login } from "@/features/account/Login";
import { Register } from "@/features/account/Register";

/** What can be seen without an account. */
export function SignedOut() {
  return (
    <Routes>
      <Route path="login" element={<Login />} />
      <Route path="register" element={<Register />} />
      <Route path="*" element={<Navigate to="/login" replace />} />
    </Routes>
  );
}
