/**
 * How many streams carry the content of a session.
 *
 * @module
 */

/** Over a link to another machine that nothing is known of. */
export const FIRST_STREAMS = 4;
/** The same over a far link: one connection's window is too small to fill it. */
export const FAR_STREAMS = 8;
/** The most there may be. */
export const MOST_STREAMS = 16;
