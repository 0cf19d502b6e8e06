/** As much of a page as modules without drawing ask for. Imported for what it does, before them. */
Object.assign(globalThis, { document: { documentElement: { lang: "" } } });
