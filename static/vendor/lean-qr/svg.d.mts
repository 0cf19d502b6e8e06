import type { Bitmap } from "./index.mjs";
/** The `d` of a path that fills the dark modules, one unit each. */
export function toSvgPath(code: Bitmap): string;
