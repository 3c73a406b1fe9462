/**
 * The ports of a daemon where nothing else is said.
 *
 * @module
 */

/** The control plane's. */
export const DEFAULT_PORT = 9031;
/** The data plane's. */
export const DEFAULT_DATA_PORT = 9032;
