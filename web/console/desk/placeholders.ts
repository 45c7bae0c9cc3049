/** The places in a canned reply that are filled in when it is inserted: `{{name|fallback}}`. */

const PLACE = /\{\{([a-z_]+)(?:\|([^{}]*))?\}\}/g;

/** What is known for the places, by their names. */
export type PlaceValues = Readonly<Record<string, string | null | undefined>>;

/** The text with its places filled in; a place that has neither a value nor a fallback stays. */
export function fillIn(text: string, values: PlaceValues): string {
  return text.replace(PLACE, (place, name: string, fallback: string | undefined) => {
    return values[name] || fallback || place;
  });
}

/** The first place that nothing was filled in for. */
export const firstUnfilled = (text: string): string | undefined => text.match(PLACE)?.[0];
