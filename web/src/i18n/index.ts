/** Languages of the client: English and Simplified Chinese, chosen by the browser's language until somebody chooses. */
import i18n from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./en.json";

export const LANGUAGES = { en: "English", zh: "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = "resonance-language";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

export function isLanguage(value: string | null): value is Language {
  return value !== null && value in LANGUAGES;
}

function preferred(): Language {
  const stored = localStorage.getItem(STORED);
  if (isLanguage(stored)) return stored;
  return navigator.languages.some((tag) => tag.startsWith("zh")) ? "zh" : "en";
}

/** English is always here, because it is what missing words fall back to; the others come when they are chosen. */
async function load(language: Language): Promise<void> {
  if (i18n.hasResourceBundle(language, "translation")) return;
  const { default: words } = await import("./zh.json");
  i18n.addResourceBundle(language, "translation", words);
}

export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(STORED, language);
  await load(language);
  await i18n.changeLanguage(language);
}

i18n.on("languageChanged", (language) => {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
});

/** Choose the language; to be awaited before anything is shown. */
export async function startLanguage(): Promise<void> {
  await i18n.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React escapes; nothing here is ever set as HTML
  });
  const language = preferred();
  await load(language);
  await i18n.changeLanguage(language);
}

export default i18n;
