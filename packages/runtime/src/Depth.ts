/** How deep asks and answers may nest on one stack before one of them gets a turn of its own. */
export const depthMax = 16
