// What every page runs. Pages work without it.
export {};
