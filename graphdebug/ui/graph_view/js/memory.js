/** What outlives a page switch or a refresh: kept in sessionStorage, by model and graph. */

const PREFIX = "graphdebug:view:";

/** Recall what was remembered under these words ({} when nothing was). */
export function recall(...words) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + words.join(":"))) ?? {};
  } catch {
    return {};
  }
}

/** Whether what Python says of `model` is new since it last said something, in this tab; then it is known. */
export function isNews(model, { seq }) {
  const known = recall(model).seq === seq;
  if (!known) remember({ seq }, model);
  return !known;
}

/** Remember of `model` what is remembered of `like`, unless something is known of it already: it is an edited copy. */
export function adopt(model, like) {
  try {
    if (sessionStorage.getItem(PREFIX + model)) return;
    for (const key of Object.keys(sessionStorage)) {
      const rest = key.startsWith(PREFIX + like) ? key.slice((PREFIX + like).length) : null;
      if (rest !== null && (!rest || rest[0] === ":")) sessionStorage.setItem(PREFIX + model + rest, sessionStorage.getItem(key));
    }
  } catch {
    // See remember().
  }
}

/** Remember `facts` beside what was remembered before. */
export function remember(facts, ...words) {
  try {
    sessionStorage.setItem(PREFIX + words.join(":"), JSON.stringify({ ...recall(...words), ...facts }));
  } catch {
    // A full or forbidden storage costs comfort, never the view.
  }
}
