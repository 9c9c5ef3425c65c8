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

/** Remember `facts` beside what was remembered before. */
export function remember(facts, ...words) {
  try {
    sessionStorage.setItem(PREFIX + words.join(":"), JSON.stringify({ ...recall(...words), ...facts }));
  } catch {
    // A full or forbidden storage costs comfort, never the view.
  }
}
