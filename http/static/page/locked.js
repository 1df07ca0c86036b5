// What stands in place of a page that takes a key.

import { copyOf } from "./dom.js";
import { key } from "./key.js";
import { askForKey } from "./keyring.js";

export function lockedView() {
  const { root, part } = copyOf("t-locked");
  part.other.hidden = !key();
  part.use.addEventListener("click", () => void askForKey());
  return root;
}
