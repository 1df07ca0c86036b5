// The server's time, as near as its `Date` headers tell, and one tick a second for all that counts down.

/** How far this machine's clock is behind the server's, in ms; what is less than 2 s may be rounding. */
let behind = 0;

/** @param {string | null} date */
export function hear(date) {
  const off = date === null ? 0 : Date.parse(date) + 500 - Date.now();
  behind = Math.abs(off) < 2000 ? 0 : off;
}

export const serverNow = () => Date.now() + behind;

/** @type {Set<() => void>} */
const ticking = new Set();

/**
 * Call back once a second, while anybody looks. Returns how to end it.
 * @param {() => void} callback
 */
export function everySecond(callback) {
  ticking.add(callback);
  return () => void ticking.delete(callback);
}

setInterval(() => {
  if (!document.hidden) for (const each of [...ticking]) each();
}, 1000);
