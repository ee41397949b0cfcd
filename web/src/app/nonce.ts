/** The nonce that the server gave this page: its Content-Security-Policy lets in no style element without. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
