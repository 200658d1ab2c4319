//! The questions' store: one row per action, rebuildable.
