// The API key, or a customer's token: kept for this tab, or on this device if asked to. Never in an address.

const NAME = "boxoffice.key";

/** @type {Set<() => void>} */
const changed = new Set();

/** A browser may refuse to keep anything; then the key lasts as long as the page. */
let held = read(sessionStorage) ?? read(localStorage);

/** @param {Storage} storage */
function read(storage) {
  try {
    return storage.getItem(NAME);
  } catch {
    return null;
  }
}

export const key = () => held;

/** What to call it by: its public part. A token has none. */
export const keyName = () => (held?.startsWith("bo_") ? held.slice(3, 15) : held ? "token" : null);

export const isRemembered = () => read(localStorage) !== null;

/**
 * @param {string | null} token null forgets it everywhere
 * @param {boolean} [remember]
 */
export function setKey(token, remember = false) {
  held = token;
  try {
    sessionStorage.removeItem(NAME);
    localStorage.removeItem(NAME);
    if (token) (remember ? localStorage : sessionStorage).setItem(NAME, token);
  } catch {
    // it is held all the same
  }
  for (const each of changed) each();
}

/** @param {() => void} callback */
export const onKeyChange = (callback) => void changed.add(callback);
