/**
 * What goes to Python. Of messages that come faster than it looks at them only the last arrives, and none that is sent just
 * before the page changes: so each tells again what was told lately, by the views of all pages.
 */
const REPEATED_FOR = 10_000; // ms: a busy machine takes seconds to change the page
let lately = [];

/**
 * @param {(messages: Object[]) => void} send takes them to Python, the newest last
 * @param {{what: string}} message gets a `number`, larger than those before: who has heard it knows
 */
export function post(send, message) {
  const number = Math.max(Date.now(), (lately.at(-1)?.number ?? 0) + 1);
  lately.push({ number, ...message });
  repeat(send);
}

/** Send again what was sent lately. */
export function repeat(send) {
  lately = lately.filter(({ number }) => number > Date.now() - REPEATED_FOR);
  if (lately.length) send(lately);
}
