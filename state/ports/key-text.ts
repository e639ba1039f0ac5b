/** Characters of the longest key at which a page of a list over HTTP may end. Rows with longer keys can only be read one by one. */
export const MOST_KEY_TEXT = 16_384
